package gnutella

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// BenchmarkDescriptors is how many descriptors a servent takes from one neighbour,
// plain and compressed.
func BenchmarkDescriptors(b *testing.B) {
	const batch = 1000
	for _, deflates := range []bool{false, true} {
		b.Run(fmt.Sprintf("deflate=%v", deflates), func(b *testing.B) {
			v := serve(b, Config{Node: quick(gnutella.Ultrapeer, true)})
			conn := friend(b, v, deflates)
			require.NoError(b, conn.SetDeadline(time.Time{}))
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			before := v.Stats()
			send := conn.Write
			if deflates {
				w := zlib.NewWriter(conn)
				send = func(plain []byte) (int, error) {
					n, err := w.Write(plain)
					return n, errors.Join(err, w.Flush())
				}
			}
			query, err := (&wire.Query{Flags: wire.QueryMarked, Text: []byte("a song that nobody has")}).Append(nil)
			require.NoError(b, err)
			random := spec.NewRand([32]byte{1})
			var plain []byte
			sent := uint64(0)
			for b.Loop() {
				plain = plain[:0]
				for range batch {
					d := wire.Descriptor{GUID: wire.NewGUID(&random), Type: wire.TypeQuery, TTL: 2, Hops: 2, Payload: query}
					plain, err = d.Append(plain)
					require.NoError(b, err)
				}
				_, err := send(plain)
				require.NoError(b, err)
				sent += batch
			}
			for v.Stats().Received < before.Received+sent { // what the sockets still hold
				time.Sleep(100 * time.Microsecond)
			}
			b.SetBytes(int64(len(plain)))
			b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "descriptors/s")
		})
	}
}
