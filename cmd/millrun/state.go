package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// newState groups what looks at the tables of a worker without opening them for use.
func newState(s streams, f *format) *cobra.Command {
	c := &cobra.Command{
		Use:   "state",
		Short: "Look at the tables of a worker that is stopped",
		Long: `Look at the tables below a directory: the StateDir of a worker, one application or processor in it, or one task. Nothing in
them is changed, and a directory in use is refused.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	c.AddCommand(newStateInspect(s, f), newStateCheck(s, f))
	return c
}

// stores are the stores at or below a directory, by name, with the locks of the applications they belong to.
type stores struct {
	dir   string
	names []string // below dir, "." for dir itself
	locks []io.Closer
}

// findStores looks for stores and takes the locks of the applications on the way, so that no worker starts meanwhile; the
// stores' own locks are taken when they are read. Close gives the locks back.
func findStores(dir string) (*stores, error) {
	found := &stores{dir: dir}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if state.IsStore(vfs.OS, name) {
			below, err := filepath.Rel(dir, name)
			found.names = append(found.names, filepath.ToSlash(below))
			return err
		}
		if slices.Contains([]string{"live", "aside", "trash"}, entry.Name()) && name != dir {
			return fs.SkipDir
		}
		return found.lock(name)
	})
	if err == nil && len(found.names) == 0 {
		err = fmt.Errorf("%s holds no tables: %w", dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	slices.Sort(found.names)
	return found, nil
}

// lock takes the lock of an application's directory, if dir is one.
func (f *stores) lock(dir string) error {
	name := filepath.Join(dir, "LOCK")
	if _, err := vfs.OS.Stat(name); err != nil {
		return nil // not one
	}
	lock, err := vfs.OS.Lock(name)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		return vfs.Locked("%s is in use: stop the worker first", dir)
	case err == nil:
		f.locks = append(f.locks, lock)
	} // else a medium that cannot be written to: nobody has it open either
	return nil
}

func (f *stores) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// Close gives the locks back.
func (f *stores) Close() error {
	var errs []error
	for _, lock := range f.locks {
		errs = append(errs, lock.Close())
	}
	return errors.Join(errs...)
}
