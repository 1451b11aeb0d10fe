package gnutella

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

func addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(113 + i>>8), byte(i)}), 6346)
}

func library(t interface{ Fatal(...any) }, names ...string) *Library {
	files := make([]File, len(names))
	for i, name := range names {
		files[i] = File{Index: uint32(i + 1), Size: uint32(1000 * (i + 1)), Name: name, SHA1: urn.Sum([]byte(name)).SHA1}
	}
	l, err := NewLibrary(files)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		Mode: Mode(seed % 3), Addr: addr(99), Firewalled: seed%7 == 6 || seed%6 == 1, Deflate: seed%2 == 0,
		NoDynamic: seed%9 == 8, OutOfBand: seed%4 < 2,
		Peers: 5, Handshakes: 3, MaxSeen: 40, MaxHosts: 6, MaxPongs: 4, MaxQueries: 3,
		MaxResults: 8, QRPSlots: 64, Window: 200, QueueBytes: 1024, Maintain: 20 * time.Second,
		PeerTimeout: 3 * time.Minute, RetryAfter: 10 * time.Second,
	}
	if seed%4 == 3 {
		cfg.Window = 1 << 14
	}
	if cfg.Mode == Ultrapeer {
		cfg.Leaves = 4
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	return cfg
}

func contractNew(seed uint64, now time.Duration) spec.Machine {
	cfg := contractConfig(seed)
	l, err := NewLibrary([]File{{1, 10, "alpha bravo.txt", urn.SHA1{1}}, {2, 20, "charlie alpha.txt", urn.SHA1{}}})
	if err != nil {
		panic(err)
	}
	cfg.Library = l
	n, err := New(cfg, now)
	if err != nil {
		panic(err)
	}
	return n
}

func TestContract(t *testing.T) {
	bound := contractConfig(2)
	const replaced = "replaced, never changed"
	check.Run(t, check.Subject{
		New: contractNew, Input: contractInput, StreamCodec: wire.Codec{}, Codec: wire.DatagramCodec{},
		MaxEffects: func(spec.Input) int { return bound.MaxEffects() },
		Seeds:      15, Steps: 400, MaxGap: 15 * time.Second, Golden: "testdata/contract.golden",
		NotState: map[string]string{
			"cfg":            "it never changes",
			"now":            "instants are relative to it",
			"seen.slots":     "it follows from the list",
			"servents.slots": "it follows from the list",
			"seen.key":       "it never changes",
			"servents.key":   "it never changes",
			"table.table":    "table.digest is a hash of what it was made of",
			"conns[].routes": "conns[].taken is a hash of what it was made of",
		},
		Shared: map[string]string{
			"cfg":                       "it never changes",
			"pongs[].payload":           replaced,
			"table.table":               replaced,
			"dynamic[].payload":         replaced,
			"owed[].payload":            replaced,
			"conns[].queue[].d.Payload": replaced,
		},
	})
}

// contractInput plays the application and a network of hosts of all roles, honest
// or not.
func contractInput(g *check.Gen) spec.Input {
	if g.Op < 24 { // so that there is somebody to talk to
		return contractBegin(g)
	}
	if g.Below(8) == 0 {
		for _, e := range g.Asked {
			w, _ := e.(spec.Write)
			if d, ok := w.Msg.(wire.Descriptor); ok && d.Type == wire.TypeQuery {
				return contractReply(g, w.Conn, d)
			}
		}
	}
	if g.Op%contractTurn == 0 {
		return spec.Opened{Conn: contractAccepted(g), Remote: addr(20 + int(g.Below(20)))}
	}
	if g.Below(4) == 0 {
		if in := contractDatagram(g); in != nil {
			return in
		}
	}
	if len(g.Asked) > 0 && g.Below(3) == 0 {
		if in := contractAnswer(g, g.Asked[len(g.Asked)-1-int(g.Below(uint64(min(len(g.Asked), 12))))]); in != nil {
			return in
		}
	}
	switch g.Below(30) {
	case 0:
		return Connect{Op: g.Op, Addrs: []netip.AddrPort{addr(int(g.Below(9))), addr(99), {}}}
	case 1, 10:
		return Search{Op: g.Op, Text: []string{"alpha", "alpha zulu", browse, "", "a\x00", "xy"}[g.Below(6)],
			SHA1: urn.SHA1{byte(g.Below(2))}, TTL: uint8(g.Below(9))}
	case 2:
		if g.Below(3) == 0 {
			return Relay{Op: g.Op, ServentID: wire.GUID{byte(g.Below(4))}, Index: 1, To: addr(3)}
		}
		return Push{Op: g.Op, ServentID: wire.GUID{byte(g.Below(4))}, Index: 1}
	case 3:
		if g.Below(20) == 0 {
			return Shutdown{Op: g.Op}
		}
		return Connect{Op: g.Op, Addrs: make([]netip.AddrPort, g.Below(2)*(MaxAddrs+1))}
	case 4, 5, 6, 7:
		return contractHello(g)
	case 8:
		return spec.Drained{Conn: contractConn(g)}
	case 9:
		if g.Below(4) == 0 {
			return spec.Closed{Conn: contractConn(g)}
		}
	}
	return spec.Got{Conn: contractConn(g), Msg: contractDescriptor(g)}
}

