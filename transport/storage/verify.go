package storage

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// chunk is how many bytes are read and hashed at a time: a whole number of
// blocks that stays in the processor's cache.
const chunk = 8 * metainfo.BlockSize

// errNoHash is a version 2 torrent without the layer that the piece is in.
var errNoHash = errors.New("no hash of the piece is known")

// hasher has the hashes of the first bytes of a piece.
type hasher struct {
	done   int64 // how many bytes
	v1     bool  // the piece has a hash of version 1
	sum    hash.Hash
	root   bool                // it is in a tree
	tree   int64               // its bytes that the tree covers
	leaves [][sha256.Size]byte // of the blocks
}

// hashers and chunks are kept from one verification to the next.
var (
	hashers = sync.Pool{New: func() any { return &hasher{sum: sha1.New()} }}
	chunks  = sync.Pool{New: func() any { return new([chunk]byte) }}
)

// hasher returns one that has hashed nothing of a piece yet.
func (s *Store) hasher(piece int32) *hasher {
	h := hashers.Get().(*hasher)
	h.done, h.leaves = 0, h.leaves[:0]
	h.sum.Reset()
	_, h.v1 = s.info.PieceHash(int(piece))
	_, h.root = s.info.PieceRoot(int(piece))
	f := &s.info.Files[s.info.PieceFile(int(piece))]
	h.tree = f.Offset + f.Length - s.address(piece, 0) // of the one file that a root covers
	return h
}

// add hashes the bytes that follow: whole blocks, unless they end the piece.
func (h *hasher) add(b []byte) {
	if h.v1 {
		h.sum.Write(b)
	}
	if h.root {
		for leaf := b[:max(0, min(int64(len(b)), h.tree-h.done))]; len(leaf) > 0; {
			n := min(len(leaf), metainfo.BlockSize)
			h.leaves = append(h.leaves, sha256.Sum256(leaf[:n]))
			leaf = leaf[n:]
		}
	}
	h.done += int64(len(b))
}

// maxHashing bounds the pieces of which the beginning is hashed. Of any more that
// are begun at once, all is read when they are verified.
const maxHashing = 256

// follow hashes what was stored while it is in the processor's cache, if all that
// is before it in the piece was hashed so. The rest is read when the piece is
// verified. The caller has the piece's lock.
func (s *Store) follow(piece, begin int32, b []byte) {
	s.mu.Lock()
	h := s.hashing[piece]
	if h == nil && begin == 0 && len(s.hashing) < maxHashing {
		h = s.hasher(piece)
		s.hashing[piece] = h
	}
	s.mu.Unlock()
	whole := len(b)%metainfo.BlockSize == 0 || int64(begin)+int64(len(b)) == s.info.PieceSize(int(piece))
	switch {
	case h == nil || int64(begin) > h.done:
	case int64(begin) < h.done: // what was hashed is there no longer
		s.unfollow(piece)
	case whole && !s.files.padded(b, s.address(piece, begin)):
		h.add(b)
	}
}

// unfollow takes out what was hashed of a piece; nil: nothing was.
func (s *Store) unfollow(piece int32) *hasher {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hashing[piece]
	delete(s.hashing, piece)
	return h
}

// check hashes a piece and compares it with every hash that is known of it.
// BEP03-PEER-042, BEP52-META-003, BEP52-META-010
func (s *Store) check(piece int32) (bool, error) {
	i := int(piece)
	want, hasHash := s.info.PieceHash(i)
	root, hasRoot := s.info.PieceRoot(i)
	if !hasHash && !hasRoot {
		return false, errNoHash
	}
	h := s.unfollow(piece)
	same, err := s.renew(piece)
	if err != nil {
		return false, err
	}
	if h == nil || !same {
		h = s.hasher(piece)
	}
	defer hashers.Put(h)
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	for size := s.info.PieceSize(i); h.done < size; {
		b := buf[:min(chunk, size-h.done)]
		if err := s.files.read(b, s.address(piece, 0)+h.done); err != nil {
			return false, err
		}
		h.add(b)
	}
	var sum [sha1.Size]byte
	if hasHash && [sha1.Size]byte(h.sum.Sum(sum[:0])) != want {
		return false, nil
	}
	if !hasRoot {
		return true, nil
	}
	f := &s.info.Files[s.info.PieceFile(i)]
	blocks := (min(f.Length, s.info.PieceLength) + metainfo.BlockSize - 1) / metainfo.BlockSize
	width := 1 << bits.Len64(uint64(blocks-1))
	return metainfo.MerkleRoot(h.leaves, 0, width) == root, nil
}

// renew looks at the names of a piece's files again, and reports whether all are
// the files that were written to.
func (s *Store) renew(piece int32) (same bool, err error) {
	same = true
	s.eachFile(piece, func(i int) bool {
		var one bool
		one, err = s.files.renew(i)
		same = same && one
		return err == nil
	})
	return same, err
}

// eachFile calls do for the files that have bytes of a piece, without padding
// files, until it says no.
func (s *Store) eachFile(piece int32, do func(i int) bool) {
	start := s.address(piece, 0)
	end := start + s.info.PieceSize(int(piece))
	for i := s.info.PieceFile(int(piece)); i < len(s.info.Files) && s.info.Files[i].Offset < end; i++ {
		if f := &s.info.Files[i]; f.Pad || f.Length == 0 || f.Offset+f.Length <= start {
			continue
		}
		if !do(i) {
			return
		}
	}
}

// rehash verifies pieces on all processors. What cannot be read is not there.
func (s *Store) rehash(pieces []int32) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(pieces) {
					return
				}
				if ok, err := s.check(pieces[n]); ok && err == nil {
					s.set(pieces[n])
				}
			}
		})
	}
	workers.Wait()
}

// set marks a piece as verified before anybody else knows the store.
func (s *Store) set(piece int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[piece/8] |= 0x80 >> (piece % 8)
	s.changed = true
}
