package storage

import (
	"crypto/sha1"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// benchContent is 64 MiB in pieces of 1 MiB.
func benchContent(b *testing.B, version metainfo.Version) content {
	return makeContent(b, version, 1<<20, []metainfo.File{{Path: []string{"a"}, Length: 64 << 20}})
}

// BenchmarkVerify hashes pieces that lie in the system's cache: with one caller,
// and with one for each processor. Hashing bytes in memory is beside it, for
// the cost of reading; openssl speed -bytes 131072 sha1 is the figure of others.
func BenchmarkVerify(b *testing.B) {
	for _, v := range []struct {
		name    string
		version metainfo.Version
	}{{"sha1", metainfo.V1}, {"sha256", metainfo.V2}} {
		c := benchContent(b, v.version)
		s := mustOpen(b, b.TempDir(), c)
		for _, i := range c.all() {
			c.fill(b, s, i)
		}
		pieces := int32(c.info.Pieces())
		b.Run(v.name, func(b *testing.B) {
			b.SetBytes(c.info.PieceLength)
			b.ReportAllocs()
			for i := int32(0); b.Loop(); i++ {
				if ok, err := s.Verify(i % pieces); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run(v.name+"/parallel", func(b *testing.B) {
			b.SetBytes(c.info.PieceLength)
			var next atomic.Int32
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if ok, err := s.Verify(next.Add(1) % pieces); !ok || err != nil {
						b.Error(ok, err)
					}
				}
			})
		})
		mustClose(b, s)
	}
	b.Run("sha1/memory", func(b *testing.B) {
		chunks := make([]byte, chunk)
		b.SetBytes(chunk)
		for b.Loop() {
			sum := sha1.Sum(chunks)
			runtime.KeepAlive(sum)
		}
	})
}

// BenchmarkStore writes the blocks of a torrent in their order, without
// verification, over and over.
func BenchmarkStore(b *testing.B) {
	c := benchContent(b, metainfo.V1)
	s := mustOpen(b, b.TempDir(), c)
	b.SetBytes(blockSize)
	b.ReportAllocs()
	blocks := int64(len(c.bytes) / blockSize)
	for n := int64(0); b.Loop(); n++ {
		at := n % blocks * blockSize
		piece, begin := int32(at/c.info.PieceLength), int32(at%c.info.PieceLength)
		if err := s.Store(piece, begin, c.bytes[at:at+blockSize]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad reads the blocks of verified pieces in their order.
func BenchmarkLoad(b *testing.B) {
	c := benchContent(b, metainfo.V1)
	s := mustOpen(b, b.TempDir(), c)
	for _, i := range c.all() {
		c.fill(b, s, i)
	}
	b.SetBytes(blockSize)
	b.ReportAllocs()
	blocks, block := int64(len(c.bytes)/blockSize), make([]byte, blockSize)
	for n := int64(0); b.Loop(); n++ {
		at := n % blocks * blockSize
		if err := s.Load(int32(at/c.info.PieceLength), int32(at%c.info.PieceLength), block); err != nil {
			b.Fatal(err)
		}
	}
}
