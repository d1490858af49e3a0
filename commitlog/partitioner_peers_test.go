package commitlog_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/millrun/millrun/commitlog"
	"pgregory.net/rapid"
)

// What goka writes with its default hasher, FNV1a must find in the same partition: tables of a running goka application line
// up with ours.
func TestFNV1aPutsKeysWhereGokaDoes(t *testing.T) {
	theirs := sarama.NewCustomHashPartitioner(goka.DefaultHasher())("topic")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.Int32Range(1, 500).Draw(t, "partitions")
		want, err := theirs.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, n)
		if err != nil {
			t.Fatal(err)
		}
		if got := commitlog.FNV1a.Partition(key, n); got != want {
			t.Fatalf("key %x of %d partitions: %d, goka puts it into %d", key, n, got, want)
		}
	})
}
