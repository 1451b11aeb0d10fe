package tracker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// How long a case waits for a packet, and how often it asks: datagrams may be
// lost, and every request can be repeated.
const (
	PacketWithin = 1500 * time.Millisecond
	Attempts     = 2
)

// Kind says what came in answer to a packet.
type Kind int

// The kinds.
const (
	Nothing     Kind = iota
	Answered         // with the action of the request
	ErrorPacket      // with action 3
	Misshapen        // with another action, or too short for its own
)

// Packet is a request over UDP and what came in answer to it.
type Packet struct {
	Kind Kind
	Data []byte // of the answer
	Body []byte // behind action and transaction id
	RTT  time.Duration

	action tracker.Action // of the request
	what   string
	sent   time.Duration
}

func (a *Packet) String() string {
	switch a.Kind {
	case Nothing:
		return "nothing"
	case Answered:
		return fmt.Sprintf("an answer of %d bytes", len(a.Data))
	case ErrorPacket:
		return fmt.Sprintf("the error %q", a.Body)
	default:
		return fmt.Sprintf("a packet of no use: %.40x", a.Data)
	}
}

// transaction is unique within the run for all practical purposes.
func (p *Peer) transaction() uint32 {
	p.asked++
	return uint32(p.prefix)<<16 | uint32(p.asked)
}

// AskConnect asks for a connection id and returns whatever comes.
func (p *Peer) AskConnect() *Packet {
	return p.AskPacket(&tracker.Request{Action: tracker.ActionConnect})
}

// Connect asks for a connection id, which the peer goes on to use. A target
// without UDP ends the case.
func (p *Peer) Connect() uint64 {
	a := p.AskConnect()
	if a.Kind != Answered {
		p.withoutUDP(a)
	}
	p.connect = binary.BigEndian.Uint64(a.Body)
	return p.connect
}

// withoutUDP ends the case: a target that answers over HTTP alone has no UDP.
func (p *Peer) withoutUDP(a *Packet) {
	if a.Kind == Nothing && p.hasHTTP() {
		p.control()
		p.t.Unsupportedf("the target answers over HTTP and leaves packets alone: it has no UDP")
	}
	p.t.Inconclusivef("a connect from %v was met with %v", p.sock.Addr(), a)
}

// announcement is a common announce with the peer's connection id, for a
// torrent of which 1000 bytes are missing.
func (p *Peer) announcement(h Hash, event tracker.Event) *tracker.Request {
	if p.connect == 0 {
		p.Connect()
	}
	return &tracker.Request{
		Action: tracker.ActionAnnounce, Connection: p.connect,
		Announce: tracker.AnnounceRequest{
			InfoHash: h, PeerID: p.ID, Port: p.Port, Left: 1000, Event: event, NumWant: -1, Key: p.Key,
		},
	}
}

// AnnouncePacket announces over UDP what has to be served. Anything else ends
// the case.
func (p *Peer) AnnouncePacket(h Hash, over func(*tracker.AnnounceRequest)) *Packet {
	r := p.announcement(h, tracker.None)
	if over != nil {
		over(&r.Announce)
	}
	a := p.AskPacket(r)
	p.answered(a)
	return a
}

// ScrapePacket scrapes over UDP. Anything but numbers ends the case.
func (p *Peer) ScrapePacket(hashes ...Hash) []tracker.ScrapeStats {
	if p.connect == 0 {
		p.Connect()
	}
	a := p.AskPacket(&tracker.Request{Action: tracker.ActionScrape, Connection: p.connect, Hashes: hashes})
	p.answered(a)
	if len(a.Body) != 12*len(hashes) {
		p.t.Mismatch("scrape response", fmt.Sprintf("%d bytes", len(a.Data)), fmt.Sprintf("%d bytes", 8+12*len(hashes)))
	}
	r, _ := tracker.ParseResponse(a.Data)
	return r.Stats
}

// AskPacket sends a well-formed request with a new transaction id, once more if
// nothing comes.
func (p *Peer) AskPacket(r *tracker.Request) *Packet {
	return p.repeat(func() *Packet {
		r.Transaction = p.transaction()
		b, err := tracker.AppendRequest(nil, r)
		if err != nil {
			p.t.Harnessf("%v", err)
		}
		a := p.expect(r.Transaction, r.Action)
		p.sock.SendTo(p.target(), b, a.what)
		return a
	})
}

