package topology

import (
	"fmt"
	"strings"

	"github.com/millrun/millrun/internal/decl"
)

// Faults is everything that is wrong with a topology. Its text has one line for each.
type Faults struct {
	App  string
	List []error
}

func (f *Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", called("application", f.App), count(len(f.List), "fault"))
	for _, err := range f.List {
		fmt.Fprintf(&b, "\n\t%v", err)
	}
	return b.String()
}

// Unwrap gives the faults to errors.Is and errors.As.
func (f *Faults) Unwrap() []error { return f.List }

func fault(site decl.Site, format string, args ...any) error {
	return fmt.Errorf("%s: "+format, append([]any{site}, args...)...)
}

// called names a thing so that an empty name shows.
func called(what, name string) string {
	if name == "" {
		return what + ` ""`
	}
	return what + " " + name
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
