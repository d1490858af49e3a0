package flights

import "testing"

func TestKnownAnswersFollowFromTheData(t *testing.T) {
	tables, err := Fold()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tables.Checks() {
		if !c.OK {
			t.Errorf("%s: expected %v, got %v", c.What, c.Expected, c.Got)
		}
	}
}

func TestAnEmptyTableFailsEveryCheck(t *testing.T) {
	for _, c := range newTables().Checks() {
		if c.OK {
			t.Errorf("%s is ok with empty tables", c.What)
		}
	}
}

func TestOneFlightTooManyIsSeen(t *testing.T) {
	tables, err := Fold()
	if err != nil {
		t.Fatal(err)
	}
	tables.AirportDays["EWR 2013-04-15"] = tables.AirportDays["EWR 2013-04-15"].Add(Event{})
	failed := 0
	for _, c := range tables.Checks() {
		if !c.OK {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d checks failed, want those of the busiest day and of the sum over days", failed)
	}
}
