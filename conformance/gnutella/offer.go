package gnutella

import (
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// agent is what the harness calls itself.
const agent = "p2pspec-tester"

// Offer is what a peer says of itself in a handshake.
type Offer wire.Headers

// Plain is the offer of a servent without any extension.
func Plain() Offer { return Offer{{Name: "User-Agent", Value: agent}} }

// Equal is the offer of an ultrapeer that floods: it routes queries by no table,
// so that what is passed on at all is passed on to it. It takes no compression, so
// that the transcript can be read.
func Equal() Offer {
	return Plain().With("X-Ultrapeer", "True").With("Pong-Caching", "0.1").With("GGEP", "0.5").With("Bye-Packet", "0.1")
}

// Shielded is the offer of a leaf. It takes compression, without which
// gtk-gnutella refuses leaves.
func Shielded() Offer {
	return Plain().With("X-Ultrapeer", "False").With("X-Query-Routing", "0.1").With("Pong-Caching", "0.1").
		With("GGEP", "0.5").With("Bye-Packet", "0.1").With("Accept-Encoding", "deflate")
}

// With has a header in the place of those of that name.
func (o Offer) With(name, value string) Offer {
	return append(o.Without(name), wire.Header{Name: name, Value: value})
}

// Also has a header beside those of that name.
func (o Offer) Also(name, value string) Offer {
	return append(slices.Clone(o), wire.Header{Name: name, Value: value})
}

// Without has no header of that name.
func (o Offer) Without(name string) Offer {
	return slices.DeleteFunc(slices.Clone(o), func(h wire.Header) bool { return strings.EqualFold(h.Name, name) })
}

// Get is the value of a header, "" without one.
func (o Offer) Get(name string) string {
	v, _ := wire.Headers(o).Get(name)
	return v
}
