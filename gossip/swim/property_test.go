package swim_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// watch looks at every member from time to time: nobody's incarnation falls, as
// long as it is the same member to who looks, and nobody knows a higher one than
// the member itself has.
type watch struct {
	*cluster
	seen map[[2]string]uint32
}

func (w *watch) look() error {
	own := make(map[string]uint32)
	for _, a := range w.addrs {
		if n, ok := w.Machine(a).(*swim.Node); ok {
			m, _ := n.Member(n.Name())
			own[m.Name] = m.Incarnation
		}
	}
	for _, a := range w.addrs {
		n, ok := w.Machine(a).(*swim.Node)
		if !ok {
			continue
		}
		for _, m := range n.Members() {
			at := [2]string{n.Name(), m.Name}
			if m.Incarnation < w.seen[at] {
				return fmt.Errorf("%v: to %s the incarnation of %s fell from %d to %d",
					w.Now(), at[0], at[1], w.seen[at], m.Incarnation)
			}
			if highest, up := own[m.Name]; up && m.Incarnation > highest {
				return fmt.Errorf("%v: to %s the incarnation of %s is %d, which has %d itself",
					w.Now(), at[0], at[1], m.Incarnation, highest)
			}
			w.seen[at] = m.Incarnation
		}
	}
	return nil
}

func (w *watch) run(span time.Duration) error {
	for end := w.Now() + span; w.Now() < end; {
		w.RunFor(min(500*time.Millisecond, end-w.Now()))
		if err := w.look(); err != nil {
			return err
		}
	}
	return nil
}

// With answers in time nobody is ever suspected, whatever the latency within
// bounds, the size and the seed: no alive member that answers is declared dead.
func TestWhoAnswersIsNotSuspected(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(2, 12).Draw(rt, "members")
		cfg := swim.Local()
		link := sim.Link{Latency: sim.Uniform(0, cfg.ProbeTimeout/2-time.Millisecond)}
		link.Duplicate, link.Reorder = sim.Percent(5), sim.Percent(5)
		w := &watch{newCluster(t, rapid.Uint64().Draw(rt, "seed"), count, cfg, link), map[[2]string]uint32{}}
		if err := w.run(40 * time.Second); err != nil {
			rt.Fatal(err)
		}
		for _, e := range w.events {
			if n, ok := e.what.(spec.Notify); ok {
				if _, ok := n.Event.(swim.Joined); !ok {
					rt.Fatalf("%v %v: %T%+v", e.at, e.node, n.Event, n.Event)
				}
			}
		}
		w.wantAgreement(rt, nil)
	})
}

// wantAgreement wants all who are up to believe those to be alive who are up, and
// nobody else.
func (c *cluster) wantAgreement(t rapid.TB, left []netip.AddrPort) {
	t.Helper()
	for _, a := range c.addrs {
		n, ok := c.Machine(a).(*swim.Node)
		if !ok {
			continue
		}
		for i, b := range c.addrs {
			m, known := n.Member(memberName(i))
			lives := known && m.State == wire.StateAlive
			want := c.Machine(b) != nil && !slices.Contains(left, b)
			if lives != want && !slices.Contains(left, a) {
				t.Fatalf("%v: %v believes %s to be in state %d, known %v, want alive: %v",
					c.Now(), a, memberName(i), m.State, known, want)
			}
		}
	}
}

// Loss, partitions, crashes, restarts and leaving: incarnations never fall, and
// when it is quiet all agree on who lives.
//
// GO-FD-12, GO-FD-13, GO-AE-01.
func TestQuietMakesMembersAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(3, 8).Draw(rt, "members")
		cfg := swim.Local()
		cfg.PushPullInterval = 5 * time.Second
		cfg.GossipToTheDead = time.Minute
		link := sim.Link{Latency: sim.Uniform(time.Millisecond, 50*time.Millisecond)}
		link.Loss = sim.Percent(uint32(rapid.IntRange(0, 25).Draw(rt, "loss")))
		w := &watch{newCluster(t, rapid.Uint64().Draw(rt, "seed"), count, cfg, link), map[[2]string]uint32{}}
		var left []netip.AddrPort
		for range rapid.IntRange(1, 6).Draw(rt, "events") {
			i := rapid.IntRange(0, count-1).Draw(rt, "who")
			a := memberAddr(i)
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				w.Partition(w.addrs[:i]...)
			case 1:
				w.Heal()
			case 2:
				w.Crash(a)
			case 3:
				if w.Machine(a) != nil && len(left) == 0 {
					w.Input(a, swim.Leave{Op: 1000})
					left = append(left, a)
				}
			}
			if err := w.run(time.Duration(rapid.IntRange(0, 8).Draw(rt, "seconds")) * time.Second); err != nil {
				rt.Fatal(err)
			}
		}
		w.Heal()
		w.reunite()
		if err := w.run(90 * time.Second); err != nil {
			rt.Fatal(err)
		}
		w.wantAgreement(rt, left)
	})
}

