// Package args reads the arguments of the example programs: the directory that one may be given, and -h.
package args

import (
	"flag"
	"fmt"
	"io"
	"os"
)

// Directory gives the directory that the command line names, usual if it names none. -h prints what the program does and ends
// it; so does, with exit code 2, a flag or an argument too many: neither is taken for a directory.
func Directory(name, usual, does string) string {
	dir, code := directory(os.Args[1:], name, usual, does, os.Stderr)
	if code >= 0 {
		os.Exit(code)
	}
	return dir
}

// directory gives the directory, or the code to exit with; -1: none.
func directory(args []string, name, usual, does string, out io.Writer) (dir string, code int) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(out)
	set.Usage = func() {
		fmt.Fprintf(out, "usage: %s [DIR]\n\n%s\nDIR holds log and tables; %s unless given.\n", name, does, usual)
	}
	switch err := set.Parse(args); {
	case err == flag.ErrHelp:
		return "", 0
	case err != nil:
		return "", 2
	}
	switch {
	case set.NArg() == 0:
		return usual, -1
	case set.NArg() == 1 && set.Arg(0) != "":
		return set.Arg(0), -1
	}
	set.Usage()
	return "", 2
}
