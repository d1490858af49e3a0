package codec_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/millrun/millrun/codec"
)

type (
	orderEvent  interface{ orderEvent() }
	orderPlaced struct{ Customer string }
	orderPaid   struct{ Cents int64 }
)

func (orderPlaced) orderEvent() {}
func (orderPaid) orderEvent()   {}

// A stream of several kinds of events: the name of the case travels beside the JSON.
func ExampleOneOf() {
	c := codec.OneOf[orderEvent](
		codec.NewCase("placed", codec.JSON[orderPlaced]()),
		codec.NewCase("paid", codec.JSON[orderPaid]()),
	)
	data, schema, err := codec.AppendSchema[orderEvent](c, nil, orderPaid{Cents: 10})
	fmt.Println(schema, string(data), err)
	e, err := codec.DecodeSchema(c, "placed", []byte(`{"Customer":"ann"}`))
	fmt.Printf("%T %v %v\n", e, e, err)
	_, err = codec.DecodeSchema(c, "refunded", []byte(`{}`))
	fmt.Println(errors.Is(err, codec.ErrSchema))
	// Output:
	// paid {"Cents":10} <nil>
	// codec_test.orderPlaced {ann} <nil>
	// true
}

// A value whose type has changed: what older programs wrote is raised when it is read.
func ExampleUpcast() {
	type priceV1 struct{ Euros int64 }
	type price struct{ Cents int64 }
	first := codec.Version1(codec.JSON[priceV1]())
	c := codec.Upcast(first, codec.JSON[price](), func(p priceV1) (price, error) { return price{p.Euros * 100}, nil })

	old, err := codec.DecodeSchema[price](c, "", []byte(`{"Euros":3}`)) // no schema: version 1
	fmt.Println(old, err)
	data, schema, err := c.AppendSchema(nil, price{250})
	fmt.Println(schema, string(data), err)
	_, err = codec.DecodeSchema[priceV1](first, schema, data) // an older program never guesses
	fmt.Println(err)
	// Output:
	// {300} <nil>
	// 2 {"Cents":250} <nil>
	// codec json: the schema of the value is not known: it is version 2, this program knows up to 1: a newer program wrote it
}

// Keys are bytes in the log, as other clients write them, and may have another form in stores, by which scans go.
func ExampleInt64() {
	data, _ := codec.Int64.Append(nil, -1)
	n, err := codec.Int64.Decode(data)
	fmt.Printf("%x %d %v\n", data, n, err)
	sorted := codec.Int64.(codec.Sortable).AppendSort(nil, data) // so that -1 comes before 0
	fmt.Printf("%x\n", sorted)
	_, err = codec.Int64.Decode([]byte("short"))
	fmt.Println(err != nil)
	// Output:
	// ffffffffffffffff -1 <nil>
	// 7fffffffffffffff
	// true
}

func ExampleUint64() {
	data, err := codec.Uint64.Append(nil, 1<<64-1)
	fmt.Printf("%x %v\n", data, err)
	// Output: ffffffffffffffff <nil>
}

// NaN is a value, but no key: it equals nothing.
func ExampleFloat64() {
	key := codec.KeyEncoder(codec.Float64)
	data, err := key(nil, 1.5)
	fmt.Printf("%x %v\n", data, err)
	_, err = key(nil, math.NaN())
	fmt.Println(err != nil)
	// Output:
	// 3ff8000000000000 <nil>
	// true
}

func ExampleString() {
	data, err := codec.String.Append([]byte("key:"), "ann")
	fmt.Printf("%s %v, format %s\n", data, err, codec.String.Format())
	// Output: key:ann <nil>, format string
}

func ExampleBool() {
	data, err := codec.Bool.Append(nil, true)
	fmt.Printf("%x %v\n", data, err)
	// Output: 01 <nil>
}

// Bytes are copied by Decode: what comes out is the caller's.
func ExampleBytes() {
	data := []byte{1, 2}
	v, err := codec.Bytes.Decode(data)
	data[0] = 9
	fmt.Println(v, err)
	// Output: [1 2] <nil>
}

// Times are nanoseconds in UTC; what does not fit is refused rather than wrapped.
func ExampleTime() {
	data, err := codec.Time.Append(nil, time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)))
	at, _ := codec.Time.Decode(data)
	fmt.Println(at, err)
	_, err = codec.Time.Append(nil, time.Time{})
	fmt.Println(err != nil)
	// Output:
	// 2026-03-01 11:00:00 +0000 UTC <nil>
	// true
}

// A table of Empty is a set.
func ExampleEmpty() {
	data, err := codec.Empty.Append(nil, struct{}{})
	fmt.Println(len(data), err)
	// Output: 0 <nil>
}

// Unkeyed is the key of a stream whose keys mean nothing.
func ExampleUnkeyed() {
	_, err := codec.Unkeyed.Decode([]byte("whatever"))
	fmt.Println(err, codec.IsUnkeyed(codec.Unkeyed))
	// Output: <nil> true
}

func ExampleJSON() {
	type click struct{ URL string }
	c := codec.JSON[click]()
	data, err := c.Append(nil, click{"/prices"})
	fmt.Println(string(data), err)
	_, err = c.Decode([]byte("no JSON"))
	fmt.Println(err)
	// Output:
	// {"URL":"/prices"} <nil>
	// codec json: invalid character 'o' in literal null (expecting 'u')
}

// Binary takes a type that marshals itself.
func ExampleBinary() {
	c := codec.Binary[netip.Addr]()
	data, _ := c.Append(nil, netip.MustParseAddr("192.0.2.1"))
	addr, err := c.Decode(data)
	fmt.Println(addr, err)
	// Output: 192.0.2.1 <nil>
}

// Func makes a codec of two functions.
func ExampleFunc() {
	c := codec.Func("csv", func(v []string) ([]byte, error) { return []byte(strings.Join(v, ",")), nil },
		func(b []byte) ([]string, error) { return strings.Split(string(b), ","), nil })
	data, _ := c.Append(nil, []string{"a", "b"})
	v, err := c.Decode(data)
	fmt.Printf("%s %q %v\n", data, v, err)
	// Output: a,b ["a" "b"] <nil>
}

// A key of a struct type: the functions promise that equal keys have equal bytes, for ever. With the airport in front, the days
// of one airport follow each other in a scan.
func ExampleKeyFunc() {
	type day struct{ Airport, Date string }
	c := codec.KeyFunc("airport-day", func(d day) ([]byte, error) { return []byte(d.Airport + " " + d.Date), nil },
		func(b []byte) (day, error) {
			airport, date, ok := strings.Cut(string(b), " ")
			if !ok {
				return day{}, errors.New("want an airport, a blank and a date")
			}
			return day{airport, date}, nil
		})
	data, _ := c.Append(nil, day{"EWR", "2013-04-15"})
	d, err := c.Decode(data)
	fmt.Printf("%q %+v %v\n", data, d, err)
	// Output: "EWR 2013-04-15" {Airport:EWR Date:2013-04-15} <nil>
}

// A chain of one version writes what its codec writes: it can begin at any time.
func ExampleVersion1() {
	c := codec.Version1(codec.String)
	data, schema, err := c.AppendSchema(nil, "as ever")
	fmt.Printf("%q %q %v\n", data, schema, err)
	// Output: "as ever" "" <nil>
}
