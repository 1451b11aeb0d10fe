package gnutella

import (
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// pings judges how the target answers pings.
var pings = []Case{
	{
		ID: "gnutella06/ping/pong-has-the-guid-of-the-ping", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PG-03", "GN-PG-04"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "any pong at all within the same time",
		Explain: "A ping with TTL 1 and hops 0 must be answered by a pong with its GUID, that has made no hop " +
			"and tells the target's own address.",
		Causes: []string{"the pong gets a GUID of its own, as a remark in the 0.4 document has it", "the GUID is the servent's"},
		Kills:  []string{"compresses-unasked", "pong-with-hops", "pong-with-its-own-guid"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			pong := p.AwaitType(AnswerWithin, wire.TypePong)
			switch {
			case pong == nil:
				t.Failf("a ping of TTL 1 is not answered: %s", p.Last())
			case pong.GUID != ping.GUID:
				t.Mismatch("the GUID of the pong", pong.GUID, "that of the ping")
			case pong.Hops != 0:
				t.Mismatch("the hops of the target's own pong", pong.Hops, "0")
			}
			m, err := wire.ParsePong(pong.Payload)
			if err != nil {
				t.Failf("the pong is none: %v", err)
			}
			if m.Addr.Addr() != t.Target().Addr() {
				t.Mismatch("the address in the pong", m.Addr, t.Target().String())
			}
			t.Earn()
		},
	},
}
