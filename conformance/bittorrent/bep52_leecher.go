package bittorrent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep52Leecher judges a leecher of torrents of version 2 and of hybrids: BEP 52.
var bep52Leecher = []Case{
	downloadsV2("version-2", "of version 2 alone, whose pieces end with their files", metainfo.V2,
		[]string{"BEP52-META-003", "BEP52-PEER-011"},
		"bitfields-of-any-length", "files-misplaced", "last-request-too-long", "spare-bits-crash"),
	downloadsV2("hybrid", "that is a hybrid, with padding between its files", metainfo.Hybrid,
		[]string{"BEP52-META-010"},
		"bitfields-of-any-length", "files-misplaced", "spare-bits-crash"),
	{
		ID: "bep52/leecher/asks-up-to-the-file-s-end", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP52-PEER-011"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedV2},
		Control: "the download completes",
		Explain: "A torrent of version 2 alone is downloaded. No request should reach beyond the file in which it " +
			"begins: there is nothing up to the next piece. libtorrent asks for whole blocks there.",
		Causes: []string{"the padding that a hybrid would have is asked for"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"bitfields-of-any-length", "last-request-too-long", "peers-compact-unknown",
			"spare-bits-crash", "v2-name-is-its-end",
		},
		Run: func(t *T) {
			s := swarmV2(t, metainfo.V2)
			s.Add(Plain, s.seedV2)
			s.Start()
			s.MustComplete()
			for _, m := range s.Requests() {
				if !s.Sound(m) {
					t.Failf("the target asks for what lies behind a file: %v", m)
				}
			}
		},
	},
	{
		ID: "bep52/leecher/announces-the-truncated-hash", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-META-008"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedV2},
		Control: "the judged request itself",
		Explain: "The target downloads a torrent of version 2 alone. Its info_hash on the tracker must be the " +
			"first 20 bytes of the SHA-256 of the info dictionary.",
		Causes: []string{"the whole hash is sent", "the SHA-1 of the dictionary is sent"},
		Within: 2 * downloadWithin,
		Kills:  []string{"v2-name-is-its-end"},
		Run: func(t *T) {
			s := swarmV2(t, metainfo.V2)
			hash := s.HashV2()
			if got, _ := s.FirstAnnounce().Get("info_hash"); got != string(hash[:]) {
				t.Mismatch("info_hash", fmt.Sprintf("%x", got), fmt.Sprintf("%x", hash))
			}
		},
	},
	{
		ID: "bep52/leecher/corrupt-block-by-its-tree", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-META-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedV2, conformance.NeedFiles},
		Control: "the download completes from an honest seeder",
		Explain: "Piece 3 of a torrent of version 2 comes corrupted from one seeder, as long as it is alone; then " +
			"an honest one joins. The piece must not be announced before good bytes for it came, and the files " +
			"must end up right.",
		Causes: []string{"pieces of version 2 are not hashed", "the tree is taken over zeros"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"announces-before-the-hash", "bans-all-who-shared", "each-block-asked-once",
			"files-misplaced", "hashes-nothing", "have-is-not-heard", "last-request-too-long",
			"spare-bits-crash",
		},
		Run: func(t *T) {
			s := swarmV2(t, metainfo.V2)
			good := false
			serve := func(p *Peer, honest bool) {
				p.On = func(m *Received) {
					switch {
					case m.Type == wire.Have && m.Index == 3 && !good:
						t.Failf("piece 3 is announced, and no good bytes have come for it yet")
					case m.Type == wire.Request && m.Index == 3 && !honest: // a piece without an end of a file
						answer := s.Piece(m)
						answer.Data = corrupted(answer.Data)
						p.Send(answer)
					default:
						good = good || m.Type == wire.Request && m.Index == 3
						s.serveV2(p, m)
					}
				}
			}
			var liar, friend *Peer
			s.Add(Plain, func(p *Peer) { liar = p; serve(p, false); p.Send(s.All(p)) })
			s.Add(Plain, func(p *Peer) { friend = p; serve(p, true) })
			s.Start()
			t.Until(func() bool { return friend != nil && liar != nil && liar.Count(asksFor(3)) >= 2 }, downloadWithin)
			if friend == nil || liar == nil {
				t.Inconclusivef("the target did not connect to both peers: %s", s.standing())
			}
			for i := range s.Pieces() {
				friend.Send(have(i))
			}
			s.MustComplete()
			s.mustHaveFiles()
		},
	},
	{
		ID: "bep52/leecher/hybrid-passes-both", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-META-010"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedV2},
		Control: "the target fetches and announces other pieces",
		Explain: "A hybrid has a wrong hash of version 1 for piece 3, and the right one in the tree of version 2. " +
			"No bytes have both, so the piece must not be announced, nor the download end. A target that refuses " +
			"such a torrent at once asks for nothing, and is not judged.",
		Causes: []string{"pieces of hybrids are verified by one of their two hashes"},
		Within: 2 * downloadWithin,
		Kills:  []string{"announces-before-the-hash", "hashes-nothing", "spare-bits-crash"},
		Run: func(t *T) {
			s := NewSwarm(t, Standard)
			s.Content = contradictory(MakeV2(metainfo.Hybrid, s.URL("/announce")), 3)
			s.Add(Plain, s.seedV2)
			s.Start()
			p := s.Meet()
			t.Until(func() bool { return p.Count(asksFor(3)) >= 2 || p.Gone() }, downloadWithin)
			if p.Count(asksFor(3)) < 2 {
				t.Inconclusivef("piece 3 was not fetched: %s", s.standing())
			}
			if t.Until(func() bool { return p.Has(3) || s.Complete() }, 3*time.Second) {
				t.Failf("piece 3 is taken for right, although it does not have its hash of version 1")
			}
		},
	},
	{
		ID: "bep52/leecher/asks-for-hashes", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-003", "BEP52-PEER-004"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedV2, conformance.NeedMagnet},
		Control: "the hash requests themselves, and the download that completes",
		Explain: "The target has a magnet link of version 2. The metadata that it fetches has no piece layers, so " +
			"it has to ask for them: each request must be for two hashes or more, a power of two, from a multiple " +
			"of their number, and should be for 512 at most. The download must complete with what comes.",
		Causes: []string{"the number of hashes is that of the pieces", "layers are counted from the root"},
		Within: 3 * downloadWithin,
		Kills: []string{
			"asks-for-what-it-has", "asks-while-choked", "early-announcements-lost",
			"hash-requests-of-all-pieces", "hashes-unasked-taken", "last-request-too-long",
		},
		Run: func(t *T) {
			s := swarmV2(t, metainfo.V2)
			s.Add(Fast, func(p *Peer) {
				s.teach(p, s.size(), s.lesson)
				learn := p.On
				p.Send(s.All(p))
				p.On = func(m *Received) {
					if m.Type == wire.HashRequest || s.asksBeyond(m) {
						s.serveV2(p, m)
						return
					}
					learn(m)
				}
			})
			s.StartWith(conformance.StartOptions{Magnet: fmt.Sprintf("magnet:?xt=urn:btmh:1220%s&tr=%s",
				hex.EncodeToString(s.Info.InfoHashV2[:]), url.QueryEscape(s.URL("/announce")))})
			done := t.Until(s.Complete, 2*downloadWithin)
			asked := 0
			for _, p := range s.Peers {
				for _, m := range p.Log {
					if m.Type != wire.HashRequest {
						continue
					}
					asked++
					if err := m.Hashes.Check(); err != nil || m.Hashes.Count > metainfo.AskHashes {
						t.Mismatch("a hash request", fmt.Sprintf("%d hashes from %d: %v", m.Hashes.Count, m.Hashes.Index, err),
							"a power of two, from 2 to 512, from a multiple")
					}
				}
			}
			switch {
			case asked == 0 && len(s.Announces) == 0:
				t.Unsupportedf("the target does nothing with a magnet link of version 2")
			case asked == 0:
				t.Inconclusivef("no hashes were asked for: %s", s.standing())
			case !done:
				t.Failf("%d hash requests were answered, and the download is not complete: %s", asked, s.standing())
			}
			t.Earn()
		},
	},
}