// contractBegin lets dials end well, one after another.
func contractBegin(g *check.Gen) spec.Input {
	if len(g.Asked) > 0 {
		switch e := g.Asked[len(g.Asked)-1].(type) {
		case spec.Dial:
			return spec.Opened{Conn: e.Conn, Remote: e.To}
		case spec.Write:
			m, ok := e.Msg.(wire.Connect)
			h := wire.Headers{{Name: "X-Ultrapeer", Value: "True"}, {Name: "Bye-Packet", Value: "0.1"},
				{Name: "Vendor-Message", Value: "0.1"}, {Name: "GGEP", Value: "0.5"}}
			if ok {
				return spec.Got{Conn: e.Conn, Msg: wire.Status{Old: m.Version.Old(), Code: wire.Accepted, Headers: h}}
			}
		}
	}
	return Connect{Op: g.Op, Addrs: []netip.AddrPort{addr(int(g.Op))}}
}

// contractConn is mostly one that the machine has written to.
func contractConn(g *check.Gen) spec.Conn {
	for range min(len(g.Asked), 20) {
		if w, ok := g.Asked[g.Below(uint64(len(g.Asked)))].(spec.Write); ok {
			return w.Conn
		}
	}
	return -spec.Conn(uint64(g.Op) - g.Below(12))
}

func contractAnswer(g *check.Gen, asked spec.Effect) spec.Input {
	switch e := asked.(type) {
	case spec.Dial:
		if g.Below(5) == 0 {
			return spec.Closed{Conn: e.Conn, Err: errors.New("refused")}
		}
		return spec.Opened{Conn: e.Conn, Remote: e.To}
	case spec.Write:
		switch m := e.Msg.(type) {
		case wire.Connect:
			switch {
			case g.Below(8) == 0:
				return spec.Closed{Conn: e.Conn}
			case g.Below(8) == 0:
				return spec.Got{Conn: e.Conn, Msg: wire.Status{Code: wire.Busy, Phrase: "Busy", Headers: contractHeaders(g)}}
			}
			return spec.Got{Conn: e.Conn, Msg: wire.Status{
				Old: m.Version.Old(), Code: wire.Accepted, Phrase: "OK", Headers: contractHeaders(g)}}
		case wire.Status:
			third := wire.Status{Code: wire.Accepted, Headers: contractHeaders(g)[:g.Below(5)/4]}
			if g.Below(8) == 0 {
				third.Code = 404
			}
			return spec.Got{Conn: e.Conn, Msg: third}
		case wire.Descriptor:
			return contractReply(g, e.Conn, m)
		}
	}
	return contractHello(g)
}

// contractTurn is how many inputs the handshake of an accepted stream has.
const contractTurn = 6

// contractAccepted is the stream that was accepted last.
func contractAccepted(g *check.Gen) spec.Conn { return -spec.Conn(g.Op - g.Op%contractTurn) }

// contractHello begins a handshake on a stream that may have been accepted just now.
func contractHello(g *check.Gen) spec.Input {
	conn := contractAccepted(g)
	if g.Below(8) == 0 {
		return spec.Got{Conn: conn, Msg: wire.Connect{Version: wire.V04()}}
	}
	return spec.Got{Conn: conn, Msg: wire.Connect{Version: wire.V06(), Headers: contractHeaders(g)}}
}

