package flights

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrun/millrun/codec"
)

// Event is one scheduled departure.
type Event struct {
	Scheduled   time.Time // to the minute, in the local time of New York with its distance from UTC
	Carrier     string    // two characters, such as "UA"
	Number      int       // of the flight, as passengers know it
	Tail        string    // tail number of the plane; "" where the source has none
	Origin      string    // EWR, JFK or LGA
	Destination string    // three letters
	Miles       int64     // flown, had it flown: cancelled flights have them too, as in the source
	Cancelled   bool      // it never left: the source has no departure time
	Delay       int64     // minutes between scheduled and real departure, negative when early; 0 if Cancelled
}

// Flight names the flight as passengers know it, such as "UA1545". It is the key of the stream.
func (e Event) Flight() string { return e.Carrier + strconv.Itoa(e.Number) }

// Day is the local date of the scheduled departure, such as "2013-04-15".
func (e Event) Day() string { return e.Scheduled.Format(time.DateOnly) }

const minuteLayout = "2006-01-02T15:04Z07:00"

// eventLine writes an Event as the line of the data it came from, so that the log can be read by eye:
//
//	2013-01-01T05:15-05:00,UA,1545,N14228,EWR,IAH,1400,2
//
// The last field is empty when the flight was cancelled.
type eventLine struct{}

var eventCodec codec.Codec[Event] = eventLine{}

// Format names the layout of the bytes.
func (eventLine) Format() string { return "departure-csv" }

// Append refuses what Decode could not read back.
func (eventLine) Append(dst []byte, e Event) ([]byte, error) {
	for _, text := range [...]string{e.Carrier, e.Tail, e.Origin, e.Destination} {
		if strings.ContainsAny(text, ",\n") {
			return dst, fmt.Errorf("departure: %q holds a comma or a line end", text)
		}
	}
	dst = e.Scheduled.AppendFormat(dst, minuteLayout)
	dst = append(append(dst, ','), e.Carrier...)
	dst = strconv.AppendInt(append(dst, ','), int64(e.Number), 10)
	dst = append(append(dst, ','), e.Tail...)
	dst = append(append(dst, ','), e.Origin...)
	dst = append(append(dst, ','), e.Destination...)
	dst = strconv.AppendInt(append(dst, ','), e.Miles, 10)
	dst = append(dst, ',')
	if !e.Cancelled {
		dst = strconv.AppendInt(dst, e.Delay, 10)
	}
	return dst, nil
}

// Decode copies the line once; the strings of the Event are parts of that copy.
func (eventLine) Decode(data []byte) (Event, error) {
	const fields = 8
	if n := bytes.Count(data, []byte{','}) + 1; n != fields {
		return Event{}, fmt.Errorf("departure %.80q: %d fields, want %d", data, n, fields)
	}
	var field [fields]string
	rest := string(data)
	for i := range field {
		field[i], rest, _ = strings.Cut(rest, ",")
	}
	at, err := time.Parse(minuteLayout, field[0])
	if err != nil {
		return Event{}, fmt.Errorf("departure: %w", err)
	}
	number, err := strconv.Atoi(field[2])
	if err != nil {
		return Event{}, fmt.Errorf("departure: flight number: %w", err)
	}
	miles, err := strconv.ParseInt(field[6], 10, 64)
	if err != nil {
		return Event{}, fmt.Errorf("departure: miles: %w", err)
	}
	e := Event{Scheduled: at, Carrier: field[1], Number: number, Tail: field[3], Origin: field[4], Destination: field[5],
		Miles: miles, Cancelled: field[7] == ""}
	if e.Cancelled {
		return e, nil
	}
	if e.Delay, err = strconv.ParseInt(field[7], 10, 64); err != nil {
		return Event{}, fmt.Errorf("departure: delay: %w", err)
	}
	return e, nil
}
