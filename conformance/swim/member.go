package swim

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// Member is one member of the cluster that the harness plays: a socket and a
// listener at one address. It answers as a healthy one unless it is told not to.
type Member struct {
	// What it says of itself.
	Name        string
	Incarnation uint32
	Meta        []byte
	Versions    wire.Versions

	// Deaf lets pings go without an ack, also those over streams.
	Deaf bool
	// Grudging lets indirect pings go without a nack. Otherwise they are nacked at
	// once: the member has nobody to reach.
	Grudging bool
	// Shut resets the streams that the target opens.
	Shut bool
	// On sees what is heard before the member acts, and returns true to act itself.
	// It must not wait.
	On func(*Heard) bool

	// Log is all that the target sent it, in order, and not what others did.
	Log []*Heard
	// Garbage are the datagrams that are no packets of the cluster.
	Garbage []conformance.Datagram

	c        *Cluster
	sock     *conformance.Socket
	listener *conformance.Listener
	seq      uint32
	known    bool // the target has been told of it
	aside    bool // it is nobody's but for controls
}

// Heard is one message that a member was sent.
type Heard struct {
	At   time.Duration
	Msg  wire.Message
	From netip.AddrPort
	// Packet is the datagram that it came in, together with others perhaps; nil
	// over a stream.
	Packet *wire.Packet
	Data   []byte
	Stream *conformance.Stream // that it came over; nil in a datagram
	// Other is set if it came from another member than the target: a real one, of the
	// cluster that the target is in.
	Other bool
}

// Addr is the address that the target knows it by.
func (m *Member) Addr() netip.AddrPort { return m.sock.Addr() }

// State is the member as it describes itself.
func (m *Member) State() wire.NodeState {
	return wire.NodeState{
		Name: m.Name, Addr: m.Addr(), Meta: m.Meta, Incarnation: m.Incarnation, Versions: m.Versions,
	}
}

// Alive is what the member says to be believed alive, in its incarnation.
func (m *Member) Alive() wire.Alive {
	return wire.Alive{
		Incarnation: m.Incarnation, Node: m.Name, Addr: m.Addr(), Meta: m.Meta, Versions: m.Versions,
	}
}

// Suspect, Dead are accusations of the member in its incarnation, and Left is its
// farewell.
func (m *Member) Suspect(from string) wire.Suspect {
	return wire.Suspect{Incarnation: m.Incarnation, Node: m.Name, From: from}
}

// Dead is a message that declares the member dead in its incarnation.
func (m *Member) Dead(from string) wire.Dead {
	return wire.Dead{Incarnation: m.Incarnation, Node: m.Name, From: from}
}

// Source is where its pings are to be answered.
func (m *Member) Source() wire.Source { return wire.Source{Addr: m.Addr(), Node: m.Name} }

// Tell sends messages to the target in one datagram.
func (m *Member) Tell(parts ...wire.Message) { m.send(m.c.Target(), parts...) }

func (m *Member) send(to netip.AddrPort, parts ...wire.Message) {
	for _, p := range parts {
		if a, ok := p.(wire.Alive); ok && a.Node == m.Name {
			m.known = true
		}
	}
	b, err := m.c.Format.AppendMessage(nil, wire.Packet{Parts: parts, Nonce: m.c.nonce()})
	if err != nil {
		m.c.Harnessf("a packet cannot be written: %v", err)
	}
	m.sock.SendTo(to, b, "")
}

// nonce is new for each message.
func (c *Cluster) nonce() (n wire.Nonce) {
	c.Rand().Fill(n[:])
	return n
}

// TellBytes sends any bytes as one datagram; the note says what is wrong with them.
func (m *Member) TellBytes(b []byte, note string) { m.sock.SendMalformed(b, note) }

// Ping sends a ping for a name, to be answered here, and returns its number.
func (m *Member) Ping(name string) (seq uint32) {
	m.seq++
	m.Tell(wire.Ping{SeqNo: m.seq, Node: name, Source: m.Source()})
	return m.seq
}

// NextSeq is a number for a ping or an indirect ping that the case writes itself.
func (m *Member) NextSeq() uint32 {
	m.seq++
	return m.seq
}

// Answered waits for the ack with the number.
func (m *Member) Answered(seq uint32) bool {
	return m.c.Until(func() bool { return len(m.Acks(seq)) > 0 }, AnswerWithin)
}

