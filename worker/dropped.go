package worker

import (
	"context"
	"fmt"

	"github.com/millrun/millrun/internal/control"
	"github.com/millrun/millrun/internal/names"
	"github.com/millrun/millrun/topology"
)

// dropBuild deletes the topics, the group and the directory of a build that was cancelled. Nothing of it runs here any more.
func (u *unit) dropBuild(ctx context.Context, ed *control.Edition) error {
	app := u.worker.app.Name()
	err := control.Remove(ctx, u.worker.logc, names.Group(app, u.decl.Name, ed.Number),
		topology.Fingerprint(ed.Fingerprint).Topics(app, u.decl.Name, ed.Number))
	if err != nil {
		return fmt.Errorf("processor %s: drop edition %d: %w", u.decl.Name, ed.Number, err)
	}
	return u.removeDir(ed.Number)
}

// removeDropped removes what this worker's disk has of editions that are dropped: whoever drops one does not know all disks.
// What cannot be removed is only in the way, and tried again at the next start.
func (u *unit) removeDropped(p *control.Processor) {
	for number, ed := range p.Editions {
		if !ed.Dropped || u.removed[number] {
			continue
		}
		u.removed[number] = true
		if err := u.removeDir(number); err != nil {
			u.log.Warn("the directory of a dropped edition remains", "edition", number, "error", err)
		}
	}
}

func (u *unit) removeDir(number int) error {
	w := u.worker
	if w.config.StateDir == "" {
		return nil
	}
	dir := names.EditionDir(w.config.StateDir, w.app.Name(), u.decl.Name, number)
	if err := w.config.FS.RemoveAll(dir); err != nil {
		return fmt.Errorf("worker: remove %s: %w", dir, err)
	}
	return nil
}
