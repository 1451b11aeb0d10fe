package bittorrent

import (
	"crypto/sha1"
	"fmt"
	"sync"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec"
)

// Content is a torrent and, unless it came with a target, its bytes.
type Content struct {
	Torrent []byte // the metainfo file
	Info    *metainfo.Info
	Data    []byte // of all files in their order; nil when only the target has it
}

// OfTorrent is the content of a metainfo file whose bytes the harness lacks.
func OfTorrent(torrent []byte) (*Content, error) {
	t, err := metainfo.Parse(torrent, metainfo.Options{Lenient: true})
	if err != nil {
		return nil, err
	}
	return &Content{Torrent: torrent, Info: t.Info}, nil
}

// Hash is the name of the torrent in handshakes.
func (c *Content) Hash() [20]byte { return c.Info.Hash20() }

// Pieces is the number of pieces.
func (c *Content) Pieces() int { return c.Info.Pieces() }

// Size is the number of bytes of a piece.
func (c *Content) Size(piece int) int { return int(c.Info.PieceSize(piece)) }

// Block returns bytes of a piece, which the harness must have.
func (c *Content) Block(piece, begin, length int) []byte {
	at := piece*int(c.Info.PieceLength) + begin
	return c.Data[at : at+length]
}

// Files are the files by their path with slashes, below the folder of
// downloads, as a seeder has to find them and a leecher has to leave them.
func (c *Content) Files() map[string][]byte {
	files := map[string][]byte{}
	for i, f := range c.Info.Files {
		if !f.Pad {
			files[joined(c.Info.FilePath(i))] = c.Data[f.Offset : f.Offset+f.Length]
		}
	}
	return files
}

func joined(path []string) string {
	s := path[0]
	for _, p := range path[1:] {
		s += "/" + p
	}
	return s
}

// Design says what a torrent of the harness's own is like.
type Design struct {
	Name        string
	PieceLength int
	Lengths     []int          // of the files; one file makes no folder
	Private     bool           // BEP 27
	Info        map[string]any // more keys of the info dictionary; nil takes one away
	Top         map[string]any // more keys beside it, such as announce-list
}

// Standard is what the suites share unless a case needs another: two blocks a
// piece, 37 pieces so that a bitfield has spare bits, files that end within
// pieces, and a last piece shorter than a block.
var Standard = Design{
	Name: "p2pspec standard", PieceLength: 2 * BlockSize,
	Lengths: []int{300_000, 1, 700_000, 184_648},
}

// pieces is how many pieces the design has.
func (d Design) pieces() int {
	total := 0
	for _, n := range d.Lengths {
		total += n
	}
	return (total + d.PieceLength - 1) / d.PieceLength
}

// BlockSize is what a request asks for, in bytes. BEP03-PEER-032
const BlockSize = metainfo.BlockSize

// Make makes the torrent and its bytes, which follow from the design alone.
// The announce URL may be empty.
func (d Design) Make(announce string) *Content {
	data, hashes := d.bytes()
	info := map[string]any{"name": d.Name, "piece length": d.PieceLength, "pieces": hashes}
	if len(d.Lengths) == 1 {
		info["length"] = len(data)
	} else {
		var files []any
		for i, n := range d.Lengths {
			files = append(files, map[string]any{"length": n, "path": []any{fmt.Sprintf("file %d.bin", i)}})
		}
		info["files"] = files
	}
	if d.Private {
		info["private"] = 1
	}
	top := map[string]any{"info": merged(info, d.Info)}
	if announce != "" {
		top["announce"] = announce
	}
	c, err := OfTorrent(bencode.MustAppend(nil, merged(top, d.Top)))
	if err != nil {
		panic("conformance: a torrent of the harness is not one: " + err.Error())
	}
	c.Data = data
	return c
}

// bytes are the content and its hashes. They are made once a program: a run
// over all cases needs them thousands of times.
func (d Design) bytes() (data, hashes []byte) {
	key := fmt.Sprint(d.Name, d.PieceLength, d.Lengths)
	if m, ok := made.Load(key); ok {
		return m.([2][]byte)[0], m.([2][]byte)[1]
	}
	total := 0
	for _, n := range d.Lengths {
		total += n
	}
	data = make([]byte, total)
	var seed [32]byte
	copy(seed[:], d.Name)
	r := spec.NewRand(seed)
	r.Fill(data)
	hashes = pieceHashes(data, d.PieceLength)
	made.Store(key, [2][]byte{data, hashes})
	return data, hashes
}

var made sync.Map // of [2][]byte by design

func pieceHashes(data []byte, pieceLength int) []byte {
	var hashes []byte
	for len(data) > 0 {
		n := min(pieceLength, len(data))
		sum := sha1.Sum(data[:n])
		hashes = append(hashes, sum[:]...)
		data = data[n:]
	}
	return hashes
}

func merged(base, over map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range []map[string]any{base, over} {
		for k, v := range m {
			if out[k] = v; v == nil {
				delete(out, k)
			}
		}
	}
	return out
}

// ContentOf is what the target shares.
func ContentOf(t *T) *Content {
	c, err := OfTorrent(t.Torrent())
	if err != nil {
		t.Inconclusivef("the target's torrent cannot be read: %v", err)
	}
	return c
}
