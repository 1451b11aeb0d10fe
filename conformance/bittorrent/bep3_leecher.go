package bittorrent

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// downloadWithin is how long a download of the standard content may take when
// everybody serves at once: a start, an announce and a few round trips, with
// room for a client that looks around every ten seconds.
const downloadWithin = 60 * time.Second

// bep3Downloader judges what a leecher asks of its peers, and what it makes of
// the answers: BEP 3 §peer messages.
var bep3Downloader = []Case{
	{
		ID: "bep3/downloader/downloads-everything", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-027", "BEP03-META-007"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the target connects and asks for pieces",
		Explain: "One seeder that does everything right. The target must fetch every piece, and the " +
			"files on disk must have the bytes of the torrent, also where a file ends within a piece.",
		Causes: []string{"pieces that span two files are written to one of them"},
		Within: 2 * downloadWithin,
		Kills:  []string{"files-misplaced", "last-request-too-long", "peers-compact-unknown"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Start()
			s.MustComplete()
			for name, want := range s.Files() {
				got := func() []byte { b, _ := t.ReadFile(name); return b }
				if !t.Until(func() bool { return bytes.Equal(got(), want) }, flushWithin) {
					t.Failf("the file %q on disk is not that of the torrent: %d bytes, want %d", name, len(got()), len(want))
				}
			}
		},
	},
	{
		ID: "bep3/downloader/asks-for-what-exists", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-031", "BEP03-PEER-032"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the download completes",
		Explain: "Every request of a whole download is looked at: it must lie within its piece, the last " +
			"one of a piece being cut to the end of the torrent, and be for 16 KiB at most.",
		Causes: []string{"the last block is asked for at full length"},
		Within: 2 * downloadWithin,
		Kills:  []string{"last-request-too-long", "peers-compact-unknown"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, s.Seed)
			s.Start()
			s.MustComplete()
			for _, m := range s.Requests() {
				if !s.Sound(m) || m.Length > BlockSize {
					t.Failf("the target asked for %v", m)
				}
			}
		},
	},
	{
		ID: "bep3/downloader/silent-while-choked", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-028"}, Role: conformance.Leecher, Kind: conformance.Silence,
		Control: "the target asks for pieces once it is unchoked, on the same connection",
		Explain: "A seeder announces everything and does not unchoke for three seconds. The target must " +
			"show interest and ask for nothing until the unchoke.",
		Causes: []string{"requests are queued at once"},
		Within: 2 * downloadWithin,
		Kills:  []string{"asks-while-choked"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Add(Plain, func(p *Peer) { p.Send(s.All(p)) })
			s.Start()
			p := s.Meet()
			if m := p.AwaitType(downloadWithin, wire.Interested, wire.Request); m == nil || m.Type == wire.Request {
				t.Failf("the target should be interested in a seeder, and ask for nothing: %s", p.Last())
			}
			if m := p.AwaitType(3*time.Second, wire.Request); m != nil {
				t.Failf("the target asked while it was choked: %v", m)
			}
			p.Send(wire.Unchoke)
			if p.AwaitType(downloadWithin, wire.Request) == nil {
				t.Failf("the target asks for nothing after the unchoke: %s", p.Last())
			}
		},
	},
	{
		ID: "bep3/downloader/only-what-was-announced", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-029"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Control: "the target fetches the pieces that were announced",
		Explain: "A peer announces the even pieces and serves them. The target must ask it for those and " +
			"for no other. When they are fetched it has no more interest.",
		Causes: []string{"a bitfield is read from the wrong end"},
		Within: 2 * downloadWithin,
		Kills:  []string{"asks-for-everything", "last-request-too-long"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			even := func(i int) bool { return i%2 == 0 }
			s.Add(Plain, func(p *Peer) {
				p.Send(bits(s.Pieces(), even))
				p.On = func(m *Received) { s.Serve(p, m) }
			})
			s.Start()
			p := s.Meet()
			want := 0
			for i := 0; i < s.Pieces(); i += 2 {
				want += (s.Size(i) + BlockSize - 1) / BlockSize
			}
			t.Until(func() bool { return p.Count(isRequest) >= want || p.Gone() }, downloadWithin)
			t.Wait(time.Second)
			for _, m := range s.Requests() {
				if !even(int(m.Index)) {
					t.Failf("the target asked for what was never announced: %v", m)
				}
			}
			if p.Count(isRequest) < want {
				t.Inconclusivef("the target asked for %d of %d blocks: %s", p.Count(isRequest), want, p.Last())
			}
		},
	},
	{
		ID: "bep3/downloader/corrupt-piece-is-fetched-again", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-042", "BEP03-PEER-019", "BEP03-PEER-017"},
		Role:         conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFiles},
		Control: "the download completes from an honest seeder",
		Explain: "Every block of piece 3 comes corrupted from the only seeder at first; then an honest one " +
			"joins. The target must not announce piece 3 before good bytes for it came, must fetch it " +
			"again, and must end with the right files.",
		Causes: []string{"pieces are announced as they are complete, before they are hashed"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"announces-before-the-hash", "bans-all-who-shared", "each-block-asked-once", "files-misplaced",
			"hashes-nothing", "have-is-not-heard", "last-request-too-long",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			good := false
			serve := func(p *Peer, honest bool) {
				p.On = func(m *Received) {
					if m.Type == wire.Have && m.Index == 3 && !good {
						t.Failf("piece 3 is announced, and no good bytes have come for it yet")
					}
					if m.Type != wire.Request || m.Index != 3 || honest {
						good = good || m.Type == wire.Request && m.Index == 3
						s.Serve(p, m)
						return
					}
					answer := s.Piece(m)
					answer.Data = corrupted(answer.Data)
					p.Send(answer)
				}
			}
			var liar, friend *Peer
			s.Add(Plain, func(p *Peer) {
				liar = p
				serve(p, false)
				p.Send(s.All(p))
			})
			s.Add(Plain, func(p *Peer) {
				friend = p
				serve(p, true)
			})
			s.Start()
			t.Until(func() bool {
				return friend != nil && liar != nil && liar.Count(asksFor(3)) >= 2
			}, downloadWithin)
			if friend == nil {
				t.Inconclusivef("the target did not connect to both peers: %s", s.standing())
			}
			for i := range s.Pieces() {
				friend.Send(have(i))
			}
			s.MustComplete()
			for name, want := range s.Files() {
				got := func() []byte { b, _ := t.ReadFile(name); return b }
				if !t.Until(func() bool { return bytes.Equal(got(), want) }, flushWithin) {
					t.Failf("the file %q on disk is not that of the torrent", name)
				}
			}
		},
	},
}

