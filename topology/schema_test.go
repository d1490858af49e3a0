package topology_test

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
)

func adds(in codec.Codec[string], kept codec.Codec[string]) *processor.Processor {
	s := processor.NewStream("in", codec.String, in)
	table := processor.NewTable("kept", codec.String, kept)
	return processor.New("p", processor.On(s, func(processor.Context, string, string) error { return nil }), processor.Owns(table))
}

// A chain that grows reads all it read before, so it is no other table; another codec in the first place is (S-32).
func TestAChainThatGrowsKeepsTheFingerprint(t *testing.T) {
	plain := codec.JSON[string]()
	chain1 := codec.Version1(plain)
	chain2 := codec.Upcast(chain1, codec.Codec[string](codec.String), func(s string) (string, error) { return s, nil })
	want := topology.FingerprintOf(adds(plain, plain).Decl())
	for name, c := range map[string]codec.Codec[string]{"one version": chain1, "two versions": chain2} {
		if got := topology.FingerprintOf(adds(c, c).Decl()); got != want {
			t.Errorf("%s: %v", name, want.Difference(got))
		}
	}
	other := codec.Version1(codec.Codec[string](codec.String))
	if got := topology.FingerprintOf(adds(other, plain).Decl()); got == want {
		t.Error("a chain that begins with another format has the same fingerprint")
	}
}

func TestFaultsOfSchemasAreReported(t *testing.T) {
	type event interface{ event() }
	s := processor.NewStream("in", codec.String, codec.OneOf[event](codec.NewCase("placed", codec.JSON[string]()), codec.NewCase("a/b", codec.JSON[int]())))
	_, err := topology.New("app", processor.New("p", processor.On(s, func(processor.Context, string, event) error { return nil })))
	for _, want := range []string{"schema_test.go:", "stream in", "string does not implement topology_test.event", `case "a/b"`, "int does not implement"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("topology.New says %v, want %q in it", err, want)
		}
	}
}
