package metainfo

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// PieceLayer is the joined roots of a file's pieces, borrowed. It is nil for a
// file of one piece or none, and when it is not known yet.
func (in *Info) PieceLayer(file int) []byte { return in.layers[file] }

// LacksLayers reports whether a file needs a piece layer that is not known,
// as after a magnet link.
func (in *Info) LacksLayers() bool {
	for i := range in.Files {
		if in.needsLayer(i) && in.layers[i] == nil {
			return true
		}
	}
	return false
}

// WithPieceLayer returns a copy of in that knows the piece layer of every file
// with the given root. The error is an *[Error]: there is no such file, or the
// hashes are not those of the layer. It borrows the layer. BEP52-META-006
func (in *Info) WithPieceLayer(root [32]byte, layer []byte) (*Info, error) {
	out := *in
	out.layers = slices.Clone(in.layers)
	found := false
	for i := range in.Files {
		if !in.needsLayer(i) || in.Files[i].PiecesRoot != root {
			continue
		}
		if err := in.checkLayer(i, layer); err != nil {
			return nil, err
		}
		out.layers[i], found = layer, true
	}
	if !found {
		return nil, fault(layerPath(root[:]), "BEP52-META-006", "no file of more than one piece has this root")
	}
	return &out, nil
}

// needsLayer reports whether the file has more than one piece.
// BEP52-META-002
func (in *Info) needsLayer(file int) bool {
	f := &in.Files[file]
	return in.HasV2 && !f.Pad && f.Length > in.PieceLength
}

// checkLayer holds the joined hashes to the file. BEP52-META-006
func (in *Info) checkLayer(file int, layer []byte) error {
	f := &in.Files[file]
	n := ceilDiv(f.Length, in.PieceLength)
	if int64(len(layer)) != n*sha256.Size {
		return fault(layerPath(f.PiecesRoot[:]), "BEP52-META-006", "%d bytes, but %d pieces have %d",
			len(layer), n, n*sha256.Size)
	}
	if in.root(layer) != f.PiecesRoot {
		return fault(layerPath(f.PiecesRoot[:]), "BEP52-META-006", "the hashes do not lead to the root")
	}
	return nil
}

// root is the root of a file, of the joined roots of its pieces.
// BEP52-META-003
func (in *Info) root(layer []byte) [32]byte {
	n := len(layer) / sha256.Size
	hashes := make([][32]byte, n, n+1)
	for i := range hashes {
		hashes[i] = [32]byte(layer[i*sha256.Size:])
	}
	if n == 1 {
		return hashes[0]
	}
	return MerkleRoot(hashes, PieceLayerOf(in.PieceLength), int(nextPowerOf2(int64(n))))
}

// pieceLayers reads piece layers. BEP52-META-006
func (r reader) pieceLayers(in *Info, v bencode.Value) error {
	if v.Kind() != bencode.Dict && !(r.Lenient && v.Kind() == bencode.Invalid) {
		return wrongType(v, "piece layers", "BEP52-META-006", "a dictionary")
	}
	given := map[string][]byte{} // never ranged over
	for key, value := range v.Entries() {
		layer, ok := value.Bytes()
		if !ok {
			return wrongType(value, layerPath(key), "BEP52-META-006", "a string")
		}
		given[string(key)] = layer
	}
	used := map[string]bool{}
	for i := range in.Files {
		if !in.needsLayer(i) {
			continue
		}
		root := string(in.Files[i].PiecesRoot[:])
		layer, ok := given[root]
		if !ok && !r.Lenient {
			return fault(layerPath([]byte(root)), "BEP52-META-006", "the layer of %.80q is missing", in.Files[i].Path)
		}
		if !ok {
			continue
		}
		if err := in.checkLayer(i, layer); err != nil {
			return err
		}
		in.layers[i], used[root] = layer, true
	}
	for key := range v.Entries() {
		if !used[string(key)] {
			return fault(layerPath(key), "BEP52-META-006", "no file of more than one piece has this root")
		}
	}
	return nil
}

// layerPath is the path of a layer in an Error.
func layerPath(root []byte) string {
	return "piece layers." + hex.EncodeToString(root[:min(len(root), 32)])
}
