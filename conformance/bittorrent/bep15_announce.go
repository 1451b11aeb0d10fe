package bittorrent

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep15Announce judges a leecher's announces to a UDP tracker, and what it makes
// of the answers: BEP 15.
var bep15Announce = []Case{
	announceField("has-98-bytes", "have at least 98 bytes", conformance.Must, []string{"BEP15-UDP-010"},
		func(_ *Swarm, p *Packet) (any, string) { return len(p.Data), "98, and options behind them" },
		func(_ *Swarm, p *Packet) bool { return len(p.Data) >= announceSize },
		"udp-announce-of-97-bytes"),
	announceField("info-hash-at-16", "have the info-hash of the torrent at offset 16", conformance.Must,
		[]string{"BEP15-UDP-010"},
		func(s *Swarm, p *Packet) (any, string) {
			return fmt.Sprintf("%x", p.Data[atInfoHash:atPeerID]), fmt.Sprintf("%x", s.Hash())
		},
		func(s *Swarm, p *Packet) bool { return [20]byte(p.Data[atInfoHash:atPeerID]) == s.Hash() },
		"udp-hash-behind-the-peer-id"),
	announceField("counters-at-56", "say at offset 56 that nothing was downloaded, at 64 that everything is "+
		"left, and at 72 that nothing was uploaded, in 64 bits each", conformance.Must,
		[]string{"BEP15-UDP-010", "BEP15-UDP-003"},
		func(s *Swarm, p *Packet) (any, string) {
			return fmt.Sprint(p.uint64(atDownloaded), p.uint64(atLeft), p.uint64(atUploaded)), fmt.Sprint(0, len(s.Data), 0)
		},
		func(s *Swarm, p *Packet) bool {
			return p.uint64(atDownloaded) == 0 && p.uint64(atLeft) == uint64(len(s.Data)) && p.uint64(atUploaded) == 0
		},
		"udp-left-first"),
	announceField("begins-with-event-2", "have the event 2, started, at offset 80", conformance.Must,
		[]string{"BEP15-UDP-011"},
		func(_ *Swarm, p *Packet) (any, string) { return p.uint32(atEvent), "2" },
		func(_ *Swarm, p *Packet) bool { return p.uint32(atEvent) == 2 },
		"udp-events-from-zero"),
	announceField("no-address-of-its-own", "have the address 0 at offset 84: the tracker takes that of the packet",
		conformance.Should, []string{"BEP15-UDP-012"},
		func(_ *Swarm, p *Packet) (any, string) { return fmt.Sprintf("%#x", p.uint32(atIP)), "0" },
		func(_ *Swarm, p *Packet) bool { return p.uint32(atIP) == 0 },
		"udp-own-address"),
	announceField("wants-peers", "ask at offset 92 for some peers, or for the tracker's default by -1", conformance.Must,
		[]string{"BEP15-UDP-013"},
		func(_ *Swarm, p *Packet) (any, string) { return int32(p.uint32(atNumWant)), "-1, or more than 0" },
		func(_ *Swarm, p *Packet) bool { n := int32(p.uint32(atNumWant)); return n == -1 || n > 0 },
		"udp-wants-nobody"),
	{
		ID: "bep15/announce-request/port-is-where-it-listens", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-013"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged packet itself, and a handshake at the port",
		Explain: "A peer dials the port at offset 96 of the first announce. The target must answer a " +
			"handshake there.",
		Causes: []string{"the port is written in the byte order of the machine"},
		Within: 2 * downloadWithin,
		Kills:  []string{"udp-announce-of-97-bytes", "udp-port-little-endian"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			p := s.UDP(Standard, "/announce").FirstAnnounce()
			stream := t.DialTo(netip.AddrPortFrom(p.From.Addr(), p.port()))
			if !stream.Opened() {
				t.Failf("the target announces port %d, and nobody listens there", p.port())
			}
			q := newPeer(t, s.Content, stream)
			q.Greet()
			if t.Until(func() bool { return q.Theirs != nil || q.Gone() }, 2*AnswerWithin); q.Theirs == nil {
				t.Failf("who listens at the announced port answers no handshake: %s", q.Last())
			}
		},
	},
	{
		ID: "bep15/announce-request/one-peer-id-and-key", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP15-UDP-016", "BEP15-UDP-010"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "two announces",
		Explain: "The interval is five minutes. The second announce should have the peer id and the key of the " +
			"first, by which a tracker knows the same peer from another address, and the key should not be 0.",
		Causes: []string{"the key is drawn for each announce, or left at 0"},
		Within: 30 * time.Minute,
		Kills:  []string{"udp-key-each-time"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Interval = 5 * time.Minute
			u.FirstAnnounce()
			u.MustAnnounce(2, 20*time.Minute, "an interval of five minutes")
			a, b := u.Announces()[0], u.Announces()[1]
			switch {
			case string(a.Data[atPeerID:atDownloaded]) != string(b.Data[atPeerID:atDownloaded]):
				t.Mismatch("the peer id", fmt.Sprintf("%q", b.Data[atPeerID:atDownloaded]), "that of the first announce")
			case a.uint32(atKey) != b.uint32(atKey):
				t.Mismatch("the key", b.uint32(atKey), "that of the first announce")
			case a.uint32(atKey) == 0:
				t.Mismatch("the key", 0, "a number that was drawn")
			}
		},
	},
	{
		ID: "bep15/announce-request/tells-the-completion", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-011"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes",
		Explain: "A seeder serves everything. When the download is complete an announce must have the event 1, " +
			"completed, and 0 left.",
		Causes: []string{"events are numbered otherwise: completed is 1, started 2, stopped 3"},
		Within: 2 * downloadWithin,
		Kills:  []string{"last-request-too-long", "udp-events-from-zero", "udp-left-first"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			u := s.UDP(Standard, "/announce")
			s.Add(Plain, s.Seed)
			s.Start()
			completed := func() *Packet {
				for _, p := range u.Announces() {
					if p.uint32(atEvent) == 1 {
						return p
					}
				}
				return nil
			}
			t.Until(func() bool { return s.Complete() || completed() != nil }, downloadWithin)
			t.Until(func() bool { return completed() != nil }, 10*time.Second)
			switch p := completed(); {
			case p == nil && !s.Complete():
				t.Inconclusivef("the download is not complete: %s", s.standing())
			case p == nil:
				t.Failf("the download is complete, and no announce has the event 1")
			case p.uint64(atLeft) != 0:
				t.Mismatch("left", p.uint64(atLeft), "0")
			}
		},
	},
	meetsPeers("peers-are-met", "BEP15-UDP-004", "is as it should be",
		func(_ *UDPTracker, good []byte) [][]byte { return [][]byte{good} },
		"udp-announce-answers-unread"),
	meetsPeers("longer-one-is-accepted", "BEP15-UDP-004", "has three bytes behind its last peer",
		func(_ *UDPTracker, good []byte) [][]byte { return [][]byte{append(good, 1, 2, 3)} },
		"udp-announce-answers-unread", "udp-size-exact"),
	meetsPeers("nineteen-bytes", "BEP15-UDP-005", "is preceded by one that is cut behind its nineteenth byte",
		func(_ *UDPTracker, good []byte) [][]byte { return [][]byte{good[:19], good} },
		"udp-announce-answers-unread", "udp-short-ones-filled"),
	meetsPeers("other-transaction", "BEP15-UDP-005", "is preceded by an error with another transaction id",
		func(_ *UDPTracker, good []byte) [][]byte {
			bad := []byte{0, 0, 0, 3, good[4] ^ 1, good[5], good[6], good[7] ^ 1}
			return [][]byte{append(bad, "no"...), good}
		},
		"udp-announce-answers-unread", "udp-transaction-unchecked"),
	meetsPeers("short-error", "BEP15-UDP-005", "is preceded by an error of seven bytes",
		func(_ *UDPTracker, good []byte) [][]byte {
			return [][]byte{{0, 0, 0, 3, good[4], good[5], good[6]}, good}
		},
		"udp-announce-answers-unread", "udp-short-error-taken"),
}

