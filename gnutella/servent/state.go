package servent

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/spec"
)

// Clone implements [spec.Machine].
func (n *Node) Clone() spec.Machine {
	c := *n
	c.overlay = n.overlay.Clone().(*gnutella.Node)
	c.files = n.files.Clone().(*transfer.Node)
	c.streams = slices.Clone(n.streams)
	return &c
}

// AppendState implements [spec.Machine].
func (n *Node) AppendState(b []byte) []byte {
	b = n.files.AppendState(n.overlay.AppendState(b))
	b = binary.BigEndian.AppendUint64(b, uint64(n.lastDial))
	b = binary.BigEndian.AppendUint64(b, uint64(len(n.streams)))
	for i := range n.streams {
		s := &n.streams[i]
		b = binary.BigEndian.AppendUint64(b, uint64(s.outer))
		b = binary.BigEndian.AppendUint64(b, uint64(s.inner))
		remote, _ := s.remote.MarshalBinary()
		b = append(append(b, byte(len(remote))), remote...)
		b = append(b, byte(s.owner), flag(s.undecided), flag(s.ended))
	}
	return b
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Check implements [spec.Machine]: the parts are in order, and each stream is of one
// of them.
func (n *Node) Check() error {
	if err := n.overlay.Check(); err != nil {
		return err
	}
	if err := n.files.Check(); err != nil {
		return err
	}
	for i := range n.streams {
		s := &n.streams[i]
		if s.ended || s.outer < 0 && s.outer != s.inner || s.undecided && s.owner != ofOverlay {
			return fmt.Errorf("servent: stream %d is out of order", s.outer)
		}
		if slices.ContainsFunc(n.streams[:i], func(o stream) bool {
			return o.outer == s.outer || o.owner == s.owner && o.inner == s.inner
		}) {
			return fmt.Errorf("servent: stream %d is there twice", s.outer)
		}
	}
	return nil
}
