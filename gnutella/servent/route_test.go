package servent

import (
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func newServent(t *testing.T, mode gnutella.Mode) *Node {
	t.Helper()
	lib, err := gnutella.NewLibrary([]gnutella.File{{Index: 1, Size: 5, Name: "alpha.txt", SHA1: urn.SHA1{1}}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{Node: gnutella.Config{Mode: mode, Addr: addr(99), Library: lib}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func take(t *testing.T, n *Node, in spec.Input) []spec.Effect {
	t.Helper()
	out := n.Step(0, in, nil)
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	return out
}

// join lets a host connect and shake hands on an accepted stream.
func join(t *testing.T, n *Node, c spec.Conn, h ...wire.Header) {
	t.Helper()
	take(t, n, spec.Opened{Conn: c, Remote: addr(int(-c))})
	take(t, n, spec.Got{Conn: c, Msg: wire.Connect{Version: wire.V06(), Headers: h}})
	take(t, n, spec.Got{Conn: c, Msg: wire.Status{Code: wire.Accepted}})
	take(t, n, spec.Drained{Conn: c})
}

// written are the messages among effects, by stream.
func written(out []spec.Effect) map[spec.Conn][]spec.Message {
	list := map[spec.Conn][]spec.Message{}
	for _, e := range out {
		if w, ok := e.(spec.Write); ok {
			list[w.Conn] = append(list[w.Conn], w.Msg)
		}
	}
	return list
}

// The first message decides whose a stream is, and one of the other kind costs it.
//
// GN-HS-01, GN-PU-10.
func TestFirstMessageDecides(t *testing.T) {
	n := newServent(t, gnutella.Ultrapeer)
	get := transfer.Request{Method: "GET", Target: "/get/1/alpha.txt", Minor: 1}
	hello := wire.Connect{Version: wire.V06()}
	take(t, n, spec.Opened{Conn: -1, Remote: addr(1)})
	out := take(t, n, spec.Got{Conn: -1, Msg: get})
	if len(out) != 2 || reflect.TypeOf(out[1]) != reflect.TypeFor[spec.Load]() {
		t.Errorf("a request had %v", out)
	}
	if out = n.Step(10*time.Second, spec.Wake{}, nil); len(out) > 0 {
		t.Errorf("the overlay still waits for a handshake: %v", out)
	}
	if out = take(t, n, spec.Got{Conn: -1, Msg: hello}); !reflect.DeepEqual(out[1], spec.Effect(spec.Close{Conn: -1})) {
		t.Errorf("a handshake behind a request had %v", out)
	}
	join(t, n, -2)
	if len(n.Overlay().Links()) != 1 {
		t.Fatalf("links: %v", n.Overlay().Links())
	}
	out = take(t, n, spec.Got{Conn: -2, Msg: get})
	if d, ok := out[0].(spec.Drop); !ok || d.From != addr(2) || len(n.Overlay().Links()) > 0 || len(n.streams) > 0 {
		t.Errorf("a request behind a handshake had %v; streams %v", out, n.streams)
	}
}

// Streams that either part dials have numbers of their own for the driver, which
// events name, too.
func TestNumbersAreMapped(t *testing.T) {
	n := newServent(t, gnutella.Flat)
	dial := func(in spec.Input, want spec.Conn) {
		t.Helper()
		out := take(t, n, in)
		for _, e := range out {
			if d, ok := e.(spec.Dial); ok && d.Conn == want {
				return
			}
		}
		t.Fatalf("%+v had %v, want a Dial of number %d", in, out, want)
	}
	dial(transfer.Offer{Op: 1, To: addr(1), Index: 1, Name: "alpha.txt"}, 1)
	dial(gnutella.Connect{Op: 2, Addrs: []netip.AddrPort{addr(2)}}, 2)
	dial(transfer.Offer{Op: 3, To: addr(3), Index: 1, Name: "alpha.txt"}, 3)
	take(t, n, spec.Opened{Conn: 2, Remote: addr(2)})
	out := take(t, n, spec.Got{Conn: 2, Msg: wire.Status{Old: true, Code: wire.Accepted}})
	connected := false
	for _, e := range out {
		if e, ok := e.(spec.Notify); ok {
			c, ok := e.Event.(gnutella.Connected)
			connected = connected || ok && c.Conn == 2
		}
	}
	if !connected {
		t.Errorf("the handshake on 2 had %v", out)
	}
	out = take(t, n, spec.Opened{Conn: 3, Remote: addr(3)})
	if g, ok := written(out)[3][0].(transfer.Giv); !ok || g.ServentID != n.Overlay().ServentID() {
		t.Errorf("Opened of 3 had %v", out)
	}
	out = take(t, n, gnutella.Shutdown{Op: 4})
	want := spec.Effect(spec.Notify{Event: gnutella.Disconnected{Conn: 2}})
	if !slices.Contains(out, want) || !slices.Contains(out, spec.Effect(spec.Close{Conn: 2})) {
		t.Errorf("Shutdown had %v", out)
	}
}

// Who is asked by HTTP to pass a push on to a leaf of his does so, and tells of it.
//
// GN-VE-08.
func TestPushProxy(t *testing.T) {
	n := newServent(t, gnutella.Ultrapeer)
	join(t, n, -1, wire.Header{Name: "X-Ultrapeer", Value: "False"}, wire.Header{Name: "Vendor-Message", Value: "0.1"})
	id := wire.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	ask := func(c spec.Conn) []spec.Effect {
		take(t, n, spec.Opened{Conn: c, Remote: addr(int(-c))})
		return take(t, n, spec.Got{Conn: c, Msg: transfer.Request{
			Method: "GET", Target: "/gnutella/push-proxy?ServerId=AEBAGBAFAYDQQCIKBMGA2DQPCA", Minor: 1,
			Headers: wire.Headers{{Name: "X-Node", Value: addr(7).String()}},
		}})
	}
	if r := written(ask(-2))[-2][0].(transfer.Response); r.Code != 410 {
		t.Errorf("for a leaf that has asked for nothing: %v", r)
	}
	request := wire.VendorMessage{Vendor: [4]byte{'L', 'I', 'M', 'E'}, Selector: 21, Version: 1}
	m := wire.Descriptor{GUID: id, Type: wire.TypeVendor, TTL: 1, Payload: request.Append(nil)}
	take(t, n, spec.Got{Conn: -1, Msg: m})
	take(t, n, spec.Drained{Conn: -1})
	out := written(ask(-3))
	if r := out[-3][0].(transfer.Response); r.Code != 202 {
		t.Errorf("answered %v", r)
	}
	d := out[-1][0].(wire.Descriptor)
	if p, err := wire.ParsePush(d.Payload); err != nil || p.ServentID != id || p.Addr != addr(7) {
		t.Errorf("the leaf got %v", d)
	}
}

// Who says nothing does not keep out who wants a file, up to a number.
//
// GN-HS-16.
func TestSilentStreams(t *testing.T) {
	for _, c := range []struct{ handshakes, conns, room int }{
		{0, 0, handshakes + conns}, {2, 3, 5}, {1000, 500, maxHandshakes}, {1 << 10, 1, maxHandshakes},
	} {
		n, err := New(Config{
			Node:     gnutella.Config{Addr: addr(99), Handshakes: c.handshakes},
			Transfer: transfer.Config{Conns: c.conns},
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for i := range c.room + 9 {
			if out := n.Step(0, spec.Opened{Conn: spec.Conn(-1 - i), Remote: addr(i % 90)}, nil); len(out) == 0 {
				taken++
			}
		}
		if taken != c.room {
			t.Errorf("Handshakes %d, Conns %d: %d silent streams, want %d", c.handshakes, c.conns, taken, c.room)
		}
	}
	for _, wrong := range []Config{
		{Node: gnutella.Config{Handshakes: -1}}, {Node: gnutella.Config{Handshakes: 1<<10 + 1}},
		{Transfer: transfer.Config{Conns: -20}}, {Transfer: transfer.Config{Conns: math.MaxInt}},
	} {
		wrong.Node.Addr = addr(99)
		if _, err := New(wrong, 0); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}
