package wire

import (
	"bytes"
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

func unhex(t require.TestingT, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// What a live memberlist v0.7.0 wrote and understood. GO-WF-01 to GO-WF-07, GO-WF-10
func TestCapturedPackets(t *testing.T) {
	target := Alive{1, "target", addr("127.0.0.1:7946"), nil, Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}}
	for _, c := range []struct {
		name, bytes string
		parts       []Message
	}{
		{"ping", "00 82 a44e6f6465 a6746172676574 a55365714e6f 2a", []Message{Ping{SeqNo: 42, Node: "target"}}},
		{"ping with its source", "00 85 a44e6f6465 a6746172676574 a55365714e6f 2b aa536f7572636541646472 a47f000001" +
			"aa536f757263654e6f6465 a6746573746572 aa536f75726365506f7274 cd2329",
			[]Message{Ping{43, "target", Source{addr("127.0.0.1:9001"), "tester"}}}},
		{"ack", "02 82 a75061796c6f6164 c0 a55365714e6f 2d", []Message{Ack{SeqNo: 45}}},
		{"compound", "07 02 0012 003e 02 82 a75061796c6f6164 c0 a55365714e6f 2a 04 86 a441646472 a47f000001" +
			"ab496e6361726e6174696f6e 01 a44d657461 c0 a44e6f6465 a6746172676574 a4506f7274 cd1f0a a356736e a6010502000000",
			[]Message{Ack{SeqNo: 42}, target}},
		{"suspect", "03 83 a446726f6d a6746573746572 ab496e6361726e6174696f6e 01 a44e6f6465 a6746172676574",
			[]Message{Suspect{1, "target", "tester"}}},
		{"indirect ping", "01 85 a44e61636b c3 a44e6f6465 a567686f7374 a4506f7274 cd270f a55365714e6f 4d" +
			"a6546172676574 a47f000001",
			[]Message{IndirectPing{SeqNo: 77, Target: addr("127.0.0.1:9999"), Node: "ghost", Nack: true}}},
		{"nack", "0b 81 a55365714e6f 4d", []Message{Nack{77}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &Format{Strict: true}
			b, err := f.AppendMessage(nil, Packet{Parts: c.parts})
			require.NoError(t, err)
			require.Equal(t, unhex(t, c.bytes), b)
			m, err := f.ParseMessage(b)
			require.NoError(t, err)
			require.Equal(t, Packet{Parts: c.parts}, m)
		})
	}
}

// GO-WF-07, captured; GO-WF-05 and GO-WF-08, read in the source.
func TestCapturedFrames(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		msg         Message
	}{
		{"push/pull", "06 83 a44a6f696e c3 a54e6f646573 01 ac5573657253746174654c656e 00" +
			"87 a441646472 a47f000001 ab496e6361726e6174696f6e 01 a44d657461 c0 a44e616d65 a6746573746572" +
			"a4506f7274 cd2329 a55374617465 00 a356736e a6010502000000",
			PushPull{Join: true, Nodes: []NodeState{{"tester", addr("127.0.0.1:9001"), nil, 1, StateAlive,
				Versions{ProtocolMin: 1, ProtocolMax: 5, Protocol: 2}}}}},
		{"error", "0d 81 a54572726f72 a26e6f", Error{"no"}},
		{"user message", "08 81 aa557365724d73674c656e 02 6869", User{[]byte("hi")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec := (&Format{Strict: true}).Stream()
			b, err := codec.AppendMessage(nil, Frame{Msg: c.msg})
			require.NoError(t, err)
			require.Equal(t, unhex(t, c.bytes), b)
			m, n, err := codec.Decoder().Decode(b)
			require.NoError(t, err)
			require.Equal(t, len(b), n)
			require.Equal(t, Frame{Msg: c.msg, Opens: true}, m)
		})
	}
}

// A length is an int in memberlist, which from 128 on is written with its sign. GO-WF-02
func TestLengthsAreSigned(t *testing.T) {
	for n, want := range map[int]string{127: "7f", 128: "d1 0080", 1<<15 - 1: "d1 7fff", 1 << 15: "d2 00008000"} {
		b, err := (&Format{}).Stream().AppendMessage(nil, Frame{Msg: User{make([]byte, n)}})
		require.NoError(t, err)
		require.Equal(t, unhex(t, "08 81 aa557365724d73674c656e"+want), b[:len(b)-n])
	}
	require.Equal(t, unhex(t, "d3 0000000080000000"), appendInt(nil, 1<<31))
}

