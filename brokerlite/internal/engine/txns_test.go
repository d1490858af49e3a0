package engine

import (
	"fmt"
	"testing"
	"time"
)

func TestIdleTransactionalIDsAreForgottenWhenThereAreMany(t *testing.T) {
	old := time.Unix(1_600_000_000, 0)
	now := old.Add(transactionalIDExpiration + time.Hour)
	ids := txns{byID: map[string]*transactional{}}
	for i := range maxTransactionalIDs / 2 {
		ids.findOrMake(fmt.Sprint("idle", i), old)
	}
	ids.forget(now.Add(-transactionalIDExpiration))
	if got := len(ids.byID); got != maxTransactionalIDs/2 {
		t.Errorf("%d ids are left of few, want all", got)
	}
	ids.findOrMake("used", now)
	ids.findOrMake("open", old).m.ApplyStage("g", old)
	ids.forget(now.Add(-transactionalIDExpiration))
	if len(ids.byID) != 2 || ids.find("used") == nil || ids.find("open") == nil {
		t.Errorf("%d ids are left, want the one in use and the one with an open transaction", len(ids.byID))
	}
}
