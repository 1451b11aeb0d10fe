package bittorrent

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// v2Swarm has seeds of a torrent of version 2 alone, two files of which have
// piece layers, and a peer with a magnet link.
func v2Swarm(t *testing.T, seeds int) (*swarm, *member) {
	plan := metainfo.Plan{
		Version: metainfo.V2, Name: "v2", Folder: true, PieceLength: 1 << 14,
		Files: []metainfo.File{
			{Path: []string{"a"}, Length: 1030<<14 + 1}, {Path: []string{"b"}, Length: 100},
			{Path: []string{"c"}, Length: 5<<14 - 9},
		},
	}
	file, err := plan.Make(func(int, int64, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	torrent, err := metainfo.Parse(file, metainfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSwarm(t, 3, 1, 1)
	s.layout = LayoutOf(torrent.Info)
	s.data = nil
	for i := range s.layout.Pieces {
		s.data = append(s.data, make([]byte, s.layout.Size(i)))
	}
	for range seeds {
		s.join(Config{Info: torrent.Info, BlockSize: 1 << 14}, nil)
	}
	return s, s.join(Config{InfoHashV2: torrent.Info.InfoHashV2, BlockSize: 1 << 14}, nil)
}

// TestLayersFromPeers fetches what a magnet link of version 2 does not lead
// to, from honest peers and from others. BEP52-PEER-002, BEP52-PEER-003,
// BEP52-PEER-005, BEP52-PEER-006, BEP52-PEER-007
func TestLayersFromPeers(t *testing.T) {
	for name, lie := range map[string]func(h wire.Hashes) *wire.Hashes{
		"honest": func(h wire.Hashes) *wire.Hashes { return &h },
		"rejects": func(h wire.Hashes) *wire.Hashes {
			h.Type, h.Hashes = wire.HashReject, nil
			return &h
		},
		"silent": func(wire.Hashes) *wire.Hashes { return nil },
		"rubbish": func(h wire.Hashes) *wire.Hashes {
			h.Hashes = bytes.Clone(h.Hashes)
			h.Hashes[0] ^= 1
			return &h
		},
		"unasked": func(h wire.Hashes) *wire.Hashes {
			h.Index += h.Count
			return &h
		},
	} {
		s, magnet := v2Swarm(t, 2)
		s.tamper = func(from, _ *member, msg spec.Message) spec.Message {
			h, ok := msg.(*wire.Hashes)
			if !ok || h.Type != wire.HashesMessage || from != s.peers[0] {
				return msg
			}
			if l := lie(*h); l != nil {
				return l
			}
			return nil
		}
		s.connect(magnet, s.peers[:2]...)
		if !s.run(5*time.Minute, s.allComplete) {
			t.Errorf("%s: %d pieces; refused %v", name, magnet.Held(), magnet.drops)
			continue
		}
		i := slices.IndexFunc(magnet.notes, func(e spec.Event) bool { _, ok := e.(LayersReceived); return ok })
		if i < 0 || magnet.notes[i].(LayersReceived).Info.LacksLayers() {
			t.Errorf("%s: the driver has no hashes", name)
		}
		if banned := len(magnet.known.banned) > 0; banned != (name == "rubbish") {
			t.Errorf("%s: banned %v", name, magnet.known.banned)
		}
	}
}

// TestHashRequests are answered while the peer is choked, with hashes or with a
// reject. BEP52-PEER-002, BEP52-PEER-003, BEP52-PEER-009
func TestHashRequests(t *testing.T) {
	s, _ := v2Swarm(t, 1)
	seed := s.peers[0].Node
	root, single := seed.info.Files[0].PiecesRoot, seed.info.Files[1].PiecesRoot
	k := &talk{T: t, n: seed, conn: -1}
	k.in(spec.Opened{Conn: -1, Remote: memberAddr(9)})
	k.say(&wire.Handshake{InfoHash: seed.InfoHash()})
	for _, c := range []struct {
		ask  wire.Hashes
		want wire.Type
	}{
		{wire.Hashes{PiecesRoot: root, Count: 512, ProofLayers: 10}, wire.HashesMessage},
		{wire.Hashes{PiecesRoot: root, Index: 1024, Count: 2, ProofLayers: 3}, wire.HashesMessage},
		{wire.Hashes{PiecesRoot: root, Index: 1, Count: 2}, wire.HashReject},
		{wire.Hashes{PiecesRoot: root, Count: 3}, wire.HashReject},
		{wire.Hashes{PiecesRoot: root, Count: 1024}, wire.HashReject},
		{wire.Hashes{PiecesRoot: root, Index: 4096, Count: 2}, wire.HashReject},
		{wire.Hashes{PiecesRoot: root, BaseLayer: 1, Count: 2}, wire.HashReject},
		{wire.Hashes{PiecesRoot: single, Count: 2}, wire.HashReject},
		{wire.Hashes{PiecesRoot: [32]byte{1}, Count: 2}, wire.HashReject},
	} {
		c.ask.Type = wire.HashRequest
		effects := seed.Step(0, spec.Got{Conn: -1, Msg: &c.ask}, nil)
		answer := effects[0].(spec.Write).Msg.(*wire.Hashes)
		if answer.Type != c.want || !sameRange(answer, &c.ask) || len(effects) != 1 {
			t.Errorf("%+v: %v", c.ask, answer.Type)
		}
	}
}
