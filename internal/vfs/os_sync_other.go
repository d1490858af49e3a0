//go:build !linux

package vfs

import "os"

// syncFile makes bytes and size durable; on macOS os.File.Sync also empties the drive's own cache.
func syncFile(f *os.File) error { return f.Sync() }
