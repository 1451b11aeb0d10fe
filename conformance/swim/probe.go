package swim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// probeWithin is how long a member may wait for its turn to be pinged: a target
// that others have used probes its other members as well, and one in bad health
// takes its time with each that fails.
const probeWithin = 30 * time.Second

// patientCase bounds a case that waits for several probes.
const patientCase = 2 * time.Minute

// Probed waits until a member has been pinged so often since it was last made to
// forget, and ends the case as failed if it is not though the target lives.
func (c *Cluster) Probed(m *Member, times int) []*Heard {
	if !c.Until(func() bool { return len(m.Pings()) >= times }, time.Duration(times)*probeWithin) {
		c.Survives("a long silence")
		c.Failf("a member is pinged %d times in %v, and has to be pinged %d times", len(m.Pings()),
			time.Duration(times)*probeWithin, times)
	}
	return m.Pings()
}

// ProbeInterval measures the time between two pings, to whichever of the harness's
// members: all are to answer. It is that of the target unless it has members of its
// own, which then have their turns between.
func (c *Cluster) ProbeInterval() time.Duration {
	const pings = 3
	began := len(c.pings())
	if !c.Until(func() bool { return len(c.pings()) >= began+pings }, pings*probeWithin) {
		c.Inconclusivef("the target does not ping its members often enough to measure its interval")
	}
	all := c.pings()[began:]
	shortest := all[1].At - all[0].At
	for i := 2; i < len(all); i++ {
		shortest = min(shortest, all[i].At-all[i-1].At)
	}
	c.Observef("the target pings every %v", shortest.Round(10*time.Millisecond))
	return shortest
}

// pings are those to all members, in the order in which they came.
func (c *Cluster) pings() (all []*Heard) {
	for _, m := range c.Members {
		all = append(all, m.Pings()...)
	}
	slices.SortStableFunc(all, func(a, b *Heard) int { return cmp.Compare(a.At, b.At) })
	return all
}

// Die makes a member silent, over datagrams and over streams.
func (m *Member) Die() { m.Deaf, m.Grudging, m.Shut = true, true, true }

// streamPings are the target's pings over streams.
func (m *Member) streamPings() []*Heard {
	return m.Of(func(h *Heard) bool { return h.Stream != nil && h.Msg.Type() == wire.TypePing })
}

// asked are the indirect pings with a number.
func (m *Member) asked(seq uint32) []*Heard {
	return m.Of(func(h *Heard) bool {
		p, ok := h.Msg.(wire.IndirectPing)
		return ok && p.SeqNo == seq
	})
}

// failing has a member die and waits for the ping that it leaves unanswered.
func (c *Cluster) failing(m *Member) *Heard {
	m.Die()
	m.Forget()
	pings := c.Probed(m, 1)
	return pings[0]
}

// suspected waits for the target to suspect a member that does not answer.
func (c *Cluster) suspected(m *Member) {
	if n, ok := c.Becomes(m.Name, probeWithin, being(wire.StateSuspect, m.Incarnation)); !ok {
		c.Failf("a member that does not answer is %s, and has to become suspect", stateName(n.State))
	}
}

// spared ends the case as failed if a member comes under suspicion by the probe that
// it was sent, and returns when the next has begun: that ends the first.
func (c *Cluster) spared(m *Member, why string) {
	pings := len(m.Pings())
	c.Probed(m, pings+1)
	if n, _ := c.Entry(m.Name); n.State != wire.StateAlive {
		c.Failf("%s, and yet it is %s", why, stateName(n.State))
	}
	c.Earn()
}

