package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// PrincipalEmbedded is the principal of calls that come from the broker's own process. A member that joined with it
// died when the process did, so it is not restored after a restart (S-58).
const PrincipalEmbedded = "embedded"

// Call is one request that came in. The machine keeps Request until it has replied and never writes to it; bytes it
// needs for longer are copied.
type Call struct {
	Token     uint64 // names the call in Reply and Cancelled; not used by any other call still unanswered
	Principal string // who asks; PrincipalEmbedded for calls of this process
	ClientID  string // shown by DescribeGroups, and the head of a generated member id
	Host      string // shown by DescribeGroups
	Request   kmsg.Request
}

// Reply answers the call with this token. Every call gets exactly one, unless it was Cancelled first. Its bytes are the
// receiver's: the machine keeps none of them.
type Reply struct {
	Token    uint64
	Response kmsg.Response
}

// Effects is what the owner of the machine must do, in this order: append Records to the log, wait until they and all
// earlier records of the machine are durable, send Replies, and call Tick at Wake at the latest.
//
// The second part of the wait matters for replies without records: an OffsetFetch answers from the state that the
// last records made, and no answer may reveal what a power cut can take back (S-48).
type Effects struct {
	Replies []Reply
	Records [][]byte  // each for Apply; owned by the caller
	Wake    time.Time // zero: nothing is waiting for time to pass. Calling Tick early is harmless
}
