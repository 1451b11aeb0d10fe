package servent

import (
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/spec"
)

// owner is the part that a stream is of.
type owner uint8

const (
	ofOverlay owner = iota
	ofFiles
)

// stream is one that is open, or being dialled.
type stream struct {
	outer, inner spec.Conn // its number to the driver, and to its owner: of an accepted one, the same
	remote       netip.AddrPort
	owner        owner
	undecided    bool // accepted, and nothing has come yet: the overlay has it for the time being
	ended        bool // only within a Step
}

func (n *Node) find(outer spec.Conn) *stream {
	for i := range n.streams {
		if s := &n.streams[i]; s.outer == outer && !s.ended {
			return s
		}
	}
	return nil
}

// outer is the number by which the driver knows a stream.
func (n *Node) outer(o owner, inner spec.Conn) spec.Conn {
	for i := range n.streams {
		if s := &n.streams[i]; s.owner == o && s.inner == inner {
			return s.outer
		}
	}
	return inner
}

// dialled numbers a stream.
func (n *Node) dialled(o owner, inner spec.Conn) spec.Conn {
	n.lastDial++
	n.streams = append(n.streams, stream{outer: n.lastDial, inner: inner, owner: o})
	return n.lastDial
}

// end marks a stream as over. It is forgotten when the Step is.
func (n *Node) end(outer spec.Conn) {
	if s := n.find(outer); s != nil {
		s.ended = true
	}
}

// opened gives an accepted stream to the overlay, until it says what it is for.
func (n *step) opened(in spec.Opened) {
	s := n.find(in.Conn)
	switch {
	case s != nil && in.Conn > 0:
		n.run(s.owner, spec.Opened{Conn: s.inner, Remote: in.Remote})
	case s == nil && in.Conn < 0:
		n.streams = append(n.streams, stream{outer: in.Conn, inner: in.Conn, remote: in.Remote, undecided: true})
		n.run(ofOverlay, in)
	}
}

func (n *step) closed(in spec.Closed) {
	s := n.find(in.Conn)
	if s == nil {
		return
	}
	o, inner := s.owner, s.inner
	s.ended = true
	n.run(o, spec.Closed{Conn: inner, Err: in.Err})
}

// got hands a message to the stream's owner, which the first one decides.
//
// GN-HS-01, GN-PU-06, GN-PU-10.
func (n *step) got(in spec.Got) {
	s := n.find(in.Conn)
	if s == nil {
		return
	}
	to := ownerOf(in.Msg)
	switch {
	case s.undecided && to == ofFiles:
		n.handOver(s)
	case s.owner != to:
		n.emit(spec.Drop{From: s.remote, Clause: "GN-HS-01", Reason: errOther})
		n.emit(spec.Close{Conn: s.outer})
		n.closed(spec.Closed{Conn: s.outer})
		return
	}
	if s = n.find(in.Conn); s == nil {
		return
	}
	s.undecided = false
	in.Conn = s.inner
	n.run(to, in)
}

// handOver takes an accepted stream from the overlay, which has only waited for it.
func (n *step) handOver(s *stream) {
	opened := spec.Opened{Conn: s.inner, Remote: s.remote}
	s.owner, s.undecided = ofFiles, false
	n.run(ofOverlay, spec.Closed{Conn: opened.Conn})
	n.run(ofFiles, opened)
}

// ownerOf is the part that a message is for.
func ownerOf(m spec.Message) owner {
	switch m.(type) {
	case transfer.Request, transfer.Response, transfer.Body, transfer.Giv:
		return ofFiles
	}
	return ofOverlay
}

var errOther = errors.New("servent: a message of the other protocol")
