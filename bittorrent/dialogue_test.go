package bittorrent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// talk is a conversation of one machine with one scripted peer.
type talk struct {
	*testing.T
	n    *Node
	now  time.Duration
	conn spec.Conn
}

// newTalk has a peer connect and shake hands, with BEP 6 or without. The
// torrent has 10 pieces of 32 KiB but for the last, of 5 bytes.
func newTalk(t *testing.T, cfg Config, features ...wire.Feature) *talk {
	if cfg.InfoHash = [20]byte{7}; cfg.Layout.Pieces == 0 {
		cfg.Layout = Layout{Pieces: 10, PieceLength: 32 << 10, Short: []ShortPiece{{9, 5}}, Private: cfg.Layout.Private}
	}
	n, err := New(cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &talk{T: t, n: n, conn: -1}
	h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{1}}
	for _, f := range features {
		h.Offer(f)
	}
	k.in(spec.Opened{Conn: -1, Remote: memberAddr(9)})
	k.in(spec.Got{Conn: -1, Msg: h})
	return k
}

// in gives an input and returns the effects in short.
func (k *talk) in(in spec.Input) string {
	k.Helper()
	effects := k.n.Step(k.now, in, nil)
	if err := k.n.Check(); err != nil {
		k.Fatalf("after %+v: %v", in, err)
	}
	var said []string
	for _, e := range effects {
		said = append(said, short(e))
	}
	return strings.Join(said, ", ")
}

func (k *talk) say(messages ...spec.Message) (last string) {
	k.Helper()
	for _, m := range messages {
		last = k.in(spec.Got{Conn: k.conn, Msg: m})
	}
	return last
}

func (k *talk) want(got, want string) {
	k.Helper()
	if got != want {
		k.Errorf("got %q, want %q", got, want)
	}
}

// wait lets time pass, tick by tick.
func (k *talk) wait(d time.Duration) (last string) {
	k.Helper()
	var said []string
	for end := k.now + d; k.now < end; {
		at, ok := k.n.Deadline()
		if k.now = end; ok {
			k.now = min(at, end)
		}
		if s := k.in(spec.Wake{}); s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, ", ")
}

func short(e spec.Effect) string {
	switch e := e.(type) {
	case spec.Write:
		m, ok := e.Msg.(*wire.Message)
		if !ok {
			return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e.Msg), "*wire."))
		}
		switch m.Type {
		case wire.Request, wire.Cancel, wire.Reject:
			return fmt.Sprintf("%v %d@%d+%d", m.Type, m.Index, m.Begin, m.Length)
		case wire.Piece:
			return fmt.Sprintf("piece %d@%d+%d", m.Index, m.Begin, len(m.Data))
		case wire.Have, wire.AllowedFast:
			return fmt.Sprintf("%v %d", m.Type, m.Index)
		case wire.Extended:
			return fmt.Sprintf("extended %d", m.ExtID)
		}
		return m.Type.String()
	case spec.Drop:
		return "drop " + e.Clause
	case spec.Notify:
		return fmt.Sprintf("notify %T", e.Event)
	case spec.Load:
		return fmt.Sprintf("load %d@%d+%d", e.Piece, e.Begin, e.Length)
	case spec.Store:
		return fmt.Sprintf("store %d@%d+%d", e.Piece, e.Begin, len(e.Data))
	case spec.Verify:
		return fmt.Sprintf("verify %d", e.Piece)
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "spec."))
}

func bare(t wire.Type) *wire.Message { return &wire.Message{Type: t} }

func have(piece uint32) *wire.Message { return &wire.Message{Type: wire.Have, Index: piece} }

func of(t wire.Type, index, begin, length uint32) *wire.Message {
	return &wire.Message{Type: t, Index: index, Begin: begin, Length: length}
}

func data(index, begin uint32, length int) *wire.Message {
	return &wire.Message{Type: wire.Piece, Index: index, Begin: begin, Data: make([]byte, length)}
}

var everything = []byte{0xff, 0xc0}

