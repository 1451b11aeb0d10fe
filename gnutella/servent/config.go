package servent

import (
	"fmt"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
)

// Config describes a servent.
type Config struct {
	// Node is the overlay. As it has every accepted stream until that says what it is
	// for, its Handshakes are raised by Transfer.Conns, up to 1024: who wants a file is
	// not kept out by a few others who say nothing.
	Node gnutella.Config

	// Transfer says how files are sent and fetched. Files, Addr and UserAgent are
	// those of Node, where they are not set; ServentID is always.
	Transfer transfer.Config
}

// The defaults of what is joined, and the limit of gnutella.Config.Handshakes.
const (
	handshakes    = 16
	conns         = 64
	maxHandshakes = 1 << 10
)

// overlay is the configuration of the overlay. What is out of bounds stays so.
func (c Config) overlay() gnutella.Config {
	o := c.Node
	if o.Handshakes == 0 {
		o.Handshakes = handshakes
	}
	more := c.Transfer.Conns
	if more == 0 {
		more = conns
	}
	if o.Handshakes > 0 && o.Handshakes < maxHandshakes {
		o.Handshakes = min(o.Handshakes+min(max(0, more), maxHandshakes), maxHandshakes)
	}
	return o
}

// complete fills in what both parts have to agree on.
func (c Config) complete(n *gnutella.Node) transfer.Config {
	t := c.Transfer
	t.ServentID = n.ServentID()
	if !t.Addr.IsValid() {
		t.Addr = c.Node.Addr
	}
	if t.UserAgent == "" {
		t.UserAgent = c.Node.UserAgent
	}
	if t.Files == nil {
		for _, f := range n.Library().Files() {
			t.Files = append(t.Files, transfer.File{Index: f.Index, Size: f.Size, Name: f.Name, SHA1: f.SHA1})
		}
	}
	return t
}

// MaxEffects bounds the effects of one Step: those of both parts for the timers, and
// then for the input, and what a download may have the overlay push.
func (c Config) MaxEffects() int {
	return 2*c.overlay().MaxEffects() + 3*c.Transfer.MaxEffects()
}

func wrong(part string, err error) error { return fmt.Errorf("servent: Config.%s: %w", part, err) }
