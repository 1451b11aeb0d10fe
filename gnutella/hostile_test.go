package gnutella

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// What one claims of hits out of band it gets once: who puts a victim's address into
// a query gets no more sent there than so many queries can be open.
//
// GN-VE-07.
func TestReflectedHits(t *testing.T) {
	names := make([]string, 255)
	for i := range names {
		names[i] = fmt.Sprintf("%s music %d.mp3", bytes.Repeat([]byte{'x'}, 100), i)
	}
	const most = 8
	d := newDesk(t, Config{Mode: Flat, OutOfBand: true, MaxQueries: most}, names...)
	c, victim := d.join(), netip.MustParseAddrPort("9.9.9.9:53")
	claims := 0
	for i := range 100 {
		guid := wire.GUID{9, 9, 9, 9, byte(i)}
		binary.LittleEndian.PutUint16(guid[13:], victim.Port())
		q := wire.Query{Flags: wire.QueryMarked | wire.QueryOutOfBand, Text: []byte("music")}
		b, _ := q.Append(nil)
		d.got(c, wire.Descriptor{GUID: guid, Type: wire.TypeQuery, TTL: 1, Hops: 2, Payload: b})
		v := vendorMessage(lime, claimHits, 2, []byte{255})
		claim := wire.Descriptor{GUID: guid, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
		for range 2 {
			if clause(d.step(spec.Recv{From: victim, Msg: claim})) == "" {
				claims++
			}
		}
	}
	if claims != most {
		t.Errorf("hits were sent for %d claims, want %d", claims, most)
	}
}

// What waits to be sent takes the memory that is counted: no long message is kept for
// the short one that was made of it.
//
// GN-PG-17.
func TestQueueMemory(t *testing.T) {
	d := newDesk(t, Config{Mode: Flat})
	a, b := d.join(), d.join()
	d.got(a, wire.Descriptor{GUID: wire.GUID{7}, Type: wire.TypePing, TTL: 5})
	p := wire.Pong{Addr: addr(50), Files: 1}
	payload := append(p.Append(nil), make([]byte, 1<<15)...)
	before := heap()
	for range 1000 {
		d.got(b, wire.Descriptor{GUID: wire.GUID{7}, Type: wire.TypePong, TTL: 5, Payload: payload})
	}
	if grown := int(heap() - before); len(d.find(a).queue) < 500 || grown > 4<<20 {
		t.Errorf("%d pongs of %d bytes that wait take %d bytes", len(d.find(a).queue), pongSize, grown)
	}
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A hit that no queue has room for is dropped, and costs nobody the link that it
// would go to.
//
// GN-QH-11, GN-FC-03.
func TestHitBeyondAnyQueue(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	victim, other := d.join(ultrapeer(), wire.Header{Name: "Bye-Packet", Value: "0.1"}), d.join(ultrapeer())
	d.got(victim, query(1, 3, 0, "something"))
	d.step(spec.Drained{Conn: victim})
	d.got(other, query(2, 3, 0, "something else")) // is under way to the victim
	h := wire.QueryHit{Addr: addr(60), ServentID: wire.GUID{9}, Count: 1}
	r := wire.Result{Index: 1, Size: 1, Name: bytes.Repeat([]byte{'a'}, 65_480)}
	h.Results, _ = r.Append(nil)
	out := d.got(other, wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypeQueryHit, TTL: 5, Payload: h.Append(nil)})
	if clause(out) != "GN-QH-11" || d.find(victim) == nil {
		t.Errorf("clause %q, the victim is there: %v", clause(out), d.find(victim) != nil)
	}
}

// Pongs that have come too far to be passed on do not stand in for those that can be.
//
// GN-PG-06, GN-PG-12.
func TestFarPongsDoNotCount(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	good, bad, asker := d.join(ultrapeer()), d.join(ultrapeer()), d.join(ultrapeer())
	to, pings := sent(d.wait(30*time.Second), wire.TypePing)
	guids := map[spec.Conn]wire.GUID{}
	for i := range to {
		guids[to[i]] = pings[i].GUID
	}
	pong := func(c spec.Conn, i int, hops uint8) {
		p := wire.Pong{Addr: addr(i), Files: 1}
		d.got(c, wire.Descriptor{GUID: guids[c], Type: wire.TypePong, TTL: 1, Hops: hops, Payload: p.Append(nil)})
	}
	for i := range pongsPerAnswer {
		pong(good, 30+i, 1)
	}
	for i := range pongsPerAnswer {
		pong(bad, 50+i, hopsOfPong)
	}
	d.step(spec.Drained{Conn: asker})
	ping := wire.Descriptor{GUID: wire.GUID{1}, Type: wire.TypePing, TTL: 7}
	if _, list := sent(d.got(asker, ping), wire.TypePong); len(list) < pongsPerAnswer {
		t.Errorf("%d pongs, want %d", len(list), pongsPerAnswer)
	}
}

// Who becomes a leaf in the third step takes no place that there is not.
//
// GN-HS-32.
func TestLeavesOfTheThirdStep(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, Leaves: 1, Peers: 5})
	d.join(leaf())
	c, out := d.accept(ultrapeer())
	if status(out).Code != wire.Accepted {
		t.Fatalf("refused: %v", status(out))
	}
	d.step(spec.Got{Conn: c, Msg: wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: wire.Headers{leaf()}}})
	if _, leaves, _ := d.count(); leaves != 1 || d.find(c) != nil {
		t.Errorf("%d leaves, want 1", leaves)
	}
}

