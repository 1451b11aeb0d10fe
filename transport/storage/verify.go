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

// hasher is the memory for one verification.
type hasher struct {
	buf    [chunk]byte
	sum    hash.Hash
	leaves [][sha256.Size]byte
}

// hashers are kept from one verification to the next.
var hashers = sync.Pool{New: func() any { return &hasher{sum: sha1.New()} }}

// check hashes a piece and compares it with every hash that is known of it.
// BEP03-PEER-042, BEP52-META-003, BEP52-META-010
func (s *Store) check(piece int32) (bool, error) {
	i := int(piece)
	want, hasHash := s.info.PieceHash(i)
	root, hasRoot := s.info.PieceRoot(i)
	if !hasHash && !hasRoot {
		return false, errNoHash
	}
	if err := s.renew(piece); err != nil {
		return false, err
	}
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	h.sum.Reset()
	h.leaves = h.leaves[:0]

	f := &s.info.Files[s.info.PieceFile(i)]
	start, size := s.address(piece, 0), s.info.PieceSize(i)
	content := min(size, f.Offset+f.Length-start) // of the one file that a root covers
	for at := int64(0); at < size; at += chunk {
		b := h.buf[:min(chunk, size-at)]
		if err := s.files.read(b, start+at); err != nil {
			return false, err
		}
		if hasHash {
			h.sum.Write(b)
		}
		if hasRoot {
			h.addLeaves(b[:max(0, min(int64(len(b)), content-at))])
		}
	}
	var sum [sha1.Size]byte
	if hasHash && [sha1.Size]byte(h.sum.Sum(sum[:0])) != want {
		return false, nil
	}
	if !hasRoot {
		return true, nil
	}
	blocks := (min(f.Length, s.info.PieceLength) + metainfo.BlockSize - 1) / metainfo.BlockSize
	width := 1 << bits.Len64(uint64(blocks-1))
	return metainfo.MerkleRoot(h.leaves, 0, width) == root, nil
}

// addLeaves appends the hashes of the blocks of b.
func (h *hasher) addLeaves(b []byte) {
	for len(b) > 0 {
		n := min(len(b), metainfo.BlockSize)
		h.leaves = append(h.leaves, sha256.Sum256(b[:n]))
		b = b[n:]
	}
}

// renew looks at the names of a piece's files again.
func (s *Store) renew(piece int32) error {
	var err error
	s.eachFile(piece, func(i int) bool {
		err = s.files.renew(i)
		return err == nil
	})
	return err
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
