package codec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/codec/codectest"
)

type event interface{ event() }

type placed struct {
	Customer string
	Cents    int64
}

type paid struct{ Cents int64 }

func (placed) event() {}
func (*paid) event()  {}

type priceV1 struct{ Euros int64 }
type priceV2 struct{ Cents int64 }
type price struct {
	Cents    int64
	Currency string
}

func raise1(p priceV1) (priceV2, error) { return priceV2{p.Euros * 100}, nil }

func raise2(p priceV2) (price, error) {
	if p.Cents < 0 {
		return price{}, errors.New("below zero")
	}
	return price{p.Cents, "EUR"}, nil
}

func prices1() *codec.Versions[priceV1] { return codec.Version1(codec.JSON[priceV1]()) }
func prices2() *codec.Versions[priceV2] {
	return codec.Upcast(prices1(), codec.JSON[priceV2](), raise1)
}
func prices() *codec.Versions[price] { return codec.Upcast(prices2(), codec.JSON[price](), raise2) }

func events() codec.Codec[event] {
	return codec.OneOf[event](codec.NewCase("placed", codec.JSON[placed]()), codec.NewCase("paid", codec.JSON[*paid]()))
}

func TestSchemaCodecsKeepTheirPromises(t *testing.T) {
	codectest.Run[event](t, events(), placed{"ann", 5}, &paid{7})
	codectest.Run(t, codec.Codec[priceV1](prices1()), priceV1{3})
	codectest.Run(t, codec.Codec[price](prices()), price{3, "USD"})
}

// The names are on disk: they stay.
func TestSchemaNamesAreWhatTheyWere(t *testing.T) {
	nested := codec.OneOf[any](codec.NewCase("price", codec.Codec[price](prices())), codec.NewCase("old", codec.Codec[priceV1](prices1())))
	chain1 := codec.Version1(events())
	chain2 := codec.Upcast(chain1, events(), func(e event) (event, error) { return e, nil })
	for _, c := range []struct{ name, got, want string }{
		{"a case", schemaOf(t, events(), event(placed{})), "placed"},
		{"version 1", schemaOf(t, codec.Codec[priceV1](prices1()), priceV1{}), ""},
		{"version 3", schemaOf(t, codec.Codec[price](prices()), price{}), "3"},
		{"a version of a case", schemaOf(t, nested, any(price{})), "price/3"},
		{"version 1 of a case", schemaOf(t, nested, any(priceV1{})), "old"},
		{"a case in version 1", schemaOf(t, codec.Codec[event](chain1), event(placed{})), "placed"},
		{"a case in version 2", schemaOf(t, codec.Codec[event](chain2), event(placed{})), "2/placed"},
		{"the format of a OneOf", events().Format(), "oneof"},
		{"the format of a chain", prices().Format(), "json"},
	} {
		if c.got != c.want {
			t.Errorf("%s has %q, want %q", c.name, c.got, c.want)
		}
	}
}

