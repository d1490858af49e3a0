package githistory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/internal/rows"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

// LoadConfig are the settings of Load.
type LoadConfig struct {
	// Repo is a directory in the repository, or a bare one.
	Repo string
	// Partitions of the stream, if it is not there yet; 0: 4.
	Partitions int32
	// Until is the last row to load; 0: all.
	Until int64
}

// headTopic has one record: the commit whose history the log holds. Whatever is committed later, a loader that starts again
// goes on with the same rows.
const headTopic = "history-head"

// Load puts the history of the repository on the log, each row once, however often Load was killed before. Which history is
// decided by the first Load: up to what HEAD was then. Only one Load may run at a time. All rows are durable when it returns
// nil. A Load that goes on lets git tell the history from its beginning and passes over what the log has; that takes git's time and
// no memory.
func Load(ctx context.Context, log commitlog.Log, cfg LoadConfig) error {
	if err := load(ctx, log, cfg); err != nil {
		return fmt.Errorf("load history: %w", err)
	}
	return nil
}

func load(ctx context.Context, log commitlog.Log, cfg LoadConfig) error {
	partitions, err := ensureTopics(ctx, log, cfg.Partitions)
	if err != nil {
		return err
	}
	head, err := decideHead(ctx, log, cfg.Repo)
	if err != nil {
		return err
	}
	last, err := rows.Last(ctx, log, History.Name(), partitions)
	if err != nil {
		return err
	}
	out, err := producer.Open(ctx, log, History, producer.Config{})
	if err != nil {
		return err
	}
	err = queueRows(ctx, out, cfg, head, last)
	return errors.Join(err, out.Close())
}

// queueRows queues the rows that the log does not have yet: those above the last row of their partition.
func queueRows(ctx context.Context, out *producer.Producer[string, Event], cfg LoadConfig, head string, last []int64) error {
	now := time.Now()
	for row, err := range Rows(ctx, cfg.Repo, head) {
		if err != nil {
			return err
		}
		if cfg.Until > 0 && row.Number > cfg.Until {
			return nil
		}
		if row.Number <= last[commitlog.Murmur2.Partition([]byte(row.Hash), int32(len(last)))] {
			continue
		}
		err := out.QueueWith(ctx, row.Hash, row.Event, processor.Meta{
			Timestamp: believable(row.At, now),
			Headers:   []commitlog.Header{rows.Header(row.Number)},
		})
		if err != nil {
			return fmt.Errorf("row %d: %w", row.Number, err)
		}
	}
	return nil
}

// believable keeps the clocks of other people's machines out: a commit can claim any time, a record cannot.
func believable(at, now time.Time) time.Time {
	if at.Unix() < 1 || at.After(now) {
		return now
	}
	return at
}

func ensureTopics(ctx context.Context, log commitlog.Log, partitions int32) (int, error) {
	if _, err := rows.EnsureTopics(ctx, log, 1, headTopic); err != nil {
		return 0, err
	}
	return rows.EnsureTopics(ctx, log, partitions, History.Name())
}

// decideHead reads the decision of the first Load, or is the first.
func decideHead(ctx context.Context, log commitlog.Log, repo string) (string, error) {
	head, err := LoadedHead(ctx, log)
	if err != nil || head != "" {
		return head, err
	}
	if head, err = Head(ctx, repo); err != nil {
		return "", err
	}
	w, err := log.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		return "", err
	}
	_, err = w.Append(ctx, commitlog.Partition{Topic: headTopic}, []commitlog.Record{{Key: []byte("head"), Value: []byte(head), Timestamp: -1}})
	return head, errors.Join(err, w.Close())
}

// LoadedHead gives the commit whose history the log holds, or is to hold; "" if no Load has begun.
func LoadedHead(ctx context.Context, log commitlog.Log) (head string, err error) {
	starts, ends, err := rows.Bounds(ctx, log, headTopic, 1)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", headTopic, err)
	}
	err = rows.Scan(ctx, log, starts, ends, func(_ commitlog.Partition, r commitlog.Record) error {
		if head == "" {
			head = string(bytes.Clone(r.Value))
		}
		return nil
	})
	return head, err
}
