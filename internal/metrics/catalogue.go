package metrics

// The labels. application, processor and the names of streams are declared in the program; a partition is below the
// number of partitions; an edition counts up with each rebuild, and at most two of a processor show at a time.
var (
	app       = []string{"application"}
	processor = []string{"application", "processor"}
	task      = []string{"application", "processor", "edition", "partition"}
	input     = []string{"application", "processor", "edition", "partition", "stream"}
)

// Of a worker as a whole.
var (
	WorkerReady = &Metric{"millrun_worker_ready", Gauge, app,
		"1 if every processor has its partitions and all of them are restored and none is parked, else 0",
		"0 for longer than a restore takes: /readyz says why"}
	BufferedBytes = &Metric{"millrun_worker_buffered_bytes", Gauge, app,
		"Bytes of effects that are not committed yet", "near millrun_worker_buffer_limit_bytes for minutes: commits do not keep up"}
	BufferLimitBytes = &Metric{"millrun_worker_buffer_limit_bytes", Gauge, app,
		"Bytes of uncommitted effects at which tasks wait (Config.BufferBytes)", ""}
	StoresMovedAside = &Metric{"millrun_worker_stores_moved_aside_total", Counter, app,
		"Stores that could not be trusted and were built anew from their changelogs", "any increase: the log says which and why"}
	HungHandlers = &Metric{"millrun_worker_hung_handlers_total", Counter, app,
		"Handlers that never returned; each leaves a goroutine behind", "any increase"}
	EndsFailures = &Metric{"millrun_worker_input_ends_failures_total", Counter, app,
		"Times that the log did not say where the inputs end, so that lag is as old as the last answer",
		"increases for more than a minute: the log is away"}
)

// Of a processor on this worker.
var (
	Tasks = &Metric{"millrun_tasks", Gauge, []string{"application", "processor", "phase"},
		"Tasks by what they do: restoring, running, building, backoff, parked, stopped",
		`phase="parked" above 0: a record stops its partition; /status names it`}
	WaitingPartitions = &Metric{"millrun_partitions_without_task", Gauge, processor,
		"Partitions that the group gave to this worker and that no task runs", "above 0 for a minute"}
	ServingEdition = &Metric{"millrun_serving_edition", Gauge, processor,
		"Edition that answers and emits; 0 before the first assignment", ""}
	Commits = &Metric{"millrun_commits_total", Counter, processor,
		"Transactions committed since the worker started", "no increase while lag is above 0"}
	CommitSeconds = &Metric{"millrun_commit_duration_seconds", Histogram, processor,
		"Time from the first write of a commit to the tables that hold it", "the 99th percentile near Config.TransactionTimeout"}
	CommitFailures = &Metric{"millrun_commit_failures_total", Counter, []string{"application", "processor", "kind"},
		"Commits that failed, or may have, by kind: fenced, not-member, too-large, refused, storage, timeout, interrupted, unknown-outcome, unavailable, other",
		`kind="fenced" or "storage" at all; others when they repeat`}
)

// Of a task: one edition of a processor on one partition. Counters start at 0 with the task, and show what is committed.
var (
	Records = &Metric{"millrun_task_records_total", Counter, task,
		"Records handled", ""}
	Skipped = &Metric{"millrun_task_skipped_records_total", Counter, task,
		"Records passed over because their handler failed and the error policy says so", "any increase, if the policy was meant for the exception"}
	DeadLetters = &Metric{"millrun_task_dead_letters_total", Counter, task,
		"Records written to the dead-letter topic", "any increase: somebody must look at them"}
	Fenced = &Metric{"millrun_task_fenced_emits_total", Counter, task,
		"Emits held back while an edition is built", ""}
	Lost = &Metric{"millrun_task_lost_offsets_total", Counter, task,
		"Offsets that retention deleted before they were handled (Config.SkipLost)", "any increase: data is gone"}
	Foreign = &Metric{"millrun_task_foreign_keys_total", Counter, task,
		"Sampled records whose key belongs to another partition, where that is allowed", "any increase where one partitioner is expected"}
	Retries = &Metric{"millrun_task_retries_total", Counter, task,
		"Attempts at a record that failed and are repeated after a pause", "a rate that stays up: what the handler calls is down"}
	Reloads = &Metric{"millrun_task_reloads_total", Counter, task,
		"Times that the task went back to what is committed, after a failed commit or another owner", "more than a few per hour"}
	StreamTime = &Metric{"millrun_task_stream_time_seconds", Gauge, task,
		"Highest event time handled and committed, in seconds since 1970; absent before the first", ""}
	RestoredOffsets = &Metric{"millrun_task_restored_offsets", Gauge, task,
		"Offsets of journal and changelogs read since the last restore began", "no change while a task restores"}
	RestoreTarget = &Metric{"millrun_task_restore_target_offsets", Gauge, task,
		"Offsets that this restore has to read", ""}
	BuildRemaining = &Metric{"millrun_task_build_remaining_offsets", Gauge, task,
		"Offsets between an edition that is built and the place where it takes over; absent where nothing is built", "no change while a build runs"}
)