// formats are every combination of the layers.
func formats() (all []*Format) {
	key := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, n) }
	for _, label := range []string{"", "blue", strings.Repeat("x", MaxLabel)} {
		for _, compress := range []bool{false, true} {
			all = append(all,
				&Format{Label: label, Compress: compress, Strict: true},
				&Format{Label: label, Compress: compress, Keys: [][]byte{key(16), key(24)}, Version: 0},
				&Format{Label: label, Compress: compress, Keys: [][]byte{key(32)}, Version: 1})
		}
	}
	return all
}

func anyName() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.String().Draw(t, "name"), rapid.IntRange(0, 9).Draw(t, "times"))
	}).Filter(func(s string) bool { return len(s) <= MaxName })
}

func anyAddr() *rapid.Generator[netip.AddrPort] {
	return rapid.Custom(func(t *rapid.T) netip.AddrPort {
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		a, _ := netip.AddrFromSlice(raw[:rapid.SampledFrom([]int{0, 4, 16}).Draw(t, "size")])
		return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
	})
}

func anyBytes(limit int) *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, limit))
}

func anyNode() *rapid.Generator[NodeState] {
	return rapid.Custom(func(t *rapid.T) NodeState {
		return NodeState{
			anyName().Filter(func(s string) bool { return s != "" }).Draw(t, "name"), anyAddr().Draw(t, "address"),
			anyBytes(MaxMeta).Draw(t, "meta"), rapid.Uint32().Draw(t, "incarnation"),
			State(rapid.Uint8().Draw(t, "state")), rapid.Make[Versions]().Draw(t, "versions"),
		}
	})
}

// anyMessage draws what packets or streams carry.
func anyMessage(place func(Type) bool) *rapid.Generator[Message] {
	return rapid.Custom(func(t *rapid.T) Message {
		seq, name, from := rapid.Uint32().Draw(t, "number"), anyName().Draw(t, "node"), anyName().Draw(t, "from")
		n := anyNode().Draw(t, "state")
		source := Source{anyAddr().Draw(t, "source"), from}
		all := []Message{
			Ping{seq, name, source}, IndirectPing{seq, n.Addr, name, rapid.Bool().Draw(t, "nack"), source},
			Ack{seq, anyBytes(40).Draw(t, "payload")}, Nack{seq}, Error{from}, Suspect{seq, name, from}, Dead{seq, name, from},
			Alive{seq, name, n.Addr, n.Meta, n.Versions}, User{rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "user")},
			PushPull{rapid.Bool().Draw(t, "join"), []NodeState{n, n}, rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "state")},
			PushPull{},
		}
		return rapid.SampledFrom(all).Filter(func(m Message) bool { return place(m.Type()) }).Draw(t, "message")
	})
}

// What is written is read as the same message, under every combination of layers, and
// a single byte of it changed is not, where there is a key or a checksum.
// GO-WF-02, GO-WF-12, GO-WF-13, GO-WF-16
func TestPacketsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats()).Draw(t, "format")
		p := Packet{
			Parts: rapid.SliceOfN(anyMessage(inPackets), 1, 6).Draw(t, "parts"), CRC: rapid.Bool().Draw(t, "crc"),
		}
		if len(f.Keys) > 0 {
			p.Nonce = rapid.Make[Nonce]().Draw(t, "nonce")
		}
		b, err := f.AppendMessage([]byte("before"), p)
		require.NoError(t, err)
		require.Equal(t, "before", string(b[:6]))
		b = b[6:]
		m, err := f.ParseMessage(b)
		require.NoError(t, err)
		require.Equal(t, p, m)

		size := 0
		for _, m := range p.Parts {
			body, err := AppendBody(nil, m)
			require.NoError(t, err)
			require.Equal(t, len(body), BodySize(m))
			size += 2 + len(body)
		}
		require.LessOrEqual(t, len(b), f.Overhead()+crcLen+2+size)

		if len(f.Keys) == 0 && !p.CRC {
			return
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		if len(f.Keys) > 0 && at == (&Format{Label: f.Label}).Overhead() {
			return // the version of the encryption, which nothing covers
		}
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		if m, err := f.ParseMessage(b); err == nil {
			require.NotEqual(t, p, m, "byte %d", at)
		}
	})
}

// However a stream is cut, each message is there when its last byte is, and not
// before. GO-WF-14, GO-WF-15, GO-WF-17
func TestFramesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats()).Draw(t, "format")
		dialler := rapid.Bool().Draw(t, "dialler")
		var b []byte
		var ends []int
		var frames []Frame
		for i := range rapid.IntRange(1, 3).Draw(t, "frames") {
			frame := Frame{Msg: anyMessage(onStreams).Draw(t, "message"), Opens: i == 0 && (dialler || f.Label == "")}
			if len(f.Keys) > 0 {
				frame.Nonce = rapid.Make[Nonce]().Draw(t, "nonce")
			}
			var err error
			b, err = f.Stream().AppendMessage(b, frame)
			require.NoError(t, err)
			ends, frames = append(ends, len(b)), append(frames, frame)
		}
		d := f.Stream().Decoder()
		start := 0
		for arrived := 0; len(frames) > 0; {
			m, n, err := d.Decode(b[start:arrived])
			require.NoError(t, err)
			if arrived < ends[0] {
				require.Zero(t, n)
				arrived = min(len(b), arrived+rapid.IntRange(1, 400).Draw(t, "more"))
				continue
			}
			require.Equal(t, frames[0], m)
			start += n
			require.Equal(t, ends[0], start)
			frames, ends = frames[1:], ends[1:]
		}
	})
}

