package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/invariant"
	"github.com/millrun/millrun/internal/vfs"
)

// life is a store with the changelog it follows: what the log says is known, so it is known what the store should hold.
type life struct {
	t     *testing.T
	r     *rand.Rand
	files *vfs.Mem
	log   []commitlog.Record
	s     *Store
	c     *Cache
}

func lifeConfig(files vfs.FS) Config {
	return Config{
		FS: files, Dir: "state/shop/totals.e1/3", Tables: []TableConfig{{Name: "totals"}}, WriteBuffer: 16 << 10,
		Identity: Identity{ClusterID: "here", Changelogs: [][16]byte{{7}}},
	}
}

func newLife(t *testing.T, seed uint64) *life {
	l := &life{t: t, r: rand.New(rand.NewPCG(seed, 1)), files: vfs.NewMem()}
	s, err := Open(lifeConfig(l.files))
	if err != nil {
		t.Fatal(err)
	}
	l.s, l.c = s, NewCache(s, 1<<10)
	return l
}

// commit changes a few keys; a key that is changed once may never be again, so a lost batch shows.
func (l *life) commit() {
	for range 1 + l.r.IntN(5) {
		k := fmt.Appendf(nil, "k%05d", l.r.IntN(3_000))
		if l.r.IntN(4) == 0 {
			l.c.Delete(0, k)
		} else {
			l.c.Put(0, k, bytes.Repeat([]byte{byte(l.r.Uint32())}, l.r.IntN(300)))
		}
		l.c.Accept()
	}
	ch := l.c.Freeze()
	for _, r := range ch.Records(nil, 0, int64(len(l.log))) {
		l.log = append(l.log, commitlog.Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)})
	}
	l.must(l.s.Apply(ch, l.mark(len(l.log))))
	l.c.Thaw()
}

func (l *life) mark(next int) Mark {
	return Mark{Commit: int64(next), Changelogs: []Applied{{Next: int64(next), Epoch: 1}}}
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) fold(n int) map[string]string {
	m := map[string]string{}
	for _, r := range l.log[:n] {
		if r.Value == nil {
			delete(m, string(r.Key))
		} else {
			m[string(r.Key)] = string(r.Value)
		}
	}
	return m
}

func contentsOf(t *testing.T, s *Store) map[string]string {
	m := map[string]string{}
	if err := s.Scan(0, nil, nil, func(k, v []byte) bool { m[string(k)] = string(v); return true }); err != nil {
		t.Fatal(err)
	}
	return m
}

// recovers opens what a crash left and replays the log from the mark that from chooses; it tells whether the result is the fold.
func (l *life) recovers(files vfs.FS, from func(*Store) Mark) bool {
	l.t.Helper()
	s, err := Open(lifeConfig(files))
	l.must(err)
	defer s.Close(false)
	if s.Moved() != "" {
		l.t.Errorf("the store was moved aside after a power cut: %s", s.Moved())
	}
	next := 0
	if m := from(s); len(m.Changelogs) > 0 {
		next = int(m.Changelogs[0].Next)
	}
	l.must(s.Restore(0, l.log[next:]))
	l.must(s.Commit(l.mark(len(l.log))))
	return maps.Equal(contentsOf(l.t, s), l.fold(len(l.log)))
}

// lives is how many lives a test looks at. The race detector slows them down tenfold and finds nothing more in the later ones.
func lives() int {
	if invariant.Enabled {
		return 8
	}
	return 30
}

// liveAndDie runs a life of some hundred commits with barriers at random moments, and asks check about a crash at its end.
func liveAndDie(t *testing.T, prepare func(*life), check func(seed uint64, l *life)) {
	for seed := range uint64(lives()) {
		liveOnce(t, seed, prepare, check)
	}
}

// liveUntil looks at lives until one shows what a planted fault does, at most ten times as many as usual: LevelDB writes in the
// background, so no single life is sure to.
func liveUntil(t *testing.T, shown *int, prepare func(*life), check func(seed uint64, l *life)) {
	for seed := uint64(0); *shown == 0 && seed < 10*uint64(lives()); seed++ {
		liveOnce(t, seed, prepare, check)
	}
}

