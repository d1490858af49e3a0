package wal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"testing"
)

func reseal(h []byte) { binary.BigEndian.PutUint32(h[48:], crc32.Checksum(h[:48], castagnoli)) }

// fixedHeader and fixedRound are the example of docs/format/wal.md.
const (
	fixedHeader = `
6d696c6c72756e0a 00000001 00000001
0000000000000003 00000000deadbeef
0000000000000029 0000000000000029 0e714755`
	fixedRound = `
524e4431 00000001 00000000deadbeef
0000000000000029 000000000000002a 000000000000002c 0000000000000029
00000002 00000017 d3048b85 b1205868
00000003 00000000 07 616263
00000002 00000002 01 6465`
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFileHeaderHasItsFixedBytes(t *testing.T) {
	h := fileHeader{flags: flagSyncs, number: 3, salt: 0xdeadbeef, after: 41, synced: 41}
	b := h.encode()
	want := append(unhex(t, fixedHeader), make([]byte, blockBytes-fileHeaderBytes)...)
	if !bytes.Equal(b, want) {
		t.Errorf("got %x", b[:fileHeaderBytes])
	}
	if back, ok, err := parseFileHeader("f", want); !ok || err != nil || back != h {
		t.Errorf("read back: %+v, %v, %v", back, ok, err)
	}
}

func TestRoundHasItsFixedBytes(t *testing.T) {
	g := newGroup(nil)
	g.add(42, false, 7, []byte("a"), []byte("bc"))
	g.add(44, true, 1, []byte("de"))
	h := roundHeader{flags: flagSyncs, salt: 0xdeadbeef, previous: 41, first: 42, last: 44, synced: 41, count: 2,
		length: uint32(len(g.buf) - roundHeaderBytes)}
	h.seal(g.buf)
	want := unhex(t, fixedRound)
	if !bytes.Equal(g.buf, want) {
		t.Fatalf("got %x", g.buf)
	}
	if back, ok := parseRoundHeader(want); !ok || back.first != 42 || back.last != 44 || back.size() != blockBytes {
		t.Errorf("read back: %+v, %v", back, ok)
	}
	lsn, kind, p, rest, ok := takeRecord(want[roundHeaderBytes:], 42)
	if !ok || lsn != 42 || kind != 7 || string(p) != "abc" {
		t.Errorf("first record: %d, %d, %q, %v", lsn, kind, p, ok)
	}
	if lsn, kind, p, rest, ok = takeRecord(rest, 42); !ok || lsn != 44 || kind != 1 || string(p) != "de" || len(rest) != 0 {
		t.Errorf("second record: %d, %d, %q, %v", lsn, kind, p, ok)
	}
}

func TestDumpAndCheckSayWhatOpenWouldSay(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{FileBytes: minFileBytes}, 0)
	for range 20 {
		write(t, l, 6000)
	}
	var out strings.Builder
	report, err := Dump(&out, fs, "wal", Oldest, nil)
	if err != nil || report.Records != 20 || report.Last != 20 || report.Files < 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 20 || !strings.HasPrefix(out.String(), "1\tkind 7\t6000 bytes\t"+firstFile+"\t4096\t") {
		t.Errorf("%d lines: %.80s", lines, out.String())
	}
	if err := l.Covered(15); err != nil {
		t.Fatal(err)
	}
	if report, err = Check(fs, "wal", 15); err != nil || report.Records != 5 {
		t.Errorf("above the checkpoint: %+v, %v", report, err)
	}
	if _, err = Check(fs, "wal", 0); err == nil {
		t.Error("records that are gone were not missed")
	}
}
