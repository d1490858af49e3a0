package lint

import (
	"os"
	"testing"
)

// An exception for what is no longer there would free whatever takes its name next.
func TestExceptionsNameWhatExists(t *testing.T) {
	for _, list := range [][]exception{clockExceptions, globalExceptions} {
		for _, e := range list {
			if e.reason == "" {
				t.Errorf("the exception for %s gives no reason", e.path)
			}
			if _, err := os.Stat("../../" + e.path); err != nil {
				t.Error(err)
			}
		}
	}
}
