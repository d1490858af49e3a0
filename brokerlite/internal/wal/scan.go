package wal

import (
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/millrun/millrun/internal/vfs"
)

// The reading side, which decides where a log ends.
//
// The plain way is to read until a record is bad and call that the end. It would drop acknowledged records behind a
// damaged one without a word. So (S-51):
//   - the files form a chain: each header says after which record it begins. Reading a file ends when the next file's
//     word is reached, whatever follows: rests of a round that a full disk cut, or of one that an earlier recovery cut;
//   - where a round should be and none can be read, everything behind is searched for somebody who says that the missing
//     round was durable: the header of a later round of this file, which has a checksum of its own, or of a later file.
//     Found: damage. Not found: the log ends here;
//   - a log that syncs makes a file's header durable before its first round, so a round whose file has no header, and
//     which continues the log, is such a witness too;
//   - records the checkpoint holds are not missed: the search may go on behind them.

// Entry is one record as Walk shows it.
type Entry struct {
	LSN     LSN
	Kind    byte
	Payload []byte // valid during the call
	File    string
	Round   int64 // position of the record's round in the file
	Synced  LSN   // what was known to be durable when the round was formed
}

// found is a file of the directory.
type found struct {
	name   string
	number uint64
	size   int64
	header fileHeader
	intact bool // header can be trusted
}

// scanner walks the files of a log. It changes nothing.
type scanner struct {
	fs    vfs.FS
	visit func(Entry) error
	round func(last LSN, size int64) // may be nil: told about each intact round
	after LSN                        // records up to it are not visited

	files   []found // all, ascending
	used    []found // of which recovery needs these
	last    LSN
	newest  uint64 // number of any file
	report  Report
	reading window
}

// list finds the files and their headers.
func (s *scanner) list(dir string) error {
	names, err := s.fs.List(dir)
	if err != nil {
		return err
	}
	for _, base := range names {
		if number, ok := parseName(base, freeSuffix); ok {
			s.newest = max(s.newest, number)
		}
		number, ok := parseName(base, fileSuffix)
		if !ok {
			continue
		}
		s.newest = max(s.newest, number)
		file, err := s.look(path.Join(dir, base), number)
		if err != nil {
			return err
		}
		s.files = append(s.files, file)
	}
	return nil
}

func (s *scanner) look(name string, number uint64) (found, error) {
	file := found{name: name, number: number}
	f, err := s.fs.Open(name)
	if err != nil {
		return file, err
	}
	defer f.Close() // opened for reading: nothing to lose
	if file.size, err = f.Size(); err != nil {
		return file, err
	}
	b := make([]byte, fileHeaderBytes)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return file, err
	}
	h, ok, err := parseFileHeader(name, b)
	if err != nil {
		return file, err
	}
	// A recycled file whose rename was lost still has its old name.
	file.header, file.intact = h, ok && h.number == number
	return file, nil
}

// oldest, given as after, reads from the first file on, whatever it begins with.
const oldest = ^LSN(0)

// scan walks the chain. It returns *Damage, or an error of reading or of visit.
func (s *scanner) scan() error {
	i, err := s.start()
	if err != nil || i < 0 {
		return err
	}
	for i >= 0 {
		next := s.next(i)
		s.used = append(s.used, s.files[i])
		s.report.Files++
		ended, err := s.file(i, next)
		if err != nil {
			return err
		}
		if ended {
			break
		}
		i = next
	}
	s.last = max(s.last, s.after)
	s.report.Last = s.last
	return nil
}

// start picks the newest file that begins at or below after; -1 if there is nothing to read. It sets last.
func (s *scanner) start() (int, error) {
	first, pick := -1, -1
	for i, file := range s.files {
		if !file.intact {
			continue
		}
		if first < 0 {
			first = i
		}
		if file.header.after <= s.after {
			pick = i
		}
	}
	switch {
	case s.after == oldest && first >= 0:
		s.after, pick = s.files[first].header.after, first
	case s.after == oldest:
		s.after = 0
	}
	s.last = s.after
	switch {
	case pick >= 0:
		s.last = s.files[pick].header.after
		return pick, nil
	case first >= 0:
		h := s.files[first].header
		return -1, &Damage{File: s.files[first].name, At: 0, Want: fmt.Sprintf("a file that begins at or below record %d", s.after),
			Claim: fmt.Sprintf("this one begins after record %d", h.after)}
	}
	return -1, s.headless(-1)
}

