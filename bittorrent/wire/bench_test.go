package wire

import (
	"testing"

	"github.com/p2pspec/p2pspec/spec"
)

// BenchmarkDecode reads one message of a stream.
func BenchmarkDecode(b *testing.B) {
	for name, m := range map[string]spec.Message{
		"have": &Message{Type: Have}, "request": &Message{Type: Request},
		"piece": &Message{Type: Piece, Data: make([]byte, DefaultMaxBlock)},
	} {
		b.Run(name, func(b *testing.B) {
			stream, err := Codec{}.AppendMessage(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			d := Codec{}.MessageDecoder()
			for b.Loop() {
				if _, n, err := d.Decode(stream); n != len(stream) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
