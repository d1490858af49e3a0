package worker

import (
	"context"
	"sync"
)

// runObserved runs the units, with what looks at them from outside around them: metrics, the listener, the watch over lag, and the log
// lines of start and stop.
func (w *Worker) runObserved(ctx context.Context) error {
	unregister, err := w.register()
	if err != nil {
		return err
	}
	defer unregister()
	stopListening, err := w.listen()
	if err != nil {
		return err
	}
	defer stopListening()
	log, c := w.config.Logger, w.config.Clock
	began := c.Now()
	var names []string
	for _, u := range w.units {
		names = append(names, u.decl.Name)
	}
	log.Info("worker starts", "application", w.app.Name(), "worker", w.id, "processors", names, "state", w.config.StateDir)
	watching, stopWatching := context.WithCancel(w.hard)
	var helpers sync.WaitGroup
	if w.config.Listen != "" || w.config.Metrics != nil || w.watched.Load() {
		helpers.Go(func() { w.watchEnds(watching) }) // waited for below
	}
	helpers.Go(func() { // waited for below
		select {
		case <-ctx.Done():
			w.stopping.Store(true)
			log.Info("worker stops: handlers finish their record, then the last commits", "application", w.app.Name(), "worker", w.id)
		case <-watching.Done():
		}
	})
	err = w.runUnits(ctx)
	stopWatching()
	helpers.Wait()
	w.commit.Lock()
	commits := w.commit.count
	w.commit.Unlock()
	attrs := []any{"application", w.app.Name(), "worker", w.id, "commits", commits, "duration", c.Now().Sub(began)}
	if err != nil {
		log.Error("worker stopped", append(attrs, "error", err)...)
	} else {
		log.Info("worker stopped", attrs...)
	}
	return err
}