// A leaf has half of the dynamic queries at most, at the pace of a person, whatever
// hops it claims.
//
// GN-QY-05.
func TestOneLeafTakesNotAll(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, Peers: 4})
	greedy, other := d.join(leaf()), d.join(leaf())
	d.join(ultrapeer())
	for i := range 200 {
		d.got(greedy, query(byte(i), 1, 1, "something"))
		d.now += time.Millisecond
	}
	if n := len(d.dynamic); n != d.cfg.MaxQueries/2 {
		t.Errorf("one leaf has %d dynamic queries of %d", n, d.cfg.MaxQueries)
	}
	if c := clause(d.got(other, query(201, 1, 0, "something"))); c != "" {
		t.Errorf("the query of another leaf is refused by %s", c)
	}
}

// A push makes nobody dial what is no host, or is its own neighbour's network.
//
// GN-PU-01.
func TestPushToNowhere(t *testing.T) {
	d := newDesk(t, Config{Mode: Flat})
	d.last--
	d.step(spec.Opened{Conn: d.last, Remote: netip.MustParseAddrPort("8.8.8.8:5")})
	d.step(spec.Got{Conn: d.last, Msg: wire.Connect{Version: wire.V04()}})
	for i, c := range []struct {
		to     string
		clause string
	}{
		{"127.0.0.1:22", "GN-PU-01"}, {"0.0.0.0:0", "GN-PU-01"}, {"192.168.1.1:80", "GN-PU-01"},
		{"255.255.255.255:9", "GN-PU-01"}, {"9.9.9.9:6346", ""},
	} {
		p := wire.Push{ServentID: d.ServentID(), Addr: netip.MustParseAddrPort(c.to)}
		push := wire.Descriptor{GUID: wire.GUID{byte(i), 3}, Type: wire.TypePush, TTL: 2, Payload: p.Append(nil)}
		out := d.got(d.last, push)
		if clause(out) != c.clause {
			t.Errorf("push to %s: clause %q, want %q", c.to, clause(out), c.clause)
		}
	}
}

// A leaf's hops are not told on: what it has is here, for a neighbour (GN-UQ-06).
func TestHopsOfLeavesAreNotTold(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer, QRPSlots: 4096})
	u := d.join(ultrapeer(), wire.Header{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"})
	l := d.join(leaf())
	data := make([]byte, 2048)
	data[0], data[1] = 0xf0, 0x90 // 6 and 0
	for _, m := range []qrp.Message{
		qrp.Reset{Slots: 4096, Infinity: 7}, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: data},
	} {
		d.got(l, wire.Descriptor{Type: wire.TypeQRP, TTL: 1, Payload: qrp.Append(nil, m)})
	}
	d.step(spec.Drained{Conn: u})
	d.wait(31 * time.Second)
	if a, b := d.table.table.Value(0), d.table.table.Value(2); a != 1 || b != 1 {
		t.Errorf("values %d and %d, want 1", a, b)
	}
}

// Hops flow counts for a search of all that a neighbour has (GN-VE-04).
func TestHopsFlowCountsForBrowsing(t *testing.T) {
	d := newDesk(t, Config{Mode: Flat})
	c := d.join()
	v := vendorMessage(bear, hopsFlow, 1, []byte{0})
	d.got(c, wire.Descriptor{Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)})
	if to, _ := sent(d.step(Search{Op: 1, Text: browse}), wire.TypeQuery); len(to) > 0 {
		t.Error("a neighbour that wants no queries is asked what it has")
	}
}

// A query whose TTL is 0 goes nowhere, to leaves neither (GN-HD-07).
func TestQueriesOfNoTTL(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	l, u := d.join(leaf()), d.join(ultrapeer())
	d.step(spec.Drained{Conn: l})
	for _, q := range []wire.Descriptor{query(9, 0, 3, "something"), query(10, 1, 9, "something")} {
		if to, _ := sent(d.got(u, q), wire.TypeQuery); len(to) > 0 {
			t.Errorf("a query with TTL %d and hops %d goes on", q.TTL, q.Hops)
		}
	}
}

// A neighbour that begins table after table is left (GN-UQ-09).
func TestTooManyTables(t *testing.T) {
	d := newDesk(t, Config{Mode: Ultrapeer})
	c := d.join(leaf())
	reset := wire.Descriptor{
		Type: wire.TypeQRP, TTL: 1, Payload: qrp.Append(nil, qrp.Reset{Slots: qrp.MaxSlots, Infinity: 7}),
	}
	for i := range resetBurst + 1 {
		if closed := closes(d.got(c, reset), c); closed != (i == resetBurst) {
			t.Errorf("table %d: the connection is closed: %v", i+1, closed)
		}
	}
}
