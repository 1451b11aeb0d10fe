// Package peer holds the fuzz target of the BitTorrent peer:
//
//	go test -fuzz FuzzPeer ./fuzz/peer
//
// Without -fuzz, go test runs the seeds: conversations of well-behaved and
// hostile peers.
package peer

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// A script is a list of inputs. Each begins with a byte that says what it is;
// the operands follow.
const (
	opOpen    = iota // byte: address of who connects; he shakes hands at once
	opBytes          // byte: stream; byte: how many bytes of it follow
	opMessage        // byte: stream; byte: type; byte: index; byte: begin or data
	opAnswer         // byte: which effect is answered; byte: how
	opClose          // byte: stream
	opDrained        // byte: stream
	opWait           // byte: seconds that pass
	opWake           // until the deadline
	opCommand        // byte: which; byte: argument
	opCodes
)

// FuzzPeer: no interleaving of what peers send, on any number of streams, and
// of what the driver answers makes the machine panic, break an invariant,
// exceed its bounds, store what it did not ask for, announce what was not
// verified, or forget a command.
func FuzzPeer(f *testing.F) {
	open := []byte{opOpen, 1, opOpen, 2}
	f.Add(append(open, conversation(0)...))
	f.Add(append(open, append(conversation(0), conversation(1)...)...))
	f.Add([]byte{opCommand, 0, 3, opAnswer, 0, 0, opAnswer, 0, 0, opWake, opWait, 200, opWake})
	f.Add([]byte{64, opOpen, 1, opMessage, 0, 20, 0, 1, opMessage, 0, 5, 0, 255, opAnswer, 0, 0, opWait, 11})
	for piece := range byte(3) { // asked of a peer that has every other
		f.Add([]byte{
			32, opOpen, 1, opMessage, 0, byte(wire.Interested), 0, 0, opMessage, 0, byte(wire.Request), piece, 0,
			opAnswer, 0, 0, opClose, 0, opAnswer, 0, 0,
		})
	}
	for kind := range byte(24) {
		f.Add(append(open, opMessage, 0, kind, 1, 2, opMessage, 1, kind, 200, 3, opAnswer, 0, 1, opWake))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &runner{Script: check.NewScript(t, script), held: map[int32]bool{}}
		r.start()
		r.Play(r.step)
	})
}

// conversation is a peer that has all, unchokes, and answers.
func conversation(stream byte) []byte {
	talk := []byte{
		opMessage, stream, byte(wire.HaveAll), 0, 0, opMessage, stream, byte(wire.Unchoke), 0, 0,
		opMessage, stream, byte(wire.Interested), 0, 0,
	}
	for range 12 {
		talk = append(talk, opAnswer, 0, 0, opAnswer, 1, 0, opDrained, stream)
	}
	return append(talk, opWake, opWait, 61, opClose, stream)
}

// runner plays one script.
type runner struct {
	*check.Script
	cfg     bittorrent.Config
	node    *bittorrent.Node
	streams []*stream
	todo    []spec.Effect // that can be answered, newest last
	held    map[int32]bool
}

// stream is one that is open.
type stream struct {
	id      spec.Conn
	decoder spec.Decoder
	unread  []byte
	asked   map[request]int // requests so far
}

// request names a block.
type request struct{ index, begin, length uint32 }

func (r *runner) start() {
	r.cfg = bittorrent.Config{
		InfoHash: [20]byte{7}, Layout: bittorrent.Layout{
			Pieces: 9, PieceLength: 8, Short: []bittorrent.ShortPiece{{Index: 8, Length: 3}},
		},
		BlockSize: 4, MaxConns: 4, MaxHalfOpen: 2, MaxKnown: 6, MaxRequestsOut: 5, MaxRequestsIn: 4,
		MaxStoring: 6, MaxBegun: 3, UploadWindow: 8, ListenPort: 6881,
	}
	switch flags := r.Byte(); {
	case flags&64 != 0:
		r.cfg.Layout = bittorrent.Layout{} // a magnet link
	case flags&32 != 0:
		r.cfg.Have = []byte{0xaa, 0}
		for i := int32(0); i < 9; i += 2 {
			r.held[i] = i < 8
		}
	}
	n, err := bittorrent.New(r.cfg, 0)
	if err != nil {
		r.Fatal(err)
	}
	r.node, r.Machine, r.MaxEffects = n, n, r.cfg.MaxEffects()
}

func source(b byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b % 8}), 6881)
}

