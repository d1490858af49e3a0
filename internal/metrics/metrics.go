// Package metrics is the catalogue of what Millrun shows of itself in numbers, and the seam between those who have the
// numbers and those who show them.
//
// A source is asked when somebody looks: it gives its figures of that moment to a Sink. Nothing is counted for the sake of
// metrics where records pass by; tasks publish their counters with each commit, and sources read what is published.
//
// The catalogue (catalogue.go) is the only place where a metric has a name. docs/metrics.md is made from it by
// "go test ./internal/metrics -update". Names, labels and units are part of the public surface: they stay.
package metrics

import "github.com/millrun/millrun/internal/clock"

// Kind is the type of a metric, in the words of Prometheus.
type Kind string

// A Counter only rises and starts at 0 with what it counts for; a Gauge is as it is; a Histogram counts spans in classes.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Metric is an entry of the catalogue.
type Metric struct {
	Name   string   // ends in its unit, or _total for a plain count
	Kind   Kind     //
	Labels []string // in the order in which a source gives their values; each has few values
	Help   string   // one sentence without a full stop
	Alert  string   // when to worry; "": never for itself
}

// Sink takes figures. labels are the values of the metric's labels, in their order.
type Sink interface {
	// Value takes a counter or a gauge.
	Value(m *Metric, value float64, labels ...string)
	// Spread takes a histogram; it shows seconds.
	Spread(m *Metric, s clock.Spread, labels ...string)
}

// Source gives all its figures to a Sink. Safe for concurrent use; it does not wait for disks or the net.
type Source func(Sink)
