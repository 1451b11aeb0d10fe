package metainfo

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// fileTree reads file tree, and gives every file its offset: that of the next
// piece. BEP52-META-004
func (r reader) fileTree(in *Info, v bencode.Value) ([]File, error) {
	w := treeWalk{reader: r, pieceLength: in.PieceLength}
	if v.Kind() != bencode.Dict {
		return nil, wrongType(v, "info.file tree", "BEP52-META-001", "a dictionary")
	}
	if _, ok := v.Get(""); ok {
		return nil, fault("info.file tree", "BEP52-META-004", "the root is no file")
	}
	if err := w.folder(v); err != nil {
		return nil, at("info.file tree", err)
	}
	return w.files, nil
}

// treeWalk collects the files of a tree in its order.
type treeWalk struct {
	reader
	pieceLength int64
	files       []File
	path        []string // to the folder that is read
	size        int      // of the path, in bytes
	end         int64    // of the last file
}

// folder reads the entries of the folder at w.path. The order of the keys
// numbers the pieces, so that it must be right in lenient mode too.
func (w *treeWalk) folder(v bencode.Value) error {
	var last []byte
	for key, entry := range v.Entries() {
		if bytes.Compare(key, last) < 0 {
			return fault(w.where(), "BEP03-BENC-008", "the key %.40q is out of order", key)
		}
		last = key
		if len(key) == 0 {
			continue // what a folder says of itself
		}
		if err := w.entry(string(key), entry); err != nil {
			return err
		}
	}
	return nil
}

// entry reads the file or folder called name.
func (w *treeWalk) entry(name string, v bencode.Value) error {
	if why := unsafe(name); why != "" && !w.Lenient {
		return fault(w.where(), "BEP52-META-007", "%.40q %s", name, why)
	} else if why != "" {
		name = sanitized(name)
	}
	w.path, w.size = append(w.path, name), w.size+len(name)+1
	if w.size > MaxPathBytes {
		return fault("", "BEP52-META-007", "a path exceeds the limit of %d bytes", MaxPathBytes)
	}
	if v.Kind() != bencode.Dict {
		return wrongType(v, w.where(), "BEP52-META-004", "a dictionary")
	}
	var err error
	properties, ok := v.Get("")
	_, isFile := properties.Get("length")
	_, isLink := properties.Get("symlink path")
	switch {
	case !ok:
		err = w.folder(v)
	case properties.Kind() != bencode.Dict:
		err = wrongType(properties, w.where(), "BEP52-META-004", "a dictionary")
	case v.Len() == 1:
		err = w.file(properties)
	case isFile || isLink:
		err = fault(w.where(), "BEP52-META-004", "a file has entries beside its properties")
	default:
		err = w.folder(v)
	}
	w.path, w.size = w.path[:len(w.path)-1], w.size-len(name)-1
	return err
}

// file reads the properties of the file at w.path.
func (w *treeWalk) file(v bencode.Value) error {
	f := File{Path: slices.Clone(w.path)}
	attr, _ := v.Get("attr")
	symlink, _ := v.Get("symlink path")
	err := w.attributes(&f, attr, symlink, "")
	length, ok := v.Get("length")
	if err == nil && (ok || f.Symlink == nil) {
		f.Length, err = fileLength(length, "length")
	}
	if err != nil {
		return at(w.where(), err)
	}
	switch root, _ := v.Get("pieces root"); {
	case f.Pad:
		return fault(w.where(), "BEP52-META-009", "a file tree has no padding files")
	case f.Symlink != nil && f.Length != 0:
		return fault(w.where(), "BEP47-PAD-004", "a symbolic link has no length, but this is %d", f.Length)
	case f.Length > 0:
		if f.PiecesRoot, err = piecesRoot(root); err != nil {
			return at(w.where(), err)
		}
	case root.Kind() != bencode.Invalid && !w.Lenient:
		return fault(join(w.where(), "pieces root"), "BEP52-META-004", "an empty file has no root")
	}
	return w.add(f)
}

// add gives the file its place.
func (w *treeWalk) add(f File) error {
	f.Offset = w.end
	if f.Length > 0 {
		f.Offset = ceilDiv(w.end, w.pieceLength) * w.pieceLength
	}
	w.end = f.Offset + f.Length
	switch {
	case w.end > MaxLength:
		return fault("", "BEP03-META-011", "the lengths exceed the limit of %d bytes", int64(MaxLength))
	case len(w.files) == MaxFiles:
		return fault("", "BEP52-META-004", "more than %d files", MaxFiles)
	}
	w.files = append(w.files, f)
	return nil
}

// where is the path, as a part of the path of an Error.
func (w *treeWalk) where() string { return strings.Join(w.path, ".") }

// piecesRoot reads the root of a file that is not empty. BEP52-META-003
func piecesRoot(v bencode.Value) (root [32]byte, err error) {
	b, ok := v.Bytes()
	if !ok {
		return root, wrongType(v, "pieces root", "BEP52-META-003", "a string")
	}
	if len(b) != sha256.Size {
		return root, fault("pieces root", "BEP52-META-003", "it has %d bytes, not %d", len(b), sha256.Size)
	}
	if root = [32]byte(b); root == [32]byte{} {
		return root, fault("pieces root", "BEP52-META-003", "zeros are the hash of nothing")
	}
	return root, nil
}
