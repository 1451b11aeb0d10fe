package swim

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// rounds is how long the target is watched for what it must not send: some rounds of
// gossip in any profile.
const rounds = 1500 * time.Millisecond

// news has a member tell something new of itself, and returns what it told.
func (m *Member) news() wire.Alive {
	m.Incarnation++
	m.Meta = fmt.Appendf(nil, "news %d", m.Incarnation)
	m.Tell(m.Alive())
	return m.Alive()
}

// gossiped are the messages that came in packets of gossip: without a ping or an
// answer to one.
func (m *Member) gossiped() []*Heard {
	return m.Of(func(h *Heard) bool { return h.Packet != nil && isGossip(h.Packet) })
}

func isGossip(p *wire.Packet) bool {
	for _, part := range p.Parts {
		switch part.(type) {
		case wire.Alive, wire.Suspect, wire.Dead, wire.User:
		default:
			return false
		}
	}
	return true
}

// copies counts the messages that match, to whichever member.
func (c *Cluster) copies(match func(*Heard) bool) (n int) {
	for _, m := range c.Members {
		n += len(m.Of(match))
	}
	return n
}

// MustTell waits until some member is told what matches, or ends the case as failed.
func (c *Cluster) MustTell(what string, match func(*Heard) bool) *Heard {
	h := c.Await(gossipWithin, match)
	if h != nil {
		return h
	}
	c.Survives("what it is to tell of")
	if n, ours := c.crowd(), len(c.Members); n > ours+fewEnough {
		c.Inconclusivef("%s is told to none of %d members, and there are %d others", what, ours, n-ours)
	}
	c.Failf("%s is told to nobody", what)
	return nil
}

