//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package vfs

import (
	"errors"
	"os"
)

// lockFile refuses: a data directory without a lock would be damaged by its second owner.
func lockFile(*os.File) error { return errors.ErrUnsupported }
