// Package collector shows a metrics.Source to Prometheus. It is the only package that knows its client library.
//
//	c := collector.New(metrics.Worker(), worker.figures)
//	err := registerer.Register(c)
//
// Every scrape asks the source once. The collector keeps nothing and starts nothing, and is safe for concurrent use.
package collector

import (
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// Collector is a prometheus.Collector over a source.
type Collector struct {
	source   metrics.Source
	constant map[string]string
	descs    map[*metrics.Metric]*prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// New makes a collector of the metrics of a catalogue. constant are labels that have one value for all of them, which shows
// even while there is nothing else; the source gives their values all the same. nil: none. Two collectors may be
// registered side by side if their constant labels differ.
func New(catalogue []*metrics.Metric, constant map[string]string, source metrics.Source) *Collector {
	c := &Collector{source: source, constant: constant, descs: map[*metrics.Metric]*prometheus.Desc{}}
	for _, m := range catalogue {
		c.descs[m] = prometheus.NewDesc(m.Name, m.Help+".", c.varying(m, m.Labels), constant)
	}
	return c
}

// varying leaves out of values, one for each label of m, those of constant labels.
func (c *Collector) varying(m *metrics.Metric, values []string) []string {
	var kept []string
	for i, l := range m.Labels {
		if _, constant := c.constant[l]; !constant {
			kept = append(kept, values[i])
		}
	}
	return kept
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) { c.source(sink{c, to}) }

// sink is a metrics.Sink. A figure that is not of the collector's catalogue, or has the wrong number of labels, is a fault of
// the source: it panics.
type sink struct {
	c  *Collector
	to chan<- prometheus.Metric
}

// Value implements metrics.Sink.
func (s sink) Value(m *metrics.Metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.Kind == metrics.Counter {
		kind = prometheus.CounterValue
	}
	s.to <- prometheus.MustNewConstMetric(s.desc(m), kind, value, s.c.varying(m, labels)...)
}

// Spread implements metrics.Sink.
func (s sink) Spread(m *metrics.Metric, d clock.Spread, labels ...string) {
	buckets := make(map[float64]uint64, len(d.AtMost))
	for bound, n := range d.AtMost {
		buckets[bound.Seconds()] = uint64(n)
	}
	s.to <- prometheus.MustNewConstHistogram(s.desc(m), uint64(d.Count), d.Total.Seconds(), buckets, s.c.varying(m, labels)...)
}

func (s sink) desc(m *metrics.Metric) *prometheus.Desc {
	d := s.c.descs[m]
	if d == nil {
		panic("metrics: " + m.Name + " is not in the catalogue of its collector")
	}
	return d
}
