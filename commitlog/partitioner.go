package commitlog

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// Partitioner chooses the partition of a key. Safe for concurrent use.
type Partitioner interface {
	// Name is how configurations and stored declarations spell it.
	Name() string
	// Partition gives a number from 0 to n-1; n is at least 1. The same key and n give the same answer for ever, in
	// every process. The empty key is a key like any other.
	//
	// A nil key means that the record may go anywhere: each call gives a partition drawn anew with equal chance. Who
	// sends many such records calls once per request and sends all of them there, so that requests stay whole while the
	// load spreads.
	Partition(key []byte, n int32) int32
}

// The partitioners that clients of Kafka use, so that tables line up with what is already in a cluster.
var (
	// Murmur2 is the choice of the Java clients and of franz-go, and Millrun's default: murmur2 with the sign bit cleared,
	// modulo n.
	Murmur2 Partitioner = hashed{"murmur2", func(key []byte, n int32) int32 {
		return int32(murmur2(key)&0x7fffffff) % n
	}}
	// FNV1a is the choice of sarama and goka: FNV-1a as a signed number, the remainder made positive.
	FNV1a Partitioner = hashed{"fnv1a", func(key []byte, n int32) int32 {
		return max(int32(fnv1a(key))%n, -(int32(fnv1a(key)) % n))
	}}
	// CRC32 is the choice of librdkafka ("consistent"): CRC-32 (IEEE) as an unsigned number, modulo n.
	CRC32 Partitioner = hashed{"crc32", func(key []byte, n int32) int32 {
		return int32(crc32.ChecksumIEEE(key) % uint32(n))
	}}
)

// hashed is a Partitioner by the hash of the key.
type hashed struct {
	name   string
	choose func(key []byte, n int32) int32
}

// Name is the hash's name.
func (h hashed) Name() string { return h.name }

// Partition hashes, or draws for a nil key.
func (h hashed) Partition(key []byte, n int32) int32 {
	if key == nil {
		return rand.Int32N(n)
	}
	return h.choose(key, n)
}

// fnv1a is the 32-bit FNV-1a hash, without the allocation that hash/fnv needs.
func fnv1a(key []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range key {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// murmur2 is MurmurHash2 with the seed of the Java clients.
func murmur2(key []byte) uint32 {
	const (
		seed uint32 = 0x9747b28c
		m    uint32 = 0x5bd1e995
	)
	h := seed ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		h = h*m ^ (k^k>>24)*m
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
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
