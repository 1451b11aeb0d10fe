package gnutella

import (
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// A script begins with a byte that says which servent it is for. Each input then
// begins with a byte that says what it is; the operands follow.
const (
	opJoin     = iota // byte: who connects; byte: headers. The handshake ends well
	opBytes           // byte: stream; byte: how many bytes of it follow
	opMessage         // byte: stream; byte: type; byte: GUID; byte: TTL and hops; byte: contents
	opPayload         // byte: stream; byte: type; byte: TTL and hops; byte: how many bytes follow
	opDialled         // byte: which dial; byte: headers, or how it fails
	opClose           // byte: stream
	opDrained         // byte: stream
	opWait            // byte: seconds that pass
	opWake            // until the deadline
	opCommand         // byte: which; byte: argument
	opDatagram        // byte: from whom; byte: type; byte: GUID; byte: contents
	opCodes
)

// FuzzServent: no interleaving of what neighbours send, honest or not, makes the
// servent panic, break an invariant, exceed its bounds, write what cannot be sent,
// take a query twice, or send a descriptor back where it came from.
//
// GN-HD-17, GN-QH-05.
func FuzzServent(f *testing.F) {
	for mode := range byte(3) {
		start := []byte{mode | 8, opJoin, 1, 0xff, opJoin, 2, 1, opJoin, 3, 2}
		var all []byte
		for _, typ := range messageTypes() {
			for contents := range byte(4) {
				talk := []byte{opMessage, contents, byte(typ), contents, 0x30, contents}
				talk = append(talk, opMessage, 1, byte(typ), contents, 0x21, 1)
				all = append(all, talk...)
				talk = append(talk, opMessage, 2, byte(typ), 9, 0x10, contents, opWake)
				f.Add(append(start[:len(start):len(start)], talk...))
			}
		}
		f.Add(append(start, append(all, opWake, opWake, opClose, 0, opWait, 90, opDrained, 1)...))
		f.Add([]byte{mode, opCommand, 0, 5, opDialled, 0, 0xff, opCommand, 1, 0, opMessage, 0, 0x81, 200, 0x20, 1, opWake,
			opCommand, 2, 1, opCommand, 3, 1, opDialled, 0, 7, opWait, 61, opCommand, 4, 0})
		f.Add([]byte{mode | 32, opJoin, 1, 1, opDatagram, 1, 0x80, 5, 0, opDatagram, 1, 0x31, 5, 0x30,
			opDatagram, 1, 0x31, 5, 0x32})
		f.Add([]byte{mode | 32, opJoin, 1, 1, opCommand, 1, 0, opDatagram, 2, 0x31, 128, 0x31,
			opDatagram, 2, 0x81, 128, 0})
		f.Add(append([]byte{mode, opJoin, 1, 0xff, opBytes, 0, 23}, make([]byte, 23)...))
		f.Add(append(start[:len(start):len(start)], opPayload, 1, 0x30, 0x10, 6, 0, 8, 0, 0, 0, 7,
			opPayload, 1, 0x30, 0x10, 9, 1, 1, 1, 0, 4, 0xaa, 0, 0xa0, 0))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := &serventRunner{Script: check.NewScript(t, script), taken: map[wire.GUID]bool{}}
		r.start()
		r.Play(r.step)
	})
}

// messageTypes are all that a servent knows, and one that it does not.
func messageTypes() []wire.Type {
	return []wire.Type{
		wire.TypePing, wire.TypePong, wire.TypeBye, wire.TypeQRP, wire.TypeVendor, wire.TypeStandardVendor, wire.TypePush,
		wire.TypeQuery, wire.TypeQueryHit, 0x55,
	}
}

// serventRunner plays one script.
type serventRunner struct {
	*check.Script
	node    *gnutella.Node
	streams []*serventStream
	dials   []spec.Dial
	queries []wire.GUID // that the servent has sent, newest last
	taken   map[wire.GUID]bool
}

type serventStream struct {
	id      spec.Conn
	decoder spec.Decoder
	unread  []byte
}

func serventAddr(b byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, b % 16}), 6346)
}