// GO-WF-13, GO-WF-14: any key that is known opens, and only with the label.
func TestKeysAndLabels(t *testing.T) {
	key := func(c byte) []byte { return bytes.Repeat([]byte{c}, 16) }
	old := &Format{Label: "blue", Keys: [][]byte{key('a')}}
	rotated := &Format{Label: "blue", Keys: [][]byte{key('b'), key('a')}, Version: 1}
	packet, frame := Packet{Parts: []Message{Nack{1}}}, Frame{Msg: Ack{SeqNo: 1}, Opens: true}
	b, err := old.AppendMessage(nil, packet)
	require.NoError(t, err)
	m, err := rotated.ParseMessage(b)
	require.NoError(t, err)
	require.Equal(t, packet, m)

	b, err = rotated.AppendMessage(nil, packet)
	require.NoError(t, err)
	_, err = old.ParseMessage(b)
	require.EqualError(t, err, "wire: encryption, byte 0: no key opens it (GO-WF-13)")
	bare := &Format{Keys: rotated.Keys}
	_, err = bare.ParseMessage(b[2+len("blue"):])
	require.EqualError(t, err, "wire: encryption, byte 0: no key opens it (GO-WF-13)")

	b, err = rotated.Stream().AppendMessage(nil, frame)
	require.NoError(t, err)
	got, _, err := bare.Stream().Decoder().Decode(b[2+len("blue"):])
	require.NoError(t, err)
	require.Equal(t, "GO-WF-13", got.(Frame).Fault.Clause)
	_, _, err = bare.Stream().Decoder().Decode(b)
	require.ErrorContains(t, err, "GO-WF-15")
}

// GO-WF-20: the version can be changed on the way. Then text passes for padding, which
// is more than there is, or less than a block, or none.
func TestVersionChangedOnTheWay(t *testing.T) {
	f := &Format{Keys: [][]byte{make([]byte, 16)}, Version: 1}
	for _, last := range []uint32{0, 17, 127} {
		b, err := f.AppendMessage(nil, Packet{Parts: []Message{Ack{SeqNo: last}}})
		require.NoError(t, err)
		b[0] = versionPadded
		_, err = f.ParseMessage(b)
		require.ErrorContains(t, err, "its padding is wrong (GO-WF-20)")
	}
}

// GO-WF-16: a packet is compressed if it gets shorter, a stream always. GO-WF-17
func TestCompressionThatDoesNotPay(t *testing.T) {
	f := &Format{Compress: true}
	b, err := f.AppendMessage(nil, Packet{Parts: []Message{Nack{1}}})
	require.NoError(t, err)
	require.Equal(t, byte(TypeNack), b[0])
	long := User{bytes.Repeat([]byte("again "), 99)}
	b, err = f.AppendMessage(nil, Packet{Parts: []Message{long}})
	require.NoError(t, err)
	require.Equal(t, byte(TypeCompress), b[0])
	b, err = f.Stream().AppendMessage(nil, Frame{Msg: Ack{SeqNo: 1}})
	require.NoError(t, err)
	require.Equal(t, byte(TypeCompress), b[0])
}

func TestNothingIsAllocatedToWrite(t *testing.T) {
	var packet, frame spec.Message = Packet{CRC: true, Parts: []Message{
		Ping{1, "target", Source{addr("127.0.0.1:1"), "n"}}, IndirectPing{Target: addr("127.0.0.1:2")}, Ack{}, Nack{},
		Suspect{math.MaxUint32, "a", "b"}, Dead{}, Alive{Addr: addr("[::1]:1"), Meta: make([]byte, MaxMeta)},
		User{[]byte("x")},
	}}, Frame{Msg: PushPull{Nodes: []NodeState{{Name: "n", Addr: addr("127.0.0.1:1")}}, User: []byte("state")}}
	f := &Format{Label: "blue"}
	codec := f.Stream()
	b := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = f.AppendMessage(b, packet)
		_, _ = codec.AppendMessage(b, frame)
		_ = BodySize(packet.(Packet).Parts[0])
	}))
}
