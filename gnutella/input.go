package gnutella

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Connect makes addresses known, of which some are dialled at once and others as
// connections end. It starts a servent again that was shut down.
//
// Result [Added]. Errors: [ErrTooMany].
type Connect struct {
	Op    spec.OpID
	Addrs []netip.AddrPort
}

// Search asks for files whose names have all words of Text, or whose content has
// the hash, where that is not zero. What is found comes as [Hit].
//
// Result [Searching]. Errors: [ErrNoWords], [ErrTooLong], [ErrNotConnected],
// [ErrTooMany].
type Search struct {
	Op   spec.OpID
	Text string
	SHA1 urn.SHA1
	TTL  uint8 // at most MaxTTL; 0: Config.QueryTTL. Not of a dynamic query
}

// Push asks a servent that sent a hit to dial Config.Addr, and to offer a file
// there.
//
// Result nil. Errors: [ErrNoRoute], [ErrFirewalled].
type Push struct {
	Op        spec.OpID
	ServentID wire.GUID
	Index     uint32
}

// Relay passes on to a leaf a push for it that came by HTTP, as
// "GET /gnutella/push-proxy?ServerId=" with the address To as X-Node: the leaf is to
// dial there. It has asked the servent to take pushes for it (GN-VE-08).
//
// Result nil: the answer is 202. Errors: [ErrNoRoute], for 410.
type Relay struct {
	Op        spec.OpID
	ServentID wire.GUID
	Index     uint32
	To        netip.AddrPort // IPv4
}

// Shutdown ends all connections, with a Bye where that is understood, and dials
// no more until the next Connect. It is done at once.
//
// Result nil.
type Shutdown struct{ Op spec.OpID }

func (Connect) IsInput()  {}
func (Search) IsInput()   {}
func (Push) IsInput()     {}
func (Relay) IsInput()    {}
func (Shutdown) IsInput() {}
