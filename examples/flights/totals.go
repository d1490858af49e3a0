package flights

import (
	"encoding/binary"
	"errors"

	"github.com/millrun/millrun/codec"
)

// Totals is what the tables keep under each key. The zero value is that of a key without a flight.
type Totals struct {
	Flights   int64
	Cancelled int64 // of Flights
	Delay     int64 // minutes of departure delay; early departures count below zero, cancelled flights not at all
	Miles     int64 // of all Flights, flown or not
}

// Add counts one departure.
func (t Totals) Add(e Event) Totals {
	t.Flights++
	if e.Cancelled {
		t.Cancelled++
	}
	t.Delay += e.Delay
	t.Miles += e.Miles
	return t
}

// Plus adds up the totals of two keys.
func (t Totals) Plus(u Totals) Totals {
	return Totals{t.Flights + u.Flights, t.Cancelled + u.Cancelled, t.Delay + u.Delay, t.Miles + u.Miles}
}

// totalsVarints writes the four numbers as varints, in the order of the fields.
type totalsVarints struct{}

var totalsCodec codec.Codec[Totals] = totalsVarints{}

// Format names the layout of the bytes.
func (totalsVarints) Format() string { return "totals-varint" }

// Append never fails.
func (totalsVarints) Append(dst []byte, t Totals) ([]byte, error) {
	for _, n := range [...]int64{t.Flights, t.Cancelled, t.Delay, t.Miles} {
		dst = binary.AppendVarint(dst, n)
	}
	return dst, nil
}

// Decode wants exactly four numbers.
func (totalsVarints) Decode(data []byte) (Totals, error) {
	var t Totals
	for _, n := range [...]*int64{&t.Flights, &t.Cancelled, &t.Delay, &t.Miles} {
		v, size := binary.Varint(data)
		if size <= 0 {
			return Totals{}, errors.New("totals: cut short, want four varints")
		}
		*n, data = v, data[size:]
	}
	if len(data) > 0 {
		return Totals{}, errors.New("totals: bytes left over after four varints")
	}
	return t, nil
}
