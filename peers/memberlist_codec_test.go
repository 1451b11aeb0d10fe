package peers

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// What memberlist hands to go-msgpack, by the names and types of its fields: it
// exports none of its messages.
type (
	mlPing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	mlIndirectPing struct {
		SeqNo      uint32
		Target     []byte
		Port       uint16
		Node       string
		Nack       bool
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	mlAck struct {
		SeqNo   uint32
		Payload []byte
	}
	mlNack    struct{ SeqNo uint32 }
	mlError   struct{ Error string }
	mlSuspect struct {
		Incarnation uint32
		Node, From  string
	}
	mlAlive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Vsn         []uint8
	}
	mlHeader struct {
		Nodes, UserStateLen int
		Join                bool
	}
	mlState struct {
		Name        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Incarnation uint32
		State       int
		Vsn         []uint8
	}
	mlCompress struct {
		Algo uint8
		Buf  []byte
	}
)

func mlDecode(b []byte, out any) error {
	return codec.NewDecoder(bytes.NewReader(b), &codec.MsgpackHandle{}).Decode(out)
}

func mlEncode(t byte, in any) *bytes.Buffer {
	buf := bytes.NewBuffer([]byte{t})
	if err := codec.NewEncoder(buf, &codec.MsgpackHandle{}).Encode(in); err != nil {
		panic(err)
	}
	return buf
}

// mlFor is what go-msgpack decodes a message of that type into.
func mlFor(t wire.Type) any {
	switch t {
	case wire.TypePing:
		return &mlPing{}
	case wire.TypeIndirectPing:
		return &mlIndirectPing{}
	case wire.TypeAck:
		return &mlAck{}
	case wire.TypeNack:
		return &mlNack{}
	case wire.TypeError:
		return &mlError{}
	case wire.TypeSuspect, wire.TypeDead:
		return &mlSuspect{}
	case wire.TypeAlive:
		return &mlAlive{}
	}
	return nil
}

// asMemberlist is a message of this module as memberlist holds it.
func asMemberlist(m wire.Message) any {
	raw := func(a netip.AddrPort) []byte { return a.Addr().AsSlice() }
	switch m := m.(type) {
	case wire.Ping:
		return &mlPing{m.SeqNo, m.Node, raw(m.Source.Addr), m.Source.Addr.Port(), m.Source.Node}
	case wire.IndirectPing:
		return &mlIndirectPing{m.SeqNo, raw(m.Target), m.Target.Port(), m.Node, m.Nack,
			raw(m.Source.Addr), m.Source.Addr.Port(), m.Source.Node}
	case wire.Ack:
		return &mlAck{m.SeqNo, m.Payload}
	case wire.Nack:
		return &mlNack{m.SeqNo}
	case wire.Error:
		return &mlError{m.Text}
	case wire.Suspect:
		return &mlSuspect{m.Incarnation, m.Node, m.From}
	case wire.Dead:
		return &mlSuspect{m.Incarnation, m.Node, m.From}
	case wire.Alive:
		return &mlAlive{m.Incarnation, m.Node, raw(m.Addr), m.Addr.Port(), m.Meta, vsn(m.Versions)}
	}
	return nil
}

func vsn(v wire.Versions) []byte {
	if v == (wire.Versions{}) {
		return nil
	}
	return []byte{v.ProtocolMin, v.ProtocolMax, v.Protocol, v.DelegateMin, v.DelegateMax, v.Delegate}
}

// same compares what both read. Empty and absent bytes are one, and so are fewer
// than six versions and none.
func same(ours, their any) bool {
	a, b := reflect.ValueOf(ours).Elem(), reflect.ValueOf(their).Elem()
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Slice {
			v := y.Bytes()
			if a.Type().Field(i).Name == "Vsn" {
				if len(v) < 6 || bytes.Equal(v[:6], make([]byte, 6)) {
					v = nil
				} else {
					v = v[:6]
				}
			}
			if !bytes.Equal(x.Bytes(), v) {
				return false
			}
		} else if !x.Equal(y) {
			return false
		}
	}
	return true
}