// contractReply answers a descriptor, on the connection that it went out by, or
// on another.
func contractReply(g *check.Gen, conn spec.Conn, m wire.Descriptor) spec.Input {
	if g.Below(6) == 0 {
		conn = contractConn(g)
	}
	d := wire.Descriptor{GUID: m.GUID, TTL: uint8(1 + g.Below(3)), Hops: uint8(g.Below(3))}
	switch m.Type {
	case wire.TypePing:
		d.Type, d.Payload = wire.TypePong, contractPong(g)
	case wire.TypeQuery:
		d.Type, d.Payload = wire.TypeQueryHit, contractHit(g)
	case wire.TypeVendor: // mostly a status request: the other way round it is the reply
		v, _ := wire.ParseVendorMessage(m.Payload)
		if v.Selector == proxyRequest {
			v = vendorMessage(lime, proxyReply, 2, []byte{1, 2, 3, 4, 5, byte(g.Below(2))})
		} else {
			v.Selector, v.Data = statusReply, []byte{byte(g.Below(3)), byte(g.Below(2)) * 0xff}
		}
		d.Type, d.Payload, d.TTL, d.Hops = wire.TypeVendor, v.Append(nil), 1, 0
	default:
		return spec.Drained{Conn: conn}
	}
	return spec.Got{Conn: conn, Msg: d}
}

// contractDatagram answers a datagram of the machine, offers hits of a query that it has
// sent, or asks what can be answered out of band.
func contractDatagram(g *check.Gen) spec.Input {
	d := wire.Descriptor{Type: wire.TypeVendor, TTL: 1}
	if g.Below(3) == 0 {
		d.GUID, d.Type, d.Hops = wire.GUID{byte(g.Below(60)), 13: 9}, wire.TypeQuery, 2
		d.Payload, _ = (&wire.Query{Flags: 0x8400, Text: []byte("alpha")}).Append(nil)
		return spec.Got{Conn: contractConn(g), Msg: d}
	}
	if len(g.Sent) == 0 || g.Below(3) == 0 {
		for i := len(g.Asked) - 1; i >= 0; i-- {
			w, _ := g.Asked[i].(spec.Write)
			if m, ok := w.Msg.(wire.Descriptor); ok && m.Type == wire.TypeQuery {
				v := vendorMessage(lime, offerHits, uint16(2+g.Below(2)), []byte{byte(g.Below(3)), 1})
				d.GUID, d.Payload = m.GUID, v.Append(nil)
				return spec.Recv{From: addr(int(g.Below(5))), Msg: d}
			}
		}
		return nil
	}
	s := g.Sent[g.Below(uint64(len(g.Sent)))]
	m := s.Msg.(wire.Descriptor)
	v, _ := wire.ParseVendorMessage(m.Payload)
	from := s.To
	if g.Below(6) == 0 {
		from = addr(1)
	}
	d.GUID = m.GUID
	switch v.Selector {
	case offerHits:
		data := append([]byte{byte(g.Below(4))}, tokenBlock([]byte{7})...)
		claim := vendorMessage(lime, claimHits, uint16(2+g.Below(2)), data)
		d.Payload = claim.Append(nil)
	case claimHits:
		h, _ := wire.ParseQueryHit(contractHit(g))
		if h.Trailer != nil && g.Below(4) > 0 {
			h.Trailer.Private = tokenBlock(tokenOf(v.Data[1:]))
		}
		d.Type, d.Payload = wire.TypeQueryHit, h.Append(nil)
	default:
		d.Payload = v.Append(nil)
	}
	return spec.Recv{From: from, Msg: d}
}