// AskBytes sends a request after it was changed to something that is wrong, or
// longer than needed, on purpose; the note says how.
func (p *Peer) AskBytes(r *tracker.Request, note string, change func(b []byte) []byte) *Packet {
	return p.repeat(func() *Packet { return p.SendBytes(r, note, change) })
}

// SendBytes is AskBytes that does not wait.
func (p *Peer) SendBytes(r *tracker.Request, note string, change func(b []byte) []byte) *Packet {
	r.Transaction = p.transaction()
	b, err := tracker.AppendRequest(nil, r)
	if err != nil {
		p.t.Harnessf("%v", err)
	}
	a := p.expect(r.Transaction, r.Action)
	a.what = note
	p.sock.SendMalformed(change(b), note)
	return a
}

func (p *Peer) expect(tx uint32, action tracker.Action) *Packet {
	names := [...]string{"connect", "announce", "scrape"}
	a := &Packet{action: action, what: names[action], sent: p.t.Now()}
	p.open[tx] = a
	return a
}

func (p *Peer) repeat(ask func() *Packet) *Packet {
	var first *Packet
	for range Attempts {
		a := ask()
		if first == nil {
			first = a
		}
		if p.t.Until(func() bool { return first.Kind != Nothing || a.Kind != Nothing }, PacketWithin) {
			if first.Kind != Nothing {
				return first
			}
			return a
		}
	}
	return first
}

// answered ends the case unless the request was answered with its action. The
// fault is the target's if it answers a connect right after.
func (p *Peer) answered(a *Packet) {
	if a.Kind == Answered {
		return
	}
	p.connected()
	p.t.Fail(conformance.Failure{
		Message: "the target did not serve a well-formed " + a.what, Where: a.what,
		Expected: []string{"an answer with the action of the request"}, Got: a.String(),
	})
}

// notServed ends the case if the request was answered with its action: silence
// and an error will do. Silence counts between two answered connects.
func (p *Peer) notServed(r *tracker.Request, note string, change func(b []byte) []byte) {
	if change == nil {
		change = func(b []byte) []byte { return b }
	}
	var a *Packet
	p.t.Silent(p.connected, func() { a = p.SendBytes(r, note, change) }, func() bool {
		return a != nil && a.Kind != Nothing
	})
	if a.Kind == Answered || a.Kind == Misshapen {
		p.t.Mismatch(note, a, "silence", "an error packet with action 3")
	}
}

// connected is the control over UDP: a connect, which is answered. It returns
// the round trip.
func (p *Peer) connected() time.Duration {
	a := p.AskConnect()
	if a.Kind != Answered {
		p.withoutUDP(a)
	}
	return a.RTT
}

// receive sorts what arrives. An answer has the transaction id of a request.
func (p *Peer) receive(d conformance.Datagram) {
	big := binary.BigEndian
	if d.From != p.target() || len(d.Data) < 8 {
		p.strays = append(p.strays, d)
		return
	}
	a, ok := p.open[big.Uint32(d.Data[4:])]
	if !ok || a.Kind != Nothing {
		p.strays = append(p.strays, d)
		return
	}
	a.Data, a.Body, a.RTT, a.Kind = bytes.Clone(d.Data), bytes.Clone(d.Data[8:]), d.At-a.sent, Misshapen
	least := map[tracker.Action]int{tracker.ActionConnect: 8, tracker.ActionAnnounce: 12}
	switch action := tracker.Action(big.Uint32(d.Data)); {
	case action == a.action && len(a.Body) >= least[action]:
		a.Kind = Answered
	case action == tracker.ActionError:
		a.Kind = ErrorPacket
	}
	if a.Kind != Misshapen {
		p.t.Earn()
	}
}

// Numbers are interval, leechers and seeders of an announce.
func (a *Packet) Numbers() (interval, leechers, seeders uint32) {
	big := binary.BigEndian
	return big.Uint32(a.Body), big.Uint32(a.Body[4:]), big.Uint32(a.Body[8:])
}

// PeersOf are the peers of an answer that came to p.
func (p *Peer) PeersOf(a *Packet) []netip.AddrPort {
	size := 6
	if p.IP().Is6() {
		size = 18
	}
	b := a.Body[12:]
	if len(b)%size != 0 {
		p.t.Mismatch("peers", fmt.Sprintf("%d bytes", len(b)), fmt.Sprintf("a whole number of %d bytes", size))
	}
	var list []netip.AddrPort
	for ; len(b) > 0; b = b[size:] {
		ip, _ := netip.AddrFromSlice(b[:size-2])
		list = append(list, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[size-2:])))
	}
	return list
}
