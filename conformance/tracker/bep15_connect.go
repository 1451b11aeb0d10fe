package tracker

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep15Connect: the first packet, and what packets look like.
func bep15Connect() []Case {
	return []Case{
		{
			ID: "bep15/connect/is-answered", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-002", "BEP15-UDP-003"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "A peer asks for a connection id, twice. The answers must be 16 bytes or more, with " +
				"action 0 and the transaction id of the request.",
			Kills: []string{"connect-answered-by-action-1"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				for range 2 {
					if a := p.AskConnect(); a.Kind != Answered {
						p.oddAnswer(a)
					}
				}
			}),
		},
		{
			ID: "bep15/connect/two-at-once", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answers themselves",
			Explain: "A peer sends two connects with different transaction ids at once. Both must be answered, " +
				"each with its own id.",
			Causes: []string{"the state of one request is kept for the next"},
			Kills:  []string{"transaction-ids-of-the-last"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				same := func(b []byte) []byte { return b }
				r := &tracker.Request{Action: tracker.ActionConnect}
				a, b := p.SendBytes(r, "connect", same), p.SendBytes(r, "connect", same)
				t.Until(func() bool { return a.Kind != Nothing && b.Kind != Nothing }, PacketWithin)
				for _, one := range []*Packet{a, b} {
					p.answered(one)
				}
			}),
		},
		{
			ID: "bep15/connect/longer-one-is-accepted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-004"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a common connect right after, if no answer comes",
			Explain: "A connect has four bytes more than it needs. It must be answered: only what is too short " +
				"is no packet, so that later versions can add to it.",
			Causes: []string{"the length is compared for equality"},
			Kills:  []string{"exact-sizes"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.answered(p.AskBytes(&tracker.Request{Action: tracker.ActionConnect}, "connect of 20 bytes",
					func(b []byte) []byte { return append(b, 0, 0, 0, 0) }))
				p.connected()
			}),
		},
		{
			ID: "bep15/connect/short-one-is-not-served", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-001"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "A connect lacks its last byte, of the transaction id. It should not be served.",
			Causes:  []string{"the buffer of the packet before is read"},
			Kills:   []string{"fills-packets-up"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				before := len(p.strays)
				p.notServed(&tracker.Request{Action: tracker.ActionConnect}, "connect of 15 bytes",
					func(b []byte) []byte { return b[:15] })
				if len(p.strays) > before {
					t.Mismatch("connect of 15 bytes", fmt.Sprintf("%x", p.strays[before].Data), "silence")
				}
			}),
		},
		{
			ID: "bep15/connect/needs-the-protocol-id", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-001"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "A connect has another number than 0x41727101980 in front. It should not be answered with " +
				"a connection id: it belongs to another protocol.",
			Causes: []string{"the number is not looked at"},
			Kills:  []string{"any-protocol"},
			Run: run(func(t *T) {
				NewPeer(t).notServed(&tracker.Request{Action: tracker.ActionConnect}, "connect without the protocol id",
					func(b []byte) []byte { b[7] ^= 1; return b })
			}),
		},
		{
			ID: "bep15/connect/answer-is-not-larger", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: []string{"BEP15-UDP-002"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the answer itself",
			Explain: "The answer to a connect should have 16 bytes, as many as the request: whoever forges the " +
				"sender's address must not gain by it.",
			Kills: []string{"connect-answered-at-length"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				a := p.AskConnect()
				p.answered(a)
				equal(t, "the size of the answer", len(a.Data), 16, decimal)
				p.connected()
			}),
		},
		{
			ID: "bep15/packet/unknown-action-is-not-served", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-003"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "A packet with a good connection id has action 9, and one has action 1 in little-endian " +
				"order. Neither should be served.",
			Causes: []string{"the low byte of the action is read", "integers are read in the order of the host"},
			Kills:  []string{"any-byte-order", "unknown-action-is-an-announce"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				r := p.announcement(t.NewHash(), tracker.None)
				p.notServed(r, "announce with action 9", func(b []byte) []byte { b[11] = 9; return b })
				p.notServed(r, "announce with a little-endian action", func(b []byte) []byte {
					binary.LittleEndian.PutUint32(b[8:], 1)
					return b
				})
			}),
		},
		{
			ID: "bep15/packet/survives-noise", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-004"}, Role: conformance.Tracker, Kind: conformance.State,
			Control: "a connect before and one after, which are answered",
			Explain: "Packets of no bytes, of one, of random ones and of 9000 zeros arrive. A connect must be " +
				"answered afterwards.",
			Causes: []string{"a crash, or a socket that is closed after an error"},
			Kills:  []string{"crashes-on-large-packets", "deaf-after-an-empty-packet"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.connected()
				noise := make([]byte, 200)
				t.Fresh().Fill(noise)
				for _, b := range [][]byte{{}, {0}, noise[:12], noise, make([]byte, 9000)} {
					p.sock.SendMalformed(b, "noise")
				}
				t.Wait(pieceGap)
				if a := p.AskConnect(); a.Kind != Answered {
					t.Mismatch("a connect after the noise", a, "a connection id")
				}
			}),
		},
	}
}