func (r *serventRunner) start() {
	flags := r.Byte()
	lib, err := gnutella.NewLibrary([]gnutella.File{{Index: 1, Size: 9, Name: "alpha bravo.txt", SHA1: urn.SHA1{1}}})
	if err != nil {
		r.Fatal(err)
	}
	cfg := gnutella.Config{
		Mode: gnutella.Mode(flags % 3), Addr: serventAddr(9), Library: lib, Firewalled: flags&4 != 0, Deflate: flags&8 != 0,
		NoDynamic: flags&16 != 0, Peers: 4, Handshakes: 2, MaxSeen: 1 << 12, MaxHosts: 4, MaxPongs: 3, MaxQueries: 3,
		MaxResults: 4, QRPSlots: 16, Window: 64, QueueBytes: 1024, OutOfBand: flags&32 != 0,
	}
	if cfg.Mode == gnutella.Ultrapeer {
		cfg.Leaves = 3
	}
	if r.node, err = gnutella.New(cfg, 0); err != nil {
		r.Fatal(err)
	}
	r.Machine, r.MaxEffects = r.node, cfg.MaxEffects()
}

func (r *serventRunner) step() {
	switch r.Byte() % opCodes {
	case opJoin:
		b := r.Take(2)
		s := &serventStream{id: -spec.Conn(len(r.streams) + 1), decoder: wire.Codec{}.Decoder()}
		r.streams = append(r.streams, s)
		r.input(spec.Opened{Conn: s.id, Remote: serventAddr(b[0])})
		r.feed(s, r.encoded(wire.Connect{Version: wire.V06(), Headers: serventHeaders(b[1])}))
		r.feed(s, r.encoded(wire.Status{Code: wire.Accepted, Phrase: "OK"}))
	case opBytes:
		b := r.Take(2)
		r.feed(r.stream(b[0]), r.Payload(int(b[1])))
	case opMessage:
		r.message(r.Take(5))
	case opPayload:
		b := r.Take(4)
		d := wire.Descriptor{GUID: wire.GUID{b[3]}, Type: wire.Type(b[1]), TTL: b[2] >> 4, Hops: b[2] & 15}
		d.Payload = r.Payload(int(b[3]))
		r.feed(r.stream(b[0]), r.encoded(d))
	case opDialled:
		r.dialled(r.Byte(), r.Byte())
	case opClose:
		r.input(spec.Closed{Conn: r.stream(r.Byte()).id})
	case opDrained:
		r.input(spec.Drained{Conn: r.stream(r.Byte()).id})
	case opWait:
		r.see(spec.Wake{}, r.Wait(time.Duration(r.Byte())*time.Second))
	case opWake:
		r.see(spec.Wake{}, r.Wake())
	case opCommand:
		b := r.Take(2)
		r.see(spec.Wake{}, r.Command(func(op spec.OpID) spec.Input { return serventCommand(op, b[0], b[1]) }))
		if r.Open() > 0 {
			r.Fatal("a command did not end at once")
		}
	case opDatagram:
		b := r.Take(4)
		r.datagram(serventAddr(b[0]), wire.Type(b[1]), b[2], b[3])
	}
}

// datagram sends a part of the talk about hits out of band. The address is in the GUID
// of the query that opPayload can send.
func (r *serventRunner) datagram(from netip.AddrPort, typ wire.Type, guid, contents byte) {
	d := wire.Descriptor{GUID: wire.GUID{203, 0, 113, 1, guid, 13: 0xca, 14: 0x18}, Type: typ, TTL: 1}
	if guid >= 128 && len(r.queries) > 0 {
		d.GUID = r.queries[int(guid)%len(r.queries)]
	}
	switch token := []byte("\xc3\x82SO\x41\x07"); typ {
	case wire.TypeVendor:
		v := wire.VendorMessage{Vendor: [4]byte{'L', 'I', 'M', 'E'}, Selector: 11 + uint16(contents%2), Version: 3}
		v.Data = append([]byte{contents >> 4}, token[:len(token)*int(contents>>1&1)]...)
		d.Payload = v.Append(nil)
	case wire.TypeQuery: // what it can be about, by a stream
		q := wire.Query{Flags: wire.QueryMarked | wire.QueryOutOfBand, Text: []byte("alpha")}
		d.TTL, d.Hops = 3, 2
		d.Payload, _ = q.Append(nil)
		r.feed(r.stream(contents), r.encoded(d))
		return
	case wire.TypeQueryHit:
		res := wire.Result{Index: 1, Size: 2, Name: []byte("alpha")}
		h := wire.QueryHit{Count: 1, Addr: from, Trailer: &wire.Trailer{Private: token}}
		h.Results, _ = res.Append(nil)
		d.Payload = h.Append(nil)
	}
	b, err := wire.DatagramCodec{}.AppendMessage(nil, d)
	if err != nil {
		r.Fatal(err)
	}
	m, err := wire.DatagramCodec{}.ParseMessage(b)
	if err != nil {
		r.Fatal(err)
	}
	r.input(spec.Recv{From: from, Msg: m})
}

