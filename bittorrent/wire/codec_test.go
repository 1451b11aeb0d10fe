package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

var _ spec.StreamCodec = Codec{}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	protocolHex = "13 426974546f7272656e742070726f746f636f6c"
	hash20      = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	root32      = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	id20        = "2d545233303057d2d77346264346d6b656269bcd"
)

// TestBytes holds each message against its bytes on the wire.
// BEP03-PEER-001, -011, -016, -017, -031, -037, BEP05-PEER-001, BEP06-FAST-023,
// BEP10-EXT-002, BEP52-PEER-004
func TestBytes(t *testing.T) {
	root := [32]byte(unhex(t, root32))
	block := []byte("block")
	for _, c := range []struct {
		bytes string
		m     spec.Message
	}{
		{protocolHex + "0000000000100005" + hash20 + id20, &Handshake{
			Reserved: [8]byte{5: 0x10, 7: 0x05}, InfoHash: [20]byte(unhex(t, hash20)),
			PeerID: [20]byte(unhex(t, id20)),
		}},
		{"00000000", &Message{Type: KeepAlive}},
		{"00000001 00", &Message{Type: Choke}},
		{"00000001 01", &Message{Type: Unchoke}},
		{"00000001 02", &Message{Type: Interested}},
		{"00000001 03", &Message{Type: NotInterested}},
		{"00000005 04 01020304", &Message{Type: Have, Index: 0x01020304}},
		{"00000003 05 ff80", &Message{Type: Bitfield, Data: []byte{0xff, 0x80}}},
		{"0000000d 06 00000001 00004000 00002000",
			&Message{Type: Request, Index: 1, Begin: 0x4000, Length: 0x2000}},
		{"0000000e 07 00000001 00004000 626c6f636b",
			&Message{Type: Piece, Index: 1, Begin: 0x4000, Data: block}},
		{"0000000d 08 00000001 00004000 00002000",
			&Message{Type: Cancel, Index: 1, Begin: 0x4000, Length: 0x2000}},
		{"00000003 09 1ae1", &Message{Type: Port, Port: 6881}},
		{"00000005 0d 00000007", &Message{Type: Suggest, Index: 7}},
		{"00000001 0e", &Message{Type: HaveAll}},
		{"00000001 0f", &Message{Type: HaveNone}},
		{"0000000d 10 00000001 00004000 00002000",
			&Message{Type: Reject, Index: 1, Begin: 0x4000, Length: 0x2000}},
		{"00000005 11 00000007", &Message{Type: AllowedFast, Index: 7}},
		{"00000004 14 00 6465", &Message{Type: Extended, Data: []byte("de")}},
		{"00000002 14 07", &Message{Type: Extended, ExtID: 7}},
		{"00000031 15" + root32 + "00000001 00000004 00000002 00000003", &Hashes{
			Type: HashRequest, PiecesRoot: root, BaseLayer: 1, Index: 4, Count: 2, ProofLayers: 3,
		}},
		{"00000071 16" + root32 + "00000000 00000000 00000002 00000000" + root32 + root32, &Hashes{
			Type: HashesMessage, PiecesRoot: root, Count: 2, Hashes: append(root[:], root[:]...),
		}},
		{"00000031 17" + root32 + "00000001 00000004 00000002 00000003", &Hashes{
			Type: HashReject, PiecesRoot: root, BaseLayer: 1, Index: 4, Count: 2, ProofLayers: 3,
		}},
		{"00000003 63 abcd", &Message{Type: 0x63, Data: []byte{0xab, 0xcd}}}, // BEP03-PEER-048
	} {
		want := unhex(t, c.bytes)
		got, err := Codec{}.AppendMessage([]byte("head"), c.m)
		if err != nil || !bytes.Equal(got, append([]byte("head"), want...)) {
			t.Errorf("%+v is written as %x, %v; want %x", c.m, got, err, want)
		}
		d := Codec{}.MessageDecoder()
		if _, ok := c.m.(*Handshake); ok {
			d = Codec{}.Decoder()
		}
		m, n, err := d.Decode(append(want, "tail"...))
		if diff := cmp.Diff(c.m, m, cmpopts.EquateEmpty()); err != nil || n != len(want) || diff != "" {
			t.Errorf("%s is read with %d, %v: %s", c.bytes, n, err, diff)
		}
	}
}

