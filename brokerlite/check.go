package brokerlite

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"path"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/seglog"
	"github.com/millrun/millrun/brokerlite/internal/wal"
	"github.com/millrun/millrun/internal/vfs"
)

// Finding is something that Check has found.
type Finding struct {
	// Damage says that data which counted is lost or unreadable. False: worth knowing, nothing is lost.
	Damage bool `json:"damage"`
	// File and At name the first byte concerned; At is -1 where the whole file is.
	File string `json:"file"`
	At   int64  `json:"at"`
	// What says what is wrong and what was expected.
	What string `json:"what"`
}

// String is one line.
func (f Finding) String() string {
	kind := "note"
	if f.Damage {
		kind = "damage"
	}
	if f.At < 0 {
		return fmt.Sprintf("%s: %s: %s", kind, f.File, f.What)
	}
	return fmt.Sprintf("%s: %s: byte %d: %s", kind, f.File, f.At, f.What)
}

// Check reads everything in the data directory dir of a stopped broker, checksums included, changes nothing, and lists
// what is wrong: empty means that all is well. The error is for a directory that cannot be checked: in use, not a broker's,
// or of a version this program does not know. A nil fs is the operating system's.
func Check(fs vfs.FS, dir string) (findings []Finding, err error) {
	s, done, err := openStopped(&fs, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	c := checker{fs: fs, s: s}
	for _, fault := range s.Damaged {
		c.add(Finding{Damage: s.Snapshot == nil, File: path.Join(dir, "meta"), At: -1, What: fault.Error()})
	}
	if s.Snapshot == nil {
		return c.findings, nil
	}
	c.log()
	for _, t := range s.InOrder() {
		for _, h := range t.Partitions {
			if err := c.partition(h); err != nil {
				return c.findings, fmt.Errorf("brokerlite: check %s: %w", dir, err)
			}
		}
	}
	unknown, err := s.Unknown(fs)
	for _, name := range unknown {
		c.add(Finding{File: name, At: -1, What: "belongs to no topic; the broker leaves it alone"})
	}
	return c.findings, err
}

type checker struct {
	fs       vfs.FS
	s        *engine.Stopped
	findings []Finding
}

func (c *checker) add(f Finding) { c.findings = append(c.findings, f) }

func (c *checker) log() {
	if cut := c.s.Log.Cut; cut != nil {
		c.add(Finding{File: cut.File, At: cut.At, What: "torn end, which a start cuts: " + cut.Want})
	}
	var damage *wal.Damage
	switch {
	case errors.As(c.s.LogFault, &damage):
		c.add(Finding{Damage: true, File: damage.File, At: damage.At, What: "want " + damage.Want + " (" + damage.Claim + ")"})
	case c.s.LogFault != nil:
		c.add(Finding{Damage: true, File: path.Join(c.s.Dir, "wal"), At: -1, What: c.s.LogFault.Error()})
	}
}

// partition reads all segments and holds them against the checkpoint: below it every byte must be there, above it the
// write-ahead log decides.
func (c *checker) partition(h meta.Handle) error {
	dir, p := c.s.PartitionDir(h), c.s.Partitions[h]
	sum, err := seglog.Walk(c.fs, dir, nil)
	var damage *seglog.Damage
	switch {
	case errors.As(err, &damage):
		c.add(Finding{Damage: true, File: damage.File, At: damage.At, What: "want " + damage.Want})
	case err != nil && !neverWritten(err, p):
		if !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		c.add(Finding{Damage: true, File: dir, At: -1, What: "missing, want the segments of the partition"})
		return nil
	}
	for _, d := range lost(c.fs, dir, p, sum) {
		c.add(Finding{Damage: true, File: d.File, At: d.At, What: "want " + d.Want})
	}
	for _, stale := range sum.Stale {
		c.add(Finding{File: dir, At: -1, What: "index is built anew: " + stale})
	}
	return nil
}

// neverWritten says that a partition has no directory because nothing of it is known to be on disk yet: recovery makes it.
func neverWritten(err error, p *engine.StoppedPartition) bool {
	return errors.Is(err, iofs.ErrNotExist) && len(p.Saved.Segments) == 0
}
