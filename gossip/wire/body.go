package wire

import "net/netip"

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
	b = appendInt(append(b, "\xa5Nodes"...), uint64(len(m.Nodes)))
	b = appendInt(append(b, "\xacUserStateLen"...), uint64(len(m.User)))
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
	b = appendInt(append(b, "\xa5State"...), uint64(n.State))
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