// flushWithin is how long a target may hold a complete file back from its disk.
const flushWithin = 10 * time.Second

func asksFor(piece uint32) func(*Received) bool {
	return func(m *Received) bool { return m.Type == wire.Request && m.Index == piece }
}

func isRequest(m *Received) bool { return m.Type == wire.Request }

// corrupted is data with its first byte changed.
func corrupted(data []byte) []byte {
	bad := slices.Clone(data)
	bad[0] ^= 0xFF
	return bad
}

// Meet waits until a peer of the swarm has exchanged handshakes with the target.
func (s *Swarm) Meet() *Peer {
	var met *Peer
	s.t.Until(func() bool {
		for _, p := range s.Peers {
			if met == nil && p.Mine != nil && p.Theirs != nil {
				met = p
			}
		}
		return met != nil
	}, downloadWithin)
	if met == nil {
		s.t.Inconclusivef("the target met no peer of the swarm within %v; it announced itself %d times",
			downloadWithin, len(s.Announces))
	}
	return met
}

// MustComplete fails the case unless the target completes its download.
func (s *Swarm) MustComplete() {
	if !s.Downloaded(downloadWithin) {
		s.t.Failf("the download is not complete after %v: %s", downloadWithin, s.standing())
	}
}

// standing says how far the download is.
func (s *Swarm) standing() string {
	blocks := map[[2]uint32]bool{}
	for _, m := range s.Requests() {
		blocks[[2]uint32{m.Index, m.Begin}] = true
	}
	return fmt.Sprintf("%d announces, %d connections, %d requests for %d different blocks",
		len(s.Announces), len(s.Peers), len(s.Requests()), len(blocks))
}

// Requests are all requests so far, of every connection in turn.
func (s *Swarm) Requests() []*Received {
	var all []*Received
	for _, p := range s.Peers {
		for _, m := range p.Log {
			if m.Type == wire.Request {
				all = append(all, m)
			}
		}
	}
	return all
}