// TestRefusals: the length is refused at the first byte that shows it, and not
// before; the bytes in front of | are fine.
func TestRefusals(t *testing.T) {
	known := Limits{Pieces: 17}
	for _, c := range []struct {
		limits Limits
		bytes  string
		clause string
	}{
		{Limits{}, "00000002|00", "BEP03-PEER-016"},
		{Limits{}, "ffffff|ff", "BEP03-PEER-012"},
		{Limits{}, "000400|02", "BEP03-PEER-012"}, // a bitfield is the longest message
		{Limits{}, "00000001|04", "BEP03-PEER-017"},
		{Limits{}, "00000006|04", "BEP03-PEER-017"},
		{known, "00000003|05", "BEP03-PEER-024"},
		{known, "00000005|05", "BEP03-PEER-024"},
		{known, "00000001|05", "BEP03-PEER-024"},
		{Limits{MaxPieces: 8}, "00000003|05", "BEP03-PEER-024"},
		{Limits{}, "0000000c|06", "BEP03-PEER-031"},
		{Limits{}, "0000000e|08", "BEP03-PEER-031"},
		{Limits{}, "00000008|07", "BEP03-PEER-037"},
		{Limits{}, "0000400a|07", "BEP03-PEER-037"},
		{Limits{MaxBlock: TolerantMaxBlock}, "0002000a|07", "BEP03-PEER-037"},
		{Limits{}, "00000002|09", "BEP05-PEER-001"},
		{Limits{}, "00000004|0d", "BEP06-FAST-023"},
		{Limits{}, "00000002|0e", "BEP06-FAST-023"},
		{Limits{}, "00000002|0f", "BEP06-FAST-023"},
		{Limits{}, "0000000c|10", "BEP06-FAST-023"},
		{Limits{}, "00000006|11", "BEP06-FAST-023"},
		{Limits{}, "00000001|14", "BEP10-EXT-002"},
		{Limits{}, "00020003|14", "BEP10-EXT-002"},
		{Limits{}, "00000030|15", "BEP52-PEER-004"},
		{Limits{}, "00000032|17", "BEP52-PEER-004"},
		{Limits{}, "00000030|16", "BEP52-PEER-005"},
		{Limits{MaxHashes: 2}, "00000072|16", "BEP52-PEER-005"},
		{Limits{}, "00004002|63", "BEP03-PEER-012"},
	} {
		fine, bad, _ := strings.Cut(c.bytes, "|")
		d := Codec{c.limits}.MessageDecoder()
		b := unhex(t, fine)
		if _, n, err := d.Decode(b); n != 0 || err != nil {
			t.Errorf("%s: %d, %v before the fault", c.bytes, n, err)
		}
		_, n, err := d.Decode(append(b, unhex(t, bad)...))
		var refused *Error
		if !errors.As(err, &refused) || refused.Clause != c.clause || n != 0 {
			t.Errorf("%s: %d, %v; want %s", c.bytes, n, err, c.clause)
		}
	}
}

// TestLongest: a message of the greatest length is waited for, and what it
// holds ends where the message does.
func TestLongest(t *testing.T) {
	d := Codec{}.MessageDecoder()
	b := unhex(t, "00040001 05")
	if _, n, err := d.Decode(b); n != 0 || err != nil {
		t.Errorf("the longest bitfield: %d, %v", n, err)
	}
	b = append(b, make([]byte, DefaultMaxPieces/8+1)...)
	m, n, err := d.Decode(b)
	if err != nil || n != len(b)-1 {
		t.Fatal(n, err)
	}
	if data := m.(*Message).Data; cap(data) != len(data) {
		t.Errorf("%d bytes of data have room for %d", len(data), cap(data))
	}
}

