package metainfo

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"slices"
)

// BlockSize is the unit of requests and the leaf of version 2 hash trees, in
// bytes. BEP 52 §pieces root
const BlockSize = 16 << 10

// File is one file of a torrent.
type File struct {
	// Path is relative to the torrent's folder: at least one element, none of
	// which leads elsewhere. A padding file may have none (BEP47-PAD-003).
	Path []string
	// Length and Offset are in bytes; Offset is the address of the first byte.
	Length, Offset int64
	// PiecesRoot is the root of the file's version 2 hash tree; zero for empty
	// and padding files, and in torrents of version 1 alone.
	PiecesRoot [32]byte
	// Symlink is the target of a symbolic link, relative to the torrent's
	// folder, or nil. A link has no length.
	Symlink []string
	// Pad says that the content is zeros that nobody stores or asks for.
	Pad bool
	// Executable and Hidden are attributes x and h. BEP47-PAD-001
	Executable, Hidden bool
}

// Info is an info dictionary. It does not change, so that it may be shared.
type Info struct {
	// Name is the file's name, or that of the folder around all files.
	Name string
	// Folder says that the files lie in a folder called Name.
	Folder bool
	// PieceLength is the length in bytes of every piece but the last: of the
	// torrent, or of each file where there is version 2 alone.
	PieceLength int64
	// Files are in the order of the address space, padding files included.
	Files []File
	// Private allows no peers but those of the tracker. BEP 27
	Private bool
	// HasV1 and HasV2 say which descriptions are there; a hybrid has both.
	HasV1, HasV2 bool
	// InfoHash is the SHA-1 of the dictionary, if there is version 1.
	InfoHash [20]byte
	// InfoHashV2 is its SHA-256, if there is version 2.
	InfoHashV2 [32]byte

	raw    []byte
	pieces []byte   // the SHA-1 of each piece, joined
	layers [][]byte // by file: the root of each piece, joined; nil if not known
	total  int64
}

// Raw is the dictionary as it was received, borrowed. BEP03-META-014
func (in *Info) Raw() []byte { return in.raw }

// Hash20 is the name of the torrent on trackers, in the DHT and in handshakes:
// the info-hash of version 1, and where there is none the first 20 bytes of
// that of version 2. BEP52-META-008
func (in *Info) Hash20() [20]byte {
	if in.HasV1 {
		return in.InfoHash
	}
	return [20]byte(in.InfoHashV2[:])
}

// TotalLength is the size of the address space in bytes: all files, the
// padding between them, and for version 2 alone the gaps up to the next piece.
func (in *Info) TotalLength() int64 { return in.total }

// ContentLength is the number of bytes of all files but the padding files.
func (in *Info) ContentLength() int64 {
	var n int64
	for i := range in.Files {
		if !in.Files[i].Pad {
			n += in.Files[i].Length
		}
	}
	return n
}

// FilePath is where the file with the given index belongs, relative to the
// folder of downloads. The result is new.
func (in *Info) FilePath(file int) []string {
	path := in.Files[file].Path
	if !in.Folder {
		return slices.Clone(path)
	}
	return slices.Concat([]string{in.Name}, path)
}

// Pieces is the number of pieces.
func (in *Info) Pieces() int { return int(ceilDiv(in.total, in.PieceLength)) }

// PieceSize is the number of bytes of piece i, and 0 if there is none. Where
// there is version 2 alone a piece ends with its file. BEP52-PEER-011
func (in *Info) PieceSize(i int) int64 {
	if i < 0 || i >= in.Pieces() {
		return 0
	}
	end := in.total
	if !in.HasV1 {
		f := &in.Files[in.PieceFile(i)]
		end = f.Offset + f.Length
	}
	return min(in.PieceLength, end-int64(i)*in.PieceLength)
}

// PieceFile is the index of the file that has the first byte of piece i, which
// must exist.
func (in *Info) PieceFile(i int) int {
	start := int64(i) * in.PieceLength
	// The file looked for is the last that does not begin behind the byte.
	n, _ := slices.BinarySearchFunc(in.Files, start, func(f File, at int64) int {
		if f.Offset <= at {
			return -1
		}
		return cmp.Compare(f.Offset, at)
	})
	return n - 1
}

// PieceHash is the SHA-1 of piece i. ok is false if there is no such piece,
// or no version 1.
func (in *Info) PieceHash(i int) (hash [20]byte, ok bool) {
	if !in.HasV1 || i < 0 || i >= in.Pieces() {
		return hash, false
	}
	return [20]byte(in.pieces[i*sha1.Size:]), true
}

// PieceRoot is the root of piece i in its file's version 2 hash tree. ok is
// false if there is no such piece, no version 2, or if the file's piece layer
// is not known yet, as after a magnet link.
func (in *Info) PieceRoot(i int) (root [32]byte, ok bool) {
	if !in.HasV2 || i < 0 || i >= in.Pieces() {
		return root, false
	}
	n := in.PieceFile(i)
	f := &in.Files[n]
	if f.Length <= in.PieceLength {
		return f.PiecesRoot, true
	}
	at := (i - int(f.Offset/in.PieceLength)) * len(root)
	if at >= len(in.layers[n]) {
		return root, false
	}
	return [32]byte(in.layers[n][at:]), true
}

// VerifyPiece reports whether data is piece i, by all the hashes that are
// known of it, which is at least one. BEP52-META-010
func (in *Info) VerifyPiece(i int, data []byte) bool {
	if size := in.PieceSize(i); size == 0 || int64(len(data)) != size {
		return false
	}
	hash, hasHash := in.PieceHash(i)
	if hasHash && sha1.Sum(data) != hash {
		return false
	}
	root, hasRoot := in.PieceRoot(i)
	if !hasRoot {
		return hasHash
	}
	f := &in.Files[in.PieceFile(i)]
	content := min(int64(len(data)), f.Offset+f.Length-int64(i)*in.PieceLength)
	pad := data[content:] // the hash of version 1 covers it, of a hybrid
	return PieceRootOf(data[:content], in.pieceLeaves(f)) == root && isZero(pad)
}

// pieceLeaves is the number of leaves under the root of a piece of the file:
// a file of one piece has no more than it needs. BEP52-META-003
func (in *Info) pieceLeaves(f *File) int {
	return int(nextPowerOf2(ceilDiv(min(f.Length, in.PieceLength), BlockSize)))
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// ceilDiv is a/b rounded up, of a ≥ 0 and b > 0.
func ceilDiv(a, b int64) int64 { return a/b + min(a%b, 1) }
