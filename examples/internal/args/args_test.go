package args

import (
	"strings"
	"testing"
)

func TestOnlyADirectoryIsTakenForOne(t *testing.T) {
	for _, c := range []struct {
		args []string
		dir  string
		code int
		says string
	}{
		{nil, "usual", -1, ""},
		{[]string{"mine"}, "mine", -1, ""},
		{[]string{"--", "-mine"}, "-mine", -1, ""},
		{[]string{"-h"}, "", 0, "usage: count [DIR]\n\nCounts.\nDIR holds log and tables; usual unless given.\n"},
		{[]string{"--help"}, "", 0, "usage: count [DIR]"},
		{[]string{"-v"}, "", 2, "not defined: -v"},
		{[]string{"a", "b"}, "", 2, "usage: count [DIR]"},
		{[]string{""}, "", 2, "usage: count [DIR]"},
	} {
		var out strings.Builder
		dir, code := directory(c.args, "count", "usual", "Counts.", &out)
		if dir != c.dir || code != c.code || !strings.Contains(out.String(), c.says) || c.says == "" && out.Len() > 0 {
			t.Errorf("%q: %q, %d, %q; want %q, %d, %q", c.args, dir, code, out.String(), c.dir, c.code, c.says)
		}
	}
}
