package bittorrent

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// FurtherTracker is an HTTP tracker of a swarm beside its first.
type FurtherTracker struct {
	// Announces are the requests to it, in order.
	Announces []*Announce
	// Raw makes the whole HTTP response; nil names the peers of the swarm.
	Raw func(*Announce) []byte

	s        *Swarm
	listener *conformance.Listener
}

// Further opens one more HTTP tracker. The torrent does not name it by itself.
func (s *Swarm) Further() *FurtherTracker {
	f := &FurtherTracker{s: s}
	f.listener = s.t.Listen(func(stream *conformance.Stream) { s.serveHTTP(stream, f.answer) })
	return f
}

// URL is its announce URL.
func (f *FurtherTracker) URL() string { return "http://" + f.listener.Addr().String() + "/announce" }

func (f *FurtherTracker) answer(a *Announce) []byte {
	f.Announces = append(f.Announces, a)
	if f.Raw != nil {
		return f.Raw(a)
	}
	return f.s.plain(a)
}

// UDPTracker is a tracker of a swarm that speaks BEP 15.
type UDPTracker struct {
	// Packets are what arrived, in order.
	Packets []*Packet
	// Answer is called with each packet as it arrives; nil is Respond.
	Answer func(*Packet)
	// Interval is what its answers tell.
	Interval time.Duration

	s      *Swarm
	socket *conformance.Socket
	issued map[uint64]bool
}

// Packet is one datagram of the target to a UDP tracker.
type Packet struct {
	At   time.Duration
	From netip.AddrPort
	Data []byte
}

// UDP opens a UDP tracker and makes it the only one of the torrent. The suffix
// is what its URL has behind the port.
func (s *Swarm) UDP(d Design, suffix string) *UDPTracker {
	u := &UDPTracker{s: s, socket: s.t.Open(), Interval: 30 * time.Minute, issued: map[uint64]bool{}}
	u.socket.Handle = u.arrive
	s.Content = d.Make("udp://" + u.socket.Addr().String() + suffix)
	return u
}

func (u *UDPTracker) arrive(d conformance.Datagram) {
	p := &Packet{At: d.At, From: d.From, Data: d.Data}
	u.Packets = append(u.Packets, p)
	if p.IsConnect() {
		u.s.t.Earn()
	}
	if u.Answer != nil {
		u.Answer(p)
		return
	}
	u.Respond(p)
}

// protocolID is the first field of a connect.
const protocolID = 0x41727101980

// The offsets of an announce's fields, and its size. BEP 15 §UDP tracker protocol
const (
	atInfoHash   = 16
	atPeerID     = 36
	atDownloaded = 56
	atLeft       = 64
	atUploaded   = 72
	atEvent      = 80
	atIP         = 84
	atKey        = 88
	atNumWant    = 92
	atPort       = 96
	announceSize = 98
	connectSize  = 16
)

// IsConnect reports whether it asks for a connection id.
func (p *Packet) IsConnect() bool {
	return len(p.Data) >= connectSize && p.uint64(0) == protocolID && p.action() == tracker.ActionConnect
}

// IsAnnounce reports whether its action is that of an announce.
func (p *Packet) IsAnnounce() bool {
	return len(p.Data) >= connectSize && p.action() == tracker.ActionAnnounce && p.uint64(0) != protocolID
}

// isScrape reports whether it asks for the numbers of one torrent or more. A client
// may hold its announces back until they come.
func (p *Packet) isScrape() bool {
	return len(p.Data) >= connectSize+sha1.Size && p.action() == tracker.ActionScrape && p.uint64(0) != protocolID
}

func (p *Packet) action() tracker.Action { return tracker.Action(p.uint32(8)) }
func (p *Packet) transaction() uint32    { return p.uint32(12) }
func (p *Packet) connection() uint64     { return p.uint64(0) }

// uint32 is a field, or 0 where the packet is too short to have it.
func (p *Packet) uint32(at int) uint32 {
	if len(p.Data) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(p.Data[at:])
}

func (p *Packet) uint64(at int) uint64 { return uint64(p.uint32(at))<<32 | uint64(p.uint32(at+4)) }

func (p *Packet) port() uint16 { return uint16(p.uint32(atPort-2) & 0xFFFF) }

