package storage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// The record of verified pieces is a file beside the content. It holds only if
// every file that it is about is as it describes it, so that nothing has to be
// written when a file changes: recordMagic, the info-hash (20 bytes), the
// number of files (4), whether the store was closed (1), when each file was
// written to last in nanoseconds since 1970 or 0 if that is not known (8 each),
// the verified pieces as a bitfield, and the SHA-256 of all that.
//
// Of a store that was not closed, pieces may have been verified after they were
// recorded. They are hashed again.
const recordMagic = "p2pspec verified pieces 1\n"

// record is what the file says.
type record struct {
	closed bool
	mtimes []int64
	have   []byte
}

// recordName is the record's name in the folder.
func (s *Store) recordName() string {
	hash := s.info.Hash20()
	return "." + hex.EncodeToString(hash[:]) + recordSuffix
}

const recordSuffix = ".verified"

// isRecordName reports whether a torrent's file could pass for the record of
// another torrent.
func isRecordName(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, recordSuffix)
}

// resume finds the verified pieces of files that were there before.
func (s *Store) resume() {
	r, ok := s.readRecord()
	var unknown []int32
	for piece := range int32(s.info.Pieces()) {
		described, empty := ok, false
		s.eachFile(piece, func(i int) bool {
			state := &s.files.state[i]
			described = described && r.mtimes[i] != 0 && state.mtime.UnixNano() == r.mtimes[i]
			empty = state.fresh
			return !empty
		})
		bit := byte(0x80 >> (piece % 8))
		switch {
		case empty:
		case described && r.have[piece/8]&bit != 0:
			s.have[piece/8] |= bit
		case !described || !r.closed:
			unknown = append(unknown, piece)
		}
	}
	s.rehash(unknown)
}

// keepRecord records what has changed now and then. A failure to write the
// record is no failure of the store; it is tried again.
func (s *Store) keepRecord() {
	ticker := time.NewTicker(s.schedule.every)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			if changed {
				_ = s.record(false)
			}
		}
	}
}

// record brings all data to the disk and then writes the record of the pieces
// that were verified before that. When the store is closed nobody writes any
// more, so that no file is too busy to be described.
func (s *Store) record(closed bool) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	s.mu.Lock()
	have := bytes.Clone(s.have)
	s.changed = false
	s.mu.Unlock()

	quiet := s.schedule.quiet
	if closed {
		quiet = 0
	}
	mtimes, settled, err := s.files.sync(quiet)
	written := s.writeRecord(record{closed, mtimes, have})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = s.changed || !settled || written != nil
	if err != nil && s.failure == nil {
		s.failure = fmt.Errorf("data may not have reached the disk: %w", err)
	}
	if err = errors.Join(s.failure, written); err != nil {
		err = fmt.Errorf("storage: %w", err)
	}
	return err
}

// sync brings the files that were written to to the disk, and returns for each
// file when it was written to last; 0 if that is not certain. settled says
// that a later record would not know more.
func (f *files) sync(quiet time.Duration) (mtimes []int64, settled bool, err error) {
	mtimes, settled = make([]int64, len(f.list)), true
	for i := range f.list {
		if f.names[i] == "" || f.list[i].Symlink != nil {
			continue
		}
		f.mu.Lock()
		dirty := f.state[i].dirty
		f.state[i].dirty = false // a write from here on sets it again
		f.mu.Unlock()
		if dirty {
			if failed := f.syncFile(i); failed != nil {
				err = errors.Join(err, failed)
			}
		}
		f.mu.Lock()
		switch state := &f.state[i]; {
		case state.lost || state.mtime.IsZero() || state.dirty:
			settled = settled && !state.dirty
		case quiet > 0 && time.Since(state.mtime) < quiet:
			settled = false
		default:
			mtimes[i] = state.mtime.UnixNano()
		}
		f.mu.Unlock()
	}
	return mtimes, settled, err
}

// syncFile brings one file to the disk. If that fails, nobody knows what is on
// the disk, whatever a later attempt says.
func (f *files) syncFile(i int) error {
	var found fs.FileInfo
	h, err := f.acquire(i)
	if err == nil {
		err = h.Sync()
		if err == nil {
			found, err = h.Stat()
		}
		f.release(i, h)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.state[i].lost = true
		return err
	}
	f.state[i].mtime = found.ModTime()
	return nil
}

func (s *Store) writeRecord(r record) error {
	b := append(s.recordHead(), 0)
	if r.closed {
		b[len(b)-1] = 1
	}
	for _, t := range r.mtimes {
		b = binary.BigEndian.AppendUint64(b, uint64(t))
	}
	b = append(b, r.have...)
	sum := sha256.Sum256(b)
	if err := s.files.replace(s.recordName(), append(b, sum[:]...)); err != nil {
		return fmt.Errorf("the record of verified pieces: %w", err)
	}
	return nil
}

func (s *Store) recordHead() []byte {
	hash := s.info.Hash20()
	b := append([]byte(recordMagic), hash[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(len(s.info.Files)))
}

// replace writes a file that is either the old one or the new one, whenever
// the power fails.
func (f *files) replace(name string, content []byte) error {
	next := name + ".new"
	out, err := f.root.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := f.root.Rename(next, name); err != nil {
		return err
	}
	return f.syncFolder()
}

// forget removes the record.
func (s *Store) forget() error {
	if s.readOnly {
		return nil
	}
	err := s.files.root.Remove(s.recordName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, s.files.syncFolder())
}

func (f *files) syncFolder() error {
	folder, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// readRecord reads the record; ok is false unless there is one of this torrent.
func (s *Store) readRecord() (r record, ok bool) {
	b, err := s.files.root.ReadFile(s.recordName())
	head := s.recordHead()
	files := len(s.info.Files)
	if err != nil || len(b) != len(head)+1+8*files+len(s.have)+sha256.Size || !bytes.HasPrefix(b, head) {
		return record{}, false
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(sum) {
		return record{}, false
	}
	r = record{closed: body[len(head)] == 1, mtimes: make([]int64, files)}
	body = body[len(head)+1:]
	for i := range r.mtimes {
		r.mtimes[i] = int64(binary.BigEndian.Uint64(body[8*i:]))
	}
	r.have = body[8*files:]
	return r, true
}
