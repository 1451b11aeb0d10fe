package gnutella

import (
	"bytes"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// The figures are those of the formula, not of the document's prose.
//
// GN-UQ-21.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		degree int32
		ttl    uint8
		want   int32
	}{{6, 7, 19531}, {32, 3, 993}, {32, 1, 1}, {4, 2, 4}, {1024, 7, horizon}} {
		if got := hosts(c.degree, c.ttl); got != c.want {
			t.Errorf("hosts(%d, %d) is %d, want %d", c.degree, c.ttl, got, c.want)
		}
	}
}

// A dynamic query begins with three neighbours, waits, and goes on one by one, as
// far as is needed.
//
// GN-UQ-18, GN-UQ-20 to GN-UQ-23.
func TestDynamicQuery(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	for range 6 {
		d.join(ultrapeer(), wire.Header{Name: "X-Degree", Value: "32"}, wire.Header{Name: "X-Max-TTL", Value: "3"})
	}
	c := d.join(leaf())
	to, list := sent(d.got(c, query(1, 1, 0, "alpha")), wire.TypeQuery)
	if len(to) != 3 || list[0].TTL != 2 || list[0].Hops != 1 {
		t.Fatalf("the probe: %v to %v", list, to)
	}
	asked := map[spec.Conn]bool{to[0]: true, to[1]: true, to[2]: true}
	if _, list := sent(d.wait(probeWait-time.Millisecond), wire.TypeQuery); len(list) > 0 {
		t.Fatalf("too early: %v", list)
	}
	to, list = sent(d.wait(time.Millisecond), wire.TypeQuery)
	if len(to) != 1 || asked[to[0]] || list[0].TTL != 3 {
		t.Fatalf("without a result: %v to %v", list, to)
	}
	asked[to[0]] = true
	hit := func(n int) {
		for range n {
			m := wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypeQueryHit, TTL: 3, Payload: hitOf(t, "alpha").Append(nil)}
			if to, _ := sent(d.got(to[0], m), wire.TypeQueryHit); len(to) != 1 || to[0] != c {
				t.Fatalf("a hit went to %v", to)
			}
			d.step(spec.Drained{Conn: c})
		}
	}
	hit(49)
	if _, list := sent(d.wait(3*hopWait-time.Millisecond), wire.TypeQuery); len(list) > 0 {
		t.Fatalf("too early: %v", list)
	}
	to, list = sent(d.wait(time.Millisecond), wire.TypeQuery)
	if len(to) != 1 || asked[to[0]] || list[0].TTL != 2 { // one more result: 22 hosts, of two links each 11
		t.Fatalf("with 49 results of %d hosts: %v to %v", d.dynamic[0].reached, list, to)
	}
	hit(1)
	if _, list := sent(d.wait(time.Hour/60), wire.TypeQuery); len(list) > 0 || len(d.dynamic) > 0 {
		t.Errorf("with 50 results: %v", list)
	}
	if to, _ := sent(d.got(c, query(2, 1, 50, "alpha")), wire.TypeQuery); len(to) > 0 {
		t.Errorf("a query after 50 hops went to %v (GN-HD-10)", to)
	}
}

// A leaf that offers to is asked how many hits it has before each further step.
//
// GN-UQ-24.
func TestGuidance(t *testing.T) {
	for reply, want := range map[uint16]int{3: 1, enough: 0, 50: 0} {
		d := newDesk(t, Config{Mode: Ultrapeer})
		for range 6 {
			d.join(ultrapeer(), wire.Header{Name: "X-Degree", Value: "32"})
		}
		c := d.join(leaf(), wire.Header{Name: "Vendor-Message", Value: "0.1"})
		m := query(1, 1, 0, "alpha")
		m.Payload[0] |= 0x10
		d.got(c, m)
		out := d.wait(probeWait)
		to, list := sent(out, wire.TypeVendor)
		if _, queries := sent(out, wire.TypeQuery); len(to) != 1 || to[0] != c || list[0].GUID != m.GUID || len(queries) > 0 {
			t.Fatalf("before the next step: %v", out)
		}
		if v, err := wire.ParseVendorMessage(list[0].Payload); err != nil || v.Selector != statusRequest || v.Version != 1 {
			t.Errorf("the request is %v, %v", v, err)
		}
		silent := &desk{T: t, Node: d.Clone().(*Node), now: d.now}
		v := wire.VendorMessage{
			Vendor: [4]byte{'B', 'E', 'A', 'R'}, Selector: statusReply, Version: 1, Data: []byte{byte(reply), byte(reply >> 8)},
		}
		answer := wire.Descriptor{GUID: m.GUID, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
		if to, _ := sent(d.got(c, answer), wire.TypeQuery); len(to) != want || len(d.dynamic) != want {
			t.Errorf("with %d hits the query went to %v, %d are under way", reply, to, len(d.dynamic))
		}
		if silent.wait(guidanceWait); len(silent.dynamic) > 0 {
			t.Error("it waits for a leaf that does not answer")
		}
	}

	d := newDesk(t, Config{Mode: Leaf})
	up := d.join(ultrapeer())
	_, list := sent(d.step(Search{Op: 1, Text: "alpha"}), wire.TypeQuery)
	if q, _ := wire.ParseQuery(list[0].Payload); !q.Flags.Has(wire.QueryGuidance) {
		t.Errorf("the query of a leaf has the flags %x", q.Flags)
	}
	hit := wire.Descriptor{GUID: list[0].GUID, Type: wire.TypeQueryHit, TTL: 3, Payload: hitOf(t, "alpha").Append(nil)}
	d.got(up, hit)
	for guid, want := range map[wire.GUID][]byte{hit.GUID: {1, 0}, {5}: {0xff, 0xff}} {
		v := wire.VendorMessage{Vendor: [4]byte{'B', 'E', 'A', 'R'}, Selector: statusRequest, Version: 1}
		out := d.got(up, wire.Descriptor{GUID: guid, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)})
		_, list := sent(out, wire.TypeVendor)
		reply, err := wire.ParseVendorMessage(list[0].Payload)
		if err != nil || reply.Selector != statusReply || !bytes.Equal(reply.Data, want) {
			t.Errorf("asked for its hits: %v, %v", reply, err)
		}
	}
}

// The next TTL follows from what has been found so far.
func TestNextTTL(t *testing.T) {
	c := &conn{degree: 32, maxTTL: 3}
	for _, q := range []struct {
		results, reached, links int32
		want                    uint8
	}{{0, 96, 5, 3}, {49, 96, 5, 1}, {25, 96, 5, 2}, {1, 96, 5, 3}, {10, 1000, 1, 3}} {
		d := dynamic{results: q.results, reached: q.reached, wanted: wantedLeaf}
		if got := nextTTL(&d, c, q.links, 3); got != q.want {
			t.Errorf("%d results of %d hosts, %d links left: TTL %d, want %d", q.results, q.reached, q.links, got, q.want)
		}
	}
}

// A leaf that goes takes its queries with it, and the number of those is bounded.
//
// GN-QY-05.
func TestDynamicQueriesAreBounded(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, MaxQueries: 2})
	d.join(ultrapeer())
	c := d.join(leaf())
	d.got(c, query(1, 1, 0, "alpha"))
	d.got(c, query(2, 1, 0, "alpha"))
	if got := clause(d.got(c, query(3, 1, 0, "alpha"))); got != "GN-QY-05" {
		t.Errorf("one query too many: %q", got)
	}
	if d.step(spec.Closed{Conn: c}); len(d.dynamic) != 0 {
		t.Errorf("%d queries for a leaf that is gone", len(d.dynamic))
	}
}
