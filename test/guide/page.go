package guide

import (
	"fmt"
	"strings"
)

// Block is a fenced block of a page.
type Block struct {
	Line     int    // of its fence, from 1
	Language string // go, sh, text, diff
	Name     string // what stands behind the language: a file, or "server"
	Text     string
}

// Blocks takes a page apart.
func Blocks(page string) (blocks []Block, err error) {
	var open *Block
	number := 0
	for line := range strings.Lines(page) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case !isFence && open != nil:
			open.Text += line
		case !isFence:
		case open != nil && fence == "":
			blocks, open = append(blocks, *open), nil
		case open != nil:
			return nil, fmt.Errorf("line %d: a fence inside the block of line %d", number, open.Line)
		default:
			language, name, _ := strings.Cut(fence, " ")
			open = &Block{Line: number, Language: language, Name: name}
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block does not end", open.Line)
	}
	return blocks, nil
}

// Patch applies a diff block to a file. Lines that begin with a blank or "-" must stand in the file in this order, without a
// gap; they are replaced by those that begin with a blank or "+". A line "..." ends one place and begins the next.
func Patch(file, diff string) (string, error) {
	for place := range strings.SplitSeq(diff, "...\n") {
		var before, after strings.Builder
		for line := range strings.Lines(place) {
			switch {
			case line == "\n":
				before.WriteString(line)
				after.WriteString(line)
			case line[0] == '-':
				before.WriteString(line[1:])
			case line[0] == '+':
				after.WriteString(line[1:])
			case line[0] == ' ':
				before.WriteString(line[1:])
				after.WriteString(line[1:])
			default:
				return "", fmt.Errorf("line %q of a diff begins with neither blank, + nor -", line)
			}
		}
		if n := strings.Count(file, before.String()); n != 1 {
			return "", fmt.Errorf("these lines stand in the file %d times, want once:\n%s", n, before.String())
		}
		file = strings.Replace(file, before.String(), after.String(), 1)
	}
	return file, nil
}
