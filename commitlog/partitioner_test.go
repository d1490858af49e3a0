package commitlog

import "testing"

// The golden values of C-49, taken from the Java client, sarama and librdkafka.
func TestPartitionersAgreeWithTheClientsTheyAreNamedAfter(t *testing.T) {
	for _, c := range []struct {
		key     string
		n       int32
		m, f, r int32
	}{
		{"alice", 4, 1, 1, 3}, {"bob", 4, 2, 0, 0}, {"carol", 4, 2, 2, 3}, {"dave", 4, 2, 1, 0},
		{"order-42", 4, 0, 0, 2}, {"é", 4, 3, 1, 2},
		{"alice", 12, 9, 5, 11}, {"bob", 12, 6, 8, 8}, {"order-42", 12, 0, 8, 10},
	} {
		for _, p := range []struct {
			by   Partitioner
			want int32
		}{{Murmur2, c.m}, {FNV1a, c.f}, {CRC32, c.r}} {
			if got := p.by.Partition([]byte(c.key), c.n); got != p.want {
				t.Errorf("%s of %q over %d is %d, want %d", p.by.Name(), c.key, c.n, got, p.want)
			}
		}
	}
}

func TestMurmur2GivesTheHashesOfTheJavaClient(t *testing.T) {
	for key, want := range map[string]int32{"21": -973932308, "foobar": -790332482} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
}
