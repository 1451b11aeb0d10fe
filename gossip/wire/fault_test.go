package wire

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Bad packets: the clause that each fault names, and how many messages are read all
// the same.
func TestFaultsOfPackets(t *testing.T) {
	keyed := Format{Keys: [][]byte{make([]byte, 16)}}
	nack := "0b 81 a55365714e6f 05"
	for _, c := range []struct {
		name, bytes string
		format      Format
		clause      string
		read        int
	}{
		{"nothing", "", Format{}, "GO-WF-01", 0},
		{"an unknown type", "63", Format{}, "GO-WF-01", 0},
		{"a type of streams", "06 83 a44a6f696e c2 a54e6f646573 00 ac5573657253746174654c656e 00", Format{}, "GO-WF-01", 0},
		{"a type of layers inside", "0c 00000000 0c d202ef8d 00", Format{}, "GO-WF-12", 0},
		{"a checksum inside a checksum", "0c b7b2364b 0c 00000000", Format{}, "GO-WF-12", 0},
		{"no body", "00", Format{}, "GO-WF-03", 0},
		{"a body that is no map", "00 a0", Format{}, "GO-WF-03", 0},
		{"a cut off key", "00 81 a44e6f", Format{}, "GO-WF-03", 0},
		{"a cut off value", "00 81 a44e6f6465 a674", Format{}, "GO-WF-03", 0},
		{"a lying count", "00 df ffffffff", Format{}, "GO-WF-03", 0},
		{"an empty key", "0b 81 a0 00", Format{}, "GO-WF-05", 0},
		{"a number for a name", "00 81 a44e6f6465 05", Format{}, "GO-WF-03", 0},
		{"a name for a number", "0b 81 a55365714e6f a0", Format{}, "GO-WF-05", 0},
		{"a number below zero", "0b 81 a55365714e6f ff", Format{}, "GO-WF-05", 0},
		{"a wide number below zero", "0b 81 a55365714e6f d1 ffff", Format{}, "GO-WF-05", 0},
		{"a number of 33 bits", "0b 81 a55365714e6f cf 0000000100000000", Format{}, "GO-WF-05", 0},
		{"no boolean", "01 81 a44e61636b 02", Format{}, "GO-WF-04", 0},
		{"a port of 17 bits", "04 81 a4506f7274 ce 00010000", Format{}, "GO-WF-06", 0},
		{"an address of 5 bytes", "04 81 a441646472 a50102030405", Format{}, "GO-WF-06", 0},
		{"a byte that begins no value", "0b 81 a178 c1", Format{}, "GO-WF-05", 0},
		{"an array for a map", "0b 91 05", Format{}, "GO-WF-05", 0},
		{"metadata of 513 bytes", "04 81 a44d657461 da 0201 " + strings.Repeat("00", 513), Format{}, "GO-WF-06", 0},
		{"a name of 256 bytes", "05 81 a44e6f6465 da 0100 " + strings.Repeat("61", 256), Format{}, "GO-WF-06", 0},
		{"a checksum of something else", "0c 00000000" + nack, Format{}, "GO-WF-12", 0},
		{"a checksum cut off", "0c 0000", Format{}, "GO-WF-01", 0},
		{"a compound without a count", "07", Format{}, "GO-WF-10", 0},
		{"a compound of nothing", "07 00", Format{}, "GO-WF-10", 0},
		{"a compound without lengths", "07 02 0009", Format{}, "GO-WF-10", 0},
		{"a compound cut off", "07 02 0009 0009" + nack + "0b81", Format{}, "GO-WF-10", 1},
		{"a bad part among good ones", "07 03 0009 0001 0009" + nack + "63" + nack, Format{}, "GO-WF-01", 2},
		{"an empty part", "07 02 0000 0009" + nack, Format{}, "GO-WF-01", 1},
		{"a compression of nothing", "09 82 a4416c676f 00 a3427566 a0", Format{}, "GO-WF-09", 0},
		{"an unknown compression", "09 82 a4416c676f 01 a3427566 a0", Format{}, "GO-WF-09", 0},
		{"a compression that is none", "09 82 a4416c676f 00 a3427566 a2ffff", Format{}, "GO-WF-09", 0},
		{"a label cut off", "f4 04 626c", Format{}, "GO-WF-15", 0},
		{"a label without a length", "f4", Format{}, "GO-WF-15", 0},
		{"an empty label", "f4 00" + nack, Format{}, "GO-WF-15", 0},
		{"another label", "f4 03 726564" + nack, Format{Label: "blue"}, "GO-WF-15", 0},
		{"a label too many", "f4 03 726564" + nack, Format{}, "GO-WF-15", 0},
		{"no label", nack, Format{Label: "red"}, "GO-WF-15", 0},
		{"encrypted without a key", "0a 00", Format{}, "GO-WF-01", 0},
		{"nothing to decrypt", "", keyed, "GO-WF-13", 0},
		{"not encrypted", nack, keyed, "GO-WF-13", 0},
		{"too short to be encrypted", "01" + strings.Repeat("00", 27), keyed, "GO-WF-13", 0},
		{"encrypted otherwise", "01" + strings.Repeat("00", 28), keyed, "GO-WF-13", 0},
		{"no key of that size", nack, Format{Keys: [][]byte{{1}}}, "GO-WF-13", 0},
		{"no such version", nack, Format{Version: 2}, "GO-WF-13", 0},
		{"a label too long", nack, Format{Label: strings.Repeat("x", 256)}, "GO-WF-15", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := c.format.ParseMessage(unhex(t, c.bytes))
			if c.read == 0 {
				var fault *Fault
				require.ErrorAs(t, err, &fault)
				require.Equal(t, c.clause, fault.Clause, err)
				require.Nil(t, m)
				return
			}
			require.NoError(t, err)
			require.Len(t, m.(Packet).Parts, c.read)
			require.Len(t, m.(Packet).Faults, 1)
			require.Equal(t, c.clause, m.(Packet).Faults[0].Clause)
		})
	}
}

