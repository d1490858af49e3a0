package embedded

import (
	"fmt"

	"github.com/millrun/millrun/commitlog"
)

// The Kafka error codes that the driver treats by name.
const (
	codeOutOfRange             = 1
	codeUnknownTopic           = 3
	codeTooLarge               = 10
	codeListTooLarge           = 18
	codeIllegalGeneration      = 22
	codeUnknownMember          = 25
	codeInvalidTimestamp       = 32
	codeOutOfOrderSequence     = 45
	codeDuplicateSequence      = 46
	codeInvalidProducerEpoch   = 47
	codeInvalidTxnState        = 48
	codeInvalidProducerMapping = 49
	codeStorage                = 56
	codeUnknownProducer        = 59
	codeMemberIDRequired       = 79
	codeFencedInstance         = 82
	codeInvalidRecord          = 87
	codeProducerFenced         = 90
)

// meaning is what a Kafka error code is called there and means here.
type meaning struct {
	name     string
	sentinel error
}

// meanings is the table of the contract: one for every log. ErrUnavailable marks the temporary faults, which are retried.
var meanings = map[int16]meaning{
	1:   {"OFFSET_OUT_OF_RANGE", commitlog.ErrOutOfRange},
	2:   {"CORRUPT_MESSAGE", commitlog.ErrCorrupt},
	3:   {"UNKNOWN_TOPIC_OR_PARTITION", commitlog.ErrUnknownTopic},
	5:   {"LEADER_NOT_AVAILABLE", commitlog.ErrUnavailable},
	6:   {"NOT_LEADER_OR_FOLLOWER", commitlog.ErrUnavailable},
	7:   {"REQUEST_TIMED_OUT", commitlog.ErrUnavailable},
	9:   {"REPLICA_NOT_AVAILABLE", commitlog.ErrUnavailable},
	10:  {"MESSAGE_TOO_LARGE", commitlog.ErrTooLarge},
	12:  {"OFFSET_METADATA_TOO_LARGE", commitlog.ErrInvalidConfig},
	13:  {"NETWORK_EXCEPTION", commitlog.ErrUnavailable},
	14:  {"COORDINATOR_LOAD_IN_PROGRESS", commitlog.ErrUnavailable},
	15:  {"COORDINATOR_NOT_AVAILABLE", commitlog.ErrUnavailable},
	16:  {"NOT_COORDINATOR", commitlog.ErrUnavailable},
	17:  {"INVALID_TOPIC_EXCEPTION", commitlog.ErrInvalidConfig},
	18:  {"RECORD_LIST_TOO_LARGE", commitlog.ErrTooLarge},
	19:  {"NOT_ENOUGH_REPLICAS", commitlog.ErrUnavailable},
	20:  {"NOT_ENOUGH_REPLICAS_AFTER_APPEND", commitlog.ErrUnavailable},
	22:  {"ILLEGAL_GENERATION", commitlog.ErrNotMember},
	23:  {"INCONSISTENT_GROUP_PROTOCOL", commitlog.ErrInvalidConfig},
	24:  {"INVALID_GROUP_ID", commitlog.ErrInvalidConfig},
	25:  {"UNKNOWN_MEMBER_ID", commitlog.ErrNotMember},
	26:  {"INVALID_SESSION_TIMEOUT", commitlog.ErrInvalidConfig},
	27:  {"REBALANCE_IN_PROGRESS", commitlog.ErrRebalance},
	29:  {"TOPIC_AUTHORIZATION_FAILED", commitlog.ErrNotAuthorized},
	30:  {"GROUP_AUTHORIZATION_FAILED", commitlog.ErrNotAuthorized},
	31:  {"CLUSTER_AUTHORIZATION_FAILED", commitlog.ErrNotAuthorized},
	32:  {"INVALID_TIMESTAMP", commitlog.ErrInvalidRecord},
	35:  {"UNSUPPORTED_VERSION", commitlog.ErrUnsupported},
	36:  {"TOPIC_ALREADY_EXISTS", commitlog.ErrTopicExists},
	37:  {"INVALID_PARTITIONS", commitlog.ErrInvalidConfig},
	38:  {"INVALID_REPLICATION_FACTOR", commitlog.ErrInvalidConfig},
	39:  {"INVALID_REPLICA_ASSIGNMENT", commitlog.ErrInvalidConfig},
	40:  {"INVALID_CONFIG", commitlog.ErrInvalidConfig},
	41:  {"NOT_CONTROLLER", commitlog.ErrUnavailable},
	42:  {"INVALID_REQUEST", commitlog.ErrInvalidConfig},
	44:  {"POLICY_VIOLATION", commitlog.ErrInvalidConfig},
	45:  {"OUT_OF_ORDER_SEQUENCE_NUMBER", commitlog.ErrAborted},
	47:  {"INVALID_PRODUCER_EPOCH", commitlog.ErrFenced},
	48:  {"INVALID_TXN_STATE", commitlog.ErrAborted},
	49:  {"INVALID_PRODUCER_ID_MAPPING", commitlog.ErrFenced},
	50:  {"INVALID_TRANSACTION_TIMEOUT", commitlog.ErrInvalidConfig},
	51:  {"CONCURRENT_TRANSACTIONS", commitlog.ErrUnavailable},
	53:  {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED", commitlog.ErrNotAuthorized},
	56:  {"KAFKA_STORAGE_ERROR", commitlog.ErrStorage},
	58:  {"SASL_AUTHENTICATION_FAILED", commitlog.ErrNotAuthorized},
	59:  {"UNKNOWN_PRODUCER_ID", commitlog.ErrAborted},
	68:  {"NON_EMPTY_GROUP", commitlog.ErrGroupNotEmpty},
	69:  {"GROUP_ID_NOT_FOUND", commitlog.ErrUnknownGroup},
	74:  {"FENCED_LEADER_EPOCH", commitlog.ErrUnavailable},
	75:  {"UNKNOWN_LEADER_EPOCH", commitlog.ErrUnavailable},
	76:  {"UNSUPPORTED_COMPRESSION_TYPE", commitlog.ErrInvalidRecord},
	78:  {"OFFSET_NOT_AVAILABLE", commitlog.ErrUnavailable},
	81:  {"GROUP_MAX_SIZE_REACHED", commitlog.ErrInvalidConfig},
	82:  {"FENCED_INSTANCE_ID", commitlog.ErrFenced},
	87:  {"INVALID_RECORD", commitlog.ErrInvalidRecord},
	88:  {"UNSTABLE_OFFSET_COMMIT", commitlog.ErrUnavailable},
	89:  {"THROTTLING_QUOTA_EXCEEDED", commitlog.ErrUnavailable},
	90:  {"PRODUCER_FENCED", commitlog.ErrFenced},
	100: {"UNKNOWN_TOPIC_ID", commitlog.ErrUnknownTopic},
	120: {"TRANSACTION_ABORTABLE", commitlog.ErrAborted},
}

// codeError is the error of a Kafka code, nil for 0; detail is what the broker added, or "". A code outside the table is
// an error without a sentinel: nothing callers could branch on.
func codeError(code int16, detail string) error {
	if code == 0 {
		return nil
	}
	m, ok := meanings[code]
	if !ok {
		return fmt.Errorf("broker answers code %d %s", code, detail)
	}
	if detail != "" {
		return fmt.Errorf("%w: %s: %s", m.sentinel, m.name, detail)
	}
	return fmt.Errorf("%w: %s", m.sentinel, m.name)
}

// partitionError is codeError for the answer of one partition. KAFKA_STORAGE_ERROR alone would leave its reader with nothing to
// do: without a detail, such as a full disk, it says that the broker has taken the partition out of service.
func (l *Log) partitionError(code int16, detail string) error {
	err := codeError(code, detail)
	if code == codeStorage && detail == "" {
		return fmt.Errorf("it is damaged or its disk failed; see the log's own messages, or run \"millrun log check %s\" while no program has it open (%w)",
			l.dir, err)
	}
	return err
}

// temporary says that a code may be gone at the next try.
func temporary(code int16) bool { return meanings[code].sentinel == commitlog.ErrUnavailable }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// optional is nil for "", as the protocol has it for names that may be absent.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