// gossipCases judge what the target tells of what it hears, whom, and how often.
var gossipCases = []Case{
	{
		ID: "swim/gossip/tells-who-joins", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-01", "GO-WF-06"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the member's entry", Waits: true,
		Explain: "A member joins with metadata while others are there. Some must be told of it: by an " +
			"alive message with its incarnation, address, metadata and versions.",
		Causes: []string{
			"what a push/pull has brought is not passed on",
			"metadata or versions are lost on the way",
		},
		Kills: []string{"metadata-is-lost-on-the-way", "news-is-kept", "push-pull-without-metadata"},
		Run: playing(func(c *Cluster) {
			c.Join(2)
			m := c.Add()
			m.Meta, m.Incarnation = []byte("metadata\x00\xff"), 1<<20
			m.Join()
			a := c.MustTell("who joins", aliveOf(m.Name, 0)).Msg.(wire.Alive)
			c.Earn()
			want := m.Alive()
			if a.Incarnation != want.Incarnation || a.Addr != want.Addr || !bytes.Equal(a.Meta, want.Meta) ||
				a.Versions != want.Versions {
				c.Mismatch("the alive message of who joins", a, fmt.Sprint(want))
			}
		}),
	},
	{
		ID: "swim/gossip/tells-news-of-a-member", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-01", "GO-FD-13"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the member's entry", Waits: true,
		Explain: "A member tells its new metadata in its next incarnation. The target must have it in its " +
			"entry, and pass it on.",
		Causes: []string{"an alive of a member that is alive is ignored", "the old metadata is passed on"},
		Kills:  []string{"metadata-is-lost-on-the-way", "news-is-kept"},
		Run: playing(func(c *Cluster) {
			m := c.Join(2)[0]
			a := m.news()
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, a.Incarnation)); !ok ||
				!bytes.Equal(n.Meta, a.Meta) {
				c.Mismatch("the entry of a member with news", showEntry(n, true), showEntry(m.State(), true))
			}
			h := c.MustTell("news of a member", aliveOf(m.Name, a.Incarnation))
			if got := h.Msg.(wire.Alive); !bytes.Equal(got.Meta, a.Meta) {
				c.Mismatch("the metadata that is passed on", got.Meta, fmt.Sprintf("%q", a.Meta))
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/tells-who-died-and-who-left", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-17", "GO-GS-01"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the members' entries", Waits: true,
		Explain: "One member is declared dead by somebody, another leaves. Both messages must be passed " +
			"on as they were: who is named in From makes the difference.",
		Causes: []string{"From is replaced by the target's name: others then believe that the member has failed"},
		Kills:  []string{"dead-needs-a-higher-incarnation", "each-death-in-its-own-name", "left-is-dead"},
		Run: playing(func(c *Cluster) {
			all := c.Join(3)
			for i, from := range []string{accuser, all[1].Name} {
				all[i].Tell(all[i].Dead(from))
				c.MustTell("the end of a member by word of "+from, says(all[i].Dead(from)))
				c.Earn()
			}
		}),
	},
	{
		ID: "swim/gossip/is-silent-without-news", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-01", "GO-GS-02"}, Role: conformance.Responder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "news before and after, which is told", Waits: true,
		Explain: "Once all is told, no packet of gossip may come while nothing happens: only pings.",
		Causes:  []string{"the same is told for ever"},
		Kills:   []string{"news-is-kept", "push-pull-replaces"},
		Run: playing(func(c *Cluster) {
			m := c.Join(2)[0]
			c.MustTell("news", aliveOf(m.Name, m.news().Incarnation))
			c.quiet()
			for _, m := range c.Members {
				m.Forget()
			}
			c.Wait(rounds)
			for _, m := range c.Members {
				if all := m.gossiped(); len(all) > 0 {
					c.Mismatch("what is told while nothing happens", readable(all[0].Msg), "nothing")
				}
			}
			c.MustTell("news", aliveOf(m.Name, m.news().Incarnation))
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/copies-are-bounded", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-02", "GO-SW-03"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the copies themselves", Waits: true,
		Explain: "A member tells something new. All members together may be told it at most mult * " +
			"ceil(log10(n+1)) times, where mult is 4 in memberlist's largest profile: what all know by " +
			"then need not be told.",
		Causes: []string{"a round tells everybody", "copies are counted for each member and not in all"},
		Kills:  []string{"news-is-kept", "tells-64-times"},
		Run: playing(func(c *Cluster) {
			const mult = 4
			m := c.Join(4)[0]
			c.quiet()
			a := m.news()
			c.MustTell("news", aliveOf(m.Name, a.Incarnation))
			c.quiet()
			limit := mult * int(math.Ceil(math.Log10(float64(len(c.Table())+1))))
			n := c.copies(aliveOf(m.Name, a.Incarnation))
			if n > limit {
				c.Mismatch("how often one message is told", n, fmt.Sprintf("at most %d times", limit))
			}
			c.Observef("the message is told %d times", n)
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/newer-replaces-older", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-03", "GO-GS-05"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the newer message, which is told", Waits: true,
		Explain: "A member is suspected, and at once refutes it. When the refutation has been told to " +
			"anybody, the suspicion must not be told any more.",
		Causes: []string{"what waits to be told is not replaced by news of the same member"},
		Kills:  []string{"news-is-kept", "suspicion-goes-on-being-told", "suspicion-is-not-lifted"},
		Run: playing(func(c *Cluster) {
			m := c.Join(3)[0]
			c.quiet()
			suspicion := m.Suspect(accuser)
			m.Tell(suspicion)
			if _, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, m.Incarnation)); !ok {
				c.Inconclusivef("the target does not suspect the member")
			}
			a := m.news()
			h := c.MustTell("a refutation", aliveOf(m.Name, a.Incarnation))
			c.quiet()
			refutes := func(p wire.Message) bool {
				alive, ok := p.(wire.Alive)
				return ok && alive.Node == m.Name && alive.Incarnation == a.Incarnation
			}
			late := func(x *Heard) bool {
				return says(suspicion)(x) && (x.At > h.At+sameMoment/2 || slices.ContainsFunc(x.Packet.Parts, refutes))
			}
			if c.copies(late) > 0 {
				c.Failf("a suspicion is told after its refutation")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/rides-on-acks", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-04", "GO-WF-10"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the acks", Waits: true,
		Explain: "A member tells news, and another pings the target right after it. One of twenty such " +
			"acks at least must come in a compound with news: what waits to be told travels with pings " +
			"and acks.",
		Causes: []string{"news is told in rounds of gossip alone"},
		Kills:  []string{"acks-alone"},
		Run: playing(func(c *Cluster) {
			m := c.Join(2)[0]
			for range 20 {
				m.news()
				c.Wait(5 * time.Millisecond)
				seq := m.Ping(c.Self.Name)
				if !m.Answered(seq) {
					c.Inconclusivef("the target does not answer a ping")
				}
				if len(m.Acks(seq)[0].Packet.Parts) > 1 {
					c.Earn()
					return
				}
			}
			c.Failf("none of twenty acks right after news carries any")
		}),
	},
	{
		ID: "swim/gossip/packets-fit", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-04", "GO-WF-18"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the news that is told", Waits: true,
		Explain: "Ten members have 500 random bytes of metadata each, and all tell news at once. No " +
			"packet of the target's may be longer than the 1472 bytes that an Ethernet frame has room " +
			"for.",
		Causes: []string{"as many messages as wait are put into one packet"},
		Kills:  []string{"news-is-kept", "packets-of-any-length"},
		Run: playing(func(c *Cluster) {
			all := c.Join(10)
			for _, m := range all {
				m.Incarnation++
				m.Meta = make([]byte, 500)
				c.Rand().Fill(m.Meta)
				m.Tell(m.Alive())
			}
			for _, m := range all[:3] {
				m.Ping(c.Self.Name)
			}
			c.MustTell("news of ten members", aliveOf(all[9].Name, 2))
			c.quiet()
			for _, m := range all {
				for _, h := range m.Log {
					if len(h.Data) > frameRoom {
						c.Mismatch("the length of a packet", len(h.Data), fmt.Sprintf("at most %d bytes", frameRoom))
					}
				}
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/to-the-dead", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-GS-01", "GO-FD-20"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "news, which a member that lives is told", Waits: true,
		Explain: "Of three members one is declared dead and one leaves. Ten times the third tells news. " +
			"The dead one must be told some, so that it hears of its death; the one that has left must " +
			"not.",
		Causes: []string{
			"the dead are not told anything: one that lives never finds out",
			"who has left is told",
		},
		Kills: []string{"tells-the-dead-nothing", "tells-who-left"},
		Run: playing(func(c *Cluster) {
			all := c.Join(3)
			all[0].Tell(all[0].Dead(accuser))
			all[1].Tell(all[1].Dead(all[1].Name))
			c.Becomes(all[0].Name, AnswerWithin, being(wire.StateDead, 1))
			if _, ok := c.Becomes(all[1].Name, AnswerWithin, being(wire.StateLeft, 1)); !ok {
				c.Inconclusivef("the target does not believe that a member has left")
			}
			for _, m := range all {
				m.Forget()
			}
			for range 10 {
				all[2].news()
				c.Wait(gossipDelay)
			}
			told := func(m *Member) int { return len(m.Of(aliveOf(all[2].Name, 2))) }
			switch {
			case told(all[2]) == 0:
				c.Inconclusivef("a member that lives is not told any of ten pieces of news")
			case told(all[0]) == 0:
				c.Failf("a dead member is not told any of ten pieces of news")
			case told(all[1]) > 0:
				c.Failf("a member that has left is told news")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/gossip/checksums-by-version", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-WF-12", "GO-WF-19"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Control: "the packets of gossip themselves", Waits: true,
		Explain: "One member understands protocol 5, one 4 at most. Packets of gossip to the first must " +
			"have a checksum, those to the second none, which it could not read.",
		Causes: []string{"all packets have one, or none", "the version spoken decides, not the one understood"},
		Kills:  []string{"sends-checksums-to-all", "sends-no-checksums", "versions-are-not-compared"},
		Run: playing(func(c *Cluster) {
			if c.Self.Versions.ProtocolMax < 5 {
				c.Unsupportedf("the target understands protocol %d at most", c.Self.Versions.ProtocolMax)
			}
			old, young := c.Add(), c.Add()
			old.Versions.ProtocolMax = 4
			old.Join()
			young.Join()
			heard := func(m *Member) bool { return len(m.gossiped()) > 0 }
			for range 20 {
				young.news()
				if c.Until(func() bool { return heard(old) && heard(young) }, gossipDelay) {
					break
				}
			}
			if !heard(old) || !heard(young) {
				c.Inconclusivef("the target does not gossip with both members")
			}
			for _, h := range old.gossiped() {
				if h.Packet.CRC {
					c.Mismatch("a packet to a member of protocol 4", "with a checksum", "without")
				}
			}
			for _, h := range young.gossiped() {
				if !h.Packet.CRC {
					c.Mismatch("a packet to a member of protocol 5", "without a checksum", "with one")
				}
			}
			c.Earn()
		}),
	},
}

// frameRoom is what an Ethernet frame leaves for a datagram's bytes.
const frameRoom = 1472
