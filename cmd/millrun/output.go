package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// format is the value of -o.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

// String, Set and Type make format a flag.
func (f *format) String() string { return string(*f) }

func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("want table or json")
}

func (*format) Type() string { return "format" }

// writeJSON writes one value as indented JSON.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeTable writes rows below a header, columns separated by " | ". Columns in which every cell is a number go to the
// right.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	width := make([]int, len(header))
	right := make([]bool, len(header))
	for c, name := range header {
		width[c], right[c] = utf8.RuneCountInString(name), len(rows) > 0
		for _, row := range rows {
			width[c] = max(width[c], utf8.RuneCountInString(row[c]))
			right[c] = right[c] && strings.Trim(row[c], "-0123456789,.") == ""
		}
	}
	var text strings.Builder
	line := func(cells []string) {
		for c, cell := range cells {
			pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(cell))
			if c > 0 {
				text.WriteString(" | ")
			}
			switch {
			case right[c]:
				text.WriteString(pad + cell)
			case c == len(cells)-1:
				text.WriteString(cell)
			default:
				text.WriteString(cell + pad)
			}
		}
		text.WriteByte('\n')
	}
	line(header)
	rule := make([]string, len(header))
	for c := range rule {
		rule[c] = strings.Repeat("-", width[c])
	}
	text.WriteString(strings.Join(rule, "-+-") + "\n")
	for _, row := range rows {
		line(row)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// thousands writes a number with a comma between each three digits.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// cell writes a value of a check.
func cell(v any) string {
	if n, ok := v.(int64); ok {
		return thousands(n)
	}
	return fmt.Sprint(v)
}
