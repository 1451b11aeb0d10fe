package bittorrent

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep9Leecher judges how a target that has a magnet link alone gets the
// metadata: BEP 9.
var bep9Leecher = []Case{
	learns("fetches-and-downloads", conformance.Must, []string{"BEP09-META-002", "BEP09-META-003", "BEP09-META-004"},
		"One seeder gives metadata of 45 KB, which is three blocks, and then the pieces.",
		func(s *Swarm) { s.Add(Fast, s.Teacher(s.size(), s.lesson)) },
		"peers-compact-unknown"),
	{
		ID: "bep9/magnet/uses-our-id", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-013", "BEP10-EXT-006"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the judged request itself",
		Explain: "The only peer wants to receive metadata messages under the id 200. The target must ask it " +
			"for metadata under that id: the ids of a handshake are those of who sends it.",
		Causes: []string{"the own id is used in both directions"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"extension-handshake-late", "metadata-is-not-asked-for", "metadata-under-the-own-id",
			"pex-without-agreement",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			s.Add(Fast, s.Teacher(s.size(), s.lesson))
			s.StartMagnet("")
			p := s.Meet()
			m := p.Await(downloadWithin, func(m *Received) bool { return m.Type == wire.Extended && m.ExtID != 0 })
			if m == nil {
				t.Failf("the target has a magnet link, and asks a peer that has the metadata for nothing: %s", p.Last())
			}
			if m.ExtID != ourMetadata {
				t.Mismatch("the id of the request", m.ExtID, fmt.Sprint(ourMetadata))
			}
		},
	},
	learns("wrong-metadata-is-discarded", conformance.Must, []string{"BEP09-META-008"},
		"One peer gives metadata of the right size with a byte changed; then another gives the right one, "+
			"and the pieces.",
		func(s *Swarm) {
			s.afterwards(s.size(), func(p *Peer, piece int) {
				d := s.metadata(piece)
				d.Data = corrupted(d.Data)
				p.tell(d)
			})
		}, "metadata-of-the-first-peer"),
	learns("size-zero", conformance.Should, []string{"BEP09-META-009"},
		"One peer says metadata_size 0; then another gives the metadata and the pieces.",
		func(s *Swarm) { s.afterwards(0, nil) }, "metadata-size-unchecked"),
	learns("size-negative", conformance.Should, []string{"BEP09-META-009"},
		"One peer says metadata_size -1; then another gives the metadata and the pieces.",
		func(s *Swarm) { s.afterwards(-1, nil) },
		"extension-handshake-strict", "metadata-size-unchecked"),
	learns("size-of-two-gibibytes", conformance.Should, []string{"BEP09-META-009"},
		"One peer says metadata_size 2^31; then another gives the metadata and the pieces.",
		func(s *Swarm) { s.afterwards(1<<31, nil) }, "metadata-size-unchecked"),
	learns("size-beyond-counting", conformance.Should, []string{"BEP09-META-009"},
		"One peer says metadata_size 2^63-1; then another gives the metadata and the pieces.",
		func(s *Swarm) { s.afterwards(1<<63-1, nil) },
		"extension-handshake-strict", "metadata-size-unchecked"),
	learns("sizes-disagree", conformance.Should, []string{"BEP09-META-010"},
		"One peer says a metadata_size that is two blocks too large and gives zeros; then another gives "+
			"the right metadata and the pieces.",
		func(s *Swarm) {
			s.afterwards(s.size()+2*wire.MetadataBlock, func(p *Peer, piece int) {
				p.tell(&wire.Metadata{
					Type: wire.MetadataData, Piece: int32(piece), TotalSize: s.size() + 2*wire.MetadataBlock,
					Data: make([]byte, wire.MetadataBlock),
				})
			})
		}, "metadata-of-the-first-peer", "metadata-sizes-must-agree"),
	learns("rejected", conformance.Should, []string{"BEP09-META-011"},
		"One peer says that it has the metadata and rejects every request; then another gives it, and the pieces.",
		func(s *Swarm) {
			s.afterwards(s.size(), func(p *Peer, piece int) {
				p.tell(&wire.Metadata{Type: wire.MetadataReject, Piece: int32(piece)})
			})
		}, "metadata-gives-up-on-a-reject"),
	learns("total-size-of-the-block", conformance.Defacto, []string{"BEP09-META-004"},
		"The seeder gives the length of the block as total_size, as one client does; metadata_size is right.",
		func(s *Swarm) {
			s.Add(Fast, s.Teacher(s.size(), func(p *Peer, piece int) {
				d := s.metadata(piece)
				d.TotalSize = int64(len(d.Data))
				p.tell(d)
			}))
		}, "metadata-total-compared", "peers-compact-unknown"),
	{
		ID: "bep9/magnet/rejects-while-it-has-none", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-005"}, Role: conformance.Leecher, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the target's extension handshake",
		Explain: "A peer that says how large the metadata is, and gives none, asks the target for it while that " +
			"has none either. It must answer by a reject: the peer waits otherwise.",
		Causes: []string{"requests are dropped until the metadata is there", "what is there is sent, unverified"},
		Within: 2 * downloadWithin,
		Kills:  []string{"metadata-not-rejected", "metadata-under-the-own-id"},
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			cast := s.Cast(1, wire.FeatureExtension)
			s.StartMagnet("")
			s.Gather(cast)
			p := cast[0]
			p.mustExtend()
			hello := encoded(Dict{"m": Dict{"ut_metadata": ourMetadata}, "metadata_size": s.size()})
			p.Send(extended(0, hello[0].Data))
			p.extends()
			id, ok := p.Extensions.Lookup(wire.ExtMetadata)
			if !ok || id == 0 {
				t.Unsupportedf("the target does not offer ut_metadata")
			}
			p.Send(extended(id, (&wire.Metadata{Type: wire.MetadataRequest}).Append(nil)))
			var answer wire.Metadata
			if p.Await(AnswerWithin, func(m *Received) bool {
				var err error
				answer, err = wire.ParseMetadata(m.Data)
				return m.Type == wire.Extended && m.ExtID == ourMetadata && err == nil && answer.Type != wire.MetadataRequest
			}) == nil {
				t.Failf("a request for metadata that the target lacks got no answer: %s", p.Last())
			}
			if answer.Type != wire.MetadataReject {
				t.Mismatch("the answer's msg_type", answer.Type, "2, a reject")
			}
		},
	},
	remembers("bitfield", func(s *Swarm) any { return bits(s.Pieces(), func(int) bool { return true }) },
		"bitfields-of-any-length"),
	remembers("have", func(*Swarm) any { return nil }, "have-is-not-heard"),
	remembers("have-all", func(*Swarm) any { return wire.HaveAll }),
	names("hex-in-lower-case", "BEP09-MAGNET-001", conformance.Must,
		func(h []byte) string { return hex.EncodeToString(h) }, "magnet-ends-at-its-name"),
	names("hex-in-upper-case", "BEP09-MAGNET-001", conformance.Must,
		func(h []byte) string { return strings.ToUpper(hex.EncodeToString(h)) },
		"magnet-ends-at-its-name", "magnet-hash-of-one-case"),
	names("base32-in-upper-case", "BEP09-MAGNET-002", conformance.Should,
		func(h []byte) string { return base32.StdEncoding.EncodeToString(h) },
		"magnet-ends-at-its-name", "magnet-hash-of-one-case", "magnet-hash-in-hex"),
	names("base32-in-lower-case", "BEP09-MAGNET-002", conformance.Should,
		func(h []byte) string { return strings.ToLower(base32.StdEncoding.EncodeToString(h)) },
		"magnet-ends-at-its-name", "magnet-hash-in-hex"),
	{
		ID: "bep9/magnet/second-tracker", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-MAGNET-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the judged request itself",
		Explain: "The link names two trackers by tr, of which the first is down. The target must announce " +
			"itself to the second.",
		Causes: []string{"one tr is kept of several"},
		Within: 2 * downloadWithin,
		Kills: []string{
			"announce-answer-without-peers-crashes", "first-tier-alone", "magnet-of-one-tracker",
		},
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			down := t.Listen(nil)
			down.Close()
			s.StartMagnet(fmt.Sprintf("magnet:?xt=urn:btih:%x&tr=%s&tr=%s", s.Hash(),
				url.QueryEscape("http://"+down.Addr().String()+"/announce"), url.QueryEscape(s.URL("/announce"))))
			if !t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin) {
				t.Failf("the second tracker of a magnet link hears nothing within %v", downloadWithin)
			}
		},
	},
	{
		ID: "bep9/magnet/peer-in-the-link", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP09-MAGNET-003"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the target announces itself to the tracker, which knows nobody",
		Explain: "The link names a peer by x.pe, as address and port. The target should connect to it.",
		Causes:  []string{"x.pe is not read"},
		Within:  2 * downloadWithin,
		Kills:   []string{"magnet-without-peers"},
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			met := 0
			l := t.Listen(func(*conformance.Stream) { met++ })
			s.StartMagnet(s.Magnet() + "&x.pe=" + l.Addr().String())
			t.Until(func() bool { return met > 0 }, reactWithin)
			if !t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin) {
				t.Inconclusivef("the target did not announce itself")
			}
			if met == 0 {
				t.Failf("the peer that the link names is not connected to")
			}
		},
	},
}