func contractHeaders(g *check.Gen) wire.Headers {
	h := wire.Headers{{Name: "X-Ultrapeer", Value: []string{"True", "False", "true"}[g.Below(3)]}}
	for _, line := range []wire.Header{
		{Name: "GGEP", Value: "0.5"}, {Name: "Bye-Packet", Value: "0.1"}, {Name: "Vendor-Message", Value: "0.1"},
		{Name: "X-Query-Routing", Value: "0.2"}, {Name: "X-Query-Routing", Value: "0.1"},
		{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"}, {Name: "X-Dynamic-Querying", Value: "0.1"},
		{Name: "Accept-Encoding", Value: "gzip, deflate"}, {Name: "Content-Encoding", Value: "deflate"},
		{Name: "X-Ultrapeer-Needed", Value: "False"}, {Name: "X-Max-TTL", Value: "3"}, {Name: "X-Degree", Value: "99999"},
		{Name: "Listen-IP", Value: addr(int(g.Below(60))).String()},
		{Name: "X-Try", Value: "1.2.3.4:5, nonsense,"}, {Name: "X-Try-Ultrapeers", Value: addr(int(g.Below(20))).String()},
	} {
		if g.Below(2) == 0 {
			h = append(h, line)
		}
	}
	return h
}

func contractDescriptor(g *check.Gen) wire.Descriptor {
	d := wire.Descriptor{GUID: wire.GUID{byte(g.Below(60))}, TTL: uint8(g.Below(6)), Hops: uint8(g.Below(4))}
	if g.Below(20) == 0 {
		d.TTL, d.Hops = uint8(g.Uint64()), 0xff
	}
	if g.Below(3) == 0 {
		d.GUID[13] = 9 // a port for hits out of band
	}
	switch g.Below(15) {
	case 0, 1:
		d.Type = wire.TypePing
	case 2:
		d.Type, d.Payload = wire.TypePong, contractPong(g)
	case 3, 4, 5, 6:
		d.Type, d.Payload = wire.TypeQuery, contractQuery(g)
	case 7:
		d.Type, d.Payload = wire.TypeQueryHit, contractHit(g)
	case 8:
		p := wire.Push{ServentID: wire.GUID{byte(g.Below(4))}, Addr: addr(1), GGEP: []byte{0xc3}[:g.Below(2)]}
		d.Type, d.Payload = wire.TypePush, p.Append(nil)
	case 9:
		d.Type, d.Payload = wire.TypeBye, (&wire.Bye{Code: 200}).Append(nil)
		d.TTL = uint8(1 + g.Below(20))
	case 10, 14:
		v := []wire.VendorMessage{
			vendorMessage(bear, hopsFlow, 1, []byte{byte(g.Below(9))}), vendorMessage(bear, statusRequest, 1, nil),
			vendorMessage(lime, proxyRequest, 1, nil),
			vendorMessage(lime, proxyReply, 2, []byte{1, 2, 3, 4, 5, byte(g.Below(2))}),
		}[g.Below(4)]
		d.GUID = wire.GUID{byte(g.Below(4))}
		d.Type, d.Payload, d.TTL, d.Hops = wire.TypeVendor, v.Append(nil), 1, uint8(g.Below(2))
	case 11, 12:
		d.Type, d.Payload, d.TTL, d.Hops = wire.TypeQRP, contractTable(g), 1, 0
	case 13:
		d.Type = wire.Type(g.Uint64())
	}
	if len(d.Payload) > 0 && g.Below(20) == 0 {
		d.Payload = d.Payload[:g.Below(uint64(len(d.Payload)))]
	}
	return d
}

func contractTable(g *check.Gen) []byte {
	if g.Below(2) == 0 {
		return qrp.Append(nil, qrp.Reset{Slots: 8, Infinity: 7})
	}
	data := []byte{0xaa, 0, 0x0a, 0}
	return qrp.Append(nil, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: data[:4-g.Below(10)/9]})
}

func contractPong(g *check.Gen) []byte {
	p := wire.Pong{Addr: addr(int(g.Below(12))), Files: 3, Kilobytes: uint32(g.Below(3)) * 8}
	if g.Below(4) == 0 {
		p.Addr = netip.AddrPortFrom(p.Addr.Addr(), 0)
	}
	if g.Below(2) == 0 {
		p.GGEP, _ = ggep.Append(nil, []ggep.Extension{{ID: "UP", Data: []byte{1, 2, 3}}})
	}
	return p.Append(nil)
}

func contractQuery(g *check.Gen) []byte {
	q := wire.Query{
		Flags: []wire.QueryFlags{0x8000, 0xc000, 0x8800, 0x9000, 0x0100, 0x8400}[g.Below(6)],
		Text:  []byte([]string{"alpha", "ALPHA bravo", browse, "", "zulu", "xy", "alph\xe4"}[g.Below(7)]),
	}
	q.Extensions = [][]byte{
		nil, []byte("urn:"), []byte(urn.SHA1{1}.String()), []byte("foo\x1curn:sha1:"), {0xc3, 0x81},
	}[g.Below(5)]
	b, _ := q.Append(nil)
	return append(b, make([]byte, g.Below(2)*g.Below(300))...)
}

func contractHit(g *check.Gen) []byte {
	h := wire.QueryHit{Addr: addr(5), Speed: 1, ServentID: wire.GUID{byte(g.Below(4))}}
	if g.Below(5) > 0 {
		r := wire.Result{Index: 1, Size: 2, Name: []byte("alpha"), Extensions: []byte(urn.SHA1{1}.String())}
		h.Results, _ = r.Append(nil)
		h.Count = 1
		h.Trailer = &wire.Trailer{Vendor: [4]byte{'T', 'E', 'S', 'T'}, Private: make([]byte, g.Below(200))}
	}
	return h.Append(nil)
}