// TestRequests asks a seed for what may be asked for and for what may not.
// BEP03-PEER-033 to BEP03-PEER-036, BEP06-FAST-007, BEP06-FAST-011
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		m                 *wire.Message
		fast, withoutFast string
	}{
		{of(wire.Request, 1, 16384, 16384), "load 1@16384+16384", "load 1@16384+16384"},
		{of(wire.Request, 9, 0, 5), "load 9@0+5", "load 9@0+5"},
		{of(wire.Request, 9, 0, 6), "drop BEP03-PEER-034, reject request 9@0+6", "drop BEP03-PEER-034, close"},
		{of(wire.Request, 1, 0, 16385), "drop BEP03-PEER-033, reject request 1@0+16385", "drop BEP03-PEER-033, close"},
		{of(wire.Request, 1, 1<<32-16, 32), "drop BEP03-PEER-034, reject request 1@4294967280+32",
			"drop BEP03-PEER-034, close"},
		{of(wire.Request, 1, 0, 0), "drop BEP03-PEER-034, reject request 1@0+0", "drop BEP03-PEER-034, close"},
		{of(wire.Request, 10, 0, 5), "drop BEP03-PEER-034, reject request 10@0+5", "drop BEP03-PEER-034, close"},
		{of(wire.Request, 1<<31, 0, 5), "drop BEP03-PEER-034, reject request 2147483648@0+5",
			"drop BEP03-PEER-034, close"},
		{of(wire.Request, 8, 0, 5), "drop BEP03-PEER-035, reject request 8@0+5", "drop BEP03-PEER-035"},
	} {
		for _, fast := range []bool{true, false} {
			k, want := newTalk(t, Config{Have: []byte{0xff, 0x40}}), c.withoutFast
			if fast {
				k, want = newTalk(t, Config{Have: []byte{0xff, 0x40}}, wire.FeatureFast), c.fast
			}
			k.say(bare(wire.Interested))
			k.want(k.say(c.m), want)
		}
	}
}

// TestChokedRequests are refused but for the allowed fast pieces, as often as
// one needs them. BEP03-PEER-036, BEP06-FAST-019 to BEP06-FAST-021
func TestChokedRequests(t *testing.T) {
	k := newTalk(t, Config{Have: everything})
	k.want(k.say(of(wire.Request, 1, 0, 4)), "drop BEP03-PEER-036")
	k = newTalk(t, Config{Have: everything}, wire.FeatureFast)
	if got := k.say(bare(wire.HaveNone)); strings.Count(got, "allowed fast") != 10 {
		t.Fatalf("got %q", got)
	}
	for i := range 4 {
		k.want(k.say(of(wire.Request, 1, uint32(i%2)<<14, 16384)), fmt.Sprintf("load 1@%d+16384", i%2<<14))
		k.want(k.in(spec.Loaded{Token: k.n.lastToken, Data: make([]byte, 16384)}), fmt.Sprintf("piece 1@%d+16384", i%2<<14))
		k.in(spec.Drained{Conn: k.conn})
	}
	for range 1000 {
		k.say(of(wire.Request, 1, 0, 16384))
		k.in(spec.Loaded{Token: k.n.lastToken, Data: make([]byte, 16384)})
		k.in(spec.Drained{Conn: k.conn})
	}
	if k.n.Uploaded() > 2*k.n.layout.Length() {
		t.Errorf("%d bytes for a choked peer", k.n.Uploaded())
	}
}

// TestCancel has one answer to each request. BEP03-PEER-046, BEP03-PEER-047,
// BEP06-FAST-008
func TestCancel(t *testing.T) {
	k := newTalk(t, Config{Have: everything, UploadWindow: 1}, wire.FeatureFast)
	k.say(bare(wire.Interested))
	k.want(k.say(of(wire.Request, 1, 0, 4)), "load 1@0+4")
	k.want(k.say(of(wire.Request, 1, 4, 4)), "")
	k.want(k.say(of(wire.Cancel, 1, 4, 4)), "reject request 1@4+4")
	k.want(k.say(of(wire.Cancel, 1, 0, 4)), "reject request 1@0+4")
	k.want(k.in(spec.Loaded{Token: 1, Data: make([]byte, 4)}), "")
	k.want(k.say(of(wire.Cancel, 1, 0, 4)), "")
}

// TestManyRequests bounds the queue of one peer. BEP10-EXT-010
func TestManyRequests(t *testing.T) {
	k := newTalk(t, Config{Have: everything, MaxRequestsIn: 2, UploadWindow: 1}, wire.FeatureFast)
	k.say(bare(wire.Interested), of(wire.Request, 1, 0, 4), of(wire.Request, 1, 4, 4))
	k.want(k.say(of(wire.Request, 1, 8, 4)), "drop BEP10-EXT-010, reject request 1@8+4")
}

