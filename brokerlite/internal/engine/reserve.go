package engine

import (
	"errors"
	"path"
)

// reserveBytes is the room kept for markers: transactions that were open when the disk became full can still be ended
// (S-54). Each partition of such a transaction may need one block of it, so this is enough for 256 partitions. Beyond, the
// end is refused whole and tried again when there is room.
const reserveBytes = 1 << 20

func (e *Engine) reserveName() string { return path.Join(e.dir, "reserve") }

// takeReserve makes the file that keeps the room, unless it is there. Its bytes mean nothing.
func (e *Engine) takeReserve() (err error) {
	if e.reserved.Load() {
		return nil
	}
	if info, err := e.c.FS.Stat(e.reserveName()); err == nil && info.Size == reserveBytes {
		e.reserved.Store(true)
		return nil
	}
	f, err := e.c.FS.Create(e.reserveName())
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, reserveBytes), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, e.c.FS.Remove(e.reserveName()))
	}
	e.reserved.Store(true)
	return nil
}

// giveReserve lets markers have the room and says whether there was some. The timers take it back when they can.
func (e *Engine) giveReserve() bool {
	if !e.reserved.Swap(false) {
		return false
	}
	if err := e.c.FS.Remove(e.reserveName()); err != nil {
		e.c.Logger.Warn("reserve for transaction markers cannot be given back to the disk", "error", err)
		return false
	}
	signal(e.timersKick)
	return true
}