func mlMessages() map[string]wire.Message {
	addr := netip.MustParseAddrPort("10.1.2.3:7946")
	source := wire.Source{Addr: addr, Node: "node-17.dc1"}
	versions := wire.Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2, DelegateMin: 2, DelegateMax: 5, Delegate: 4}
	return map[string]wire.Message{
		"ping":     wire.Ping{SeqNo: 70000, Node: "node-42.dc1", Source: source},
		"indirect": wire.IndirectPing{SeqNo: 300, Target: addr, Node: "node-42.dc1", Nack: true, Source: source},
		"ack":      wire.Ack{SeqNo: 70000, Payload: []byte("coordinate")},
		"nack":     wire.Nack{SeqNo: 5},
		"error":    wire.Error{Text: "no"},
		"suspect":  wire.Suspect{Incarnation: 3, Node: "node-42.dc1", From: "node-17.dc1"},
		"dead":     wire.Dead{Incarnation: 200, Node: "node-42.dc1", From: "node-17.dc1"},
		"alive": wire.Alive{Incarnation: 3, Node: "node-42.dc1", Addr: addr, Versions: versions,
			Meta: bytes.Repeat([]byte("m"), 40)},
	}
}

// FuzzMemberlistAgrees reads bodies both ways. Whatever this module reads, memberlist
// reads as the same; whatever memberlist would write, this module reads. GO-WF-02
func FuzzMemberlistAgrees(f *testing.F) {
	for _, m := range mlMessages() {
		b, err := wire.AppendBody(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, 1))
		f.Add(b[:len(b)-1])
	}
	// An unknown key, a signed number; a new string, a long number; nil; no key.
	f.Add([]byte("\x0b\x82\xa5other\x93\x01\xc0\xca\x00\x00\x00\x00\xa5SeqNo\xd1\x00\x05"))
	f.Add([]byte("\x0b\x81\xd9\x05SeqNo\xcf\x00\x00\x00\x00\x00\x00\x00\x05"))
	f.Add([]byte("\x0b\xc0"))
	f.Add([]byte("\x0b\x81\xc0\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || mlFor(wire.Type(b[0])) == nil {
			return
		}
		ours, err := wire.ParseBody(b)
		their := mlFor(wire.Type(b[0]))
		theirErr := mlDecode(b[1:], their)
		switch {
		case err == nil && theirErr != nil && strings.Contains(theirErr.Error(), "decoding time"):
			// Under a key that neither knows, memberlist looks into times.
		case err == nil && theirErr != nil:
			t.Errorf("%x: this module reads %+v, memberlist nothing: %v", b, ours, theirErr)
		case err == nil && !same(asMemberlist(ours), their):
			t.Errorf("%x: this module reads %+v, memberlist %+v", b, ours, their)
		case err != nil && theirErr == nil && bytes.Equal(mlEncode(b[0], their).Bytes(), b) && !beyond(their):
			t.Errorf("%x: memberlist writes %+v, and this module refuses it: %v", b, their, err)
		}
		if err == nil {
			again, err := wire.AppendBody(nil, ours)
			if err != nil || !bytes.Equal(again, mlEncode(b[0], asMemberlist(ours)).Bytes()) {
				t.Errorf("%+v is written %x (%v), by memberlist %x", ours, again, err, mlEncode(b[0], asMemberlist(ours)))
			}
		}
	})
}

// beyond says that a message breaks a limit of this module.
func beyond(m any) bool {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch name := v.Type().Field(i).Name; {
		case f.Kind() == reflect.String && f.Len() > wire.MaxName,
			name == "Meta" && f.Len() > wire.MaxMeta,
			name == "Vsn" && f.Len() > 255,
			(name == "Addr" || name == "SourceAddr" || name == "Target") && f.Len() != 0 && f.Len() != 4 && f.Len() != 16:
			return true
		}
	}
	return false
}