// TestFirstMessages say what a peer has, once and right.
// BEP03-PEER-020, BEP03-PEER-021, BEP03-PEER-024 to BEP03-PEER-026,
// BEP06-FAST-002 to BEP06-FAST-006
func TestFirstMessages(t *testing.T) {
	field := func(b ...byte) *wire.Message { return &wire.Message{Type: wire.Bitfield, Data: b} }
	for _, c := range []struct {
		say  []spec.Message
		want string
	}{
		{[]spec.Message{field(0xff, 0xc0)}, "interested"},
		{[]spec.Message{field(0, 0)}, ""},
		{[]spec.Message{have(3)}, "interested"},
		{[]spec.Message{bare(wire.KeepAlive), field(0xff, 0)}, "interested"},
		{[]spec.Message{field(0xff)}, "drop BEP03-PEER-024, close"},
		{[]spec.Message{field(0xff, 0xc1)}, "drop BEP03-PEER-025, close"},
		{[]spec.Message{field(0, 0), field(0xff, 0xc0)}, "interested"}, // as aria2 does
		{[]spec.Message{have(10)}, "drop BEP03-PEER-020, close"},
		{[]spec.Message{have(1<<32 - 1)}, "drop BEP03-PEER-020, close"},
		{[]spec.Message{bare(wire.HaveAll)}, "drop BEP06-FAST-003, close"},
		{[]spec.Message{bare(wire.Suggest)}, "drop BEP06-FAST-003, close"},
		{[]spec.Message{bare(wire.Reject)}, "drop BEP06-FAST-003, close"},
		{[]spec.Message{bare(wire.AllowedFast)}, "drop BEP06-FAST-003, close"},
		{[]spec.Message{&wire.Message{Type: 99, Data: []byte("?")}}, ""}, // BEP03-PEER-048
		{[]spec.Message{&wire.Handshake{}}, "drop BEP03-PEER-001, close"},
	} {
		k := newTalk(t, Config{})
		k.want(k.say(c.say...), c.want)
	}
	k := newTalk(t, Config{}, wire.FeatureFast)
	k.want(k.say(bare(wire.HaveAll)), "interested")
	k.want(k.say(bare(wire.HaveNone)), "drop BEP03-PEER-021, close")
}

// TestUnaskedBlocks are thrown away, or with BEP 6 cost the connection.
// BEP03-PEER-041, BEP06-FAST-013, BEP06-FAST-014, BEP52-PEER-010
func TestUnaskedBlocks(t *testing.T) {
	k := newTalk(t, Config{})
	k.say(have(1), bare(wire.Unchoke))
	k.want(k.say(data(2, 0, 16384)), "drop BEP03-PEER-041")
	k.want(k.say(data(1, 0, 16383)), "drop BEP03-PEER-041")
	k.say(bare(wire.Choke)) // what comes late is no fault, and is not used
	k.want(k.say(data(1, 0, 16384)), "")
	k = newTalk(t, Config{}, wire.FeatureFast)
	k.say(have(1), bare(wire.Unchoke), bare(wire.Choke))
	k.want(k.say(data(1, 0, 16384)), "store 1@0+16384") // BEP06-FAST-015
	k.want(k.say(data(1, 0, 16384)), "drop BEP06-FAST-013, close")
	k = newTalk(t, Config{}, wire.FeatureFast)
	k.want(k.say(of(wire.Reject, 1, 0, 16384)), "drop BEP06-FAST-014, close")
}

// TestAllowedFast asks a peer that chokes for what it allows, if it has it.
// BEP06-FAST-017, BEP06-FAST-018, BEP06-FAST-022
func TestAllowedFast(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureFast)
	k.say(have(9))
	k.want(k.say(of(wire.AllowedFast, 3, 0, 0)), "")
	k.want(k.say(of(wire.AllowedFast, 1<<31+5, 0, 0)), "")
	k.want(k.say(of(wire.Suggest, 77, 0, 0)), "")
	k.want(k.say(of(wire.AllowedFast, 9, 0, 0)), "request 9@0+5")
	k.want(k.say(of(wire.Reject, 9, 0, 5)), "")
}

// TestDownload asks, stores, verifies and tells, and asks again for what was
// lost to a choke. BEP03-PEER-031, BEP03-PEER-038, BEP03-PEER-040, BEP06-FAST-016
func TestDownload(t *testing.T) {
	k := newTalk(t, Config{})
	k.say(have(9))
	k.want(k.say(bare(wire.Unchoke)), "request 9@0+5")
	k.want(k.say(bare(wire.Choke)), "")
	k.want(k.say(bare(wire.Unchoke)), "request 9@0+5")
	k.want(k.say(data(9, 0, 5)), "store 9@0+5")
	k.want(k.in(spec.Stored{Token: 1}), "verify 9")
	k.want(k.in(spec.Verified{Token: 2, OK: true}), "notify bittorrent.PieceVerified, have 9, not interested")
}

