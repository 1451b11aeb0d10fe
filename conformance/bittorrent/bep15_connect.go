package bittorrent

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep15Connect judges how a leecher gets a connection id of a UDP tracker, and
// how long it uses it: BEP 15.
var bep15Connect = []Case{
	{
		ID: "bep15/connect-request/has-sixteen-bytes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-001", "BEP15-UDP-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged packet itself, and the announce that follows its answer",
		Explain: "The first packet to a UDP tracker must be a connect: the protocol id 0x41727101980, the " +
			"action 0 and a transaction id, in network byte order, 16 bytes in all. Then an announce follows.",
		Causes: []string{"integers are written in the byte order of the machine", "a stale connection id is used"},
		Within: 2 * downloadWithin,
		Kills:  []string{"udp-connect-without-protocol-id"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			p := u.FirstConnect()
			if len(p.Data) != connectSize || !p.IsConnect() {
				t.Mismatch("the first packet", fmt.Sprintf("%x", p.Data), "0000041727101980 00000000 and a transaction id")
			}
			u.MustAnnounce(1, downloadWithin, "the answer to its connect")
		},
	},
	{
		ID: "bep15/connect-request/transaction-id-is-drawn", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP15-UDP-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "several connects",
		Explain: "The tracker answers no connect. Each further one should have a transaction id that was " +
			"drawn, or is at least another than a constant that anybody could guess: 0, 1 or the same as before " +
			"counted up by one.",
		Causes: []string{"transaction ids are counted", "the id is the same for every program"},
		Within: 20 * time.Minute,
		Kills:  []string{"udp-transaction-ids-counted"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Answer = func(*Packet) {}
			u.FirstConnect()
			t.Until(func() bool { return len(u.Connects()) >= 3 }, 10*time.Minute)
			for i, p := range u.Connects() {
				if p.transaction() < 2 || i > 0 && p.transaction() == u.Connects()[i-1].transaction()+1 {
					t.Failf("the transaction id of connect %d is %#x", i+1, p.transaction())
				}
			}
			t.Earn()
		},
	},
	{
		ID: "bep15/connect-response/longer-one-is-accepted", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce that follows",
		Explain: "The answer to the connect has eight bytes more than it needs. The document asks for at " +
			"least 16: an announce with its connection id must follow.",
		Causes: []string{"the size of a packet is compared for equality"},
		Within: 2 * downloadWithin,
		Kills:  []string{"udp-connect-without-protocol-id", "udp-size-exact"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Answer = func(p *Packet) {
				if p.IsConnect() {
					u.SendRaw(p, append(packet(u.Connection(p)), "trailing"...), "eight bytes longer")
				}
			}
			p := u.JudgedAnnounce()
			if !u.issued[p.connection()] {
				t.Mismatch("the connection id of the announce", fmt.Sprintf("%#x", p.connection()), "that of the response")
			}
		},
	},
	badConnect("fifteen-bytes", "is cut behind its fifteenth byte", conformance.Must,
		func(_ *UDPTracker, good *tracker.Response) []byte { return packet(good)[:15] },
		"udp-connect-without-protocol-id", "udp-short-ones-filled"),
	badConnect("other-transaction", "has another transaction id", conformance.Must,
		func(_ *UDPTracker, good *tracker.Response) []byte {
			good.Transaction ^= 0x10001
			return packet(good)
		},
		"udp-connect-without-protocol-id", "udp-transaction-unchecked"),
	badConnect("action-of-an-announce", "has the action of an announce", conformance.Should,
		func(_ *UDPTracker, good *tracker.Response) []byte {
			b := packet(good)
			b[3] = byte(tracker.ActionAnnounce)
			return b
		},
		"udp-action-unchecked", "udp-connect-without-protocol-id"),
	{
		ID: "bep15/connect-response/from-another-address", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP15-UDP-023"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce that follows the tracker's own answer",
		Explain: "Before the tracker's answer to the connect a stranger at another address sends one, with the " +
			"right transaction id and a connection id of its own. The announce should have the tracker's.",
		Causes: []string{"a packet is known by its transaction id alone"},
		Within: 2 * downloadWithin,
		Kills:  []string{"udp-any-source"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			u := s.UDP(Standard, "/announce")
			stranger := t.Open()
			const strange = 0xBADBADBADBAD
			u.Answer = func(p *Packet) {
				if p.IsConnect() {
					stranger.SendTo(p.From, packet(&tracker.Response{
						Action: tracker.ActionConnect, Transaction: p.transaction(), Connection: strange,
					}), "from another address")
				}
				u.Respond(p)
			}
			if p := u.FirstAnnounce(); p.connection() == strange {
				t.Failf("the connection id of a stranger is used")
			}
		},
	},
	{
		ID: "bep15/connection-id/of-a-minute-at-most", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-006"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the second announce",
		Explain: "The tracker's interval is five minutes. The second announce must not use a connection id " +
			"that came more than a minute before: a connect comes first.",
		Causes: []string{"the id is kept for the session"},
		Within: 30 * time.Minute,
		Kills:  []string{"udp-connection-for-ever"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Interval = 5 * time.Minute
			came := map[uint64]time.Duration{}
			u.Answer = func(p *Packet) {
				if !p.IsConnect() {
					u.Respond(p)
					return
				}
				r := u.Connection(p)
				came[r.Connection] = p.At
				u.Send(p, r)
			}
			first := u.FirstAnnounce()
			u.MustAnnounce(2, 20*time.Minute, "an interval of five minutes")
			for _, p := range u.Announces() {
				if age := p.At - came[p.connection()]; age > time.Minute+time.Second {
					t.Failf("an announce %v after the first uses a connection id of %v before", p.At-first.At, age)
				}
			}
		},
	},
}

// badConnect has a bad answer to the connect come before the good one.
func badConnect(
	slug, what string, level conformance.Level, bend func(*UDPTracker, *tracker.Response) []byte, kills ...string,
) Case {
	return Case{
		ID: "bep15/connect-response/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{"BEP15-UDP-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the announce that follows the good answer",
		Explain: fmt.Sprintf("Two answers to the connect come right after one another: the first %s and another "+
			"connection id, the second is as it should be. The first must be ignored: the announce has the "+
			"connection id of the second.", what),
		Causes: []string{"size, transaction id or action of a packet are not looked at"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Answer = func(p *Packet) {
				if p.IsConnect() {
					bad := &tracker.Response{
						Action: tracker.ActionConnect, Transaction: p.transaction(), Connection: 0xBADBADBADBAD,
					}
					u.SendRaw(p, bend(u, bad), "that "+what)
				}
				u.Respond(p)
			}
			if p := u.JudgedAnnounce(); !u.issued[p.connection()] {
				t.Mismatch("the connection id of the announce", fmt.Sprintf("%#x", p.connection()), "that of the good response")
			}
		},
	}
}
