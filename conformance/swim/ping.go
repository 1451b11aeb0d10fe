package swim

import (
	"math"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// pingCases judge how pings are answered, in datagrams and over streams.
var pingCases = []Case{
	{
		ID: "swim/ping/ack-has-the-number", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-01", "GO-WF-03", "GO-WF-05"},
		Role:         conformance.Responder, Kind: conformance.Reply,
		Control: "the judged acks themselves",
		Explain: "Pings for the target's name with the numbers 0, 1, 127, 128, 255, 256, 65535, 65536 " +
			"and 2^32-1 are sent. Each must be answered by one ack with its number.",
		Causes: []string{"the number is read or written with too few bits, or as a signed one"},
		Kills:  []string{"ack-of-16-bits"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			for _, seq := range []uint32{0, 1, 127, 128, 255, 256, math.MaxUint16, 1 << 16, math.MaxUint32} {
				m.Tell(wire.Ping{SeqNo: seq, Node: c.Self.Name, Source: m.Source()})
				if !m.Answered(seq) {
					c.Survives("a ping")
					c.Mismatch("SeqNo of the ack", m.heard(), "as in the ping")
				}
				c.Earn()
			}
		}),
	},
	{
		ID: "swim/ping/to-whoever-it-reaches", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-01"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with the target's name, which is answered",
		Explain: "A ping that names nobody is for whoever it reaches, and must be answered.",
		Causes:  []string{"the name is compared although it is empty"},
		Kills:   []string{"answers-no-pings-for-nobody"},
		Run: playing(func(c *Cluster) {
			c.Control()
			m := c.Add()
			if !m.Answered(m.Ping("")) {
				c.Failf("a ping that names nobody is not answered")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/ping/for-somebody-else", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-01"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "pings with the target's name before and after",
		Explain: "A ping for another name must not be answered: the address may have been another " +
			"member's, who has failed.",
		Causes: []string{"the name is not compared"},
		Kills:  []string{"answers-pings-for-anybody"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			var seq uint32
			silent := c.Silent(c.Control, func() { seq = m.Ping(c.Self.Name + "-2") },
				func() bool { return len(m.Acks(seq)) > 0 })
			if !silent {
				c.Failf("a ping for %q is answered", c.Self.Name+"-2")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/ping/ack-goes-to-the-source", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-02", "GO-WF-03"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged ack itself",
		Explain: "A ping names another address as its source. The ack must go there, and not to where " +
			"the datagram came from.",
		Causes: []string{"SourceAddr and SourcePort are ignored", "the port is read in the wrong order"},
		Kills:  []string{"ack-to-the-sender"},
		Run: playing(func(c *Cluster) {
			a, b := c.Add(), c.Add()
			seq := a.NextSeq()
			a.Tell(wire.Ping{SeqNo: seq, Node: c.Self.Name, Source: b.Source()})
			if !b.Answered(seq) {
				if len(a.Acks(seq)) > 0 {
					c.Mismatch("the ack's destination", "where the datagram came from", "the ping's source")
				}
				c.Survives("a ping with another source")
				c.Failf("a ping with another source is answered nowhere")
			}
			c.Control()
			if len(a.Acks(seq)) > 0 {
				c.Mismatch("the ack's destination", "both addresses", "the ping's source alone")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/ping/ack-without-a-source", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-02", "GO-WF-03"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with a source, which is answered",
		Explain: "A ping leaves out where it is to be answered, as members of older versions do. The " +
			"ack must go to where the datagram came from.",
		Causes: []string{"absent keys are read as an address", "the ping is refused without them"},
		Kills:  []string{"no-ack-without-a-source"},
		Run: playing(func(c *Cluster) {
			c.Control()
			m := c.Add()
			seq := m.NextSeq()
			m.Tell(wire.Ping{SeqNo: seq, Node: c.Self.Name})
			if !m.Answered(seq) {
				c.Failf("a ping without a source is not answered")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/ping/over-a-stream", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-05"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "the judged ack itself",
		Explain: "A ping is written to a stream. The ack must come on the same stream, with the ping's " +
			"number, and then the target ends the stream.",
		Causes: []string{"the ack is sent as a datagram", "the stream is kept open for more"},
		Kills:  []string{"no-ping-over-streams"},
		Run: playing(func(c *Cluster) {
			t := c.Talk()
			t.Write(wire.Ping{SeqNo: 4711, Node: c.Self.Name})
			ack, ok := t.Read(AnswerWithin).(wire.Ack)
			if !ok || ack.SeqNo != 4711 {
				c.Mismatch("the answer on the stream", t.unread(ack), "an ack with the number 4711")
			}
			c.Earn()
			if !t.Ends(AnswerWithin) {
				c.Failf("the target does not end the stream after its ack")
			}
		}),
	},
	{
		ID: "swim/ping/for-somebody-else-over-a-stream", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-05", "GO-FD-01"}, Role: conformance.Responder, Kind: conformance.Reply,
		Control: "a ping with the target's name on another stream, which is answered",
		Explain: "A ping for another name is written to a stream. The target must end the stream " +
			"without an ack.",
		Causes: []string{"the name is compared in datagrams only"},
		Kills:  []string{"answers-pings-for-anybody-on-streams"},
		Run: playing(func(c *Cluster) {
			t := c.Talk()
			t.Write(wire.Ping{SeqNo: 1, Node: c.Self.Name + "-2"})
			if got := t.Read(AnswerWithin); got != nil {
				c.Mismatch("the answer on the stream", readable(got), "none")
			}
			if !t.Ended() {
				c.Failf("the target does not end a stream with a ping for somebody else")
			}
			t = c.Talk()
			t.Write(wire.Ping{SeqNo: 2, Node: c.Self.Name})
			if _, ok := t.Read(AnswerWithin).(wire.Ack); !ok {
				c.Inconclusivef("a ping with the target's name is not answered on a stream either")
			}
			c.Earn()
		}),
	},
}