// TestStorageFails stops the download and resumes it, and loses nothing.
func TestStorageFails(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureFast)
	k.say(have(9), have(1), bare(wire.Unchoke))
	full := errors.New("disk full")
	k.say(data(9, 0, 5))
	k.want(k.in(spec.Stored{Token: 1, Err: full}), "notify bittorrent.StorageFailed")
	k.want(k.say(have(2)), "")
	k.say(data(1, 0, 16384)) // it is on its way, and has no place
	if got := k.in(Start{Op: 5}); !strings.Contains(got, "request 9@0+5") || !strings.Contains(got, "done") {
		t.Errorf("got %q", got)
	}
	k.say(data(9, 0, 5))
	k.in(spec.Stored{Token: 2})
	k.want(k.in(spec.Verified{Token: 3, Err: full}), "notify bittorrent.StorageFailed")
	k.want(k.in(Start{Op: 6}), "verify 9, done")
	k.in(spec.Verified{Token: 4, OK: true})
	if !k.n.Has(9) {
		t.Error("piece 9 was lost")
	}
}

// TestSilence: a peer that says nothing is left, first without a handshake,
// then after one; the own end keeps talking. BEP03-PEER-010, BEP03-PEER-013,
// BEP03-PEER-014
func TestSilence(t *testing.T) {
	k := newTalk(t, Config{})
	k.in(spec.Opened{Conn: -2, Remote: memberAddr(8)})
	k.want(k.wait(11*time.Second), "close")
	k.want(k.wait(100*time.Second), "")
	k.want(k.wait(20*time.Second), "keep-alive")
	k.want(k.wait(time.Minute), "close")
}

// TestLateBlocks are asked of others, too, and welcome when they come.
func TestLateBlocks(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureFast)
	k.say(have(9), bare(wire.Unchoke))
	k.in(spec.Opened{Conn: -2, Remote: memberAddr(8)})
	h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{2}}
	k.in(spec.Got{Conn: -2, Msg: h})
	k.in(spec.Got{Conn: -2, Msg: have(9)})
	k.want(k.in(spec.Got{Conn: -2, Msg: bare(wire.Unchoke)}), "request 9@0+5") // endgame: BEP03-PEER-044
	k.want(k.say(data(9, 0, 5)), "cancel 9@0+5, store 9@0+5")                  // BEP03-PEER-045
	k.want(k.in(spec.Got{Conn: -2, Msg: data(9, 0, 5)}), "")
}

// TestGreeting: who is connected to waits for the info-hash, answers, and says
// what it has. BEP03-PEER-003, BEP03-PEER-022, BEP03-PEER-023, BEP06-FAST-002
func TestGreeting(t *testing.T) {
	for _, c := range []struct {
		have          []byte
		fast, without string
	}{
		{nil, "handshake, have none", "handshake"},
		{[]byte{0x80, 0x40}, "handshake, bitfield", "handshake, bitfield"},
		{everything, "handshake, have all", "handshake, bitfield"},
	} {
		for _, fast := range []bool{true, false} {
			k := newTalk(t, Config{Have: c.have})
			h, want := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{2}}, c.without
			if fast {
				h.Offer(wire.FeatureFast)
				want = c.fast
			}
			k.want(k.in(spec.Opened{Conn: -2, Remote: memberAddr(8)}), "")
			k.want(k.in(spec.Got{Conn: -2, Msg: h}), want)
		}
	}
}

// TestFlood leaves a peer that asks on and on and reads no answers.
// BEP06-FAST-012
func TestFlood(t *testing.T) {
	k := newTalk(t, Config{Have: everything}, wire.FeatureFast)
	k.say(bare(wire.HaveAll))
	for i := range 2 * maxUnread {
		if got := k.say(of(wire.Request, 1, 0, 4)); strings.HasSuffix(got, "close") {
			if i < maxUnread/2 {
				t.Errorf("closed after %d requests", i)
			}
			return
		}
	}
	t.Error("it went on")
}

