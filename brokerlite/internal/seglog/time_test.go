package seglog

import (
	"math/rand/v2"
	"testing"

	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// randomLog appends batches with timestamps in no order and remembers each record.
func randomLog(t *testing.T, l *Log, r *rand.Rand) (stamps []Stamp) {
	t.Helper()
	var e recordbatch.Encoder
	for range 80 {
		e.Begin(nil, []recordbatch.Compression{recordbatch.None, recordbatch.Zstd}[r.IntN(2)])
		for range 1 + r.IntN(9) {
			ts := int64(r.IntN(2000)) - 1
			e.Append([]byte("k"), make([]byte, r.IntN(60)), nil, ts)
			stamps = append(stamps, Stamp{Offset: int64(len(stamps)), Timestamp: ts, LeaderEpoch: 4})
		}
		b, err := e.End(recordbatch.NoProducer)
		if err != nil {
			t.Fatal(err)
		}
		recordbatch.Batch(b).SetBaseOffset(l.Next())
		recordbatch.Batch(b).SetLeaderEpoch(4)
		if _, err := l.Append(b, now); err != nil {
			t.Fatal(err)
		}
	}
	return stamps
}

func TestTimesAreFoundRecordByRecord(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		disk := newMem(t)
		c := Config{Limits: Limits{SegmentBytes: 3000}, IndexBytes: 400, Files: NewFiles(1 + int(seed))}
		l := fresh(t, disk, c)
		stamps := randomLog(t, l, r)
		if err := l.DropBefore(int64(r.IntN(60))); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		for _, l := range []*Log{l, reopen(t, disk.CrashClone(), c, l.Known())} {
			for range 300 {
				ts, limit := int64(r.IntN(2100))-50, l.Start()+r.Int64N(l.Next()-l.Start()+1)
				want, wanted := Stamp{}, false
				for _, s := range stamps[l.Start():limit] {
					if s.Timestamp >= ts {
						want, wanted = s, true
						break
					}
				}
				if got, found, err := l.OffsetForTime(ts, limit); err != nil || found != wanted || got != want {
					t.Fatalf("seed %d: first at or after %d below %d: %+v, %v, %v; want %+v, %v", seed, ts, limit, got, found, err, want, wanted)
				}
				latest, wanted := Stamp{}, false
				for _, s := range stamps[l.Start():limit] {
					if !wanted || s.Timestamp > latest.Timestamp {
						latest, wanted = s, true
					}
				}
				if got, found, err := l.LatestTime(limit); err != nil || found != wanted || got != latest {
					t.Fatalf("seed %d: latest below %d: %+v, %v, %v; want %+v, %v", seed, limit, got, found, err, latest, wanted)
				}
			}
		}
	}
}