// probeCases judge how the target finds out who is silent.
var probeCases = []Case{
	{
		ID: "swim/probe/pings-its-members", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-03", "GO-WF-03"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the acks that the target accepts: the member stays alive", Within: patientCase, Waits: true,
		Explain: "A member joins and answers. It must be pinged again and again by its name, each time " +
			"with another number, and with the target's name and address as the source.",
		Causes: []string{
			"members are not probed while they answer",
			"numbers are used again",
			"the source is left out",
		},
		Kills: []string{"never-probes", "pings-twice", "pings-without-a-source"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			numbers := map[uint32]bool{}
			for _, h := range c.Probed(m, 3) {
				p := h.Msg.(wire.Ping)
				switch {
				case p.Node != m.Name:
					c.Mismatch("Node of a ping", p.Node, m.Name)
				case p.Source.Node != c.Self.Name || p.Source.Addr != c.Self.Addr:
					c.Mismatch("the source of a ping", p.Source, c.Self.Name+" at "+c.Self.Addr.String())
				case numbers[p.SeqNo]:
					c.Mismatch("SeqNo of a ping", p.SeqNo, "one that no earlier ping had")
				}
				numbers[p.SeqNo] = true
			}
			if n, _ := c.Entry(m.Name); n.State != wire.StateAlive {
				c.Failf("a member that answers every ping is %s", stateName(n.State))
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/keeps-its-period", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-04", "GO-SW-01"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the pings themselves", Within: patientCase, Waits: true,
		Explain: "Three members answer. The times between six pings, to whichever of them, must be the " +
			"same: one member is probed in each period. Among fewer, memberlist lets a turn of its own " +
			"pass now and then.",
		Causes: []string{
			"the next probe waits for the end of the last one, and then a period more",
			"a member is pinged twice in a period",
		},
		Kills: []string{"pings-twice"},
		Run: playing(func(c *Cluster) {
			c.Join(3)
			c.Until(func() bool { return len(c.pings()) >= 6 }, 6*probeWithin)
			pings := c.pings()
			if len(pings) < 6 {
				c.Survives("a long silence")
				c.Failf("three members are pinged %d times in %v", len(pings), 6*probeWithin)
			}
			var gaps []time.Duration
			for i := range 5 {
				gaps = append(gaps, pings[i+1].At-pings[i].At)
			}
			period := slices.Sorted(slices.Values(gaps))[2]
			for i, h := range pings[:6] {
				if since, want := h.At-pings[0].At, time.Duration(i)*period; (since - want).Abs() > period*2/5 {
					c.Mismatch(fmt.Sprintf("the time from ping 1 to ping %d", i+1), since, want.String())
				}
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/each-in-its-turn", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-03", "GO-SW-01"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the pings themselves", Within: patientCase, Waits: true,
		Explain: "Three members answer. Nine pings in a row must be rounds in which each is pinged once: so a " +
			"member is found silent after 2n-1 periods at the latest, however many there are.",
		Causes: []string{"each probe picks a member at random"},
		Kills:  []string{"never-probes", "pings-twice", "probes-by-chance"},
		Run: playing(func(c *Cluster) {
			const members, rounds = 3, 3
			all := c.Join(members)
			var order []int
			for i, m := range all {
				m.On = func(h *Heard) bool {
					if h.Stream == nil && !h.Other && h.Msg.Type() == wire.TypePing {
						order = append(order, i)
					}
					return false
				}
			}
			// Who came last may have been put in before the turn of those that came first.
			c.Probed(all[members-1], 1)
			order = nil
			limit := members * rounds * probeWithin
			if !c.Until(func() bool { return len(order) >= members*rounds }, limit) {
				c.Control()
				c.Failf("three members are pinged %d times in %v", len(order), limit)
			}
			if !inRounds(order, members) {
				c.Mismatch("the order of the pings", order, "rounds in which each of three members comes once")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/leaves-the-healthy-alone", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-05"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the pings, which are answered at once", Within: patientCase, Waits: true,
		Explain: "Two members answer each ping at once. Neither may be asked to ping the other, nor be " +
			"pinged over a stream.",
		Causes: []string{"indirect pings are sent with the ping", "an ack does not end the probe"},
		Kills:  []string{"never-probes", "patience-of-a-millisecond"},
		Run: playing(func(c *Cluster) {
			all := c.Join(2)
			for _, m := range all {
				c.Probed(m, 2)
			}
			for _, m := range all {
				for _, h := range m.Log {
					if h.Msg.Type() == wire.TypeIndirectPing || h.Stream != nil && h.Msg.Type() == wire.TypePing {
						c.Mismatch("what a member is sent while all answer", readable(h.Msg), "pings in datagrams")
					}
				}
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/silence-is-suspicious", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-07", "GO-FD-04", "GO-WF-06"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Control: "the pings that another member answers, by which the period is measured",
		Within:  patientCase, Waits: true,
		Explain: "One of two members falls silent. At the end of its probe, a period after its ping or as many " +
			"more as the target's bad health asks for, the other must be told that it is suspect, in its " +
			"incarnation, by the target.",
		Causes: []string{"it is declared dead at once", "the suspicion has another incarnation"},
		Kills: []string{
			"accuses-in-the-name-of-the-suspect", "dead-without-suspicion", "suspicions-are-kept",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(2)
			period := c.ProbeInterval()
			ping := c.failing(all[1])
			h := c.Await(maxHealth*period+gossipWithin, says(all[1].Suspect(c.Self.Name)))
			if h == nil {
				c.Survives("a member that is silent")
				c.suspected(all[1])
				c.Failf("the suspicion of a silent member is not told with its incarnation and accuser")
			}
			c.Earn()
			if took := h.At - ping.At; took < period*8/10 || took > maxHealth*period+gossipWithin {
				c.Mismatch("the time from the ping to the suspicion", took, "a period, "+period.String()+", or more")
			}
		}),
	},
	{
		ID: "swim/probe/ack-of-another-number", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-07", "GO-WF-05"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "acks of the right numbers, with which the member is alive", Within: patientCase, Waits: true,
		Explain: "A member answers each ping with an ack of the next number. It must become suspect: an " +
			"ack answers the ping whose number it has.",
		Causes: []string{"any ack from the member's address ends the probe"},
		Kills:  []string{"any-ack-will-do", "dead-without-suspicion", "never-probes"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			c.Probed(m, 1)
			m.Shut = true
			m.On = func(h *Heard) bool {
				p, ok := h.Msg.(wire.Ping)
				if ok {
					m.Tell(wire.Ack{SeqNo: p.SeqNo + 1})
				}
				return ok
			}
			c.suspected(m)
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/the-dead-are-left-alone", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-03"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the pings of another member", Within: patientCase, Waits: true,
		Explain: "Of three members one is dead and one has left. While the third is pinged three times, " +
			"they must not be.",
		Causes: []string{"the state is not looked at when the next turn comes"},
		Kills:  []string{"never-probes", "probes-the-dead"},
		Run: playing(func(c *Cluster) {
			all := c.Join(3)
			all[0].Tell(all[0].Dead(accuser))
			all[1].Tell(all[1].Dead(all[1].Name))
			for i, s := range []wire.State{wire.StateDead, wire.StateLeft} {
				if _, ok := c.Becomes(all[i].Name, AnswerWithin, being(s, 1)); !ok {
					c.Inconclusivef("the target does not believe that a member is %s", stateName(s))
				}
				all[i].Forget()
			}
			all[2].Forget()
			c.Probed(all[2], 3)
			for i, s := range []wire.State{wire.StateDead, wire.StateLeft} {
				if len(all[i].Pings()) > 0 {
					c.Failf("a member that is %s is pinged", stateName(s))
				}
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/probe/suspects-hear-of-it", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-19", "GO-FD-03"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the ping in the same packet", Within: patientCase, Waits: true,
		Explain: "A member is suspected by another. The next ping to it must come in one packet with the " +
			"suspicion, of its incarnation and with the target as the accuser, so that it can refute at once.",
		Causes: []string{
			"suspects are not probed",
			"the suspicion travels by gossip alone, and may be told by then",
		},
		Kills: []string{
			"accuses-in-the-name-of-the-suspect", "never-probes", "no-buddy", "suspicions-are-kept",
		},
		Run: playing(func(c *Cluster) {
			m := c.One()
			c.Probed(m, 1)
			m.Tell(m.Suspect(accuser))
			if _, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, 1)); !ok {
				c.Inconclusivef("the target does not suspect the member")
			}
			m.Forget()
			h := c.Probed(m, 1)[0]
			c.Earn()
			if want := m.Suspect(c.Self.Name); !slices.Contains(h.Packet.Parts, wire.Message(want)) {
				c.Mismatch("the packet of the ping", decode(h.Data), fmt.Sprintf("a ping and %v", readable(want)))
			}
		}),
	},
}

// maxHealth is the largest factor of a probe's patience: the health score stays
// below 8 in all of memberlist's profiles.
const maxHealth = 8

// inRounds reports whether the order is the end of a round, whole rounds of n, and
// the beginning of one.
func inRounds(order []int, n int) bool {
	for begin := range n {
		ok := distinct(order[:begin])
		for i := begin; i < len(order) && ok; i += n {
			ok = distinct(order[i:min(i+n, len(order))])
		}
		if ok {
			return true
		}
	}
	return false
}

func distinct(s []int) bool {
	for i := range s {
		if slices.Contains(s[:i], s[i]) {
			return false
		}
	}
	return true
}
