package commitlog

import "testing"

// The values are those of case C-49.
func TestPartitionersAgreeWithTheClientsTheyAreNamedAfter(t *testing.T) {
	tests := []struct {
		key                   string
		n                     int32
		murmur2, fnv1a, crc32 int32
	}{
		{"alice", 4, 1, 1, 3},
		{"bob", 4, 2, 0, 0},
		{"carol", 4, 2, 2, 3},
		{"dave", 4, 2, 1, 0},
		{"order-42", 4, 0, 0, 2},
		{"é", 4, 3, 1, 2},
		{"alice", 12, 9, 5, 11},
		{"bob", 12, 6, 8, 8},
		{"order-42", 12, 0, 8, 10},
	}
	for _, test := range tests {
		for _, p := range []struct {
			partitioner Partitioner
			want        int32
		}{{Murmur2, test.murmur2}, {FNV1a, test.fnv1a}, {CRC32, test.crc32}} {
			if got := p.partitioner.Partition([]byte(test.key), test.n); got != p.want {
				t.Errorf("%s of %q in %d is %d, want %d", p.partitioner.Name(), test.key, test.n, got, p.want)
			}
		}
	}
}

func TestMurmur2EqualsTheJavaHash(t *testing.T) {
	for key, want := range map[string]int32{"21": -973932308, "foobar": -790332482} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2 of %q is %d, want %d", key, got, want)
		}
	}
}

func TestNilKeysSpreadAndEmptyKeysDoNot(t *testing.T) {
	const n = 4
	for _, p := range []Partitioner{Murmur2, FNV1a, CRC32} {
		seen, empty := map[int32]bool{}, p.Partition([]byte{}, n)
		for range 1000 {
			at := p.Partition(nil, n)
			if at < 0 || at >= n {
				t.Fatalf("%s gives %d for a nil key in %d", p.Name(), at, n)
			}
			seen[at] = true
			if again := p.Partition([]byte{}, n); again != empty {
				t.Fatalf("%s gives %d and %d for the empty key", p.Name(), empty, again)
			}
		}
		if len(seen) != n {
			t.Errorf("%s uses %d of %d partitions for 1000 nil keys", p.Name(), len(seen), n)
		}
	}
}

func TestPartitionersStayInRangeAndAllocateNothing(t *testing.T) {
	key := make([]byte, 9)
	for _, p := range []Partitioner{Murmur2, FNV1a, CRC32} {
		allocations := testing.AllocsPerRun(1000, func() {
			key[0]++
			key[4] += 3
			for _, n := range []int32{1, 7, 1 << 30} {
				if at := p.Partition(key, n); at < 0 || at >= n {
					t.Fatalf("%s of %x in %d is %d", p.Name(), key, n, at)
				}
			}
		})
		if allocations != 0 {
			t.Errorf("%s allocates %v times a call", p.Name(), allocations)
		}
	}
}
