package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
)

type noGroups struct{ commitlog.Groups }

type noHooks struct{}

func (noHooks) Prepare(context.Context) error              { return nil }
func (noHooks) Assigned(context.Context, Assignment) error { return nil }
func (noHooks) Lost()                                      {}

func testConfig() Config {
	return Config{Groups: noGroups{}, Group: "g", Topics: []string{"t"}, Partitions: 4, Hooks: noHooks{}}.withDefaults()
}

// script plays events written as words and gives the effects as words.
type script struct {
	t *testing.T
	m *machine
}

func newScript(t *testing.T, instance string) *script {
	c := testConfig()
	c.Instance = instance
	return &script{t, newMachine(c)}
}

var words = map[string]error{
	"ok": nil, "rebalance": commitlog.ErrRebalance, "not-member": commitlog.ErrNotMember, "fenced": commitlog.ErrFenced,
	"unavailable": commitlog.ErrUnavailable, "forbidden": commitlog.ErrNotAuthorized, "cancelled": context.Canceled,
	"failed": errors.New("failed"),
}

// event reads "start", "stop", "rejoin", "beat ERROR", "late-beat ERROR" and "done ERROR".
func (s *script) event(text string) event {
	verb, word, _ := strings.Cut(text, " ")
	err, known := words[word]
	if word != "" && !known {
		s.t.Fatalf("unknown outcome in %q", text)
	}
	switch verb {
	case "start":
		return event{start: true}
	case "stop":
		return event{stop: true}
	case "rejoin":
		return event{rejoin: true}
	case "beat":
		return event{beat: true, series: s.m.series, err: err}
	case "late-beat":
		return event{beat: true, series: s.m.series - 1, err: err}
	case "done":
		e := event{taskDone: true, err: err}
		if s.m.task == taskJoin && err == nil {
			e.joined.Member = s.m.member
			e.joined.Member.ID = "id"
			e.joined.Member.Generation = s.m.member.Generation + 2
		}
		return e
	}
	s.t.Fatalf("unknown event %q", text)
	return event{}
}

func worded(f effects) string {
	var w []string
	if f.cancel {
		w = append(w, "cancel")
	}
	if f.quiet {
		w = append(w, "quiet")
	}
	if f.beat {
		w = append(w, "beat")
	}
	if f.run != taskNone {
		w = append(w, f.run.String())
	}
	if f.done {
		w = append(w, "end")
		for name, err := range words {
			if err != nil && errors.Is(f.err, err) {
				w = append(w, name)
			}
		}
	}
	return strings.Join(w, ", ")
}

// Each line: an event, and what the loop must do then. The first lines of most make a member that works.
func TestMembershipStepByStep(t *testing.T) {
	const works = `
		start > join
		done ok > sync
		done ok > beat, take the assignment
		done ok > `
	for _, c := range []struct{ name, instance, script string }{
		{"a rebalance goes over prepare and join", "", works + `
			beat ok >
			beat rebalance > prepare
			beat rebalance >
			done ok > quiet, join
			done ok > sync
			done rebalance > join
			done ok > sync
			done ok > beat, take the assignment
			late-beat not-member >
			done ok >`},
		{"a rebalance during the assignment comes after it", "", `
			start > join
			done ok > sync
			done ok > beat, take the assignment
			beat rebalance >
			done ok > prepare
			done ok > quiet, join`},
		{"a wish to rejoin during a join comes after it", "", `
			start > join
			rejoin >
			done ok > sync
			done ok > beat, take the assignment
			done ok > prepare`},
		{"lost while working", "", works + `
			beat not-member > quiet, give up what was lost
			done ok > join
			done unavailable > wait
			done ok > join`},
		{"lost during prepare", "", works + `
			beat rebalance > prepare
			beat not-member > cancel, quiet
			done cancelled > give up what was lost
			done ok > join`},
		{"lost during the assignment", "", `
			start > join
			done ok > sync
			done ok > beat, take the assignment
			beat not-member > cancel, quiet
			done cancelled > give up what was lost
			done ok > join`},
		{"refused in the join after prepare", "", works + `
			beat rebalance > prepare
			done ok > quiet, join
			done not-member > give up what was lost
			done ok > join`},
		{"a join that finds nobody loses nothing", "", works + `
			beat rebalance > prepare
			done ok > quiet, join
			done unavailable > join
			done unavailable > wait
			done ok > join
			done ok > sync
			done unavailable > wait
			done ok > join
			done ok > sync
			done ok > beat, take the assignment`},
		{"refused in sync", "", `
			start > join
			done ok > sync
			done not-member > join
			done ok > sync
			done not-member > wait`},
		{"fenced", "i", works + `
			beat fenced > quiet, give up what was lost
			done ok > end, fenced`},
		{"fenced before it had anything", "i", `
			start > join
			done fenced > end, fenced`},
		{"an error that stays", "", works + `
			beat rebalance > prepare
			done ok > quiet, join
			done forbidden > give up what was lost
			done ok > end, forbidden`},
		{"an assignment that is refused", "", `
			start > join
			done ok > sync
			done ok > beat, take the assignment
			done failed > quiet, give up what was lost
			done ok > leave
			done ok > end, failed`},
		{"stop while working", "", works + `
			stop > quiet, leave
			stop >
			done unavailable > end`},
		{"a static member does not leave", "i", works + `
			stop > quiet, end`},
		{"stop before the first join was answered", "", `
			start > join
			stop > cancel
			done cancelled > end`},
		{"stop while the join is answered", "", `
			start > join
			stop > cancel
			done ok > leave
			done ok > end`},
		{"stop during a wait", "", `
			start > join
			done unavailable > join
			done unavailable > wait
			stop > cancel
			done ok > end`},
		{"stop during prepare, membership lost meanwhile", "", works + `
			beat rebalance > prepare
			beat not-member > cancel, quiet
			stop > cancel
			done cancelled > end`},
		{"news after the end of membership say nothing", "", works + `
			beat rebalance > prepare
			beat not-member > cancel, quiet
			beat rebalance >
			done cancelled > give up what was lost
			late-beat rebalance >
			done ok > join`},
	} {
		s := newScript(t, c.instance)
		for line := range strings.Lines(c.script) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			text, want, _ := strings.Cut(line, ">")
			if got := worded(s.m.step(s.event(strings.TrimSpace(text)))); got != strings.TrimSpace(want) {
				t.Errorf("%s: %s gives %q", c.name, line, got)
				break
			}
		}
	}
}