// BenchmarkMemberlistAppend writes each message and a full compound. Memberlist
// makes an encoder for each message, as here; the messages hold the same.
func BenchmarkMemberlistAppend(b *testing.B) {
	for name, m := range mlMessages() {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out, _ = wire.AppendBody(out[:0], m)
			}
		})
		b.Run(name+"/memberlist", func(b *testing.B) {
			b.ReportAllocs()
			in := asMemberlist(m)
			for b.Loop() {
				mlEncode(byte(m.Type()), in)
			}
		})
	}
	packet := mlPacket()
	for name, format := range mlFormats() {
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out, _ = format.AppendMessage(out[:0], packet)
			}
		})
		b.Run(name+"/memberlist", func(b *testing.B) {
			b.ReportAllocs()
			parts := make([]any, len(packet.Parts))
			for i, m := range packet.Parts {
				parts[i] = asMemberlist(m)
			}
			for b.Loop() {
				mlCompound(packet.Parts, parts, format.Compress)
			}
		})
	}
}

// BenchmarkMemberlistParse reads what the other benchmark writes.
func BenchmarkMemberlistParse(b *testing.B) {
	for name, m := range mlMessages() {
		in, _ := wire.AppendBody(nil, m)
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.ParseBody(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/memberlist", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := mlDecode(in[1:], mlFor(m.Type())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, format := range mlFormats() {
		in, _ := format.AppendMessage(nil, mlPacket())
		b.Run(name+"/p2pspec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := format.ParseMessage(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/memberlist", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n := mlOpen(in); n != len(mlPacket().Parts) {
					b.Fatal(n)
				}
			}
		})
	}
}

// mlPacket is a ping with as much gossip as the datagram of a LAN holds.
func mlPacket() wire.Packet {
	all := mlMessages()
	p := wire.Packet{Parts: []wire.Message{all["ping"]}}
	for range 6 {
		p.Parts = append(p.Parts, all["alive"], all["suspect"])
	}
	return p
}

func mlFormats() map[string]wire.Format {
	return map[string]wire.Format{"compound": {}, "compressed": {Compress: true}}
}

// mlCompound does what memberlist does to a packet, with the same libraries.
func mlCompound(messages []wire.Message, parts []any, compress bool) []byte {
	encoded := make([][]byte, 0, len(parts))
	for i, p := range parts {
		encoded = append(encoded, mlEncode(byte(messages[i].Type()), p).Bytes())
	}
	buf := bytes.NewBuffer(nil)
	buf.WriteByte(byte(wire.TypeCompound))
	buf.WriteByte(byte(len(encoded)))
	for _, e := range encoded {
		binary.Write(buf, binary.BigEndian, uint16(len(e)))
	}
	for _, e := range encoded {
		buf.Write(e)
	}
	if !compress {
		return buf.Bytes()
	}
	var packed bytes.Buffer
	w := lzw.NewWriter(&packed, lzw.LSB, 8)
	w.Write(buf.Bytes())
	w.Close()
	return mlEncode(byte(wire.TypeCompress), &mlCompress{0, packed.Bytes()}).Bytes()
}

// mlOpen counts the messages that it decodes.
func mlOpen(b []byte) (n int) {
	switch wire.Type(b[0]) {
	case wire.TypeCompress:
		var c mlCompress
		if mlDecode(b[1:], &c) != nil {
			return 0
		}
		var out bytes.Buffer
		if _, err := io.CopyN(&out, lzw.NewReader(bytes.NewReader(c.Buf), lzw.LSB, 8), wire.MaxInflated+1); err != io.EOF {
			return 0
		}
		return mlOpen(out.Bytes())
	case wire.TypeCompound:
		parts, _, err := wire.SplitCompound(b)
		if err != nil {
			return 0
		}
		for _, p := range parts {
			n += mlOpen(p)
		}
		return n
	}
	if mlDecode(b[1:], mlFor(wire.Type(b[0]))) != nil {
		return 0
	}
	return 1
}
