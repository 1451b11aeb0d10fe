package gnutella

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// GN-HD-07 to GN-HD-13, GN-QY-04.
func TestLimitsOfTTLAndHops(t *testing.T) {
	for i, c := range []struct {
		ttl, hops, outTTL uint8 // 0: not passed on
		clause            string
	}{
		{3, 0, 2, ""}, {1, 0, 0, ""}, {0, 2, 0, ""}, {7, 0, 6, ""}, {10, 0, 6, ""}, {15, 0, 6, ""}, {5, 5, 1, ""},
		{2, 7, 0, ""}, {3, 20, 0, ""}, {16, 0, 0, "GN-HD-11"}, {255, 0, 0, "GN-HD-11"}, {0, 0, 0, "GN-HD-12"},
		{3, 255, 0, "GN-HD-10"},
	} {
		d := newDesk(t, Config{})
		from := d.join()
		other := d.join()
		out := d.got(from, query(byte(i), c.ttl, c.hops, "alpha"))
		if got := clause(out); got != c.clause {
			t.Errorf("%d/%d: dropped by %q, want %q", c.ttl, c.hops, got, c.clause)
		}
		to, list := sent(out, wire.TypeQuery)
		if (len(list) > 0) != (c.outTTL > 0) {
			t.Errorf("%d/%d: went to %v", c.ttl, c.hops, to)
			continue
		}
		if len(list) > 0 && (list[0].TTL != c.outTTL || list[0].Hops != c.hops+1 || !slices.Equal(to, []spec.Conn{other})) {
			t.Errorf("%d/%d: went on with %d/%d to %v", c.ttl, c.hops, list[0].TTL, list[0].Hops, to)
		}
	}
}

// GN-HD-16, GN-HD-17, GN-HD-18, GN-QY-01, GN-QY-02, GN-VE-02, GN-VE-04, GN-UQ-08, GN-PG-13, GN-QH-05, GN-QH-12,
// GN-PU-02, GN-PU-03.
func TestRefused(t *testing.T) {
	d := newDesk(t, Config{})
	c, other := d.join(), d.join()
	d.got(c, query(1, 3, 0, "alpha"))
	pong, nothing := (&wire.Pong{Addr: addr(1)}).Append(nil), (&wire.QueryHit{Addr: addr(1)}).Append(nil)
	back := hitOf(t, "a").Append(nil)
	foreign := (&wire.Push{ServentID: wire.GUID{8}, Addr: addr(1)}).Append(nil)
	for want, m := range map[string]wire.Descriptor{
		"GN-HD-16": {Type: 0x55, TTL: 1},
		"GN-HD-17": query(1, 4, 0, "alpha"),
		"GN-QY-01": {Type: wire.TypeQuery, TTL: 1, Payload: []byte{0x80, 0, 'a'}},
		"GN-QY-02": {Type: wire.TypeQuery, TTL: 1, Payload: make([]byte, 5000)},
		"GN-VE-02": {Type: wire.TypeVendor, TTL: 2, Payload: d.supported()},
		"GN-UQ-08": {Type: wire.TypeQRP, TTL: 1, Payload: []byte{0, 8, 0, 0, 0, 7}},
		"GN-PG-02": {Type: wire.TypePong, TTL: 1, Payload: pong[:13]},
		"GN-PG-13": {GUID: wire.GUID{7}, Type: wire.TypePong, TTL: 1, Payload: pong},
		"GN-QH-05": {GUID: wire.GUID{1}, Type: wire.TypeQueryHit, TTL: 3, Payload: back},
		"GN-QH-12": {GUID: wire.GUID{1}, Type: wire.TypeQueryHit, TTL: 3, Payload: nothing},
		"GN-PU-03": {GUID: wire.GUID{1}, Type: wire.TypePush, TTL: 3, Payload: foreign},
	} {
		if got := clause(d.got(c, m)); got != want {
			t.Errorf("%v of %d bytes: dropped by %q, want %q", m.Type, len(m.Payload), got, want)
		}
	}
	if got := clause(d.got(other, query(1, 7, 0, "alpha"))); got != "GN-HD-17" {
		t.Errorf("the query from elsewhere: %q", got)
	}
	if out := d.got(c, wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypePing, TTL: 1}); clause(out) != "" {
		t.Errorf("a ping with the GUID of a query: %v (GN-HD-18)", out)
	}
}

func hitOf(t *testing.T, name string) *wire.QueryHit {
	r := wire.Result{Index: 1, Size: 2, Name: []byte(name)}
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.QueryHit{Count: 1, Results: b, Addr: addr(1), ServentID: wire.GUID{8}}
}

func ping(guid byte, ttl, hops uint8) wire.Descriptor {
	return wire.Descriptor{GUID: wire.GUID{guid}, Type: wire.TypePing, TTL: ttl, Hops: hops}
}

