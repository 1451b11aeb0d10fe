package swim

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// helpers are how many members are there to be asked about a silent one: at least
// as many as any of memberlist's profiles asks.
const helpers = 3

// asking has the last of the members fall silent and waits until others are asked
// about it: its ping, and what each of them was asked.
func (c *Cluster) asking(silent *Member, others []*Member) (ping *Heard, asked []*Heard) {
	ping = c.failing(silent)
	seq := ping.Msg.(wire.Ping).SeqNo
	all := func() (asked []*Heard) {
		for _, m := range others {
			asked = append(asked, m.asked(seq)...)
		}
		return asked
	}
	c.Until(func() bool { return len(all()) > 0 }, maxTimeout)
	c.Wait(sameMoment)
	return ping, all()
}

// maxTimeout is the longest that a profile of memberlist waits before it asks
// others, and a little more.
const maxTimeout = 4 * time.Second

// sameMoment is how far apart packets may arrive that were sent at once.
const sameMoment = 100 * time.Millisecond

// indirectCases judge what the target does about a member that does not answer, and
// for those that ask it about one.
var indirectCases = []Case{
	{
		ID: "swim/indirect/asks-others", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-05", "GO-WF-04", "GO-SW-01"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Control: "the pings that the others answer", Within: patientCase, Waits: true,
		Explain: "One of four members falls silent. Before its probe ends some of the others must be " +
			"asked to ping it: each at most once, with the number of the ping, with the member's name and " +
			"address, the target's as the source, and for a nack. At the next probe it must be as many.",
		Causes: []string{"others are not asked", "all are asked, which is a load that grows with the cluster"},
		Kills: []string{
			"asks-for-no-nacks", "asks-nobody", "asks-under-another-number", "dead-without-suspicion",
			"never-probes", "one-time-for-all-suspicions", "patience-of-a-millisecond",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(helpers + 1)
			silent, others := all[helpers], all[:helpers]
			var count [2]int
			for i := range count {
				ping, asked := c.asking(silent, others)
				c.judgeAsked(silent, others, ping, asked)
				count[i] = len(asked)
				if c.crowd() > len(all) { // real members confirm the suspicion, and there is no second probe
					count[1] = count[0]
					break
				}
			}
			if count[0] != count[1] {
				c.Mismatch("how many are asked at the second probe", count[1], fmt.Sprint(count[0]))
			}
			c.Observef("%d members are asked", count[0])
			c.Earn()
		}),
	},
	{
		ID: "swim/indirect/no-nack-of-old-versions", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-19", "GO-WF-04"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the indirect ping itself", Within: patientCase, Waits: true,
		Explain: "All who could be asked about a silent member understand protocol 3 at most, which has no " +
			"nacks. None may be asked for one.",
		Causes: []string{
			"Nack is set whatever the version",
			"the version spoken is looked at, not the one understood",
		},
		Kills: []string{"asks-anybody-for-nacks", "never-probes", "versions-are-not-compared"},
		Run: playing(func(c *Cluster) {
			var others []*Member
			for range helpers {
				m := c.Add()
				m.Versions.ProtocolMax = 3
				m.Join()
				others = append(others, m)
			}
			_, asked := c.asking(c.One(), others)
			if len(asked) == 0 {
				c.Inconclusivef("the target asks nobody about a silent member")
			}
			for _, h := range asked {
				if h.Msg.(wire.IndirectPing).Nack {
					c.Mismatch("Nack of an indirect ping to a member of protocol 3", "true", "false")
				}
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/indirect/ack-by-way-of-another", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-05"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the indirect pings", Within: patientCase, Waits: true,
		Explain: "A member does not answer, but whoever is asked about it acks with the number of the " +
			"ping. The member must stay alive.",
		Causes: []string{"only an ack from the member itself ends the probe"},
		Kills:  []string{"late-acks-are-lost", "never-probes", "own-acks-alone"},
		Run: playing(func(c *Cluster) {
			all := c.Join(helpers + 1)
			silent, others := all[helpers], all[:helpers]
			for _, m := range others {
				m.onIndirect(func(h *Heard, p wire.IndirectPing) { m.reply(h, p.Source, wire.Ack{SeqNo: p.SeqNo}) })
			}
			if _, asked := c.asking(silent, others); len(asked) == 0 {
				c.Inconclusivef("the target asks nobody about a silent member")
			}
			c.spared(silent, "others have acked for the member")
		}),
	},
	{
		ID: "swim/indirect/late-ack-counts", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-05", "GO-FD-07"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the indirect pings, which show that the ack is late", Within: patientCase, Waits: true,
		Explain: "A member acks its ping only when others have been asked about it already, and before " +
			"the probe ends. It must stay alive.",
		Causes: []string{"what comes after the first patience is over is ignored"},
		Kills:  []string{"late-acks-are-lost", "never-probes"},
		Run: playing(func(c *Cluster) {
			all := c.Join(helpers + 1)
			late, others := all[helpers], all[:helpers]
			for _, m := range others {
				m.onIndirect(func(_ *Heard, p wire.IndirectPing) { late.Tell(wire.Ack{SeqNo: p.SeqNo}) })
			}
			if _, asked := c.asking(late, others); len(asked) == 0 {
				c.Inconclusivef("the target asks nobody about a silent member")
			}
			c.spared(late, "the member has acked before its probe was over")
		}),
	},
	{
		ID: "swim/indirect/ping-over-a-stream", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-05", "GO-WF-19"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the pings in datagrams, which are not answered", Within: patientCase, Waits: true,
		Explain: "A member hears no datagrams, but answers over streams. It must be pinged over a stream " +
			"as well, with the same number, and stay alive.",
		Causes: []string{"there is no ping over streams", "its ack is not waited for"},
		Kills:  []string{"never-probes", "no-pings-over-streams"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			c.Probed(m, 1)
			m.Forget()
			m.On = func(h *Heard) bool { return h.Stream == nil && h.Msg.Type() == wire.TypePing }
			c.Probed(m, 1)
			if !c.Until(func() bool { return len(m.streamPings()) > 0 }, maxTimeout) {
				c.Survives("a member that hears no datagrams")
				c.Failf("a member that does not answer is not pinged over a stream")
			}
			p := m.streamPings()[0].Msg.(wire.Ping)
			numbered := func(h *Heard) bool { return h.Msg.(wire.Ping).SeqNo == p.SeqNo }
			if p.Node != m.Name || !slices.ContainsFunc(m.Pings(), numbered) {
				c.Mismatch("the ping over the stream", p, "the number of a ping in a datagram, for "+m.Name)
			}
			c.spared(m, "the member has acked over a stream")
		}),
	},
	{
		ID: "swim/indirect/no-stream-to-old-versions", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-19"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the suspicion with which the probe ends", Within: patientCase, Waits: true,
		Explain: "A member that understands protocol 2 at most, which has no pings over streams, falls " +
			"silent. It must become suspect without a stream.",
		Causes: []string{"the version is not looked at"},
		Kills: []string{
			"dead-without-suspicion", "never-probes", "push-pull-replaces", "streams-to-any-version",
			"versions-are-not-compared",
		},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.Versions.ProtocolMax = 2
			m.Join()
			c.Probed(m, 1)
			m.Deaf = true // it still answers over streams, and would be spared
			c.suspected(m)
			if len(m.streamPings()) > 0 {
				c.Failf("a member of protocol 2 is pinged over a stream")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/relay/forwards-the-ack", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-06", "GO-WF-04"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the ack itself",
		Explain: "The target is asked to ping a member, which it must do: by the member's name, as from " +
			"itself, and with a number of its own. When that is acked, who asked must get one ack with " +
			"the number that it gave, and no nack, also when that for a silent member comes.",
		Causes: []string{
			"the ping has the number or the source of who asked",
			"the ack has the number of the ping",
		},
		Kills: []string{
			"ack-of-16-bits", "any-ack-will-do", "own-acks-alone", "patience-of-a-millisecond",
			"pings-without-a-source", "relays-for-itself", "relays-nothing",
		},
		Run: playing(func(c *Cluster) {
			asker, m, silent := c.Add(), c.Add(), c.Add()
			silent.Die()
			asker.seq += 1 << 20 // so that numbers cannot be the same by chance
			seq, other := asker.askAbout(m, true), asker.askAbout(silent, true)
			if !asker.Answered(seq) {
				c.judgeRelayed(m, seq)
				c.Survives("an indirect ping")
				c.Failf("the ack of the member is not forwarded with the number that was given")
			}
			c.judgeRelayed(m, seq)
			c.Earn()
			c.Until(func() bool { return len(asker.Nacks(other)) > 0 }, maxTimeout)
			c.Wait(sameMoment)
			if len(asker.Nacks(seq)) > 0 {
				c.Failf("a nack follows the ack")
			}
		}),
	},
	{
		ID: "swim/relay/nacks-a-silence", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-06", "GO-LH-03", "GO-WF-05"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the target's ping to the silent member",
		Explain: "The target is asked about two silent members, once for a nack and once not. Who asked " +
			"for a nack must get one with its number and no ack: so it knows that its own network is " +
			"well. Who did not must get nothing.",
		Causes: []string{"nacks are not known", "Nack is not looked at"},
		Kills:  []string{"nacks-unasked", "no-nacks", "relays-for-itself", "relays-nothing"},
		Run: playing(func(c *Cluster) {
			asker, with, without := c.Add(), c.Add(), c.Add()
			with.Die()
			without.Die()
			seq, other := asker.askAbout(with, true), asker.askAbout(without, false)
			if !c.Until(func() bool { return len(asker.Nacks(seq)) > 0 }, maxTimeout) {
				c.Survives("an indirect ping")
				c.Failf("no nack comes though one was asked for and the member is silent")
			}
			c.Earn()
			c.Wait(sameMoment)
			c.Control()
			switch {
			case len(with.Pings()) == 0 || len(without.Pings()) == 0:
				c.Failf("a nack comes, and a member was not pinged")
			case len(asker.Nacks(other)) > 0:
				c.Failf("a nack comes that was not asked for")
			case len(asker.Acks(seq))+len(asker.Acks(other)) > 0:
				c.Failf("an ack comes though the members are silent")
			}
		}),
	},
	{
		ID: "swim/relay/answers-to-the-source", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-06", "GO-FD-02"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the acks themselves",
		Explain: "An indirect ping names another address as its source: the ack must go there. One that names " +
			"none must be acked to where it came from.",
		Causes: []string{"the source is ignored, or needed"},
		Kills:  []string{"patience-of-a-millisecond", "relays-nothing", "relays-to-the-sender"},
		Run: playing(func(c *Cluster) {
			a, b, m := c.Add(), c.Add(), c.Add()
			seq := a.NextSeq()
			a.Tell(wire.IndirectPing{SeqNo: seq, Target: m.Addr(), Node: m.Name, Source: b.Source()})
			if !b.Answered(seq) {
				c.Survives("an indirect ping with another source")
				c.Failf("the ack does not go to the source of the indirect ping")
			}
			c.Earn()
			seq = a.NextSeq()
			a.Tell(wire.IndirectPing{SeqNo: seq, Target: m.Addr(), Node: m.Name})
			if !a.Answered(seq) {
				c.Survives("an indirect ping without a source")
				c.Failf("the ack of an indirect ping without a source does not go to where that came from")
			}
		}),
	},
}

// judgeAsked ends the case as failed unless the silent member's peers were asked well.
func (c *Cluster) judgeAsked(silent *Member, others []*Member, ping *Heard, asked []*Heard) {
	if len(asked) == 0 {
		c.Survives("a member that is silent")
		if n := c.crowd(); n > len(others)+1 {
			c.Inconclusivef("none of %d members is asked about a silent one, and there are %d in all", len(others), n)
		}
		c.Failf("nobody is asked about a member that does not answer")
	}
	seq := ping.Msg.(wire.Ping).SeqNo
	for _, m := range others {
		if n := len(m.asked(seq)); n > 1 {
			c.Mismatch("how often one member is asked", n, "once")
		}
	}
	if len(silent.asked(seq)) > 0 {
		c.Failf("the silent member is asked about itself")
	}
	for _, h := range asked {
		p := h.Msg.(wire.IndirectPing)
		switch {
		case p.Target != silent.Addr() || p.Node != silent.Name:
			c.Mismatch("whom an indirect ping is about", p, silent.Name+" at "+silent.Addr().String())
		case p.Source.Addr != c.Self.Addr || p.Source.Node != c.Self.Name:
			c.Mismatch("the source of an indirect ping", p.Source, c.Self.Name+" at "+c.Self.Addr.String())
		case !p.Nack:
			c.Mismatch("Nack of an indirect ping", "false", "true")
		case h.At < ping.At+minTimeout:
			c.Mismatch("the patience with a ping", h.At-ping.At, "more than that")
		}
	}
}

// minTimeout is less than any profile's patience with a ping.
const minTimeout = 20 * time.Millisecond

// onIndirect has a member answer indirect pings in its own way.
func (m *Member) onIndirect(answer func(*Heard, wire.IndirectPing)) {
	m.On = func(h *Heard) bool {
		p, ok := h.Msg.(wire.IndirectPing)
		if ok {
			answer(h, p)
		}
		return ok
	}
}

// askAbout asks the target to ping a member, and returns the number given.
func (m *Member) askAbout(other *Member, nack bool) (seq uint32) {
	seq = m.NextSeq()
	m.Tell(wire.IndirectPing{
		SeqNo: seq, Target: other.Addr(), Node: other.Name, Nack: nack, Source: m.Source(),
	})
	return seq
}

// judgeRelayed judges the ping that was sent on behalf of somebody.
func (c *Cluster) judgeRelayed(m *Member, seq uint32) {
	if len(m.Pings()) == 0 {
		c.Survives("an indirect ping")
		c.Failf("the target does not ping whom it is asked to ping")
	}
	p := m.Pings()[0].Msg.(wire.Ping)
	switch {
	case p.Node != m.Name:
		c.Mismatch("Node of the ping", p.Node, m.Name)
	case p.SeqNo == seq:
		c.Mismatch("SeqNo of the ping", p.SeqNo, "one of the target's own")
	case p.Source.Addr != c.Self.Addr:
		c.Mismatch("the source of the ping", p.Source.Addr, c.Self.Addr.String())
	}
}
