package gnutella

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"

	"github.com/p2pspec/p2pspec/conformance/annotate"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// FuzzInflater: however a stream is cut, what comes out is what compress/zlib reads,
// in chunks.
func FuzzInflater(f *testing.F) {
	var d deflate.Deflater
	f.Add(d.Append(nil, []byte("GNUTELLA and more GNUTELLA")), uint8(3))
	f.Add(d.Append(nil, make([]byte, 10_000)), uint8(1))
	f.Add([]byte("\x78\x9c\x03\x00\x00\x00\x00\x01"), uint8(7))
	f.Add([]byte("\x78\x9c\x07"), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		var want []byte
		r, err := zlib.NewReader(bytes.NewReader(b))
		if err == nil {
			want, _ = io.ReadAll(io.LimitReader(r, 1<<20)) // up to the fault
		}
		z := deflate.NewInflater()
		defer z.Stop()
		var got []byte
		for err = nil; len(b) > 0 && err == nil; {
			n := min(len(b), int(size)+1)
			z.Push(b[:n])
			b = b[n:]
			for more := []byte{0}; len(more) > 0 && len(got) < 1<<20; got = append(got, more...) {
				if more, err = z.Next(); len(more) > deflate.MaxChunk || err != nil && len(more) > 0 {
					t.Fatalf("%d bytes with %v", len(more), err)
				}
			}
		}
		if shared := min(len(got), len(want)); !bytes.Equal(got[:shared], want[:shared]) {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// FuzzDecode: whatever the bytes are, the fields that are shown are them, in order.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("GNUTELLA CONNECT/0.6\r\nX: y\r\n\r\n"), true)
	f.Add([]byte("0123456789abcdef\x80\x03\x00\x09\x00\x00\x00\x80\x00a\x00urn:\x00"), true)
	f.Add([]byte("0123456789abcdef\x00\x03\x00\x06\x00\x00\x00\xc3\x83SCP\x40"), true)
	f.Add([]byte("\x0c\x00\xcb\x00joe \"a song\""), false)
	f.Add([]byte(`GETjoe "a song" 5`), false)
	f.Fuzz(func(t *testing.T, b []byte, gnutella bool) {
		decode := annotate.Napster
		if gnutella {
			decode = annotate.Gnutella
		}
		fields, err := decode(b)
		if len(b) == 0 {
			return
		}
		var all []byte
		faults := 0
		for _, field := range fields {
			all = append(all, field.Bytes...)
			if field.Problem != "" {
				faults++
			}
		}
		if !bytes.Equal(all, b) || err == nil && faults > 0 {
			t.Fatalf("%x is shown as %x, with %d faults and %v", b, all, faults, err)
		}
	})
}
