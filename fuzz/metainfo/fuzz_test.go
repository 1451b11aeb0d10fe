// Package metainfo holds the fuzz targets of bittorrent/metainfo:
//
//	go test -fuzz FuzzTorrent ./fuzz/metainfo
//	go test -fuzz FuzzMagnet ./fuzz/metainfo
//	go test -fuzz FuzzHashes ./fuzz/metainfo
//
// Without -fuzz, go test runs the seeds: the vectors of both files.
package metainfo

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func load(f *testing.F, protocol string) []vectors.Vector {
	file, err := vectors.Load(protocol)
	if err != nil {
		f.Fatal(err)
	}
	return file.Vectors
}

// FuzzTorrent: what is read is safe and consistent, lenient mode reads what
// strict mode reads alike, and what strict mode reads can be made again.
func FuzzTorrent(f *testing.F) {
	for _, v := range load(f, "metainfo") {
		if v.Input.Has("torrent") {
			f.Add(v.Input.Bytes("torrent"))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		strict, err := metainfo.Parse(b, metainfo.Options{})
		lenient, lenientErr := metainfo.Parse(b, metainfo.Options{Lenient: true})
		if lenientErr == nil {
			sound(t, b, lenient)
		}
		if err != nil {
			return
		}
		if lenientErr != nil {
			t.Fatalf("strict mode reads what lenient mode does not: %v", lenientErr)
		}
		alike := cmp.AllowUnexported(metainfo.Info{})
		if d := cmp.Diff(strict, lenient, alike); d != "" {
			t.Fatalf("lenient mode reads it differently:\n%s", d)
		}
		again, err := metainfo.ParseInfo(strict.Info.Raw(), metainfo.Options{})
		if err != nil || again.InfoHash != strict.Info.InfoHash || again.InfoHashV2 != strict.Info.InfoHashV2 {
			t.Fatalf("the info dictionary alone is read differently: %v", err)
		}
		strict.Lint()
	})
}

// sound holds a torrent to what Parse promises.
func sound(t *testing.T, b []byte, tor *metainfo.Torrent) {
	in := tor.Info
	if !bytes.Contains(b, in.Raw()) {
		t.Fatal("the info dictionary is not a part of the file")
	}
	if in.HasV1 && sha1.Sum(in.Raw()) != in.InfoHash || in.HasV2 && sha256.Sum256(in.Raw()) != in.InfoHashV2 {
		t.Fatal("the info-hash is another")
	}
	unsafe := func(name string) bool {
		return name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00")
	}
	var end int64
	paths := map[string]bool{}
	for i, f := range in.Files {
		if slices.ContainsFunc(in.FilePath(i), unsafe) || slices.ContainsFunc(f.Symlink, unsafe) {
			t.Fatalf("file %d: unsafe path %q or link %q", i, f.Path, f.Symlink)
		}
		if f.Length < 0 || f.Offset < end || in.HasV1 && f.Offset != end {
			t.Fatalf("file %d: %d bytes at %d, after %d", i, f.Length, f.Offset, end)
		}
		end = f.Offset + f.Length
		path := strings.Join(f.Path, "/")
		if !f.Pad && (path == "" || paths[path]) {
			t.Fatalf("file %d: the path %q is empty or there twice", i, path)
		}
		paths[path] = !f.Pad || paths[path]
	}
	if end != in.TotalLength() || in.Pieces() < 1 || in.Pieces() > metainfo.MaxPieces {
		t.Fatalf("%d pieces for %d bytes, files end at %d", in.Pieces(), in.TotalLength(), end)
	}
	for _, i := range []int{0, in.Pieces() / 2, in.Pieces() - 1} {
		size := in.PieceSize(i)
		if size < 1 || size > in.PieceLength {
			t.Fatalf("piece %d has %d bytes", i, size)
		}
		_, hasHash := in.PieceHash(i)
		_, hasRoot := in.PieceRoot(i)
		if hasHash != in.HasV1 || hasRoot && !in.HasV2 || !hasRoot && in.HasV2 && !in.LacksLayers() {
			t.Fatalf("piece %d: hash %v, root %v", i, hasHash, hasRoot)
		}
		if size <= 1<<20 && hasHash {
			in.VerifyPiece(i, make([]byte, size))
		}
	}
}

// FuzzMagnet: what is read is written in a form that is read alike.
func FuzzMagnet(f *testing.F) {
	for _, v := range load(f, "magnet") {
		f.Add(v.Input.Text("uri"))
	}
	f.Fuzz(func(t *testing.T, link string) {
		m, err := metainfo.ParseMagnet(link)
		if err != nil {
			return
		}
		text := m.String()
		if len(text) > metainfo.MaxMagnet {
			return // escapes can make it too long to be read
		}
		again, err := metainfo.ParseMagnet(text)
		if err != nil {
			t.Fatalf("%q of %q is not read: %v", text, link, err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Fatalf("%q of %q is read differently:\n%s", text, link, d)
		}
	})
}

// FuzzHashes: a range that a tree does not have is neither proved nor verified,
// one that it has is.
func FuzzHashes(f *testing.F) {
	f.Add(0, 0, 2, 3, 9, uint16(0))
	f.Add(1, 4, 4, 2, 30, uint16(7))
	f.Add(-1, 1<<30, 3, -5, 1, uint16(1))
	f.Fuzz(func(t *testing.T, base, index, length, proof, leaves int, flip uint16) {
		leaves = min(max(leaves, 1), 1000)
		height := metainfo.TreeHeight(int64(leaves) * metainfo.BlockSize)
		layer := make([][32]byte, leaves)
		for i := range layer {
			layer[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		}
		root := metainfo.MerkleRoot(slices.Clone(layer), 0, 1<<height)
		r := metainfo.HashRange{BaseLayer: base, Index: index, Length: length, ProofLayers: proof}
		if base != 0 {
			r.Verify(root, height, layer) // must not panic
			layer = nil
		}
		hashes, ok := r.Prove(layer, height)
		if ok != r.Valid(height) {
			t.Fatalf("%+v of height %d: proved %v, valid %v", r, height, ok, r.Valid(height))
		}
		if !ok || base != 0 || proof != height-1 {
			return
		}
		if !r.Verify(root, height, hashes) {
			t.Fatalf("%+v is not verified", r)
		}
		hashes[int(flip)%len(hashes)][0] ^= 1
		if r.Verify(root, height, hashes) {
			t.Fatalf("%+v is verified with a wrong hash", r)
		}
	})
}
