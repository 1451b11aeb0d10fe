// Package null holds targets that meet no requirement: they are silent, they
// babble, or they stop after the first answer. A suite that lets one of them
// pass anything gives points for nothing.
//
// Each is a [conformance.Host] and works on virtual time, as a [Target], and
// on a real socket, by [Listen].
package null

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// Kind is one way of being of no use.
type Kind struct {
	Name string
	// New makes a host; nil means that nothing listens at the address.
	New func() conformance.Host
}

// Datagram lists the null targets of protocols over UDP.
func Datagram() []Kind {
	return []Kind{
		{"closed", nil},
		{"sink", func() conformance.Host { return answering{} }},
		{"echo", says(func(d []byte) []byte { return d })},
		{"empty", says(func([]byte) []byte { return []byte{} })},
		{"random", func() conformance.Host { return &babbler{state: 1} }},
		{"text", says(func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") })},
		{"huge-length", says(func([]byte) []byte { return []byte("d1:t99999999999:aa1:y1:re") })},
		{"zero-length", says(func([]byte) []byte { return make([]byte, 65507) })},
		{"empty-dictionary", says(func([]byte) []byte { return []byte("de") })},
		{"slow-drip", func() conformance.Host { return &dripper{} }},
		{"one-pong", func() conformance.Host { return &onePong{} }},
	}
}

// answering replies to each datagram by a function of it; without one it
// swallows them all.
type answering struct{ answer func([]byte) []byte }

func says(answer func([]byte) []byte) func() conformance.Host {
	return func() conformance.Host { return answering{answer} }
}

func (a answering) Deliver(
	_ time.Duration, d conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	if a.answer == nil {
		return out
	}
	return append(out, conformance.Outgoing{To: d.From, Payload: a.answer(d.Data)})
}

func (answering) Wake(_ time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	return out
}

func (answering) Deadline() (time.Duration, bool) { return 0, false }

// babbler replies with as many random bytes as it was sent.
type babbler struct {
	answering
	state uint64
}

func (b *babbler) Deliver(
	_ time.Duration, d conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	return append(out, conformance.Outgoing{To: d.From, Payload: b.noise(len(d.Data))})
}

func (b *babbler) noise(size int) []byte {
	noise := make([]byte, size)
	for i := range noise {
		b.state = b.state*6364136223846793005 + 1442695040888963407
		noise[i] = byte(b.state >> 56)
	}
	return noise
}

// dripInterval is the pause between two bytes of a dripper: long enough that
// nobody waits for a whole message, short enough that something always comes.
const dripInterval = 300 * time.Millisecond

// dripper sends a plausible answer byte by byte, each in a datagram.
type dripper struct {
	to   netip.AddrPort
	sent int
	at   time.Duration
}

func (d *dripper) Deliver(
	now time.Duration, in conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	if !d.to.IsValid() {
		d.at = now + dripInterval
	}
	d.to = in.From
	return out
}

func (d *dripper) Wake(now time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	const answer = "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"
	if !d.to.IsValid() || now < d.at {
		return out
	}
	d.at = now + dripInterval
	d.sent++
	at := (d.sent - 1) % len(answer)
	return append(out, conformance.Outgoing{To: d.to, Payload: []byte(answer[at : at+1])})
}

func (d *dripper) Deadline() (time.Duration, bool) { return d.at, d.to.IsValid() }

// onePong answers the first KRPC ping properly and falls silent for good.
type onePong struct {
	answering
	spent bool
}

func (p *onePong) Deliver(
	_ time.Duration, d conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	_, rest, found := bytes.Cut(d.Data, []byte("4:ping1:t"))
	end := bytes.LastIndex(rest, []byte("1:y1:qe"))
	if p.spent || !found || end < 0 {
		return out
	}
	p.spent = true
	pong := fmt.Appendf(nil, "d1:rd2:id20:mnopqrstuvwxyz123456e1:t%s1:y1:re", rest[:end])
	return append(out, conformance.Outgoing{To: d.From, Payload: pong})
}

// Target is a null host on virtual time. It claims to meet every need, so
// that no case is spared.
type Target struct{ Kind Kind }

var (
	addr  = netip.MustParseAddrPort("127.0.0.1:6881")
	addr6 = netip.MustParseAddrPort("[::1]:6881")
)

// Identity names the kind.
func (t Target) Identity() conformance.Identity {
	return conformance.Identity{Name: t.Kind.Name, How: "null target"}
}

// Can promises everything.
func (Target) Can(conformance.Need) (bool, string) { return true, "" }

// PerCase is true.
func (Target) PerCase() bool { return true }

// Network makes a network at time zero.
func (Target) Network() (conformance.Network, error) { return conformance.NewVirtualNetwork(), nil }

// Start places the host on the network.
func (t Target) Start(
	_ context.Context, n conformance.Network, _ conformance.StartOptions,
) (conformance.Instance, error) {
	if t.Kind.New != nil {
		n.(*conformance.VirtualNetwork).Attach(t.Kind.New(), addr, addr6)
	}
	return instance{}, nil
}

// instance takes every command and ends none.
type instance struct{}

func (instance) Addr() netip.AddrPort  { return addr }
func (instance) Addr6() netip.AddrPort { return addr6 }
func (instance) Exited() error         { return nil }
func (instance) Stop() error           { return nil }
func (instance) Do(conformance.Command) (*conformance.Pending, error) {
	return &conformance.Pending{}, nil
}

func (instance) ReadFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Listen runs a null host of the kind at a free port of 127.0.0.1, for datagrams
// and for streams, until stop is called.
func Listen(k Kind) (at netip.AddrPort, stop func(), err error) {
	host := k.New
	if host == nil {
		host = func() conformance.Host { return answering{} }
	}
	s, err := conformance.Serve(host(), netip.AddrPortFrom(addr.Addr(), 0))
	if err != nil {
		return netip.AddrPort{}, nil, err
	}
	if k.New == nil {
		s.Close()
		return s.Addr(), func() {}, nil
	}
	return s.Addr(), s.Close, nil
}
