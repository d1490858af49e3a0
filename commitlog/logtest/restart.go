package logtest

import (
	"strings"

	"github.com/millrun/millrun/commitlog"
)

var restarts = []testCase{
	{name: "ARestartKeepsWhatWasAcknowledged", needs: canRestart, run: restartKeeps},
	{name: "ARestartDoesNotBringFencedRecordsBack", needs: canRestart, run: restartAndFencing},
	{name: "AnOpenTransactionSurvivesUntilItsOwnerDecides", needs: canRestart, run: restartAndOpenTransaction},
}

// restart closes everything and opens the log again.
func (k *kit) restart() {
	k.Helper()
	k.closeOpened()
	k.ok(k.Log.Close())
	k.Log = k.Reopen(k.T)
}

func restartKeeps(k *kit) {
	p, group := k.partition(), k.name("group")
	k.write(p, "a", "b")
	t := k.transactor(k.name("id"))
	k.append(t, p, "c")
	_, err := t.Commit(k.ctx, commitlog.GroupOffsets{Member: alone(group), Offsets: []commitlog.Position{{Partition: p, Offset: 2, Metadata: "m"}}})
	k.ok(err)
	k.append(t, p, "aborted")
	k.ok(t.Abort(k.ctx))
	member := k.joinAlone(group)
	before, err := k.Log.Topics(k.ctx, p.Topic)
	k.ok(err)
	end := k.end(p, commitlog.ReadCommitted)
	for range 2 {
		k.restart()
		after, err := k.Log.Topics(k.ctx, p.Topic)
		k.ok(err)
		k.equal("topic", after, before)
		k.equal("end", k.end(p, commitlog.ReadCommitted), end)
		k.equal("values", k.committed(p), []string{"a", "b", "c"})
		got, err := k.Log.FetchOffsets(k.ctx, group, []commitlog.Partition{p})
		k.ok(err)
		k.equal("offset and metadata", []any{got[0].Offset, got[0].Metadata}, []any{2, "m"})
	}
	again, err := k.Log.Join(k.ctx, k.request(newMember(group)))
	k.ok(err)
	if again.Member.Generation <= member.Generation {
		k.Errorf("generation %d follows %d", again.Member.Generation, member.Generation)
	}
	k.equal("next offset", k.write(p, "d"), end)
}

func restartAndFencing(k *kit) { // C-44 with restarts between the steps
	p, id := k.partition(), k.name("id")
	first := k.transactorWith(commitlog.TransactorConfig{ID: id, BatchBytes: 100})
	k.append(first, p, "x", strings.Repeat("x", 100), "x")
	for k.end(p, commitlog.ReadUncommitted) == 0 && k.ctx.Err() == nil {
		continue // the batch is on its way
	}
	k.restart()
	k.transactor(id)
	k.restart()
	second := k.transactor(id)
	k.append(second, p, "y")
	_, err := second.Commit(k.ctx)
	k.ok(err)
	k.restart()
	k.equal("committed", k.committed(p), []string{"y"})
	k.equal("stable offset", k.end(p, commitlog.ReadCommitted), k.end(p, commitlog.ReadUncommitted))
}

func restartAndOpenTransaction(k *kit) { // S-53
	p, id := k.partition(), k.name("id")
	t := k.transactorWith(commitlog.TransactorConfig{ID: id, BatchBytes: 100})
	k.append(t, p, "x", strings.Repeat("x", 100), "x")
	for k.end(p, commitlog.ReadUncommitted) == 0 && k.ctx.Err() == nil {
		continue // the batch is on its way
	}
	k.restart()
	k.equal("stable offset", k.end(p, commitlog.ReadCommitted), 0)
	if k.end(p, commitlog.ReadUncommitted) == 0 {
		k.Fatal("the records of the open transaction are gone")
	}
	k.transactor(id) // its owner, started anew
	k.equal("undecided records", k.end(p, commitlog.ReadUncommitted)-k.end(p, commitlog.ReadCommitted), 0)
	k.equal("committed", k.committed(p), []string{})
}