// stream is one of those so far, or one that never was.
func (r *serventRunner) stream(b byte) *serventStream {
	if len(r.streams) == 0 {
		return &serventStream{id: -99, decoder: wire.Codec{}.Decoder()}
	}
	return r.streams[int(b)%len(r.streams)]
}

func (r *serventRunner) encoded(m spec.Message) []byte {
	b, err := wire.Codec{}.AppendMessage(nil, m)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// feed hands the messages in what came on a stream to the servent.
func (r *serventRunner) feed(s *serventStream, b []byte) {
	s.unread = append(s.unread, b...)
	for {
		m, n, err := s.decoder.Decode(s.unread)
		switch {
		case err != nil:
			r.input(spec.Closed{Conn: s.id, Err: err})
			s.unread = nil
			return
		case n == 0:
			return
		}
		r.input(spec.Got{Conn: s.id, Msg: m})
		s.unread = s.unread[n:]
	}
}

// dialled lets a dial succeed, with the headers, or fail.
func (r *serventRunner) dialled(which, headers byte) {
	if len(r.dials) == 0 {
		return
	}
	i := int(which) % len(r.dials)
	dial := r.dials[i]
	r.dials = append(r.dials[:i:i], r.dials[i+1:]...)
	if headers%8 == 7 && headers != 0xff {
		r.input(spec.Closed{Conn: dial.Conn})
		return
	}
	s := &serventStream{id: dial.Conn, decoder: wire.Codec{}.Decoder()}
	r.streams = append(r.streams, s)
	r.input(spec.Opened{Conn: s.id, Remote: dial.To})
	r.feed(s, r.encoded(wire.Status{Code: wire.Accepted, Phrase: "OK", Headers: serventHeaders(headers)}))
}

// serventHeaders has a line for each bit.
func serventHeaders(bits byte) (h wire.Headers) {
	for i, line := range []wire.Header{
		{Name: "X-Ultrapeer", Value: "True"}, {Name: "X-Ultrapeer", Value: "False"}, {Name: "GGEP", Value: "0.5"},
		{Name: "Bye-Packet", Value: "0.1"}, {Name: "Vendor-Message", Value: "0.1"}, {Name: "X-Query-Routing", Value: "0.2"},
		{Name: "X-Ultrapeer-Query-Routing", Value: "0.1"}, {Name: "Accept-Encoding", Value: "deflate"},
	} {
		if bits&(1<<i) != 0 {
			h = append(h, line)
		}
	}
	return h
}

// message sends a descriptor that is well formed, whether it makes sense or not.
func (r *serventRunner) message(b []byte) {
	d := wire.Descriptor{GUID: wire.GUID{b[2]}, Type: wire.Type(b[1]), TTL: b[3] >> 4, Hops: b[3] & 15}
	if d.Type == wire.TypeQueryHit && b[2] >= 128 && len(r.queries) > 0 { // of what the servent asked or passed on
		d.GUID = r.queries[int(b[2])%len(r.queries)]
	}
	id := wire.GUID{b[4] % 4}
	switch d.Type {
	case wire.TypePong:
		d.Payload = (&wire.Pong{Addr: serventAddr(b[4]), Files: 3, Kilobytes: 8}).Append(nil)
	case wire.TypeBye:
		d.Payload = (&wire.Bye{Code: uint16(b[4])}).Append(nil)
	case wire.TypeQRP:
		d.TTL, d.Hops = 1, 0
		d.Payload = qrp.Append(nil, qrp.Reset{Slots: 8, Infinity: 7})
		if b[4]&1 != 0 {
			d.Payload = qrp.Append(nil, qrp.Patch{Seq: 1, Of: 1, EntryBits: 4, Data: []byte{b[4], 0xaa, 0, 0xa0}})
		}
	case wire.TypeVendor, wire.TypeStandardVendor:
		vendor, selector := [4]byte{'B', 'E', 'A', 'R'}, []uint16{4, 11, 12, 21}[b[4]%4]
		if selector == 21 {
			vendor, selector = [4]byte{'L', 'I', 'M', 'E'}, selector+uint16(b[4]>>7)
		}
		v := wire.VendorMessage{Vendor: vendor, Selector: selector, Version: 1, Data: []byte{b[4], 1, 2, 3, 4, 5}[:b[4]%7]}
		d.TTL, d.Hops, d.Payload = 1, b[3]&1, v.Append(nil)
	case wire.TypePush:
		d.Payload = (&wire.Push{ServentID: id, Addr: serventAddr(b[4])}).Append(nil)
	case wire.TypeQuery:
		text := []string{"alpha", "bravo alpha", "    ", "zulu", "", "x"}[b[4]%6]
		q := wire.Query{Flags: wire.QueryMarked | wire.QueryFlags(b[4])<<8, Text: []byte(text), Extensions: []byte("urn:")}
		d.Payload, _ = q.Append(nil)
	case wire.TypeQueryHit:
		res := wire.Result{Index: 1, Size: 2, Name: []byte("alpha")}
		h := wire.QueryHit{Count: 1, Addr: serventAddr(b[4]), ServentID: id}
		h.Results, _ = res.Append(nil)
		d.Payload = h.Append(nil)
	}
	r.feed(r.stream(b[0]), r.encoded(d))
}

func serventCommand(op spec.OpID, which, b byte) spec.Input {
	switch which % 5 {
	case 0:
		return gnutella.Connect{Op: op, Addrs: []netip.AddrPort{serventAddr(b), serventAddr(b + 1)}}
	case 1:
		text := []string{"alpha", "    ", "", "a\x00b"}[b%4]
		return gnutella.Search{Op: op, Text: text, SHA1: urn.SHA1{b >> 7}, TTL: b % 9}
	case 2:
		return gnutella.Push{Op: op, ServentID: wire.GUID{b % 4}, Index: 1}
	case 3:
		return gnutella.Relay{Op: op, ServentID: wire.GUID{b % 4}, Index: 1, To: serventAddr(b)}
	default:
		return gnutella.Shutdown{Op: op}
	}
}

func (r *serventRunner) input(in spec.Input) { r.see(in, r.Input(in)) }

// see judges what came of an input.
func (r *serventRunner) see(in spec.Input, effects []spec.Effect) {
	got, _ := in.(spec.Got)
	d, isDescriptor := got.Msg.(wire.Descriptor)
	refused := !isDescriptor || d.Type != wire.TypeQuery || len(effects) == 0
	for _, e := range effects {
		switch e := e.(type) {
		case spec.Drop:
			refused = true
		case spec.Dial:
			r.dials = append(r.dials, e)
		case spec.Write:
			r.encoded(e.Msg)
			m, _ := e.Msg.(wire.Descriptor)
			if isDescriptor && m.GUID == d.GUID && m.Type == d.Type && e.Conn == got.Conn && d.Type != wire.TypeVendor {
				r.Fatalf("a %v went back where it came from", d.Type)
			}
			if m.Type == wire.TypeQuery && len(r.queries) < 64 {
				r.queries = append(r.queries, m.GUID)
			}
		}
	}
	if refused {
		return
	}
	if r.taken[d.GUID] {
		r.Fatalf("the query %v was taken twice", d.GUID)
	}
	r.taken[d.GUID] = true
}
