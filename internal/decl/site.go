package decl

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// UseSite is the place in the user's program that called into Millrun: the first frame that is not in it. It walks the stack
// and allocates, so it is for declarations and for faults, never for a record that goes well.
func UseSite() Site {
	var pcs [32]uintptr
	return firstOfUser(pcs[:runtime.Callers(1, pcs[:])])
}

// PanicSite is the place in the user's program where a panic began, or where it called into the standard library for it. It is
// for the deferred function that recovers: the stack of the panic is still below it. Empty when nothing of the user is there.
func PanicSite() Site {
	var pcs [64]uintptr
	return firstOfUser(pcs[:runtime.Callers(1, pcs[:])])
}

// firstOfUser takes a stack whose first frame is in this file.
func firstOfUser(pcs []uintptr) Site {
	frames := runtime.CallersFrames(pcs)
	self, _ := frames.Next()
	root, std := strings.TrimSuffix(self.File, "internal/decl/site.go"), ""
	for {
		f, more := frames.Next()
		if dir, ok := strings.CutSuffix(f.File, "runtime/panic.go"); ok && f.Function == "runtime.gopanic" {
			std = dir // empty in a program that was built with -trimpath: there the two cannot be told apart
		}
		if f.File != "" && !ours(root, f) && !(std != "" && strings.HasPrefix(f.File, std)) {
			return Site(filepath.Base(f.File) + ":" + strconv.Itoa(f.Line))
		}
		if !more {
			return ""
		}
	}
}

// ours tells frames of the surface and the runtime from the user's. It goes by the file: a method that was inlined into the
// user's function bears that function's name. A test is a user wherever it stands.
func ours(root string, f runtime.Frame) bool {
	if strings.HasPrefix(f.Function, "runtime.") {
		return true
	}
	rest, ok := strings.CutPrefix(f.File, root)
	if !ok || strings.HasSuffix(rest, "_test.go") {
		return false
	}
	for _, dir := range [...]string{"processor/", "topology/", "internal/", "worker/"} {
		if strings.HasPrefix(rest, dir) {
			return true
		}
	}
	return false
}

// String gives the site, or words for an unknown one.
func (s Site) String() string {
	if s == "" {
		return "unknown place"
	}
	return string(s)
}

// UndeclaredTable is the fault of a handler that used a table which its processor does not name. It names the place of the
// call and is permanent. Ops calls it on the fault path, from the handler's goroutine.
func UndeclaredTable(processor string, t *Table) error {
	return Permanentf("processor %s uses table %s (%s), which it does not declare: add Owns, Reads or ReadsGlobal", processor, t.Name, UseSite())
}

// UndeclaredStream is the same for Emit.
func UndeclaredStream(processor string, s *Stream) error {
	return Permanentf("processor %s emits to %s (%s), which it does not declare: add Emits", processor, s.Name, UseSite())
}

// ShowKey prints a key for a message: quoted where it is text, else in hexadecimal, cut after 64 bytes.
func ShowKey(key []byte) string {
	const most = 64
	cut := ""
	if len(key) > most {
		key, cut = key[:most], "..."
	}
	for _, b := range key {
		if b < ' ' || b == 0x7f {
			return fmt.Sprintf("0x%x%s", key, cut)
		}
	}
	return strconv.Quote(string(key)) + cut
}