// TestHandshakes that end a connection. BEP03-PEER-002, BEP03-PEER-009
func TestHandshakes(t *testing.T) {
	k := newTalk(t, Config{})
	for i, c := range []struct {
		h    wire.Handshake
		want string
	}{
		{wire.Handshake{InfoHash: [20]byte{8}}, "drop BEP03-PEER-002, close"},
		{wire.Handshake{InfoHash: [20]byte{7}, PeerID: k.n.PeerID()}, "drop BEP03-PEER-009, close"},
		{wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{1}}, "drop BEP03-PEER-009, close"},
		{wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{3}, Reserved: [8]byte{0xff, 0xff}}, "handshake"},
	} {
		id := -spec.Conn(i + 2)
		k.in(spec.Opened{Conn: id, Remote: memberAddr(i)})
		k.want(k.in(spec.Got{Conn: id, Msg: &c.h}), c.want)
	}
}

// extension is an extended message of the scripted peer.
func extension(id uint8, payload []byte) *wire.Message {
	return &wire.Message{Type: wire.Extended, ExtID: id, Data: payload}
}

// introduction is an extension handshake that gives out ids.
func introduction(h wire.ExtensionHandshake, names ...string) *wire.Message {
	for i, name := range names {
		h.M = append(h.M, wire.Extension{Name: name, ID: uint8(100 + i)})
	}
	return extension(0, h.Append(nil))
}

// TestExtensions are used as both ends agreed, and else left alone.
// BEP10-EXT-001, BEP10-EXT-006 to BEP10-EXT-010, BEP10-EXT-013
func TestExtensions(t *testing.T) {
	k := newTalk(t, Config{})
	k.want(k.say(extension(0, []byte("de"))), "drop BEP10-EXT-001")
	k = newTalk(t, Config{}, wire.FeatureExtension)
	k.want(k.say(extension(0, []byte("de")), extension(0, []byte("de")), extension(250, nil)), "")
	k.want(k.say(extension(0, []byte("i1e"))), "drop BEP10-EXT-004")
	k.say(introduction(wire.ExtensionHandshake{Reqq: 3}), have(1), have(2))
	if got := k.say(bare(wire.Unchoke)); strings.Count(got, "request") != 3 {
		t.Errorf("with reqq 3: %q", got)
	}
	k.say(introduction(wire.ExtensionHandshake{}, wire.ExtMetadata))
	question := wire.Metadata{Type: wire.MetadataRequest}
	k.want(k.say(extension(idMetadata, question.Append(nil))), "extended 100") // BEP09-META-005, BEP09-META-013
	off := wire.ExtensionHandshake{M: []wire.Extension{{Name: wire.ExtMetadata}}}
	k.want(k.say(extension(0, off.Append(nil)), extension(idMetadata, question.Append(nil))), "")
}

// TestPEX is sent each minute while there is something to tell, read as
// seldom, and unknown to private torrents. BEP11-PEX-001 to BEP11-PEX-008,
// BEP11-PEX-012, BEP27-PRIV-002
func TestPEX(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureExtension)
	k.say(introduction(wire.ExtensionHandshake{}, wire.ExtPex))
	k.want(k.wait(2*time.Second), "")
	h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{2}}
	h.Offer(wire.FeatureExtension)
	k.in(spec.Opened{Conn: -2, Remote: memberAddr(8)})
	k.in(spec.Got{Conn: -2, Msg: h})
	k.in(spec.Got{Conn: -2, Msg: introduction(wire.ExtensionHandshake{Port: 99})})
	k.want(k.wait(idlePEX), "extended 100")
	k.in(spec.Closed{Conn: -2})
	k.want(k.wait(55*time.Second), "")
	if got := k.wait(5 * time.Second); !strings.Contains(got, "extended 100") {
		t.Errorf("who left was not dropped: %q", got)
	}
	var m wire.Pex
	for i := range 60 {
		m.Added = append(m.Added, wire.PexContact{Addr: memberAddr(100 + i)})
	}
	before := len(k.n.known.addrs)
	k.say(extension(idPEX, m.Append(nil)))
	if learned := len(k.n.known.addrs) - before; learned != maxPEX {
		t.Errorf("learned %d contacts of one message", learned)
	}
	k.want(k.say(extension(idPEX, m.Append(nil))), "drop BEP11-PEX-004")

	k = newTalk(t, Config{Layout: Layout{Private: true}}, wire.FeatureExtension)
	k.say(introduction(wire.ExtensionHandshake{}, wire.ExtPex))
	k.want(k.say(extension(idPEX, m.Append(nil))), "drop BEP11-PEX-001")
	k.want(k.in(AddPeers{Op: 1, Source: FromDHT, Addrs: addrs(&member{addr: memberAddr(1)})}), "done")
	k.want(k.in(AddPeers{Op: 1, Source: FromTracker, Addrs: addrs(&member{addr: memberAddr(1)})}), "dial, done")
}