// Bad streams. What memberlist answers with an error comes as a frame. GO-AE-06
func TestFaultsOfStreams(t *testing.T) {
	keyed := Format{Keys: [][]byte{make([]byte, 16)}}
	for _, c := range []struct {
		name, bytes string
		format      Format
		clause      string
		answered    bool
	}{
		{"an unknown type", "63", Format{}, "GO-WF-01", false},
		{"a type of packets", "03", Format{}, "GO-WF-01", false},
		{"a compound", "07 00", Format{}, "GO-WF-01", false},
		{"an unknown type, compressed", "09 82 a4416c676f 00 a3427566 a4 80c78080", Format{}, "GO-WF-09", true},
		{"encrypted without a key", "0a", Format{}, "GO-WF-14", true},
		{"not encrypted", "00", keyed, "GO-WF-14", true},
		{"21 MiB, encrypted", "0a 01400001", keyed, "GO-WF-14", true},
		{"encrypted otherwise", "0a 0000001d 01" + strings.Repeat("00", 28), keyed, "GO-WF-13", true},
		{"too short to be encrypted", "0a 00000000", keyed, "GO-WF-13", true},
		{"another label", "f4 03 726564 00", Format{Label: "blue"}, "GO-WF-15", false},
		{"an empty label", "f4 00", Format{}, "GO-WF-15", false},
		{"a body that is no map", "00 a0", Format{}, "GO-WF-03", false},
		{"more nodes than there are", "06 83 a44a6f696e c2 a54e6f646573 ce 00100001 ac5573657253746174654c656e 00",
			Format{}, "GO-WF-18", false},
		{"a user state of 20 MiB and a byte", "06 81 ac5573657253746174654c656e ce 01400001", Format{}, "GO-WF-18", false},
		{"a user message of 20 MiB and a byte", "08 81 aa557365724d73674c656e ce 01400001", Format{}, "GO-WF-18", false},
		{"a value longer than anything", "02 81 a75061796c6f6164 db ffffffff", Format{}, "GO-WF-18", false},
		{"more values than bytes allowed", "02 81 a178 dd 03000000", Format{}, "GO-WF-18", false},
		{"a node without a name", "06 81 a54e6f646573 01 80", Format{}, "GO-WF-07", false},
		{"a label too long", "00", Format{Label: strings.Repeat("x", 256)}, "GO-WF-15", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.format.Stream().Decoder()
			b := unhex(t, c.bytes)
			m, n, err := d.Decode(b)
			var fault *Fault
			if c.answered {
				require.NoError(t, err)
				require.Equal(t, len(b), n)
				require.Nil(t, m.(Frame).Msg)
				require.Equal(t, c.clause, m.(Frame).Fault.Clause)
				_, _, err = d.Decode(nil)
			}
			require.ErrorAs(t, err, &fault)
			require.Equal(t, c.clause, fault.Clause)
			_, n, again := d.Decode([]byte("\x0b\x80"))
			require.Zero(t, n)
			require.Equal(t, err, again)
		})
	}
}

