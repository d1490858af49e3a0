package txn

import (
	"reflect"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/twmb/franz-go/pkg/kerr"
)

// world carries out what a machine decides, as the host does.
type world struct {
	t   *testing.T
	m   *Machine
	pid int64
	now time.Time
}

func newWorld(t *testing.T) *world {
	return &world{t: t, m: New("id"), pid: 100, now: time.Unix(1000, 0)}
}

func (w *world) fresh() int64 { w.pid++; return w.pid - 1 }

func (w *world) carry(v Verdict) Verdict {
	if v.End != nil {
		w.m.ApplyEnd(v.End, false)
	}
	if v.Init != nil {
		w.m.ApplyInit(v.Init)
	}
	return v
}

func (w *world) init(pid int64, epoch int16) Verdict {
	return w.carry(w.m.Init(pid, epoch, time.Minute, w.fresh))
}

func (w *world) end(pid int64, epoch int16, commit bool) Verdict {
	return w.carry(w.m.End(pid, epoch, commit, w.fresh))
}

func (w *world) write() { w.m.ApplyWrite(1, w.now) }

func (w *world) want(what string, v Verdict, code *kerr.Error, pid int64, epoch int16) {
	w.t.Helper()
	want := int16(0)
	if code != nil {
		want = code.Code
	}
	if v.Code != want || code == nil && (v.PID != pid || v.Epoch != epoch) {
		w.t.Errorf("%s: code %d producer %d epoch %d, want code %d producer %d epoch %d", what, v.Code, v.PID, v.Epoch, want, pid, epoch)
	}
}

func TestOwnersFenceEachOther(t *testing.T) {
	w := newWorld(t)
	w.want("first owner", w.init(-1, -1), nil, 100, 0)
	w.want("second owner", w.init(-1, -1), nil, 100, 1)
	w.want("first owner's renew", w.init(100, 0), kerr.ProducerFenced, 0, 0)
	w.want("first owner's abort", w.end(100, 0, false), kerr.ProducerFenced, 0, 0)
	if code := w.m.Write(100, 0); code != kerr.InvalidProducerEpoch.Code {
		t.Errorf("first owner's write: %d", code)
	}
	if code := w.m.Stage(100, 0); code != kerr.ProducerFenced.Code {
		t.Errorf("first owner's offsets: %d", code)
	}
	if code := w.m.Write(7, 0); code != kerr.InvalidProducerIDMapping.Code {
		t.Errorf("a stranger's write: %d", code)
	}
	w.write()
	v := w.m.Init(-1, -1, time.Minute, w.fresh)
	if v.End == nil || v.End.Commit || v.End.MarkerEpoch != 2 {
		t.Errorf("third owner with a transaction open: %+v, want its abort with marker epoch 2", v.End)
	}
	w.want("third owner", w.carry(v), nil, 100, 2)
	w.want("second owner's repeat of an abort it never made", w.end(100, 1, false), kerr.ProducerFenced, 0, 0)
}

func TestEndIsRepeatedByTheSameRequestAlone(t *testing.T) {
	w := newWorld(t)
	w.init(-1, -1)
	w.want("commit of nothing", w.end(100, 0, true), kerr.InvalidTxnState, 0, 0)
	w.write()
	w.want("commit", w.end(100, 0, true), nil, 100, 1)
	w.want("again", w.end(100, 0, true), nil, 100, 1)
	w.want("the opposite", w.end(100, 0, false), kerr.InvalidTxnState, 0, 0)
	w.write()
	w.want("late, into the next transaction (KAFKA-17754)", w.end(100, 0, true), kerr.ProducerFenced, 0, 0)
	w.want("abort", w.end(100, 1, false), nil, 100, 2)
	w.want("again", w.end(100, 1, false), nil, 100, 2)
	w.want("abort of nothing", w.end(100, 2, false), nil, 100, 3)
	w.want("stranger", w.end(5, 0, true), kerr.InvalidProducerIDMapping, 0, 0)
}

func TestTimeoutBumpsOnce(t *testing.T) {
	w := newWorld(t)
	w.init(-1, -1)
	w.write()
	if w.m.Expire(w.now.Add(time.Minute-1), w.fresh) != nil {
		t.Error("expired before its time")
	}
	r := w.m.Expire(w.now.Add(time.Minute), w.fresh)
	if r == nil || r.Commit || len(w.m.Partitions()) != 1 {
		t.Fatalf("at its time: %+v", r)
	}
	w.m.ApplyEnd(r, true)
	w.want("commit", w.end(100, 0, true), kerr.ProducerFenced, 0, 0)
	w.want("abort", w.end(100, 0, false), nil, 100, 1)
	w.want("renew (KAFKA-19367: no second bump)", w.init(100, 0), nil, 100, 1)
	if !w.m.Deadline().IsZero() {
		t.Error("a deadline without a transaction")
	}
}

func TestLastEpochGoesOverToANewProducer(t *testing.T) {
	w := newWorld(t)
	w.init(-1, -1)
	w.m.Epoch = MaxEpoch
	w.write()
	v := w.m.End(100, MaxEpoch, true, w.fresh)
	if v.End.MarkerEpoch != MaxEpoch+1 {
		t.Errorf("marker epoch %d", v.End.MarkerEpoch)
	}
	w.want("end", w.carry(v), nil, 101, 0)
	w.want("again (KAFKA-18660)", w.end(100, MaxEpoch, true), nil, 101, 0)
	w.want("renew with what it had", w.init(100, MaxEpoch), nil, 101, 0)
	if code := w.m.Write(100, MaxEpoch); code != kerr.InvalidProducerEpoch.Code {
		t.Errorf("write with the old producer id: %d", code)
	}
}

func TestExportIsTheWholeMachine(t *testing.T) {
	w := newWorld(t)
	w.init(-1, -1)
	w.end(100, 0, false)
	w.write()
	w.m.ApplyWrite(meta.Handle(9), w.now)
	w.m.ApplyStage("g", w.now)
	again := Import(w.m.Export())
	again.Restart(w.now)
	if !reflect.DeepEqual(again, w.m) {
		t.Errorf("got %+v, want %+v", again, w.m)
	}
	again.Forget(9)
	if again.Has(9) || !again.Has(1) {
		t.Error("Forget took the wrong partition")
	}
}
