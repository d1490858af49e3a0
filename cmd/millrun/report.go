package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/millrun/millrun/examples/flights"
)

// report is the outcome of the demo. Its JSON field names stay.
type report struct {
	Records int64           `json:"records"` // rows loaded and counted
	Kills   int             `json:"kills"`
	Seconds float64         `json:"seconds"` // from the start of the first child to the end of the last, kills included
	Rate    float64         `json:"rate"`    // Records / Seconds
	Checks  []flights.Check `json:"checks"`
}

func newReport(records int64, kills int, seconds float64, checks []flights.Check) *report {
	return &report{Records: records, Kills: kills, Seconds: seconds, Rate: float64(records) / seconds, Checks: checks}
}

var errDisagrees = errors.New("an answer is not the expected one")

// write prints the report and returns errDisagrees if a check failed.
func (r *report) write(w io.Writer, f format) error {
	if err := r.print(w, f); err != nil {
		return err
	}
	for _, c := range r.Checks {
		if !c.OK {
			return fmt.Errorf("%s: %w", c.What, errDisagrees)
		}
	}
	return nil
}

func (r *report) print(w io.Writer, f format) error {
	if f == formatJSON {
		return writeJSON(w, r)
	}
	rows := [][]string{}
	for _, c := range r.Checks {
		ok := "yes"
		if !c.OK {
			ok = "NO"
		}
		rows = append(rows, []string{c.What, cell(c.Expected), cell(c.Got), ok})
	}
	if err := writeTable(w, []string{"what", "expected", "got", "ok"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s records in %.1f s (%s/s), killed %d times\n", thousands(r.Records), r.Seconds,
		thousands(int64(r.Rate)), r.Kills)
	return err
}