// TestWrongNumberOfHashes: the layers below the common ancestor of the base
// hashes have no uncles in the message. BEP52-PEER-005
func TestWrongNumberOfHashes(t *testing.T) {
	for _, c := range []struct {
		count, proof uint32
		number       int // of hashes
		ok           bool
	}{
		{2, 0, 2, true}, {2, 0, 1, false}, {2, 0, 3, false},
		{2, 3, 5, true}, {2, 3, 6, false}, {2, 3, 4, true}, // the proof ends at the root
		{8, 2, 8, true}, {8, 2, 9, false}, {8, 3, 9, true}, {8, 3, 10, false},
		{512, 10, 514, true}, {512, 10, 515, false},
		{0, 5, 0, true}, {0, 5, 1, false},
		{math.MaxUint32, math.MaxUint32, 3, false},
	} {
		h := &Hashes{Type: HashesMessage, Count: c.count, ProofLayers: c.proof,
			Hashes: make([]byte, 32*c.number)}
		if _, err := (Codec{}).AppendMessage(nil, h); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	three := unhex(t, "00000091 16"+root32+"00000000 00000000 00000002 00000000"+root32+root32+root32)
	if m, _, err := (Codec{}).MessageDecoder().Decode(three); err == nil {
		t.Errorf("three hashes in the place of two are read as %+v", m)
	}
	h := &Hashes{Type: HashesMessage, Count: 2, Hashes: make([]byte, 65)}
	if b, err := (Codec{}).AppendMessage(nil, h); err == nil {
		t.Errorf("65 bytes of hashes are written as %x", b)
	}
}

func TestHashesCheck(t *testing.T) {
	for _, c := range []struct {
		h      Hashes
		clause string
	}{
		{Hashes{Count: 2}, ""}, {Hashes{Count: 512, Index: 1024, ProofLayers: 10}, ""},
		{Hashes{Count: 1 << 31}, ""},
		{Hashes{Count: 0}, "BEP52-PEER-003"}, {Hashes{Count: 1}, "BEP52-PEER-003"},
		{Hashes{Count: 3}, "BEP52-PEER-003"}, {Hashes{Count: 4, Index: 2}, "BEP52-PEER-003"},
		{Hashes{Count: 2, BaseLayer: 50}, "BEP52-PEER-004"},
		{Hashes{Count: 2, ProofLayers: 50}, "BEP52-PEER-004"},
	} {
		var refused *Error
		err := c.h.Check()
		if errors.As(err, &refused); (err != nil || c.clause != "") && (refused == nil || refused.Clause != c.clause) {
			t.Errorf("%+v: %v, want %s", c.h, err, c.clause)
		}
	}
}

// TestOtherProtocols are refused at the first byte that differs. BEP03-PEER-005
func TestOtherProtocols(t *testing.T) {
	whole := unhex(t, protocolHex+"0000000000100005"+hash20+id20)
	for i := range whole {
		wrong := bytes.Clone(whole[:i+1])
		wrong[i] ^= 0x20
		_, n, err := Codec{}.Decoder().Decode(wrong)
		var refused *Error
		if inProtocol := i < len(protocol); inProtocol != errors.As(err, &refused) {
			t.Errorf("byte %d changed: %d, %v", i, n, err)
		}
	}
}

// TestAppendRefuses what could not be read again.
func TestAppendRefuses(t *testing.T) {
	head := []byte("head")
	for _, m := range []spec.Message{
		&Message{Type: -2}, &Message{Type: 256}, &Message{Type: HashRequest}, &Message{Type: HashReject},
		&Hashes{Type: Choke}, &Hashes{Type: HashesMessage, Hashes: make([]byte, 32)},
		&Message{Type: Piece, Data: make([]byte, DefaultMaxBlock+1)},
		&Message{Type: Extended, Data: make([]byte, DefaultMaxExtended+1)},
		&Message{Type: Bitfield, Data: make([]byte, DefaultMaxPieces/8+1)},
		&Message{Type: 99, Data: make([]byte, DefaultMaxUnknown+1)},
	} {
		b, err := Codec{}.AppendMessage(head, m)
		var refused *Error
		if !errors.As(err, &refused) || refused.Clause == "" || string(b) != "head" {
			t.Errorf("%T is written as %.20q, %v", m, b, err)
		}
	}
}

func TestCheckBitfield(t *testing.T) {
	for _, c := range []struct {
		bits   string
		pieces int32
		clause string
	}{
		{"", 0, ""}, {"80", 1, ""}, {"fe", 7, ""}, {"ff", 8, ""}, {"ff80", 9, ""}, {"00", 8, ""},
		{"40", 1, "BEP03-PEER-025"}, {"ff", 7, "BEP03-PEER-025"}, {"ff40", 9, "BEP03-PEER-025"},
		{"", 1, "BEP03-PEER-024"}, {"00", 0, "BEP03-PEER-024"}, {"ff", 9, "BEP03-PEER-024"},
		{"ffff", 8, "BEP03-PEER-024"}, {"", math.MaxInt32, "BEP03-PEER-024"},
	} {
		var refused *Error
		err := CheckBitfield(unhex(t, c.bits), c.pieces)
		if errors.As(err, &refused); (err != nil || c.clause != "") && (refused == nil || refused.Clause != c.clause) {
			t.Errorf("%s for %d pieces: %v, want %s", c.bits, c.pieces, err, c.clause)
		}
	}
}

// messages draws any message that has an encoding under the default limits.
func messages() *rapid.Generator[spec.Message] {
	data := func(most int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, most) }
	return rapid.Custom(func(t *rapid.T) spec.Message {
		number := func(name string) uint32 { return rapid.Uint32().Draw(t, name) }
		switch kind := Type(rapid.IntRange(-1, 26).Draw(t, "type")); kind {
		case KeepAlive, Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone:
			return &Message{Type: kind}
		case Have, Suggest, AllowedFast:
			return &Message{Type: kind, Index: number("index")}
		case Request, Cancel, Reject:
			return &Message{Type: kind, Index: number("index"), Begin: number("begin"), Length: number("length")}
		case Piece:
			return &Message{Type: kind, Index: number("index"), Begin: number("begin"), Data: data(40).Draw(t, "data")}
		case Port:
			return &Message{Type: kind, Port: rapid.Uint16().Draw(t, "port")}
		case Extended:
			return &Message{Type: kind, ExtID: rapid.Byte().Draw(t, "id"), Data: data(40).Draw(t, "data")}
		case HashRequest, HashesMessage, HashReject:
			h := &Hashes{Type: kind, PiecesRoot: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root")),
				BaseLayer: number("base"), Index: number("index"),
				Count: rapid.Uint32Range(0, 4).Draw(t, "count"), ProofLayers: rapid.Uint32Range(0, 9).Draw(t, "proof")}
			if kind == HashesMessage {
				n := h.Count + rapid.Uint32Range(0, h.Uncles()).Draw(t, "uncles")
				h.Hashes = bytes.Repeat([]byte{7}, int(32*n))
			}
			return h
		default:
			return &Message{Type: kind, Data: data(40).Draw(t, "data")}
		}
	})
}

