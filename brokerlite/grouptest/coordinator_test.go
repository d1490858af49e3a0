package grouptest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/internal/clock"
)

func join(member string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.ProtocolType = 5, "g", member, "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 10_000, 30_000
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	return r
}

// Calls wait as they would on a broker; a restart, a close or the end of their context ends the wait.
func TestWaitingCallsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(clock.System, 1)
		if err != nil {
			t.Fatal(err)
		}
		enter := func() *kmsg.JoinGroupResponse {
			first, err := c.Handle(t.Context(), "a", join(""))
			if err != nil {
				t.Fatal(err)
			}
			second, err := c.Handle(t.Context(), "a", join(first.(*kmsg.JoinGroupResponse).MemberID))
			if err != nil {
				t.Fatal(err)
			}
			return second.(*kmsg.JoinGroupResponse)
		}
		if r := enter(); r.Generation != 1 {
			t.Errorf("generation %d", r.Generation)
		}
		static := join("") // must wait for the first
		name := "i"
		static.InstanceID = &name
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Handle(ctx, "b", static); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call ends with %v", err)
		}
		for _, end := range []func(){func() {
			if err := c.Restart(); err != nil {
				t.Error(err)
			}
		}, c.Close} {
			result := make(chan error, 1)
			go func() { // the receive below waits for it
				_, err := c.Handle(t.Context(), "b", static)
				result <- err
			}()
			synctest.Wait()
			end()
			if err := <-result; !errors.Is(err, ErrRestarted) {
				t.Errorf("the call ends with %v", err)
			}
		}
		if _, err := c.Handle(t.Context(), "b", static); !errors.Is(err, ErrRestarted) {
			t.Errorf("after Close: %v", err)
		}
	})
}
