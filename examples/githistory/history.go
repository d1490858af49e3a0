package githistory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Row is one event of the history.
type Row struct {
	Number int64     // from 1 on
	Hash   string    // of the commit
	At     time.Time // when it was committed, as the commit says
	Event  Event
}

// Rows gives the history that leads to the commit head, parents first: each commit and behind it the files that it changed.
// The same head gives the same rows. It ends early with an error if git fails or says what it should not.
func Rows(ctx context.Context, repo, head string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		p := parser{yield: yield}
		err := each(ctx, repo, 0, p.piece, "log", "-z", "--numstat", "--find-renames", "--reverse", "--topo-order",
			"--encoding=UTF-8", "--format=commit %H%x00%P%x00%ct%x00%aN <%aE>", "--end-of-options", head)
		if err == nil {
			err = p.end()
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(Row{}, fmt.Errorf("history of %s, after row %d: %w", repo, p.row.Number, err))
		}
	}
}

// Count gives the number of rows.
func Count(ctx context.Context, repo, head string) (n int64, err error) {
	for _, err := range Rows(ctx, repo, head) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// errEnough says that whoever ranges over the rows has left the loop.
var errEnough = errors.New("enough")

// parser reads what the format of Rows and -z give, in pieces that end with NUL:
//
//	commit HASH  PARENTS  SECONDS  AUTHOR
//	ADDED \t REMOVED \t PATH             for each changed file; the first one has \n before it
//	ADDED \t REMOVED \t   FROM  PATH     for a renamed one; - instead of both numbers for a binary one
//
// A change begins with a digit or '-', a commit with 'c', and what lies between them is counted, so no name or path can be taken
// for something else.
type parser struct {
	yield  func(Row, error) bool
	row    Row
	author string
	want   int // pieces of a commit that are missing yet
	change Change
	rename int // paths of a rename that are missing yet
}

func (p *parser) piece(b []byte) error {
	switch {
	case p.want > 0:
		return p.header(b)
	case p.rename == 2:
		p.change.From, p.rename = string(b), 1
		return nil
	case p.rename == 1:
		p.change.Path, p.rename = string(b), 0
		return p.give(p.change)
	}
	if hash, ok := bytes.CutPrefix(b, []byte("commit ")); ok {
		p.row.Hash, p.want = string(hash), 3
		return nil
	}
	return p.numbers(bytes.TrimPrefix(b, []byte("\n")))
}

// header reads what follows the hash.
func (p *parser) header(b []byte) error {
	p.want--
	switch p.want {
	case 2:
		p.row.Event = Commit{Parents: int64(len(bytes.Fields(b)))}
	case 1:
		seconds, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return fmt.Errorf("commit %s: time: %w", p.row.Hash, err)
		}
		p.row.At = time.Unix(seconds, 0).UTC()
	case 0:
		p.author = string(b)
		return p.give(Commit{Author: p.author, Parents: p.row.Event.(Commit).Parents})
	}
	return nil
}

// numbers reads a change up to its path.
func (p *parser) numbers(b []byte) error {
	text := string(b)
	added, rest, ok := strings.Cut(text, "\t")
	removed, path, ok2 := strings.Cut(rest, "\t")
	if !ok || !ok2 || p.row.Hash == "" {
		return fmt.Errorf("git log printed %.80q, want a commit or a change", text)
	}
	p.change = Change{Author: p.author, Path: path, Binary: added == "-" && removed == "-"}
	if !p.change.Binary {
		var err, err2 error
		p.change.Added, err = strconv.ParseInt(added, 10, 64)
		p.change.Removed, err2 = strconv.ParseInt(removed, 10, 64)
		if err := errors.Join(err, err2); err != nil {
			return fmt.Errorf("commit %s: change %.80q: %w", p.row.Hash, text, err)
		}
	}
	if path == "" {
		p.rename = 2
		return nil
	}
	return p.give(p.change)
}

func (p *parser) give(e Event) error {
	p.row.Number++
	p.row.Event = e
	if !p.yield(p.row, nil) {
		return errEnough
	}
	return nil
}

func (p *parser) end() error {
	if p.want > 0 || p.rename > 0 {
		return fmt.Errorf("git log ended inside commit %s", p.row.Hash)
	}
	return nil
}
