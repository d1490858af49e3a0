package statetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrun/millrun/state"
)

// cacheSizes are the sizes under which a rule about caches is tried: next to nothing, little, no bound.
var cacheSizes = []int64{1, 16 * 48, -1}

func noKeyLeavesItsTable(t *testing.T, open Opener) {
	h := start(t, open, 0, "a", "b", "c")
	keys := []string{"", "\x00", "\x00m", "\x01", "\x01\x00\x00", "\x01\x00\x01", "\xff", "\xff\xff\xff\xff"}
	for i, k := range keys {
		h.c.Put(1, []byte(k), fmt.Append(nil, i))
	}
	h.c.Accept()
	h.commit()
	h.wantList(h.s, 0, "")
	h.wantList(h.s, 2, "")
	for i, k := range keys {
		h.wantGet(h.s, 1, k, fmt.Sprint(i), true)
		h.wantGet(h.s, 0, k, "", false)
	}
	if got := h.s.Mark().Commit; got != 1 {
		t.Errorf("keys like internal ones moved the mark: commit %d", got)
	}
	if d, err := h.s.Digest(1); err != nil || d.Entries != int64(len(keys)) {
		t.Errorf("the table shows %d entries (%v), want %d", d.Entries, err, len(keys))
	}
}

// C-04, in bytes: the order is that of the sort form, keys come back in their own form, from the cache and from the store.
func scansFollowTheSortForm(t *testing.T, open Opener) {
	flip := func(dst, key []byte) []byte { // as signed numbers have it: the first bit turned
		dst = append(dst, key...)
		if len(key) > 0 {
			dst[len(dst)-len(key)] ^= 0x80
		}
		return dst
	}
	s := open(t, []state.TableConfig{{Name: "signed", Sort: flip, Unsort: flip}})
	defer s.Close(false)
	h := &harness{t: t, s: s, c: state.NewCache(s, 0)}
	keys := []byte{0x80, 0xfb, 0xff, 0x00, 0x01, 0x05, 0x7f} // min -5 -1 0 1 5 max
	want := func(when string, from scanner, low, high, want []byte) {
		t.Helper()
		var got []byte
		h.must(from.Scan(0, low, high, func(k, _ []byte) bool {
			got = append(got, k...)
			return true
		}))
		if string(got) != string(want) {
			t.Errorf("%s: keys % x, want % x", when, got, want)
		}
	}
	for i := range keys {
		k := keys[(i*3)%len(keys)]
		h.c.Put(0, []byte{k}, []byte{k})
		if i == 3 {
			h.c.Accept()
			h.commit()
			h.c.Rollback()
		}
	}
	low, high := flip(nil, []byte{0xfe}), flip(nil, []byte{0x02}) // -2 to 2
	want("half of it stored, all", h.c, nil, nil, keys)
	want("half of it stored, part", h.c, low, high, keys[2:5])
	h.c.Accept()
	h.commit()
	want("stored, all", h.s, nil, nil, keys)
	want("stored, part", h.s, low, high, keys[2:5])
	h.wantGet(h.s, 0, "\xfb", "\xfb", true)
}

// S-19: a scan shows the table as of the call, whatever is put, accepted or applied while it runs.
func scanShowsOneMoment(t *testing.T, open Opener) {
	for _, size := range cacheSizes {
		h := start(t, open, size, "a")
		h.put(0, "a=1 c=3 e=5")
		h.commit()
		h.c.Put(0, []byte("b"), []byte("2"))
		h.c.Put(0, []byte("c"), []byte("30"))
		var outer, inner []string
		h.must(h.c.Scan(0, nil, nil, func(k, v []byte) bool {
			outer = append(outer, fmt.Sprintf("%s=%s", k, v))
			for _, later := range []string{"a", "b", "c", "d", "e", "f"} {
				h.c.Put(0, []byte(later), []byte("x")) // fits where an older value was
				h.c.Put(0, []byte(later), fmt.Appendf(nil, "later than %s", k))
			}
			if string(k) == "b" {
				inner = strings.Split(h.list(h.c, 0, nil, nil), " ")
			}
			return true
		}))
		if got := strings.Join(outer, " "); got != "a=1 b=2 c=30 e=5" {
			t.Errorf("cache of %d bytes: the scan shows %s", size, got)
		}
		if len(inner) != 18 {
			t.Errorf("cache of %d bytes: a scan inside shows %q, want the six new values", size, inner)
		}
		h.c.Accept()
		h.commit()
		h.must(h.s.Scan(0, nil, nil, func(k, v []byte) bool {
			if string(v) != "later than e" {
				t.Errorf("cache of %d bytes: %s=%s after commit", size, k, v)
			}
			if string(k) == "a" {
				h.put(0, "b=applied e")
				h.commit()
			}
			return true
		}))
		h.wantGet(h.s, 0, "b", "applied", true)
	}
}

