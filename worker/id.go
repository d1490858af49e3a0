package worker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/millrun/millrun/internal/vfs"
)

func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return hex.EncodeToString(b[:])
}

// keepID reads the id in a file, or writes a new one there for ever.
func keepID(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err == nil {
		defer f.Close()
		b := make([]byte, 12)
		if _, err := f.ReadAt(b, 0); err == nil || errors.Is(err, io.EOF) {
			if _, herr := hex.DecodeString(string(b)); herr == nil {
				return string(b), nil
			}
		}
		return "", fmt.Errorf("worker: %s does not hold the 12 digits of a worker id: delete it, and a new one is made", name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("worker: read id: %w", err)
	}
	id := newID()
	if err := writeID(fsys, name, id); err != nil {
		return "", fmt.Errorf("worker: write id: %w", err)
	}
	return id, nil
}

func writeID(fsys vfs.FS, name, id string) error {
	temp := name + ".new"
	f, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(id), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = firstError(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}