// Of one input of a task.
var (
	InputPosition = &Metric{"millrun_input_position_offset", Gauge, input,
		"Next offset by what is committed", ""}
	InputLag = &Metric{"millrun_input_lag_offsets", Gauge, input,
		"Offsets that could be read and are not handled: up to the last stable offset, markers of transactions included",
		"grows for 10 minutes"}
	InputUnstable = &Metric{"millrun_input_unstable_offsets", Gauge, input,
		"Offsets behind the last stable one: an open transaction keeps them from every reader",
		"above 0 for longer than the longest transaction should take"}
	InputLagSeconds = &Metric{"millrun_input_lag_seconds", Gauge, input,
		"For how long at least the oldest offset that is not handled could have been read; 0 without lag, and counted from the start of the task at the earliest",
		"above what users of the tables accept"}
)

// Of the broker in this process.
var (
	BrokerFailed = &Metric{"millrun_broker_failed", Gauge, nil,
		"1 after a fault that stopped the broker for good, else 0", "1: open the directory again once the cause is gone"}
	BrokerSyncs = &Metric{"millrun_broker_syncs_enabled", Gauge, nil,
		"1 if acknowledged means on the disk, 0 in the mode that leaves that to the operating system", "0 where data matters"}
	BrokerDiskFull = &Metric{"millrun_broker_disk_full", Gauge, nil,
		"1 while new work is refused because the disk is full, else 0", "1"}
	BrokerSyncSeconds = &Metric{"millrun_broker_wal_sync_duration_seconds", Histogram, nil,
		"Time of each sync of the write-ahead log; its count is the number of syncs", "the 99th percentile above 100 ms"}
	BrokerWALBytes = &Metric{"millrun_broker_wal_bytes", Gauge, nil,
		"Bytes written to the write-ahead log that no snapshot covers yet", "several times Config.CheckpointBytes: checkpoints fail"}
	BrokerCheckpointSeconds = &Metric{"millrun_broker_checkpoint_duration_seconds", Histogram, nil,
		"Time of each checkpoint that succeeded", ""}
	BrokerCheckpointFailures = &Metric{"millrun_broker_checkpoint_failures_total", Counter, nil,
		"Checkpoints that failed; a start after a crash takes longer", "any increase"}
	BrokerTopics = &Metric{"millrun_broker_topics", Gauge, nil,
		"Topics", ""}
	BrokerPartitions = &Metric{"millrun_broker_partitions", Gauge, nil,
		"Partitions", ""}
	BrokerRefusing = &Metric{"millrun_broker_faulty_partitions", Gauge, nil,
		"Partitions that answer with a storage fault because a file of theirs is damaged", "above 0: the log names file and byte"}
	BrokerTransactions = &Metric{"millrun_broker_open_transactions", Gauge, nil,
		"Transactions that are open now", ""}
	BrokerOldestTransaction = &Metric{"millrun_broker_oldest_transaction_seconds", Gauge, nil,
		"Age of the oldest open transaction since it began, or since the broker started; 0 if none is open",
		"above the longest timeout in use"}
)

// Worker lists the metrics of a worker, in the order of the document.
func Worker() []*Metric {
	return []*Metric{WorkerReady, BufferedBytes, BufferLimitBytes, StoresMovedAside, HungHandlers, EndsFailures,
		Tasks, WaitingPartitions, ServingEdition, Commits, CommitSeconds, CommitFailures,
		Records, Skipped, DeadLetters, Fenced, Lost, Foreign, Retries, Reloads, StreamTime, RestoredOffsets,
		RestoreTarget, BuildRemaining, InputPosition, InputLag, InputUnstable, InputLagSeconds}
}

// Broker lists the metrics of a broker, in the order of the document.
func Broker() []*Metric {
	return []*Metric{BrokerFailed, BrokerSyncs, BrokerDiskFull, BrokerSyncSeconds, BrokerWALBytes,
		BrokerCheckpointSeconds, BrokerCheckpointFailures, BrokerTopics, BrokerPartitions, BrokerRefusing,
		BrokerTransactions, BrokerOldestTransaction}
}