// What memberlist reads although it writes otherwise is read, unless the format is
// strict. GO-WF-02
func TestLeniency(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		want        Message
	}{
		{"keys out of order", "00 82 a55365714e6f 05 a44e6f6465 a161", Ping{SeqNo: 5, Node: "a"}},
		{"unknown keys", "0b 82 a178 93 01 c0 81 a179 ca00000000 a55365714e6f 05", Nack{5}},
		{"extensions under an unknown key", "0b 82 a178 92 d6 00 11223344 c7 02 00 1122 a55365714e6f 05", Nack{5}},
		{"missing keys", "04 80", Alive{}},
		{"no map at all", "0b c0", Nack{}},
		{"a key twice", "0b 82 a55365714e6f 04 a55365714e6f 05", Nack{5}},
		{"a long number", "0b 81 a55365714e6f cf 0000000000000005", Nack{5}},
		{"a signed number", "0b 81 a55365714e6f d0 05", Nack{5}},
		{"new strings and bytes", "00 82 a44e6f6465 d9 01 61 c4 05 5365714e6f 05", Ping{SeqNo: 5, Node: "a"}},
		{"a wide map and nil", "05 de 0002 a446726f6d c0 a44e6f6465 a161", Dead{Node: "a"}},
		{"bytes behind the body", "0b 81 a55365714e6f 05 ff", Nack{5}},
		{"a number for a boolean", "01 81 a44e61636b 01", IndirectPing{Nack: true}},
		{"five versions", "04 81 a356736e a50102030405", Alive{}},
		{"seven versions", "04 81 a356736e a701020304050607", Alive{Versions: Versions{1, 2, 3, 4, 5, 6}}},
		{"a state that alive messages lack", "04 81 a55374617465 a0", Alive{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(t, c.bytes)
			m, err := (&Format{}).ParseMessage(b)
			require.NoError(t, err)
			require.Equal(t, Packet{Parts: []Message{c.want}}, m)
			alone, err := ParseBody(b)
			require.NoError(t, err)
			require.Equal(t, c.want, alone)
			_, err = (&Format{Strict: true}).ParseMessage(b)
			require.ErrorContains(t, err, "not as memberlist writes it (GO-WF-02)")
		})
	}
	loose := unhex(t, "00 82 a55365714e6f 05 a44e6f6465 a161")
	_, n, err := (&Format{}).Stream().Decoder().Decode(loose)
	require.NoError(t, err)
	require.Equal(t, len(loose), n)
	_, _, err = (&Format{Strict: true}).Stream().Decoder().Decode(loose)
	require.ErrorContains(t, err, "GO-WF-02")
}

