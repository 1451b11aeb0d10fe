package gnutella

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// datagrams are those among effects, as they are on the wire.
func datagrams(t *testing.T, out []spec.Effect) (to []netip.AddrPort, list []wire.Descriptor) {
	t.Helper()
	for _, e := range out {
		if s, ok := e.(spec.Send); ok {
			b, err := wire.DatagramCodec{}.AppendMessage(nil, s.Msg)
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.DatagramCodec{}.ParseMessage(b)
			if err != nil {
				t.Fatal(err)
			}
			to, list = append(to, s.To), append(list, m.(wire.Descriptor))
		}
	}
	return to, list
}

func limeMessage(t *testing.T, m wire.Descriptor) wire.VendorMessage {
	t.Helper()
	v, err := wire.ParseVendorMessage(m.Payload)
	if err != nil || string(v.Vendor[:]) != "LIME" || m.Type != wire.TypeVendor || m.TTL != 1 || m.Hops != 0 {
		t.Fatalf("%v, %+v, %v", m, v, err)
	}
	return v
}

// oobQuery is a query of a host that takes hits at address 44, after two hops.
func oobQuery(text string) wire.Descriptor {
	d := query(0, 4, 2, text)
	d.GUID = wire.GUID{203, 0, 113, 44, 9, 9, 9, 9, 0xff, 9, 9, 9, 9, 0xca, 0x18, 0}
	d.Payload[0] |= 4
	return d
}

