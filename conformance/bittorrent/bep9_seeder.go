package bittorrent

import (
	"crypto/sha1"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// The ids under which the harness wants to receive extended messages: none that
// a client is likely to use itself.
const (
	ourMetadata  = 200
	ourPex       = 201
	ourDontHave  = 202
	ourHolepunch = 203
)

// Wide is a torrent whose info dictionary has more than two blocks of metadata.
var Wide = Design{
	Name: "p2pspec wide", PieceLength: BlockSize, Lengths: []int{100_000},
	Info: map[string]any{"p2pspec filler": string(slices.Repeat([]byte("metadata "), 4500))},
}

// bep9Seeder judges how a seeder gives metadata: BEP 9.
var bep9Seeder = []Case{
	{
		ID: "bep9/metadata/advertised-with-its-size", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-001"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged message itself",
		Explain: "The extension handshake of who has the metadata names ut_metadata in m and the length of " +
			"the info dictionary in metadata_size, at the top level.",
		Causes: []string{"metadata_size is put into m", "the size of the whole torrent file is told"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"metadata-size-of-the-file"},
		Run: func(t *T) {
			p := Inquire(t)
			if got, want := p.Extensions.MetadataSize, int64(len(p.content.Info.Raw())); got != want {
				t.Mismatch("metadata_size", got, fmt.Sprint(want))
			}
		},
	},
	{
		ID: "bep9/metadata/whole-info-dictionary", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-002", "BEP09-META-003", "BEP09-META-004"},
		Role:         conformance.Seeder, Kind: conformance.Reply,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the judged answers themselves",
		Explain: "Every block of an info dictionary of 40 KB is asked for. Each answer must be a data " +
			"message with the number that was asked for, the size of the whole in total_size, and behind " +
			"its dictionary 16 KiB, or what remains; together they must have the info-hash.",
		Causes: []string{
			"all is sent in one message", "total_size is that of the block", "the dictionary is encoded anew",
		},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"metadata-blocks-of-8-kib", "metadata-encoded-anew", "metadata-piece-zero", "metadata-refused",
			"metadata-total-of-the-block", "metadata-under-the-own-id",
		},
		Run: func(t *T) {
			c := Wide.Make("")
			t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
			p := Inquire(t)
			size := len(c.Info.Raw())
			var all []byte
			for i := range (size + wire.MetadataBlock - 1) / wire.MetadataBlock {
				m := p.AskMetadata(i)
				switch want := min(wire.MetadataBlock, size-i*wire.MetadataBlock); {
				case m == nil || m.Type != wire.MetadataData:
					t.Failf("block %d of the metadata did not come: %s", i, p.Last())
				case int(m.Piece) != i:
					t.Mismatch("piece", m.Piece, fmt.Sprint(i))
				case m.TotalSize != int64(size):
					t.Mismatch("total_size", m.TotalSize, fmt.Sprint(size))
				case len(m.Data) != want:
					t.Mismatch(fmt.Sprintf("the length of block %d", i), len(m.Data), fmt.Sprint(want))
				}
				all = append(all, m.Data...)
			}
			if sha1.Sum(all) != c.Info.InfoHash {
				t.Failf("the metadata does not have the info-hash")
			}
		},
	},
	{
		ID: "bep9/metadata/small-info-dictionary", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-002", "BEP09-META-003", "BEP09-META-004"},
		Role:         conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "The first block of the metadata is asked for. It must be a data message for piece 0 with " +
			"the whole size in total_size; of an info dictionary below 16 KiB it is all of it, byte for byte.",
		Causes: []string{"the block is padded to 16 KiB", "the dictionary is encoded anew"},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"metadata-encoded-anew", "metadata-refused", "metadata-total-of-the-block",
			"metadata-under-the-own-id",
		},
		Run: func(t *T) {
			p := Inquire(t)
			raw := p.content.Info.Raw()
			m := p.AskMetadata(0)
			switch {
			case m == nil || m.Type != wire.MetadataData:
				t.Failf("block 0 of the metadata did not come: %s", p.Last())
			case m.Piece != 0:
				t.Mismatch("piece", m.Piece, "0")
			case m.TotalSize != int64(len(raw)):
				t.Mismatch("total_size", m.TotalSize, fmt.Sprint(len(raw)))
			case string(m.Data) != string(raw[:min(len(raw), wire.MetadataBlock)]):
				t.Failf("block 0 of the metadata has %d bytes, and they are not those of the info dictionary", len(m.Data))
			}
		},
	},
	{
		ID: "bep9/metadata/uses-our-id", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-013", "BEP10-EXT-006"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "the judged answer itself",
		Explain: "We want to receive metadata messages under the id 200. The answer to a request must use " +
			"it: ids are those of who receives.",
		Causes: []string{"the own id is used in both directions"},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"extension-handshake-late", "metadata-under-the-own-id", "pex-without-agreement",
		},
		Run: func(t *T) {
			p := Inquire(t)
			id, _ := p.Extensions.Lookup(wire.ExtMetadata)
			p.Send(extended(id, (&wire.Metadata{Type: wire.MetadataRequest}).Append(nil)))
			m := p.Await(GatheredWithin, func(m *Received) bool {
				return m.Type == wire.Extended && m.ExtID != 0 && m.ExtID != ourPex
			})
			if m == nil {
				t.Inconclusivef("no answer to a request for metadata: %s", p.Last())
			}
			if m.ExtID != ourMetadata {
				t.Mismatch("the id of the answer", m.ExtID, fmt.Sprint(ourMetadata))
			}
		},
	},
	{
		ID: "bep9/metadata/out-of-range-is-rejected", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP09-META-006"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "block 0 comes on the same connection afterwards",
		Explain: "Block 1000 of the metadata is asked for, which does not exist. It should be rejected, " +
			"and block 0 must come afterwards.",
		Causes: []string{"the request is dropped", "the connection is closed"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"metadata-not-rejected", "metadata-refused", "metadata-under-the-own-id"},
		Run: func(t *T) {
			p := Inquire(t)
			m := p.AskMetadata(1000)
			if after := p.AskMetadata(0); after == nil || after.Type != wire.MetadataData {
				p.Alive()
				t.Failf("after a request for block 1000 of the metadata block 0 does not come: %s", p.Last())
			}
			if m == nil || m.Type != wire.MetadataReject {
				t.Failf("a request for block 1000 of the metadata was not rejected")
			}
		},
	},
	{
		ID: "bep9/metadata/unknown-type-is-ignored", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-007"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "block 0 comes on the same connection afterwards",
		Explain: "Metadata messages with the msg_type 7 and -1. They must be ignored; block 0 must come " +
			"afterwards.",
		Causes: []string{"an unknown type closes the connection"},
		Within: 2 * UnchokeWithin,
		Kills: []string{
			"metadata-refused", "metadata-under-the-own-id", "metadata-unknown-type-ends-it",
		},
		Run: func(t *T) {
			p := Inquire(t)
			id, _ := p.Extensions.Lookup(wire.ExtMetadata)
			for _, kind := range []int{7, -1} {
				p.Send(extended(id, bencode.MustAppend(nil, Dict{"msg_type": kind, "piece": 0})))
			}
			if m := p.AskMetadata(0); m == nil || m.Type != wire.MetadataData {
				p.Alive()
				t.Failf("after unknown metadata messages block 0 does not come: %s", p.Last())
			}
		},
	},
	{
		ID: "bep9/metadata/garbage", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"BEP09-META-007"}, Role: conformance.Seeder, Kind: conformance.Silence,
		Control: "another peer that is alive before and after",
		Explain: "Metadata messages that are not bencoded, are cut short, ask for a negative block or for " +
			"one of 2^62. The target may close the connection, and must live on.",
		Causes: []string{"the block number is multiplied by 16 KiB without a look"},
		Within: 2 * UnchokeWithin,
		Kills:  []string{"metadata-block-unchecked"},
		Run: func(t *T) {
			Dial(t).Alive()
			for _, payload := range []string{
				"", "x", "d8:msg_typei0e", "d8:msg_typei0e5:piecei-1ee", "d8:msg_typei0e5:piecei4611686018427387904ee",
				"d8:msg_typei0e5:piece1:0e", "d8:msg_type1:0e", "le",
			} {
				p := Inquire(t)
				id, _ := p.Extensions.Lookup(wire.ExtMetadata)
				p.Send(extended(id, []byte(payload)))
				t.Until(p.Gone, chokedFor)
				p.Close()
			}
			Dial(t).Alive()
		},
	},
	{
		ID: "bep9/metadata/many-requests", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP09-META-012"}, Role: conformance.Seeder, Kind: conformance.Reply,
		Control: "another peer that is alive afterwards",
		Explain: "Block 0 is asked for two hundred times. The target may serve all, or protect itself by " +
			"rejects or by closing the connection; what it does is recorded.",
		Within: 2 * UnchokeWithin,
		Kills:  []string{"metadata-refused", "metadata-served-once", "metadata-under-the-own-id"},
		Run: func(t *T) {
			p := Inquire(t)
			id, _ := p.Extensions.Lookup(wire.ExtMetadata)
			const many = 200
			for range many {
				p.Send(extended(id, (&wire.Metadata{Type: wire.MetadataRequest}).Append(nil)))
			}
			count := func(k wire.MetadataType) int {
				return p.Count(func(m *Received) bool {
					d := p.metadata(m)
					return d != nil && d.Type == k
				})
			}
			t.Until(func() bool {
				return count(wire.MetadataData)+count(wire.MetadataReject) == many || p.Gone()
			}, GatheredWithin)
			p.Alive()
			if n := count(wire.MetadataData); n < many {
				t.Infof("of %d requests for a block of metadata %d were served and %d rejected",
					many, n, count(wire.MetadataReject))
			}
		},
	},
}