// announceField judges one field of the first announce.
func announceField(
	slug, what string, level conformance.Level, clauses []string,
	show func(*Swarm, *Packet) (got any, want string), ok func(*Swarm, *Packet) bool, kills ...string,
) Case {
	return Case{
		ID: "bep15/announce-request/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: clauses, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the judged packet itself",
		Explain: fmt.Sprintf("The tracker answers the connect. The announce that follows, with the connection "+
			"id of the answer, must %s.", what),
		Causes: []string{"a field is left out, or has another width"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			u := s.UDP(Standard, "/announce")
			p := u.FirstAnnounce()
			if !u.issued[p.connection()] {
				t.Mismatch("the connection id", fmt.Sprintf("%#x", p.connection()), "that of the answer to the connect")
			}
			if len(p.Data) < announceSize && slug != "has-98-bytes" {
				t.Inconclusivef("the announce has %d bytes", len(p.Data))
			}
			if !ok(s, p) {
				got, want := show(s, p)
				t.Mismatch("the announce", got, want)
			}
		},
	}
}

// meetsPeers has the answer to the announce come as bend makes it of the good
// one, and wants the target to ask the seeder that it names for pieces.
func meetsPeers(slug, clause, what string, bend func(*UDPTracker, []byte) [][]byte, kills ...string) Case {
	level := conformance.Must
	if slug == "longer-one-is-accepted" {
		level = conformance.Should // libtorrent takes the rest for half a peer
	}
	return Case{
		ID: "bep15/announce-response/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the handshake with the peer that the answer names",
		Explain: fmt.Sprintf("The answer to the announce %s. The target must take the good answer, ignore the "+
			"other, and ask the seeder that it names for pieces.", what),
		Causes: []string{"sizes are compared for equality", "a bad packet ends the exchange"},
		Kills:  kills,
		Within: 2 * downloadWithin,
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			u := s.UDP(Standard, "/announce")
			s.Add(Plain, s.Seed)
			u.Answer = func(p *Packet) {
				if !p.IsAnnounce() {
					u.Respond(p)
					return
				}
				for _, b := range bend(u, packet(u.Peers(p))) {
					u.SendRaw(p, b, what)
				}
			}
			u.FirstAnnounce()
			if !t.Until(s.Asked, downloadWithin) {
				t.Failf("the peers of the answer are asked for nothing; the answer %s: %s", what, s.standing())
			}
		},
	}
}

