package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/millrun/millrun/internal/clock"
)

// meter shows how far a piece of work is: on a terminal one line that is drawn again and again, with a bar, the rate and
// the time left; elsewhere a plain line each second. It is used by one goroutine.
type meter struct {
	w        io.Writer
	terminal bool
	clock    clock.Clock
	what     string
	total    int64

	started time.Time
	first   int64     // done when the meter started: not part of the rate
	done    int64     // the highest seen
	shown   time.Time // when the last line was written
}

const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = time.Second
	barWidth    = 28
	lineWidth   = 78 // of a narrow terminal
)

func newMeter(w io.Writer, c clock.Clock, what string, total int64) *meter {
	file, ok := w.(*os.File)
	now := c.Now()
	return &meter{w: w, terminal: ok && term.IsTerminal(int(file.Fd())), clock: c, what: what, total: total,
		started: now, shown: now}
}

// update tells that done of total is behind us. It never goes back.
func (m *meter) update(done int64) {
	m.done = max(m.done, done)
	every := lineEvery
	if m.terminal {
		every = redrawEvery
	}
	if now := m.clock.Now(); now.Sub(m.shown) >= every {
		m.shown = now
		m.draw(now)
	}
}

// note writes a line of its own.
func (m *meter) note(format string, args ...any) {
	m.wipe()
	fmt.Fprintf(m.w, format+"\n", args...)
}

// finish writes the last state and leaves the line.
func (m *meter) finish() {
	m.draw(m.clock.Now())
	if m.terminal {
		fmt.Fprintln(m.w)
	}
}

func (m *meter) wipe() {
	if m.terminal {
		fmt.Fprintf(m.w, "\r%*s\r", lineWidth, "")
	}
}

func (m *meter) draw(now time.Time) {
	m.wipe()
	line := m.line(now)
	if m.terminal {
		io.WriteString(m.w, line)
		return
	}
	fmt.Fprintln(m.w, line)
}

// line is "counting  [#####-----]  50%  100/200  50/s  2s left", without the bar off a terminal.
func (m *meter) line(now time.Time) string {
	share := 1.0
	if m.total > 0 {
		share = min(1, float64(m.done)/float64(m.total))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s ", m.what)
	if m.terminal {
		full := int(share * barWidth)
		fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("#", full), strings.Repeat("-", barWidth-full))
	}
	fmt.Fprintf(&b, "%3.0f%%  %s/%s", share*100, thousands(m.done), thousands(m.total))
	rate := 0.0
	if spent := now.Sub(m.started).Seconds(); spent > 0 {
		rate = float64(m.done-m.first) / spent
	}
	if rate > 0 {
		fmt.Fprintf(&b, "  %s/s", thousands(int64(rate)))
	}
	if rate > 0 && m.done < m.total {
		left := time.Duration(float64(m.total-m.done) / rate * float64(time.Second))
		fmt.Fprintf(&b, "  %s left", (left + time.Second - 1).Truncate(time.Second))
	}
	return b.String()
}
