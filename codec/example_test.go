package codec_test

import (
	"errors"
	"fmt"

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
