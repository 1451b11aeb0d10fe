package gnutella

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// dialled lets the servent dial a host, and returns how it greets.
func dialled(d *desk, i int) wire.Connect {
	d.Helper()
	out := d.step(Connect{Op: 1, Addrs: []netip.AddrPort{addr(i)}})
	if !slices.Contains(out, spec.Effect(spec.Dial{Conn: 1, To: addr(i)})) {
		d.Fatalf("no dial: %v", out)
	}
	out = d.step(spec.Opened{Conn: 1, Remote: addr(i)})
	return out[0].(spec.Write).Msg.(wire.Connect)
}

// GN-HS-18, GN-HS-20, GN-HS-21, GN-HS-22, GN-HS-23, GN-HS-28, GN-HS-29, GN-HS-34 to GN-HS-38, GN-HS-40,
// GN-UQ-19: an ultrapeer wants 32 others, if it is not told otherwise.
func TestGreeting(t *testing.T) {
	both := map[string]string{
		"User-Agent": "p2pspec", "Pong-Caching": "0.1", "Bye-Packet": "0.1", "GGEP": "0.5", "Vendor-Message": "0.1",
		"Remote-IP": addr(7).Addr().String(), "X-Query-Routing": "0.2", "X-Ultrapeer-Query-Routing": "0.1",
	}
	for mode, own := range map[Mode]map[string]string{
		Leaf:      {"X-Ultrapeer": "False"},
		Ultrapeer: {"X-Ultrapeer": "True", "X-Max-TTL": "3", "X-Degree": "32", "X-Dynamic-Querying": "0.1"},
	} {
		h := dialled(newDesk(t, Config{Mode: mode}), 7).Headers
		for _, want := range []map[string]string{both, own} {
			for name, value := range want {
				if got, _ := h.Get(name); got != value {
					t.Errorf("%v: %s is %q, want %q", mode, name, got, value)
				}
			}
		}
	}
	if c := dialled(newDesk(t, Config{}), 7); !c.Version.Old() || len(c.Headers) > 0 {
		t.Errorf("a flat servent greets as %v with %v (GN-HS-12)", c.Version, c.Headers)
	}
}

// GN-HS-02, GN-HS-04, GN-HS-06, GN-HS-10, GN-HS-11, GN-HS-12.
func TestAccept(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, Peers: 4, Leaves: 2})
	d.step(spec.Opened{Conn: -1, Remote: addr(1)})
	out := d.step(spec.Got{Conn: -1, Msg: wire.Connect{
		Version: wire.Version{Minor: 7}, Headers: wire.Headers{
			ultrapeer(), {Name: "X-Nonsense", Value: "1"}, {Name: "User-Agent", Value: "Other/2"},
		},
	}})
	if s := status(out); s.Code != wire.Accepted || s.Old {
		t.Fatalf("0.7 was answered %v", s)
	}
	out = d.step(spec.Got{Conn: -1, Msg: wire.Status{Code: wire.Accepted, Phrase: "Fine"}}) // GN-HS-03
	if _, pings := sent(out, wire.TypePing); len(pings) != 1 || len(d.Links()) != 1 || d.Links()[0].Mode != Ultrapeer {
		t.Errorf("after the third step: %v, links %v", out, d.Links())
	}
	if at := slices.Index(out, spec.Effect(spec.Notify{Event: Connected{-1, addr(1), Ultrapeer, "Other/2"}})); at < 0 {
		t.Errorf("who is connected is not told: %v", out)
	}
	d.step(spec.Opened{Conn: -2, Remote: addr(2)})
	if s := status(d.step(spec.Got{Conn: -2, Msg: wire.Connect{Version: wire.V04()}})); !s.Old || len(d.Links()) != 2 {
		t.Errorf("0.4 was answered %v", s)
	}
	d.last = -2
	c, _ := d.accept(ultrapeer())
	if out := d.step(spec.Got{Conn: c, Msg: wire.Status{Code: 404}}); !closes(out, c) || len(d.Links()) != 2 {
		t.Errorf("a refusal in the third step: %v (GN-HS-05)", out)
	}
	c, _ = d.accept(ultrapeer())
	if out := d.got(c, query(1, 3, 0, "alpha")); !closes(out, c) {
		t.Errorf("a query before the third step: %v", out)
	}
}

