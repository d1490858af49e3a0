package codectest

import (
	"cmp"
	"reflect"
)

// compare orders values whose order is plain: numbers, strings, and types with a Compare method as time.Time has it.
func compare(a, b any) (order int, ok bool) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if !x.IsValid() || !y.IsValid() || x.Type() != y.Type() {
		return 0, false
	}
	switch {
	case x.CanInt():
		return cmp.Compare(x.Int(), y.Int()), true
	case x.CanUint():
		return cmp.Compare(x.Uint(), y.Uint()), true
	case x.CanFloat():
		return cmp.Compare(x.Float(), y.Float()), true
	case x.Kind() == reflect.String:
		return cmp.Compare(x.String(), y.String()), true
	}
	m := x.MethodByName("Compare")
	if !m.IsValid() || m.Type().NumIn() != 1 || m.Type().NumOut() != 1 || m.Type().In(0) != y.Type() || m.Type().Out(0).Kind() != reflect.Int {
		return 0, false
	}
	return int(m.Call([]reflect.Value{y})[0].Int()), true
}
