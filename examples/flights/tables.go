package flights

import (
	"cmp"
	"maps"
	"slices"
)

// Tables is what the four tables hold, or should hold, at one moment.
type Tables struct {
	Carriers, Airports, Planes, AirportDays map[string]Totals
}

func newTables() Tables {
	return Tables{map[string]Totals{}, map[string]Totals{}, map[string]Totals{}, map[string]Totals{}}
}

// Fold computes the tables from the embedded data with a plain loop and nothing of Millrun: what the processor must
// arrive at, however often it was killed.
func Fold() (Tables, error) {
	t := newTables()
	for row, err := range Rows() {
		if err != nil {
			return Tables{}, err
		}
		e, err := row.Event()
		if err != nil {
			return Tables{}, err
		}
		t.Carriers[e.Carrier] = t.Carriers[e.Carrier].Add(e)
		t.Airports[e.Origin] = t.Airports[e.Origin].Add(e)
		if e.Tail != "" {
			t.Planes[e.Tail] = t.Planes[e.Tail].Add(e)
		}
		t.AirportDays[airportDay(e)] = t.AirportDays[airportDay(e)].Add(e)
	}
	return t, nil
}

func sum(table map[string]Totals) Totals {
	var all Totals
	for _, t := range table {
		all = all.Plus(t)
	}
	return all
}

// busiest gives the key with the most flights, the first in order if there are several, "" of an empty table.
func busiest(table map[string]Totals) string {
	keys := slices.Sorted(maps.Keys(table))
	if len(keys) == 0 {
		return ""
	}
	return slices.MaxFunc(keys, func(a, b string) int { return cmp.Compare(table[a].Flights, table[b].Flights) })
}
