package names

import (
	"strings"
	"testing"
)

// A changed name is another topic, group or directory: what a running application has would be lost to it.
func TestNamesAreWhatTheyWere(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Group("shop", "order-totals", 1), "shop.order-totals.e1"},
		{Changelog("shop", "order-totals", "totals", 2), "shop.order-totals.totals.e2"},
		{Internal("shop", "order-totals", "by-customer", 12), "shop.order-totals.by-customer.e12"},
		{Journal("shop", "order-totals"), "shop.order-totals.journal"},
		{Control("shop"), "shop.control"},
		{DeadLetters("shop", "order-totals"), "shop.order-totals.dead-letters"},
		{DeadLettersOf("shop", "order-totals", 2), "shop.order-totals.dead-letters.e2"},
		{TransactionalID("shop", "order-totals", 1, "w4f", 3), "shop.order-totals.e1.w4f.3"},
		{AppDir("data/state", "shop"), "data/state/shop"},
		{EditionDir("data/state", "shop", "order-totals", 1), "data/state/shop/order-totals.e1"},
		{TaskDir("data/state", "shop", "order-totals", 1, 3), "data/state/shop/order-totals.e1/3"},
		{CopyDir("data/state", "shop", "order-totals", 1, 3, "profiles"), "data/state/shop/order-totals.e1/3/reads/profiles"},
		{GlobalDir("data/state", "shop", "shop.bank.balances.e2"), "data/state/shop/global/shop.bank.balances.e2"},
		{Lock("data/state", "shop"), "data/state/shop/LOCK"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestANameThatCouldCollideIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"":             "empty",
		"a.b":          `'.'`,
		"a/b":          `'/'`,
		"ä":            `'ä'`,
		"dead-letters": "taken",
	} {
		if err := Check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%q) = %v, want an error with %q", name, err, want)
		}
	}
	for _, name := range []string{"", ".", "..", "a b", "a/b", strings.Repeat("x", 250)} {
		if CheckTopic(name) == nil {
			t.Errorf("CheckTopic(%q) = nil, want an error", name)
		}
	}
	for _, name := range []string{"a", "journal", "control", "A-1_b"} {
		if err := Check(name); err != nil {
			t.Errorf("Check(%q) = %v", name, err)
		}
	}
}