// C-62: use after close is an error, never a short answer.
func useAfterCloseIsAnError(t *testing.T, open Opener) {
	h := start(t, open, 0, "a")
	h.put(0, "a=1 b=2")
	h.commit()
	h.must(h.s.Close(true))
	_, _, getErr := h.s.Get(0, []byte("a"))
	_, digestErr := h.s.Digest(0)
	for what, err := range map[string]error{
		"Get": getErr, "Digest": digestErr,
		"Scan":  h.s.Scan(0, nil, nil, func(_, _ []byte) bool { return true }),
		"Apply": h.s.Apply(nil, state.Mark{}), "Commit": h.s.Commit(state.Mark{}), "Barrier": h.s.Barrier(),
		"Wipe": h.s.Wipe(), "Reject": h.s.Reject("x"), "Close": h.s.Close(true),
		"Cache.Scan": h.c.Scan(0, nil, nil, func(_, _ []byte) bool { return true }),
	} {
		if !errors.Is(err, state.ErrClosed) {
			t.Errorf("%s after Close gives %v, want ErrClosed", what, err)
		}
	}
}

// C-62: what a break or a panic leaves of a scan holds nothing, or Close would wait for ever.
func scansLeftEarly(t *testing.T, open Opener) {
	h := start(t, open, 0, "a")
	h.put(0, "a=1 b=2")
	h.commit()
	for _, from := range []scanner{h.s, h.c} {
		for range 100 {
			h.must(from.Scan(0, nil, nil, func(_, _ []byte) bool { return false }))
		}
		func() {
			defer func() { _ = recover() }()
			_ = from.Scan(0, nil, nil, func(_, _ []byte) bool { panic("handler") })
		}()
	}
	func() {
		defer func() { _ = recover() }()
		_ = state.Diff(h.s, start(t, open, 0, "a").s, 0, func(_, _, _ []byte) bool { panic("handler") })
	}()
	h.c.Discard() // a cache that believes in a running scan refuses, with invariants on
	h.must(h.s.Close(true))
}

// C-01.
func deletedKeysStayAway(t *testing.T, open Opener) {
	for _, size := range cacheSizes {
		h := start(t, open, size, "k")
		h.put(0, "k0=0 k1=1 k2=2 k3=3 k4=4 k5=5 k6=6 k7=7 k8=8 k9=9")
		h.commit()
		h.c.Delete(0, []byte("k1"))
		h.c.Delete(0, []byte("k3"))
		h.c.Put(0, []byte("k2"), []byte("20"))
		const want = "k0=0 k2=20 k4=4 k5=5 k6=6 k7=7 k8=8 k9=9"
		h.wantList(h.c, 0, want)
		h.c.Accept()
		h.wantList(h.c, 0, want)
		h.must(h.s.Apply(h.c.Freeze(), state.Mark{}))
		h.wantList(h.c, 0, want)
		h.c.Thaw()
		h.wantList(h.c, 0, want)
		h.c.Rollback()
		h.wantList(h.c, 0, want)
		h.wantList(h.s, 0, want)
	}
}

// C-02: the rule is the snapshot.
func deletingWhileScanning(t *testing.T, open Opener) {
	for _, size := range cacheSizes {
		for _, stored := range []bool{false, true} {
			h := start(t, open, size, "t")
			h.put(0, "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9 j=10")
			if stored {
				h.commit()
			}
			var seen []string
			h.must(h.c.Scan(0, nil, nil, func(k, v []byte) bool {
				seen = append(seen, fmt.Sprintf("%s=%s", k, v))
				next := string([]byte{k[0] + 1})
				key := string(k)
				h.c.Delete(0, []byte(key))
				h.c.Delete(0, []byte(next))
				h.wantGet(h.c, 0, key, "", false)
				h.wantGet(h.c, 0, next, "", false)
				return true
			}))
			if got := strings.Join(seen, " "); got != "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9 j=10" {
				t.Errorf("cache of %d bytes, stored %v: visited %s", size, stored, got)
			}
			h.c.Accept()
			h.commit()
			h.wantList(h.s, 0, "")
			h.wantList(h.c, 0, "")
		}
	}
}

// C-05: the end of a prefix is the next prefix, which may be shorter or open.
func prefixScans(t *testing.T, open Opener) {
	h := start(t, open, 0, "A", "B")
	for _, k := range []string{"\xfe\x01", "\xff", "\xff\xff", "\xff\xff\x00", "\xff\xff\xff"} {
		h.c.Put(0, []byte(k), []byte("A"))
	}
	h.c.Put(1, []byte{0}, []byte("B"))
	for _, when := range []string{"staged", "open", "stored"} {
		for prefix, want := range map[string]int{"\xff\xff": 3, "\xff": 4, "": 5} {
			n := 0
			h.must(h.c.Scan(0, []byte(prefix), nil, func(_, v []byte) bool {
				n++
				if string(v) != "A" {
					t.Errorf("%s: a scan of A shows an entry of %s", when, v)
				}
				return true
			}))
			if n != want {
				t.Errorf("%s: prefix % x has %d keys, want %d", when, prefix, n, want)
			}
		}
		if got := h.list(h.c, 0, []byte("\xfe"), []byte("\xff")); got != "\xfe\x01=A" {
			t.Errorf("%s: prefix fe has %q", when, got)
		}
		if when == "staged" {
			h.c.Accept()
		} else {
			h.commit()
		}
	}
}
