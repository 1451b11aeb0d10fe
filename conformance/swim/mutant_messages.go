package swim

import (
	"bytes"
	"compress/lzw"
	"net/netip"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

func pingMutants() []Mutant {
	return []Mutant{
		{Name: "ack-of-16-bits", What: "acks have the lower 16 bits of the ping's number",
			bend: saying(func(_ *bent, a wire.Ack) []wire.Message {
				a.SeqNo &= 0xffff
				return same(a)
			})},
		{Name: "answers-pings-for-anybody", What: "a ping is answered whatever name it has",
			bend: func(b *bent) {
				b.hear = func(_ netip.AddrPort, m wire.Message) []wire.Message {
					p, ok := m.(wire.Ping)
					if ok {
						p.Node = ""
						return same(p)
					}
					return same(m)
				}
			}},
		{Name: "answers-no-pings-for-nobody", What: "a ping that names nobody is not answered",
			bend: hearing(func(_ *bent, p wire.Ping) []wire.Message {
				if p.Node == "" {
					return nil
				}
				return same(p)
			})},
		{Name: "ack-to-the-sender", What: "acks go to where the ping came from, whatever source it names",
			bend: hearing(func(_ *bent, p wire.Ping) []wire.Message {
				p.Source = wire.Source{}
				return same(p)
			})},
		{Name: "no-ack-without-a-source", What: "a ping that names no source is not answered",
			bend: hearing(func(_ *bent, p wire.Ping) []wire.Message {
				if !p.Source.Addr.IsValid() {
					return nil
				}
				return same(p)
			})},
		{Name: "no-ping-over-streams", What: "a ping on a stream is not answered",
			bend: hearingFrame(func(*bent, wire.Ping) []wire.Message { return nil })},
		{Name: "answers-pings-for-anybody-on-streams", What: "a ping on a stream is answered whatever name it has",
			bend: hearingFrame(func(_ *bent, p wire.Ping) []wire.Message {
				p.Node = ""
				return same(p)
			})},
	}
}

func packetMutants() []Mutant {
	return []Mutant{
		{Name: "first-part-alone", What: "of a compound only the first part is read",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if parts, _, err := wire.SplitCompound(p); len(p) > 1 && p[0] == byte(wire.TypeCompound) && err == nil &&
						len(parts) > 0 {
						return parts[0]
					}
					return p
				}
			}},
		{Name: "cut-compounds-are-refused", What: "a compound that is cut off is dropped as a whole",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					_, lost, err := wire.SplitCompound(p)
					if len(p) > 1 && p[0] == byte(wire.TypeCompound) && (lost > 0 || err != nil) {
						return nil
					}
					return p
				}
			}},
		{Name: "cut-parts-are-filled-up", What: "a compound that is cut off is read as if zeros followed",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 1 && p[0] == byte(wire.TypeCompound) && int(p[1]) < 100 {
						return append(p, make([]byte, 64)...)
					}
					return p
				}
			}},
		{Name: "lengths-are-not-bounded", What: "a compound with too few lengths is read as one of the part at its end",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 4 && p[0] == byte(wire.TypeCompound) && len(p) < 2+2*int(p[1]) {
						return p[4:]
					}
					return p
				}
			}},
		{Name: "at-most-127-parts", What: "a compound of more than 127 parts is dropped",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 1 && p[0] == byte(wire.TypeCompound) && p[1] > 127 {
						return nil
					}
					return p
				}
			}},
		{Name: "stops-at-a-part-it-cannot-read", What: "parts behind one that cannot be read are lost",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					parts, _, err := wire.SplitCompound(p)
					if len(p) == 0 || p[0] != byte(wire.TypeCompound) || err != nil {
						return p
					}
					for i, part := range parts {
						if _, err := wire.ParseBody(part); err != nil {
							parts = parts[:i]
							break
						}
					}
					p, _ = wire.AppendCompound(nil, parts...)
					return p
				}
			}},
		{Name: "no-compression-in-packets", What: "a compressed packet is dropped",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 0 && p[0] == byte(wire.TypeCompress) {
						return nil
					}
					return p
				}
			}},
		{Name: "any-algorithm", What: "what is compressed is inflated whatever algorithm is named",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if at := bytes.Index(p, []byte("Algo")); len(p) > 0 && p[0] == byte(wire.TypeCompress) && at > 0 {
						p[at+4] = 0
					}
					return p
				}
			}},
		{Name: "reads-bombs", What: "what is compressed is inflated as far as needed, and the rest left",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					const bomb = 10000
					if len(p) > bomb && p[0] == byte(wire.TypeCompress) {
						return firstOf(p)
					}
					return p
				}
			}},
		{Name: "no-checksums", What: "a packet with a checksum is dropped",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 0 && p[0] == byte(wire.TypeCRC) {
						return nil
					}
					return p
				}
			}},
		{Name: "checksums-are-not-compared", What: "a checksum is skipped",
			bend: func(b *bent) {
				b.read = func(p []byte) []byte {
					if len(p) > 5 && p[0] == byte(wire.TypeCRC) {
						return p[5:]
					}
					return p
				}
			}},
	}
}

// firstOf is the beginning of what is compressed in p.
func firstOf(p []byte) []byte {
	at := bytes.Index(p, []byte("Buf")) + len("Buf") + 3 // a raw of 16 bits
	first := make([]byte, 256)
	n, _ := lzw.NewReader(bytes.NewReader(p[at:]), lzw.LSB, 8).Read(first)
	return first[:n]
}
