package gnutella

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

func vendorLine() wire.Header { return wire.Header{Name: "Vendor-Message", Value: "0.1"} }

// fails is the error of the only effect, a Done.
func fails(out []spec.Effect) error {
	if len(out) == 1 {
		if e, ok := out[0].(spec.Done); ok {
			return e.Err
		}
	}
	return nil
}

// An ultrapeer takes pushes for a leaf that asks for it, until the leaf goes.
//
// GN-VE-08, GN-PU-04.
func TestPushProxy(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	c, other := d.join(leaf(), vendorLine()), d.join(ultrapeer(), vendorLine())
	id := wire.GUID{5}
	request := vendorMessage(lime, proxyRequest, 1, nil)
	ask := wire.Descriptor{GUID: id, Type: wire.TypeVendor, TTL: 1, Payload: request.Append(nil)}
	push := Relay{Op: 3, ServentID: id, Index: 7, To: addr(55)}
	for _, id := range []wire.GUID{id, {}} {
		if err := fails(d.step(Relay{Op: 1, ServentID: id, To: addr(55)})); !errors.Is(err, ErrNoRoute) {
			t.Errorf("a push for %v, of whom nobody has asked for it: %v", id, err)
		}
	}
	if got := clause(d.got(other, ask)); got != "GN-VE-02" {
		t.Errorf("an ultrapeer that asks for it: %q", got)
	}
	to, list := sent(d.got(c, ask), wire.TypeVendor)
	if len(to) != 1 || to[0] != c || list[0].GUID != id || list[0].TTL != 1 || list[0].Hops != 0 {
		t.Fatalf("the answer is %v to %v", list, to)
	}
	want := append([]byte("LIME\x16\x00\x02\x00"), 203, 0, 113, 99, 0xca, 0x18)
	if !bytes.Equal(list[0].Payload, want) {
		t.Errorf("the answer is % x, want % x", list[0].Payload, want)
	}
	to, list = sent(d.step(push), wire.TypePush)
	if !slices.Equal(to, []spec.Conn{c}) || list[0].TTL != 1 || list[0].GUID == id {
		t.Fatalf("the push: %v to %v", list, to)
	}
	if p, err := wire.ParsePush(list[0].Payload); err != nil || p.ServentID != id || p.Index != 7 || p.Addr != addr(55) {
		t.Errorf("the push is %+v, %v", p, err)
	}
	d.step(spec.Closed{Conn: c})
	if err := fails(d.step(push)); !errors.Is(err, ErrNoRoute) {
		t.Errorf("the leaf is gone: %v", err)
	}
}

// A leaf behind a firewall asks its ultrapeers to take pushes, and names those that
// do in its hits; one that can be reached does not.
//
// GN-VE-08, GN-QH-08.
func TestHitsNameProxies(t *testing.T) {
	for _, firewalled := range []bool{true, false} {
		d := newDesk(t, Config{Mode: Leaf, Firewalled: firewalled}, "alpha.txt")
		up := dialUltrapeer(d, 1)
		accepts := wire.Status{Code: wire.Accepted, Headers: wire.Headers{ultrapeer(), vendorLine()}}
		out := d.step(spec.Got{Conn: up, Msg: accepts})
		_, asked := sent(out, wire.TypeVendor)
		asked = slices.DeleteFunc(asked, func(m wire.Descriptor) bool { return m.GUID != d.ServentID() })
		if (len(asked) == 1) != firewalled {
			t.Fatalf("firewalled %v: it asks by %v", firewalled, asked)
		}
		reply := vendorMessage(lime, proxyReply, 2, []byte{203, 0, 113, 1, 0xca, 0x18})
		out = d.got(up, wire.Descriptor{GUID: d.ServentID(), Type: wire.TypeVendor, TTL: 1, Payload: reply.Append(nil)})
		if (clause(out) == "") != firewalled {
			t.Errorf("firewalled %v: the answer leads to %v", firewalled, out)
		}
		d.step(spec.Drained{Conn: up})
		_, hits := sent(d.got(up, query(9, 1, 0, "alpha")), wire.TypeQueryHit)
		if len(hits) != 1 {
			t.Fatalf("%d hits", len(hits))
		}
		h, err := wire.ParseQueryHit(hits[0].Payload)
		if err != nil {
			t.Fatal(err)
		}
		e, want := hitEvent(&hits[0], &h), []netip.AddrPort(nil)
		if firewalled {
			want = []netip.AddrPort{addr(1)}
		}
		if set, _ := h.Trailer.Flags.Get(wire.HitGGEP); set != firewalled || !slices.Equal(e.Proxies, want) {
			t.Errorf("firewalled %v: the hit names %v, flag %v", firewalled, e.Proxies, set)
		}
	}
}

// dialUltrapeer lets the servent dial an address, and returns the stream.
func dialUltrapeer(d *desk, i int) (c spec.Conn) {
	for _, e := range d.step(Connect{Op: 1, Addrs: []netip.AddrPort{addr(i)}}) {
		if e, ok := e.(spec.Dial); ok {
			c = e.Conn
		}
	}
	d.step(spec.Opened{Conn: c, Remote: addr(i)})
	return c
}

// Who names no address that can be dialled takes no pushes.
//
// GN-VE-08.
func TestBrokenProxies(t *testing.T) {
	d := newDesk(t, Config{Mode: Leaf, Firewalled: true}, "alpha.txt")
	c := d.join(ultrapeer(), vendorLine())
	for _, data := range [][]byte{nil, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 0, 0}, {0, 0, 0, 0, 1, 1}, {1, 2, 3, 4, 5, 6, 7}} {
		v := vendorMessage(lime, proxyReply, 2, data)
		m := wire.Descriptor{Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
		if got := clause(d.got(c, m)); got != "GN-VE-08" {
			t.Errorf("% x: %q", data, got)
		}
	}
	for _, private := range []string{
		"", "junk", "\xc3", "junk\xc3\x84PUSH", "\xc3\x84PUSH\x45\x01\x02\x03\x04\x05", "\xc3\x81H\x40",
	} {
		if got := proxiesOf([]byte(private)); got != nil {
			t.Errorf("%q names %v", private, got)
		}
	}
	if got := proxiesOf([]byte("junk\xc3\x84PUSH\x46\x01\x02\x03\x04\x05\x00")); !slices.Equal(got, []netip.AddrPort{
		netip.MustParseAddrPort("1.2.3.4:5")}) {
		t.Errorf("the proxies are %v", got)
	}
}