// GN-PG-03 to GN-PG-08, GN-PG-10 to GN-PG-12, GN-PG-14, GN-PG-17.
func TestPongs(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer}, "a b c.txt")
	ggepLine := wire.Header{Name: "GGEP", Value: "0.5"}
	a := d.join(ultrapeer(), wire.Header{Name: "Listen-IP", Value: addr(41).String()})
	block, _ := ggep.Append(nil, []ggep.Extension{{ID: "UP", Data: []byte{1, 2, 3}}})
	asked := d.wait(30 * time.Second)
	_, pings := sent(asked, wire.TypePing)
	for i, p := range []wire.Pong{
		{Addr: addr(41), Files: 4, Kilobytes: 16, GGEP: block}, {Addr: addr(42)},
		{Addr: netip.AddrPortFrom(addr(43).Addr(), 0)},
	} {
		hops := []uint8{0, 2, 1}[i]
		d.got(a, wire.Descriptor{GUID: pings[0].GUID, Type: wire.TypePong, TTL: 3, Hops: hops, Payload: p.Append(nil)})
	}
	b, plain := d.join(leaf(), ggepLine), d.join(leaf())
	_, list := sent(d.got(b, ping(1, 1, 1)), wire.TypePong)
	if len(list) != 1 || list[0].GUID != (wire.GUID{1}) || list[0].TTL < 1 || list[0].Hops != 0 {
		t.Fatalf("TTL 1: %v", list)
	}
	if p, err := wire.ParsePong(list[0].Payload); err != nil || p.Addr != addr(99) || p.Files != 1 || !p.Ultrapeer() {
		t.Errorf("the own pong is %+v, %v", p, err)
	}
	for c, withGGEP := range map[spec.Conn]bool{b: true, plain: false} {
		_, list = sent(d.got(c, ping(2+byte(-c), 7, 0)), wire.TypePong)
		if len(list) != 3 || list[1].Hops != 3 || list[1].TTL != 4 || list[2].Hops != 1 {
			t.Fatalf("from the cache: %v", list)
		}
		if p, _ := wire.ParsePong(list[2].Payload); p.Addr != addr(41) || bytes.Equal(p.GGEP, block) != withGGEP {
			t.Errorf("cached: %+v", p)
		}
	}
	if _, list = sent(d.got(b, ping(50, 7, 0)), wire.TypePong); len(list) > 0 {
		t.Errorf("at once again: %v (GN-PG-07)", list)
	}
	d.wait(time.Second)
	if _, list = sent(d.got(b, ping(51, 2, 0)), wire.TypePong); len(list) != 2 {
		t.Fatalf("a crawler got %v", list)
	}
	if p, _ := wire.ParsePong(list[1].Payload); p.Addr != addr(41) || p.Files != 4 {
		t.Errorf("the neighbour's pong is %+v", p)
	}
	if _, list = sent(d.got(a, ping(52, 7, 0)), wire.TypePong); len(list) != 1 {
		t.Errorf("its own pongs came back: %v (GN-PG-12)", list)
	}
}

// Hosts on the Internet are told no address of a private network, and their word
// for one is not taken.
//
// GN-PG-15.
func TestPrivateAddresses(t *testing.T) {
	const inside = "192.168.1.7:6346"
	d := newDesk(t, Config{Mode: Ultrapeer, Peers: 3, Leaves: 1})
	near := func(h ...wire.Header) (spec.Conn, []spec.Effect) { // of the private network
		c := -100 - spec.Conn(len(d.conns))
		d.step(spec.Opened{Conn: c, Remote: netip.MustParseAddrPort("10.0.0.9:50000")})
		return c, d.step(spec.Got{Conn: c, Msg: wire.Connect{Version: wire.V06(), Headers: h}})
	}
	listen := wire.Header{Name: "Listen-IP", Value: inside}
	a, _ := near(ultrapeer(), listen)
	d.step(spec.Got{Conn: a, Msg: wire.Status{Code: wire.Accepted}})
	_, pings := sent(d.wait(30*time.Second), wire.TypePing)
	p := wire.Pong{Addr: netip.MustParseAddrPort("10.0.0.3:6346")}
	d.got(a, wire.Descriptor{GUID: pings[0].GUID, Type: wire.TypePong, TTL: 3, Hops: 1, Payload: p.Append(nil)})
	c := d.join(ultrapeer(), wire.Header{Name: "X-Try", Value: "10.9.9.9:1"})
	for guid, m := range []wire.Descriptor{ping(60, 7, 0), ping(61, 2, 0)} {
		d.wait(time.Second)
		if _, pongs := sent(d.got(c, m), wire.TypePong); len(pongs) != 1 {
			t.Errorf("ping %d: %d pongs, the servent's own is the only one of the Internet", guid, len(pongs))
		}
	}
	for _, h := range d.hosts {
		if h.addr.String() == "10.9.9.9:1" {
			t.Error("an address of a private network was taken from the Internet")
		}
	}
	d.join(ultrapeer())
	d.join(leaf())
	_, refused := d.accept(ultrapeer())
	_, inner := near(ultrapeer())
	for i, out := range [][]spec.Effect{refused, inner} {
		try, _ := status(out).Headers.Get("X-Try-Ultrapeers")
		if status(out).Code != wire.Busy || strings.Contains(try, inside) != (i == 1) {
			t.Errorf("the refusal %d recommends %q", i, try)
		}
	}

	d = newDesk(t, Config{})
	c, near4 := d.join(), -spec.Conn(99)
	d.step(spec.Opened{Conn: near4, Remote: netip.MustParseAddrPort("10.0.0.9:50000")})
	d.step(spec.Got{Conn: near4, Msg: wire.Connect{Version: wire.V04()}})
	d.got(c, ping(1, 3, 0))
	for host, want := range map[string]int{"10.0.0.3:6346": 0, "203.0.113.7:6346": 1} {
		p := wire.Pong{Addr: netip.MustParseAddrPort(host)}
		m := wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypePong, TTL: 3, Payload: p.Append(nil)}
		if to, _ := sent(d.got(near4, m), wire.TypePong); len(to) != want {
			t.Errorf("a pong of %s went to %v", host, to)
		}
	}
}