// Inquire meets the target with the metadata extension, which it must have.
func Inquire(t *T, more ...wire.Feature) *Peer {
	p := Extend(t, more...)
	if id, ok := p.Extensions.Lookup(wire.ExtMetadata); !ok || id == 0 {
		t.Unsupportedf("the target does not offer ut_metadata")
	}
	p.Offer(0)
	return p
}

// Offer sends our extension handshake, with metadata of the given size or none.
func (p *Peer) Offer(metadataSize int64) {
	h := wire.ExtensionHandshake{
		M: []wire.Extension{
			{Name: wire.ExtMetadata, ID: ourMetadata}, {Name: wire.ExtPex, ID: ourPex},
			{Name: wire.ExtDontHave, ID: ourDontHave}, {Name: wire.ExtHolepunch, ID: ourHolepunch},
		},
		MetadataSize: metadataSize,
	}
	p.Send(extended(0, h.Append(nil)))
}

// AskMetadata asks for a block of the metadata and waits for the answer: data,
// a reject, or nil.
func (p *Peer) AskMetadata(piece int) *wire.Metadata {
	id, _ := p.Extensions.Lookup(wire.ExtMetadata)
	request := wire.Metadata{Type: wire.MetadataRequest, Piece: int32(piece)}
	p.Send(extended(id, request.Append(nil)))
	var answer *wire.Metadata
	p.Await(GatheredWithin, func(m *Received) bool {
		d := p.metadata(m)
		if d == nil || d.Type == wire.MetadataRequest {
			return false
		}
		answer = d
		return true
	})
	return answer
}

// metadata is the payload of a metadata message, or nil.
func (p *Peer) metadata(m *Received) *wire.Metadata {
	if m.Type != wire.Extended || m.ExtID != ourMetadata {
		return nil
	}
	d, err := wire.ParseMetadata(m.Data)
	if err != nil {
		return nil
	}
	return &d
}
