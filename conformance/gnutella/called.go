package gnutella

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// CallWithin is how long a target may take to dial whom it was told of: some look
// through their lists every few seconds.
const CallWithin = 12 * time.Second

// Host is a servent of the harness that waits to be dialled.
type Host struct {
	Calls []*Peer // in the order in which they came
	// Met is called when the first step of a call has come. It must not wait.
	Met func(*Peer)

	t        *T
	listener *conformance.Listener
	taken    int // of Calls, by Next
}

// NewHost listens at an address of its own.
func NewHost(t *T) *Host {
	h := &Host{t: t}
	h.listener = t.Listen(func(s *conformance.Stream) {
		p := NewPeer(t, s)
		p.OnHandshake = func() {
			if h.Met != nil && p.Answer == nil {
				h.Met(p)
			}
		}
		h.Calls = append(h.Calls, p)
	})
	return h
}

// Addr is where the host is dialled.
func (h *Host) Addr() netip.AddrPort { return h.listener.Addr() }

// Next waits for the next call, or returns nil.
func (h *Host) Next(within time.Duration) *Peer {
	if !h.t.Until(func() bool { return len(h.Calls) > h.taken }, within) {
		return nil
	}
	h.taken++
	return h.Calls[h.taken-1]
}

// Greeted is the next call of which the first step came, or the case ends.
func (h *Host) Greeted() *Peer {
	p := h.Next(CallWithin)
	if p == nil {
		h.t.Inconclusivef("the target did not dial within %v", CallWithin)
	}
	h.t.Until(func() bool { return p.Greeting != nil || p.Gone() }, AnswerWithin)
	if p.Greeting == nil {
		h.t.Inconclusivef("the target dialled and did not ask for a connection: %s", p.Last())
	}
	inRole(h.t, p.Greeting.Headers)
	return p
}

// Called starts the target with hosts to dial.
func Called(t *T, hosts ...*Host) {
	opt := t.Standard()
	for _, h := range hosts {
		opt.Peers = append(opt.Peers, h.Addr())
	}
	t.Start(opt)
}

// Reply answers the first step of a target that has dialled us.
func (p *Peer) Reply(code int32, phrase string, o Offer) {
	p.Mine = o
	p.Write(encode(wire.Status{Code: code, Phrase: phrase, Headers: wire.Headers(o)}), "")
	if code == wire.Accepted && wire.Headers(o).Lists("Content-Encoding", "deflate") {
		p.Deflate()
	}
}

// Take accepts a target that has dialled us, and waits for its third step, or ends
// the case.
func (p *Peer) Take(o Offer) {
	p.Reply(wire.Accepted, "OK", o)
	p.Taken()
}

// Taken waits for the third step of a target that has been accepted, or ends the case.
func (p *Peer) Taken() {
	if !p.Answered() || p.Answer.Code != wire.Accepted {
		p.t.Inconclusivef("the target did not conclude a handshake that it began: %s", p.Last())
	}
}
