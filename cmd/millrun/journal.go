package main

import (
	"fmt"
	"strings"

	"github.com/millrun/millrun/internal/journal"
)

// showJournal gives a record of a processor's journal in words; "" if it is none.
func showJournal(key, value []byte) string {
	e, err := journal.Parse(key, value)
	switch {
	case err != nil:
		return ""
	case e.Resumed:
		return "goes on"
	case e.Parked != nil:
		return fmt.Sprintf("stands at %s since %s: %s", e.Parked.Record, showTime(e.Parked.Time), e.Parked.Reason)
	case e.Order != nil:
		return showOrder(e.Order)
	}
	return showPosition(e.Position)
}

func showPosition(p *journal.Position) string {
	inputs := []string{}
	for _, in := range p.Inputs {
		inputs = append(inputs, fmt.Sprintf("%s@%d", in.Stream, in.Next))
	}
	text := fmt.Sprintf("commit %d, next %s", p.Commit, strings.Join(inputs, " "))
	if p.StreamTime >= 0 {
		text += ", stream time " + showTime(p.StreamTime)
	}
	return text
}

// showOrder lists the runs, each from where its input stood: "clicks 0-6".
func showOrder(o *journal.Order) string {
	at := append([]int64(nil), o.From...)
	parts := []string{}
	for _, r := range o.Runs {
		parts = append(parts, fmt.Sprintf("%s %d-%d", o.Names[r.Input], at[r.Input], r.UpTo))
		at[r.Input] = r.UpTo
	}
	for _, d := range o.Decisions {
		parts = append(parts, fmt.Sprintf("%s@%d %s: %s", o.Names[d.Input], d.Offset, d.Kind, d.Reason))
	}
	return "took " + strings.Join(parts, ", ")
}
