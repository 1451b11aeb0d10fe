package wire

import (
	"math"
	"net/netip"
)

// AppendBody appends a message as it stands alone, or in a compound: its type and
// its body (GO-WF-01, GO-WF-02). A [User] is written as packets have it, without a
// length; streams have their own (GO-WF-08). With an error, which is a [*Fault], b
// is returned as it was.
func AppendBody(b []byte, m Message) ([]byte, error) {
	whole, f := appendBody(b, m)
	if f != nil {
		return b, f
	}
	return whole, nil
}

func appendBody(b []byte, m Message) ([]byte, *Fault) {
	if f := check(m); f != nil {
		return nil, f
	}
	switch m := m.(type) {
	case Ping:
		return m.appendBody(append(b, byte(TypePing))), nil
	case IndirectPing:
		return m.appendBody(append(b, byte(TypeIndirectPing))), nil
	case Ack: // GO-WF-05
		b = appendBytes(append(b, "\x02\x82\xa7Payload"...), m.Payload)
		return appendUint(append(b, "\xa5SeqNo"...), uint64(m.SeqNo)), nil
	case Nack:
		return appendUint(append(b, "\x0b\x81\xa5SeqNo"...), uint64(m.SeqNo)), nil
	case Error:
		return appendString(append(b, "\x0d\x81\xa5Error"...), m.Text), nil
	case Suspect:
		return appendAccusation(append(b, byte(TypeSuspect)), m.Incarnation, m.Node, m.From), nil
	case Dead:
		return appendAccusation(append(b, byte(TypeDead)), m.Incarnation, m.Node, m.From), nil
	case Alive:
		return m.appendBody(append(b, byte(TypeAlive))), nil
	case User:
		return append(append(b, byte(TypeUser)), m.Payload...), nil
	case PushPull:
		return m.appendBody(append(b, byte(TypePushPull))), nil
	}
	return nil, newFault("GO-WF-01", "message", 0, "not one of memberlist's")
}

// BodySize is how many bytes [AppendBody] appends, without an error.
func BodySize(m Message) int {
	var scratch [1024]byte // holds all but the longest, so that counting does not allocate
	b, _ := appendBody(scratch[:0], m)
	return len(b)
}

// GO-WF-03
func (m Ping) appendBody(b []byte) []byte {
	b = appendMap(b, 2+m.Source.fields())
	b = appendString(append(b, "\xa4Node"...), m.Node)
	b = appendUint(append(b, "\xa5SeqNo"...), uint64(m.SeqNo))
	return m.Source.append(b)
}

// GO-WF-04
func (m IndirectPing) appendBody(b []byte) []byte {
	b = appendMap(b, 5+m.Source.fields())
	b = appendBool(append(b, "\xa4Nack"...), m.Nack)
	b = appendString(append(b, "\xa4Node"...), m.Node)
	b = appendUint(append(b, "\xa4Port"...), uint64(m.Target.Port()))
	b = appendUint(append(b, "\xa5SeqNo"...), uint64(m.SeqNo))
	b = m.Source.append(b)
	return appendAddr(append(b, "\xa6Target"...), m.Target.Addr())
}

// fields is how many entries the source adds to a map: each empty one is left out.
func (s Source) fields() (n int) {
	if s.Addr.Addr().IsValid() {
		n++
	}
	if s.Node != "" {
		n++
	}
	if s.Addr.Port() != 0 {
		n++
	}
	return n
}

func (s Source) append(b []byte) []byte {
	if s.Addr.Addr().IsValid() {
		b = appendAddr(append(b, "\xaaSourceAddr"...), s.Addr.Addr())
	}
	if s.Node != "" {
		b = appendString(append(b, "\xaaSourceNode"...), s.Node)
	}
	if s.Addr.Port() != 0 {
		b = appendUint(append(b, "\xaaSourcePort"...), uint64(s.Addr.Port()))
	}
	return b
}

// GO-WF-06
func appendAccusation(b []byte, incarnation uint32, node, from string) []byte {
	b = appendString(append(b, "\x83\xa4From"...), from)
	b = appendUint(append(b, "\xabIncarnation"...), uint64(incarnation))
	return appendString(append(b, "\xa4Node"...), node)
}

// GO-WF-06
func (m Alive) appendBody(b []byte) []byte {
	b = appendAddr(append(b, "\x86\xa4Addr"...), m.Addr.Addr())
	b = appendUint(append(b, "\xabIncarnation"...), uint64(m.Incarnation))
	b = appendBytes(append(b, "\xa4Meta"...), m.Meta)
	b = appendString(append(b, "\xa4Node"...), m.Node)
	b = appendUint(append(b, "\xa4Port"...), uint64(m.Addr.Port()))
	return m.Versions.append(append(b, "\xa3Vsn"...))
}

// GO-WF-07
func (m PushPull) appendBody(b []byte) []byte {
	b = appendBool(append(b, "\x83\xa4Join"...), m.Join)
	b = appendUint(append(b, "\xa5Nodes"...), uint64(len(m.Nodes)))
	b = appendUint(append(b, "\xacUserStateLen"...), uint64(len(m.User)))
	for i := range m.Nodes {
		b = m.Nodes[i].append(b)
	}
	return append(b, m.User...)
}

func (n *NodeState) append(b []byte) []byte {
	b = appendAddr(append(b, "\x87\xa4Addr"...), n.Addr.Addr())
	b = appendUint(append(b, "\xabIncarnation"...), uint64(n.Incarnation))
	b = appendBytes(append(b, "\xa4Meta"...), n.Meta)
	b = appendString(append(b, "\xa4Name"...), n.Name)
	b = appendUint(append(b, "\xa4Port"...), uint64(n.Addr.Port()))
	b = appendUint(append(b, "\xa5State"...), uint64(n.State))
	return n.Versions.append(append(b, "\xa3Vsn"...))
}

func (v Versions) append(b []byte) []byte {
	if v == (Versions{}) {
		return append(b, 0xc0)
	}
	return append(b, 0xa6, v.ProtocolMin, v.ProtocolMax, v.Protocol, v.DelegateMin, v.DelegateMax, v.Delegate)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		v := a.As4()
		return append(append(b, 0xa4), v[:]...)
	case a.Is6():
		v := a.As16()
		return append(append(b, 0xb0), v[:]...)
	}
	return append(b, 0xc0)
}

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
