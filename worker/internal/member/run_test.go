package member

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrun/millrun/commitlog"
)

var seed = flag.Uint64("seed", 0, "repeat the random rebalances with this seed; 0: a new one")

// bubble runs a test in time that passes only when all wait; it fails if a goroutine is left at its end.
func bubble(t *testing.T, partitions int32, f func(c *cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, partitions)
		c.t = t
		f(c)
		c.close()
	})
}

func (h *host) counts() (prepared, assigned, lost int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.prepared, h.mu.assigned, h.mu.lost
}

func (h *host) generation() int32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.as.Generation
}

func TestMembersShareEvenlyAndHandOver(t *testing.T) {
	bubble(t, 8, func(c *cluster) {
		cold := func(k *Config) { k.UserData = nil } // so that only what is owned makes them keep it
		a := c.start("a", cold)
		c.settle()
		before := a.owns()
		b := c.start("b", cold)
		time.Sleep(5 * time.Second)
		c.settle()
		if len(a.owns()) != 4 || len(b.owns()) != 4 {
			t.Errorf("a owns %v, b owns %v, want four each", a.owns(), b.owns())
		}
		d := c.start("d", cold)
		time.Sleep(5 * time.Second)
		c.settle()
		for _, h := range c.workers {
			if n := len(h.owns()); n < 2 || n > 3 {
				t.Errorf("%s owns %v, want two or three", h.name, h.owns())
			}
		}
		kept := a.owns()
		if err := b.stop(); err != nil {
			t.Errorf("b ends with %v", err)
		}
		left := time.Now()
		c.settle()
		if took := time.Since(left); took > 3*time.Second {
			t.Errorf("b's partitions were taken over %v after it left, want a few heartbeats", took)
		}
		for _, p := range kept {
			if !slices.Contains(a.owns(), p) {
				t.Errorf("a had to give up %d of %v when b left", p, kept)
			}
		}
		if err := d.stop(); err != nil {
			t.Errorf("d ends with %v", err)
		}
		c.settle()
		if !slices.Equal(a.owns(), before) {
			t.Errorf("alone again a owns %v", a.owns())
		}
		if _, _, lost := a.counts(); lost > 0 {
			t.Errorf("a was told %d times that it lost its membership", lost)
		}
	})
}

func TestJoinSaysWhatTheLeaderNeeds(t *testing.T) {
	bubble(t, 2, func(c *cluster) {
		a := c.start("a", func(k *Config) { k.UserData = func() UserData { return UserData{Edition: 3, Warm: []int32{1}} } })
		c.settle()
		before := a.generation()
		a.member.Rejoin()
		time.Sleep(time.Second)
		a.line.mu.Lock()
		said := a.line.mu.said
		a.line.mu.Unlock()
		s, err := readSubscription(said)
		if err != nil {
			t.Fatal(err)
		}
		u, err := readUserData(s.userData)
		if err != nil || u.WorkerID != "a" || u.Edition != 3 || !slices.Equal(u.Warm, []int32{1}) {
			t.Errorf("user data is %+v, %v", u, err)
		}
		if !slices.Equal(s.topics, []string{"t", "u"}) || !slices.Equal(s.owned, []int32{0, 1}) || s.generation != before {
			t.Errorf("subscription is %+v, the generation before was %d", s, before)
		}
	})
}

// A worker that is back within the session of its old self gets the partitions whose state is on its disk.
func TestRestartedWorkerGetsItsWarmPartitionsBack(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		c.start("a", nil)
		c.settle()
		b := c.start("b", nil)
		time.Sleep(5 * time.Second)
		c.settle()
		owned := b.owns()
		if err := b.stop(); err != nil {
			t.Errorf("b ends with %v", err)
		}
		c.settle()
		b = c.start("b", func(k *Config) { k.UserData = func() UserData { return UserData{Warm: owned} } })
		time.Sleep(5 * time.Second)
		c.settle()
		if !slices.Equal(b.owns(), owned) {
			t.Errorf("b is back with %v, holds %v", b.owns(), owned)
		}
	})
}

// C-52: a partition goes from A to B and back; the count goes on where B was.
func TestPartitionsOfAKilledMemberAreTakenOverAfterItsSession(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		c.start("a", nil)
		c.settle()
		for range 20 {
			b := c.start("b", nil)
			time.Sleep(4 * time.Second)
			c.settle()
			if len(b.owns()) != 2 {
				t.Fatalf("b owns %v", b.owns())
			}
			time.Sleep(500 * time.Millisecond)
			b.kill()
			c.settle()
		}
	})
}

// S-6, S-3: a worker is stopped past its session, wakes with open effects, and must not commit them.
func TestStoppedMemberCommitsNothingAfterItsSession(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		b := c.start("b", nil)
		time.Sleep(5 * time.Second)
		c.settle()
		a.freeze()
		time.Sleep(9 * time.Second)
		if n := len(b.owns()); n != 4 {
			t.Fatalf("b owns %d partitions while a is stopped", n)
		}
		a.line.thaw()
		time.Sleep(5 * time.Second)
		c.settle()
		if _, _, lost := a.counts(); lost != 1 {
			t.Errorf("a was told %d times that it lost its membership, want once", lost)
		}
		if c.mu.refused == 0 {
			t.Error("a tried no commit with its old generation: the test tested nothing")
		}
	})
}