func liveOnce(t *testing.T, seed uint64, prepare func(*life), check func(seed uint64, l *life)) {
	l := newLife(t, seed)
	if prepare != nil {
		prepare(l)
	}
	for range 50 + l.r.IntN(400) {
		l.commit()
		if l.r.IntN(100) == 0 {
			l.must(l.s.Barrier())
		}
	}
	check(seed, l)
	l.must(l.s.Close(false))
}

// S-13: after a power cut, whatever it took of what was not synced, replay from Mark gives the fold.
func TestReplayFromMarkAfterAPowerCutGivesTheFold(t *testing.T) {
	marked := 0
	liveAndDie(t, nil, func(seed uint64, l *life) {
		if !l.recovers(l.files.CrashClone(), (*Store).Mark) {
			t.Errorf("seed %d: all that was not synced is gone: the store differs from the fold", seed)
		}
		for i := range 3 {
			if !l.recovers(torn(t, l.r, l.files), (*Store).Mark) {
				t.Errorf("seed %d, tear %d: the store differs from the fold", seed, i)
			}
		}
		if len(l.s.Mark().Changelogs) > 0 {
			marked++
		}
	})
	if marked < lives()/2 {
		t.Errorf("only %d of %d lives had a mark to come back to: the test shows little", marked, lives())
	}
}

// S-13, planted fault: who trusts the offset inside LevelDB loses batches below it.
func TestTheMarkInsideLevelDBIsNotToBeTrusted(t *testing.T) {
	wrong := 0
	liveUntil(t, &wrong, nil, func(_ uint64, l *life) {
		if !l.recovers(torn(t, l.r, l.files), (*Store).Last) {
			wrong++
		}
	})
	if wrong == 0 {
		t.Error("replay from Last was right every time: the power cuts of this test cannot show what the barrier is for")
	}
}

// noFlush is a backend whose flush does nothing.
type noFlush struct{ backend }

func (noFlush) flush() error { return nil }

// Planted fault: a barrier file without the sync under it.
func TestABarrierWithoutItsSyncLosesBatches(t *testing.T) {
	wrong := 0
	liveUntil(t, &wrong, func(l *life) { l.s.backend = noFlush{l.s.backend} }, func(_ uint64, l *life) {
		files := torn(t, l.r, l.files)
		if s, err := Open(lifeConfig(files.Clone())); err != nil || s.Moved() != "" {
			wrong++ // the newest batch is older than the barrier: noticed
		} else {
			l.must(s.Close(false))
			if !l.recovers(files, (*Store).Mark) {
				wrong++
			}
		}
	})
	if wrong == 0 {
		t.Error("barriers that sync nothing were enough every time: the test cannot show what the sync is for")
	}
}

// After kill -9 everything written is there, and replay from the barrier changes nothing.
func TestReplayFromMarkAfterAKillGivesTheFold(t *testing.T) {
	liveAndDie(t, nil, func(seed uint64, l *life) {
		if !l.recovers(l.files.Clone(), (*Store).Mark) {
			t.Errorf("seed %d: the store differs from the fold", seed)
		}
	})
}

// After a clean stop there is nothing to replay, even if the power fails right after it.
func TestACleanStopLeavesNothingToReplay(t *testing.T) {
	for seed := range uint64(5) {
		l := newLife(t, seed)
		for range 100 {
			l.commit()
		}
		l.must(l.s.Close(true))
		s, err := Open(lifeConfig(l.files.CrashClone()))
		l.must(err)
		if got := s.Mark().Commit; got != int64(len(l.log)) || s.Last().Commit != got {
			t.Errorf("seed %d: the mark is of %d, the log has %d", seed, got, len(l.log))
		}
		if !maps.Equal(contentsOf(t, s), l.fold(len(l.log))) {
			t.Errorf("seed %d: the store differs from the fold", seed)
		}
		l.must(s.Close(false))
	}
}

