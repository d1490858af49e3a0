//go:build !windows

package vfs

import "os"

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close() // the sync error is the one that counts
		return err
	}
	return d.Close()
}
