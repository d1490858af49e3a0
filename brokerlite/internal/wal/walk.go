package wal

import (
	"fmt"
	"io"

	"github.com/millrun/millrun/internal/vfs"
)

// Walk reads a log that nobody writes, and changes nothing. visit gets every record above after; with Oldest, every record
// there is. The error is *Damage where Open would refuse, *VersionError, or one of reading or of visit.
func Walk(fs vfs.FS, dir string, after LSN, visit func(Entry) error) (Report, error) {
	s := scanner{fs: fs, after: after, visit: visit}
	if err := s.list(dir); err != nil {
		return s.report, err
	}
	err := s.scan()
	return s.report, err
}

// Oldest, given to Walk or Check, begins with the oldest record on disk. A file that is missing before it is not noticed.
const Oldest = oldest

// Check reads a whole log, record by record, and says what Open would say.
func Check(fs vfs.FS, dir string, after LSN) (Report, error) {
	return Walk(fs, dir, after, func(Entry) error { return nil })
}

// Dump writes one line for each record: LSN, kind, bytes of payload, file, position of the round, and the start of the
// payload in hexadecimal. describe, if not nil, puts its words in the place of the last.
func Dump(w io.Writer, fs vfs.FS, dir string, after LSN, describe func(kind byte, payload []byte) string) (Report, error) {
	if describe == nil {
		describe = func(_ byte, payload []byte) string { return fmt.Sprintf("%x", payload[:min(len(payload), 16)]) }
	}
	return Walk(fs, dir, after, func(e Entry) error {
		_, err := fmt.Fprintf(w, "%d\tkind %d\t%d bytes\t%s\t%d\t%s\n", e.LSN, e.Kind, len(e.Payload), e.File, e.Round,
			describe(e.Kind, e.Payload))
		return err
	})
}