func swarmV2(t *T, version metainfo.Version) *Swarm {
	s := NewSwarm(t, Standard)
	s.Content = MakeV2(version, s.URL("/announce"))
	return s
}

// downloadsV2 is a whole download from a seeder that does everything right.
func downloadsV2(slug, what string, version metainfo.Version, clauses []string, kills ...string) Case {
	needs := []conformance.Need{conformance.NeedFiles}
	if version == metainfo.V2 {
		needs = append(needs, conformance.NeedV2)
	}
	return Case{
		ID: "bep52/leecher/downloads-" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: clauses, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   needs,
		Control: "the target connects and asks for pieces",
		Explain: fmt.Sprintf("One seeder has a torrent %s. The files on "+
			"disk must have the bytes of the torrent.", what),
		Causes: []string{"files are laid out one behind the other", "padding is written into a file"},
		Within: 3 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := swarmV2(t, version)
			s.Add(Plain, s.seedV2)
			s.Start()
			if !t.Until(func() bool { return len(s.Requests()) > 0 }, downloadWithin) {
				t.Inconclusivef("the target asks for nothing: %s", s.standing())
			}
			s.MustComplete()
			s.mustHaveFiles()
		},
	}
}

// asksBeyond reports whether a request ends behind its file, and within the
// address space: libtorrent asks for whole blocks there, and takes zeros.
func (s *Swarm) asksBeyond(m *Received) bool {
	return m.Type == wire.Request && !s.Sound(m) && int(m.Index) < s.Pieces() &&
		uint64(m.Begin)+uint64(m.Length) <= uint64(s.Info.PieceLength)
}