// The same with a host that ignores Lost: the fold must notice. It proves that the tests above can fail.
func TestHostThatIgnoresLostIsCaught(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		c.settle()
		b := c.start("b", nil)
		b.keepLost, b.checkKept = true, false
		time.Sleep(5 * time.Second)
		c.settle()
		before := b.owns()
		b.freeze()
		time.Sleep(9 * time.Second)
		b.line.thaw()
		time.Sleep(8 * time.Second)
		if !slices.Equal(b.owns(), before) { // a keeps the lower half of what it took over
			t.Fatalf("b is back with %v, had %v, a has %v", b.owns(), before, a.owns())
		}
		if len(c.faults()) == 0 {
			t.Error("old effects were committed in a new generation and nobody noticed")
		}
	})
}

// S-6: the answer to the last commit before a rebalance is lost. The kept task stands on an old position; unless it is
// checked, its next commit counts records twice.
func TestKeptTaskIsCheckedInEachGeneration(t *testing.T) {
	for _, check := range []bool{true, false} {
		t.Run(fmt.Sprintf("check=%v", check), func(t *testing.T) {
			bubble(t, 4, func(c *cluster) {
				a := c.start("a", nil)
				a.checkKept = check
				c.settle()
				a.loseAnswer()
				time.Sleep(3 * time.Second)
				if caught := len(c.faults()) > 0; caught == check {
					t.Errorf("caught is %v", caught)
				}
			})
		})
	}
}

// S20: a static member that is started again finds its place: same generation, nobody else notices.
func TestStaticMemberComesBackWithoutARebalance(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		static := func(k *Config) { k.Instance = "ib" }
		b := c.start("b", static)
		time.Sleep(5 * time.Second)
		c.settle()
		owned, generation := b.owns(), a.generation()
		for _, leave := range []func(){b.kill, func() { b.stop() }} {
			leave()
			b = c.start("b", static)
			c.settle()
			if !slices.Equal(b.owns(), owned) || b.generation() != generation {
				t.Errorf("b is back with %v in generation %d, want %v in %d", b.owns(), b.generation(), owned, generation)
			}
		}
		time.Sleep(3 * time.Second)
		if a.generation() != generation {
			t.Errorf("a is in generation %d, was in %d", a.generation(), generation)
		}
	})
}

func TestSecondProcessWithTheInstanceEndsTheFirst(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		first := c.start("a", func(k *Config) { k.Instance = "i" })
		c.settle()
		second := c.start("a2", func(k *Config) { k.Instance = "i" })
		if err := <-first.done; !errors.Is(err, commitlog.ErrFenced) {
			t.Errorf("the first ends with %v, want ErrFenced", err)
		}
		if _, _, lost := first.counts(); lost != 1 || len(first.owns()) > 0 {
			t.Errorf("the first was told %d times and still owns %v", lost, first.owns())
		}
		first.end()
		<-first.work
		c.forget(first)
		time.Sleep(5 * time.Second)
		if len(second.owns()) != 4 {
			t.Errorf("the second owns %v", second.owns())
		}
	})
}

// S-58: the coordinator restarts. Members over the network go on in their generation.
func TestRestartOfTheCoordinatorChangesNothing(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a, b := c.start("a", nil), c.start("b", nil)
		time.Sleep(5 * time.Second)
		c.settle()
		generation := a.generation()
		for range 3 {
			if err := c.coordinator.Restart(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Second)
		}
		c.settle()
		if a.generation() != generation || b.generation() != generation {
			t.Errorf("generations %d and %d, was %d", a.generation(), b.generation(), generation)
		}
	})
}

// A coordinator that is away for less than the session is asked again, soon and then less often; nothing is lost.
func TestUnavailableCoordinatorIsRetried(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		a.line.cut(true) // from the first join on
		time.Sleep(20 * time.Second)
		a.line.cut(false)
		time.Sleep(6 * time.Second)
		c.settle()
		a.line.cut(true)
		time.Sleep(1500 * time.Millisecond)
		a.line.cut(false)
		time.Sleep(5 * time.Second)
		if _, assigned, lost := a.counts(); assigned != 1 || lost != 0 {
			t.Errorf("assigned %d times, lost %d times", assigned, lost)
		}
		a.line.cut(true) // longer than the session
		time.Sleep(5 * time.Second)
		a.line.cut(false)
		time.Sleep(6 * time.Second)
		c.settle()
		if _, assigned, lost := a.counts(); assigned != 2 || lost != 1 {
			t.Errorf("after a long absence assigned %d times, lost %d times", assigned, lost)
		}
	})
}

