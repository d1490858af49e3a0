package vfs_test

import (
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/internal/vfs/vfstest"
)

func TestOSKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return vfs.OS })
}

func TestMemKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return vfs.NewMem() })
}

func TestFaultyWithoutFaultsKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return vfs.NewFaulty(vfs.NewMem()) })
}

// Copies are file systems like any other; pages they share with the old one must not show.
func TestCopyOfMemKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return vfs.NewMem().Clone() })
}
