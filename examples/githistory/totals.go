package githistory

import "github.com/millrun/millrun/codec"

// Totals is what is counted under each key. The zero value is that of a key that nobody touched.
type Totals struct {
	Commits        int64 // per author alone
	Changes        int64 // of a file in a commit
	Added, Removed int64 // lines
	Binary         int64 // of Changes
}

// Plus adds up.
func (t Totals) Plus(u Totals) Totals {
	return Totals{t.Commits + u.Commits, t.Changes + u.Changes, t.Added + u.Added, t.Removed + u.Removed, t.Binary + u.Binary}
}

// File is what the table of files has.
type File struct {
	Totals
	LastRow    int64  // of the newest change; rows of commits come in the order of the history, parents first
	LastCommit string // its commit
	LastAuthor string // its author
}

// Add counts a touch. Touches of a file arrive in any order, because commits are spread over partitions: the newest is that of
// the highest row.
func (f File) Add(t Touch) File {
	f.Totals = f.Totals.Plus(t.Totals)
	if t.Row > f.LastRow {
		f.LastRow, f.LastCommit, f.LastAuthor = t.Row, t.Commit, t.Author
	}
	return f
}

// Touch is what an event adds under one key, on its way there.
type Touch struct {
	Totals
	Row            int64
	Commit, Author string // "" where they do not matter
}

var (
	totalsCodec = codec.Func("history-totals", func(t Totals) ([]byte, error) { return appendTotals(nil, t), nil },
		func(data []byte) (Totals, error) {
			f := fields{rest: data}
			t := f.totals()
			return t, f.end("totals")
		})
	fileCodec = codec.Func("history-file", func(v File) ([]byte, error) {
		dst := appendNumber(appendTotals(nil, v.Totals), v.LastRow)
		return appendText(appendText(dst, v.LastCommit), v.LastAuthor), nil
	}, func(data []byte) (File, error) {
		f := fields{rest: data}
		v := File{f.totals(), f.number(), f.text(), f.text()}
		return v, f.end("file")
	})
	touchCodec = codec.Func("history-touch", func(v Touch) ([]byte, error) {
		dst := appendNumber(appendTotals(nil, v.Totals), v.Row)
		return appendText(appendText(dst, v.Commit), v.Author), nil
	}, func(data []byte) (Touch, error) {
		f := fields{rest: data}
		v := Touch{f.totals(), f.number(), f.text(), f.text()}
		return v, f.end("touch")
	})
)

func appendTotals(dst []byte, t Totals) []byte {
	for _, n := range [...]int64{t.Commits, t.Changes, t.Added, t.Removed, t.Binary} {
		dst = appendNumber(dst, n)
	}
	return dst
}

func (f *fields) totals() Totals {
	return Totals{f.number(), f.number(), f.number(), f.number(), f.number()}
}