// learnWithin is how long a download from a magnet link may take: a client may
// rest for a minute or two when metadata was wrong.
const learnWithin = 4 * time.Minute

// StartMagnet starts the target with a magnet link; "" is that of the content.
func (s *Swarm) StartMagnet(link string) {
	if link == "" {
		link = s.Magnet()
	}
	s.StartWith(conformance.StartOptions{Magnet: link})
}

// size is the length of the metadata.
func (s *Swarm) size() int64 { return int64(len(s.Info.Raw())) }

// metadata is one block of it, as it should be sent.
func (s *Swarm) metadata(piece int) *wire.Metadata {
	raw := s.Info.Raw()
	begin := min(piece*wire.MetadataBlock, len(raw))
	return &wire.Metadata{
		Type: wire.MetadataData, Piece: int32(piece), TotalSize: int64(len(raw)),
		Data: raw[begin:min(begin+wire.MetadataBlock, len(raw))],
	}
}

// lesson answers a request for metadata as it should be.
func (s *Swarm) lesson(p *Peer, piece int) { p.tell(s.metadata(piece)) }

// tell sends a metadata message under the target's id.
func (p *Peer) tell(m *wire.Metadata) {
	if id, ok := p.Extensions.Lookup(wire.ExtMetadata); ok && id != 0 {
		p.Send(extended(id, m.Append(nil)))
	}
}

