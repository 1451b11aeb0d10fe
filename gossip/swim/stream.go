package swim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// A stream carries one message in one direction, or one in each.
type stream struct {
	conn    spec.Conn
	purpose purpose
	remote  netip.AddrPort
	open    bool          // dialled with success
	due     time.Duration // when patience ends
	op      spec.OpID     // of joining and sending
	payload []byte        // of sending; never changed
}

type purpose uint8

const (
	serving    purpose = iota // the other side began it
	pinging                   // GO-AE-05
	exchanging                // GO-AE-01
	joining                   // GO-AE-04
	sending                   // GO-WF-08
)

func (n *Node) streamAt(c spec.Conn) int {
	return slices.IndexFunc(n.streams, func(s stream) bool { return s.conn == c })
}

// dial begins a stream for s.
func (n *Node) dial(s stream, to netip.AddrPort, out []spec.Effect) (spec.Conn, []spec.Effect) {
	n.lastOut++
	s.conn, s.remote = n.lastOut, to
	n.streams = append(n.streams, s)
	return s.conn, append(out, spec.Dial{Conn: s.conn, To: to})
}

// opened says the one thing that a dialled stream is for, and listens to an
// accepted one.
func (n *Node) opened(in spec.Opened, out []spec.Effect) []spec.Effect {
	if in.Conn < 0 {
		return n.accept(in, out)
	}
	i := n.streamAt(in.Conn)
	if i < 0 || n.streams[i].open {
		return out
	}
	n.streams[i].open = true
	switch s := &n.streams[i]; s.purpose {
	case pinging:
		ping := wire.Ping{SeqNo: n.probe.sequence, Node: n.probe.target.Name, Source: n.source()}
		return n.write(s.conn, ping, out)
	case exchanging, joining:
		return n.write(s.conn, n.state(s.purpose == joining), out)
	case sending:
		out = n.write(s.conn, wire.User{Payload: s.payload}, out)
		return n.finish(i, true, out)
	}
	return out
}

// accept begins to serve a stream, if there are not too many.
//
// GO-WF-18 (memberlist handleConn).
func (n *Node) accept(in spec.Opened, out []spec.Effect) []spec.Effect {
	served := 0
	for i := range n.streams {
		if n.streams[i].purpose == serving {
			served++
		}
	}
	if served >= n.cfg.MaxStreams {
		return drop(in.Remote, "GO-WF-18", errStreams, append(out, spec.Close{Conn: in.Conn}))
	}
	n.streams = append(n.streams, stream{
		conn: in.Conn, purpose: serving, remote: in.Remote, due: n.now + n.cfg.StreamTimeout,
	})
	return out
}

// write sends the only message of this side over a stream.
func (n *Node) write(c spec.Conn, m wire.Message, out []spec.Effect) []spec.Effect {
	return append(out, spec.Write{Conn: c, Msg: wire.Frame{Msg: m, Nonce: n.nonce(), Opens: c > 0}})
}

// got handles the one message that comes over a stream.
func (n *Node) got(in spec.Got, out []spec.Effect) []spec.Effect {
	i := n.streamAt(in.Conn)
	if i < 0 {
		return out
	}
	s := n.streams[i]
	frame, _ := in.Msg.(wire.Frame)
	if s.purpose == serving {
		out = n.serve(&s, frame, out)
		return n.finish(n.streamAt(s.conn), true, out)
	}
	good := false
	switch m := frame.Msg.(type) {
	case wire.Ack:
		if good = s.purpose == pinging && m.SeqNo == n.probe.sequence; good {
			n.probe.reached = true
		}
	case wire.PushPull:
		if s.purpose == exchanging || s.purpose == joining {
			out, good = n.merge(s.remote, m, out)
		}
	}
	return n.finish(n.streamAt(s.conn), good, out)
}

// serve answers what somebody has sent over a stream of theirs.
//
// GO-AE-02, GO-AE-05, GO-AE-06, GO-WF-08, GO-WF-15 (memberlist handleConn).
func (n *Node) serve(s *stream, frame wire.Frame, out []spec.Effect) []spec.Effect {
	if !frame.Opens { // without the cluster's label
		return drop(s.remote, "GO-WF-15", errUnlabelled, out)
	}
	if f := frame.Fault; f != nil {
		return drop(s.remote, f.Clause, f, n.write(s.conn, wire.Error{Text: f.Error()}, out))
	}
	switch m := frame.Msg.(type) {
	case wire.PushPull:
		out = n.write(s.conn, n.state(m.Join), out)
		out, _ = n.merge(s.remote, m, out)
		return out
	case wire.Ping:
		if m.Node != "" && m.Node != n.cfg.Name {
			return drop(s.remote, "GO-FD-01", errOtherNode, out)
		}
		return n.write(s.conn, wire.Ack{SeqNo: m.SeqNo}, out)
	case wire.User:
		return append(out, spec.Notify{Event: UserMessage{s.remote, slices.Clone(m.Payload)}})
	}
	return drop(s.remote, "GO-AE-06", errMisplaced, out)
}

// closed ends a stream that the other side or the network has ended.
func (n *Node) closed(in spec.Closed, out []spec.Effect) []spec.Effect {
	if i := n.streamAt(in.Conn); i >= 0 {
		return n.forget(i, false, out)
	}
	return out
}

func (n *Node) streamTimedOut(i int, out []spec.Effect) []spec.Effect {
	return n.finish(i, false, out)
}

// hangUp ends a stream that is not needed any more.
func (n *Node) hangUp(c spec.Conn, out []spec.Effect) []spec.Effect {
	if i := n.streamAt(c); i >= 0 {
		n.streams = dropped(n.streams, i)
		out = append(out, spec.Close{Conn: c})
	}
	return out
}

// finish closes a stream whose purpose was reached or not.
func (n *Node) finish(i int, good bool, out []spec.Effect) []spec.Effect {
	return n.forget(i, good, append(out, spec.Close{Conn: n.streams[i].conn}))
}

// forget removes a stream that is closed, and tells who waits for it.
func (n *Node) forget(i int, good bool, out []spec.Effect) []spec.Effect {
	s := n.streams[i]
	n.streams = dropped(n.streams, i)
	switch s.purpose {
	case pinging:
		n.probe.conn = 0
	case joining:
		return n.contacted(s.op, good, out)
	case sending:
		done := spec.Done{Op: s.op}
		if !good {
			done.Err = ErrNoAnswer
		}
		return append(out, done)
	}
	return out
}

// dropped returns list without element i, and forgets what that held.
func dropped[T any](list []T, i int) []T { return slices.Delete(list, i, i+1) }