// GN-HS-15, GN-HS-16, GN-HS-17, GN-HS-30, GN-HS-33.
func TestRefuse(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, Peers: 1, Leaves: 1})
	d.join(ultrapeer(), wire.Header{Name: "Listen-IP", Value: addr(50).String()},
		wire.Header{Name: "X-Try", Value: "9.9.9.9:99 , 8.8.8.8:88,"})
	d.join(leaf(), wire.Header{Name: "Listen-IP", Value: addr(51).String()}) // is recommended to nobody
	for _, h := range []wire.Header{ultrapeer(), leaf()} {
		c, out := d.accept(h)
		s := status(out)
		ultra, _ := s.Headers.Get("X-Try-Ultrapeers")
		others, _ := s.Headers.Get("X-Try")
		if s.Code != wire.Busy || !closes(out, c) || ultra != addr(50).String() || others != "8.8.8.8:88,9.9.9.9:99" {
			t.Errorf("%v: %d, ultrapeers %q, others %q", h, s.Code, ultra, others)
		}
	}
	d = newDesk(t, Config{Mode: Leaf})
	c := d.join(leaf()) // GN-HS-31: two leaves without an ultrapeer
	d.join(ultrapeer())
	if _, out := d.accept(leaf()); status(out).Code != wire.Busy {
		t.Errorf("a shielded leaf answered %v", out)
	}
	d.step(spec.Closed{Conn: c})
	if len(d.Links()) != 1 {
		t.Errorf("links %v", d.Links())
	}
}

// GN-HS-14, GN-HS-05, GN-HS-17.
func TestFallback(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	dialled(d, 7)
	if out := d.step(spec.Closed{Conn: 1}); !slices.Contains(out, spec.Effect(spec.Dial{Conn: 2, To: addr(7)})) {
		t.Fatalf("after hanging up: %v", out)
	}
	out := d.step(spec.Opened{Conn: 2, Remote: addr(7)})
	if m := out[0].(spec.Write).Msg.(wire.Connect); !m.Version.Old() {
		t.Errorf("the second greeting is %v", m)
	}
	if out := d.Clone().Step(0, spec.Closed{Conn: 2}, nil); len(out) > 0 {
		t.Errorf("after hanging up on 0.4, too: %v", out)
	}
	d.step(spec.Got{Conn: 2, Msg: wire.Status{Old: true, Code: wire.Accepted, Phrase: "OK"}})
	if len(d.Links()) != 1 {
		t.Errorf("links %v", d.Links())
	}

	d = newDesk(t, Config{Mode: Leaf})
	dialled(d, 7)
	out = d.step(spec.Got{Conn: 1, Msg: wire.Status{Code: wire.Busy, Phrase: "Busy", Headers: wire.Headers{
		{Name: "X-Try-Ultrapeers", Value: addr(8).String()}}}})
	if !closes(out, 1) || !slices.Contains(out, spec.Effect(spec.Dial{Conn: 2, To: addr(8)})) {
		t.Errorf("after a refusal with advice: %v", out)
	}
}

// GN-HS-32.
func TestLeafGuidance(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	dialled(d, 7)
	out := d.step(spec.Got{Conn: 1, Msg: wire.Status{Code: wire.Accepted, Headers: wire.Headers{
		ultrapeer(), {Name: "X-Ultrapeer-Needed", Value: "false"}}}})
	if h := status(out).Headers; !h.Lists("X-Ultrapeer", "False") || d.Mode() != Leaf {
		t.Errorf("asked to become a leaf: %v, mode %v", h, d.Mode())
	}
	if d.step(spec.Closed{Conn: 1}); d.Mode() != Ultrapeer {
		t.Errorf("alone again it is a %v", d.Mode())
	}

	d = newDesk(t, Config{Mode: Ultrapeer, Peers: 1, Leaves: 1})
	d.join(ultrapeer())
	for _, h := range []wire.Headers{{leaf()}, nil} { // agrees, and does not
		c, out := d.accept(ultrapeer())
		if s := status(out); s.Code != wire.Accepted || !s.Headers.Lists("X-Ultrapeer-Needed", "False") {
			t.Fatalf("without room for ultrapeers: %v", s)
		}
		links := len(d.Links())
		out = d.step(spec.Got{Conn: c, Msg: wire.Status{Code: wire.Accepted, Headers: h}})
		if agreed := h != nil; agreed == closes(out, c) || agreed != (len(d.Links()) == links+1) {
			t.Errorf("third step with %v: %v", h, out)
		}
		d.step(spec.Closed{Conn: c})
	}
}