// GN-QY-06 to GN-QY-10, GN-QY-13 to GN-QY-18, GN-QH-01 to GN-QH-03, GN-QH-07, GN-QH-08, GN-QH-11, GN-QH-13, GN-GG-05.
func TestAnswers(t *testing.T) {
	name := "Alpha bravo testfile é.txt"
	hash := urn.Sum([]byte(name)).SHA1
	for i, c := range []struct {
		flags            wire.QueryFlags
		text, extensions string
		want             int
		inGGEP           bool // is the hash, or else a urn
	}{
		{0x8000, "BRAVO alpha", "", 1, false}, {0x8000, "alpha zulu", "", 0, false}, {0x8000, "bravo-testfile", "", 1, false},
		{0x8000, "", "", 0, false}, {0x8000, "a b", "", 0, false}, {0x8000, "tx", "", 0, false},
		{0x8000, "alpha", "urn:", 1, false}, {0x8000, "alpha", "foo:bar\x1curn:sha1:", 1, false},
		{0x8000, "", hash.String(), 1, false}, {0x8000, "zulu", "urn:sha1:" + hash.String()[9:], 1, false},
		{0x8800, "alpha", "", 1, true}, {0xc000, "alpha", "", 1, false}, {0x0000, "alpha", "", 1, false},
		{0x8000, "testfile", "\xc3", 1, false},
	} {
		d := newDesk(t, Config{}, name)
		q := wire.Query{Flags: c.flags, Text: []byte(c.text), Extensions: []byte(c.extensions)}
		b, _ := q.Append(nil)
		out := d.got(d.join(), wire.Descriptor{GUID: wire.GUID{byte(i)}, Type: wire.TypeQuery, TTL: 2, Hops: 3, Payload: b})
		_, list := sent(out, wire.TypeQueryHit)
		if len(list) != c.want {
			t.Errorf("%q %q: %d hits, want %d", c.text, c.extensions, len(list), c.want)
		}
		for _, m := range list {
			h, err := wire.ParseQueryHit(m.Payload)
			if err != nil || m.TTL != 5 || m.Hops != 0 || h.Trailer == nil || h.Trailer.XMLSize != 0 {
				t.Fatalf("%q: %v, %+v, %v", c.text, m, h, err)
			}
			e := hitEvent(&m, &h)
			if f := e.Results[0]; f.Name != name || f.SHA1 != hash || e.Push || e.ServentID != d.ServentID() ||
				bytes.Contains(m.Payload, []byte("urn:sha1:")) == c.inGGEP {
				t.Errorf("%q %q: %+v", c.text, c.extensions, e)
			}
		}
	}
	d := newDesk(t, Config{Firewalled: true}, name)
	q := query(1, 1, 0, "alpha")
	q.Payload[0] = 0xc0
	if _, list := sent(d.got(d.join(), q), wire.TypeQueryHit); len(list) > 0 {
		t.Error("neither can be reached, and there is an answer (GN-QY-13)")
	}
	_, list := sent(d.got(d.join(), query(2, 1, 0, "alpha")), wire.TypeQueryHit)
	if h, _ := wire.ParseQueryHit(list[0].Payload); !hitEvent(&list[0], &h).Push {
		t.Error("a hit from behind a firewall asks for no push")
	}
}

