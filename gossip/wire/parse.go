package wire

import (
	"math"
	"net/netip"
)

// ParseBody reads what [AppendBody] writes, as leniently as memberlist does: keys
// in any order, unknown ones passed over, missing ones zero; strings and bytes of
// either specification; whatever follows the body unread. The message borrows from
// b. The error is a [*Fault].
func ParseBody(b []byte) (Message, error) {
	if len(b) == 0 {
		return nil, newFault("GO-WF-01", "message", 0, "empty")
	}
	m, _, f := parseBody(b, false)
	if f != nil {
		return nil, f
	}
	return m, nil
}

// parseBody reads the message at the start of b and says how long it is. On a
// stream a user message says its length, while in packets it ends with them.
func parseBody(b []byte, stream bool) (Message, int, *Fault) {
	r := reader{b: b, at: 1}
	var m Message
	switch Type(b[0]) {
	case TypePing:
		m = r.ping()
	case TypeIndirectPing:
		m = r.indirectPing()
	case TypeAck:
		m = r.ack()
	case TypeNack:
		r.expect("nack", "GO-WF-05")
		m = Nack{r.seqNo()}
	case TypeError:
		m = r.error()
	case TypeSuspect:
		r.expect("suspect", "GO-WF-06")
		incarnation, node, from := r.accusation()
		m = Suspect{incarnation, node, from}
	case TypeDead:
		r.expect("dead", "GO-WF-06")
		incarnation, node, from := r.accusation()
		m = Dead{incarnation, node, from}
	case TypeAlive:
		m = r.alive()
	case TypeUser:
		m = r.user(stream)
	case TypePushPull:
		m = r.pushPull()
	default:
		return nil, 0, newFault("GO-WF-01", "message", 0, "a type that is not known here")
	}
	return m, r.at, r.fault
}

func (r *reader) expect(what, rule string) { r.what, r.rule = what, rule }

// GO-WF-03
func (r *reader) ping() (m Ping) {
	r.expect("ping", "GO-WF-03")
	var source address
	for n := r.entries(); r.more(&n); {
		switch key := r.key(); string(key) {
		case "Node":
			m.Node = r.string()
		case "SeqNo":
			m.SeqNo = r.uint32()
		default:
			r.source(key, &source, &m.Source)
		}
	}
	m.Source.Addr = source.join()
	return m
}

// GO-WF-04
func (r *reader) indirectPing() (m IndirectPing) {
	r.expect("indirect ping", "GO-WF-04")
	var target, source address
	for n := r.entries(); r.more(&n); {
		switch key := r.key(); string(key) {
		case "Nack":
			m.Nack = r.bool()
		case "Node":
			m.Node = r.string()
		case "Port":
			target.port = r.port()
		case "SeqNo":
			m.SeqNo = r.uint32()
		case "Target":
			target.addr = r.addr()
		default:
			r.source(key, &source, &m.Source)
		}
	}
	m.Target, m.Source.Addr = target.join(), source.join()
	return m
}

func (r *reader) source(key []byte, a *address, s *Source) {
	switch string(key) {
	case "SourceAddr":
		a.addr = r.addr()
	case "SourceNode":
		s.Node = r.string()
	case "SourcePort":
		a.port = r.port()
	default:
		r.skip()
	}
}

// GO-WF-05
func (r *reader) ack() (m Ack) {
	r.expect("ack", "GO-WF-05")
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "Payload":
			m.Payload = r.bytes(MaxUser)
		case "SeqNo":
			m.SeqNo = r.uint32()
		default:
			r.skip()
		}
	}
	return m
}

func (r *reader) seqNo() (v uint32) {
	for n := r.entries(); r.more(&n); {
		if string(r.key()) == "SeqNo" {
			v = r.uint32()
		} else {
			r.skip()
		}
	}
	return v
}

func (r *reader) error() (m Error) {
	r.expect("error", "GO-WF-05")
	for n := r.entries(); r.more(&n); {
		if string(r.key()) == "Error" {
			m.Text = string(r.bytes(MaxText))
		} else {
			r.skip()
		}
	}
	return m
}

