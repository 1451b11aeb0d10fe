package storage

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// content is a torrent with what it promises.
type content struct {
	info  *metainfo.Info
	bytes []byte // of the address space
}

const blockSize = metainfo.BlockSize

// make4 is a folder with files that share pieces, an empty one, one in a
// folder and one that ends at a block.
func make4(t testing.TB, version metainfo.Version) content {
	return makeContent(t, version, 2*blockSize, []metainfo.File{
		{Path: []string{"a"}, Length: 5}, {Path: []string{"b", "c", "d"}, Length: 3*blockSize + 7},
		{Path: []string{"e"}}, {Path: []string{"f"}, Length: 4 * blockSize, Executable: true},
	})
}

func makeContent(t testing.TB, version metainfo.Version, pieceLength int64, files []metainfo.File) content {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	data := make([][]byte, len(files))
	for i := range data {
		data[i] = make([]byte, files[i].Length)
		random.Read(data[i])
	}
	plan := metainfo.Plan{Version: version, Name: "torrent", Folder: true, Files: files, PieceLength: pieceLength}
	made, err := plan.Make(func(i int, offset int64, b []byte) error {
		copy(b, data[i][offset:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := metainfo.Parse(made, metainfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := content{parsed.Info, make([]byte, parsed.Info.TotalLength())}
	next := 0
	for _, f := range parsed.Info.Files {
		if !f.Pad {
			copy(c.bytes[f.Offset:], data[next])
			next++
		}
	}
	return c
}

// piece is what belongs into a piece.
func (c content) piece(i int32) []byte {
	start := int64(i) * c.info.PieceLength
	return c.bytes[start : start+c.info.PieceSize(int(i))]
}

// fill stores and verifies a piece.
func (c content) fill(t testing.TB, s *Store, i int32) {
	t.Helper()
	c.store(t, s, i)
	if ok, err := s.Verify(i); !ok || err != nil {
		t.Fatalf("piece %d: %v, %v", i, ok, err)
	}
}

func (c content) store(t testing.TB, s *Store, i int32) {
	t.Helper()
	for at, b := range blocks(c.piece(i)) {
		if err := s.Store(i, at, b); err != nil {
			t.Fatal(err)
		}
	}
}

// blocks are the parts of a piece by their offset, the last first.
func blocks(piece []byte) func(func(int32, []byte) bool) {
	return func(yield func(int32, []byte) bool) {
		for at := (len(piece) - 1) / blockSize * blockSize; at >= 0; at -= blockSize {
			if !yield(int32(at), piece[at:min(at+blockSize, len(piece))]) {
				return
			}
		}
	}
}

// expect wants the given pieces, and no others, to be there and right. The
// others have not been looked at.
func (c content) expect(t testing.TB, s *Store, pieces ...int32) {
	t.Helper()
	have := s.Have()
	for i := range int32(c.info.Pieces()) {
		want := slices.Contains(pieces, i)
		if got := have[i/8]&(0x80>>(i%8)) != 0; got != want {
			t.Errorf("piece %d: have %v, want %v", i, got, want)
		}
		got := make([]byte, len(c.piece(i)))
		err := s.Load(i, 0, got)
		if want && (err != nil || !bytes.Equal(got, c.piece(i))) {
			t.Errorf("piece %d is not as it should be: %v", i, err)
		}
		if !want && !errors.Is(err, ErrUnverified) {
			t.Errorf("piece %d is given away: %v", i, err)
		}
	}
}

func (c content) all() (pieces []int32) {
	for i := range int32(c.info.Pieces()) {
		pieces = append(pieces, i)
	}
	return pieces
}

func mustOpen(t testing.TB, dir string, c content) *Store {
	t.Helper()
	s, err := Open(dir, c.info, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDownload: a torrent of each version is stored from the last block to the
// first, and lies on the disk as its files. BEP03-PEER-042, BEP47-PAD-005,
// BEP52-META-003
func TestDownload(t *testing.T) {
	for name, version := range map[string]metainfo.Version{
		"v1": metainfo.V1, "v2": metainfo.V2, "hybrid": metainfo.Hybrid,
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := make4(t, version), t.TempDir()
			s := mustOpen(t, dir, c)
			c.expect(t, s)
			for _, i := range slices.Backward(c.all()) {
				c.fill(t, s, i)
			}
			c.expect(t, s, c.all()...)
			mustClose(t, s)
			for _, f := range c.info.Files {
				got, err := os.ReadFile(filepath.Join(append([]string{dir, "torrent"}, f.Path...)...))
				if f.Pad {
					if !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("padding %v: %v", f.Path, err)
					}
					continue
				}
				if err != nil || !bytes.Equal(got, c.bytes[f.Offset:f.Offset+f.Length]) {
					t.Errorf("%v: %d bytes, %v", f.Path, len(got), err)
				}
				found, err := os.Stat(filepath.Join(append([]string{dir, "torrent"}, f.Path...)...))
				if err != nil || (found.Mode()&0o100 != 0) != f.Executable { // BEP47-PAD-001
					t.Errorf("%v has the mode %v, %v", f.Path, found.Mode(), err)
				}
			}
			c.expect(t, mustOpen(t, dir, c), c.all()...)
		})
	}
}

// TestBadData is refused until it is replaced.
func TestBadData(t *testing.T) {
	for _, version := range []metainfo.Version{metainfo.V1, metainfo.V2, metainfo.Hybrid} {
		c := make4(t, version)
		s := mustOpen(t, t.TempDir(), c)
		for _, i := range c.all() {
			c.store(t, s, i)
			last := int32(c.info.PieceSize(int(i)) - 1)
			wrong := []byte{^c.piece(i)[last]}
			if c.info.Files[c.info.PieceFile(int(i))].Offset+c.info.Files[c.info.PieceFile(int(i))].Length <=
				int64(i)*c.info.PieceLength+int64(last) {
				last, wrong = 0, []byte{^c.piece(i)[0]} // the last byte is padding
			}
			if err := s.Store(i, last, wrong); err != nil {
				t.Fatal(err)
			}
			if ok, err := s.Verify(i); ok || err != nil {
				t.Errorf("version %d, piece %d: %v, %v", version, i, ok, err)
			}
			got := make([]byte, 1) // to find the culprit
			if err := s.Load(i, last, got); err != nil || !bytes.Equal(got, wrong) {
				t.Errorf("version %d, piece %d: the wrong byte is %x, %v", version, i, got, err)
			}
			if err := s.Store(i, last, wrong); err != nil {
				t.Fatal(err)
			}
			if err := s.Load(i, 0, got); !errors.Is(err, ErrUnverified) {
				t.Errorf("version %d, piece %d is given away: %v", version, i, err)
			}
			c.fill(t, s, i)
		}
	}
}

func TestRefusals(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	c.fill(t, s, 1)
	size := int32(c.info.PieceLength)
	last := int32(c.info.Pieces() - 1)
	for _, r := range []struct {
		piece, begin int32
		n            int
	}{
		{-1, 0, 1}, {last + 1, 0, 1}, {1, -1, 1}, {1, size, 1}, {1, 1, int(size)}, {1, 1<<31 - 1, 1},
		{last, 0, int(size)}, {1<<31 - 1, 0, 0},
	} {
		if err := s.Load(r.piece, r.begin, make([]byte, r.n)); !errors.Is(err, ErrRange) {
			t.Errorf("load of %+v: %v", r, err)
		}
		if err := s.Store(r.piece, r.begin, make([]byte, r.n)); !errors.Is(err, ErrRange) {
			t.Errorf("store to %+v: %v", r, err)
		}
	}
	if ok, err := s.Verify(last + 1); ok || !errors.Is(err, ErrRange) {
		t.Errorf("verification of no piece: %v, %v", ok, err)
	}
	if err := s.Store(1, 0, []byte{1}); !errors.Is(err, ErrVerified) {
		t.Errorf("store to a verified piece: %v", err)
	}
	mustClose(t, s)
	_, verify := s.Verify(1)
	for name, err := range map[string]error{
		"load": s.Load(1, 0, nil), "store": s.Store(0, 0, nil), "verify": verify, "close": s.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", name, err)
		}
	}
	c.expect(t, mustOpen(t, dir, c), 1)
}

// TestReadOnly changes nothing, and serves what is there.
func TestReadOnly(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), c.info, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	s := mustOpen(t, dir, c)
	c.fill(t, s, 0)
	c.fill(t, s, 3)
	mustClose(t, s)
	if err := os.Remove(filepath.Join(dir, "torrent", "e")); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "torrent", "f"), 1); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, c.info, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	c.expect(t, s, 0)
	if err := s.Store(1, 0, []byte{1}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("store: %v", err)
	}
	mustClose(t, s)
	if _, err := os.Stat(filepath.Join(dir, "torrent", "e")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	if found, err := os.Stat(filepath.Join(dir, "torrent", "f")); err != nil || found.Size() != 1 {
		t.Errorf("a file was extended: %v, %v", found.Size(), err)
	}
}

// TestDoor: no path leaves the folder, and nothing that is in the way is
// touched. BEP03-META-013
func TestDoor(t *testing.T) {
	for _, path := range [][]string{
		{".."}, {"a", "..", "..", "b"}, {"a", "..", "b"}, {"/etc"}, {"a/b"}, {""}, {"."}, {"a\\b"}, {"a\x00b"},
		{".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.verified"},
	} {
		info := &metainfo.Info{PieceLength: 1, Files: []metainfo.File{{Path: path}}}
		dir := t.TempDir()
		if s, err := Open(dir, info, Options{}); err == nil {
			s.Close()
			t.Errorf("%q is opened", path)
		}
		if list, _ := os.ReadDir(dir); len(list) != 0 {
			t.Errorf("%q makes %v", path, list)
		}
	}
	c := make4(t, metainfo.V1)
	for name, c2 := range map[string]struct {
		prepare func(dir, outside string) error
		says    string
	}{
		"link to a folder outside": {func(dir, outside string) error {
			return os.Symlink(outside, filepath.Join(dir, "torrent"))
		}, "escapes"},
		"link to a file outside": {func(dir, outside string) error {
			os.Mkdir(filepath.Join(dir, "torrent"), 0o755)
			return os.Symlink(filepath.Join(outside, "victim"), filepath.Join(dir, "torrent", "a"))
		}, "escapes"},
		"folder": {func(dir, outside string) error {
			return os.MkdirAll(filepath.Join(dir, "torrent", "a"), 0o755)
		}, "is no file"},
		"longer file": {func(dir, outside string) error {
			os.Mkdir(filepath.Join(dir, "torrent"), 0o755)
			return os.WriteFile(filepath.Join(dir, "torrent", "a"), []byte("longer"), 0o644)
		}, "another file is in the way"},
		"file for a folder": {func(dir, outside string) error {
			return os.WriteFile(filepath.Join(dir, "torrent"), []byte("file"), 0o644)
		}, "torrent: "},
	} {
		dir, outside := t.TempDir(), t.TempDir()
		if err := c2.prepare(dir, outside); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, c.info, Options{})
		if err == nil || !strings.Contains(err.Error(), c2.says) {
			t.Errorf("%s: %v, want %q", name, err, c2.says)
		}
		if err == nil {
			s.Close()
		}
		if list, _ := os.ReadDir(outside); len(list) != 0 {
			t.Errorf("%s: %v is outside", name, list)
		}
	}
}