// Teacher is a seeder that says a metadata_size and answers requests for
// metadata; nil answers nothing.
func (s *Swarm) Teacher(size int64, answer func(p *Peer, piece int)) Behaviour {
	return func(p *Peer) {
		p.Send(s.All(p))
		s.teach(p, size, answer)
	}
}

// teach is the part of [Swarm.Teacher] behind the announcement of pieces.
func (s *Swarm) teach(p *Peer, size int64, answer func(p *Peer, piece int)) {
	p.On = func(m *Received) {
		if m.Type != wire.Extended || m.ExtID != ourMetadata {
			s.Serve(p, m)
			return
		}
		d, err := wire.ParseMetadata(m.Data)
		if err == nil && d.Type == wire.MetadataRequest && answer != nil {
			answer(p, int(d.Piece))
		}
	}
	p.Send(encoded(Dict{"m": Dict{"ut_metadata": ourMetadata}, "metadata_size": size})[0])
}

// afterwards has a liar teach, and two seconds later a seeder. A target that
// comes again is told the same again.
func (s *Swarm) afterwards(size int64, answer func(p *Peer, piece int)) {
	cast, acts := make([]*Peer, 2), make([]Behaviour, 2)
	for i := range cast {
		s.Add(Fast, func(p *Peer) {
			if cast[i] = p; acts[i] != nil {
				acts[i](p)
			}
		})
	}
	begin := func(i int, act Behaviour) {
		acts[i] = act
		act(cast[i])
	}
	s.later = func() {
		s.Gather(cast)
		begin(0, func(p *Peer) {
			p.Send(wire.HaveNone)
			s.teach(p, size, answer)
		})
		s.t.Wait(2 * time.Second)
		begin(1, s.Teacher(s.size(), s.lesson))
	}
}

