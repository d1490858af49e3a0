package flights

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"iter"

	"github.com/klauspost/compress/zstd"
)

//go:embed data/departures.csv.zst
var departures []byte

// Records is the number of departures in the embedded data.
const Records = 336_776

// Rows gives the embedded departures in the order of the source, with their row numbers from 1 on. The bytes are the
// encoded Event and valid until the next step. It ends early with an error if the embedded data cannot be read.
func Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		reader, err := zstd.NewReader(bytes.NewReader(departures), zstd.WithDecoderConcurrency(1))
		if err != nil {
			yield(Row{}, fmt.Errorf("embedded departures: %w", err))
			return
		}
		defer reader.Close()
		lines := bufio.NewScanner(reader)
		row := Row{}
		for lines.Scan() {
			row.Number++
			row.Line = lines.Bytes()
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, fmt.Errorf("embedded departures, after row %d: %w", row.Number, err))
		}
	}
}

// Row is one line of the embedded data.
type Row struct {
	Number int    // from 1 on
	Line   []byte // the Event, encoded
}

// Event decodes the row.
func (r Row) Event() (Event, error) {
	e, err := eventCodec.Decode(r.Line)
	if err != nil {
		return Event{}, fmt.Errorf("embedded departures, row %d: %w", r.Number, err)
	}
	return e, nil
}
