package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// TestAnyOrder: whatever is stored, and however often the store is closed, is
// left as by a crash, or its files are damaged meanwhile, a piece can be loaded
// exactly if Verify has looked at it since, and then is what Verify said.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	versions := map[metainfo.Version]content{}
	for _, v := range []metainfo.Version{metainfo.V1, metainfo.V2, metainfo.Hybrid} {
		versions[v] = make4(t, v)
	}
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]metainfo.Version{metainfo.V1, metainfo.V2, metainfo.Hybrid}).Draw(t, "version")
		c := versions[version]
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		w := &world{
			c: c, dir: dir, disk: make([]byte, len(c.bytes)),
			verified: make(map[int32]bool), wrong: make(map[int32]bool),
		}
		w.open(t)
		defer func() { w.s.Close() }() // the one that is open last
		t.Repeat(map[string]func(*rapid.T){
			"store": w.store, "verify": w.verify, "complete": w.complete, "stream": w.stream, "reopen": w.reopen, "": w.check,
		})
	})
}

// world is a store and what should be in it.
type world struct {
	c        content
	dir      string
	s        *Store
	disk     []byte // the address space
	verified map[int32]bool
	wrong    map[int32]bool // verification failed, and nothing was stored since
}

func (w *world) open(t *rapid.T) {
	var err error
	if w.s, err = Open(w.dir, w.c.info, Options{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) piece(t *rapid.T) int32 {
	return rapid.Int32Range(0, int32(w.c.info.Pieces()-1)).Draw(t, "piece")
}

// right reports whether a piece lies on the disk as it should. Padding is.
func (w *world) right(i int32) bool {
	start := int64(i) * w.c.info.PieceLength
	return bytes.Equal(w.disk[start:start+int64(len(w.c.piece(i)))], w.c.piece(i))
}

func (w *world) store(t *rapid.T) {
	i := w.piece(t)
	b := bytes.Clone(w.c.piece(i))
	begin := rapid.IntRange(0, len(b)-1).Draw(t, "begin")
	b = b[begin : begin+rapid.IntRange(1, len(b)-begin).Draw(t, "length")]
	if rapid.Bool().Draw(t, "wrong") {
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")]++
	}
	w.put(t, i, begin, b)
}

func (w *world) put(t *rapid.T, i int32, begin int, b []byte) {
	err := w.s.Store(i, int32(begin), b)
	if w.verified[i] {
		if !errors.Is(err, ErrVerified) {
			t.Fatalf("piece %d is verified, but %v", i, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wrong[i] = false
	copy(w.disk[int64(i)*w.c.info.PieceLength+int64(begin):], b)
	for _, f := range w.c.info.Files {
		if f.Pad {
			clear(w.disk[f.Offset : f.Offset+f.Length])
		}
	}
}

func (w *world) verify(t *rapid.T) {
	i := w.piece(t)
	ok, err := w.s.Verify(i)
	if err != nil || ok != w.right(i) {
		t.Fatalf("piece %d is %v, %v, want %v", i, ok, err, w.right(i))
	}
	w.verified[i], w.wrong[i] = ok, !ok
}

// stream stores the blocks of a piece in their order, some wrong, some twice and
// some not at all.
func (w *world) stream(t *rapid.T) {
	i := w.piece(t)
	for begin := 0; begin < len(w.c.piece(i)) && !w.verified[i]; begin += blockSize {
		right := w.c.piece(i)[begin:min(begin+blockSize, len(w.c.piece(i)))]
		for range rapid.SampledFrom([]int{1, 1, 1, 1, 2, 0}).Draw(t, "times") {
			b := bytes.Clone(right)
			if rapid.IntRange(0, 5).Draw(t, "wrong") == 5 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")]++
			}
			w.put(t, i, begin, b)
		}
	}
}

// complete stores and verifies a piece at once, which random blocks rarely do.
func (w *world) complete(t *rapid.T) {
	i := w.piece(t)
	if !w.verified[i] {
		if err := w.s.Store(i, 0, w.c.piece(i)); err != nil {
			t.Fatal(err)
		}
		copy(w.disk[int64(i)*w.c.info.PieceLength:], w.c.piece(i))
	}
	if ok, err := w.s.Verify(i); err != nil || ok != w.right(i) {
		t.Fatalf("piece %d: %v, %v", i, ok, err)
	} else {
		w.verified[i], w.wrong[i] = ok, !ok
	}
}

// reopen ends the store in one of three ways: each takes its time.
func (w *world) reopen(t *rapid.T) {
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		w.close(t)
	case 1:
		w.crash(t)
	default:
		w.damage(t)
	}
}

func (w *world) close(t *rapid.T) {
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.reopened(t)
}

// crash leaves everything as it is.
func (w *world) crash(t *rapid.T) {
	close(w.s.stop)
	w.s.recorder.Wait()
	if err := w.s.files.close(); err != nil {
		t.Fatal(err)
	}
	w.s.closed = true
	w.reopened(t)
}

// reopened wants every verified piece to be there that is right on the disk,
// and perhaps some that nobody had verified before.
func (w *world) reopened(t *rapid.T) {
	w.open(t)
	have := w.s.Have()
	for i := range int32(w.c.info.Pieces()) {
		has := have[i/8]&(0x80>>(i%8)) != 0
		if has && !w.right(i) || !has && w.verified[i] && w.right(i) {
			t.Fatalf("piece %d: have %v, it was verified: %v, and is right: %v", i, has, w.verified[i], w.right(i))
		}
		w.verified[i], w.wrong[i] = has, false
	}
}

// damage changes a byte of a file while the store is closed.
func (w *world) damage(t *rapid.T) {
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	f := rapid.SampledFrom(w.c.info.Files).Draw(t, "file")
	if f.Pad || f.Length == 0 {
		w.reopened(t)
		return
	}
	at := rapid.Int64Range(0, f.Length-1).Draw(t, "at")
	name := filepath.Join(append([]string{w.dir, "torrent"}, f.Path...)...)
	later := modifiedLater(t, name)
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w.disk[f.Offset+at]++
	if _, err := file.WriteAt(w.disk[f.Offset+at:f.Offset+at+1], at); err != nil {
		t.Fatal(err)
	}
	later()
	w.reopened(t)
}

func (w *world) check(t *rapid.T) {
	for i := range int32(w.c.info.Pieces()) {
		b := make([]byte, len(w.c.piece(i)))
		err := w.s.Load(i, 0, b)
		if w.verified[i] && (err != nil || !bytes.Equal(b, w.c.piece(i))) {
			t.Fatalf("piece %d is verified, but not right: %v", i, err)
		}
		if w.wrong[i] && (err != nil || !bytes.Equal(b, w.disk[int64(i)*w.c.info.PieceLength:][:len(b)])) {
			t.Fatalf("piece %d is wrong, but not as it was stored: %v", i, err)
		}
		if !w.verified[i] && !w.wrong[i] && !errors.Is(err, ErrUnverified) {
			t.Fatalf("piece %d is given away: %v", i, err)
		}
	}
}

// modifiedLater returns what makes a file look as if it had been written to
// after now, which a coarse clock may not show by itself.
func modifiedLater(t *rapid.T, name string) func() {
	found, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		mtime := found.ModTime().Add(1)
		if err := os.Chtimes(name, mtime, mtime); err != nil {
			t.Fatal(err)
		}
	}
}