func (r *runner) step() {
	switch r.Byte() % opCodes {
	case opOpen:
		from := r.Byte()
		s := &stream{id: -spec.Conn(len(r.streams) + 1)}
		r.streams = append(r.streams, s)
		r.begin(s, source(from), from)
	case opBytes:
		b := r.Take(2)
		if s := r.stream(b[0]); s != nil {
			r.feed(s, r.Payload(int(b[1])))
		}
	case opMessage:
		r.message(r.Take(4))
	case opAnswer:
		b := r.Take(2)
		r.answer(b[0], b[1])
	case opClose:
		if s := r.stream(r.Byte()); s != nil {
			r.input(spec.Closed{Conn: s.id})
		}
	case opDrained:
		if s := r.stream(r.Byte()); s != nil {
			r.input(spec.Drained{Conn: s.id})
		}
	case opWait:
		r.see(spec.Wake{}, r.Wait(time.Duration(r.Byte())*time.Second))
	case opWake:
		r.see(spec.Wake{}, r.Wake())
	case opCommand:
		b := r.Take(2)
		r.command(b[0], b[1])
	}
}

// begin opens a stream, on which a handshake comes at once.
func (r *runner) begin(s *stream, remote netip.AddrPort, id byte) {
	s.decoder = wire.Codec{Limits: wire.Limits{Pieces: r.cfg.Layout.Pieces}}.Decoder()
	s.asked = map[request]int{}
	r.input(spec.Opened{Conn: s.id, Remote: remote})
	h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{id}}
	if id&16 == 0 {
		h.Offer(wire.FeatureFast)
	}
	h.Offer(wire.FeatureExtension)
	b, err := wire.Codec{}.AppendMessage(nil, h)
	if err != nil {
		r.Fatal(err)
	}
	r.feed(s, b)
}

func (r *runner) stream(b byte) *stream {
	if len(r.streams) == 0 {
		return nil
	}
	return r.streams[int(b)%len(r.streams)]
}

// feed hands the messages in what came on a stream to the machine.
func (r *runner) feed(s *stream, b []byte) {
	s.unread = append(s.unread, b...)
	for {
		m, n, err := s.decoder.Decode(s.unread)
		if err != nil {
			r.input(spec.Closed{Conn: s.id, Err: err})
			s.unread = nil
			return
		}
		if n == 0 {
			return
		}
		r.input(spec.Got{Conn: s.id, Msg: m})
		s.unread = s.unread[n:]
	}
}

// message sends a message that is well formed, whether it makes sense or not.
func (r *runner) message(b []byte) {
	s := r.stream(b[0])
	if s == nil {
		return
	}
	m := &wire.Message{
		Type: wire.Type(b[1] % 25), Index: uint32(b[2]), Begin: uint32(b[3]) % 8 * 4, Length: 4,
		ExtID: b[2] % 6, Port: uint16(b[3]), Data: []byte{b[3], b[2]},
	}
	switch m.Type {
	case wire.Extended:
		m.Data = extended(m.ExtID, b[3])
	case wire.HashRequest, wire.HashesMessage, wire.HashReject:
		r.input(spec.Got{Conn: s.id, Msg: &wire.Hashes{Type: m.Type, Count: uint32(b[2]), Index: uint32(b[3])}})
		return
	}
	r.input(spec.Got{Conn: s.id, Msg: m})
}

func extended(id, b byte) []byte {
	switch id {
	case 0:
		h := wire.ExtensionHandshake{
			M: []wire.Extension{
				{Name: wire.ExtMetadata, ID: b % 4}, {Name: wire.ExtPex, ID: 7}, {Name: wire.ExtDontHave, ID: 8},
			},
			MetadataSize: int64(b) << 9, Port: 6881, Reqq: int32(b),
		}
		return h.Append(nil)
	case 1:
		m := wire.Metadata{Type: wire.MetadataType(b % 4), Piece: int32(b % 3), Data: make([]byte, int(b)<<6)}
		return m.Append(nil)
	case 2:
		p := wire.Pex{Added: []wire.PexContact{{Addr: source(b)}, {Addr: source(b + 1)}}}
		return p.Append(nil)
	default:
		return binary.BigEndian.AppendUint32(nil, uint32(b%12))
	}
}