// TestLostPieces are no longer asked for, and told to those who understand.
// BEP54-DH-001, BEP54-DH-002, BEP54-DH-003
func TestLostPieces(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureExtension)
	k.say(have(1))
	k.want(k.say(extension(idDontHave, wire.AppendDontHave(nil, 1))), "not interested")
	k.want(k.say(extension(idDontHave, wire.AppendDontHave(nil, 77))), "drop BEP54-DH-001")
	k = newTalk(t, Config{Have: everything}, wire.FeatureExtension)
	k.say(introduction(wire.ExtensionHandshake{}, wire.ExtDontHave), have(1))
	k.want(k.in(DropPiece{Op: 1, Piece: 1}), "done, extended 100, interested")
	k.want(k.in(DropPiece{Op: 1, Piece: 1}), "done")
	if k.n.Complete() || k.n.Left() != 32<<10 {
		t.Errorf("%d bytes left", k.n.Left())
	}
}

// TestUploadOnly wants nothing of anybody, and says so. BEP21-PART-001
func TestUploadOnly(t *testing.T) {
	k := newTalk(t, Config{UploadOnly: true}, wire.FeatureExtension)
	k.want(k.say(have(1), bare(wire.Unchoke)), "")
}

// TestChoke answers what a peer asked for, after saying so; without BEP 6 it
// just throws it out. BEP03-PEER-039, BEP06-FAST-009, BEP06-FAST-010
func TestChoke(t *testing.T) {
	for _, fast := range []bool{true, false} {
		k, want := newTalk(t, Config{Have: everything, UploadWindow: 1}), "choke"
		if fast {
			k = newTalk(t, Config{Have: everything, UploadWindow: 1}, wire.FeatureFast)
			want = "choke, reject request 1@0+4, reject request 1@4+4, reject request 1@8+4"
		}
		k.say(bare(wire.Interested))
		k.say(of(wire.Request, 1, 0, 4), of(wire.Request, 1, 4, 4), of(wire.Request, 1, 8, 4))
		s := step{Node: k.n}
		s.choke(k.n.connOf(k.conn))
		var said []string
		for _, e := range s.out {
			said = append(said, short(e))
		}
		k.want(strings.Join(said, ", "), want)
		k.want(k.in(spec.Loaded{Token: 1, Data: make([]byte, 4)}), "")
		k.want(k.in(spec.Drained{Conn: k.conn}), "")
	}
}

// TestRejects makes requests fewer, and ends with a peer that does nothing
// else. BEP06-FAST-016
func TestRejects(t *testing.T) {
	k := newTalk(t, Config{MaxRequestsOut: 3, MinRequestsOut: 1}, wire.FeatureFast)
	k.say(have(9))
	k.want(k.say(bare(wire.Unchoke)), "request 9@0+5")
	reject := of(wire.Reject, 9, 0, 5)
	for range maxRejects + 3 {
		k.want(k.say(reject), "request 9@0+5")
	}
	k.want(k.say(reject), "drop BEP06-FAST-014, close")
}

// TestRejectedCancels are answers like any other, and no sign that a peer does
// not want to send. BEP06-FAST-008
func TestRejectedCancels(t *testing.T) {
	k := newTalk(t, Config{}, wire.FeatureFast)
	k.say(have(9), bare(wire.Unchoke))
	k.in(spec.Opened{Conn: -2, Remote: memberAddr(8)})
	k.in(spec.Got{Conn: -2, Msg: &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{2}}})
	k.in(spec.Got{Conn: -2, Msg: have(9)})
	k.in(spec.Got{Conn: -2, Msg: bare(wire.Unchoke)})
	k.want(k.in(spec.Got{Conn: -2, Msg: data(9, 0, 5)}), "cancel 9@0+5, store 9@0+5")
	k.want(k.say(of(wire.Reject, 9, 0, 5)), "")
	if c := k.n.connOf(-1); c.rejects != 0 || len(c.asked) != 0 {
		t.Errorf("%d rejects count, %v is asked", c.rejects, c.asked)
	}
}
