package bittorrent

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// announcing is how the peer is known to its trackers.
func (r *running) announcing(port uint16) tracker.ClientConfig {
	return tracker.ClientConfig{
		Seed: r.seed, InfoHash: r.node.InfoHash(), PeerID: r.node.PeerID(), Port: port, Tiers: r.tiers,
	}
}

// progress is what it has to tell. Only the goroutine that owns the machine may
// ask.
func (r *running) progress() tracker.Progress {
	left := r.node.Left()
	if r.node.Layout().Pieces == 0 {
		left = tracker.LeftUnknown
	}
	return tracker.Progress{Uploaded: r.node.Uploaded(), Downloaded: r.node.Downloaded(), Left: left}
}

// addresses are the peers of an answer, as far as they need no resolver.
func addresses(e spec.Event) []netip.AddrPort {
	answer, ok := e.(tracker.Announced)
	if !ok {
		return nil
	}
	var addrs []netip.AddrPort
	for _, p := range answer.Response.Peers {
		if p.Addr.Addr().IsValid() {
			addrs = append(addrs, p.Addr)
		}
	}
	return addrs[:min(len(addrs), core.MaxAddrs)]
}

// announcerHost is the announcer of a peer on virtual time. It speaks HTTP as
// simply as can be: one request a connection.
type announcerHost struct {
	machine spec.Machine
	codec   spec.Codec // of UDP
	hear    func(spec.Event)
	last    spec.Conn
	open    map[spec.Conn]*fetch
	effects []spec.Effect
}

// fetch is an HTTP request under way.
type fetch struct {
	token spec.Token
	url   tracker.URL
	body  []byte
}

func newAnnouncerHost(m spec.Machine, c spec.Codec, hear func(spec.Event)) *announcerHost {
	return &announcerHost{machine: m, codec: c, hear: hear, open: map[spec.Conn]*fetch{}}
}

// Apply steps the machine.
func (h *announcerHost) Apply(now time.Duration, in spec.Input, out []conformance.Outgoing) []conformance.Outgoing {
	h.effects = h.machine.Step(now, in, h.effects[:0])
	for _, e := range h.effects {
		switch e := e.(type) {
		case tracker.Fetch:
			out = h.fetch(e, out)
		case spec.Send:
			b, err := h.codec.AppendMessage(nil, e.Msg)
			if err != nil {
				panic("conformance: the announcer sends what its codec refuses: " + err.Error())
			}
			out = append(out, conformance.Outgoing{To: e.To, Payload: b})
		case spec.Notify:
			h.hear(e.Event)
		}
	}
	return out
}

func (h *announcerHost) fetch(e tracker.Fetch, out []conformance.Outgoing) []conformance.Outgoing {
	u, err := tracker.ParseURL(e.URL)
	addr, badAddr := netip.ParseAddr(u.Host)
	if err != nil || badAddr != nil {
		panic("conformance: on a virtual network a tracker is an address: " + e.URL)
	}
	h.last++
	h.open[h.last] = &fetch{token: e.Token, url: u}
	to := netip.AddrPortFrom(addr, max(u.Port, 1))
	return append(out, conformance.Outgoing{Op: conformance.DialStream, Conn: h.last, To: to})
}

// Stream sends the request when the connection is there, and reads the answer
// until it is complete.
func (h *announcerHost) Stream(
	now time.Duration, e conformance.StreamEvent, out []conformance.Outgoing,
) []conformance.Outgoing {
	f := h.open[e.Conn]
	switch {
	case f == nil:
		return out
	case e.Kind == conformance.StreamOpened:
		request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", f.url.Path, f.url.Host)
		return append(out, conformance.Outgoing{Op: conformance.WriteStream, Conn: e.Conn, Payload: []byte(request)})
	case e.Kind == conformance.StreamData:
		f.body = append(f.body, e.Data...)
	}
	status, body, err := readResponse(f.body)
	over := e.Kind == conformance.StreamEnded || e.Kind == conformance.StreamBroken
	if err != nil && !over {
		return out
	}
	delete(h.open, e.Conn)
	out = append(out, conformance.Outgoing{Op: conformance.CloseStream, Conn: e.Conn})
	return h.Apply(now, tracker.Fetched{Token: f.token, Status: int32(status), Body: body, Err: err}, out)
}

// readResponse reads a whole HTTP response.
func readResponse(b []byte) (status int, body []byte, err error) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// Deliver takes a datagram.
func (h *announcerHost) Deliver(
	now time.Duration, d conformance.Datagram, out []conformance.Outgoing,
) []conformance.Outgoing {
	m, err := h.codec.ParseMessage(d.Data)
	if err != nil {
		return out
	}
	return h.Apply(now, spec.Recv{From: d.From, Msg: m}, out)
}

// Wake lets time pass.
func (h *announcerHost) Wake(now time.Duration, out []conformance.Outgoing) []conformance.Outgoing {
	return h.Apply(now, spec.Wake{}, out)
}

// Deadline is the machine's.
func (h *announcerHost) Deadline() (time.Duration, bool) { return h.machine.Deadline() }