// TestLinks are made inside the torrent's folder. BEP47-PAD-004
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	c := makeContent(t, metainfo.V1, blockSize, []metainfo.File{
		{Path: []string{"a"}, Length: 5},
		{Path: []string{"b", "link"}, Symlink: []string{"a"}},
	})
	for range 2 {
		s := mustOpen(t, dir, c)
		if have := s.Have(); have[0] == 0 {
			c.fill(t, s, 0)
		}
		mustClose(t, s)
	}
	got, err := os.ReadFile(filepath.Join(dir, "torrent", "b", "link"))
	if err != nil || !bytes.Equal(got, c.bytes) {
		t.Errorf("through the link: %q, %v", got, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "torrent", "b", "link")); target != "../a" || err != nil {
		t.Errorf("the link leads to %q, %v", target, err)
	}
}

// TestMoreFilesThanAreOpen at once.
func TestMoreFilesThanAreOpen(t *testing.T) {
	var list []metainfo.File
	for i := range 2*maxOpen + 3 {
		list = append(list, metainfo.File{Path: []string{string(rune('a'+i/26)) + string(rune('a'+i%26))}, Length: 9})
	}
	c, dir := makeContent(t, metainfo.V1, 64, list), t.TempDir()
	s := mustOpen(t, dir, c)
	for _, i := range c.all() {
		c.fill(t, s, i)
	}
	if n := len(s.files.open); n > maxOpen {
		t.Errorf("%d files are open", n)
	}
	used := make([]*handle, len(list))
	for i := range used {
		var err error
		if used[i], err = s.files.acquire(i); err != nil {
			t.Fatal(err)
		}
	}
	for i, h := range used {
		if _, err := h.ReadAt(make([]byte, 1), 0); err != nil {
			t.Errorf("file %d, which is in use: %v", i, err)
		}
		s.files.release(i, h)
	}
	mustClose(t, s)
	c.expect(t, mustOpen(t, dir, c), c.all()...)
}