// What nobody could read is not written, and b is as it was. GO-WF-10, GO-WF-11, GO-WF-18
func TestFaultsOfWriting(t *testing.T) {
	long := strings.Repeat("x", 256)
	zoned := netip.AddrPortFrom(netip.MustParseAddr("fe80::1%eth0"), 1)
	many := make([]Message, 256)
	for i := range many {
		many[i] = Nack{}
	}
	for _, c := range []struct {
		clause string
		parts  []Message
	}{
		{"GO-WF-10", nil},
		{"GO-WF-11", many},
		{"GO-WF-10", []Message{Nack{}, User{make([]byte, math.MaxUint16)}}},
		{"GO-WF-01", []Message{nil}},
		{"GO-WF-01", []Message{PushPull{}}},
		{"GO-WF-02", []Message{Ping{Node: long}}},
		{"GO-WF-02", []Message{Ping{Source: Source{Node: long}}}},
		{"GO-WF-02", []Message{IndirectPing{Target: zoned}}},
		{"GO-WF-02", []Message{Suspect{From: long}}},
		{"GO-WF-02", []Message{Dead{Node: long}}},
		{"GO-WF-02", []Message{Alive{Addr: zoned}}},
		{"GO-WF-18", []Message{Alive{Meta: make([]byte, MaxMeta+1)}}},
	} {
		b, err := (&Format{Label: "blue"}).AppendMessage([]byte("before"), Packet{Parts: c.parts})
		var fault *Fault
		require.ErrorAs(t, err, &fault)
		require.Equal(t, c.clause, fault.Clause)
		require.Equal(t, "before", string(b))
	}
	for _, c := range []struct {
		clause string
		msg    Message
	}{
		{"GO-WF-01", nil},
		{"GO-WF-01", Nack{}},
		{"GO-WF-05", Error{strings.Repeat("x", MaxText+1)}},
		{"GO-WF-18", User{make([]byte, MaxUser+1)}},
		{"GO-WF-18", PushPull{User: make([]byte, MaxUser+1)}},
		{"GO-WF-18", PushPull{Nodes: make([]NodeState, MaxNodes+1)}},
		{"GO-WF-07", PushPull{Nodes: []NodeState{{}}}},
		{"GO-WF-02", PushPull{Nodes: []NodeState{{Name: "n", Addr: zoned}}}},
	} {
		b, err := (&Format{Label: "blue"}).Stream().AppendMessage([]byte("before"), Frame{Msg: c.msg, Opens: true})
		var fault *Fault
		require.ErrorAs(t, err, &fault)
		require.Equal(t, c.clause, fault.Clause)
		require.Equal(t, "before", string(b))
	}
	keyed := &Format{Keys: [][]byte{make([]byte, 16)}}
	_, err := keyed.Stream().AppendMessage(nil, Frame{Msg: User{make([]byte, MaxUser)}})
	require.ErrorContains(t, err, "GO-WF-14")
	_, err = AppendCompound(nil, make([][]byte, 256)...)
	require.ErrorContains(t, err, "GO-WF-11")
	_, err = AppendCompound(nil, make([]byte, 1<<16))
	require.ErrorContains(t, err, "GO-WF-10")
	_, err = AppendEncrypted(nil, nil, 2, make([]byte, 16), Nonce{}, nil)
	require.ErrorContains(t, err, "GO-WF-13")
	_, err = AppendEncrypted(nil, nil, 1, make([]byte, 17), Nonce{}, nil)
	require.ErrorContains(t, err, "GO-WF-13")
	_, err = AppendLabel(nil, strings.Repeat("x", 256))
	require.ErrorContains(t, err, "GO-WF-15")
	for _, err := range []error{(&Format{Keys: [][]byte{nil}}).Check(), (&Format{Version: 2}).Check()} {
		require.ErrorContains(t, err, "GO-WF-13")
	}
	require.NoError(t, keyed.Check())
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bomb is a compression of n equal bytes.
func bomb(t *testing.T, n int) []byte {
	var packed bytes.Buffer
	w := lzw.NewWriter(&packed, lzw.LSB, lzwWidth)
	chunk := make([]byte, 1<<16)
	for ; n > 0; n -= len(chunk) {
		_, err := w.Write(chunk[:min(n, len(chunk))])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return appendBytes([]byte("\x09\x82\xa4Algo\x00\xa3Buf"), packed.Bytes())
}

// GO-WF-09: what inflates beyond the limit is given up there; at the limit it is not.
func TestBombs(t *testing.T) {
	over := bomb(t, MaxInflated+1)
	require.Less(t, len(over), 1<<16, "it fits into a datagram")
	small := bomb(t, 100_000)
	_, fault := decompress(small, 99_999)
	require.Equal(t, "GO-WF-09", fault.Clause)
	out, fault := decompress(small, 100_000)
	require.Nil(t, fault)
	require.Len(t, out, 100_000)

	var err error
	spent := allocated(func() {
		_, err = (&Format{}).ParseMessage(over)
		require.ErrorContains(t, err, "more than the limit (GO-WF-09)")
	})
	require.Less(t, spent, uint64(6*MaxInflated), "with what growing costs")

	// The second part finds less left than the first.
	half := bomb(t, MaxInflated/2+1)
	both, err := AppendCompound(nil, half, half, []byte("\x0b\x80"))
	require.NoError(t, err)
	m, err := (&Format{}).ParseMessage(both)
	require.NoError(t, err)
	require.Equal(t, []Message{Nack{}}, m.(Packet).Parts)
	require.Len(t, m.(Packet).Faults, 2)
	require.Equal(t, "GO-WF-09", m.(Packet).Faults[1].Clause)

	frame, _, err := (&Format{}).Stream().Decoder().Decode(over)
	require.NoError(t, err)
	require.Equal(t, "GO-WF-09", frame.(Frame).Fault.Clause)
}

// Messages inside messages end at a depth, and so does their number. GO-WF-10
func TestNesting(t *testing.T) {
	nest := func(b []byte, depth int) []byte {
		for range depth {
			var err error
			b, err = AppendCompound(nil, b)
			require.NoError(t, err)
		}
		return b
	}
	m, err := (&Format{}).ParseMessage(nest([]byte("\x0b\x80"), MaxNesting))
	require.NoError(t, err)
	require.Equal(t, Packet{Parts: []Message{Nack{}}}, m)
	_, err = (&Format{}).ParseMessage(nest([]byte("\x0b\x80"), MaxNesting+1))
	require.ErrorContains(t, err, "too many messages inside messages")

	full := make([][]byte, MaxParts)
	for i := range full {
		full[i] = []byte("\x0b\x80")
	}
	inner, err := AppendCompound(nil, full...)
	require.NoError(t, err)
	for i := range full {
		full[i] = inner
	}
	outer, err := AppendCompound(nil, full...)
	require.NoError(t, err)
	m, err = (&Format{}).ParseMessage(AppendCompressed(nil, outer))
	require.NoError(t, err)
	require.Len(t, m.(Packet).Parts, MaxMessages)
	require.Len(t, m.(Packet).Faults, MaxFaults)
}

// A push/pull that lies about its nodes costs what has arrived, and a long one is not
// read again from the start with every byte. GO-WF-18
func TestPushPullsThatLie(t *testing.T) {
	b := append([]byte("\x06\x81\xa5Nodes\xce\x00\x10\x00\x00"), bytes.Repeat([]byte("\x81\xa4Name\xa1n"), 1000)...)
	d := (&Format{}).Stream().Decoder()
	spent := allocated(func() {
		for end := range b {
			_, n, err := d.Decode(b[:end])
			require.NoError(t, err)
			require.Zero(t, n)
		}
	})
	require.Less(t, spent, uint64(8<<20))
	require.Equal(t, len(b)-len("\xa1n"), d.(*decoder).extent.at, "it goes on where it was")

	e := extent{skipper: skipper{at: MaxInflated - 5}, header: 9, user: 6}
	require.Equal(t, "GO-WF-18", e.advance(nil).Clause)
	e.user = 5
	require.Nil(t, e.advance(nil))

	endless := &decoder{format: &Format{}}
	b = binary.BigEndian.AppendUint32([]byte("\x02\x81\xa7Payload\xdb"), MaxInflated)
	_, _, err := endless.Decode(b)
	require.ErrorContains(t, err, "GO-WF-18")
}
