package storage

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// spoil changes a byte of a file behind the store's back, and lets it look as
// if it had been written to at the given time.
func spoil(t *testing.T, name string, at int64, mtime time.Time) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0]++
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chtimes(name, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

func modified(t *testing.T, name string) time.Time {
	t.Helper()
	found, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return found.ModTime()
}

// TestRecord is believed for the files that it describes, and for no other.
func TestRecord(t *testing.T) {
	c := makeContent(t, metainfo.V2, blockSize, []metainfo.File{
		{Path: []string{"a"}, Length: 2 * blockSize}, {Path: []string{"b"}, Length: 2 * blockSize},
	})
	complete := func() (dir, a, b string) {
		dir = t.TempDir()
		s := mustOpen(t, dir, c)
		for _, i := range c.all()[:3] {
			c.fill(t, s, i)
		}
		c.store(t, s, 3) // and not verified
		mustClose(t, s)
		return dir, filepath.Join(dir, "torrent", "a"), filepath.Join(dir, "torrent", "b")
	}
	have := func(dir string) byte { return mustOpen(t, dir, c).Have()[0] }

	dir, a, b := complete()
	spoil(t, a, 0, modified(t, a))
	if got := have(dir); got != 0b1110_0000 {
		t.Errorf("nothing seems to have changed: %08b", got)
	}
	dir, a, b = complete()
	spoil(t, a, 0, time.Now().Add(time.Hour))
	spoil(t, b, 0, modified(t, b))
	if got := have(dir); got != 0b0110_0000 {
		t.Errorf("file a has changed: %08b", got)
	}
	dir, a, b = complete()
	spoil(t, a, 0, time.Unix(0, 0)) // which is also how a record says that it does not know
	s := mustOpen(t, dir, c)
	if err := s.writeRecord(record{true, []int64{0, modified(t, b).UnixNano()}, []byte{0b1110_0000}}); err != nil {
		t.Fatal(err)
	}
	if got := have(dir); got != 0b0110_0000 {
		t.Errorf("nothing is known of file a: %08b", got)
	}
	dir, _, b = complete()
	mtime := modified(t, b)
	if err := os.Truncate(b, blockSize+5); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(b, mtime, mtime); err != nil {
		t.Fatal(err)
	}
	if got := have(dir); got != 0b1110_0000 {
		t.Errorf("file b was cut behind its first piece: %08b", got)
	}
	if found, err := os.Stat(b); err != nil || found.Size() != 2*blockSize {
		t.Errorf("file b has %d bytes again, %v", found.Size(), err)
	}
	for name, change := range map[string]func(record []byte) []byte{
		"absent":  func([]byte) []byte { return nil },
		"cut":     func(r []byte) []byte { return r[:len(r)-1] },
		"flipped": func(r []byte) []byte { r[len(r)-33] ^= 0x10; return r },
		"foreign": func(r []byte) []byte { // the one of another torrent
			r[len(recordMagic)]++
			sum := sha256.Sum256(r[:len(r)-sha256.Size])
			return append(r[:len(r)-sha256.Size], sum[:]...)
		},
	} {
		dir, a, _ := complete()
		spoil(t, a, 0, modified(t, a))
		record, err := filepath.Glob(filepath.Join(dir, ".*"+recordSuffix))
		if err != nil || len(record) != 1 {
			t.Fatal(record, err)
		}
		before, err := os.ReadFile(record[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(record[0], change(before), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := have(dir); got != 0b0111_0000 { // all is hashed, and so is piece 3
			t.Errorf("the record is %s: %08b", name, got)
		}
	}
}

// TestLateVerification: a piece that is verified after the record was made, and
// without another write to its file, is not lost.
func TestLateVerification(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	c.store(t, s, 0)
	s.schedule.quiet = 0
	if err := s.record(false); err != nil {
		t.Fatal(err)
	}
	c.fill(t, s, 1)
	c.expect(t, s, 1)
	if err := s.record(false); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Verify(0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	c.expect(t, mustOpen(t, dir, c), 0, 1) // as after a crash
	mustClose(t, s)
	s = mustOpen(t, dir, c)
	c.expect(t, s, 0, 1)
	if r, ok := s.readRecord(); !ok || r.closed {
		t.Errorf("the record says that an open store is closed: %+v", r)
	}
}

// TestDamageIsForgotten: a piece that was verified, and is not any more, is in
// no record on the disk when Verify returns.
func TestDamageIsForgotten(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	c.fill(t, s, 0)
	if err := s.record(true); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, s.recordName())
	if _, err := os.Stat(name); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(dir, "torrent", "a"), 0, time.Now())
	if ok, err := s.Verify(0); ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the record is still there: %v", err)
	}
}

// TestBusyFiles are not described while they are written to, and are as soon
// as they have been quiet.
func TestBusyFiles(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	c.fill(t, s, 0)
	mtimes, settled, err := s.files.sync(time.Hour)
	if err != nil || settled || mtimes[0] != 0 {
		t.Errorf("just written: %v, %v, %v", mtimes, settled, err)
	}
	past := time.Now().Add(-2 * time.Hour)
	for i := range s.files.state {
		s.files.state[i].mtime = past
	}
	mtimes, settled, err = s.files.sync(time.Hour)
	if err != nil || !settled || mtimes[0] != past.UnixNano() {
		t.Errorf("quiet: %v, %v, %v", mtimes, settled, err)
	}
}

// TestRecordIsKept while the store is open.
func TestRecordIsKept(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s, err := open(dir, c.info, Options{}, schedule{every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c.fill(t, s, 0)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.recording.Lock()
		r, ok := s.readRecord()
		s.recording.Unlock()
		if ok && r.have[0] == 0x80 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("there is a record: %v; %+v", ok, r)
		}
	}
}

// faulty is a file on a disk that fails.
type faulty struct {
	file
	disk *disk
}

type disk struct {
	room   int // bytes until the disk is full; negative is without a limit
	broken error
}

func (f faulty) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.room < 0 {
		return f.file.WriteAt(b, at)
	}
	n, err := f.file.WriteAt(b[:min(len(b), f.disk.room)], at)
	if f.disk.room -= n; err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f faulty) Sync() error {
	if f.disk.broken != nil {
		return f.disk.broken
	}
	return f.file.Sync()
}

func onDisk(s *Store, d *disk) { s.files.wrap = func(_ string, f file) file { return faulty{f, d} } }

// TestDiskFull: the reason is given, what was verified is there, and it goes on
// when there is room again.
func TestDiskFull(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	d := &disk{room: 3*blockSize + 100}
	onDisk(s, d)
	c.fill(t, s, 0)
	full := false
	for at, b := range blocks(c.piece(1)) {
		if err := s.Store(1, at, b); err != nil {
			full = errors.Is(err, syscall.ENOSPC)
		}
	}
	if !full {
		t.Error("nobody says that the disk is full")
	}
	if ok, err := s.Verify(1); ok || err != nil {
		t.Errorf("half a piece: %v, %v", ok, err)
	}
	d.room = -1
	c.fill(t, s, 1)
	c.expect(t, s, 0, 1)
	mustClose(t, s)
	c.expect(t, mustOpen(t, dir, c), 0, 1)
}

// TestDiskBreaks: what may not have reached the disk is in no record, and
// nothing more is stored; the next Open finds out what is there.
func TestDiskBreaks(t *testing.T) {
	c, dir := make4(t, metainfo.V1), t.TempDir()
	s := mustOpen(t, dir, c)
	d := &disk{room: -1}
	onDisk(s, d)
	c.fill(t, s, 0)
	d.broken = syscall.EIO
	if err := s.record(false); !errors.Is(err, syscall.EIO) {
		t.Errorf("record: %v", err)
	}
	d.broken = nil // a second attempt would succeed, and mean nothing
	if err := s.Store(1, 0, c.piece(1)); !errors.Is(err, syscall.EIO) {
		t.Errorf("store: %v", err)
	}
	c.expect(t, s, 0)
	if mtimes, _, err := s.files.sync(0); err != nil || mtimes[0] != 0 {
		t.Errorf("a record would describe %v, %v", mtimes, err)
	}
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v", err)
	}
	spoil(t, filepath.Join(dir, "torrent", "b", "c", "d"), 0, modified(t, filepath.Join(dir, "torrent", "b", "c", "d")))
	c.expect(t, mustOpen(t, dir, c))
}