// TestStreamsRoundTrip: what is written is read again, whole, byte by byte and
// in any pieces. BEP03-PEER-006, BEP03-PEER-007
func TestStreamsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := []spec.Message{&Handshake{PeerID: [20]byte{1}, Reserved: [8]byte{0xff}}}
		want = append(want, rapid.SliceOfN(messages(), 0, 12).Draw(t, "messages")...)
		var stream []byte
		for _, m := range want {
			var err error
			if stream, err = (Codec{}).AppendMessage(stream, m); err != nil {
				t.Fatal(err)
			}
		}
		d := Codec{}.Decoder()
		start, end := 0, 0
		for _, m := range want {
			for {
				got, n, err := d.Decode(stream[start:end])
				if err != nil {
					t.Fatalf("%T: %v", m, err)
				}
				if n == 0 {
					end += rapid.IntRange(1, len(stream)-end).Draw(t, "more")
					continue
				}
				if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
				start += n
				break
			}
		}
		if start != len(stream) {
			t.Fatalf("%d of %d bytes are read", start, len(stream))
		}
	})
}

// TestDecodeDoesNotAllocate, whatever the message, nor does writing into a
// buffer that is large enough.
func TestDecodeDoesNotAllocate(t *testing.T) {
	c := Codec{}
	all := []spec.Message{
		&Message{Type: KeepAlive}, &Message{Type: Have}, &Message{Type: Bitfield, Data: make([]byte, 200)},
		&Message{Type: Request}, &Message{Type: Piece, Data: make([]byte, DefaultMaxBlock)},
		&Message{Type: Extended, Data: []byte("de")}, &Hashes{Type: HashRequest},
		&Hashes{Type: HashesMessage, Count: 2, Hashes: make([]byte, 64)}, &Message{Type: 99},
	}
	var stream []byte
	write := func() {
		stream = stream[:0]
		for _, m := range all {
			stream, _ = c.AppendMessage(stream, m)
		}
	}
	d := c.MessageDecoder()
	read := func() {
		for b := stream; len(b) > 0; {
			_, n, err := d.Decode(b)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
	}
	write()
	if n := testing.AllocsPerRun(100, write); n != 0 {
		t.Errorf("writing allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("reading allocates %v times", n)
	}
}
