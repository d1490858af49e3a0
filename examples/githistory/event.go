package githistory

import "github.com/millrun/millrun/codec"

// Event is a Commit or a Change.
type Event interface{ event() }

// Commit is one commit, of whatever kind.
type Commit struct {
	Author  string // "name <address>"
	Parents int64  // 0: a root; above 1: a merge
}

// Change is one file in one commit that is no merge.
type Change struct {
	Author         string
	Path           string // from the top of the repository
	From           string // the path before, if the file was renamed; else ""
	Added, Removed int64  // lines; 0 if Binary
	Binary         bool
}

func (Commit) event() {}
func (Change) event() {}

// eventCodec writes fields in their order, as fields.go has them.
var eventCodec = codec.OneOf[Event](
	codec.NewCase("commit", codec.Func("commit-fields", encodeCommit, decodeCommit)),
	codec.NewCase("change", codec.Func("change-fields", encodeChange, decodeChange)),
)

func encodeCommit(c Commit) ([]byte, error) {
	return appendNumber(appendText(nil, c.Author), c.Parents), nil
}

func decodeCommit(data []byte) (Commit, error) {
	f := fields{rest: data}
	c := Commit{Author: f.text(), Parents: f.number()}
	return c, f.end("commit")
}

func encodeChange(c Change) ([]byte, error) {
	dst := appendText(make([]byte, 0, 16+len(c.Author)+len(c.Path)+len(c.From)), c.Author)
	dst = appendText(appendText(dst, c.Path), c.From)
	dst = appendNumber(appendNumber(dst, c.Added), c.Removed)
	return appendNumber(dst, bit(c.Binary)), nil
}

func decodeChange(data []byte) (Change, error) {
	f := fields{rest: data}
	c := Change{Author: f.text(), Path: f.text(), From: f.text(), Added: f.number(), Removed: f.number(), Binary: f.number() == 1}
	return c, f.end("change")
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
