package bittorrent

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// How long a case waits. An unchoke may wait for the target's next round of
// choking (10 s, libtorrent 15 s) and for a turn as the optimistic one (30 s).
const (
	AnswerWithin  = 3 * time.Second
	UnchokeWithin = 40 * time.Second
	// GatheredWithin is for what is not urgent, such as a reject or metadata:
	// some gather that for two or ten seconds before they send it.
	GatheredWithin = 12 * time.Second
)

// Received is one message of the target.
type Received struct {
	At time.Duration
	wire.Message
	Hashes *wire.Hashes // of a hash message; Type is its type
}

// Is reports whether the message is about the block.
func (m *Received) Is(t wire.Type, piece, begin, length int) bool {
	size := m.Length
	if m.Type == wire.Piece {
		size = uint32(len(m.Data))
	}
	return m.Type == t && m.Index == uint32(piece) && m.Begin == uint32(begin) && size == uint32(length)
}

func (m *Received) String() string {
	switch m.Type {
	case wire.Have, wire.Suggest, wire.AllowedFast:
		return fmt.Sprintf("%v %d", m.Type, m.Index)
	case wire.Request, wire.Cancel, wire.Reject:
		return fmt.Sprintf("%v %d+%d, %d bytes", m.Type, m.Index, m.Begin, m.Length)
	case wire.Piece:
		return fmt.Sprintf("%v %d+%d, %d bytes", m.Type, m.Index, m.Begin, len(m.Data))
	case wire.Extended:
		return fmt.Sprintf("extended %d, %d bytes", m.ExtID, len(m.Data))
	case wire.Bitfield:
		return fmt.Sprintf("bitfield of %d bytes", len(m.Data))
	default:
		return m.Type.String()
	}
}

// Peer is one connection between the harness and the target, in the peer wire
// protocol. It reads what the target says; it says nothing of itself, unless
// On does.
type Peer struct {
	*conformance.Stream
	ID   [20]byte        // sent as ours
	Mine *wire.Handshake // as it was sent; nil before
	// Theirs is the target's handshake; nil until it has come.
	Theirs *wire.Handshake
	// Log holds every message of the target, in order.
	Log []*Received
	// On is shown each message as it arrives.
	On func(*Received)
	// OnHandshake is called when the target's handshake has come.
	OnHandshake func()
	// Fault is why the target's bytes stopped making sense.
	Fault error

	// What the messages so far amount to.
	Choked     bool   // by the target
	Interested bool   // the target is
	Bits       []byte // the target's pieces
	Extensions wire.ExtensionHandshake
	Extended   bool // an extension handshake has come

	t       *T
	content *Content
	decode  func(b []byte) (any, int, error)
	cursor  int // in Log: what Await has gone past
}

func newPeer(t *T, c *Content, s *conformance.Stream) *Peer {
	p := &Peer{Stream: s, t: t, content: c, Choked: true, Bits: make([]byte, wire.BitfieldLen(int32(c.Pieces())))}
	copy(p.ID[:], "-PS0100-")
	t.Rand().Fill(p.ID[8:])
	d := wire.Codec{Limits: wire.Limits{MaxBlock: wire.TolerantMaxBlock, MaxExtended: 1 << 20}}.Decoder()
	p.decode = func(b []byte) (any, int, error) { return d.Decode(b) }
	s.Handle = func(*conformance.Stream) { p.read() }
	return p
}

// Dial connects to the target, from a source address of its own, and says
// nothing yet.
func Dial(t *T) *Peer { return newPeer(t, ContentOf(t), t.Dial()) }

// Meet dials and exchanges handshakes that offer the features. A target that
// does not answer a plain handshake leaves nothing to judge.
func Meet(t *T, features ...wire.Feature) *Peer {
	p := Dial(t)
	p.Greet(features...)
	p.Met()
	return p
}

// Met waits for the target's handshake and holds it against ours, or ends the
// case as inconclusive. It is the control of most cases.
func (p *Peer) Met() time.Duration {
	began := p.t.Now()
	p.t.Until(func() bool { return p.Theirs != nil || p.Fault != nil || p.Ended() }, 2*AnswerWithin)
	switch {
	case p.Fault != nil:
		p.t.Inconclusivef("the target's handshake is none: %v", p.Fault)
	case p.Theirs == nil && p.Ended():
		p.t.Inconclusivef("the target hung up on a plain handshake")
	case p.Theirs == nil:
		p.t.Inconclusivef("the target did not answer a plain handshake within %v", 2*AnswerWithin)
	case p.Theirs.InfoHash != p.content.Hash():
		p.t.Inconclusivef("the target's handshake is for another torrent, %x", p.Theirs.InfoHash)
	case p.Theirs.PeerID == p.ID:
		p.t.Inconclusivef("the target's handshake is our own, sent back")
	}
	p.t.Earn()
	return p.t.Now() - began
}

