package codec_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
)

//lint:ignore U1000 its type alone matters
type writesItself struct{ f func() }

func (writesItself) MarshalJSON() ([]byte, error) { return []byte(`"f"`), nil }

type embeds struct{ bare }

type bare struct{ Done chan int }

// jsonOf gives the fault of the codec of T, and what encoding/json says of a zero T.
func jsonOf[T any]() (fault, marshal error) {
	var zero T
	_, marshal = json.Marshal(zero)
	return codec.JSON[T]().(codec.Faulty).Fault(), marshal
}

func TestATypeThatJSONNeverWritesIsAFault(t *testing.T) {
	for want, of := range map[string]func() (error, error){
		"codec json: chan int cannot be written":                                        jsonOf[chan int],
		"codec json: func() cannot be written":                                          jsonOf[func()],
		"codec json: complex128 cannot be written":                                      jsonOf[complex128],
		"codec json: map[bool]int cannot be written":                                    jsonOf[map[bool]int],
		"codec json: map[struct {}]int cannot be written":                               jsonOf[map[struct{}]int],
		"codec json: codec_test.bare cannot be written: Done has type chan int":         jsonOf[bare],
		"codec json: struct { A struct { B func() } } cannot be written: A.B has type ": jsonOf[struct{ A struct{ B func() } }],
		"codec json: [2]chan int cannot be written: [0] has type chan int":              jsonOf[[2]chan int],
	} {
		fault, marshal := of()
		if fault == nil || !strings.HasPrefix(fault.Error(), want) {
			t.Errorf("got %v, want %s", fault, want)
		}
		var unsupported *json.UnsupportedTypeError
		if !errors.As(marshal, &unsupported) {
			t.Errorf("%s: but encoding/json writes a zero one: %v", want, marshal)
		}
	}
}

func TestATypeThatJSONMayWriteIsNoFault(t *testing.T) {
	for _, of := range []func() (error, error){
		jsonOf[int], jsonOf[any], jsonOf[time.Time], jsonOf[*int], jsonOf[struct{}], jsonOf[map[string]int], jsonOf[map[int8]any],
		jsonOf[map[time.Time]int], jsonOf[writesItself], jsonOf[*chan int], jsonOf[[]func()], jsonOf[[0]chan int],
		jsonOf[struct{ private chan int }], jsonOf[struct {
			Left chan int `json:"-"`
		}], jsonOf[struct {
			Done chan int `json:",omitzero"`
		}],
	} {
		if fault, marshal := of(); fault != nil || marshal != nil {
			t.Errorf("fault %v; encoding/json: %v", fault, marshal)
		}
	}
	if fault, _ := jsonOf[embeds](); fault != nil { // may be hidden: left to the values
		t.Errorf("embedded: %v", fault)
	}
}
