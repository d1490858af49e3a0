package commitlog

import (
	"math"
	"testing"
)

func TestPositionSurvivesItsText(t *testing.T) {
	tests := []struct {
		position Position
		text     string
	}{
		{Position{Partition: Partition{"clicks", 0}, Offset: 0}, "clicks/0@0"},
		{Position{Partition: Partition{"shop.orders.e1", 7}, Offset: -1}, "shop.orders.e1/7@-1"},
		{Position{Partition: Partition{"a/b@c", math.MaxInt32}, Offset: math.MaxInt64}, "a/b@c/2147483647@9223372036854775807"},
	}
	for _, test := range tests {
		if got := test.position.String(); got != test.text {
			t.Errorf("text of %+v is %q, want %q", test.position, got, test.text)
		}
		if got, err := ParsePosition(test.text); err != nil || got != test.position {
			t.Errorf("%q reads as %+v, %v", test.text, got, err)
		}
	}
}

func TestPositionTextThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "clicks", "clicks/0", "clicks@0", "/0@0", "clicks/@0", "clicks/-1@0", "clicks/x@0",
		"clicks/2147483648@0", "clicks/0@", "clicks/0@x", "clicks/0@9223372036854775808"} {
		if got, err := ParsePosition(text); err == nil {
			t.Errorf("%q reads as %v", text, got)
		}
	}
}
