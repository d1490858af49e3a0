package main

import (
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/internal/clock"
)

func TestOffATerminalTheMeterWritesALineASecond(t *testing.T) {
	var out strings.Builder
	v := clock.NewVirtual(time.Unix(0, 0))
	m := newMeter(&out, v, "counting", 200)
	for done := range int64(21) {
		m.update(done * 5)
		v.Advance(100 * time.Millisecond)
	}
	m.note("half")
	m.finish()
	const want = `counting    25%  50/200  50/s  3s left
counting    50%  100/200  50/s  2s left
half
counting    50%  100/200  47/s  3s left
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

func TestOnATerminalTheMeterDrawsABar(t *testing.T) {
	var out strings.Builder
	v := clock.NewVirtual(time.Unix(0, 0))
	m := newMeter(&out, v, "counting", 200)
	m.terminal = true
	v.Advance(time.Second)
	m.update(100)
	m.finish()
	const line = "counting   [##############--------------]  50%  100/200  100/s  1s left"
	if got := out.String(); strings.Count(got, line) != 2 || !strings.HasSuffix(got, "\n") {
		t.Errorf("got %q, want %q drawn twice", got, line)
	}
}

func TestTheMeterNeverGoesBack(t *testing.T) {
	var out strings.Builder
	m := newMeter(&out, clock.NewVirtual(time.Unix(0, 0)), "counting", 0)
	m.update(7)
	m.update(3)
	m.finish()
	if want := "counting   100%  7/0\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