// learns has a target with a magnet link download everything.
func learns(
	slug string, level conformance.Level, clauses []string, what string, peers func(*Swarm), kills ...string,
) Case {
	return Case{
		ID: "bep9/magnet/" + slug, Rev: 2, Since: "0.2.0", Level: level,
		Requirements: clauses, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the download completes",
		Explain: "The target has a magnet link. " + what + " It must get the metadata and download everything.",
		Causes:  []string{"one peer's word decides the size", "a failed attempt is never repeated"},
		Within:  learnWithin + 2*downloadWithin,
		Kills: append([]string{
			"asks-while-choked", "early-announcements-lost", "extension-ids-as-strings", "last-request-too-long",
			"metadata-is-not-asked-for", "metadata-under-the-own-id", "no-extension-handshake",
		}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			peers(s)
			s.StartMagnet("")
			if s.later != nil {
				s.later()
			}
			if !s.Downloaded(learnWithin) {
				t.Failf("the download is not complete after %v: %s", learnWithin, s.standing())
			}
		},
	}
}

// remembers is a seeder that announces its pieces before the target can know
// how many there are; the metadata comes from a peer without any.
func remembers(slug string, announcement func(*Swarm) any, kills ...string) Case {
	return Case{
		ID: "bep9/magnet/remembers-" + slug, Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP03-PEER-021", "BEP03-PEER-027"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the target fetches the metadata from the other peer",
		Explain: "A seeder without metadata announces its pieces by " + slug + " while the target has a magnet " +
			"link alone. A second later another peer, which has no pieces, gives the metadata. What was " +
			"announced counts then: the target must be interested in the seeder and download from it. A target " +
			"that ends its connections once it has the metadata, to begin anew, forgets nothing; that is recorded.",
		Causes: []string{"what comes before the metadata is thrown away"},
		Within: 3 * downloadWithin,
		Kills: append([]string{
			"asks-for-what-it-has", "early-announcements-lost", "extension-ids-as-strings", "last-request-too-long",
			"no-extension-handshake",
		}, kills...),
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			cast := s.Cast(2, Fast...)
			s.StartMagnet("")
			s.Gather(cast)
			seed, teacher := cast[0], cast[1]
			seed.mustFast()
			seed.On = func(m *Received) { s.Serve(seed, m) }
			if first := announcement(s); first != nil {
				seed.Send(first)
			} else {
				seed.Send(wire.HaveNone)
				for i := range s.Pieces() {
					seed.Send(have(i))
				}
			}
			teacher.Send(wire.HaveNone)
			t.Wait(time.Second)
			s.teach(teacher, s.size(), s.lesson)
			if !t.Until(func() bool { return seed.Interested || seed.Gone() }, 2*reactWithin) || !seed.Interested {
				if seed.Gone() && t.Until(func() bool { return teacher.Gone() && cast[0] != seed }, 2*reactWithin) {
					t.Infof("the target ends its connections when it has the metadata, and comes again")
				}
				if teacher.Count(func(m *Received) bool { return m.ExtID == ourMetadata }) == 0 {
					t.Inconclusivef("the target asked for no metadata: %s", teacher.Last())
				}
				t.Failf("the target is not interested in a seeder that announced its pieces early: %s", seed.Last())
			}
			s.MustComplete()
		},
	}
}

// names writes the info-hash of a link in another way.
func names(slug, clause string, level conformance.Level, write func(hash []byte) string, kills ...string) Case {
	return Case{
		ID: "bep9/link/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedMagnet},
		Control: "the judged announce itself",
		Explain: "The info-hash of the magnet link is written as " + strings.ReplaceAll(slug, "-", " ") + ". The " +
			"target must announce itself with the 20 bytes that it stands for.",
		Causes: []string{"the text is compared or decoded in one case only"},
		Within: 2 * downloadWithin,
		Kills:  kills,
		Run: func(t *T) {
			s := NewSwarm(t, Wide)
			hash := s.Hash()
			s.StartMagnet("magnet:?xt=urn:btih:" + write(hash[:]) + "&dn=p2pspec&tr=" + url.QueryEscape(s.URL("/announce")))
			if !t.Until(func() bool { return len(s.Announces) > 0 }, downloadWithin) {
				t.Failf("with this magnet link the target does not announce itself within %v", downloadWithin)
			}
			if got, _ := s.Announces[0].Get("info_hash"); got != string(hash[:]) {
				t.Mismatch("info_hash", fmt.Sprintf("%x", got), fmt.Sprintf("%x", hash))
			}
		},
	}
}
