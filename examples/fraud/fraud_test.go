package fraud

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/topology/topologytest"
)

// bank is the application with its probes.
type bank struct {
	*topologytest.Harness
	t         *testing.T
	payments  *topologytest.StreamProbe[string, Payment]
	refunds   *topologytest.StreamProbe[string, Refund]
	profiles  *topologytest.StreamProbe[string, Profile]
	countries *topologytest.StreamProbe[string, Country]
	alerts    *topologytest.StreamProbe[string, Alert]
	balances  *topologytest.TableProbe[string, Balance]
}

func open(t *testing.T) *bank {
	t.Helper()
	h := topologytest.New(t, App, topologytest.Config{Partitions: 3})
	b := &bank{h, t, topologytest.Stream(h, Payments), topologytest.Stream(h, Refunds), topologytest.Stream(h, ProfileChanges),
		topologytest.Stream(h, CountryLimits), topologytest.Stream(h, Alerts), topologytest.Table(h, Balances)}
	b.countries.Send("DE", Country{LimitCents: 1000})
	b.countries.Send("FR", Country{LimitCents: 500})
	return b
}

func (b *bank) pay(account, country string, cents int64) {
	b.t.Helper()
	b.Advance(time.Second)
	b.payments.Send(account, Payment{Cents: cents, Country: country, At: b.Now()})
}

// alerted gives the alerts by account; a second one of an account fails the test.
func (b *bank) alerted() map[string]Alert {
	b.t.Helper()
	found := map[string]Alert{}
	for _, r := range b.alerts.Records() {
		if _, twice := found[r.Key]; twice {
			b.t.Errorf("%s has two alerts", r.Key)
		}
		r.Value.At = time.Time{}
		found[r.Key] = r.Value
	}
	return found
}

func TestAnAccountThatSpendsTooMuchHasOneAlert(t *testing.T) {
	b := open(t)
	b.profiles.Send("max", Profile{Trusted: true})
	b.pay("ann", "DE", 900)
	b.pay("max", "DE", 5000)
	if got := b.alerted(); len(got) != 0 {
		t.Fatalf("alerts %v, want none yet", got)
	}
	b.pay("ann", "DE", 200)
	b.Crash()
	b.pay("ann", "DE", 300)
	b.pay("zoe", "FR", 501)
	want := map[string]Alert{"ann": {Country: "DE", TotalCents: 1100}, "zoe": {Country: "FR", TotalCents: 501}}
	if got := b.alerted(); !maps.Equal(got, want) {
		t.Errorf("alerts %v, want %v", got, want)
	}
	if got, _ := b.balances.Get("ann"); got != (Balance{1400, 3}) {
		t.Errorf("ann has %+v", got)
	}
}

func TestTrustThatIsTakenBackCounts(t *testing.T) {
	b := open(t)
	b.profiles.Send("max", Profile{Trusted: true})
	b.pay("max", "DE", 2000)
	b.profiles.SendTombstone("max")
	b.pay("max", "DE", 1)
	if got := b.alerted(); !maps.Equal(got, map[string]Alert{"max": {Country: "DE", TotalCents: 2001}}) {
		t.Errorf("alerts %v", got)
	}
}

func TestALimitThatChangesCountsForTheNextPayment(t *testing.T) {
	b := open(t)
	b.pay("ann", "DE", 900)
	b.countries.Send("DE", Country{LimitCents: 100})
	b.Crash()
	b.pay("ann", "DE", 1)
	if got := b.alerted(); len(got) != 1 {
		t.Errorf("alerts %v, want one", got)
	}
}

func TestWhatCannotBeDecidedIsADeadLetter(t *testing.T) {
	b := open(t)
	b.pay("ann", "XX", 900)
	b.refunds.Send("bob", Refund{Cents: 5, At: b.Now()})
	b.pay("ann", "DE", 100)
	b.refunds.Send("ann", Refund{Cents: 30, At: b.Now()})
	b.refunds.SendBytes(0, []byte("eve"), []byte("no JSON"))
	for _, c := range []struct {
		letters  []topologytest.DeadLetter
		key      string
		error    string
		attempts int
	}{
		{b.payments.DeadLetters(), "ann", `country "XX" has no limit`, 4},
		{b.refunds.DeadLetters(), "bob", "never paid", 1},
		{b.refunds.DeadLetters(), "eve", "does not decode", 1},
	} {
		i := indexOf(c.letters, c.key)
		if i < 0 || !strings.Contains(c.letters[i].Error, c.error) || c.letters[i].Attempts != c.attempts {
			t.Errorf("dead letters %+v: want one of %s after %d attempts with %q", c.letters, c.key, c.attempts, c.error)
		}
	}
	if got, _ := b.balances.Get("ann"); got != (Balance{70, 1}) {
		t.Errorf("ann has %+v, want what was decided and nothing else", got)
	}
}

func indexOf(letters []topologytest.DeadLetter, key string) int {
	for i, l := range letters {
		if string(l.Key) == key {
			return i
		}
	}
	return -1
}