// next is the following file with a header, -1 if there is none.
func (s *scanner) next(i int) int {
	for i++; i < len(s.files); i++ {
		if s.files[i].intact {
			return i
		}
	}
	return -1
}

// file reads the rounds of one file. ended means that the log ends in it.
func (s *scanner) file(i, next int) (ended bool, err error) {
	file := s.files[i]
	f, err := s.fs.Open(file.name)
	if err != nil {
		return false, err
	}
	defer f.Close() // opened for reading: nothing to lose
	s.reading.reset(f, file.size)
	for at := int64(blockBytes); ; {
		if next >= 0 && s.files[next].header.after <= s.last {
			return false, s.chained(next)
		}
		h, want, err := s.roundAt(file, at)
		if err != nil {
			return false, err
		}
		if want == "" {
			if err := s.records(file, at, h); err != nil {
				return false, err
			}
			s.last = h.last
			at += h.size()
			continue
		}
		resume, err := s.missing(i, at, want)
		if err != nil {
			return false, err
		}
		if resume == 0 {
			return true, s.cut(file, at, want)
		}
		at = resume
	}
}

// chained holds the next file against the record that was reached.
func (s *scanner) chained(next int) error {
	if h := s.files[next].header; h.after < s.last {
		return &Damage{File: s.files[next].name, At: 32, Want: fmt.Sprintf("a file that begins after record %d", s.last),
			Claim: fmt.Sprintf("it says record %d", h.after)}
	}
	return nil
}

// roundAt reads the round at a position and checks all of it. want is "" if it is the one that continues the log, and
// else says what is not there.
func (s *scanner) roundAt(file found, at int64) (h roundHeader, want string, err error) {
	b, err := s.reading.bytes(at, roundHeaderBytes)
	if err != nil {
		return h, "", err
	}
	h, ok := parseRoundHeader(b)
	switch {
	case !ok || h.salt != file.header.salt:
		return h, fmt.Sprintf("the header of a round after record %d", s.last), nil
	case h.previous != s.last:
		return h, fmt.Sprintf("a round after record %d, not after %d", s.last, h.previous), nil
	}
	b, err = s.reading.bytes(at, roundHeaderBytes+int64(h.length))
	if err != nil {
		return h, "", err
	}
	if int64(len(b)) < roundHeaderBytes+int64(h.length) {
		return h, fmt.Sprintf("%d bytes of records", h.length), nil
	}
	if checksum(b[8:16], b[roundHeaderBytes:]) != h.recordsCRC {
		return h, fmt.Sprintf("records with checksum %08x", h.recordsCRC), nil
	}
	return h, "", nil
}

// records visits the records of an intact round.
func (s *scanner) records(file found, at int64, h roundHeader) error {
	b, err := s.reading.bytes(at, roundHeaderBytes+int64(h.length))
	if err != nil {
		return err
	}
	rest := b[roundHeaderBytes:]
	last := h.previous
	for range h.count {
		where := at + int64(len(b)-len(rest))
		lsn, kind, payload, next, ok := takeRecord(rest, h.first)
		if !ok || lsn <= last || lsn > h.last {
			return &Damage{File: file.name, At: where, Want: fmt.Sprintf("a record above %d, at most %d", last, h.last),
				Claim: "the checksum of the round is right: whoever wrote it was wrong"}
		}
		if lsn > s.after {
			s.report.Records++
			s.report.Bytes += int64(len(payload))
			e := Entry{LSN: lsn, Kind: kind, Payload: payload, File: file.name, Round: at, Synced: h.synced}
			if err := s.visit(e); err != nil {
				return fmt.Errorf("%s: byte %d: record %d: %w", file.name, where, lsn, err)
			}
		}
		rest, last = next, lsn
	}
	if len(rest) > 0 || last != h.last {
		return &Damage{File: file.name, At: at, Want: fmt.Sprintf("%d records up to %d", h.count, h.last),
			Claim: "the checksum of the round is right: whoever wrote it was wrong"}
	}
	if s.round != nil {
		s.round(h.last, h.size())
	}
	return nil
}