// Asked reports whether the target wants pieces of a peer of the swarm.
func (s *Swarm) Asked() bool {
	for _, p := range s.Peers {
		if p.Count(func(m *Received) bool { return m.Type == wire.Interested || m.Type == wire.Request }) > 0 {
			return true
		}
	}
	return false
}

// bep15Patience judges how often a leecher tries: BEP 15 §Time outs.
var bep15Patience = []Case{
	{
		ID: "bep15/patience/waits-out-the-interval", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-017"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the second announce",
		Explain: "The tracker names nobody, and an interval of five minutes. The second announce must come, " +
			"not before four and a half minutes have passed, and with the event 0.",
		Causes: []string{"the target is impatient for peers"},
		Within: 30 * time.Minute,
		Kills:  []string{"udp-interval-ignored"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Interval = 5 * time.Minute
			first := u.FirstAnnounce()
			u.MustAnnounce(2, 20*time.Minute, "an interval of five minutes")
			second := u.Announces()[1]
			if gap := second.At - first.At; gap < u.Interval*9/10 {
				t.Failf("the second announce came %v after the first, and the interval is %v", gap, u.Interval)
			}
			if e := second.uint32(atEvent); e != 0 {
				t.Mismatch("the event of a regular announce", e, "0")
			}
		},
	},
	retransmits("connect", (*UDPTracker).Connects, func(u *UDPTracker, p *Packet) {}, "udp-two-tries"),
	retransmits("announce", (*UDPTracker).Announces, func(u *UDPTracker, p *Packet) {
		if p.IsConnect() {
			u.Respond(p)
		}
	}, "udp-two-tries"),
	{
		ID: "bep15/patience/new-connection-id-between-retries", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP15-UDP-019"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "a further announce",
		Explain: "The tracker answers connects, and no announce for four minutes. No announce may use a " +
			"connection id that came more than a minute before: a connect has to come between.",
		Causes: []string{"the packet of the first try is sent again as it is"},
		Within: 30 * time.Minute,
		Kills:  []string{"udp-connection-for-ever"},
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			came := map[uint64]time.Duration{}
			u.Answer = func(p *Packet) {
				if p.IsConnect() {
					r := u.Connection(p)
					came[r.Connection] = p.At
					u.Send(p, r)
				}
			}
			first := u.FirstAnnounce()
			late := func() *Packet {
				for _, p := range u.Announces() {
					if p.At-first.At > 70*time.Second {
						return p
					}
				}
				return nil
			}
			t.Until(func() bool { return late() != nil }, 10*time.Minute)
			if late() == nil {
				t.Inconclusivef("no announce came later than 70 s after the first")
			}
			for _, p := range u.Announces() {
				if age := p.At - came[p.connection()]; age > time.Minute+time.Second {
					t.Failf("an announce uses a connection id of %v before", age)
				}
			}
		},
	},
	calmAfterError("error-to-the-announce", "announce", (*Packet).IsAnnounce,
		"udp-action-unchecked", "udp-connection-for-ever", "udp-error-ends-it",
		"udp-error-retried-at-once"),
	calmAfterError("error-to-the-connect", "connect", (*Packet).IsConnect,
		"udp-error-ends-it", "udp-error-retried-at-once"),
}

