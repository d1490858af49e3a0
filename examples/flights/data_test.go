package flights

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The sum is the one that DATA.md states.
func TestEmbeddedDataIsTheTrimmedSource(t *testing.T) {
	const want = "2467b831a699fb74c74bca2c1f76e84cd4620cff829019f60decccd119234348"
	sum := sha256.New()
	for row, err := range Rows() {
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(row.Line)
		sum.Write([]byte{'\n'})
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("SHA-256 of the embedded text is %s, want %s", got, want)
	}
}

func TestEveryRowSurvivesItsCodec(t *testing.T) {
	rows := 0
	for row, err := range Rows() {
		if err != nil {
			t.Fatal(err)
		}
		e, err := row.Event()
		if err != nil {
			t.Fatal(err)
		}
		back, err := eventCodec.Append(nil, e)
		if err != nil || !bytes.Equal(back, row.Line) {
			t.Fatalf("row %d: %q came back as %q, %v", row.Number, row.Line, back, err)
		}
		rows++
	}
	if rows != Records {
		t.Errorf("%d rows, want %d", rows, Records)
	}
}

func TestDamagedEventsAreRefused(t *testing.T) {
	for _, line := range []string{
		"",
		"2013-01-01T05:15-05:00,UA,1545,N14228,EWR,IAH,1400",
		"2013-01-01T05:15-05:00,UA,1545,N14228,EWR,IAH,1400,2,",
		"2013-13-01T05:15-05:00,UA,1545,N14228,EWR,IAH,1400,2",
		"2013-01-01T05:15-05:00,UA,x,N14228,EWR,IAH,1400,2",
		"2013-01-01T05:15-05:00,UA,1545,N14228,EWR,IAH,far,2",
		"2013-01-01T05:15-05:00,UA,1545,N14228,EWR,IAH,1400,NA",
	} {
		if e, err := eventCodec.Decode([]byte(line)); err == nil {
			t.Errorf("%q was read as %+v", line, e)
		}
	}
	if line, err := eventCodec.Append(nil, Event{Carrier: "U,A"}); err == nil {
		t.Errorf("a carrier with a comma was written as %q", line)
	}
}

func TestTotalsSurviveTheirCodec(t *testing.T) {
	want := Totals{Flights: 3, Cancelled: 1, Delay: -43, Miles: 1 << 40}
	data, err := totalsCodec.Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := totalsCodec.Decode(data); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for cut := range data {
		if got, err := totalsCodec.Decode(data[:cut]); err == nil {
			t.Errorf("%d of %d bytes were read as %+v", cut, len(data), got)
		}
	}
	if got, err := totalsCodec.Decode(append(data, 0)); err == nil {
		t.Errorf("a byte too many was read as %+v", got)
	}
}
