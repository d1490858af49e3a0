package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/millrun/millrun/codec"
)

// datumFormat is the value of --key-format and --value-format: how bytes are shown, and how a key on the command line
// becomes bytes.
type datumFormat string

// The formats. auto is JSON where the bytes are an object or a list of JSON, text where they are printable UTF-8, int64
// where they are eight bytes, and else hex; the others are those of package codec, and hex always fits.
const (
	autoFormat    datumFormat = "auto"
	textFormat    datumFormat = "text"
	jsonFormat    datumFormat = "json"
	int64Format   datumFormat = "int64"
	uint64Format  datumFormat = "uint64"
	float64Format datumFormat = "float64"
	boolFormat    datumFormat = "bool"
	timeFormat    datumFormat = "time"
	hexFormat     datumFormat = "hex"
)

var datumFormats = []string{"auto", "text", "json", "int64", "uint64", "float64", "bool", "time", "hex"}

// String, Set and Type make it a flag.
func (f *datumFormat) String() string { return string(*f) }

func (f *datumFormat) Set(s string) error {
	for _, name := range datumFormats {
		if s == name {
			*f = datumFormat(s)
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(datumFormats, ", "))
}

func (*datumFormat) Type() string { return "format" }

// datum is bytes made readable. Value is text whatever the format, so that every digit survives a reader whose numbers are
// floating point.
type datum struct {
	Format datumFormat `json:"format"`
	Value  string      `json:"value"`
}

// show gives nil for nil bytes. Bytes that are not of the format asked for are shown in hex.
func (f datumFormat) show(b []byte) *datum {
	if b == nil {
		return nil
	}
	if f == autoFormat {
		f = guess(b)
	}
	if text, ok := f.text(b); ok {
		return &datum{f, text}
	}
	return &datum{hexFormat, hex.EncodeToString(b)}
}

func guess(b []byte) datumFormat {
	switch {
	case len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(b):
		return jsonFormat
	case printable(b):
		return textFormat
	case len(b) == 8:
		return int64Format
	}
	return hexFormat
}

func printable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// text is exact: number formats go through the codecs, and JSON keeps its bytes but for blanks.
func (f datumFormat) text(b []byte) (text string, ok bool) {
	switch f {
	case textFormat:
		return string(b), utf8.Valid(b)
	case jsonFormat:
		var compact bytes.Buffer
		err := json.Compact(&compact, b)
		return compact.String(), err == nil
	case int64Format:
		return showBy(codec.Int64, b, func(v int64) string { return strconv.FormatInt(v, 10) })
	case uint64Format:
		return showBy(codec.Uint64, b, func(v uint64) string { return strconv.FormatUint(v, 10) })
	case float64Format:
		return showBy(codec.Float64, b, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) })
	case boolFormat:
		return showBy(codec.Bool, b, strconv.FormatBool)
	case timeFormat:
		return showBy(codec.Time, b, func(v time.Time) string { return v.UTC().Format(time.RFC3339Nano) })
	}
	return "", false
}

func showBy[T any](c codec.Codec[T], b []byte, text func(T) string) (string, bool) {
	v, err := c.Decode(b)
	if err != nil {
		return "", false
	}
	return text(v), true
}

// bytes is the inverse of show for a key on the command line; auto is text.
func (f datumFormat) bytes(s string) ([]byte, error) {
	switch f {
	case int64Format:
		return readBy(codec.Int64, s, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case uint64Format:
		return readBy(codec.Uint64, s, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case float64Format:
		return readBy(codec.Float64, s, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case boolFormat:
		return readBy(codec.Bool, s, strconv.ParseBool)
	case timeFormat:
		return readBy(codec.Time, s, func(s string) (time.Time, error) { return time.Parse(time.RFC3339Nano, s) })
	case hexFormat:
		return hex.DecodeString(s)
	}
	return []byte(s), nil
}

func readBy[T any](c codec.Codec[T], s string, parse func(string) (T, error)) ([]byte, error) {
	v, err := parse(s)
	if err != nil {
		return nil, err
	}
	return c.Append(nil, v)
}

// sortable gives the two forms of keys of this format in a store, nil if they are one.
func (f datumFormat) sortable() codec.Sortable {
	var c any
	switch f {
	case int64Format:
		c = codec.Int64
	case float64Format:
		c = codec.Float64
	case timeFormat:
		c = codec.Time
	}
	s, _ := c.(codec.Sortable)
	return s
}

// String is the datum in a cell of a table: text is quoted where a reader could be misled, hex begins with 0x.
func (d *datum) String() string {
	switch {
	case d == nil:
		return "-"
	case d.Format == hexFormat:
		return "0x" + d.Value
	case d.Format != textFormat:
		return d.Value
	case d.Value == "" || d.Value == "-" || strings.HasPrefix(d.Value, "0x") || strings.TrimSpace(d.Value) != d.Value || strings.ContainsAny(d.Value, "\"|\n\t") || !printable([]byte(d.Value)):
		return strconv.Quote(d.Value)
	}
	return d.Value
}

// showTime is RFC 3339 with milliseconds; "" for none.
func showTime(ms int64) string {
	if ms < 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