// retransmits judges the pauses between the packets to a tracker that is
// silent: 15·2^n seconds.
func retransmits(what string, of func(*UDPTracker) []*Packet, answer func(*UDPTracker, *Packet), kills ...string) Case {
	return Case{
		ID: "bep15/patience/retransmits-the-" + what, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP15-UDP-018"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the packets themselves",
		Explain: fmt.Sprintf("The tracker answers no %s. The target should send again after 15 seconds and then "+
			"after 30, twice as long each time; a second more or less does not count.", what),
		Causes: []string{"a fixed pause", "a pause that begins at another value", "the tracker is given up at once"},
		Kills:  kills,
		Within: 20 * time.Minute,
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Answer = func(p *Packet) { answer(u, p) }
			u.FirstConnect()
			t.Until(func() bool { return len(of(u)) >= 3 }, 10*time.Minute)
			tries := of(u)
			if len(tries) == 0 {
				t.Inconclusivef("no %s came", what)
			}
			for i, want := range []time.Duration{15 * time.Second, 30 * time.Second} {
				if len(tries) < i+2 {
					t.Failf("after %d tries to %s no more came within ten minutes", len(tries), what)
				}
				if gap := tries[i+1].At - tries[i].At; gap < want-time.Second || gap > want+time.Second {
					t.Mismatch(fmt.Sprintf("the pause before try %d", i+2), gap.Round(time.Second), want.String())
				}
			}
		},
	}
}

// calmAfterError has the tracker refuse by an error packet. The target must not
// hammer on, and must try again at some time, with a connection id of its own.
func calmAfterError(slug, what string, when func(*Packet) bool, kills ...string) Case {
	return Case{
		ID: "bep15/patience/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP15-UDP-022"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target tries again within an hour",
		Explain: fmt.Sprintf("Each %s is answered by an error packet. The target should not send more than ten "+
			"packets within the first half minute, and should try again within an hour, beginning with a connect.", what),
		Causes: []string{"an error is retried at once", "the connection id that was refused is kept"},
		Kills:  kills,
		Within: 80 * time.Minute,
		Run: func(t *T) {
			u := NewSwarm(t, Standard).UDP(Standard, "/announce")
			u.Answer = func(p *Packet) {
				if when(p) {
					u.Send(p, u.Error(p, "not now"))
					return
				}
				u.Respond(p)
			}
			u.FirstConnect()
			t.Until(func() bool { return u.refused(when) != nil }, downloadWithin)
			if u.refused(when) == nil {
				t.Inconclusivef("no %s came", what)
			}
			t.Wait(30 * time.Second)
			if n := len(u.Packets); n > 10 {
				t.Failf("%d packets came within half a minute of the first refusal", n)
			}
			again := func() *Packet {
				first := u.refused(when)
				for _, p := range u.Packets {
					if p.At > first.At && (p.IsConnect() || p.IsAnnounce()) {
						return p
					}
				}
				return nil
			}
			if !t.Until(func() bool { return again() != nil }, time.Hour) {
				t.Failf("after an error to a %s the tracker is not asked again within an hour", what)
			}
			if !again().IsConnect() {
				t.Failf("after an error to an announce the same connection id is used")
			}
		},
	}
}

// refused is the first packet for which the condition holds.
func (u *UDPTracker) refused(when func(*Packet) bool) *Packet {
	if of := u.of(when); len(of) > 0 {
		return of[0]
	}
	return nil
}