func claim(version uint16, count byte, token []byte) wire.Descriptor {
	data := []byte{count}
	if token != nil {
		data = append(data, tokenBlock(token)...)
	}
	v := vendorMessage(lime, claimHits, version, data)
	return wire.Descriptor{GUID: oobQuery("").GUID, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
}

// Who has hits offers them where the query says, and sends as many as are wanted.
//
// GN-VE-05, GN-VE-06, GN-VE-07.
func TestAnswersOutOfBand(t *testing.T) {
	names := []string{}
	for i := range 30 {
		names = append(names, "alpha "+string(rune('a'+i))+".txt")
	}
	d := newDesk(t, Config{OutOfBand: true}, names...)
	c, to := d.join(), addr(44)
	out := d.got(c, oobQuery("alpha"))
	at, list := datagrams(t, out)
	if _, hits := sent(out, wire.TypeQueryHit); len(hits) > 0 || len(at) != 1 || at[0] != to {
		t.Fatalf("the offer: %v", out)
	}
	if v := limeMessage(t, list[0]); v.Selector != 12 || v.Version != 3 || !slices.Equal(v.Data, []byte{30, 1}) {
		t.Errorf("the offer is %+v", v)
	}
	for want, in := range map[string]spec.Recv{
		"GN-VE-06": {From: addr(45), Msg: claim(3, 9, []byte{7})},
		"GN-VE-07": {From: to, Msg: claim(3, 9, nil)},
	} {
		if got := clause(d.step(in)); got != want {
			t.Errorf("a wrong claim of %v: %q, want %q", in.From, got, want)
		}
	}
	at, list = datagrams(t, d.step(spec.Recv{From: to, Msg: claim(3, 25, []byte{7, 0})}))
	files := 0
	for i, m := range list {
		h, err := wire.ParseQueryHit(m.Payload)
		if err != nil || at[i] != to || m.GUID != oobQuery("").GUID || m.Type != wire.TypeQueryHit || h.Count > 10 {
			t.Fatalf("a hit: %v, %v", m, err)
		}
		if token := tokenOf(h.Trailer.Private); !slices.Equal(token, []byte{7, 0}) {
			t.Errorf("the token came back as % x", token)
		}
		files += int(h.Count)
	}
	if files != 25 {
		t.Errorf("%d files, 25 were wanted", files)
	}
	if got := clause(d.step(spec.Recv{From: to, Msg: claim(3, 5, []byte{7})})); got != "GN-VE-06" {
		t.Errorf("a second claim: %q", got)
	}
}

// Hits go the way of the query where they cannot go otherwise.
//
// GN-VE-05, GN-VE-06.
func TestAnswersInBand(t *testing.T) {
	near, unmarked, nowhere, own := oobQuery("alpha"), oobQuery("alpha"), oobQuery("alpha"), oobQuery("alpha")
	near.Hops, nowhere.GUID[13], nowhere.GUID[14], own.GUID[3] = 1, 0, 0, 99
	unmarked.Payload[0] &^= 4
	for name, c := range map[string]struct {
		cfg Config
		d   wire.Descriptor
	}{
		"not offered": {Config{}, oobQuery("alpha")},
		"firewalled":  {Config{OutOfBand: true, Firewalled: true}, oobQuery("alpha")},
		"near":        {Config{OutOfBand: true}, near},
		"unmarked":    {Config{OutOfBand: true}, unmarked},
		"no port":     {Config{OutOfBand: true}, nowhere},
		"itself":      {Config{OutOfBand: true}, own},
	} {
		d := newDesk(t, c.cfg, "alpha.txt")
		out := d.got(d.join(), c.d)
		to, _ := datagrams(t, out)
		if _, hits := sent(out, wire.TypeQueryHit); len(hits) != 1 || len(to) > 0 {
			t.Errorf("%s: %v", name, out)
		}
	}
	d := newDesk(t, Config{OutOfBand: true, MaxQueries: 1}, "alpha.txt")
	c := d.join()
	for i, want := range []int{0, 1} { // there is room for one
		m := oobQuery("alpha")
		m.GUID[5] = byte(i)
		if _, hits := sent(d.got(c, m), wire.TypeQueryHit); len(hits) != want {
			t.Errorf("query %d: %d hits", i, len(hits))
		}
	}
	late := newDesk(t, Config{OutOfBand: true, Maintain: time.Hour}, "alpha.txt")
	late.got(late.join(), oobQuery("alpha"))
	late.wait(oobLife + 1)
	if got := clause(late.step(spec.Recv{From: addr(44), Msg: claim(3, 1, []byte{1})})); got != "GN-VE-06" {
		t.Errorf("a claim that is too late: %q", got)
	}
	d.wait(oobLife + 30*time.Second)
	if got := clause(d.step(spec.Recv{From: addr(44), Msg: claim(3, 1, []byte{1})})); got != "GN-VE-06" {
		t.Errorf("a claim of what is forgotten: %q", got)
	}
	if len(d.owed) > 0 {
		t.Error("what is owed is never forgotten")
	}
}

// Who asks from a public address has nobody call into a private network, and nobody has
// a group called.
//
// GN-VE-05.
func TestOffersNoHitsToOthersNetworks(t *testing.T) {
	public, private := addr(7), netip.MustParseAddrPort("192.168.0.7:6346")
	for _, c := range []struct {
		from    netip.AddrPort
		ip      [4]byte
		offered bool
	}{
		{public, [4]byte{203, 0, 113, 44}, true}, {private, [4]byte{203, 0, 113, 44}, true},
		{public, [4]byte{192, 168, 0, 1}, false}, {private, [4]byte{192, 168, 0, 1}, true},
		{public, [4]byte{10, 0, 0, 1}, false}, {public, [4]byte{127, 0, 0, 1}, false},
		{public, [4]byte{169, 254, 0, 1}, false}, {private, [4]byte{224, 0, 0, 1}, false},
		{private, [4]byte{239, 255, 255, 250}, false}, {private, [4]byte{0, 0, 0, 0}, false},
		{private, [4]byte{255, 255, 255, 255}, false},
	} {
		d := newDesk(t, Config{OutOfBand: true}, "alpha.txt")
		conn := d.join()
		for i := range d.conns {
			d.conns[i].remote = c.from
		}
		m := oobQuery("alpha")
		copy(m.GUID[:], c.ip[:])
		out := d.got(conn, m)
		to, _ := datagrams(t, out)
		if _, hits := sent(out, wire.TypeQueryHit); (len(to) == 1) != c.offered || (len(hits) == 0) != c.offered {
			t.Errorf("from %v, for %v: %v", c.from, c.ip, out)
		}
	}
}

// What nobody came for takes no room, however seldom the servent looks after itself.
//
// GN-VE-06.
func TestForgetsOutOfBandInTime(t *testing.T) {
	d := newDesk(t, Config{OutOfBand: true, MaxQueries: 1, Maintain: time.Hour}, "alpha.txt")
	c := d.join()
	for i := range 2 {
		m := oobQuery("alpha")
		m.GUID[5] = byte(i)
		if to, _ := datagrams(t, d.got(c, m)); len(to) != 1 {
			t.Errorf("query %d is not answered out of band", i)
		}
		d.now += oobLife + 1
	}
	s := newDesk(t, Config{OutOfBand: true, MaxQueries: 1, Maintain: time.Hour, Mode: Leaf})
	s.join(ultrapeer())
	_, list := sent(s.step(Search{Op: 1, Text: "alpha"}), wire.TypeQuery)
	v := vendorMessage(lime, offerHits, 3, []byte{1, 1})
	offer := wire.Descriptor{GUID: list[0].GUID, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
	for i, want := range []string{"", "GN-VE-06"} {
		if got := clause(s.step(spec.Recv{From: addr(50 + i), Msg: offer})); got != want {
			t.Errorf("offer %d: %q, want %q", i, got, want)
		}
	}
	s.now += oobLife + 1
	if got := clause(s.step(spec.Recv{From: addr(52), Msg: offer})); got != "" {
		t.Errorf("an offer after others have expired: %q", got)
	}
}

// A search says where its hits may go, and takes those that it has asked for, of whom
// it has asked, with its token.
//
// GN-VE-05, GN-VE-06, GN-VE-07.
func TestSearchesOutOfBand(t *testing.T) {
	d := newDesk(t, Config{OutOfBand: true, Mode: Leaf})
	d.join(ultrapeer())
	_, list := sent(d.step(Search{Op: 1, Text: "alpha"}), wire.TypeQuery)
	q, _ := wire.ParseQuery(list[0].Payload)
	guid := list[0].GUID
	if a := d.cfg.Addr; !q.Flags.Has(wire.QueryOutOfBand) || !guid.Fresh() ||
		!slices.Equal(guid[:4], a.Addr().AsSlice()) || guid[13] != 0xca || guid[14] != 0x18 {
		t.Fatalf("the query is %v of %x", guid, q.Flags)
	}
	offer := func(guid wire.GUID, version uint16, count byte) wire.Descriptor {
		v := vendorMessage(lime, offerHits, version, []byte{count, 1})
		return wire.Descriptor{GUID: guid, Type: wire.TypeVendor, TTL: 1, Payload: v.Append(nil)}
	}
	hit := func(token []byte) wire.Descriptor {
		h := hitOf(t, "alpha.txt")
		h.Trailer = &wire.Trailer{Private: tokenBlock(token)}
		return wire.Descriptor{GUID: guid, Type: wire.TypeQueryHit, TTL: 1, Payload: h.Append(nil)}
	}
	drops := func(from int, m wire.Descriptor, want string) {
		t.Helper()
		if got := clause(d.step(spec.Recv{From: addr(from), Msg: m})); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	drops(50, hit(nil), "GN-VE-06")
	drops(50, offer(wire.GUID{1}, 3, 2), "GN-VE-06")
	drops(50, offer(guid, 3, 0), "GN-VE-06")
	to, list := datagrams(t, d.step(spec.Recv{From: addr(50), Msg: offer(guid, 3, 2)}))
	v := limeMessage(t, list[0])
	token := tokenOf(v.Data[1:])
	if len(to) != 1 || to[0] != addr(50) || v.Selector != 11 || v.Version != 3 || v.Data[0] != 2 || len(token) == 0 {
		t.Fatalf("the claim is %+v to %v", v, to)
	}
	drops(50, offer(guid, 3, 2), "GN-VE-06")
	drops(51, hit(token), "GN-VE-06")
	drops(50, hit([]byte{1}), "GN-VE-07")
	drops(50, wire.Descriptor{GUID: guid, Type: wire.TypeQueryHit, TTL: 1, Payload: hitOf(t, "a").Append(nil)}, "GN-VE-07")
	drops(50, ping(1, 1, 0), "GN-VE-06")
	for i := range 3 {
		out := d.step(spec.Recv{From: addr(50), Msg: hit(token)})
		if got := len(out) == 1 && clause(out) == ""; got != (i < 2) {
			t.Errorf("hit %d of two: %v", i+1, out)
		}
	}
	_, list = datagrams(t, d.step(spec.Recv{From: addr(52), Msg: offer(guid, 2, 1)}))
	if v := limeMessage(t, list[0]); v.Version != 2 || len(v.Data) != 1 {
		t.Errorf("the claim of who knows no tokens is %+v", v)
	}
	if out := d.step(spec.Recv{From: addr(52), Msg: hit(nil)}); clause(out) != "" || len(out) != 1 {
		t.Errorf("a hit of who knows no tokens: %v", out)
	}
	if n := d.searches[0].hits; n != 3 {
		t.Errorf("%d hits are counted", n)
	}

	plain := newDesk(t, Config{})
	if got := clause(plain.step(spec.Recv{From: addr(50), Msg: offer(guid, 3, 2)})); got != "GN-VE-05" {
		t.Errorf("a datagram that nobody asked for: %q", got)
	}
	for _, b := range [][]byte{nil, make([]byte, 22), make([]byte, 24)} {
		if _, err := (wire.DatagramCodec{}).ParseMessage(b); err == nil {
			t.Errorf("%d bytes are a datagram", len(b))
		}
	}
}