// oddAnswer ends the case of a connect that was not answered as it should be:
// a packet with its transaction id is the target's doing.
func (p *Peer) oddAnswer(a *Packet) {
	if a.Kind == Nothing {
		p.withoutUDP(a)
	}
	p.t.Mismatch("the answer to a connect", a, "action 0, the transaction id and 8 bytes")
}

// bep15IDs: what a connection id is good for.
func bep15IDs() []Case {
	return []Case{
		{
			ID: "bep15/connection-id/invented-is-refused", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-008"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "A peer announces with a random connection id, with zero, with the protocol id, and with " +
				"its own after one bit was flipped. None may be served: the id shows that the sender's " +
				"address is not forged.",
			Causes: []string{"ids are not checked", "some bits of the id are not checked"},
			Kills:  []string{"any-connection-id", "half-an-id", "transaction-ids-of-the-last"},
			Run: run(func(t *T) {
				h, p := t.NewHash(), NewPeer(t)
				good := p.Connect()
				for _, bad := range []struct {
					id   uint64
					what string
				}{
					{t.Fresh().Uint64(), "a random connection id"}, {0, "connection id 0"},
					{0x41727101980, "the protocol id for a connection id"},
					{good ^ 1<<63, "a flipped first bit"}, {good ^ 1, "a flipped last bit"},
				} {
					r := p.announcement(h, tracker.None)
					r.Connection = bad.id
					p.notServed(r, "announce with "+bad.what, nil)
				}
			}),
		},
		{
			ID: "bep15/connection-id/bound-to-the-address", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-008", "BEP15-UDP-009"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Needs:   []conformance.Need{conformance.NeedAddresses},
			Control: "a connect before and one after, which are answered",
			Explain: "A peer announces with the connection id that another address got. It may not be served: " +
				"otherwise one real address pays for any number of forged ones.",
			Causes: []string{"ids do not depend on the address", "one id serves everybody for a while"},
			Kills:  []string{"any-connection-id", "ids-for-everybody"},
			Run: run(func(t *T) {
				p, other := NewPeer(t), NewPeer(t)
				r := p.announcement(t.NewHash(), tracker.None)
				r.Connection = other.Connect()
				p.notServed(r, "announce with the id of "+other.IP().String(), nil)
			}),
		},
		{
			ID: "bep15/connection-id/needed-for-a-scrape", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-008"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Control: "a connect before and one after, which are answered",
			Explain: "A peer scrapes with an invented connection id. It may not be served.",
			Kills:   []string{"any-connection-id", "scrape-without-id"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.notServed(&tracker.Request{
					Action: tracker.ActionScrape, Connection: t.Fresh().Uint64(), Hashes: []Hash{t.NewHash()},
				}, "scrape with a random connection id", nil)
			}),
		},
		{
			ID: "bep15/connection-id/serves-several-requests", Rev: 1, Since: "0.2.0", Level: conformance.Must,
			Requirements: []string{"BEP15-UDP-007"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "the first announce, which is answered",
			Explain: "A peer announces two torrents and scrapes with one connection id. All must be served: the " +
				"id is good for a minute, not for one request.",
			Causes: []string{"the id is deleted when it is used"},
			Kills:  []string{"ids-for-one-use"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				h := t.NewHash()
				p.AnnouncePacket(h, nil)
				p.AnnouncePacket(t.NewHash(), nil)
				p.ScrapePacket(h)
			}),
		},
		{
			ID: "bep15/connection-id/good-from-another-port", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP15-UDP-009"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a connect right after, if no answer comes",
			Explain: "A peer announces from another port of its address with the id that it holds. A target " +
				"that binds ids to the port as well is recorded.",
			Kills: []string{"ids-bound-to-the-port"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				other := p.Sibling()
				other.connect = p.Connect()
				if a := other.AskPacket(other.announcement(t.NewHash(), tracker.None)); a.Kind != Answered {
					p.connected()
					t.Infof("a connection id is refused from another port of its address: %v", a)
				}
			}),
		},
		{
			ID: "bep15/connection-id/not-guessable", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-009"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Needs:   []conformance.Need{conformance.NeedAddresses},
			Control: "the answers to the connects",
			Explain: "Forty addresses ask for connection ids. All should differ, and no difference of one to " +
				"the next should come twice: whoever sees some ids must not be able to tell the others.",
			Causes: []string{"ids are counted up", "the id is the time or the address"},
			Kills:  []string{"ids-are-counted"},
			Run: run(func(t *T) {
				ids, steps := map[uint64]bool{}, map[uint64]bool{}
				last := uint64(0)
				for _, p := range NewPeers(t, 40) {
					id := p.Connect()
					if ids[id] || steps[id-last] {
						t.Mismatch("connection ids", fmt.Sprintf("%016x after %016x", id, last), "ids that follow no pattern")
					}
					ids[id], steps[id-last] = true, true
					last = id
				}
			}),
		},
		{
			ID: "bep15/connection-id/good-for-two-minutes", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-007"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 5 * time.Minute,
			Control: "a connect right after, if no answer comes",
			Explain: "A peer announces 59 and 115 seconds after it got its connection id. Both should be " +
				"served: clients may use an id for a minute, and trackers should accept it for two.",
			Causes: []string{"the secret of the ids changes too often, and the one before is not tried"},
			Kills:  []string{"half-an-id", "ids-for-a-minute", "ids-for-one-use"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				p.Connect()
				for _, wait := range []time.Duration{59 * time.Second, 56 * time.Second} {
					t.Wait(wait)
					p.AnnouncePacket(t.NewHash(), nil)
				}
			}),
		},
		{
			ID: "bep15/connection-id/expires", Rev: 1, Since: "0.2.0", Level: conformance.Should,
			Requirements: []string{"BEP15-UDP-007", "BEP15-UDP-008"}, Role: conformance.Tracker, Kind: conformance.Silence,
			Needs: []conformance.Need{conformance.NeedClock}, Within: 15 * time.Minute,
			Control: "a connect before and one after, which are answered",
			Explain: "A peer announces with a connection id that is ten minutes old. It should not be served: " +
				"an id that never expires is a licence for whoever overhears it.",
			Causes: []string{"ids are never forgotten", "the secret never changes"},
			Kills:  []string{"any-connection-id", "ids-forever", "transaction-ids-of-the-last"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				r := p.announcement(t.NewHash(), tracker.None)
				t.Wait(10 * time.Minute)
				p.notServed(r, "announce with an id of ten minutes", nil)
			}),
		},
		{
			ID: "bep15/connection-id/refusal-is-an-error-packet", Rev: 1, Since: "0.2.0", Level: conformance.May,
			Requirements: []string{"BEP15-UDP-021"}, Role: conformance.Tracker, Kind: conformance.Reply,
			Control: "a connect right after, if no answer comes",
			Explain: "A peer announces with an invented connection id. A refusal may be an error packet with " +
				"the transaction id and text, which saves the client 15 seconds; silence is recorded.",
			Kills: []string{"any-connection-id", "errors-are-silent"},
			Run: run(func(t *T) {
				p := NewPeer(t)
				r := p.announcement(t.NewHash(), tracker.None)
				r.Connection = t.Fresh().Uint64()
				a := p.AskPacket(r)
				if a.Kind == Nothing {
					p.connected()
					t.Infof("an unknown connection id is met with silence")
				}
				if a.Kind != ErrorPacket || len(a.Body) == 0 {
					t.Mismatch("the answer to an unknown connection id", a, "an error packet with text")
				}
			}),
		},
	}
}
