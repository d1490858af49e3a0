package state

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

func benchStore(b testing.TB, onDisk bool) *Store {
	c := Config{Tables: []TableConfig{{Name: "counts"}}}
	if onDisk {
		c.FS, c.Dir = vfs.NewMem(), "store"
	}
	s, err := Open(c)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func keys16(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key-%012d", i)
	}
	return keys
}

// count is what the stateful count does with one record.
func count(c *Cache, key []byte, value []byte) error {
	old, ok, err := c.Get(0, key)
	if err != nil {
		return err
	}
	var n uint64
	if ok {
		n = binary.LittleEndian.Uint64(old)
	}
	binary.LittleEndian.PutUint64(value, n+1)
	c.Put(0, key, value)
	c.Accept()
	return nil
}

func commit(s *Store, c *Cache, number int64) error {
	err := s.Apply(c.Freeze(), Mark{Commit: number})
	c.Thaw()
	return err
}

func BenchmarkGetPutAcceptOf10000HotKeys(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	c := NewCache(s, 0)
	keys := keys16(10_000)
	value := make([]byte, 8)
	for _, k := range keys {
		if err := count(c, k, value); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := count(c, keys[(i*7919)%len(keys)], value); err != nil {
			b.Fatal(err)
		}
	}
}

// One commit in 100,000 records, as at 1,000,000 records a second.
func BenchmarkGetPutAcceptWithCommits(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	c := NewCache(s, 0)
	keys := keys16(10_000)
	value := make([]byte, 8)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := count(c, keys[(i*7919)%len(keys)], value); err != nil {
			b.Fatal(err)
		}
		if i%100_000 == 99_999 {
			if err := commit(s, c, int64(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkNewKeys(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	c := NewCache(s, 0)
	value := make([]byte, 8)
	var key []byte
	b.ReportAllocs()
	for i := range b.N {
		key = fmt.Appendf(key[:0], "key-%012d", i)
		if err := count(c, key, value); err != nil {
			b.Fatal(err)
		}
		if i%100_000 == 99_999 {
			if err := commit(s, c, int64(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkScanOneOf10000DirtyKeys(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	c := NewCache(s, 0)
	keys := keys16(10_000)
	value := make([]byte, 8)
	for _, k := range keys {
		if err := count(c, k, value); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		c.Put(0, keys[i%len(keys)], value)
		if err := c.Scan(0, keys[(i*7919)%len(keys)], nil, func(_, _ []byte) bool { return false }); err != nil {
			b.Fatal(err)
		}
		c.Accept()
	}
}

func BenchmarkRestore(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	const batch = 1_000
	records := make([]commitlog.Record, batch)
	for i := range records {
		records[i].Value = make([]byte, 8)
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += batch {
		for i := range records {
			records[i].Key = fmt.Appendf(records[i].Key[:0], "key-%012d", (n+i)*7919%10_000_000)
		}
		if err := s.Restore(0, records); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Commit(Mark{Commit: 1}); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkDigest(b *testing.B) {
	s := benchStore(b, true)
	defer s.Close(false)
	c := NewCache(s, 0)
	const entries = 100_000
	for _, k := range keys16(entries) {
		c.Put(0, k, k[:8])
		c.Accept()
	}
	if err := commit(s, c, 1); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for n := 0; n < b.N; n += entries {
		if d, err := s.Digest(0); err != nil || d.Entries != entries {
			b.Fatal(d, err)
		}
	}
}