// reunite lets everybody who is up join everybody else: members that took each
// other for dead before a partition healed are not probed any more, and who has
// been removed is met again so.
func (c *cluster) reunite() {
	for i, a := range c.addrs {
		if c.Machine(a) != nil {
			for j := range c.addrs {
				if i != j {
					c.join(i, j)
				}
			}
		}
	}
}

// A refutation wins against all that was said before.
//
// GO-FD-12.
func TestRefutationWins(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(2, 8).Draw(rt, "members")
		link := sim.Link{Latency: sim.Constant(time.Millisecond)}
		w := &watch{newCluster(t, rapid.Uint64().Draw(rt, "seed"), count, swim.Local(), link), map[[2]string]uint32{}}
		w.RunFor(5 * time.Second)
		victim := rapid.IntRange(0, count-1).Draw(rt, "victim")
		incarnation := uint32(1)
		for range rapid.IntRange(1, 4).Draw(rt, "accusations") {
			incarnation += uint32(rapid.IntRange(0, 3).Draw(rt, "lie"))
			accused := rapid.IntRange(0, count-1).Draw(rt, "told")
			var m wire.Message = wire.Suspect{Incarnation: incarnation, Node: memberName(victim), From: "liar"}
			if rapid.Bool().Draw(rt, "dead") {
				m = wire.Dead{Incarnation: incarnation, Node: memberName(victim), From: "liar"}
			}
			w.Input(memberAddr(accused), spec.Recv{From: memberAddr(99), Msg: wire.Packet{Parts: []wire.Message{m}}})
			w.RunFor(time.Duration(rapid.IntRange(0, 3).Draw(rt, "seconds")) * time.Second)
		}
		w.RunFor(60 * time.Second)
		w.wantAgreement(rt, nil)
	})
}

// However many rumors there are and wherever they ride, each is told no more
// often than the limit allows.
//
// GO-GS-02.
func TestRetransmitBudget(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(2, 30).Draw(rt, "members")
		cfg := swim.LAN()
		cfg.Name, cfg.Addr, cfg.PushPullInterval = memberName(0), memberAddr(0), 0
		binary.BigEndian.PutUint64(cfg.Seed[:], rapid.Uint64().Draw(rt, "seed"))
		for i := range count {
			cfg.Known = append(cfg.Known, &swim.Member{
				Name: memberName(i), Addr: memberAddr(i), Incarnation: 1,
				Versions: wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2},
			})
		}
		n, err := swim.New(cfg, 0)
		if err != nil {
			rt.Fatal(err)
		}
		limit := 4
		if count >= 10 {
			limit = 8
		}
		told := make(map[string]int)
		step := func(now time.Duration, in spec.Input) {
			for _, e := range n.Step(now, in, nil) {
				if s, ok := e.(spec.Send); ok {
					for _, p := range s.Msg.(wire.Packet).Parts {
						if u, ok := p.(wire.User); ok {
							told[string(u.Payload)]++
						}
					}
				}
			}
		}
		now := time.Duration(0)
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now += time.Duration(rapid.IntRange(0, 300).Draw(rt, "ms")) * time.Millisecond
			if rapid.Bool().Draw(rt, "news") {
				step(now, swim.Broadcast{Op: 1, Payload: fmt.Appendf(nil, "news %d", i)})
			} else {
				step(now, spec.Recv{From: memberAddr(1), Msg: wire.Packet{Parts: []wire.Message{wire.Ping{SeqNo: 1}}}})
			}
		}
		for range 2000 {
			at, ok := n.Deadline()
			if !ok || n.Queued() == 0 {
				break
			}
			step(at, spec.Wake{})
		}
		for news, times := range told {
			if times != limit {
				rt.Fatalf("%q was told %d times, want %d", news, times, limit)
			}
		}
	})
}

// Two clusters that know nothing of each other become one by a single exchange.
//
// GO-AE-02, GO-AE-04.
func TestOneExchangeMergesTwoClusters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := [2]int{rapid.IntRange(1, 6).Draw(rt, "one"), rapid.IntRange(1, 6).Draw(rt, "other")}
		link := sim.Link{Latency: sim.Constant(time.Millisecond)}
		c := newCluster(t, rapid.Uint64().Draw(rt, "seed"), sizes[0], swim.Local(), link)
		for i := range sizes[1] {
			c.start(sizes[0] + i)
			if i > 0 {
				c.join(sizes[0]+i, sizes[0])
			}
			c.RunFor(10 * time.Millisecond)
		}
		c.RunFor(3 * time.Second)
		c.join(rapid.IntRange(0, sizes[0]-1).Draw(rt, "who"), sizes[0]+rapid.IntRange(0, sizes[1]-1).Draw(rt, "via"))
		c.RunFor(time.Minute) // rumors may miss somebody; the periodic exchanges do not
		c.wantAgreement(rt, nil)
	})
}