// Whatever happens in whatever order: one task at a time, hooks in their order, and a stop ends it within a few steps.
func TestMembershipAtRandom(t *testing.T) {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(s, 6))
	outcomes := []string{"ok", "ok", "ok", "rebalance", "not-member", "unavailable", "cancelled"}
	for run := range 3000 {
		sc := newScript(t, []string{"", "i"}[run%2])
		busy, open, beating, done := false, false, false, false
		history := ""
		play := func(text string) {
			history += text + "; "
			before := sc.m.task
			f := sc.m.step(sc.event(text))
			if strings.HasPrefix(text, "done") {
				busy = false
				if before == taskPrepare {
					open = true // the gate is closed, the tasks are there
				}
			}
			if f.run != taskNone {
				if busy {
					t.Fatalf("seed %d: two tasks at a time: %s", s, history)
				}
				busy = true
			}
			switch f.run {
			case taskAssign:
				open = true
			case taskLost:
				if !open {
					t.Fatalf("seed %d: lost what it never had: %s", s, history)
				}
				open = false
			case taskPrepare:
				if !open || !beating {
					t.Fatalf("seed %d: prepares what it does not have, or in silence: %s", s, history)
				}
			case taskJoin:
				if sc.m.member.ID == "" && open {
					t.Fatalf("seed %d: joins as new and the host was not told: %s", s, history)
				}
			}
			beating = (beating || f.beat) && !(f.quiet && !f.beat)
			if f.done {
				done = true
				if busy || beating {
					t.Fatalf("seed %d: ends with work under way: %s", s, history)
				}
			}
		}
		play("start")
		for range r.IntN(40) {
			outcome := outcomes[r.IntN(len(outcomes))]
			switch p := r.IntN(10); {
			case p == 0:
				play("rejoin")
			case p < 4 && beating:
				play("beat " + outcome)
			case p == 4 && sc.m.series > 0:
				play("late-beat " + outcome)
			case busy:
				if k := sc.m.task; k != taskJoin && k != taskSync {
					outcome = "ok"
				}
				play("done " + outcome)
			}
		}
		play("stop")
		for range 4 {
			if busy {
				play("done " + []string{"ok", "cancelled"}[r.IntN(2)])
			}
		}
		if !done {
			t.Fatalf("seed %d: does not end: %s", s, history)
		}
	}
}

func TestBackoffDoublesWithinItsBounds(t *testing.T) {
	c := testConfig()
	for n, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		want *= time.Millisecond
		if got := c.backoff(n, 0); got != want {
			t.Errorf("after %d failures: %v, want %v without jitter", n, got, want)
		}
		for random := range uint64(1000) {
			if got := c.backoff(n, random*random*random); got > want || got < want/2 {
				t.Fatalf("after %d failures: %v, want from %v to %v", n, got, want/2, want)
			}
		}
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	_, err := New(Config{SessionTimeout: -1, RebalanceTimeout: -1, HeartbeatEvery: time.Hour, BackoffMin: -1, LeaveTimeout: -1})
	for _, field := range []string{"Groups", "Group", "Topics", "Partitions", "SessionTimeout", "RebalanceTimeout",
		"HeartbeatEvery", "BackoffMin", "LeaveTimeout", "Hooks"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+field+" is") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
	c := testConfig()
	c.Logger = slog.New(slog.DiscardHandler)
	if _, err := New(c); err != nil {
		t.Errorf("a complete Config is refused: %v", err)
	}
	if c.HeartbeatEvery != c.SessionTimeout/3 || c.SessionTimeout != 10*time.Second || c.RebalanceTimeout != time.Minute {
		t.Errorf("defaults are %v, %v, %v", c.HeartbeatEvery, c.SessionTimeout, c.RebalanceTimeout)
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	for err, want := range map[error]class{
		commitlog.ErrRebalance: classRebalance, commitlog.ErrNotMember: classLost, commitlog.ErrFenced: classFatal,
		commitlog.ErrUnavailable: classRetry, context.Canceled: classRetry, context.DeadlineExceeded: classRetry,
		commitlog.ErrClosed: classFatal, commitlog.ErrNotAuthorized: classFatal, commitlog.ErrStorage: classFatal,
	} {
		if got := classify(fmt.Errorf("join: %w", err)); got != want {
			t.Errorf("%v is of class %d, want %d", err, got, want)
		}
	}
}