// missing decides about a place where no round can be read: *Damage if somebody says that it was durable, a position to
// go on from if all that is missing is in the checkpoint, 0 if the log ends here.
func (s *scanner) missing(i int, at int64, want string) (resume int64, err error) {
	file := s.files[i]
	damage := func(claim string, args ...any) error {
		return &Damage{File: file.name, At: at, Want: want, Claim: fmt.Sprintf(claim, args...)}
	}
	for p := at + blockBytes; p < file.size; p += blockBytes {
		b, err := s.reading.bytes(p, roundHeaderBytes)
		if err != nil {
			return 0, err
		}
		h, ok := parseRoundHeader(b)
		if !ok || h.salt != file.header.salt || h.previous < s.last {
			continue
		}
		if h.previous <= s.after {
			s.last = h.previous
			return p, nil
		}
		if h.synced > max(s.last, s.after) {
			return 0, damage("the round at byte %d says that record %d was synced", p, h.synced)
		}
	}
	for _, later := range s.files[i+1:] {
		if later.intact && later.header.synced > max(s.last, s.after) {
			return 0, damage("%s says that record %d was synced", later.name, later.header.synced)
		}
	}
	return 0, s.headless(i)
}

// headless looks for a round that continues the log in a file, behind files[i], whose header cannot be read.
func (s *scanner) headless(i int) error {
	for _, file := range s.files[i+1:] {
		if file.intact {
			continue
		}
		if err := s.searchHeadless(file); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) searchHeadless(file found) error {
	f, err := s.fs.Open(file.name)
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading: nothing to lose
	var w window
	w.reset(f, file.size)
	for at := int64(blockBytes); at < file.size; at += blockBytes {
		b, err := w.bytes(at, roundHeaderBytes)
		if err != nil {
			return err
		}
		h, ok := parseRoundHeader(b)
		if ok && h.flags&flagSyncs != 0 && h.previous >= max(s.last, s.after) {
			return &Damage{File: file.name, At: 0, Want: fmt.Sprintf("the header of file %d", file.number),
				Claim: fmt.Sprintf("the round at byte %d was written behind it", at)}
		}
	}
	return nil
}

// cut notes where the log ends, if something was begun there.
func (s *scanner) cut(file found, at int64, want string) error {
	b, err := s.reading.bytes(at, roundHeaderBytes)
	if err != nil {
		return err
	}
	torn := len(b) >= 16 && [4]byte(b[:4]) == roundMagic
	if h, ok := parseRoundHeader(b); ok && h.salt != file.header.salt {
		torn = false // an old round of a recycled file
	}
	if torn {
		s.report.Cut = &Cut{File: file.name, At: at, Want: want}
	}
	return nil
}

// window reads a file in large pieces.
type window struct {
	f    vfs.File
	size int64
	from int64
	buf  []byte
}

const windowBytes = 1 << 20

func (w *window) reset(f vfs.File, size int64) { w.f, w.size, w.from, w.buf = f, size, 0, w.buf[:0] }

// bytes gives n bytes at a position, fewer at the end of the file. They are valid until the next call.
func (w *window) bytes(at, n int64) ([]byte, error) {
	n = max(0, min(n, w.size-at))
	if n == 0 {
		return nil, nil
	}
	if at < w.from || at+n > w.from+int64(len(w.buf)) {
		want := min(max(n, windowBytes), w.size-at)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		w.buf, w.from = w.buf[:want], at
		got, err := w.f.ReadAt(w.buf, at)
		w.buf = w.buf[:got]
		if err != nil && !(errors.Is(err, io.EOF) && int64(got) == want) {
			return nil, err
		}
	}
	return w.buf[at-w.from:][:n:n], nil
}
