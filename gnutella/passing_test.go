package gnutella

import (
	"bytes"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// What is passed on is passed on as it is, but for TTL and hops: extensions that
// nobody knows, private data, and hits that may travel far.
//
// GN-PG-18, GN-QH-06, GN-QH-09, GN-QH-11, GN-HD-08, GN-HD-09.
func TestPassesOnWhatItDoesNotKnow(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	a, b := d.join(ultrapeer()), d.join(ultrapeer())
	block, err := ggep.Append(nil, []ggep.Extension{{ID: "TST", Data: []byte{0, 1, 2}}})
	if err != nil {
		t.Fatal(err)
	}
	q := wire.Query{Flags: wire.QueryMarked, Text: []byte("alpha"), Extensions: append([]byte("foo:bar\x1c"), block...)}
	payload, err := q.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypeQuery, TTL: 4, Hops: 1, Payload: payload}
	r := wire.Result{Index: 1, Size: 2, Name: bytes.Repeat([]byte("a"), 1900), Extensions: []byte("foo:bar")}
	h := wire.QueryHit{Count: 1, Addr: addr(5), ServentID: wire.GUID{8}, Trailer: &wire.Trailer{
		Vendor: [4]byte{'T', 'E', 'S', 'T'}, Private: append([]byte("junk"), block...)}}
	if h.Results, err = r.Append(nil); err != nil {
		t.Fatal(err)
	}
	hit := wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypeQueryHit, TTL: 10, Payload: h.Append(nil)}
	for _, m := range []struct {
		from, to spec.Conn
		d        wire.Descriptor
	}{{a, b, asked}, {b, a, hit}} {
		to, list := sent(d.got(m.from, m.d), m.d.Type)
		if len(list) != 1 || to[0] != m.to || !bytes.Equal(list[0].Payload, m.d.Payload) ||
			list[0].TTL != m.d.TTL-1 || list[0].Hops != m.d.Hops+1 {
			t.Errorf("a %v went on as %v to %v", m.d.Type, list, to)
		}
	}
}

// An own query begins with the TTL of the configuration, without hops, and with a GUID
// of its own that is marked as fresh.
//
// GN-QY-01, GN-QY-03, GN-QY-11, GN-QY-12, GN-HD-04.
func TestOwnQueries(t *testing.T) {
	d := newDesk(t, Config{})
	d.join()
	seen := map[wire.GUID]bool{}
	for i, c := range []struct {
		text string
		ttl  uint8
		want uint8
	}{{"alpha", 0, 7}, {"bravo", 3, 3}, {browse, 5, 1}} {
		_, list := sent(d.step(Search{Op: spec.OpID(i), Text: c.text, TTL: c.ttl}), wire.TypeQuery)
		if len(list) != 1 || list[0].TTL != c.want || list[0].Hops != 0 || !list[0].GUID.Fresh() || seen[list[0].GUID] {
			t.Fatalf("the query for %q is %v", c.text, list)
		}
		seen[list[0].GUID] = true
		q, err := wire.ParseQuery(list[0].Payload)
		ends := bytes.HasSuffix(list[0].Payload, []byte{0})
		if err != nil || string(q.Text) != c.text || !q.Flags.Has(wire.QueryMarked) || ends {
			t.Errorf("the query is %+v, %v", q, err)
		}
	}
	if err := fails(d.step(Search{Op: 9, Text: "alpha", TTL: 8})); err == nil {
		t.Error("a TTL above the maximum is sent")
	}
}

// A pong says how much is shared.
//
// GN-PG-02, GN-PG-09.
func TestOwnPong(t *testing.T) {
	d := newDesk(t, Config{}, "alpha.txt", "bravo.txt", "charlie.txt") // of 1000, 2000 and 3000 bytes
	_, list := sent(d.got(d.join(), ping(1, 1, 0)), wire.TypePong)
	p, err := wire.ParsePong(list[0].Payload)
	if err != nil || p.Addr != addr(99) || p.Files != 3 || p.Kilobytes != 6000/1024 {
		t.Errorf("the pong is %+v, %v", p, err)
	}
}
