package annotate

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/catalogue"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// peerExamples are messages, with what the field at a path says.
func peerExamples() []peerExample {
	ext := func(id uint8, payload string) spec.Message {
		return &wire.Message{Type: wire.Extended, ExtID: id, Data: []byte(payload)}
	}
	handshake := &wire.Handshake{Reserved: [8]byte{1, 5: 0x10, 7: 0x05}, PeerID: [20]byte([]byte("-TR300Z-w4bd4mkebkbi"))}
	holepunch := wire.Holepunch{Type: wire.HolepunchFailed, Addr: netip.MustParseAddrPort("1.2.3.4:5"), Err: 2}
	return []peerExample{
		{handshake, "0.handshake", `"BitTorrent protocol"`, "BEP03-PEER-001", ""},
		{handshake, "0.handshake.reserved",
			"extension protocol, fast extension, DHT, 1 bits without a document", "BEP03-PEER-008", ""},
		{handshake, "0.handshake.info_hash", strings.Repeat("00", 20), "BEP03-PEER-002", ""},
		{handshake, "0.handshake.peer_id", `TR 3.0.0.Z: "-TR300Z-w4bd4mkebkbi"`, "BEP20-ID-001", ""},
		{&wire.Message{Type: wire.KeepAlive}, "0.keep-alive", "0 bytes", "BEP03-PEER-011", ""},
		{&wire.Message{Type: wire.NotInterested}, "0.not_interested.id", "3", "BEP03-PEER-027", ""},
		{&wire.Message{Type: wire.Have, Index: 7}, "0.have.index", "7", "BEP03-PEER-017", ""},
		{&wire.Message{Type: wire.Bitfield, Data: []byte{0xf0, 0x80}}, "0.bitfield.bits",
			"5 of 16 bits are set", "BEP03-PEER-023", ""},
		{&wire.Message{Type: wire.Request, Begin: 5, Length: 16384}, "0.request.begin", "5", "BEP03-PEER-031", ""},
		{&wire.Message{Type: wire.Request, Length: 16385}, "0.request.length", "16385", "BEP03-PEER-032", "at most"},
		{&wire.Message{Type: wire.Piece, Data: []byte("block")}, "0.piece.block", `"block"`, "BEP03-PEER-037", ""},
		{&wire.Message{Type: wire.Piece}, "0.piece.block", `""`, "BEP03-PEER-037", "at least one"},
		{&wire.Message{Type: wire.Port, Port: 6881}, "0.port.port", "6881", "BEP05-PEER-001", ""},
		{&wire.Message{Type: wire.Reject, Length: 1}, "0.reject_request.length", "1", "BEP03-PEER-032", ""},
		{&wire.Message{Type: 99, Data: []byte("?")}, "0.unknown.payload", `"?"`, "BEP03-PEER-048", ""},
		{&wire.Hashes{Type: wire.HashRequest, Count: 3}, "0.hash_request.count", "3", "BEP52-PEER-003", "power"},
		{&wire.Hashes{Type: wire.HashesMessage, Count: 2, ProofLayers: 1, Hashes: make([]byte, 96)},
			"0.hashes.hashes[2]", strings.Repeat("00", 32), "BEP52-PEER-005", ""},
		{ext(0, "d1:pi6881e1:v1:xe"), "0.extended.extension_handshake.p", "6881", "BEP10-EXT-011", ""},
		{ext(0, "d1:md6:ut_pexi256eee"), "0.extended.extension_handshake.m.ut_pex", "256", "BEP10-EXT-007", "255"},
		{ext(0, "d6:yourip4:\x01\x02\x03\x04e"), "0.extended.extension_handshake.yourip", "1.2.3.4",
			"BEP10-EXT-012", ""},
		{ext(0, "d1:v1:x1:pi1ee"), "0.extended.extension_handshake", "dictionary of 2", "BEP10-EXT-004",
			"BEP03-BENC-008"},
		{ext(0, "dex"), "0.extended.trailing", `"x"`, "BEP03-BENC-013", "nothing else"},
		{ext(0, "rubbish"), "0.extended.payload", `"rubbish"`, "BEP10-EXT-004", "dictionary"},
		{ext(3, "d8:msg_typei1e5:piecei0e10:total_sizei3eexyz"), "0.extended.block", `"xyz"`, "BEP09-META-004", ""},
		{ext(3, "d8:msg_typei0e5:piecei0eexyz"), "0.extended.block", `"xyz"`, "BEP09-META-004", "data messages"},
		{ext(3, "d5:added6:\x01\x02\x03\x04\x00\x057:added.f1:\x12e"), "0.extended.ut_pex.added[0]", "1.2.3.4:5",
			"BEP11-PEX-009", ""},
		{ext(3, "d5:added6:\x01\x02\x03\x04\x00\x057:added.f1:\x12e"), `0.extended.ut_pex."added.f"[0]`,
			"seed, outgoing", "BEP11-PEX-010", ""},
		{ext(3, "d5:added5:12345e"), "0.extended.ut_pex.added", `"12345"`, "BEP11-PEX-009", "multiple of 6"},
		{ext(3, "d1:ai1ee"), "0.extended.payload.a", "1", "BEP10-EXT-005", ""},
		{ext(3, "\x00\x00\x00\x07"), "0.extended.lt_donthave", "7", "BEP54-DH-001", ""},
		{ext(3, "\x01"), "0.extended.upload_only", "1", "BEP21-PART-001", ""},
		{ext(3, string(holepunch.Append(nil))), "0.extended.ut_holepunch", "no rendezvous with 1.2.3.4:5, error 2",
			"BEP55-HP-005", ""},
		{ext(3, "rubbish"), "0.extended.payload", `"rubbish"`, "BEP10-EXT-009", ""},
	}
}