// commitlog 5: the session lives while Prepare works, and Prepare is cut short in time for the join.
func TestSlowPrepareKeepsItsMembership(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		c.settle()
		a.mu.Lock()
		a.mu.slow = time.Hour
		a.mu.Unlock()
		began := time.Now()
		b := c.start("b", nil)
		time.Sleep(time.Second)
		c.settle()
		for len(b.owns()) == 0 && time.Since(began) < time.Minute {
			time.Sleep(tick)
		}
		if took := time.Since(began); took < 3*time.Second || took > 7*time.Second {
			t.Errorf("the rebalance took %v, want the session passed and the rebalance timeout not", took)
		}
		time.Sleep(3 * time.Second)
		if _, _, lost := a.counts(); lost != 0 {
			t.Errorf("a lost its membership %d times", lost)
		}
		a.mu.Lock()
		a.mu.slow = 0
		a.mu.Unlock()
	})
}

func TestRefusedAssignmentEndsRunAndLeaves(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		refused := errors.New("no disk")
		a := c.start("a", nil)
		c.settle()
		b := c.start("b", nil)
		b.mu.Lock()
		b.mu.refuse = refused
		b.mu.Unlock()
		if err := <-b.done; !errors.Is(err, refused) {
			t.Errorf("b ends with %v", err)
		}
		if _, _, lost := b.counts(); lost != 1 {
			t.Errorf("b was told %d times that it lost its membership, want once", lost)
		}
		b.end()
		<-b.work
		c.forget(b)
		time.Sleep(2500 * time.Millisecond) // less than a session
		if len(a.owns()) != 4 {
			t.Errorf("a owns %v: b has not left", a.owns())
		}
	})
}

func TestErrorThatNoRetryHealsEndsRun(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		c.settle()
		a.line.fail(commitlog.ErrNotAuthorized) // of a commit or a heartbeat
		a.mu.Lock()
		a.mu.open = false // so that it is the heartbeat's
		a.mu.Unlock()
		if err := <-a.done; !errors.Is(err, commitlog.ErrNotAuthorized) {
			t.Errorf("Run ends with %v", err)
		}
		if _, _, lost := a.counts(); lost != 1 {
			t.Errorf("told %d times that it lost its membership", lost)
		}
		a.end()
		<-a.work
		c.forget(a)
	})
}

func TestRejoinMakesANewGeneration(t *testing.T) {
	bubble(t, 4, func(c *cluster) {
		a := c.start("a", nil)
		c.settle()
		g := a.generation()
		a.member.Rejoin()
		a.member.Rejoin()
		time.Sleep(time.Second)
		if a.generation() == g || len(a.owns()) != 4 {
			t.Errorf("generation %d, was %d; owns %v", a.generation(), g, a.owns())
		}
	})
}

// Run ends soon whatever is under way, and leaves nothing running (the bubble checks that).
func TestStopEndsRunInEveryPhase(t *testing.T) {
	for after := time.Duration(0); after < 3*time.Second; after += 110 * time.Millisecond {
		bubble(t, 4, func(c *cluster) {
			a := c.start("a", nil)
			if after > time.Second {
				c.settle()
			}
			a.mu.Lock()
			a.mu.slow = time.Second
			a.mu.Unlock()
			b := c.start("b", nil)
			time.Sleep(after)
			began := time.Now()
			if err := a.stop(); err != nil {
				t.Errorf("a ends with %v", err)
			}
			if err := b.stop(); err != nil {
				t.Errorf("b ends with %v", err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("stopping after %v took %v", after, took)
			}
		})
	}
}

// S-6: two hundred rebalances at random: starts, stops, kills, pauses, lost answers, restarts of the coordinator. At
// each commit that was taken the fold checks that its member owned the partition in the current generation and built on
// what was committed: nothing is lost, nothing counted twice.
func TestRandomRebalancesKeepTheFold(t *testing.T) {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d", s)
	bubble(t, 10, func(c *cluster) {
		r := rand.New(rand.NewPCG(s, 2))
		c.start("w0", nil)
		c.settle()
		next := 1
		for range 200 {
			n := len(c.workers)
			h := c.workers[r.IntN(n)]
			switch p := r.IntN(12); {
			case n < 2 || p < 3 && n < 5:
				name := fmt.Sprintf("w%d", next)
				next++
				c.start(name, func(k *Config) {
					k.Random = rand.New(rand.NewPCG(s, uint64(next))).Uint64
					if next%4 == 0 {
						k.Instance = name
					}
				})
			case p < 5:
				if err := h.stop(); err != nil {
					t.Errorf("%s ends with %v", h.name, err)
				}
			case p < 7:
				h.kill()
			case p < 9:
				h.freeze()
				time.Sleep(time.Duration(r.IntN(8000)) * time.Millisecond)
				h.line.thaw()
			case p == 9:
				h.loseAnswer()
			case p == 10:
				if err := c.coordinator.Restart(); err != nil {
					t.Fatal(err)
				}
			default:
				h.member.Rejoin()
			}
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
		}
		c.settle()
		t.Logf("%d commits, %d refused", c.mu.commits, c.mu.refused)
		if c.mu.commits < 1000 || c.mu.refused == 0 {
			t.Errorf("%d commits, %d refused: the run tested little", c.mu.commits, c.mu.refused)
		}
		for p := range c.partitions {
			if c.mu.position[p] == 0 {
				t.Errorf("partition %d was never worked on", p)
			}
		}
	})
}
