package peers

import (
	"testing"

	"github.com/anacrolix/dht/v2/krpc"
	anacrolix "github.com/anacrolix/torrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

func krpcInputs() map[string][]byte {
	return map[string][]byte{
		"ping": []byte(pingQuery), "find_node": []byte(findNodeQuery), "nodes": []byte(findNodeResponse()),
	}
}

// BenchmarkKRPCParse decodes a datagram into a reused message struct.
func BenchmarkKRPCParse(b *testing.B) {
	for name, in := range krpcInputs() {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			var m mainline.Message
			for b.Loop() {
				if err := m.Parse(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/anacrolix", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m krpc.Msg
				if err := anacrolix.Unmarshal(in, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKRPCAppend encodes the message that the datagram above held.
func BenchmarkKRPCAppend(b *testing.B) {
	for name, in := range krpcInputs() {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			m, err := mainline.ParseMessage(in)
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			for b.Loop() {
				if out, err = mainline.AppendMessage(out[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/anacrolix", func(b *testing.B) {
			b.ReportAllocs()
			var m krpc.Msg
			if err := anacrolix.Unmarshal(in, &m); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := anacrolix.Marshal(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