// mustHaveFiles holds the target's files to the content.
func (s *Swarm) mustHaveFiles() {
	for name, want := range s.Files() {
		got := func() []byte { b, _ := s.t.ReadFile(name); return b }
		if !s.t.Until(func() bool { return bytes.Equal(got(), want) }, flushWithin) {
			s.t.Failf("the file %q on disk is not that of the torrent: %d bytes, want %d", name, len(got()), len(want))
		}
	}
}

// seedV2 is [Swarm.Seed] with hashes for who asks.
func (s *Swarm) seedV2(p *Peer) {
	p.Send(s.All(p))
	p.On = func(m *Received) { s.serveV2(p, m) }
}

func (s *Swarm) serveV2(p *Peer, m *Received) {
	switch {
	case m.Type == wire.HashRequest:
		p.Send(s.hashes(m.Hashes))
	case s.asksBeyond(m):
		at := int(m.Index)*int(s.Info.PieceLength) + int(m.Begin)
		data := make([]byte, m.Length)
		copy(data, s.Data[min(at, len(s.Data)):])
		p.Send(wire.Message{Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: data})
	default:
		s.Serve(p, m)
	}
}

// hashes is the right answer to a hash request.
func (s *Swarm) hashes(m *wire.Hashes) *wire.Hashes {
	answer := *m
	answer.Type = wire.HashReject
	for i, f := range s.Info.Files {
		if f.Pad || f.PiecesRoot != m.PiecesRoot || f.Length == 0 {
			continue
		}
		r := metainfo.HashRange{
			BaseLayer: int(m.BaseLayer), Index: int(m.Index), Length: int(m.Count), ProofLayers: int(m.ProofLayers),
		}
		hashes, ok := r.Prove(s.layer(i, f, r.BaseLayer), metainfo.TreeHeight(f.Length))
		if !ok {
			break
		}
		answer.Type = wire.HashesMessage
		for _, h := range hashes {
			answer.Hashes = append(answer.Hashes, h[:]...)
		}
	}
	return &answer
}

// layer is that of the leaves or of the pieces of a file.
func (s *Swarm) layer(file int, f metainfo.File, base int) (layer [][32]byte) {
	if base == pieceLayer {
		for b := s.Info.PieceLayer(file); len(b) >= 32; b = b[32:] {
			layer = append(layer, [32]byte(b))
		}
		return layer
	}
	for b := s.Data[f.Offset : f.Offset+f.Length]; len(b) > 0; b = b[min(len(b), BlockSize):] {
		layer = append(layer, sha256.Sum256(b[:min(len(b), BlockSize)]))
	}
	return layer
}
