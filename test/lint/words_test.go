package lint

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// maxLines is where a file stops being one noun or one verb. Most have near a hundred.
const maxLines = 600

func TestNoFileIsTooLong(t *testing.T) { holds(t, "length", filesAreShort) }

func filesAreShort(t *tree) []string {
	var found []string
	for _, f := range t.files {
		if f.lines > maxLines {
			found = append(found, fmt.Sprintf("%s: %d lines, at most %d: what are its two halves called?", f.path, f.lines, maxLines))
		}
	}
	return found
}

// unwanted are words that must not stand in any file. They are put together here so that this file passes.
var unwanted = []struct {
	pattern *regexp.Regexp
	reason  string
}{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`), "finish it, or file it as an issue"},
	{regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(home|root|work|Users)/`), "a path of one machine"},
}

func TestNoUnfinishedWorkAndNoPathsOfOneMachine(t *testing.T) { holds(t, "words", noUnwantedWords) }

func noUnwantedWords(t *tree) []string {
	var found []string
	for _, text := range t.texts {
		for i, line := range strings.Split(text.bytes, "\n") {
			for _, u := range unwanted {
				if word := u.pattern.FindString(line); word != "" {
					word = strings.Trim(word, " \t\"'=(:`")
					found = append(found, fmt.Sprintf("%s:%d: %s: %s", text.path, i+1, word, u.reason))
				}
			}
		}
	}
	return found
}
