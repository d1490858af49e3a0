package group

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var update = flag.Bool("update", false, "write what happened into the stories; read the difference before you keep it")

// TestStories plays testdata/*.txt: each line is an event with its time, the indented lines below it are all replies it
// causes, also those of ticks on the way. After each event a restart is tried on the side (see checkRestart).
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t)
	var got bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(want))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, "  > ") {
			continue
		}
		fmt.Fprintln(&got, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, reply := range s.play(fmt.Sprintf("%s:%d", file, n), line) {
			fmt.Fprintf(&got, "  > %s\n", reply)
		}
		s.checkRestart(line)
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s went another way (-want +got):\n%s", file, diff)
	}
}

// story is one machine under a story, with all that its owner would have done with the effects.
type story struct {
	t        *testing.T
	m        *Machine
	config   Config
	now      time.Time
	wake     time.Time
	fold     []func(*Machine)
	asked    map[uint64]bool
	ids      map[string]string // member id -> short name
	byName   map[string]string
	perHead  map[string]int
	topics   map[string]int32
	out      []string
	halfway  []byte // a snapshot taken on the way
	halfFold int
}

var epoch = time.UnixMilli(1_700_000_000_000)

func newStory(t *testing.T) *story {
	s := &story{
		t: t, now: epoch, asked: make(map[uint64]bool), ids: make(map[string]string), byName: make(map[string]string),
		perHead: make(map[string]int), topics: map[string]int32{"t": 8, "u": 8},
	}
	var random uint64
	s.config = Config{
		MinSessionTimeout: time.Second,
		Random:            func() uint64 { random++; return random },
		Exists:            func(topic string, p int32) bool { return p >= 0 && p < s.topics[topic] },
		MaxMembers:        5,
		MaxGroups:         4,
	}
	s.m = s.machine()
	return s
}

