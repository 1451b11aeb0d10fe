package metainfo

import (
	"crypto/sha1"
	"fmt"
	"slices"
)

// Version selects the descriptions that a torrent is made with.
type Version uint8

// The versions. A hybrid has both descriptions, and padding files between its
// files where they need it.
const (
	V1 Version = 1 + iota
	V2
	Hybrid
)

// Plan is a torrent to be made.
type Plan struct {
	Version Version
	// Name is the file's name; with Folder that of the folder around all files.
	Name   string
	Folder bool
	// Files are the content. Of a file the Path, Length, Symlink, Executable
	// and Hidden are used. Without Folder there is one, whose Path is ignored.
	// With version 2 they must be in the order of [SortFiles].
	Files []File
	// PieceLength is in bytes; 0 means that of [DefaultPieceLength].
	PieceLength int64
	Private     bool

	// As in Torrent. A zero value leaves the key out.
	Announce     string
	AnnounceList [][]string
	URLList      []string
	Nodes        []HostPort
	CreationDate int64
	Comment      string
	CreatedBy    string
}

// Hashes are what a torrent says of its content.
type Hashes struct {
	// Pieces is the SHA-1 of each piece, joined; only for V1 and Hybrid.
	Pieces []byte
	// Layers has for each file of the plan the roots of its pieces, joined; only
	// for V2 and Hybrid.
	Layers [][]byte
}

// Read fills b from the given offset of a file of the plan.
type Read func(file int, offset int64, b []byte) error

// SortFiles puts files in the order of a file tree: by the bytes of the first
// element in which two paths differ. BEP52-META-001
func SortFiles(files []File) {
	slices.SortStableFunc(files, func(a, b File) int { return comparePaths(a.Path, b.Path) })
}

// DefaultPieceLength is a power of two that makes of length bytes at most
// about 2000 pieces, within 16 KiB and 16 MiB.
func DefaultPieceLength(length int64) int64 {
	const most, least, largest = 2000, BlockSize, 16 << 20
	return min(max(nextPowerOf2(max(1, length/most)), least), largest)
}

// Make reads the content and returns the torrent, in canonical bencoding. It
// fails when read does, and when [Parse] would not accept the torrent. It
// holds one piece in memory.
func (p *Plan) Make(read Read) ([]byte, error) {
	h, err := p.Hash(read)
	if err != nil {
		return nil, err
	}
	return p.Encode(h)
}

// Hash reads the content and returns its hashes.
func (p *Plan) Hash(read Read) (Hashes, error) {
	in, source, err := p.layout()
	if err != nil {
		return Hashes{}, err
	}
	h := Hashes{Layers: make([][]byte, len(p.Files))}
	buf := make([]byte, min(in.PieceLength, in.total))
	for i := range in.Pieces() {
		piece := buf[:in.PieceSize(i)]
		start, first := int64(i)*in.PieceLength, in.PieceFile(i)
		if err := fill(piece, start, in.Files[first:], source[first:], read); err != nil {
			return Hashes{}, fmt.Errorf("metainfo: piece %d: %w", i, err)
		}
		if in.HasV1 { // BEP03-META-007
			sum := sha1.Sum(piece)
			h.Pieces = append(h.Pieces, sum[:]...)
		}
		if in.HasV2 {
			f := &in.Files[first]
			content := piece[:min(int64(len(piece)), f.Offset+f.Length-start)]
			root := PieceRootOf(content, in.pieceLeaves(f))
			h.Layers[source[first]] = append(h.Layers[source[first]], root[:]...)
		}
	}
	return h, nil
}

// fill reads the bytes from start on, which begin in the first of files.
// Padding is zeros. BEP47-PAD-005
func fill(b []byte, start int64, files []File, source []int, read Read) error {
	clear(b)
	for i := range files {
		f := &files[i]
		from, to := max(start, f.Offset), min(start+int64(len(b)), f.Offset+f.Length)
		if f.Offset >= start+int64(len(b)) {
			return nil
		}
		if f.Pad || from >= to {
			continue
		}
		if err := read(source[i], from-f.Offset, b[from-start:to-start]); err != nil {
			return err
		}
	}
	return nil
}

// layout gives the files of the plan their offsets, with padding where it is
// needed. Source has for each file its index in the plan, and -1 for padding.
func (p *Plan) layout() (in *Info, source []int, err error) {
	if p.Version < V1 || p.Version > Hybrid {
		return nil, nil, fault("version", "BEP52-META-001", "%d is none of V1, V2 and Hybrid", p.Version)
	}
	if !p.Folder && len(p.Files) != 1 {
		return nil, nil, fault("files", "BEP03-META-005", "%d files need a folder", len(p.Files))
	}
	in = &Info{
		Name: p.Name, Folder: p.Folder, PieceLength: p.PieceLength, Private: p.Private,
		HasV1: p.Version != V2, HasV2: p.Version != V1,
	}
	var content int64
	for i := range p.Files {
		f := &p.Files[i]
		if f.Length < 0 || f.Length > MaxLength || content+f.Length > MaxLength {
			return nil, nil, fault("files", "BEP03-META-011", "the length of %.80q, %d, is negative or too large",
				f.Path, f.Length)
		}
		content += f.Length
		if p.Folder && len(f.Path) == 0 {
			return nil, nil, fault("files", "BEP03-META-012", "file %d has no path", i)
		}
		if i > 0 && in.HasV2 && comparePaths(p.Files[i-1].Path, f.Path) >= 0 {
			return nil, nil, fault("files", "BEP52-META-001", "%.80q is not in the order of a file tree", f.Path)
		}
	}
	if in.PieceLength == 0 {
		in.PieceLength = DefaultPieceLength(content)
	}
	if in.PieceLength < 0 || in.PieceLength > MaxPieceLength {
		return nil, nil, fault("piece length", "BEP03-META-011", "%d is not within 1 and %d",
			in.PieceLength, MaxPieceLength)
	}
	source = p.place(in)
	return in, source, checkSize(in)
}

// place appends the files of the plan to in's, each at its offset.
func (p *Plan) place(in *Info) (source []int) {
	var end int64
	add := func(f File, from int) {
		in.Files, source = append(in.Files, f), append(source, from)
		end = f.Offset + f.Length
	}
	for i := range p.Files {
		f := &p.Files[i]
		lacks := ceilDiv(end, in.PieceLength)*in.PieceLength - end
		switch {
		case p.Version == Hybrid && lacks > 0:
			add(padding(end, lacks), -1)
		case p.Version == V2:
			end += lacks
		}
		placed := File{
			Path: f.Path, Length: f.Length, Offset: end, Symlink: f.Symlink,
			Executable: f.Executable, Hidden: f.Hidden,
		}
		if !p.Folder {
			placed.Path = []string{p.Name}
		}
		add(placed, i)
	}
	// As the reference maker does: BEP52-META-011
	if lacks := ceilDiv(end, in.PieceLength)*in.PieceLength - end; p.Version == Hybrid && len(p.Files) > 1 && lacks > 0 {
		add(padding(end, lacks), -1)
	}
	return source
}

// padding is a padding file, with the path that BEP 47 §Padding files
// recommends. BEP47-PAD-005
func padding(offset, length int64) File {
	return File{Path: []string{".pad", fmt.Sprint(length)}, Offset: offset, Length: length, Pad: true}
}