// GN-HS-24, GN-HS-25, GN-HS-27.
func TestDeflate(t *testing.T) {
	accepts := wire.Header{Name: "Accept-Encoding", Value: "gzip, deflate"}
	d := newDesk(t, Config{Mode: Ultrapeer, Deflate: true})
	c, out := d.accept(ultrapeer(), accepts)
	if len(out) != 2 || !status(out).Headers.Lists("Content-Encoding", "deflate") ||
		out[1] != spec.Effect(spec.Deflate{Conn: c, Out: true}) {
		t.Errorf("offered: %v", out)
	}
	out = d.step(spec.Got{Conn: c, Msg: wire.Status{Code: wire.Accepted, Headers: wire.Headers{
		{Name: "Content-Encoding", Value: "deflate"}}}})
	if out[0] != spec.Effect(spec.Deflate{Conn: c, In: true}) {
		t.Errorf("used: %v", out[0])
	}
	if _, out := d.accept(ultrapeer()); len(out) != 1 || status(out).Headers.Lists("Content-Encoding", "deflate") {
		t.Errorf("not offered: %v", out)
	}
	plain := newDesk(t, Config{Mode: Ultrapeer})
	_, out = plain.accept(ultrapeer(), accepts)
	if len(out) != 1 || status(out).Headers.Lists("Content-Encoding", "deflate") {
		t.Errorf("not wanted: %v", out)
	}
}

func TestSlowHandshakes(t *testing.T) {
	d := newDesk(t, Config{Mode: Leaf, Handshakes: 2})
	dialled(d, 7)
	for i := range 3 {
		out := d.step(spec.Opened{Conn: -spec.Conn(i + 1), Remote: addr(i)})
		if refused := closes(out, -spec.Conn(i+1)); refused != (i == 2) {
			t.Errorf("stream %d: %v", i, out)
		}
	}
	d.wait(9 * time.Second)
	if out := d.wait(time.Second); !closes(out, 1) || !closes(out, -1) || !closes(out, -2) {
		t.Errorf("after 10 s: %v", out)
	}
}

// GN-BY-01 to GN-BY-07, GN-BY-09.
func TestBye(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	polite := d.join(ultrapeer(), wire.Header{Name: "Bye-Packet", Value: "0.1"})
	plain := d.join(ultrapeer())
	third := d.join(ultrapeer(), wire.Header{Name: "Bye-Packet", Value: "0.1"})
	bye := wire.Descriptor{Type: wire.TypeBye, TTL: 3, Payload: (&wire.Bye{Code: 200}).Append(nil)}
	if got := clause(d.got(third, bye)); got != "GN-BY-04" {
		t.Errorf("a Bye with TTL 3: %q", got)
	}
	bye.TTL = 1
	if out := d.got(third, bye); len(out) != 2 || !closes(out, third) ||
		out[1] != spec.Effect(spec.Notify{Event: Disconnected{third, 200}}) {
		t.Errorf("a Bye: %v", out)
	}
	out := d.step(Shutdown{Op: 5})
	to, list := sent(out, wire.TypeBye)
	if !slices.Equal(to, []spec.Conn{polite}) || !closes(out, plain) || list[0].TTL != 1 || list[0].Hops != 0 {
		t.Fatalf("at the end: %v", out)
	}
	if y, err := wire.ParseBye(list[0].Payload); err != nil || !strings.HasPrefix(string(y.Headers), "Server: ") {
		t.Errorf("the Bye is %v, %v", y, err)
	}
	if out := d.got(polite, query(1, 1, 0, "alpha")); len(out) > 0 {
		t.Errorf("after the Bye a query led to %v", out)
	}
	if out := d.wait(3 * time.Second); !closes(out, polite) {
		t.Errorf("after the grace: %v", out)
	}
	if at, ok := d.Node.Deadline(); ok {
		t.Errorf("a servent that was shut down waits for %v", at)
	}
}

// A host that refused is not dialled again at once because those that refuse go on
// naming it, even where there is no room to remember more.
func TestDeadHostsAreNotNew(t *testing.T) {
	d := newDesk(t, Config{Mode: Leaf, Peers: 1, MaxHosts: 3, NoFallback: true})
	tries := map[netip.AddrPort]int{}
	out := d.step(Connect{Addrs: []netip.AddrPort{addr(1), addr(2)}})
	for range 30 {
		d.now += time.Second
		var next []spec.Effect
		for _, e := range out {
			if dial, ok := e.(spec.Dial); ok {
				tries[dial.To]++
				next = append(next, d.step(spec.Opened{Conn: dial.Conn, Remote: dial.To})...)
				next = append(next, d.step(spec.Got{Conn: dial.Conn, Msg: wire.Status{Code: wire.Busy, Headers: wire.Headers{
					{Name: "X-Try-Ultrapeers", Value: "203.0.113.1:6346,203.0.113.2:6346,203.0.113.3:6346,203.0.113.4:6346"},
				}}})...)
			}
		}
		out = next
	}
	for a, n := range tries {
		if n != 1 {
			t.Errorf("%v was dialled %d times within RetryAfter, want 1", a, n)
		}
	}
	if len(tries) < 3 {
		t.Errorf("%d hosts were tried: those that are named are to be, too", len(tries))
	}
}