// GN-QY-08, GN-QH-11.
func TestBrowse(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("some long name of file number %d.txt", i))
	}
	d := newDesk(t, Config{Window: 1 << 20}, names...)
	_, list := sent(d.got(d.join(), query(1, 1, 0, browse)), wire.TypeQueryHit)
	seen := 0
	for _, m := range list {
		h, err := wire.ParseQueryHit(m.Payload)
		if err != nil || len(m.Payload)+wire.HeaderSize > maxHit {
			t.Fatalf("a hit of %d bytes, %v", len(m.Payload), err)
		}
		seen += int(h.Count)
	}
	if seen != len(names) || len(list) < 2 {
		t.Errorf("%d files in %d hits", seen, len(list))
	}
	if _, list := sent(d.got(d.join(), query(2, 2, 0, browse)), wire.TypeQueryHit); len(list) > 0 {
		t.Error("four spaces with TTL 2 list what is shared")
	}
}

// GN-FC-01, GN-FC-02, GN-FC-03, GN-VE-04.
func TestSlowNeighbour(t *testing.T) {
	d := newDesk(t, Config{Window: 64, QueueBytes: 1024})
	slow, other := d.join(wire.Header{Name: "Bye-Packet", Value: "0.1"}), d.join()
	d.got(other, query(1, 7, 0, "fills the window with a text that is long enough")) // on its way to slow
	for i := range byte(20) {
		d.got(other, query(2+i, 7, i%3, "alpha"))
	}
	d.got(other, ping(99, 7, 0)) // there is no room that it could take from others
	if got := clause(d.got(slow, query(77, 3, 0, "alpha"))); got != "GN-FC-01" {
		t.Errorf("a query of a slow neighbour: %q", got)
	}
	c := d.find(slow)
	for i := range c.queue {
		if i == 0 {
			continue
		}
		a, b := &c.queue[i-1].d, &c.queue[i].d
		if a.Type == wire.TypePing && b.Type == wire.TypeQuery || a.Type == b.Type && a.Hops > b.Hops {
			t.Errorf("a %v of %d hops waits before a %v of %d", a.Type, a.Hops, b.Type, b.Hops)
		}
	}
	for range 40 {
		d.step(spec.Drained{Conn: slow})
	}
	if len(c.queue) > 0 || clause(d.got(slow, query(78, 3, 0, "alpha"))) != "" {
		t.Error("a neighbour that has caught up is not heard")
	}
	d.step(spec.Drained{Conn: slow})
	var out []spec.Effect
	for i := range 40 { // hits for what slow has asked
		h := hitOf(t, fmt.Sprintf("a name that is not too short, with number %d", i)).Append(nil)
		m := wire.Descriptor{GUID: wire.GUID{78}, Type: wire.TypeQueryHit, TTL: 3, Payload: h}
		out = append(out, d.got(other, m)...)
	}
	_, byes := sent(out, wire.TypeBye)
	if len(byes) != 1 {
		t.Fatalf("%d Byes (GN-FC-03)", len(byes))
	}
	if y, err := wire.ParseBye(byes[0].Payload); err != nil || y.Code != wire.ByeSendQueueFull {
		t.Errorf("the Bye is %v, %v", y, err)
	}

	d = newDesk(t, Config{})
	c1, c2 := d.join(), d.join()
	v := wire.VendorMessage{Vendor: [4]byte{'B', 'E', 'A', 'R'}, Selector: 4, Version: 1, Data: []byte{2}}
	d.got(c1, wire.Descriptor{Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)})
	for hops, want := range []int{1, 0} {
		if to, _ := sent(d.got(c2, query(byte(hops), 3, uint8(hops), "alpha")), wire.TypeQuery); len(to) != want {
			t.Errorf("a query after %d hops went to %v", hops+1, to)
		}
	}
}

// GN-QY-05.
func TestTooManyQueries(t *testing.T) {
	d := newDesk(t, Config{})
	c := d.join()
	ask := func(n int, hops uint8) (dropped int) {
		for range n {
			d.last-- // a number that no other query has
			if clause(d.got(c, query(byte(-d.last), 3, hops, "alpha"))) == "GN-QY-05" {
				dropped++
			}
		}
		return dropped
	}
	if got := ask(100, 0); got != 100-queryBurst {
		t.Errorf("%d of 100 queries at once are dropped", got)
	}
	if got := ask(20, 1); got != 0 {
		t.Errorf("%d queries of others are dropped", got)
	}
	if d.wait(time.Second); ask(10, 0) != 10-4 {
		t.Error("after a second there is not room for four")
	}
	if d.wait(time.Minute); ask(100, 0) != 100-queryBurst {
		t.Error("silence gives room for more than a burst")
	}
}
