package main

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/examples/flights"
)

func TestNumbersAreGroupedByThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 350_217_607: "350,217,607", -43: "-43", -1234: "-1,234"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestTheReportIsATableOfChecks(t *testing.T) {
	r := newReport(336_776, 2, 2, []flights.Check{
		flights.NewCheck("flights", int64(336_776), int64(336_776)),
		flights.NewCheck("busiest", "EWR 2013-04-15", "JFK 2013-01-01"),
	})
	var out strings.Builder
	err := r.write(&out, formatTable)
	const want = `what    | expected       | got            | ok
--------+----------------+----------------+----
flights | 336,776        | 336,776        | yes
busiest | EWR 2013-04-15 | JFK 2013-01-01 | NO

336,776 records in 2.0 s (168,388/s), killed 2 times
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
	if exitCode(t.Context(), err) != exitFailure {
		t.Errorf("a check that fails gives %v, want an error", err)
	}
}

func TestTheReportIsOneObject(t *testing.T) {
	r := newReport(336_776, 2, 2, []flights.Check{flights.NewCheck("flights", int64(3), int64(3))})
	var out strings.Builder
	if err := r.write(&out, formatJSON); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "records": 336776,
  "kills": 2,
  "seconds": 2,
  "rate": 168388,
  "checks": [
    {
      "what": "flights",
      "expected": 3,
      "got": 3,
      "ok": true
    }
  ]
}
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}
