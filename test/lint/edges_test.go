package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// edge forbids imports that the order of the floors would allow, or that leave the module.
type edge struct {
	from   []string // packages; "/..." as in floors
	to     []string // import paths; our own without the module
	except []string // of to, or of from when it is everything
	reason string
}

// outside lists what touches the outside world.
var outside = []string{"os", "os/...", "net", "net/...", "syscall", "io/ioutil", "database/sql", "golang.org/x/sys/...",
	"internal/vfs"}

var edges = []edge{
	{
		from:   []string{"worker/..."},
		to:     []string{"commitlog/embedded", "commitlog/kafka", "brokerlite/..."},
		reason: "a worker never knows which log it runs on; the same program runs on all of them",
	},
	{
		from:   []string{"state/...", "topology/edition", "processor/producer"},
		to:     []string{"commitlog/embedded", "commitlog/kafka", "brokerlite/..."},
		reason: "whatever reads or writes a log does it through the contract, else it runs on one log only",
	},
	{
		from:   []string{"brokerlite/..."},
		to:     []string{module + "/..."},
		except: []string{"brokerlite/...", "internal/vfs", "internal/clock", "internal/invariant"},
		reason: "the broker could leave for a repository of its own, taking only these three with it",
	},
	{
		from:   []string{"processor", "topology", "internal/decl", "internal/names"},
		to:     outside,
		reason: "declarations are data: they start nothing and touch nothing, so building a topology cannot fail on a machine",
	},
	{
		from:   []string{"internal/control", "internal/journal"},
		to:     []string{module + "/..."},
		except: []string{"commitlog"},
		reason: "record formats and their folds are read by tools that know no processor",
	},
	{
		from:   []string{"brokerlite/internal/...", "brokerlite/recordbatch", "state", "worker/internal/...", "internal/metrics"},
		to:     []string{"net", "net/...", "os/exec", "os/signal"},
		reason: "one door, one listener above it: below them nothing opens sockets, starts processes or takes signals",
	},
	{
		from:   []string{"worker"},
		to:     []string{"os/exec", "os/signal", "net/rpc", "net/smtp"},
		reason: "a worker listens for those who look at it, and reaches nothing by itself: its log is handed in",
	},
	{
		from:   []string{"brokerlite/..."},
		to:     []string{"os", "io/ioutil"},
		reason: "the broker touches disks through internal/vfs alone, or a crash test would not see it",
	},
	{
		from:   []string{"/..."},
		to:     []string{"github.com/IBM/sarama", "github.com/IBM/sarama/..."},
		except: []string{"commitlog/kafka"},
		reason: "one driver speaks sarama; the contract hides it from everybody else",
	},
	{
		from:   []string{"/..."},
		to:     []string{"github.com/prometheus/..."},
		except: []string{"internal/metrics/collector", "worker", "commitlog/embedded", "examples/...", "cmd/millrun"},
		reason: "who has figures gives them to a metrics.Sink; only the collector and the Configs that take a Registerer know whose it is",
	},
	{
		from:   []string{"/..."},
		to:     []string{"github.com/syndtr/goleveldb/..."},
		except: []string{"state/..."},
		reason: "one package knows the store's rules (pinned version, barrier, whole batches)",
	},
	{
		from:   []string{"examples/..."},
		to:     []string{"internal/..."},
		reason: "an example may use what its reader can use",
	},
	{
		from: []string{"/..."},
		to: []string{"testing", "testing/...", "github.com/google/go-cmp/...", "pgregory.net/rapid", "go.uber.org/goleak",
			"go.uber.org/mock/...", "github.com/anishathalye/porcupine", "github.com/twmb/franz-go/pkg/kgo",
			"github.com/twmb/franz-go/pkg/kfake", "github.com/lovoo/goka", "github.com/lovoo/goka/..."},
		reason: "test libraries stay out of everything shipped",
	},
}

func TestForbiddenImportsStayOut(t *testing.T) { holds(t, "edges", noForbiddenEdge) }

// noForbiddenEdge looks at what is shipped: tests, packages for tests and the folder test may import what they need.
func noForbiddenEdge(t *tree) []string {
	var found []string
	for _, f := range t.files {
		if !f.shipped() {
			continue
		}
		for _, spec := range f.imports() {
			target := unquote(spec)
			for _, e := range edges {
				if e.forbids(f.dir, target) {
					name := strings.TrimPrefix(target, module+"/")
					found = append(found, fmt.Sprintf("%s: %s may not import %s: %s", t.at(f, spec.Pos()), f.dir, name, e.reason))
				}
			}
		}
	}
	return found
}

func (e edge) forbids(from, target string) bool {
	own := strings.TrimPrefix(target, module+"/")
	anywhere := e.from[0] == "/..."
	listed := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(name, p) })
	}
	if !anywhere && !listed(e.from, from) {
		return false
	}
	if !listed(e.to, target) && !(own != target && listed(e.to, own)) {
		return false
	}
	if anywhere {
		return !listed(e.except, from)
	}
	return !listed(e.except, own)
}

// highLevel are sarama's own producer, consumer and group, which retry and hide what the driver must see.
var highLevel = []string{"NewSyncProducer", "NewSyncProducerFromClient", "NewAsyncProducer", "NewAsyncProducerFromClient",
	"NewConsumer", "NewConsumerFromClient", "NewConsumerGroup", "NewConsumerGroupFromClient"}

func TestKafkaDriverUsesNoHighLevelClient(t *testing.T) { holds(t, "sarama", noHighLevelClient) }

func noHighLevelClient(t *tree) []string {
	var found []string
	for _, f := range t.files {
		if f.test {
			continue
		}
		for _, c := range callsOf(f, "github.com/IBM/sarama", highLevel) {
			found = append(found, fmt.Sprintf("%s: sarama.%s: its clients of high level retry and skip out of sight; use "+
				"Client, ClusterAdmin and Broker", t.at(f, c.Pos()), c.Sel.Name))
		}
	}
	return found
}