// GO-WF-06
func (r *reader) accusation() (incarnation uint32, node, from string) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "From":
			from = r.string()
		case "Incarnation":
			incarnation = r.uint32()
		case "Node":
			node = r.string()
		default:
			r.skip()
		}
	}
	return incarnation, node, from
}

// GO-WF-06
func (r *reader) alive() Alive {
	r.expect("alive", "GO-WF-06")
	n := r.state("Node")
	return Alive{n.Incarnation, n.Name, n.Addr, n.Meta, n.Versions}
}

// state reads what an alive message and a node of a push/pull have in common, and
// the State that only the latter has.
func (r *reader) state(nameKey string) (s NodeState) {
	var a address
	for n := r.entries(); r.more(&n); {
		switch key := r.key(); string(key) {
		case "Addr":
			a.addr = r.addr()
		case "Incarnation":
			s.Incarnation = r.uint32()
		case "Meta":
			s.Meta = r.bytes(MaxMeta) // GO-WF-18
		case nameKey:
			s.Name = r.string()
		case "Port":
			a.port = r.port()
		case "State":
			if nameKey == "Node" { // an alive message has none
				r.skip()
				continue
			}
			s.State = State(r.uint(math.MaxUint8))
		case "Vsn":
			s.Versions = r.versions()
		default:
			r.skip()
		}
	}
	s.Addr = a.join()
	return s
}

func (r *reader) user(stream bool) (m User) {
	r.expect("user message", "GO-WF-08")
	length := len(r.b) - r.at
	if stream {
		length = r.userHeader()
	}
	m.Payload = r.rest(length)
	return m
}

func (r *reader) userHeader() (length int) {
	for n := r.entries(); r.more(&n); {
		if string(r.key()) == "UserMsgLen" {
			length = int(r.uint(MaxUser))
		} else {
			r.skip()
		}
	}
	return length
}

// GO-WF-07
func (r *reader) pushPull() (m PushPull) {
	r.expect("push/pull", "GO-WF-07")
	h := r.pushPullHeader()
	m.Join = h.join
	for range h.nodes {
		s := r.state("Name")
		if r.fault != nil {
			return PushPull{}
		}
		if s.Name == "" {
			r.fail("a node without a name")
			return PushPull{}
		}
		m.Nodes = append(m.Nodes, s)
	}
	m.User = r.rest(h.user)
	return m
}

type pushPullHeader struct {
	join        bool
	nodes, user int
}

// GO-WF-18
func (r *reader) pushPullHeader() (h pushPullHeader) {
	for n := r.entries(); r.more(&n); {
		switch string(r.key()) {
		case "Join":
			h.join = r.bool()
		case "Nodes":
			h.nodes = int(r.uint(MaxNodes))
		case "UserStateLen":
			h.user = int(r.uint(MaxUser))
		default:
			r.skip()
		}
	}
	return h
}

// rest reads bytes that have no head: none is nil.
func (r *reader) rest(length int) []byte {
	if r.fault != nil || length == 0 {
		return nil
	}
	if length > len(r.b)-r.at {
		r.fail("truncated")
		return nil
	}
	end := r.at + length
	v := r.b[r.at:end:end]
	r.at = end
	return v
}

// address is a netip.AddrPort whose halves arrive one by one.
type address struct {
	addr netip.Addr
	port uint16
}

func (a address) join() netip.AddrPort { return netip.AddrPortFrom(a.addr, a.port) }

func (r *reader) port() uint16 { return uint16(r.uint(math.MaxUint16)) }

func (r *reader) addr() netip.Addr {
	v := r.bytes(16)
	a, ok := netip.AddrFromSlice(v)
	if !ok && len(v) > 0 {
		r.fail("an address of neither 4 nor 16 bytes")
	}
	return a
}

// versions reads the six bytes. Fewer count as none, as they do for memberlist
// where it learns of a node.
func (r *reader) versions() Versions {
	v := r.bytes(math.MaxUint8)
	if len(v) < 6 {
		return Versions{}
	}
	return Versions{v[0], v[1], v[2], v[3], v[4], v[5]}
}