// Respond answers as a tracker should: with a connection id, with the peers of
// the swarm, or with an error where the connection id is not ours.
func (u *UDPTracker) Respond(p *Packet) {
	switch {
	case p.IsConnect():
		u.Send(p, u.Connection(p))
	case p.IsAnnounce() && u.issued[p.connection()]:
		u.Send(p, u.Peers(p))
	case p.isScrape() && u.issued[p.connection()]:
		u.Send(p, u.stats(p))
	case p.IsAnnounce(), p.isScrape():
		u.Send(p, u.Error(p, "connection id"))
	}
}

// Connection is the right answer to a connect, with an id of its own.
func (u *UDPTracker) Connection(p *Packet) *tracker.Response {
	id := u.s.t.Rand().Uint64() | 1
	u.issued[id] = true
	return &tracker.Response{Action: tracker.ActionConnect, Transaction: p.transaction(), Connection: id}
}

// Peers is the right answer to an announce.
func (u *UDPTracker) Peers(p *Packet) *tracker.Response {
	r := &tracker.Response{
		Action: tracker.ActionAnnounce, Transaction: p.transaction(),
		Interval: uint32(u.Interval / time.Second), Leechers: 1, Seeders: uint32(len(u.s.named)),
	}
	for _, a := range u.s.named {
		r.Peers = append(r.Peers, a.Addr().AsSlice()...)
		r.Peers = binary.BigEndian.AppendUint16(r.Peers, a.Port())
	}
	return r
}

// stats is the right answer to a scrape.
func (u *UDPTracker) stats(p *Packet) *tracker.Response {
	r := &tracker.Response{Action: tracker.ActionScrape, Transaction: p.transaction()}
	for range (len(p.Data) - connectSize) / sha1.Size {
		r.Stats = append(r.Stats, tracker.ScrapeStats{Complete: int64(len(u.s.named)), Incomplete: 1})
	}
	return r
}

// Error is a refusal.
func (u *UDPTracker) Error(p *Packet, why string) *tracker.Response {
	return &tracker.Response{Action: tracker.ActionError, Transaction: p.transaction(), Message: why}
}

// Send answers a packet.
func (u *UDPTracker) Send(p *Packet, r *tracker.Response) { u.SendRaw(p, packet(r), "") }

// SendRaw answers a packet by bytes that may be wrong on purpose; the note says
// how.
func (u *UDPTracker) SendRaw(p *Packet, b []byte, note string) { u.socket.SendTo(p.From, b, note) }

func packet(r *tracker.Response) []byte {
	b, err := tracker.AppendResponse(nil, r)
	if err != nil {
		panic("conformance: the harness cannot write its packet: " + err.Error())
	}
	return b
}

// Connects are the packets so far that ask for a connection id.
func (u *UDPTracker) Connects() []*Packet { return u.of((*Packet).IsConnect) }

// Announces are the packets so far that announce.
func (u *UDPTracker) Announces() []*Packet { return u.of((*Packet).IsAnnounce) }

func (u *UDPTracker) of(want func(*Packet) bool) (of []*Packet) {
	for _, p := range u.Packets {
		if want(p) {
			of = append(of, p)
		}
	}
	return of
}

// FirstConnect starts the target and waits for its first packet.
func (u *UDPTracker) FirstConnect() *Packet {
	u.s.Start()
	u.s.t.Until(func() bool { return len(u.Packets) > 0 }, downloadWithin)
	if len(u.Packets) == 0 {
		u.s.t.Inconclusivef("the target sent nothing to its UDP tracker within %v", downloadWithin)
	}
	return u.Packets[0]
}

// FirstAnnounce starts the target and waits for its first announce, or ends the
// case as inconclusive.
func (u *UDPTracker) FirstAnnounce() *Packet {
	u.FirstConnect()
	if !u.s.t.Until(func() bool { return len(u.Announces()) > 0 }, downloadWithin) {
		u.s.t.Inconclusivef("no announce came within %v of a connect", downloadWithin)
	}
	return u.Announces()[0]
}

// JudgedAnnounce is [UDPTracker.FirstAnnounce] where its coming is what is judged.
func (u *UDPTracker) JudgedAnnounce() *Packet {
	u.FirstConnect()
	u.MustAnnounce(1, downloadWithin, "the answer to its connect")
	return u.Announces()[0]
}

// MustAnnounce waits for the n-th announce and fails the case without it.
func (u *UDPTracker) MustAnnounce(n int, within time.Duration, after string) {
	t := u.s.t
	if !t.Until(func() bool { return len(u.Announces()) >= n }, within) {
		t.Failf("after %s no announce came within %v: %d packets so far, %d of them announces",
			after, within, len(u.Packets), len(u.Announces()))
	}
}
