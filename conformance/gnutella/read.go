package gnutella

import (
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// read takes every message that is complete.
func (p *Peer) read() {
	for p.Fault == nil && len(p.Buffered()) > 0 {
		if p.inflate != nil {
			p.readPacked()
			return
		}
		m, n, err := p.decode(p.Buffered())
		if err != nil {
			p.fault(err)
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

func (p *Peer) fault(err error) {
	p.Fault = err
	p.t.Notef("the target's bytes make no message: %v", err)
}

// readPacked inflates what has come, and takes the messages in it.
func (p *Peer) readPacked() {
	p.inflate.Push(p.Buffered())
	p.Discard(len(p.Buffered()))
	for p.Fault == nil {
		b, err := p.inflate.Next()
		if err != nil {
			p.fault(err)
		}
		if len(b) == 0 {
			return
		}
		p.plain = append(p.plain, b...)
		p.takePlain()
	}
}

func (p *Peer) takePlain() {
	for p.Fault == nil && len(p.plain) > 0 {
		m, n, err := p.decode(p.plain)
		if err != nil {
			p.fault(err)
		}
		if n == 0 {
			return
		}
		p.t.Record("<", p.via("<"), p.plain[:n], "inflated")
		m, p.plain = own(m), p.plain[n:]
		p.take(m)
	}
}

// via names the ends of the link for the transcript.
func (p *Peer) via(dir string) string {
	from, to := p.Local(), p.Remote()
	if dir == "<" {
		from, to = to, from
	}
	return from.String() + " → " + to.String()
}

// own is a message that borrows from no buffer: what happens on its arrival may
// pump more.
func own(m any) any {
	if d, ok := m.(wire.Descriptor); ok {
		d.Payload = slices.Clone(d.Payload)
		return d
	}
	return m
}

func (p *Peer) take(m any) {
	switch m := m.(type) {
	case wire.Connect:
		p.Greeting = &m
	case wire.Status:
		p.Answer = &m
		if p.Mine.takes("deflate") && m.Headers.Lists("Content-Encoding", "deflate") {
			p.inflate = deflate.NewInflater()
		}
	case wire.Descriptor:
		p.heard(&Received{p.t.Now(), m})
		return
	}
	if p.OnHandshake != nil {
		p.OnHandshake()
	}
}

// takes says whether a coding was offered.
func (o Offer) takes(coding string) bool { return wire.Headers(o).Lists("Accept-Encoding", coding) }

func (p *Peer) heard(r *Received) {
	p.Log = append(p.Log, r)
	if r.Type == wire.TypePing && !p.Quiet && r.TTL > 0 {
		p.pong(r)
	}
	if p.On != nil {
		p.On(r)
	}
}

// pong answers a ping of the target, as one at the usual port of our address.
func (p *Peer) pong(ping *Received) {
	pong := wire.Pong{Addr: p.Advertised(), Files: p.Files, Kilobytes: p.Kilobytes}
	p.Send(wire.Descriptor{
		GUID: ping.GUID, Type: wire.TypePong, TTL: ping.Hops + 1, Payload: pong.Append(nil),
	})
}

// Advertised is where the peer says that it listens: nobody does.
func (p *Peer) Advertised() netip.AddrPort { return netip.AddrPortFrom(p.Local().Addr(), usualPort) }

// usualPort is the default (GN-HS-19).
const usualPort = 6346