func schemaOf[T any](t *testing.T, c codec.Codec[T], v T) string {
	t.Helper()
	_, schema, err := codec.AppendSchema(c, nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestEveryVersionIsRaisedToTheNewest(t *testing.T) {
	for _, c := range []struct {
		schema, data string
		want         price
	}{
		{"", `{"Euros":2}`, price{200, "EUR"}},
		{"1", `{"Euros":2}`, price{200, "EUR"}},
		{"2", `{"Cents":5}`, price{5, "EUR"}},
		{"3", `{"Cents":5,"Currency":"USD"}`, price{5, "USD"}},
	} {
		if got, err := prices().DecodeSchema(c.schema, []byte(c.data)); err != nil || got != c.want {
			t.Errorf("schema %q: %+v, %v, want %+v", c.schema, got, err, c.want)
		}
	}
	if _, err := prices().DecodeSchema("2", []byte(`{"Cents":-1}`)); err == nil || !strings.Contains(err.Error(), "raise version 2 to 3: below zero") {
		t.Errorf("an upcast that fails gives %v", err)
	}
}

func TestASchemaThatIsNotKnownIsNeverGuessed(t *testing.T) {
	for _, c := range []struct {
		name, says string
		err        error
	}{
		{"a version above the newest", "up to 2", under(codec.Codec[priceV2](prices2()), "3", "{}")},
		{"version 0", "up to 2", under(codec.Codec[priceV2](prices2()), "0", "{}")},
		{"a version beyond every number", "up to 2", under(codec.Codec[priceV2](prices2()), "99999999999999999999", "{}")},
		{"a case where a chain is", `"placed"`, under(codec.Codec[priceV2](prices2()), "placed", "{}")},
		{"a case of a newer program", "placed", under(events(), "refunded", "{}")},
		{"a version of a case that has none", `"2"`, under(events(), "placed/2", "{}")},
		{"no case", "names none", under(events(), "", "{}")},
		{"a schema where there was none", "without schemas", under(codec.JSON[price](), "3", "{}")},
	} {
		if !errors.Is(c.err, codec.ErrSchema) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrSchema with %q", c.name, c.err, c.says)
		}
		if c.err != nil && len(c.err.Error()) > 250 {
			t.Errorf("%s: the error is %d characters long", c.name, len(c.err.Error()))
		}
	}
}

func under[T any](c codec.Codec[T], schema, data string) error {
	_, err := codec.DecodeSchema(c, schema, []byte(data))
	return err
}

func TestASchemaIsNotLostInSilence(t *testing.T) {
	if _, err := prices().Append(nil, price{}); err == nil || !strings.Contains(err.Error(), "AppendSchema") {
		t.Errorf("Append of version 3 gives %v", err)
	}
	if _, err := events().Append(nil, placed{}); err == nil || !strings.Contains(err.Error(), "AppendSchema") {
		t.Errorf("Append of a case gives %v", err)
	}
	if b, err := prices1().Append(nil, priceV1{2}); err != nil || string(b) != `{"Euros":2}` {
		t.Errorf("a chain of one version writes %q, %v", b, err)
	}
}

func TestAValueThatIsNoCaseIsRefused(t *testing.T) {
	for _, v := range []event{nil, &placed{}} {
		if _, _, err := codec.AppendSchema(events(), nil, v); err == nil || !strings.Contains(err.Error(), "no case of codec_test.event") {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestSchemaCodecsSayWhatTheyLack(t *testing.T) {
	js := codec.NewCase("placed", codec.JSON[placed]())
	var none *codec.Versions[int]
	for _, c := range []struct {
		name, want string
		codec      any
	}{
		{"a type that does not implement", "paid does not implement codec_test.event, but *codec_test.paid does", codec.OneOf[event](codec.NewCase("paid", codec.JSON[paid]()))},
		{"no interface", "want an interface", codec.OneOf[placed](js)},
		{"no cases", "no cases", codec.OneOf[event]()},
		{"a nil case", "case 1 is nil", codec.OneOf[event](nil)},
		{"two of a name", "two cases have the name", codec.OneOf[event](js, codec.NewCase("placed", codec.JSON[*paid]()))},
		{"two of a type", "both of type", codec.OneOf[event](js, codec.NewCase("put", codec.JSON[placed]()))},
		{"a name with a slash", "begin with a letter", codec.OneOf[event](codec.NewCase("a/b", codec.JSON[placed]()))},
		{"a number as name", "begin with a letter", codec.OneOf[event](codec.NewCase("2", codec.JSON[placed]()))},
		{"no name", "begin with a letter", codec.OneOf[event](codec.NewCase("", codec.JSON[placed]()))},
		{"no codec", "the codec is nil", codec.OneOf[event](codec.NewCase[placed]("placed", nil))},
		{"an interface as case", "want the type that values have", codec.OneOf[event](codec.NewCase("e", codec.JSON[event]()))},
		{"a fault inside", "version 1: the codec is nil", codec.OneOf[event](codec.NewCase("placed", codec.Codec[placed](codec.Version1[placed](nil))))},
		{"a chain of nothing", "begin with Version1", codec.Upcast(none, codec.Codec[int64](codec.Int64), nil)},
		{"no upcast", "the function that raises version 1 is nil", codec.Upcast[priceV1, priceV2](prices1(), codec.JSON[priceV2](), nil)},
		{"a chain as version", "a chain itself", codec.Version1(codec.Codec[price](prices()))},
	} {
		err := c.codec.(codec.Faulty).Fault()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Fault = %v, want %q", c.name, err, c.want)
		}
	}
	for _, good := range []any{events(), prices1(), prices()} {
		if err := good.(codec.Faulty).Fault(); err != nil {
			t.Errorf("%T: %v", good, err)
		}
	}
}
