package storage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// Errors that callers may look for with errors.Is. None changes the state.
var (
	// ErrUnverified refuses to load from a piece of which nobody knows whether
	// it is right.
	ErrUnverified = errors.New("the piece is not verified")
	// ErrVerified refuses to store into a piece that has been verified.
	ErrVerified = errors.New("the piece is verified already")
	// ErrRange refuses a block that is not inside its piece.
	ErrRange = errors.New("the block is not inside its piece")
	// ErrReadOnly refuses to store into what was opened read-only.
	ErrReadOnly = errors.New("the store is read-only")
	// ErrClosed refuses everything after Close.
	ErrClosed = errors.New("the store is closed")
)

// Options of [Open].
type Options struct {
	// ReadOnly serves what is there and changes nothing: no file is made, and
	// no record is kept.
	ReadOnly bool
}

// stripes is the number of locks that the pieces share: enough that callers
// who work on different pieces rarely meet.
const stripes = 64

// schedule says when the verified pieces are recorded.
type schedule struct {
	// every is the time between two records. A crash costs a new hash of the
	// files that were written to since the last one.
	every time.Duration
	// quiet is how long a file must not have been written to before a record
	// describes it. File systems tell writes apart by a clock that may stand
	// for this long, so that a later write might not be seen.
	quiet time.Duration
}

// Store keeps the content of one torrent in the files of a folder. All
// methods may be called at once; each takes effect at one instant, as far as a
// piece is concerned.
type Store struct {
	info     *metainfo.Info
	files    *files
	readOnly bool
	schedule schedule

	// life is held for reading by every call, so that Close waits for them.
	life   sync.RWMutex
	closed bool

	// locks guard the pieces, piece i by locks[i%stripes]: Load shares, Store
	// and Verify do not.
	locks [stripes]sync.RWMutex

	// recording guards the record on the disk. It is taken before mu.
	recording sync.Mutex
	recorder  sync.WaitGroup
	stop      chan struct{}

	mu      sync.Mutex // guards what follows
	have    []byte     // the verified pieces, as a bitfield
	changed bool       // since the last record
	failure error      // data could not be brought to the disk

	// wrong are the pieces whose verification failed, and that have not been
	// stored to since.
	wrong map[int32]bool

	// hashing has what was hashed of pieces as it was stored. A hasher is its
	// piece's lock's.
	hashing map[int32]*hasher
}

// Open opens the files of a torrent in a folder and finds out which pieces are
// there: those of the record, if the files are as the record describes them,
// and else by their hashes. It makes files that are missing, sparse and with
// their full length; files that are too short are extended.
//
// It fails if a path leads out of the folder, if something that is no file or
// a longer file is in the way, and if files cannot be made.
func Open(dir string, info *metainfo.Info, opt Options) (*Store, error) {
	return open(dir, info, opt, schedule{every: 5 * time.Second, quiet: 2 * time.Second})
}

func open(dir string, info *metainfo.Info, opt Options, when schedule) (*Store, error) {
	if !opt.ReadOnly {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("storage: %w", err)
		}
	}
	f, err := openFiles(dir, info, opt.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	s := &Store{
		info: info, files: f, readOnly: opt.ReadOnly, schedule: when,
		stop: make(chan struct{}), have: make([]byte, (info.Pieces()+7)/8),
		wrong: make(map[int32]bool), hashing: make(map[int32]*hasher),
	}
	s.resume()
	if opt.ReadOnly {
		return s, nil
	}
	// From here on the record of the last Close may be wrong.
	if err := s.record(false); err != nil {
		if err := s.forget(); err != nil {
			return nil, errors.Join(fmt.Errorf("storage: %w", err), f.close())
		}
	}
	s.recorder.Go(s.keepRecord)
	return s, nil
}

// Load fills b from begin of a piece that is verified. It does so also of a
// piece whose verification failed, until something is stored to it, so that
// the bad block can be found.
func (s *Store) Load(piece, begin int32, b []byte) error {
	lock, err := s.enter(piece, begin, len(b))
	if err != nil {
		return fmt.Errorf("storage: load of piece %d: %w", piece, err)
	}
	defer s.life.RUnlock()
	lock.RLock()
	defer lock.RUnlock()
	if !s.known(piece) {
		return fmt.Errorf("storage: load of piece %d: %w", piece, ErrUnverified)
	}
	if err := s.files.read(b, s.address(piece, begin)); err != nil {
		return fmt.Errorf("storage: load of piece %d: %w", piece, err)
	}
	return nil
}