// Greet sends a plain handshake that offers the features.
func (p *Peer) Greet(features ...wire.Feature) {
	h := &wire.Handshake{InfoHash: p.content.Hash(), PeerID: p.ID}
	for _, f := range features {
		h.Offer(f)
	}
	p.GreetWith(h)
}

// GreetWith sends a handshake.
func (p *Peer) GreetWith(h *wire.Handshake) {
	p.Mine = h
	p.Write(encode(h), "handshake")
}

// Alive is the control after something hostile: another peer meets the target,
// which says what it has and keeps the connection. That tells a target which
// refuses what is wrong from one that refuses everything.
func (p *Peer) Alive() time.Duration {
	q := Dial(p.t)
	defer q.Close()
	began := q.t.Now()
	q.Greet(wire.FeatureFast)
	q.Met()
	q.GoesOn()
	return q.t.Now() - began
}

// GoesOn ends the case as inconclusive unless the target says what it has, and
// keeps the connection: a handshake alone is no seeder.
func (p *Peer) GoesOn() {
	p.t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
	if !p.Announced() || p.Gone() {
		p.t.Inconclusivef("the target did not say what it has: %s", p.Last())
	}
}

// Announced reports whether the target has said that it has any piece.
func (p *Peer) Announced() bool {
	return slices.ContainsFunc(p.Bits, func(b byte) bool { return b != 0 })
}

// Send sends well-formed messages: each a *wire.Message, a *wire.Hashes or a
// wire.Type for one without a payload. They go out in one segment.
func (p *Peer) Send(messages ...any) {
	var b []byte
	for _, m := range messages {
		b = append(b, encode(m)...)
	}
	p.Write(b, "")
}

// encode writes a message of the harness.
func encode(m any) []byte {
	switch x := m.(type) {
	case wire.Type:
		m = &wire.Message{Type: x}
	case wire.Message:
		m = &x
	}
	b, err := codec().AppendMessage(nil, m.(interface{ IsMessage() }))
	if err != nil {
		panic("conformance: the harness cannot write its message: " + err.Error())
	}
	return b
}

func codec() wire.Codec {
	return wire.Codec{Limits: wire.Limits{MaxBlock: wire.TolerantMaxBlock, MaxExtended: 1 << 20}}
}

// The messages that cases send, by their names.
func have(piece int) wire.Message { return wire.Message{Type: wire.Have, Index: uint32(piece)} }

func block(t wire.Type, piece, begin, length int) wire.Message {
	return wire.Message{Type: t, Index: uint32(piece), Begin: uint32(begin), Length: uint32(length)}
}

func extended(id uint8, payload []byte) wire.Message {
	return wire.Message{Type: wire.Extended, ExtID: id, Data: payload}
}

// read takes every message that is complete.
func (p *Peer) read() {
	for p.Fault == nil && len(p.Buffered()) > 0 {
		m, n, err := p.decode(p.Buffered())
		if err != nil {
			p.Fault = err
			p.t.Notef("the target's bytes make no message: %v", err)
			if p.Theirs == nil {
				// Who begins with an encrypted handshake tries again in plain
				// when it is hung up on.
				p.Close()
			}
			return
		}
		if n == 0 {
			return
		}
		m = own(m)
		p.Discard(n)
		p.take(m)
	}
}

// own is a message that borrows from no buffer: what happens on its arrival may
// pump more.
func own(m any) any {
	switch m := m.(type) {
	case *wire.Handshake:
		h := *m
		return &h
	case *wire.Message:
		c := *m
		c.Data = bytes.Clone(m.Data)
		return &c
	case *wire.Hashes:
		c := *m
		c.Hashes = bytes.Clone(m.Hashes)
		return &c
	default:
		return m
	}
}

func (p *Peer) take(m any) {
	r := &Received{At: p.t.Now()}
	switch m := m.(type) {
	case *wire.Handshake:
		p.Theirs = m
		if p.OnHandshake != nil {
			p.OnHandshake()
		}
		return
	case *wire.Message:
		r.Message = *m
	case *wire.Hashes:
		r.Hashes, r.Type = m, m.Type
	}
	p.Log = append(p.Log, r)
	p.follow(r)
	if p.On != nil {
		p.On(r)
	}
}

// follow keeps the account of what the target has said.
func (p *Peer) follow(r *Received) {
	switch r.Type {
	case wire.Choke, wire.Unchoke:
		p.Choked = r.Type == wire.Choke
	case wire.Interested, wire.NotInterested:
		p.Interested = r.Type == wire.Interested
	case wire.Have:
		if int(r.Index) < p.content.Pieces() {
			p.Bits[r.Index/8] |= 0x80 >> (r.Index % 8)
		}
	case wire.Bitfield:
		copy(p.Bits, r.Data)
	case wire.HaveAll:
		for i := range p.content.Pieces() {
			p.Bits[i/8] |= 0x80 >> (i % 8)
		}
	case wire.Extended:
		if r.ExtID == 0 {
			if h, err := wire.ParseExtensionHandshake(r.Data); err == nil {
				p.Extensions, p.Extended = h, true
			}
		}
	}
}

