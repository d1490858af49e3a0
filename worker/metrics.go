package worker

import (
	"fmt"
	"strconv"
	"time"

	"github.com/millrun/millrun/internal/metrics"
	"github.com/millrun/millrun/internal/metrics/collector"
)

// register shows the worker's metrics to Config.Metrics until the function that it gives is called. Workers of several
// applications may share a registerer; two of one application need prometheus.WrapRegistererWith, with a label of their own.
func (w *Worker) register() (unregister func(), err error) {
	r := w.config.Metrics
	if r == nil {
		return func() {}, nil
	}
	c := collector.New(metrics.Worker(), map[string]string{"application": w.app.Name()}, w.figures)
	if err := r.Register(c); err != nil {
		return nil, fmt.Errorf("worker: register metrics of application %s (Config.Metrics): %w", w.app.Name(), err)
	}
	return func() { r.Unregister(c) }, nil
}

// figures gives the worker's metrics to a sink: metrics.Source.
func (w *Worker) figures(sink metrics.Sink) {
	s, now := w.Status(), w.config.Clock.Now()
	app := s.Application
	sink.Value(metrics.WorkerReady, number(s.Ready), app)
	sink.Value(metrics.BufferedBytes, float64(s.Buffered), app)
	sink.Value(metrics.BufferLimitBytes, float64(s.BufferBytes), app)
	sink.Value(metrics.StoresMovedAside, float64(s.MovedAside), app)
	sink.Value(metrics.HungHandlers, float64(s.HungHandler), app)
	sink.Value(metrics.EndsFailures, float64(w.endsFailed.Load()), app)
	for i := range s.Processors {
		w.processorFigures(sink, &s.Processors[i], &w.units[i].commits)
		for j := range s.Processors[i].Tasks {
			taskFigures(sink, []string{app, s.Processors[i].Name}, &s.Processors[i].Tasks[j], now)
		}
	}
}

func (w *Worker) processorFigures(sink metrics.Sink, p *ProcessorStatus, commits *commitFigures) {
	app := w.app.Name()
	phases := map[Phase]int{}
	for i := range p.Tasks {
		phases[p.Tasks[i].Phase]++
	}
	for _, phase := range []Phase{Restoring, Running, Building, Backoff, Parked, Stopped} {
		sink.Value(metrics.Tasks, float64(phases[phase]), app, p.Name, string(phase))
	}
	sink.Value(metrics.WaitingPartitions, float64(len(p.Waiting)), app, p.Name)
	sink.Value(metrics.ServingEdition, float64(p.Edition), app, p.Name)
	took := commits.took.Spread()
	sink.Value(metrics.Commits, float64(took.Count), app, p.Name)
	sink.Spread(metrics.CommitSeconds, took, app, p.Name)
	for _, k := range failureKinds {
		sink.Value(metrics.CommitFailures, float64(p.Failed[k.name]), app, p.Name, k.name)
	}
}

// taskFigures gives those of one task; labels are application and processor.
func taskFigures(sink metrics.Sink, labels []string, t *TaskStatus, now time.Time) {
	if t.Phase == Stopped {
		return // its successor, here or elsewhere, has the partition
	}
	labels = append(labels, strconv.Itoa(t.Edition), strconv.Itoa(int(t.Partition)))
	value := func(m *metrics.Metric, v int64) { sink.Value(m, float64(v), labels...) }
	value(metrics.Records, t.Records)
	value(metrics.Skipped, t.Skipped)
	value(metrics.DeadLetters, t.Letters)
	value(metrics.Fenced, t.Fenced)
	value(metrics.Lost, t.Lost)
	value(metrics.Foreign, t.Foreign)
	value(metrics.Retries, t.Retries)
	value(metrics.Reloads, t.Reloads)
	value(metrics.RestoredOffsets, t.Restored)
	value(metrics.RestoreTarget, t.ToRestore)
	if t.StreamTime >= 0 {
		sink.Value(metrics.StreamTime, float64(t.StreamTime)/1000, labels...)
	}
	if t.BuildLeft >= 0 {
		value(metrics.BuildRemaining, t.BuildLeft)
		return // it reads up to where it takes over, and no further: lag would say nothing
	}
	for _, in := range t.Inputs {
		l := append(labels[:len(labels):len(labels)], in.Stream)
		sink.Value(metrics.InputPosition, float64(in.Committed), l...)
		sink.Value(metrics.InputLag, float64(in.Lag()), l...)
		sink.Value(metrics.InputUnstable, float64(in.Unstable()), l...)
		age := time.Duration(0)
		if !in.BehindSince.IsZero() {
			age = now.Sub(in.BehindSince)
		}
		sink.Value(metrics.InputLagSeconds, age.Seconds(), l...)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
