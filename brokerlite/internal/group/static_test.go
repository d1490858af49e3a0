package group

import "testing"

// A consumer that is started again says other user data and owns nothing; only other topics are another subscription.
func TestSubscriptionIsItsTopics(t *testing.T) {
	meta := func(rest string, topics ...string) []byte {
		b := []byte{0, 1, 0, 0, 0, byte(len(topics))}
		for _, topic := range topics {
			b = append(append(b, 0, byte(len(topic))), topic...)
		}
		return append(b, rest...)
	}
	for _, c := range []struct {
		name, kind string
		a, b       []byte
		same       bool
	}{
		{"other user data", "consumer", meta("x", "t", "u"), meta("other", "t", "u"), true},
		{"other order", "consumer", meta("", "t", "u"), meta("", "u", "t"), true},
		{"other topics", "consumer", meta("x", "t"), meta("x", "t", "u"), false},
		{"another type", "connect", meta("x", "t"), meta("y", "t"), false},
		{"another type, same bytes", "connect", meta("x", "t"), meta("x", "t"), true},
		{"cut short", "consumer", meta("", "t"), meta("", "t")[:8], false},
		{"not a subscription", "consumer", []byte("A"), []byte("B"), false},
	} {
		if got := sameSubscription(c.kind, c.a, c.b); got != c.same {
			t.Errorf("%s: same is %v", c.name, got)
		}
	}
}