// Before the first barrier nothing is known of what is in the store: it starts empty, not with entries that a compacted changelog
// might not take back.
func TestAStoreWithoutABarrierStartsEmpty(t *testing.T) {
	l := newLife(t, 1)
	l.commit()
	s, err := Open(lifeConfig(l.files.Clone()))
	l.must(err)
	if got := contentsOf(t, s); len(got) > 0 || s.Moved() != "" || s.Mark().Commit != 0 || s.Last().Commit != 0 {
		t.Errorf("it has %d entries, mark %+v, moved %q", len(got), s.Mark(), s.Moved())
	}
	l.must(s.Close(false))
	l.must(l.s.Close(false))
}

// C-32: a restore that is cut short goes on where its last mark was, or from zero; never from where it meant to get.
func TestARestoreThatIsCutShortKnowsHowFarItCame(t *testing.T) {
	for _, how := range []string{"stopped", "killed", "power cut"} {
		l := newLife(t, 9)
		for i := range 30_000 {
			l.log = append(l.log, commitlog.Record{Key: fmt.Appendf(nil, "%06d", i), Value: []byte("v")})
		}
		for from := 0; from < 15_000; from += 1_000 {
			l.must(l.s.Restore(0, l.log[from:from+1_000]))
			if from%3_000 == 0 {
				l.must(l.s.Commit(l.mark(from + 1_000)))
			}
			if from == 7_000 {
				l.must(l.s.Barrier())
			}
		}
		var files *vfs.Mem
		var want int64
		switch how {
		case "stopped":
			l.must(l.s.Close(true))
			files, want = l.files, 13_000
		case "killed":
			files, want = l.files.Clone(), 7_000
		default:
			files, want = l.files.CrashClone(), 7_000
		}
		s, err := Open(lifeConfig(files))
		l.must(err)
		if got := s.Mark().Commit; got != want {
			t.Errorf("%s: the second start goes on at %d, want %d", how, got, want)
		}
		l.must(s.Restore(0, l.log[s.Mark().Changelogs[0].Next:]))
		l.must(s.Commit(l.mark(len(l.log))))
		if !maps.Equal(contentsOf(t, s), l.fold(len(l.log))) {
			t.Errorf("%s: the store differs from the fold", how)
		}
		l.must(s.Close(false))
		if err := l.s.Close(false); err != nil && !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
}

// torn gives what a power cut may leave: of each page that was not synced the old or the new bytes, of each name that was not
// synced the old or the new file.
func torn(t *testing.T, r *rand.Rand, files *vfs.Mem) *vfs.Mem {
	whole, safe, out := files.Clone(), files.CrashClone(), vfs.NewMem()
	var copyDir func(dir string)
	copyDir = func(dir string) {
		if err := out.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, from := range []*vfs.Mem{safe, whole} {
			list, _ := from.List(dir)
			for _, name := range list {
				names[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			name = path.Join(dir, name)
			if info, err := whole.Stat(name); err == nil && info.Dir {
				copyDir(name)
				continue
			}
			if content, ok := tear(t, r, name, safe, whole); ok {
				write(t, out, name, content)
			}
		}
		if err := out.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	copyDir("/")
	return out
}

func tear(t *testing.T, r *rand.Rand, name string, safe, whole *vfs.Mem) ([]byte, bool) {
	old, oldErr := readFile(safe, name)
	now, nowErr := readFile(whole, name)
	switch base := path.Base(name); {
	case oldErr != nil || nowErr != nil, base == "CURRENT", base == barrierFile: // another file under the name: one or the other
		if r.IntN(2) == 0 {
			return old, oldErr == nil
		}
		return now, nowErr == nil
	}
	out := make([]byte, len(now))
	if r.IntN(2) == 0 && len(old) < len(now) {
		out = out[:len(old)+r.IntN(len(now)-len(old))]
	}
	copy(out, old)
	for at := 0; at < len(out); at += 4096 {
		if end := min(at+4096, len(out)); r.IntN(3) > 0 {
			copy(out[at:end], now[at:end])
		}
	}
	return out, true
}

func write(t *testing.T, files *vfs.Mem, name string, content []byte) {
	f, err := files.Create(name)
	if err == nil {
		_, err = io.NewOffsetWriter(f, 0).Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
}
