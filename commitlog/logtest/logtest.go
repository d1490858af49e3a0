// Package logtest is the suite that every driver of commitlog passes. It is written against the contract alone.
//
//	func TestDriver(t *testing.T) {
//		logtest.Run(t, func(t testing.TB) logtest.Fixture {
//			return logtest.Fixture{Log: openEmpty(t), MinSession: 6 * time.Second}
//		})
//	}
//
// Each case gets a fixture of its own. A log that cannot be had empty is fine: names of topics, groups and transactional
// ids are made unique. Where a case needs what a log cannot do (restart it, move its clock), it is left out of the list
// rather than skipped.
package logtest

import (
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/invariant"
)

// Fixture is an open log and what the suite may do with it. The suite closes the log.
type Fixture struct {
	Log commitlog.Log
	// Reopen opens the log again on the same data, after the suite has closed it. Nil: the log cannot be restarted.
	Reopen func(t testing.TB) commitlog.Log
	// Advance moves the log's clock. Nil: it is the machine's, and cases that would wait for seconds are left out.
	Advance func(d time.Duration)
	// MinSession is the shortest session timeout a member may ask for. 0: 6 s.
	MinSession time.Duration
	// NoDeleteRecords says that the log answers DeleteRecords with ErrUnsupported.
	NoDeleteRecords bool
}

// testCase is one claim about a log.
type testCase struct {
	name  string
	needs func(Fixture) bool // nil: nothing
	run   func(k *kit)
}

func canRestart(f Fixture) bool       { return f.Reopen != nil }
func canAdvance(f Fixture) bool       { return f.Advance != nil }
func canDeleteRecords(f Fixture) bool { return !f.NoDeleteRecords }
func hasChecks(Fixture) bool          { return invariant.Enabled }

// Run holds the log against every claim of the suite that the fixture can be asked. One fixture more than there are cases
// is opened, to see what that is.
func Run(t *testing.T, open func(t testing.TB) Fixture) {
	t.Helper()
	can := open(t)
	if err := can.Log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, group := range [][]testCase{writing, reading, releasing, transactions, fencing, stability, cancelling, groups, offsets,
		admin, restarts} {
		for _, c := range group {
			if c.needs != nil && !c.needs(can) {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				k := newKit(t, open(t))
				defer k.close()
				c.run(k)
			})
		}
	}
}
