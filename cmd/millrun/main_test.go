package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test binary be the demo's child process: the demo starts its own executable again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == demoWorkName {
		main()
	}
	os.Exit(m.Run())
}

// millrun runs a command line.
func millrun(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	return millrunIn(t, t.Context(), args...)
}

func millrunIn(t *testing.T, ctx context.Context, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(ctx, args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}
