//go:build !(linux || darwin || freebsd || windows)

package vfs

import "math"

// freeBytes knows nothing here.
func freeBytes(string) (int64, error) { return math.MaxInt64, nil }
