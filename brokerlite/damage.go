package brokerlite

import (
	"errors"
	"fmt"
	"path"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/internal/vfs"
)

// ErrDamaged is in the chain of every error of Open, Inspect, Topics and Batches that says that bytes which counted are
// lost or unreadable. Nothing was changed on disk. Where the place is known, *DamageError is in the chain too.
var ErrDamaged = errors.New("brokerlite: damaged")

// DamageError says where a data directory is damaged. errors.Is finds ErrDamaged in it.
type DamageError struct {
	File string // with the path of the data directory
	At   int64  // first byte concerned
	Want string // what should be there

	cause error
}

// Error is the sentence of whoever met the damage; it names file, byte and expectation.
func (e *DamageError) Error() string { return e.cause.Error() }

// Unwrap gives ErrDamaged and what was found.
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.cause} }

// marked makes ErrDamaged known in the chain of an error that is about damage; any other stays as it is.
func marked(err error) error {
	var segment *seglog.Damage
	var log *wal.Damage
	switch {
	case errors.As(err, &segment):
		return &DamageError{File: segment.File, At: segment.At, Want: segment.Want, cause: err}
	case errors.As(err, &log):
		return &DamageError{File: log.File, At: log.At, Want: log.Want, cause: err}
	case errors.Is(err, meta.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// lost holds the segments of a partition against the checkpoint: below it every byte must be there, above it the write-ahead
// log decides. sum is what a walk over them found.
func lost(fs vfs.FS, dir string, p *engine.StoppedPartition, sum seglog.Summary) (places []*seglog.Damage) {
	for i, s := range p.Saved.Segments {
		if i+1 < len(p.Saved.Segments) && p.Saved.Segments[i+1].Base <= p.Saved.LogStart {
			continue // its records are deleted: it may be there or not
		}
		name := path.Join(dir, fmt.Sprintf("%020d.log", s.Base))
		info, err := fs.Stat(name)
		switch {
		case err != nil && s.Bytes == 0: // it got its name and nothing else
		case err != nil:
			places = append(places, &seglog.Damage{File: name, Want: fmt.Sprintf("a segment of at least %d bytes: %v", s.Bytes, err)})
		case info.Size < s.Bytes:
			places = append(places, &seglog.Damage{File: name, At: info.Size, Want: fmt.Sprintf("%d bytes; the file ends here", s.Bytes)})
		case sum.Tail != nil && sum.Tail.File == name && sum.Tail.At < s.Bytes:
			places = append(places, sum.Tail)
		}
	}
	return places
}
