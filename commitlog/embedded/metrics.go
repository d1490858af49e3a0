package embedded

import (
	"fmt"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/metrics"
	"github.com/millrun/millrun/internal/metrics/collector"
	"github.com/prometheus/client_golang/prometheus"
)

// register shows a broker's metrics until the function that it gives is called. The broker itself knows of no metrics: it has
// Stats.
func register(r prometheus.Registerer, b *brokerlite.Broker) (unregister func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	c := collector.New(metrics.Broker(), nil, func(s metrics.Sink) { figures(s, b.Stats()) })
	if err := r.Register(c); err != nil {
		return nil, fmt.Errorf("register metrics (Config.Metrics): %w", err)
	}
	return func() { r.Unregister(c) }, nil
}

func figures(sink metrics.Sink, s brokerlite.Stats) {
	flag := func(m *metrics.Metric, set bool) {
		v := 0.0
		if set {
			v = 1
		}
		sink.Value(m, v)
	}
	flag(metrics.BrokerFailed, s.Failed)
	flag(metrics.BrokerSyncs, s.Flush == brokerlite.FlushAlways)
	flag(metrics.BrokerDiskFull, s.DiskFull)
	sink.Spread(metrics.BrokerSyncSeconds, clock.Spread(s.Syncs))
	sink.Value(metrics.BrokerWALBytes, float64(s.WALBytes))
	sink.Spread(metrics.BrokerCheckpointSeconds, clock.Spread(s.Checkpoints))
	sink.Value(metrics.BrokerCheckpointFailures, float64(s.CheckpointFailures))
	sink.Value(metrics.BrokerTopics, float64(s.Topics))
	sink.Value(metrics.BrokerPartitions, float64(s.Partitions))
	sink.Value(metrics.BrokerRefusing, float64(s.FaultyPartitions))
	sink.Value(metrics.BrokerTransactions, float64(s.OpenTransactions))
	sink.Value(metrics.BrokerOldestTransaction, s.OldestTransaction.Seconds())
}