// Acks are the acks with the number.
func (m *Member) Acks(seq uint32) []*Heard {
	return m.Of(func(h *Heard) bool {
		a, ok := h.Msg.(wire.Ack)
		return ok && a.SeqNo == seq
	})
}

// Nacks are the nacks with the number.
func (m *Member) Nacks(seq uint32) []*Heard {
	return m.Of(func(h *Heard) bool {
		n, ok := h.Msg.(wire.Nack)
		return ok && n.SeqNo == seq
	})
}

// Pings are the target's pings in datagrams.
func (m *Member) Pings() []*Heard {
	return m.Of(func(h *Heard) bool { return h.Stream == nil && h.Msg.Type() == wire.TypePing })
}

// Of are the messages that match.
func (m *Member) Of(match func(*Heard) bool) (all []*Heard) {
	for _, h := range m.Log {
		if match(h) {
			all = append(all, h)
		}
	}
	return all
}

// Await waits for a message that matches, also if it has come already: nil if none
// does in time.
func (m *Member) Await(within time.Duration, match func(*Heard) bool) *Heard {
	m.c.Until(func() bool { return len(m.Of(match)) > 0 }, within)
	if all := m.Of(match); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Forget empties the log.
func (m *Member) Forget() { m.Log, m.Garbage = nil, nil }

// says matches a message that is equal to m where their fields can be compared.
func says(m wire.Message) func(*Heard) bool {
	return func(h *Heard) bool { return sameMessage(h.Msg, m) }
}

// sameMessage compares suspicions and deaths whole, and of an alive all but its
// metadata's bytes.
func sameMessage(a, b wire.Message) bool {
	x, ok1 := a.(wire.Alive)
	y, ok2 := b.(wire.Alive)
	if ok1 && ok2 {
		return x.Node == y.Node && x.Incarnation == y.Incarnation && x.Addr == y.Addr
	}
	switch a.(type) {
	case wire.Suspect, wire.Dead, wire.Nack, wire.Ping:
		return a == b
	}
	return false
}

// aliveOf matches an alive of a name in at least an incarnation.
func aliveOf(name string, atLeast uint32) func(*Heard) bool {
	return func(h *Heard) bool {
		a, ok := h.Msg.(wire.Alive)
		return ok && a.Node == name && a.Incarnation >= atLeast
	}
}

func (m *Member) receive(d conformance.Datagram) {
	msg, err := m.c.Format.ParseMessage(d.Data)
	if err != nil {
		m.Garbage = append(m.Garbage, d)
		return
	}
	p := msg.(wire.Packet)
	for _, part := range p.Parts {
		m.hear(&Heard{At: d.At, Msg: part, From: d.From, Packet: &p, Data: d.Data})
	}
}

func (m *Member) hear(h *Heard) {
	if h.Other = m.c.other(h); !h.Other {
		m.Log = append(m.Log, h)
	}
	if m.On != nil && m.On(h) {
		return
	}
	switch msg := h.Msg.(type) {
	case wire.Ping:
		if !m.Deaf && (msg.Node == "" || msg.Node == m.Name) {
			m.reply(h, msg.Source, wire.Ack{SeqNo: msg.SeqNo})
		}
	case wire.IndirectPing:
		if msg.Nack && !m.Grudging {
			m.reply(h, msg.Source, wire.Nack{SeqNo: msg.SeqNo})
		}
	case wire.PushPull:
		if h.Stream != nil {
			m.reply(h, wire.Source{}, wire.PushPull{Nodes: []wire.NodeState{m.State()}})
		}
	}
}

// other reports that a message is not the target's. A stream says so only if it has a
// ping on it: its port is any.
func (c *Cluster) other(h *Heard) bool {
	if h.Stream == nil {
		return h.From != c.Target() && h.From != c.Self.Addr
	}
	p, ok := h.Msg.(wire.Ping)
	return ok && p.Source.Node != "" && c.Self.Name != "" && p.Source.Node != c.Self.Name
}

// reply answers on the stream that a message came over, or where it asks for it.
func (m *Member) reply(h *Heard, to wire.Source, msg wire.Message) {
	switch {
	case h.Stream != nil:
		h.Stream.Write(m.c.frame(msg, false), "")
		h.Stream.Close()
	case to.Addr.IsValid():
		m.send(to.Addr, msg)
	default:
		m.send(h.From, msg)
	}
}

// heard is what the member was last sent, for the words of a failure.
func (m *Member) heard() any {
	if len(m.Log) == 0 {
		return "nothing"
	}
	return readable(m.Log[len(m.Log)-1].Msg)
}
