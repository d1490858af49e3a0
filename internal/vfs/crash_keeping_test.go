package vfs_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

const keepingScript = "create f; write f abc; sync f; syncdir .; append f def; truncate f 5; create g; write g new; mkdir d"

func TestKeepingNothingIsCrashCloneAndKeepingAllIsClone(t *testing.T) {
	disk := vfs.NewMem()
	run(t, disk, keepingScript)
	rng := rand.New(rand.NewPCG(1, 1))
	if got, want := state(t, disk.CrashCloneKeeping(rng, 0)), state(t, disk.CrashClone()); got != want {
		t.Errorf("keeping nothing left %q, want %q", got, want)
	}
	all := disk.CrashCloneKeeping(rng, 1)
	if got, want := state(t, all), state(t, disk.Clone()); got != want {
		t.Errorf("keeping all left %q, want %q", got, want)
	}
	if got := state(t, all.CrashClone()); got != state(t, all) {
		t.Errorf("what survived is not durable: %q", got)
	}
}

func TestASeedRepeatsWhatSurvives(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		var states []string
		for range 2 {
			disk := vfs.NewMem()
			run(t, disk, keepingScript)
			states = append(states, state(t, disk.CrashCloneKeeping(rand.New(rand.NewPCG(seed, 0)), 0.5)))
		}
		if states[0] != states[1] {
			t.Fatalf("seed %d left %q and then %q", seed, states[0], states[1])
		}
		seen[states[0]] = true
		if !strings.Contains(states[0], "f=abc") {
			t.Errorf("seed %d lost synced bytes: %q", seed, states[0])
		}
	}
	for _, want := range []string{"f=abc", "f=abcde", "f=abc\x00\x00", "d/ f=abcde g=new", "d/ f=abc g=", "d/ f=abc g=\x00\x00\x00"} {
		if !seen[want] {
			t.Errorf("no seed left %q", want)
		}
	}
}

// Whatever survives, each page is the old or the new one, and neither the copy nor the original sees the other's writes.
func TestSurvivingPagesAreOldOrNewAndStayApart(t *testing.T) {
	const pages = 64
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		disk := vfs.NewMem()
		run(t, disk, "create f; syncdir .")
		f := reopen(t, disk)
		fill(t, f, 'o', pages)
		check(t, f.Sync())
		fill(t, f, 'n', pages)
		left := disk.CrashCloneKeeping(rng, 0.5)
		before := bytesOf(t, left, "f")
		var old, fresh int
		for i := range pages {
			page := before[i*pageBytes:][:pageBytes]
			switch {
			case bytes.Count(page, []byte("o")) == pageBytes:
				old++
			case bytes.Count(page, []byte("n")) == pageBytes:
				fresh++
			default:
				t.Fatalf("seed %d: page %d is neither old nor new", seed, i)
			}
		}
		if old == 0 || fresh == 0 {
			t.Errorf("seed %d: %d old and %d new pages, want some of each", seed, old, fresh)
		}
		fill(t, f, 'x', pages)
		if !bytes.Equal(bytesOf(t, left, "f"), before) {
			t.Fatalf("seed %d: a write to the original shows in the copy", seed)
		}
		fill(t, reopen(t, left), 'y', pages)
		if got := bytesOf(t, disk, "f"); bytes.Count(got, []byte("x")) != len(got) {
			t.Fatalf("seed %d: a write to the copy shows in the original", seed)
		}
		if got := bytesOf(t, disk.CrashClone(), "f"); bytes.Count(got, []byte("o")) != len(got) {
			t.Fatalf("seed %d: the copy changed what is durable in the original", seed)
		}
	}
}

func fill(t *testing.T, f vfs.File, with byte, pages int) {
	t.Helper()
	_, err := f.WriteAt(bytes.Repeat([]byte{with}, pages*pageBytes), 0)
	check(t, err)
}
