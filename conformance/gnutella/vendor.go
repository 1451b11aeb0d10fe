package gnutella

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// vendors judges messages of vendors: those that are known to all, and strange ones.
var vendors = []Case{
	{
		ID: "gnutella06/vendor/says-what-it-knows", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-01", "GN-VE-03"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "Both sides say Vendor-Message. The target's first vendor message must be the list of " +
			"those that it knows: a vendor of four NULs, selector and version 0, a count with its lower byte " +
			"first, and so many items of eight bytes.",
		Causes: []string{"the count is a byte, or in network order", "no list is sent"},
		Kills: []string{
			"list-of-vendor-messages-is-cut", "no-list-of-vendor-messages", "vendor-messages-for-all",
		},
		Run: func(t *T) {
			r, _ := vendorList(t)
			if r == nil {
				t.Failf("no list of the vendor messages that the target knows has come")
			}
			v, err := wire.ParseVendorMessage(r.Payload)
			switch {
			case err != nil:
				t.Failf("the target's vendor message is none: %v", err)
			case v.Vendor != [4]byte{} || v.Selector != 0 || v.Version != 0:
				t.Mismatch("the first vendor message", fmt.Sprintf("%q/%dv%d", v.Vendor, v.Selector, v.Version), "the list, 0/0v0")
			case len(v.Data) < 2 || len(v.Data) != 2+8*int(binary.LittleEndian.Uint16(v.Data)):
				t.Mismatch("the list", fmt.Sprintf("%x", v.Data), "a count, and eight bytes for each item")
			}
		},
	},
	{
		ID: "gnutella06/vendor/list-follows-the-first-ping", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-03"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "The list of vendor messages is to follow the target's first ping, and nothing else before.",
		Causes:  []string{"the list is sent first of all", "the first ping waits for a timer"},
		Kills:   []string{"list-of-vendor-messages-comes-first", "no-list-of-vendor-messages"},
		Run: func(t *T) {
			r, p := vendorList(t)
			if r == nil {
				t.Failf("no list of the vendor messages that the target knows has come")
			}
			for _, before := range p.Log {
				if before.Type == wire.TypePing {
					return
				}
				if before == r {
					t.Mismatch("what comes before the list of vendor messages", "no ping", "the target's first ping")
				}
			}
		},
	},
	{
		ID: "gnutella06/vendor/unknown-ones-have-no-consequence", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-02"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 before and after on the same link",
		Explain: "A vendor message XXXX/9v1 of both types, which nobody knows. It must be dropped, and " +
			"the link goes on.",
		Causes: []string{"an unknown vendor message is taken for a fault of the stream"},
		Kills:  []string{"closes-at-unknown-vendor-messages"},
		Run: func(t *T) {
			p := Meet(t, Equal().With("Vendor-Message", "0.1")).listening()
			p.Control()
			standard := NewVendor(t, "XXXX", 9, 1, []byte("and some data"))
			standard.Type = wire.TypeStandardVendor
			p.Send(NewVendor(t, "XXXX", 9, 1, nil), standard)
			t.Wait(PingPause)
			ping := NewPing(t, 1, 0)
			p.Send(ping)
			if p.AwaitGUID(AnswerWithin, wire.TypePong, ping.GUID) == nil {
				p.Alive()
				t.Failf("a ping behind unknown vendor messages is not answered: %s", p.Last())
			}
		},
	},
	{
		ID: "gnutella06/vendor/hops-flow-0", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-04"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: twinsControl,
		Explain: "A leaf gets the queries that its table has. It then says BEAR/4v1 with the value 0: it " +
			"wants none. The next query must not come to it.",
		Causes: []string{"the message is not understood, although the target says Vendor-Message"},
		Kills:  []string{"forwards-ttl-1", "ignores-hops-flow"},
		Run: func(t *T) {
			tw := newTwins(t)
			tw.limit(hopsFlow(t, 0))
			if tw.ask(0) {
				t.Failf("a query comes to a leaf that has said that it wants none, by hops flow 0")
			}
		},
	},
	{
		ID: "gnutella06/vendor/hops-flow-of-another-ttl", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-VE-02", "GN-VE-04"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: twinsControl,
		Explain: "Vendor messages are between neighbours: one with a TTL other than 1, or with hops, is " +
			"dropped without consequence. A hops flow 0 with TTL 3, and one with hops 1, must leave the " +
			"queries for a leaf as they were.",
		Causes: []string{"TTL and hops are not looked at"},
		Kills:  []string{"vendor-messages-from-afar"},
		Run: func(t *T) {
			tw, far, further := newTwins(t), hopsFlow(t, 0), hopsFlow(t, 0)
			far.TTL, further.Hops = 3, 1
			tw.limit(far)
			tw.limit(further)
			if !tw.ask(0) {
				t.Failf("no query comes to a leaf after a hops flow that was not for the target")
			}
		},
	},
}

// vendorList is the target's first vendor message, which may not have come, and the
// peer that got it.
func vendorList(t *T) (*Received, *Peer) {
	p := Meet(t, Equal().With("Vendor-Message", "0.1")).listening()
	p.Control()
	told := func() bool { return p.Count(isVendor) > 0 }
	if !t.Until(told, AnswerWithin) {
		firstPing(p) // which it follows, and which some send when a timer says so
		t.Until(told, AnswerWithin)
	}
	for _, r := range p.Log {
		if isVendor(r) {
			return r, p
		}
	}
	return nil, p
}

// listening ends the case as unsupported if the target has not said that it takes
// vendor messages.
func (p *Peer) listening() *Peer { return p.says("Vendor-Message") }

// says ends the case as unsupported if the target's answer does not have a header.
func (p *Peer) says(header string) *Peer {
	if _, ok := p.Answer.Headers.Get(header); !ok {
		p.Control()
		p.t.Unsupportedf("the target does not say %s", header)
	}
	return p
}

// knows ends the case as unsupported if the target's list of vendor messages has not
// come, or does not have one.
func (p *Peer) knows(vendor string, selector uint16) *Peer {
	p.listening().Control()
	item := binary.LittleEndian.AppendUint16([]byte(vendor), selector)
	list := p.awaitVendor(AnswerWithin, "\x00\x00\x00\x00", 0)
	if list == nil || !bytes.Contains(list.Data, item) {
		p.t.Unsupportedf("the target has not said that it knows %s/%d", vendor, selector)
	}
	return p
}

func isVendor(r *Received) bool {
	return r.Type == wire.TypeVendor || r.Type == wire.TypeStandardVendor
}
