package gnutella

import (
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// The events of [spec.Notify].
type (
	// Connected says that a handshake ended well.
	Connected struct {
		Conn      spec.Conn
		Remote    netip.AddrPort
		Mode      Mode // of the other: a leaf's only where the servent stands for it
		UserAgent string
	}

	// Disconnected says that a connection which was Connected is over. Bye is the
	// code of the other's, or 0.
	Disconnected struct {
		Conn spec.Conn
		Bye  uint16
	}

	// Refused says that a handshake was refused: by whom, and why.
	Refused struct {
		Remote netip.AddrPort
		Code   int32
		Phrase string
	}

	// ModeChanged says that an ultrapeer has become a leaf, as another asked it to
	// (GN-HS-32), or is one again since its connections are gone.
	ModeChanged struct{ Mode Mode }

	// Hit is an answer to a Search.
	Hit struct {
		GUID      wire.GUID // of the Search
		Addr      netip.AddrPort
		ServentID wire.GUID
		Push      bool // the servent says that it cannot be reached
		Hops      uint8
		Results   []Found
		// Proxies take pushes for the servent by HTTP: see [Relay] (GN-VE-08).
		Proxies []netip.AddrPort
	}

	// PushRequested asks the application to dial an address, to say
	// "GIV Index:ServentID/Name" there, and to serve what is then asked for
	// (GN-PU-06). Name is empty for a file that is not shared: any may be asked
	// for (GN-PU-08).
	PushRequested struct {
		To        netip.AddrPort
		ServentID wire.GUID
		Index     uint32
		Name      string
	}
)

// Found is a file in a [Hit].
type Found struct {
	Index, Size uint32
	Name        string
	SHA1        urn.SHA1 // zero: not told
}

// Added is the result of Connect: how many addresses were new.
type Added struct{ Addrs int32 }

// Searching is the result of Search.
type Searching struct{ GUID wire.GUID }

func (Connected) IsEvent()     {}
func (Disconnected) IsEvent()  {}
func (Refused) IsEvent()       {}
func (ModeChanged) IsEvent()   {}
func (Hit) IsEvent()           {}
func (PushRequested) IsEvent() {}
func (Added) IsEvent()         {}
func (Searching) IsEvent()     {}

// The errors of [spec.Done]. None of them changes the state.
var (
	// ErrTooMany: more addresses than MaxAddrs, or searches than Config.MaxQueries.
	ErrTooMany = errors.New("gnutella: too many at once")
	// ErrNoWords: neither a word of two letters nor a hash nor four spaces.
	ErrNoWords = errors.New("gnutella: nothing to search for")
	// ErrTooLong: Text exceeds MaxText or has a NUL, or TTL exceeds Config.MaxTTL.
	ErrTooLong = errors.New("gnutella: search text or TTL out of bounds")
	// ErrNotConnected: there is nobody to ask.
	ErrNotConnected = errors.New("gnutella: not connected")
	// ErrNoRoute: no hit of the servent came by a connection that still is there, or,
	// of a Relay, no leaf of that id asked for it.
	ErrNoRoute = errors.New("gnutella: no route to the servent")
	// ErrFirewalled: neither side can be reached.
	ErrFirewalled = errors.New("gnutella: behind a firewall itself")
)

// Reasons in [spec.Drop], wrapped with what was found where that helps.
var (
	errDuplicate = errors.New("gnutella: seen before")
	errNoRoute   = errors.New("gnutella: nobody asked for this")
	errTTL       = errors.New("gnutella: TTL and hops out of bounds")
	errOrder     = errors.New("gnutella: a message out of order")
	errType      = errors.New("gnutella: unknown type")
	errEmpty     = errors.New("gnutella: a hit of nothing")
	errSize      = errors.New("gnutella: larger than is passed on")
	errBack      = errors.New("gnutella: it leads back where it came from")
	errFlow      = errors.New("gnutella: the link is too slow for answers")
	errMode      = errors.New("gnutella: not of a host of this role")
	errBusy      = errors.New("gnutella: too many queries")
	errToken     = errors.New("gnutella: not the token of the search")
	errAddr      = errors.New("gnutella: no address that could be dialled")
)
