package producer_test

import (
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

func TestTheSchemaTravelsAsTheLastHeader(t *testing.T) {
	chain := codec.Upcast(codec.Version1(codec.Codec[int64](codec.Int64)), codec.Codec[string](codec.String),
		func(int64) (string, error) { return "", nil })
	s := processor.NewStream("in", codec.String, codec.Codec[string](chain))
	l := newLog(map[string]int32{"in": 1})
	p, err := producer.Open(t.Context(), l, s, producer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	mine := make([]commitlog.Header, 1, 8)
	mine[0] = commitlog.Header{Key: "row", Value: []byte("1")}
	if _, err := p.SendWith(t.Context(), "a", "v", processor.Meta{Headers: mine}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SendTombstone(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	r := l.of("in", 0)
	if h := r[0].Headers; string(r[0].Value) != "v" || len(h) != 2 || h[0].Key != "row" || h[1].Key != "millrun-schema" || string(h[1].Value) != "2" {
		t.Errorf("the record is %q with headers %v", r[0].Value, h)
	}
	if len(r[1].Headers) != 0 {
		t.Errorf("a tombstone has headers %v", r[1].Headers)
	}
	if beyond := mine[:2]; beyond[1].Key != "" {
		t.Errorf("the caller's slice was written to: %v", beyond)
	}
	copied := processor.Meta{Headers: []commitlog.Header{{Key: "millrun-schema", Value: []byte("1")}}}
	if _, err := p.SendWith(t.Context(), "a", "v", copied); err == nil || !strings.Contains(err.Error(), "belongs to the value's codec") {
		t.Errorf("a copied schema header gives %v", err)
	}
}