// answer answers one of the effects, the newest or an earlier one.
func (r *runner) answer(which, how byte) {
	if len(r.todo) == 0 {
		return
	}
	i := len(r.todo) - 1 - int(which)%len(r.todo)
	e := r.todo[i]
	r.todo = append(r.todo[:i:i], r.todo[i+1:]...)
	var failure error
	if how&7 == 7 {
		failure = errors.New("out of order")
	}
	switch e := e.(type) {
	case spec.Dial:
		if failure != nil {
			r.input(spec.Closed{Conn: e.Conn, Err: failure})
			return
		}
		s := &stream{id: e.Conn}
		r.streams = append(r.streams, s)
		r.begin(s, e.To, 32+how)
	case spec.Load:
		r.input(spec.Loaded{Token: e.Token, Data: make([]byte, e.Length), Err: failure})
	case spec.Store:
		r.input(spec.Stored{Token: e.Token, Err: failure})
	case spec.Verify:
		r.input(spec.Verified{Token: e.Token, OK: how&1 == 0, Err: failure})
	case spec.Write: // a request
		m := *e.Msg.(*wire.Message)
		m.Type, m.Data = wire.Piece, make([]byte, m.Length)
		if how&7 == 6 {
			m.Type = wire.Reject
		}
		r.input(spec.Got{Conn: e.Conn, Msg: &m})
	}
}

func (r *runner) command(which, b byte) {
	var in spec.Input
	effects := r.Command(func(op spec.OpID) spec.Input {
		in = command(op, which, b)
		return in
	})
	if drop, ok := in.(bittorrent.DropPiece); ok {
		delete(r.held, drop.Piece)
	}
	r.see(in, effects)
}

func command(op spec.OpID, which, b byte) spec.Input {
	switch which % 6 {
	case 0, 1:
		return bittorrent.AddPeers{
			Op: op, Source: bittorrent.Source(b % 5), Addrs: []netip.AddrPort{source(b), source(b + 1)},
		}
	case 2:
		return bittorrent.Start{Op: op}
	case 3:
		return bittorrent.Stop{Op: op}
	case 4:
		return bittorrent.DropPeers{Op: op}
	default:
		return bittorrent.DropPiece{Op: op, Piece: int32(b % 10)}
	}
}

func (r *runner) input(in spec.Input) { r.see(in, r.Input(in)) }

// see judges what came of an input.
func (r *runner) see(in spec.Input, effects []spec.Effect) {
	for _, e := range effects {
		r.judge(in, e)
	}
	if r.Open() > 0 {
		r.Fatal("a command did not end at once")
	}
}

func (r *runner) judge(in spec.Input, e spec.Effect) {
	switch e := e.(type) {
	case spec.Notify:
		if v, ok := e.Event.(bittorrent.PieceVerified); ok {
			if a, ok := in.(spec.Verified); !ok || !a.OK {
				r.Fatalf("piece %d counts as verified after %#v", v.Piece, in)
			}
			r.held[v.Piece] = true
		}
	case spec.Store:
		if got, ok := in.(spec.Got); !ok || !r.wasAsked(got.Conn, e) {
			r.Fatalf("%d bytes at %d of piece %d were stored and not asked for", len(e.Data), e.Begin, e.Piece)
		}
		r.todo = append(r.todo, e)
	case spec.Dial, spec.Load, spec.Verify:
		r.todo = append(r.todo, e)
	case spec.Write:
		r.wrote(e)
	}
}

// wasAsked says whether a block that is stored was asked for on the stream.
func (r *runner) wasAsked(conn spec.Conn, e spec.Store) bool {
	for _, s := range r.streams {
		if s.id == conn {
			return s.asked[request{uint32(e.Piece), uint32(e.Begin), uint32(len(e.Data))}] > 0
		}
	}
	return false
}

func (r *runner) wrote(e spec.Write) {
	codec := wire.Codec{Limits: wire.Limits{Pieces: r.node.Layout().Pieces}}
	if _, err := codec.AppendMessage(nil, e.Msg); err != nil {
		r.Fatal(err)
	}
	m, ok := e.Msg.(*wire.Message)
	if !ok {
		return
	}
	switch m.Type {
	case wire.Request:
		for _, s := range r.streams {
			if s.id == e.Conn {
				s.asked[request{m.Index, m.Begin, m.Length}]++
			}
		}
		r.todo = append(r.todo, e)
	case wire.Have, wire.Piece:
		if !r.held[int32(m.Index)] {
			r.Fatalf("%v of piece %d, which was not verified", m.Type, m.Index)
		}
	}
}
