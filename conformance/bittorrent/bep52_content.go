package bittorrent

import (
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// The files of the torrents of version 2: one whose tree is filled up and whose
// last block is short, one of a byte, one of exactly four pieces, and one that
// is shorter than a piece and so has no layer.
const (
	longFile = iota
	tinyFile
	evenFile
	shortFile
)

func v2Files() []metainfo.File {
	return []metainfo.File{
		longFile:  {Path: []string{"a long.bin"}, Length: 300_000},
		tinyFile:  {Path: []string{"b tiny.bin"}, Length: 1},
		evenFile:  {Path: []string{"c even.bin"}, Length: 8 * BlockSize},
		shortFile: {Path: []string{"d short.bin"}, Length: 20_000},
	}
}

// MakeV2 makes a torrent of version 2 or a hybrid, with two blocks a piece.
func MakeV2(version metainfo.Version, announce string) *Content {
	files := v2Files()
	contents := make([][]byte, len(files))
	r := spec.NewRand([32]byte{52})
	for i, f := range files {
		contents[i] = make([]byte, f.Length)
		r.Fill(contents[i])
	}
	name := "p2pspec v2"
	if version == metainfo.Hybrid {
		name = "p2pspec hybrid"
	}
	plan := metainfo.Plan{
		Version: version, Name: name, Folder: true, Files: files, PieceLength: 2 * BlockSize, Announce: announce,
	}
	torrent, err := plan.Make(func(file int, offset int64, b []byte) error {
		copy(b, contents[file][offset:])
		return nil
	})
	if err != nil {
		panic("conformance: a torrent of the harness is not one: " + err.Error())
	}
	return withData(torrent, contents)
}

// withData lays the files of a torrent out in its address space.
func withData(torrent []byte, contents [][]byte) *Content {
	c, err := OfTorrent(torrent)
	if err != nil {
		panic("conformance: a torrent of the harness is not one: " + err.Error())
	}
	c.Data = make([]byte, c.Info.TotalLength())
	i := 0
	for _, f := range c.Info.Files {
		if !f.Pad {
			copy(c.Data[f.Offset:], contents[i])
			i++
		}
	}
	return c
}

// contradictory is a hybrid whose version 1 has a wrong hash for one piece.
func contradictory(c *Content, piece int) *Content {
	v, err := bencode.Parse(c.Torrent, bencode.Options{})
	if err != nil {
		panic(err)
	}
	top := v.Any().(map[string]any)
	info := top["info"].(map[string]any)
	pieces := []byte(info["pieces"].(string))
	pieces[20*piece] ^= 0xFF
	info["pieces"] = pieces
	var contents [][]byte
	for _, f := range c.Info.Files {
		if !f.Pad {
			contents = append(contents, c.Data[f.Offset:f.Offset+f.Length])
		}
	}
	return withData(bencode.MustAppend(nil, top), contents)
}

// HashV2 is the name of the torrent among peers of version 2.
func (c *Content) HashV2() [20]byte { return [20]byte(c.Info.InfoHashV2[:]) }

// file is a file of a torrent of [MakeV2], whatever padding is between.
func (c *Content) file(n int) (index int, f metainfo.File) {
	path := v2Files()[n].Path[0]
	index = slices.IndexFunc(c.Info.Files, func(f metainfo.File) bool { return f.Path[0] == path })
	return index, c.Info.Files[index]
}

// startV2 starts the target as a seeder of version 2 or a hybrid, and meets it
// under the torrent's name of version 2.
func startV2(t *T, version metainfo.Version, features ...wire.Feature) (*Peer, *Content) {
	c := MakeV2(version, "")
	t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
	return meetV2(t, c, features...), c
}

func meetV2(t *T, c *Content, features ...wire.Feature) *Peer {
	p := newPeer(t, c, t.Dial())
	p.greetAs(c.HashV2(), features...)
	t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
	if p.Theirs == nil {
		t.Failf("a handshake with the truncated SHA-256 of the torrent is not answered: %s", p.Last())
	}
	if p.Theirs.InfoHash != c.HashV2() {
		t.Mismatch("the info-hash of the answer", p.Theirs.InfoHash, "that of the handshake")
	}
	t.Earn()
	return p
}

// greetAs is [Peer.Greet] with a name of the torrent.
func (p *Peer) greetAs(name [20]byte, features ...wire.Feature) {
	h := &wire.Handshake{InfoHash: name, PeerID: p.ID}
	for _, f := range features {
		h.Offer(f)
	}
	p.GreetWith(h)
}

// hashRequest asks for a part of a piece layer or of the leaves.
func hashRequest(f metainfo.File, base, index, count, proof int) *wire.Hashes {
	return &wire.Hashes{
		Type: wire.HashRequest, PiecesRoot: f.PiecesRoot, BaseLayer: uint32(base),
		Index: uint32(index), Count: uint32(count), ProofLayers: uint32(proof),
	}
}

// AskHashes sends a hash request, whatever it is, and waits for its answer:
// hashes or a reject, or nil.
func (p *Peer) AskHashes(r *wire.Hashes) *wire.Hashes {
	p.Write(encode(r), "")
	m := p.Await(AnswerWithin, func(m *Received) bool {
		h := m.Hashes
		return h != nil && h.Type != wire.HashRequest && h.PiecesRoot == r.PiecesRoot && h.BaseLayer == r.BaseLayer &&
			h.Index == r.Index && h.Count == r.Count && h.ProofLayers == r.ProofLayers
	})
	if m == nil {
		return nil
	}
	return m.Hashes
}

// proved reports whether hashes lead to the root of their file.
func proved(f metainfo.File, h *wire.Hashes) bool {
	var hashes [][32]byte
	for b := h.Hashes; len(b) >= 32; b = b[32:] {
		hashes = append(hashes, [32]byte(b))
	}
	r := metainfo.HashRange{
		BaseLayer: int(h.BaseLayer), Index: int(h.Index), Length: int(h.Count), ProofLayers: int(h.ProofLayers),
	}
	return r.Verify(f.PiecesRoot, metainfo.TreeHeight(f.Length), hashes)
}