// TestVanished: a file that somebody removes is missed by the next Verify, and
// made again by the next Open.
func TestVanished(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	for _, i := range c.all() {
		c.fill(t, s, i)
	}
	if err := os.Remove(filepath.Join(dir, "torrent", "f")); err != nil {
		t.Fatal(err)
	}
	last := int32(c.info.Pieces() - 1)
	if ok, err := s.Verify(last); ok || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("verification: %v, %v", ok, err)
	}
	if err := s.Load(last, 0, make([]byte, 1)); !errors.Is(err, ErrUnverified) {
		t.Errorf("load: %v", err)
	}
	if err := s.Store(last, 0, []byte{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("store: %v", err)
	}
	if err := s.Close(); !errors.Is(err, fs.ErrNotExist) { // what was stored is lost
		t.Errorf("close: %v", err)
	}
	s = mustOpen(t, dir, c)
	c.expect(t, s, 0)
	for _, i := range c.all()[1:] {
		c.fill(t, s, i)
	}
}

// TestReplaced: another file under the name is what Verify looks at.
func TestReplaced(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	c.fill(t, s, 0)
	name := filepath.Join(dir, "torrent", "a")
	if err := os.WriteFile(name+".other", []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".other", name); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Verify(0); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	c.fill(t, s, 0)
	c.expect(t, s, 0)
}

