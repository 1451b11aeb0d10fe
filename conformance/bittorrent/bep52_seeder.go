package bittorrent

import (
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// pieceLayer is the layer of the pieces of [MakeV2]'s torrents.
const pieceLayer = 1

// bep52Seeder judges a seeder of torrents of version 2 and of hybrids: BEP 52.
var bep52Seeder = []Case{
	{
		ID: "bep52/names/truncated-sha256", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-META-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the target serves a piece afterwards",
		Explain: "The target seeds a torrent of version 2 alone. A handshake with the first 20 bytes of the " +
			"SHA-256 of its info dictionary must be answered with the same, and a piece be served.",
		Causes: []string{"the SHA-1 of the dictionary is taken for the name"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"v2-name-is-its-end"},
		Run: func(t *T) {
			p, _ := startV2(t, metainfo.V2)
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "bep52/names/hybrid-has-two", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-META-008"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the handshake with the name of version 1",
		Explain: "The target seeds a hybrid. A handshake with the SHA-1 and one with the truncated SHA-256 must " +
			"both be answered, each with the name that was asked for.",
		Causes: []string{"the hybrid is shared in one of its two swarms alone"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"hybrid-in-one-swarm"},
		Run: func(t *T) {
			c := MakeV2(metainfo.Hybrid, "")
			t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
			Meet(t)
			p := meetV2(t, c)
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "bep52/names/upgrade", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the judged handshake itself",
		Explain: "The target seeds a hybrid. A handshake with the SHA-1 offers to go on as version 2. The answer " +
			"may have either name of the torrent, and must have one of them; a piece must be served.",
		Causes: []string{"the reserved bit is not known, and the handshake refused"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"upgrade-refused"},
		Run: func(t *T) {
			c := MakeV2(metainfo.Hybrid, "")
			t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
			p := newPeer(t, c, t.Dial())
			p.Greet(wire.FeatureV2)
			t.Until(func() bool { return p.Theirs != nil || p.Gone() }, 2*AnswerWithin)
			switch {
			case p.Theirs == nil:
				t.Failf("a handshake that offers version 2 is not answered: %s", p.Last())
			case p.Theirs.InfoHash != c.Hash() && p.Theirs.InfoHash != c.HashV2():
				t.Mismatch("the info-hash of the answer", fmt.Sprintf("%x", p.Theirs.InfoHash), "a name of the torrent")
			}
			t.Observef("answered as version 2: %v; offers it: %v",
				p.Theirs.InfoHash == c.HashV2(), p.Theirs.Offers(wire.FeatureV2))
			p.Unchoke()
			p.Serves(0)
		},
	},
	{
		ID: "bep52/blocks/end-with-their-file", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-011"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the judged answers themselves",
		Explain: "Of each file of a torrent of version 2 the last piece is asked for, in blocks of which the " +
			"last ends with its file. Each must come, and have the hash that the file's tree has for it.",
		Causes: []string{"pieces are cut as if the files lay one behind the other"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"v2-name-is-its-end", "v2-short-blocks-refused"},
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			p.Unchoke()
			for n := range v2Files() {
				_, f := c.file(n)
				piece := int((f.Offset + f.Length - 1) / c.Info.PieceLength)
				var data []byte
				for begin := 0; begin < c.Size(piece); begin += BlockSize {
					size := min(BlockSize, c.Size(piece)-begin)
					m := p.Ask(piece, begin, size)
					if m == nil || m.Type != wire.Piece {
						t.Failf("%d bytes at %d of piece %d, the end of %s, did not come: %s",
							size, begin, piece, f.Path[0], p.Last())
					}
					data = append(data, m.Data...)
				}
				if !c.Info.VerifyPiece(piece, data) {
					t.Failf("piece %d, the end of %s, does not have its hash", piece, f.Path[0])
				}
			}
		},
	},
	{
		ID: "bep52/blocks/nothing-behind-the-file", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP52-PEER-011"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "a piece that is asked for before, and another peer that is served afterwards",
		Explain: "100 bytes of the file of one byte are asked for. Behind it no bytes exist up to the next piece: " +
			"no block should come of 100 bytes. libtorrent serves zeros.",
		Causes: []string{"the gap between files is served as zeros"},
		Within: 3 * UnchokeWithin,
		Kills:  []string{"bounds-not-checked", "v2-gap-served", "v2-name-is-its-end"},
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			p.Unchoke()
			t.RTT(p.Serves(0))
			_, f := c.file(tinyFile)
			piece := int(f.Offset / c.Info.PieceLength)
			p.Send(block(wire.Request, piece, 0, 100))
			served := func() bool {
				return p.Count(func(m *Received) bool { return m.Type == wire.Piece && int(m.Index) == piece }) > 0
			}
			t.Until(func() bool { return served() || p.Gone() }, t.SilenceWait())
			if served() {
				t.Failf("a request that ends behind its file was answered by a block")
			}
			q := meetV2(t, c)
			q.Unchoke()
			q.Serves(0)
		},
	},
	servesHashes("whole-layer", "a whole piece layer, of which 10 of 16 hashes are of pieces and 6 of padding",
		longFile, metainfo.HashRange{BaseLayer: pieceLayer, Length: 16}, "BEP52-PEER-007",
		"hash-padding-of-zeros", "hash-requests-all-rejected", "hash-requests-unanswered",
		"v2-name-is-its-end"),
	servesHashes("part-with-proof", "four hashes in the middle of a piece layer, and their uncles",
		longFile, metainfo.HashRange{BaseLayer: pieceLayer, Index: 4, Length: 4, ProofLayers: 3}, "BEP52-PEER-005",
		"hash-requests-all-rejected", "hash-requests-unanswered", "hash-uncles-left-out",
		"v2-name-is-its-end"),
	servesHashes("two-with-proof", "two hashes, the fewest that may be asked for, and their uncles",
		longFile, metainfo.HashRange{BaseLayer: pieceLayer, Index: 2, Length: 2, ProofLayers: 3}, "BEP52-PEER-005",
		"hash-requests-all-rejected", "hash-requests-unanswered", "hash-uncles-left-out",
		"v2-name-is-its-end"),
	servesHashes("beyond-the-end", "eight hashes, of which two are of pieces and six of padding, and their uncle",
		longFile, metainfo.HashRange{BaseLayer: pieceLayer, Index: 8, Length: 8, ProofLayers: 3}, "BEP52-PEER-005",
		"hash-padding-of-zeros", "hash-requests-all-rejected", "hash-requests-unanswered",
		"hash-uncles-left-out", "v2-name-is-its-end"),
	servesHashes("full-tree", "the whole piece layer of a file of exactly four pieces",
		evenFile, metainfo.HashRange{BaseLayer: pieceLayer, Length: 4, ProofLayers: 1}, "BEP52-PEER-007",
		"hash-requests-all-rejected", "hash-requests-unanswered", "v2-name-is-its-end"),
	{
		ID: "bep52/hashes/while-choked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP52-PEER-009", "BEP52-PEER-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the judged answer itself",
		Explain: "A hash request comes from a peer that was not unchoked. It is allowed, and should be answered " +
			"by hashes or a reject.",
		Causes: []string{"hash requests are dropped as requests for blocks are"},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"hash-requests-need-interest", "hash-requests-unanswered", "v2-name-is-its-end",
		},
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			_, f := c.file(longFile)
			if p.AskHashes(hashRequest(f, pieceLayer, 0, 16, 0)) == nil {
				t.Failf("a hash request of a choked peer is not answered: %s", p.Last())
			}
		},
	},
	{
		ID: "bep52/hashes/leaves", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-002", "BEP52-PEER-007"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the judged answer itself",
		Explain: "The hashes of all blocks of a file are asked for. They may be rejected; hashes that come must " +
			"lead to the file's root.",
		Causes: []string{"what cannot be answered is ignored"},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"hash-rejects-unsent", "hash-requests-unanswered", "hash-requests-unchecked",
			"v2-name-is-its-end",
		},
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			p.Unchoke()
			_, f := c.file(evenFile)
			switch h := p.AskHashes(hashRequest(f, 0, 0, 8, 0)); {
			case h == nil:
				t.Failf("a request for the hashes of blocks is not answered: %s", p.Last())
			case h.Type == wire.HashReject:
				t.Observef("rejected")
			case !proved(f, h):
				t.Failf("the hashes of blocks do not lead to the root of their file")
			}
		},
	},
	rejectsHashes("one-hash", "for one hash",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, pieceLayer, 0, 1, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("three-hashes", "for three hashes, which is no power of two",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, pieceLayer, 0, 3, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("index-between", "for four hashes from index 2, which is no multiple of four",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, pieceLayer, 2, 4, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("index-behind-the-tree", "for four hashes behind the end of the tree",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, pieceLayer, 16, 4, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("layer-above-the-root", "in a layer above the root",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, 9, 0, 2, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("more-than-the-tree", "for 64 hashes of a layer that has 16",
		func(f metainfo.File) *wire.Hashes { return hashRequest(f, pieceLayer, 0, 64, 0) },
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	rejectsHashes("unknown-root", "for a file that the torrent does not have",
		func(f metainfo.File) *wire.Hashes {
			f.PiecesRoot[0] ^= 0xFF
			return hashRequest(f, pieceLayer, 0, 4, 0)
		},
		"hash-rejects-unsent", "hash-requests-unchecked", "v2-name-is-its-end"),
	{
		ID: "bep52/hashes/unasked", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-006"}, Role: conformance.Seeder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "hashes that are asked for before and after, by another peer",
		Explain: "A peer sends hashes that nobody has asked for, and that lead nowhere. They must not be taken: " +
			"what the target answers to others must still lead to the root, and it must go on.",
		Causes: []string{"hashes are stored as they come"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"hashes-unasked-taken", "v2-name-is-its-end"},
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			_, f := c.file(evenFile)
			ask := func(p *Peer) {
				if h := p.AskHashes(hashRequest(f, pieceLayer, 0, 4, 0)); h == nil || !proved(f, h) {
					t.Inconclusivef("no hashes come that lead to the root: %s", p.Last())
				}
			}
			ask(p)
			bad := hashRequest(f, pieceLayer, 0, 4, 0)
			bad.Type, bad.Hashes = wire.HashesMessage, make([]byte, 4*32)
			p.Send(bad)
			t.Until(p.Gone, t.SilenceWait())
			t.Observef("the connection is closed: %v", p.Gone())
			q := meetV2(t, c)
			if h := q.AskHashes(hashRequest(f, pieceLayer, 0, 4, 0)); h == nil || !proved(f, h) {
				t.Failf("after hashes that nobody asked for the target serves none that lead to the root: %s", q.Last())
			}
		},
	},
}

// servesHashes is a request whose hashes must come and be proved.
func servesHashes(slug, what string, file int, r metainfo.HashRange, clause string, kills ...string) Case {
	return Case{
		ID: "bep52/hashes/" + slug, Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP52-PEER-002", "BEP52-PEER-004", clause}, Role: conformance.Seeder,
		Kind: conformance.Reply, Needs: []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "the judged answer itself",
		Explain: fmt.Sprintf("A hash request asks for %s. The hashes must come, in the number that follows from "+
			"the request, and lead to the root that the torrent has for the file.", what),
		Causes: []string{
			"uncles that follow from the base hashes are sent as well", "padding is the hash of zeros, not zeros hashed up",
		},
		Kills:  kills,
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			p.Unchoke()
			_, f := c.file(file)
			switch h := p.AskHashes(hashRequest(f, r.BaseLayer, r.Index, r.Length, r.ProofLayers)); {
			case h == nil:
				t.Failf("a hash request is not answered: %s", p.Last())
			case h.Type == wire.HashReject:
				t.Failf("hashes of a piece layer of what the target has are rejected")
			case len(h.Hashes) < 32*(r.Length+r.Uncles()):
				t.Mismatch("the number of hashes", len(h.Hashes)/32, fmt.Sprint(r.Length+r.Uncles()))
			case r.ProofLayers > 0 && !proved(f, h):
				t.Failf("the hashes do not lead to the root of their file")
			case r.ProofLayers == 0 && !proved(f, h):
				t.Failf("the hashes of the whole layer are not those of the file's root")
			}
		},
	}
}

// rejectsHashes is a request that nobody can answer with hashes.
func rejectsHashes(slug, what string, request func(metainfo.File) *wire.Hashes, kills ...string) Case {
	return Case{
		ID: "bep52/hash-request/" + slug, Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP52-PEER-003", "BEP52-PEER-002"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedV2},
		Control: "hashes that are asked for as they should be, before on the same connection and after on another",
		Explain: fmt.Sprintf("A hash request %s. It should be answered by a hash reject; no hashes may come, and "+
			"the target must go on to serve others.", what),
		Causes: []string{"numbers of a request are used without a look", "only good requests are answered"},
		Kills:  kills,
		Within: 2 * UnchokeWithin,
		Run: func(t *T) {
			p, c := startV2(t, metainfo.V2)
			p.Unchoke()
			_, f := c.file(longFile)
			good := func(p *Peer) {
				if h := p.AskHashes(hashRequest(f, pieceLayer, 0, 16, 0)); h == nil || !proved(f, h) {
					t.Inconclusivef("no hashes come that lead to the root: %s", p.Last())
				}
			}
			good(p)
			h := p.AskHashes(request(f))
			q := meetV2(t, c)
			q.Unchoke()
			good(q)
			switch {
			case h == nil:
				t.Failf("a hash request %s is not answered: %s", what, p.Last())
			case h.Type != wire.HashReject:
				t.Failf("a hash request %s is answered by hashes", what)
			}
		},
	}
}