// Has reports whether the target has said that it has the piece.
func (p *Peer) Has(piece int) bool { return p.Bits[piece/8]&(0x80>>(piece%8)) != 0 }

// Match finds the first message that the case has not gone past.
func (p *Peer) match(want func(*Received) bool) *Received {
	for i := p.cursor; i < len(p.Log); i++ {
		if want(p.Log[i]) {
			p.cursor = i + 1
			return p.Log[i]
		}
	}
	return nil
}

// Await waits for a message and goes past it, so that the next Await looks at
// later ones. It returns nil when none came in time, or can come any more.
func (p *Peer) Await(within time.Duration, want func(*Received) bool) *Received {
	var found *Received
	p.t.Until(func() bool {
		found = p.match(want)
		return found != nil || p.Gone()
	}, within)
	return found
}

// AwaitType is [Peer.Await] for a message of one of the types.
func (p *Peer) AwaitType(within time.Duration, types ...wire.Type) *Received {
	return p.Await(within, func(m *Received) bool { return slices.Contains(types, m.Type) })
}

// Count is how many messages so far satisfy the condition.
func (p *Peer) Count(want func(*Received) bool) int {
	n := 0
	for _, m := range p.Log {
		if want(m) {
			n++
		}
	}
	return n
}

// Gone reports that nothing more can come of the target on this connection.
func (p *Peer) Gone() bool { return p.Ended() || p.Fault != nil }

// Dropped waits for the target to end the connection.
func (p *Peer) Dropped(within time.Duration) bool { return p.t.Until(p.Ended, within) }

// Unchoke asks for it and waits until the target has done it, or ends the case
// as inconclusive. A target that has not yet announced its pieces is not ready
// for that: webtorrent hears no interest before.
func (p *Peer) Unchoke() {
	p.t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
	p.Send(wire.Interested)
	p.t.Until(func() bool { return !p.Choked || p.Gone() }, UnchokeWithin)
	if p.Choked {
		p.t.Inconclusivef("the target did not unchoke us within %v", UnchokeWithin)
	}
}

// Unserved is a peer that the target has met and keeps choked. Some unchoke
// whoever connects; then others take the slots first, until leave sends them
// away.
func Unserved(t *T, features ...wire.Feature) (p *Peer, leave func()) {
	var served []*Peer
	for range maxSlots {
		p := Meet(t, features...)
		if !t.Until(func() bool { return !p.Choked }, chokedFor) {
			return p, func() {
				for _, q := range served {
					q.Close()
				}
			}
		}
		p.Send(wire.Interested) // it keeps the slot
		served = append(served, p)
	}
	t.Inconclusivef("the target unchokes %d peers at once", maxSlots)
	return nil, nil
}

const (
	// maxSlots is more than any client unchokes by default.
	maxSlots = 40
	// chokedFor is a moment in which a target with a free slot would have
	// unchoked a new peer.
	chokedFor = 300 * time.Millisecond
)

// Ask requests a block and waits for the answer: a piece or a reject, or nil.
func (p *Peer) Ask(piece, begin, length int) *Received {
	p.Send(block(wire.Request, piece, begin, length))
	return p.Answer(piece, begin, length)
}

// Answer waits for the answer to a request.
func (p *Peer) Answer(piece, begin, length int) *Received {
	return p.Await(GatheredWithin, func(m *Received) bool {
		return m.Is(wire.Piece, piece, begin, length) || m.Is(wire.Reject, piece, begin, length)
	})
}

// Fetch asks for a whole piece, block by block, and returns its bytes. A block
// that does not come ends the case as inconclusive.
func (p *Peer) Fetch(piece int) []byte {
	size := p.content.Size(piece)
	data := make([]byte, 0, size)
	for begin := 0; begin < size; begin += BlockSize {
		n := min(BlockSize, size-begin)
		m := p.Ask(piece, begin, n)
		if m == nil || m.Type != wire.Piece {
			p.t.Inconclusivef("the target did not send %d bytes at %d of piece %d: %s", n, begin, piece, p.Last())
		}
		data = append(data, m.Data...)
	}
	return data
}

// Serves is the control of an unchoked connection: a piece that is asked for
// comes, with the right hash. It returns the time of its first block.
func (p *Peer) Serves(piece int) time.Duration {
	began := p.t.Now()
	if !p.content.Info.VerifyPiece(piece, p.Fetch(piece)) {
		p.t.Inconclusivef("piece %d came with another hash", piece)
	}
	p.t.Earn()
	return p.t.Now() - began
}

// Last says what came last, for the words of a failure.
func (p *Peer) Last() string {
	switch {
	case p.Fault != nil:
		return "bytes that make no message: " + p.Fault.Error()
	case p.Err() != nil:
		return "the connection ended: " + p.Err().Error()
	case p.Ended():
		return "the target closed the connection"
	case len(p.Log) == 0:
		return "silence"
	default:
		return "last came " + p.Log[len(p.Log)-1].String()
	}
}
