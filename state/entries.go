package state

import (
	"bytes"
	"hash/maphash"
)

// entries is what a cache knows of one table: a hash table with open addressing over a list of entries.
//
// A Go map with string keys would need an allocation for each new key and a second probe to store what was read; here one
// probe finds the entry, and the entry is then changed in place. slots has a power of two of places, at most three quarters
// of them in use; a key is at the first free place from its hash on, or before it. Each place has the upper half of the hash,
// so that a key is compared almost only when it is the right one.
//
// Entries keep their index for life. All work on them happens in the order of lists, never of slots: the seed of the hash is
// different in each process, and nothing may depend on it (S-67).
type entries struct {
	seed  maphash.Seed
	slots []uint64 // upper half of the hash, index+1; 0: free
	list  []entry
	free  []uint32
	used  int
}

// entry is a key and what is known of its value. The flags say what bytes behind the key mean.
type entry struct {
	bytes  []byte // key, then value. The key's bytes never change: the index of scans points to them
	hash   uint64
	keyLen uint32
	staged int32 // 1 + index of the newest operation staged for the key; 0: none
	flags  uint8
}

const (
	live    = 1 << iota // the entry is in use
	known               // present is the truth; without it the store has to be asked
	present             // the key has a value
	open                // changed since the last Freeze
	frozen              // changed by the commit in flight
	queued              // waits to be put into the index
	indexed             // is in the index
	recent              // used since the clock hand came by
)

const (
	firstSlots = 64
	// entryBytes is what a key costs beside its key and value.
	entryBytes = 32
)

func (e *entry) key() []byte   { return e.bytes[:e.keyLen:e.keyLen] }
func (e *entry) value() []byte { return e.bytes[e.keyLen:len(e.bytes):len(e.bytes)] }

// size is what the entry counts for in limits.
func (e *entry) size() int64 { return int64(len(e.bytes)) + entryBytes }

// set replaces the value. Bytes handed out before may be overwritten.
func (e *entry) set(value []byte, ok bool) {
	e.bytes = e.bytes[:e.keyLen]
	e.flags |= known | present
	if !ok {
		e.flags &^= present
		return
	}
	e.bytes = append(e.bytes, value...)
}

// find gives the index of key's entry, or the hash to insert it with.
func (t *entries) find(key []byte) (i uint32, hash uint64, ok bool) {
	hash = maphash.Bytes(t.seed, key)
	if len(t.slots) == 0 {
		return 0, hash, false
	}
	mask := uint64(len(t.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			return 0, hash, false
		}
		if slot>>32 == hash>>32 {
			i = uint32(slot) - 1
			if e := &t.list[i]; bytes.Equal(e.bytes[:e.keyLen], key) {
				return i, hash, true
			}
		}
	}
}

// insert makes an entry for a key that has none and copies the key; its value is not known.
func (t *entries) insert(key []byte, hash uint64) uint32 {
	if (t.used+1)*4 > len(t.slots)*3 {
		t.grow()
	}
	var i uint32
	if n := len(t.free); n > 0 {
		i = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		i = uint32(len(t.list))
		t.list = append(t.list, entry{})
	}
	room := make([]byte, 0, len(key)+8) // most values are small
	t.list[i] = entry{bytes: append(room, key...), hash: hash, keyLen: uint32(len(key)), flags: live}
	t.used++
	t.place(i, hash)
	return i
}

func (t *entries) place(i uint32, hash uint64) {
	mask := uint64(len(t.slots) - 1)
	at := hash & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = hash>>32<<32 | uint64(i+1)
}

func (t *entries) grow() {
	t.slots = make([]uint64, max(firstSlots, 2*len(t.slots)))
	for i := range t.list {
		if e := &t.list[i]; e.flags&live != 0 {
			t.place(uint32(i), e.hash)
		}
	}
}

// remove takes an entry out. The places behind it close up, so that no search stops at its hole.
func (t *entries) remove(i uint32) {
	mask := uint64(len(t.slots) - 1)
	hole := t.list[i].hash & mask
	for uint32(t.slots[hole]) != i+1 {
		hole = (hole + 1) & mask
	}
	for at := (hole + 1) & mask; t.slots[at] != 0; at = (at + 1) & mask {
		home := t.list[uint32(t.slots[at])-1].hash & mask
		if (at-home)&mask >= (at-hole)&mask { // its search passes the hole
			t.slots[hole] = t.slots[at]
			hole = at
		}
	}
	t.slots[hole] = 0
	t.list[i] = entry{}
	t.free = append(t.free, i)
	t.used--
}
