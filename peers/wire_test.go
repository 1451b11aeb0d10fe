package peers

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	anacrolix "github.com/anacrolix/torrent/peer_protocol"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// wireStreams are what connections mostly carry: blocks to a leecher, requests
// to a seed, and news of pieces to both. Each is 64 messages long.
func wireStreams(t testing.TB) map[string][]byte {
	streams := make(map[string][]byte)
	for name, m := range map[string]*wire.Message{
		"blocks":   {Type: wire.Piece, Index: 7, Begin: 1 << 14, Data: make([]byte, wire.DefaultMaxBlock)},
		"requests": {Type: wire.Request, Index: 7, Begin: 1 << 14, Length: wire.DefaultMaxBlock},
		"haves":    {Type: wire.Have, Index: 7},
	} {
		for range 64 {
			var err error
			if streams[name], err = (wire.Codec{}).AppendMessage(streams[name], m); err != nil {
				t.Fatal(err)
			}
		}
	}
	return streams
}

// blockPool hands out one buffer, as the other decoder wants it.
type blockPool struct{ block *[]byte }

func (p blockPool) Get() *[]byte { return p.block }
func (p blockPool) Put(*[]byte)  {}

// BenchmarkWireDecode reads a stream from an io.Reader, to both sides through a
// buffer of 64 KiB.
func BenchmarkWireDecode(b *testing.B) {
	for name, stream := range wireStreams(b) {
		source := bytes.NewReader(stream)
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			d := wire.Codec{}.MessageDecoder()
			buffer := make([]byte, 64<<10)
			for b.Loop() {
				source.Reset(stream)
				messages, kept := 0, 0
				for {
					n, err := source.Read(buffer[kept:])
					if err == io.EOF {
						break
					}
					left := buffer[:kept+n]
					for {
						_, n, err := d.Decode(left)
						if err != nil {
							b.Fatal(err)
						}
						if n == 0 {
							break
						}
						messages++
						left = left[n:]
					}
					kept = copy(buffer, left)
				}
				if messages != 64 || kept != 0 {
					b.Fatal(messages, kept)
				}
			}
		})
		b.Run(name+"/anacrolix", func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			block := make([]byte, wire.DefaultMaxBlock)
			r := bufio.NewReaderSize(source, 64<<10)
			d := anacrolix.Decoder{R: r, MaxLength: 256 << 10, Pool: blockPool{&block}}
			for b.Loop() {
				source.Reset(stream)
				r.Reset(source)
				for range 64 {
					var m anacrolix.Message
					if err := d.Decode(&m); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkWireAppend writes the messages of the streams, one at a time.
func BenchmarkWireAppend(b *testing.B) {
	for name, stream := range wireStreams(b) {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			m, _, err := wire.Codec{}.MessageDecoder().Decode(stream)
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			for b.Loop() {
				if out, err = (wire.Codec{}).AppendMessage(out[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/anacrolix", func(b *testing.B) {
			b.ReportAllocs()
			m := decodeOther(b, stream)
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if err := m.WriteTo(&out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func decodeOther(t testing.TB, b []byte) (m anacrolix.Message) {
	d := anacrolix.Decoder{R: bufio.NewReader(bytes.NewReader(b)), MaxLength: 256 << 10}
	if err := d.Decode(&m); err != nil {
		t.Fatalf("the other does not take %x: %v", b, err)
	}
	return m
}

// FuzzWireAgrees holds two codecs to each other: what ours reads and a
// document assigns, the other reads and writes back as it was.
func FuzzWireAgrees(f *testing.F) {
	f.Add(wireStreams(f)["requests"][:34])
	f.Add([]byte("\x00\x00\x00\x0c\x07\x00\x00\x00\x01\x00\x00\x40\x00abc\x00\x00\x00\x04\x14\x00de"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x0e\x00\x00\x00\x03\x09\x1a\xe1\x00\x00\x00\x02\x05\x80"))
	f.Add(append([]byte("\x00\x00\x00\x31\x15"), make([]byte, 48)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := wire.Codec{}.MessageDecoder()
		for {
			m, n, err := d.Decode(b)
			if err != nil || n == 0 {
				return
			}
			if ours, ok := m.(*wire.Message); !ok || ours.Type <= wire.Extended && assigned(ours.Type) {
				theirs := decodeOther(t, b[:n])
				if back, err := theirs.MarshalBinary(); err != nil || !bytes.Equal(back, b[:n]) {
					t.Fatalf("the other writes %x as %x, %v", b[:n], back, err)
				}
			}
			b = b[n:]
		}
	})
}

// assigned says whether a document assigns the id; 10 to 12, 18 and 19 are free.
func assigned(t wire.Type) bool {
	return t <= wire.Port || t >= wire.Suggest && t <= wire.AllowedFast || t == wire.Extended
}
