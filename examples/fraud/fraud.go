// Package fraud looks for accounts that spend more than their country allows. It has a bit of everything: two inputs (payments
// and refunds), two tables of its own (balances, and the set of accounts that had their alert), a table of another processor
// (profiles, read in the same partition), a table for everybody (countries, a topic that somebody else writes), an output,
// retries and dead letters.
//
// What a payment meets decides what becomes of it: an alert at most once per account, none for who is trusted; a country that is
// not known yet is tried again, and is a dead letter after the third retry; a refund of an account that never paid is one at
// once.
package fraud

import (
	"fmt"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

// Payment is money that an account spends.
type Payment struct {
	Cents   int64
	Country string // where it is spent, two letters
	At      time.Time
}

// Refund is money that it gets back.
type Refund struct {
	Cents int64
	At    time.Time
}

// Profile is what is known of an account's owner.
type Profile struct{ Trusted bool }

// Country says how much an account may have spent in all when it spends there.
type Country struct{ LimitCents int64 }

// Balance is what an account has spent.
type Balance struct{ Cents, Payments int64 }

// Alert is the first payment of an account that went too far.
type Alert struct {
	Country    string
	TotalCents int64
	At         time.Time
}

// The inputs, keyed by account.
var (
	Payments = processor.NewStream("payments", codec.String, codec.JSON[Payment]()).
			EventTime(func(p Payment) time.Time { return p.At })
	Refunds = processor.NewStream("refunds", codec.String, codec.JSON[Refund]()).
		EventTime(func(r Refund) time.Time { return r.At })
	ProfileChanges = processor.NewStream("profile-changes", codec.String, codec.JSON[Profile]())
)

// Alerts is the output, keyed by account.
var Alerts = processor.NewStream("alerts", codec.String, codec.JSON[Alert]())

// The tables. Keys are accounts; those of Countries are countries, and its topic is written by whoever sets the limits, through
// CountryLimits.
var (
	Balances  = processor.NewTable("balances", codec.String, codec.JSON[Balance]())
	Alerted   = processor.NewTable("alerted", codec.String, codec.Empty)
	Profiles  = processor.NewTable("profiles", codec.String, codec.JSON[Profile]())
	Countries = processor.NewTopicTable("countries", codec.String, codec.JSON[Country]())

	CountryLimits = processor.NewStream("countries", codec.String, codec.JSON[Country]())
)

// App keeps profiles and looks for fraud.
var App = topology.MustNew("bank",
	processor.New("customers",
		processor.On(ProfileChanges, func(ctx processor.Context, account string, p Profile) error {
			Profiles.Put(ctx, account, p)
			return nil
		}),
		processor.OnTombstone(ProfileChanges, func(ctx processor.Context, account string) error {
			Profiles.Delete(ctx, account)
			return nil
		}),
		processor.Owns(Profiles),
	),
	processor.New("fraud",
		processor.On(Payments, onPayment),
		processor.On(Refunds, onRefund),
		processor.Owns(Balances, Alerted),
		processor.Reads(Profiles),
		processor.ReadsGlobal(Countries),
		processor.Emits(Alerts),
		processor.OnError(processor.ErrorPolicy{Retries: 3, Backoff: 100 * time.Millisecond, Then: processor.DeadLetter}),
	),
)

func onPayment(ctx processor.Context, account string, p Payment) error {
	country, known := Countries.Get(ctx, p.Country)
	if !known {
		return fmt.Errorf("country %q has no limit", p.Country) // it may have one in a moment: worth a retry
	}
	b, _ := Balances.Get(ctx, account)
	b.Cents, b.Payments = b.Cents+p.Cents, b.Payments+1
	Balances.Put(ctx, account, b)
	profile, _ := Profiles.Get(ctx, account)
	_, already := Alerted.Get(ctx, account)
	if b.Cents > country.LimitCents && !profile.Trusted && !already {
		Alerted.Put(ctx, account, struct{}{})
		Alerts.Emit(ctx, account, Alert{Country: p.Country, TotalCents: b.Cents, At: ctx.Timestamp()})
	}
	return nil
}

func onRefund(ctx processor.Context, account string, r Refund) error {
	b, ok := Balances.Get(ctx, account)
	if !ok {
		return processor.Permanent(fmt.Errorf("a refund of %d cents to an account that never paid", r.Cents))
	}
	b.Cents -= r.Cents
	Balances.Put(ctx, account, b)
	return nil
}