func (s *story) machine() *Machine {
	m, err := New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// take does what the owner does with effects, and keeps the log.
func (s *story) take(e Effects) {
	s.wake = e.Wake
	for _, r := range e.Records {
		s.persist(r)
	}
	for _, r := range e.Replies {
		if !s.asked[r.Token] {
			s.t.Errorf("call %d got a reply it did not wait for: %T", r.Token, r.Response)
		}
		delete(s.asked, r.Token)
		checkWire(s.t, r.Response)
		s.out = append(s.out, s.after()+strconv.FormatUint(r.Token, 10)+" "+s.render(r.Response))
	}
	checkInvariants(s.t, s.m)
}

func (s *story) persist(record []byte) {
	s.fold = append(s.fold, func(m *Machine) {
		if err := m.Apply(record); err != nil {
			s.t.Fatalf("apply: %v", err)
		}
	})
}

func (s *story) after() string {
	return strconv.FormatFloat(s.now.Sub(epoch).Seconds(), 'g', -1, 64) + "s "
}

// play runs "TIME VERB ..." or "TIME TOKEN VERB ...".
func (s *story) play(where, line string) []string {
	s.out = nil
	words := strings.Fields(line)
	at, err := time.ParseDuration(words[0])
	if err != nil {
		s.t.Fatalf("%s: %v", where, err)
	}
	target := epoch.Add(at)
	for !s.wake.IsZero() && !s.wake.After(target) {
		s.now = s.wake
		s.take(s.m.Tick(s.now))
	}
	if target.Before(s.now) {
		s.t.Fatalf("%s: time goes back", where)
	}
	s.now = target
	words = words[1:]
	if token, err := strconv.ParseUint(words[0], 10, 64); err == nil {
		s.asked[token] = true
		call := Call{Token: token, Request: s.request(where, words[1:]), Host: "/h"}
		call.ClientID = option(words, "client")
		if slices.Contains(words, "embedded") {
			call.Principal = PrincipalEmbedded
		}
		s.take(s.m.Step(call, s.now))
		return s.out
	}
	s.control(where, words)
	return s.out
}

func (s *story) control(where string, words []string) {
	switch words[0] {
	case "tick":
		s.take(s.m.Tick(s.now))
	case "cancel":
		token, _ := strconv.ParseUint(words[1], 10, 64)
		delete(s.asked, token)
		s.take(s.m.Cancelled(token, s.now))
	case "stage":
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.Version = int16(number(words, "v", 3))
		req.Group, req.MemberID, req.Generation = strings.Trim(words[1], `"`), s.id(option(words, "member")), int32(number(words, "gen", -1))
		req.InstanceID = nullable(option(words, "instance"))
		for _, o := range offsetWords(words) {
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.Metadata = o.partition.index, o.position, &o.metadata
			req.Topics = append(req.Topics, kmsg.TxnOffsetCommitRequestTopic{Topic: o.partition.topic,
				Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{p}})
		}
		resp, record := s.m.StageOffsets(int64(number(words, "pid", 0)), int16(number(words, "epoch", 0)), req, s.now)
		if record != nil {
			s.persist(record)
		}
		s.out = append(s.out, s.after()+s.render(resp))
	case "end":
		pid, epoch, commit := int64(number(words, "pid", 0)), int16(number(words, "epoch", 0)), slices.Contains(words, "commit")
		s.fold = append(s.fold, func(m *Machine) { m.EndTransaction(pid, epoch, commit) })
		s.m.EndTransaction(pid, epoch, commit)
	case "drop-topic":
		delete(s.topics, words[1])
		s.fold = append(s.fold, func(m *Machine) { m.DropTopic(words[1]) })
		s.m.DropTopic(words[1])
	case "make-topic":
		s.topics[words[1]] = 8
	case "restart":
		s.m = s.replay()
		clear(s.asked)
		s.take(s.m.Recovered(s.now))
	case "initial-delay":
		s.m.config.InitialRebalanceDelay = must(time.ParseDuration(words[1]))
	default:
		s.t.Fatalf("%s: unknown verb %q", where, words[0])
	}
}

// replay recovers a machine from everything that was persisted.
func (s *story) replay() *Machine {
	m := s.machine()
	for _, f := range s.fold {
		f(m)
	}
	return m
}

// checkRestart recovers the state on the side, once from the whole log and once from an older snapshot and the rest, and
// demands the same ledger, no lost or lowered generation, and no member of this process.
func (s *story) checkRestart(line string) {
	s.t.Helper()
	want := s.m.AppendSnapshot(nil)
	whole := s.replay()
	if got := whole.AppendSnapshot(nil); !bytes.Equal(got, want) {
		s.t.Fatalf("after %q a replay gives another state", line)
	}
	rest := s.machine()
	if s.halfway != nil {
		if err := rest.Restore(s.halfway); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, f := range s.fold[s.halfFold:] {
		f(rest)
	}
	if got := rest.AppendSnapshot(nil); !bytes.Equal(got, want) {
		s.t.Fatalf("after %q snapshot and rest give another state", line)
	}
	s.halfway, s.halfFold = want, len(s.fold)

	rest.Recovered(s.now)
	checkInvariants(s.t, rest)
	for name, g := range s.m.groups {
		r := rest.groups[name]
		if r == nil {
			if g.generation > 0 {
				s.t.Fatalf("after %q group %q is lost by a restart", line, name)
			}
			continue
		}
		if r.generation != g.generation {
			s.t.Fatalf("after %q a restart moves group %q from generation %d to %d", line, name, g.generation, r.generation)
		}
		for _, m := range r.order {
			if m.embedded || m.expires != s.now.Add(m.sessionTimeout) {
				s.t.Fatalf("after %q member %q is restored wrongly: %+v", line, m.id, m)
			}
		}
	}
}

// checkWire writes a reply as its version has it and reads it back: what is written again must be the same.
func checkWire(t *testing.T, r kmsg.Response) {
	t.Helper()
	b := r.AppendTo(nil)
	again := kmsg.ResponseForKey(r.Key())
	again.SetVersion(r.GetVersion())
	if err := again.ReadFrom(b); err != nil || !bytes.Equal(b, again.AppendTo(nil)) {
		t.Fatalf("%T version %d does not survive the wire: %v", r, r.GetVersion(), err)
	}
}

func checkInvariants(t *testing.T, m *Machine) {
	t.Helper()
	for token, w := range m.waiting {
		if w.token != token || w.member.join != w && w.member.sync != w || m.groups[w.group.name] != w.group ||
			w.group.byID[w.member.id] != w.member {
			t.Fatalf("call %d waits for nobody", token)
		}
	}
	for name, g := range m.groups {
		if len(g.byID) != len(g.order) {
			t.Fatalf("group %q has %d ids and %d members", name, len(g.byID), len(g.order))
		}
		if len(g.order) > 0 && g.byID[g.leader] == nil {
			t.Fatalf("group %q has leader %q, who is no member", name, g.leader)
		}
		for _, o := range g.order {
			if g.byID[o.id] != o || o.instance != "" && g.instances[o.instance] != o {
				t.Fatalf("group %q does not find member %q", name, o.id)
			}
			if o.join != nil && g.state != statePreparingRebalance || o.sync != nil && g.state != stateCompletingRebalance {
				t.Fatalf("group %q: member %q waits in state %s", name, o.id, g.state)
			}
			for _, w := range []*waiter{o.join, o.sync} {
				if w != nil && m.waiting[w.token] != w {
					t.Fatalf("group %q: the call of member %q is lost", name, o.id)
				}
			}
		}
		if (g.state == stateEmpty) != (len(g.order) == 0) {
			t.Fatalf("group %q is %s with %d members", name, g.state, len(g.order))
		}
		if e := g.earliest(); !e.IsZero() && (g.next.IsZero() || g.next.After(e)) {
			t.Fatalf("group %q is due at %v but looked at %v", name, e, g.next)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
