package worker

import (
	"encoding/json"
	"strconv"
	"time"
)

// MarshalJSON gives the status under names that stay. Every integer of 64 bits (counts, bytes, offsets, milliseconds) is a string
// of its digits, because many readers of JSON take numbers for floats and round those above 2^53; edition and partition are
// numbers. Durations are seconds as numbers, moments are RFC 3339 in UTC.
func (s Status) MarshalJSON() ([]byte, error) {
	out := statusJSON{Application: s.Application, Worker: s.ID, Address: s.Address, Ready: s.Ready, NotReady: orEmpty(s.NotReady),
		Commits: s.Commits, LastCommit: s.LastCommit.Seconds(), Buffered: s.Buffered, MovedAside: s.MovedAside,
		HungHandlers: s.HungHandler, Unreadable: s.Unreadable, Globals: copiesJSON(s.Globals),
		Limits: limitsJSON{s.CommitEvery.Seconds(), s.BufferBytes, s.StateMemory}, Processors: []processorJSON{}}
	for i := range s.Processors {
		out.Processors = append(out.Processors, s.Processors[i].json())
	}
	return json.Marshal(out)
}

type statusJSON struct {
	Application  string          `json:"application"`
	Worker       string          `json:"worker"`
	Address      string          `json:"address"`
	Ready        bool            `json:"ready"`
	NotReady     []string        `json:"not_ready"`
	Commits      int64           `json:"commits,string"`
	LastCommit   float64         `json:"last_commit_seconds"`
	Buffered     int64           `json:"buffered_bytes,string"`
	MovedAside   int64           `json:"stores_moved_aside,string"`
	HungHandlers int64           `json:"hung_handlers,string"`
	Unreadable   int64           `json:"unreadable_entries,string"`
	Globals      []copyJSON      `json:"tables_read_whole"`
	Limits       limitsJSON      `json:"limits"`
	Processors   []processorJSON `json:"processors"`
}

type limitsJSON struct {
	CommitEvery float64 `json:"commit_every_seconds"`
	BufferBytes int64   `json:"buffer_bytes,string"`
	StateMemory int64   `json:"state_memory_bytes,string"`
}

type processorJSON struct {
	Name     string            `json:"name"`
	Edition  int               `json:"edition"`
	Assigned bool              `json:"assigned"`
	Waiting  []int32           `json:"partitions_without_task"`
	Commits  int64             `json:"commits,string"`
	Failed   map[string]string `json:"commit_failures"`
	Tasks    []taskJSON        `json:"tasks"`
}

type taskJSON struct {
	Partition  int32        `json:"partition"`
	Edition    int          `json:"edition"`
	Phase      Phase        `json:"phase"`
	Inputs     []inputJSON  `json:"inputs"`
	Commits    int64        `json:"commits,string"`
	Records    int64        `json:"records,string"`
	Skipped    int64        `json:"skipped,string"`
	Retries    int64        `json:"retries,string"`
	Reloads    int64        `json:"reloads,string"`
	Letters    int64        `json:"dead_letters,string"`
	Fenced     int64        `json:"fenced_emits,string"`
	Foreign    int64        `json:"foreign_keys,string"`
	Lost       int64        `json:"lost_offsets,string"`
	Restored   int64        `json:"restored_offsets,string"`
	ToRestore  int64        `json:"restore_target_offsets,string"`
	BuildLeft  *int64       `json:"build_remaining_offsets,string"` // null: nothing is built
	StreamTime *int64       `json:"stream_time_ms,string"`          // null: none yet
	Reads      []copyJSON   `json:"tables_read"`
	Stopped    *stoppedJSON `json:"stopped"` // null: it does not stand at a record
}

type inputJSON struct {
	Stream   string `json:"stream"`
	Position int64  `json:"position,string"`
	Readable int64  `json:"readable_end,string"`
	End      int64  `json:"end,string"`
	Lag      int64  `json:"lag,string"`
	Unstable int64  `json:"behind_open_transaction,string"`
	Since    string `json:"behind_since,omitempty"`
}

type stoppedJSON struct {
	Stream string `json:"stream"` // "": at no record
	Record string `json:"record"` // topic/partition@offset; "": at no record
	Since  string `json:"since"`
	Reason string `json:"reason"`
}

// copyJSON is a copy of a table of others; partitions stand in their order, those of a task in one.
type copyJSON struct {
	Table      string         `json:"table"`
	Topic      string         `json:"topic"`
	Filling    bool           `json:"filling"`
	Partitions []copyPartJSON `json:"partitions"`
}

type copyPartJSON struct {
	Position int64 `json:"position,string"`
	End      int64 `json:"end,string"`
}

func copiesJSON(copies []CopyStatus) []copyJSON {
	list := []copyJSON{}
	for _, c := range copies {
		j := copyJSON{Table: c.Table, Topic: c.Topic, Filling: c.Filling, Partitions: []copyPartJSON{}}
		for i := range c.Next {
			j.Partitions = append(j.Partitions, copyPartJSON{c.Next[i], c.End[i]})
		}
		list = append(list, j)
	}
	return list
}

func (p *ProcessorStatus) json() processorJSON {
	out := processorJSON{Name: p.Name, Edition: p.Edition, Assigned: p.Assigned, Waiting: orEmpty(p.Waiting), Commits: p.Commits,
		Failed: map[string]string{}, Tasks: []taskJSON{}}
	for kind, n := range p.Failed {
		out.Failed[kind] = digits(n)
	}
	for i := range p.Tasks {
		out.Tasks = append(out.Tasks, p.Tasks[i].json())
	}
	return out
}

func (t *TaskStatus) json() taskJSON {
	out := taskJSON{Partition: t.Partition, Edition: t.Edition, Phase: t.Phase, Inputs: []inputJSON{}, Commits: t.Commits,
		Records: t.Records, Skipped: t.Skipped, Retries: t.Retries, Reloads: t.Reloads, Letters: t.Letters, Fenced: t.Fenced,
		Foreign: t.Foreign, Lost: t.Lost, Restored: t.Restored, ToRestore: t.ToRestore, Reads: copiesJSON(t.Reads)}
	if t.BuildLeft >= 0 {
		out.BuildLeft = &t.BuildLeft
	}
	if t.StreamTime >= 0 {
		out.StreamTime = &t.StreamTime
	}
	for _, in := range t.Inputs {
		j := inputJSON{Stream: in.Stream, Position: in.Committed, Readable: in.Readable, End: in.End, Lag: in.Lag(), Unstable: in.Unstable()}
		if !in.BehindSince.IsZero() {
			j.Since = moment(in.BehindSince)
		}
		out.Inputs = append(out.Inputs, j)
	}
	if e := t.Stopped; e != nil {
		out.Stopped = &stoppedJSON{Stream: e.Stream, Since: moment(e.Since), Reason: e.Reason}
		if e.Stream != "" {
			out.Stopped.Record = e.Record.String()
		}
	}
	return out
}

// orEmpty gives an empty list for none, so that JSON has [] and never null.
func orEmpty[T any](l []T) []T { return append([]T{}, l...) }

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func digits(n int64) string { return strconv.FormatInt(n, 10) }