type peerExample struct {
	message             spec.Message
	path, value, clause string
	problem             string // a part of it
}

func (e peerExample) stream(t testing.TB) []byte {
	b, err := wire.Codec{}.AppendMessage(nil, e.message)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPeerMessages(t *testing.T) {
	for _, c := range peerExamples() {
		fields, err := BitTorrent(c.stream(t))
		if err != nil {
			t.Errorf("%+v: %v", c.message, err)
			continue
		}
		f := find(t, fields, c.path)
		if f.Value != c.value || f.Clause != c.clause || !strings.Contains(f.Problem, c.problem) ||
			(f.Problem == "") != (c.problem == "") {
			t.Errorf("%s: got %+v, want %+v", c.path, f, c)
		}
	}
}

// TestPeerStreams: what cannot be read is the last field, and says why.
func TestPeerStreams(t *testing.T) {
	have := "\x00\x00\x00\x05\x04\x00\x00\x00\x07"
	for _, c := range []struct{ stream, path, clause, problem string }{
		{have + have[:6], "1.incomplete", "BEP03-PEER-011", "has 9 bytes"},
		{have + have[:2], "1.incomplete", "BEP03-PEER-011", "inside a message"},
		{"\x13BitTorrent", "0.incomplete", "BEP03-PEER-011", "68 bytes"},
		{"\x13BitTorrents", "0.refused", "BEP03-PEER-005", "byte 11"},
		{have + "\x00\x00\x00\x02\x00", "1.refused", "BEP03-PEER-016", "choke"},
		{have + "\xff\xff\xff\xff", "1.refused", "BEP03-PEER-012", "4294967295 bytes"},
	} {
		fields, err := BitTorrent([]byte(c.stream))
		f := fields[len(fields)-1]
		if f.Path != c.path || f.Clause != c.clause || !strings.Contains(f.Problem, c.problem) {
			t.Errorf("%q: got %+v, want %+v", c.stream, f, c)
		}
		var refused *wire.Error
		if strings.HasSuffix(c.path, "refused") != errors.As(err, &refused) {
			t.Errorf("%q: %v", c.stream, err)
		}
	}
	if fields, err := BitTorrent(nil); fields != nil || err == nil {
		t.Errorf("no bytes are annotated: %+v, %v", fields, err)
	}
}

// checkPeerTiling wants the fields to be the stream, and their clauses to exist.
func checkPeerTiling(t rapid.TB, stream []byte) {
	fields, _ := BitTorrent(stream)
	var joined []byte
	for _, f := range fields {
		if f.Offset != len(joined) {
			t.Fatalf("%x: %s begins at %d, want %d", stream, f.Path, f.Offset, len(joined))
		}
		joined = append(joined, f.Bytes...)
		if _, ok := catalogue.Lookup(f.Clause); f.Clause != "" && !ok {
			t.Fatalf("%s cites %s, which the catalogue lacks", f.Path, f.Clause)
		}
	}
	if !bytes.Equal(joined, stream) {
		t.Fatalf("%x: the fields are %x", stream, joined)
	}
}

func TestPeerFieldsTile(t *testing.T) {
	examples := peerExamples()
	file, err := vectors.Load("extension")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		m := &wire.Message{Type: wire.Extended, ExtID: 1, Data: v.Input.Bytes("payload")}
		examples = append(examples, peerExample{message: m})
	}
	for kind := wire.Choke; kind <= wire.Extended; kind++ {
		examples = append(examples, peerExample{message: &wire.Message{Type: kind}})
	}
	var streams [][]byte
	for _, e := range examples {
		streams = append(streams, e.stream(t))
		checkPeerTiling(t, e.stream(t))
	}
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			one := rapid.SampledFrom(streams).Draw(t, "message")
			stream = append(stream, one[:len(one)-rapid.SampledFrom([]int{0, 0, 0, 0, 1, 3}).Draw(t, "cut")]...)
		}
		if at := rapid.IntRange(0, 2*len(stream)).Draw(t, "flip"); at < len(stream) {
			stream[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		checkPeerTiling(t, stream)
	})
}