// TestTruncated: what is cut off is an error, and can be fetched again.
func TestTruncated(t *testing.T) {
	c, dir := make4(t, metainfo.V2), t.TempDir()
	s := mustOpen(t, dir, c)
	for _, i := range c.all() {
		c.fill(t, s, i)
	}
	if err := os.Truncate(filepath.Join(dir, "torrent", "f"), blockSize); err != nil {
		t.Fatal(err)
	}
	last := int32(c.info.Pieces() - 1)
	err := s.Load(last, 0, make([]byte, 1))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "torrent/f ends at byte") {
		t.Errorf("load: %v", err)
	}
	if ok, err := s.Verify(last); ok || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("verification: %v, %v", ok, err)
	}
	if err := s.Load(last, 0, make([]byte, 1)); !errors.Is(err, ErrUnverified) {
		t.Errorf("load: %v", err)
	}
	c.fill(t, s, last)
	if ok, err := s.Verify(last - 1); ok || err != nil { // a hole is there now
		t.Errorf("verification of the piece before: %v, %v", ok, err)
	}
	c.fill(t, s, last-1)
	c.expect(t, s, c.all()...)
}

// TestReplacedBeforeVerify: what was hashed as it was stored is not what lies
// there when another file has taken the name, or the end is cut off.
func TestReplacedBeforeVerify(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	name := filepath.Join(dir, "torrent", "b", "c", "d")
	for what, change := range map[string]func() error{
		"cut off": func() error { return os.Truncate(name, 9) },
		"replaced": func() error {
			return errors.Join(os.WriteFile(name+".other", make([]byte, 3*blockSize+7), 0o644), os.Rename(name+".other", name))
		},
	} {
		if err := s.Store(0, 0, c.piece(0)); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if ok, _ := s.Verify(0); ok {
			t.Errorf("a piece is verified whose file was %s", what)
		}
	}
	c.fill(t, s, 0)
	c.expect(t, s, 0)
}

// TestStoredPadding: padding is zeros, whatever was stored there.
func TestStoredPadding(t *testing.T) {
	c := make4(t, metainfo.Hybrid)
	s := mustOpen(t, t.TempDir(), c)
	b := bytes.Clone(c.piece(0))
	b[len(b)-1] = 1 // of the padding behind the file "a"
	for begin := int32(0); begin < int32(len(b)); begin += blockSize {
		if err := s.Store(0, begin, b[begin:begin+blockSize]); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := s.Verify(0); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// counted is a file that counts how many bytes are read of it.
type counted struct {
	file
	bytes *int
}

func (f counted) ReadAt(b []byte, at int64) (int, error) {
	*f.bytes += len(b)
	return f.file.ReadAt(b, at)
}

// TestVerifyReadsWhatItHasNotSeen: what is stored in its order is hashed as it
// comes, and only what comes after a gap is read back.
func TestVerifyReadsWhatItHasNotSeen(t *testing.T) {
	for _, version := range []metainfo.Version{metainfo.V1, metainfo.V2, metainfo.Hybrid} {
		c := makeContent(t, version, 4*blockSize, []metainfo.File{{Path: []string{"a"}, Length: 20 * blockSize}})
		s := mustOpen(t, t.TempDir(), c)
		read := 0
		s.files.wrap = func(_ string, f file) file { return counted{f, &read} }
		for i, order := range [][]int32{{0, 1, 2, 3}, {0, 1, 3, 2}, {3, 2, 1, 0}, {0, 1, 1, 2, 3}, {1, 0, 2, 3}} {
			for _, n := range order {
				begin := n * blockSize
				if err := s.Store(int32(i), begin, c.piece(int32(i))[begin:begin+blockSize]); err != nil {
					t.Fatal(err)
				}
			}
			read = 0
			if ok, err := s.Verify(int32(i)); !ok || err != nil {
				t.Fatalf("%v: piece %d: %v, %v", version, i, ok, err)
			}
			if want := []int{0, 1, 3, 4, 3}[i] * blockSize; read != want {
				t.Errorf("%v, in the order %v: %d bytes were read, want %d", version, order, read, want)
			}
		}
		mustClose(t, s)
	}
}
