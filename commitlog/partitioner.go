package commitlog

import "hash/crc32"

// The partitioners in use around Kafka. Whoever reads a key's partition must hash as its writers did. An empty key is a key;
// a nil key has no partition, and writers spread such records themselves.
var (
	// Murmur2 is the default of the Java clients: murmur2 with its sign bit cleared, modulo n.
	Murmur2 Partitioner = murmur2Partitioner{}
	// FNV1a is the default of sarama and goka: FNV-1a as a signed 32-bit number, the remainder made positive.
	FNV1a Partitioner = fnv1aPartitioner{}
	// CRC32 is the consistent partitioner of librdkafka: CRC-32 (IEEE) unsigned, modulo n.
	CRC32 Partitioner = crc32Partitioner{}
)

type murmur2Partitioner struct{}

func (murmur2Partitioner) Name() string { return "murmur2" }

func (murmur2Partitioner) Partition(key []byte, n int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % n
}

type fnv1aPartitioner struct{}

func (fnv1aPartitioner) Name() string { return "fnv1a" }

func (fnv1aPartitioner) Partition(key []byte, n int32) int32 {
	h := uint32(2166136261)
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	p := int32(h) % n
	if p < 0 {
		p = -p
	}
	return p
}

type crc32Partitioner struct{}

func (crc32Partitioner) Name() string { return "crc32" }

func (crc32Partitioner) Partition(key []byte, n int32) int32 {
	return int32(crc32.ChecksumIEEE(key) % uint32(n))
}

// murmur2 is the 32-bit MurmurHash2 with the seed that Kafka's Java clients use.
func murmur2(key []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := 0x9747b28c ^ uint32(len(key))
	for len(key) >= 4 {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> r
		h = h*m ^ k*m
		key = key[4:]
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
