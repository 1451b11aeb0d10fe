package swim

import (
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// Family selects all suites of this package.
const Family = "swim"

// Suites are the suites of a member, as one: it has no document with parts.
func Suites() []conformance.Suite {
	return []conformance.Suite{{
		Name: "swim", Family: Family, Title: "SWIM membership as memberlist has it",
		Control: func(t *T) {
			c := &Cluster{T: t}
			c.Meet()
			c.Control()
			c.Earn()
		},
		Ready: ready, Decode: decode, Lint: Lint, Frame: Frame, LintStream: LintStream,
		Cases: slices.Concat(
			pingCases, packetCases, probeCases, indirectCases, suspicionCases, beliefCases(), entryCases, gossipCases,
			pushPullCases, refutationCases, secretCases, leaveCases, hostileCases,
		),
	}}
}

// ready sends a ping for whoever it reaches, in the plain and in the secret
// clusters, and waits for an ack.
func ready(t *T) (ok bool) {
	s := t.Open()
	defer s.Close()
	s.Handle = func(d conformance.Datagram) {
		p, err := parsePacket(d.Data)
		ok = ok || err == nil && p.Parts[0].Type() == wire.TypeAck
	}
	for _, f := range formats() {
		ping := wire.Packet{Parts: []wire.Message{wire.Ping{SeqNo: 1}}}
		t.Rand().Fill(ping.Nonce[:])
		b, err := f.AppendMessage(nil, ping)
		if err != nil {
			t.Harnessf("a packet cannot be written: %v", err)
		}
		s.Send(b, "is it ready?")
	}
	t.Until(func() bool { return ok }, readyWithin)
	return ok
}

// readyWithin is the patience with one attempt.
const readyWithin = 200 * time.Millisecond
