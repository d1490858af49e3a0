package member

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestSubscriptionHasFixedBytes(t *testing.T) {
	s := subscription{topics: []string{"t", "u"}, owned: []int32{1, 4}, generation: 7,
		userData: appendUserData(nil, UserData{WorkerID: "w", Edition: 2, Warm: []int32{1, 300}})}
	b := appendSubscription(nil, s)
	const want = "0002" + "00000002" + "000174" + "000175" + "00000008" + "0101770202" + "01ac02" +
		"00000002" + "000174" + "00000002" + "00000001" + "00000004" + "000175" + "00000002" + "00000001" + "00000004" + "00000007"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("subscription is\n%s, want\n%s", got, want)
	}
	back, err := readSubscription(b)
	if diff := cmp.Diff(s, back, cmp.AllowUnexported(subscription{})); diff != "" || err != nil {
		t.Errorf("read back: %v\n%s", err, diff)
	}
	u, err := readUserData(back.userData)
	if diff := cmp.Diff(UserData{WorkerID: "w", Edition: 2, Warm: []int32{1, 300}}, u); diff != "" || err != nil {
		t.Errorf("user data: %v\n%s", err, diff)
	}
}

// A later version adds fields at the end, so that workers of two versions share one group.
func TestUserDataOfALaterVersionIsRead(t *testing.T) {
	want := UserData{WorkerID: "w", Edition: 2, Warm: []int32{1, 300}}
	later := append(appendUserData(nil, want), 0x05, 0xff)
	later[0]++
	u, err := readUserData(later)
	if diff := cmp.Diff(want, u); diff != "" || err != nil {
		t.Errorf("read %v\n%s", err, diff)
	}
}

func TestAssignmentHasFixedBytes(t *testing.T) {
	b := appendAssignment(nil, []string{"t", "u"}, []int32{3})
	const want = "0001" + "00000002" + "000174" + "00000001" + "00000003" + "000175" + "00000001" + "00000003" + "ffffffff"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("assignment is\n%s, want\n%s", got, want)
	}
	if got := hex.EncodeToString(appendAssignment(nil, []string{"t"}, nil)); got != "000100000000ffffffff" {
		t.Errorf("nothing assigned is %s", got)
	}
}

// An independent reader of ConsumerProtocol sees in our bytes what we said, and we in its.
func TestOtherClientsReadOurProtocol(t *testing.T) {
	s := subscription{topics: []string{"t", "u"}, userData: []byte{1, 2}, owned: []int32{0, 5}, generation: 9}
	var k kmsg.ConsumerMemberMetadata
	if err := k.ReadFrom(appendSubscription(nil, s)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(k.Topics, s.topics) || k.Generation != 9 || len(k.OwnedPartitions) != 2 ||
		!slices.Equal(k.OwnedPartitions[1].Partitions, s.owned) || !slices.Equal(k.UserData, s.userData) {
		t.Errorf("read as %+v", k)
	}
	for version := int16(0); version <= 3; version++ {
		k.Version = version
		back, err := readSubscription(k.AppendTo(nil))
		if err != nil || !slices.Equal(back.topics, s.topics) || !slices.Equal(back.userData, s.userData) {
			t.Errorf("version %d: %+v, %v", version, back, err)
		}
		if (version >= 1) != slices.Equal(back.owned, s.owned) || (version >= 2) != (back.generation == 9) {
			t.Errorf("version %d: owned %v of generation %d", version, back.owned, back.generation)
		}
	}
	var a kmsg.ConsumerMemberAssignment
	if err := a.ReadFrom(appendAssignment(nil, s.topics, s.owned)); err != nil {
		t.Fatal(err)
	}
	if len(a.Topics) != 2 || a.Topics[1].Topic != "u" || !slices.Equal(a.Topics[1].Partitions, s.owned) {
		t.Errorf("assignment read as %+v", a)
	}
}

func TestAssignmentsThatCannotBeFollowedAreRefused(t *testing.T) {
	topics := []string{"t", "u"}
	two := func(t1 []int32, rest string, more []int32) []byte {
		a := kmsg.NewConsumerMemberAssignment()
		a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "t", Partitions: t1}, {Topic: rest, Partitions: more}}
		return a.AppendTo(nil)
	}
	for name, c := range map[string]struct {
		b    []byte
		want []int32
		ok   bool
	}{
		"empty bytes":       {nil, nil, true},
		"no topics":         {appendAssignment(nil, nil, nil), nil, true},
		"version 0 of ours": {two([]int32{2, 1}, "u", []int32{1, 2}), []int32{1, 2}, true},
		"other partitions":  {two([]int32{1}, "u", []int32{2}), nil, false},
		"a topic missing":   {appendAssignment(nil, topics[:1], []int32{1}), nil, false},
		"another topic":     {appendAssignment(nil, []string{"t", "u", "v"}, []int32{1}), nil, false},
		"twice":             {two([]int32{1}, "t", []int32{1}), nil, false},
		"cut":               {appendAssignment(nil, topics, []int32{1})[:20], nil, false},
	} {
		got, err := readAssignment(c.b, topics)
		if (err == nil) != c.ok || !cmp.Equal(got, c.want, cmpopts.EquateEmpty()) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// What another process sends may be anything.
func TestDamagedBytesAreErrorsNotPanics(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	whole := appendSubscription(nil, subscription{topics: []string{"t", "u"}, owned: []int32{1}, generation: 1,
		userData: appendUserData(nil, UserData{WorkerID: "w", Warm: []int32{1, 2}})})
	for n := range whole {
		if _, err := readSubscription(whole[:n]); err == nil {
			t.Errorf("cut at %d is accepted", n)
		}
	}
	user := appendUserData(nil, UserData{WorkerID: "worker", Warm: []int32{1, 2}})
	for n := range user {
		if _, err := readUserData(user[:n]); err == nil {
			t.Errorf("user data cut at %d is accepted", n)
		}
	}
	for range 20_000 {
		b := slices.Clone(whole)
		b[r.IntN(len(b))] = byte(r.Uint32())
		if s, err := readSubscription(b); err == nil {
			readUserData(s.userData)
		}
		readAssignment(b, []string{"t"})
	}
}
