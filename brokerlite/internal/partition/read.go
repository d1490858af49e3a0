package partition

import (
	"errors"
	"syscall"

	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Read appends to dst whole batches from offset on, up to maxBytes together (the first may be larger), below the last
// stable offset for committed, else below the high watermark. The view is the one the answer belongs to.
func (p *Partition) Read(offset int64, maxBytes int, committed bool, dst []byte) ([]byte, View, int16) {
	v := p.View()
	if code := p.Code(); code != 0 {
		return dst, v, code
	}
	if offset < v.LogStart || offset > v.High {
		return dst, v, kerr.OffsetOutOfRange.Code
	}
	limit := v.High
	if committed {
		limit = v.Stable
	}
	if offset >= limit {
		return dst, v, 0
	}
	dst, err := p.segments.Read(offset, maxBytes, limit, dst)
	return dst, v, p.readCode(err)
}

// Aborted gives the aborted transactions with a record in [from, upTo), by first offset (S14).
func (p *Partition) Aborted(from, upTo int64) ([]seglog.Aborted, int16) {
	list, err := p.segments.Aborted(from, upTo)
	return list, p.readCode(err)
}

// readCode turns an error of the segments into a code. Damage, and whatever else will not pass by itself, takes the partition
// out of service, file and byte named.
func (p *Partition) readCode(err error) int16 {
	if err == nil {
		return 0
	}
	if code := p.Code(); code != 0 {
		return code // the files were closed under the read
	}
	var out *seglog.OutOfRange
	if errors.As(err, &out) {
		return kerr.OffsetOutOfRange.Code
	}
	if passing(err) {
		p.logger.Warn("read failed, the next one may not", "topic", p.Topic, "partition", p.Index, "error", err)
		return kerr.KafkaStorageError.Code
	}
	p.Fail(err)
	return p.Code()
}

// passing says that an error is of the process or the machine, not of the file: it had no descriptor or no memory to give.
func passing(err error) bool {
	for _, lack := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// EpochAt is the leader epoch of the record at offset.
func (p *Partition) EpochAt(offset int64) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	epoch := p.mu.epochs[0].Epoch
	for _, e := range p.mu.epochs {
		if e.Start <= offset {
			epoch = e.Epoch
		}
	}
	return epoch
}

// EndOfEpoch is the largest known epoch that is at most epoch, and the offset where it ends. An epoch below all known ones,
// whose records were deleted, ends where the first known one begins. A negative epoch gives -1 and -1.
func (p *Partition) EndOfEpoch(epoch int32) (int32, int64) {
	if epoch < 0 {
		return -1, -1
	}
	high := p.View().High
	p.mu.Lock()
	defer p.mu.Unlock()
	found, end := epoch, p.mu.epochs[0].Start
	for i, e := range p.mu.epochs {
		if e.Epoch > epoch {
			break
		}
		found, end = e.Epoch, high
		if i+1 < len(p.mu.epochs) {
			end = p.mu.epochs[i+1].Start
		}
	}
	return found, end
}