// Store writes b, which it does not keep, at begin of a piece that is not
// verified. What lies in a padding file is dropped: it is zeros. After an
// error a part of b may have been written.
func (s *Store) Store(piece, begin int32, b []byte) error {
	lock, err := s.enter(piece, begin, len(b))
	if err != nil {
		return fmt.Errorf("storage: store to piece %d: %w", piece, err)
	}
	defer s.life.RUnlock()
	lock.Lock()
	defer lock.Unlock()
	if err := s.changing(piece); err != nil {
		return fmt.Errorf("storage: store to piece %d: %w", piece, err)
	}
	if err := s.files.write(b, s.address(piece, begin)); err != nil {
		s.unfollow(piece)
		return fmt.Errorf("storage: store to piece %d: %w", piece, err)
	}
	s.follow(piece, begin, b)
	return nil
}

// Verify hashes a piece as it was stored, or as it is on the disk, and reports
// whether it has the hashes that the torrent promises. With an error nothing is
// known about the piece.
func (s *Store) Verify(piece int32) (bool, error) {
	lock, err := s.enter(piece, 0, 0)
	if err != nil {
		return false, fmt.Errorf("storage: verification of piece %d: %w", piece, err)
	}
	defer s.life.RUnlock()
	lock.Lock()
	defer lock.Unlock()
	ok, err := s.check(piece)
	if err := errors.Join(err, s.mark(piece, ok, err == nil)); err != nil {
		return false, fmt.Errorf("storage: verification of piece %d: %w", piece, err)
	}
	return ok, nil
}

// Have returns the verified pieces as a new bitfield, the highest bit of its
// first byte for piece 0.
func (s *Store) Have() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.have)
}

// Close waits for calls that have begun, brings everything to the disk and
// records the verified pieces. It fails if that fails; the files are closed
// all the same, and a later Open hashes them.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return fmt.Errorf("storage: %w", ErrClosed)
	}
	s.closed = true
	close(s.stop)
	s.recorder.Wait()
	var err error
	if !s.readOnly {
		err = s.record(true)
	}
	return errors.Join(err, s.files.close())
}

// enter begins a call: it holds the store open, by life, and returns the lock
// of the piece.
func (s *Store) enter(piece, begin int32, n int) (*sync.RWMutex, error) {
	if piece < 0 || int(piece) >= s.info.Pieces() || begin < 0 ||
		int64(begin)+int64(n) > s.info.PieceSize(int(piece)) {
		return nil, ErrRange
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return nil, ErrClosed
	}
	return &s.locks[piece%stripes], nil
}

// address is the place of a block in the torrent's address space.
func (s *Store) address(piece, begin int32) int64 {
	return int64(piece)*s.info.PieceLength + int64(begin)
}

// has reports whether a piece is verified. The caller holds mu.
func (s *Store) has(piece int32) bool { return s.have[piece/8]&(0x80>>(piece%8)) != 0 }

// known reports whether somebody knows if a piece is right.
func (s *Store) known(piece int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(piece) || s.wrong[piece]
}

// changing says that a piece is about to be stored to, if it may be.
func (s *Store) changing(piece int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.readOnly:
		return ErrReadOnly
	case s.has(piece):
		return ErrVerified
	case s.failure != nil:
		return s.failure
	}
	delete(s.wrong, piece)
	return nil
}

// mark says whether a piece is verified from now on, and if that is certain. A
// piece that has been, and is no longer, must not be found in a record: that
// goes first.
func (s *Store) mark(piece int32, ok, certain bool) error {
	var err error
	s.mu.Lock()
	before := s.has(piece)
	s.mu.Unlock()
	if before && !ok {
		s.recording.Lock()
		defer s.recording.Unlock()
		err = s.forget()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before != ok {
		s.have[piece/8] ^= 0x80 >> (piece % 8)
		s.changed = true
	}
	delete(s.wrong, piece)
	if !ok && certain {
		s.wrong[piece] = true
	}
	return err
}
