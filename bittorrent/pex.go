package bittorrent

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

const (
	// maxPEX bounds the contacts of a message that are added, and those that
	// are dropped. BEP11-PEX-007
	maxPEX = 50

	// earlyPEX is how much sooner than after a minute the next message may
	// come: clocks and networks vary. BEP11-PEX-004
	earlyPEX = 10 * time.Second

	// idlePEX is how often it is looked for news while there are none: to
	// compare a peer's contacts costs as much as there are connections.
	idlePEX = 5 * time.Second
)

// exchange tells a peer who joined and who left since the last message, at
// most once in a PEXInterval. BEP11-PEX-001 to BEP11-PEX-008
func (n *step) exchange(c *conn) {
	if c.their.pex == 0 || !n.hasPEX() || n.now < c.pexNext {
		return
	}
	var m wire.Pex
	connected := n.contacts(c)
	for _, contact := range connected {
		if _, told := slices.BinarySearchFunc(c.pexTold, contact.Addr, netip.AddrPort.Compare); !told &&
			len(m.Added) < maxPEX {
			m.Added = append(m.Added, contact)
		}
	}
	for _, addr := range c.pexTold {
		if _, still := slices.BinarySearchFunc(connected, addr, compareContact); !still && len(m.Dropped) < maxPEX {
			m.Dropped = append(m.Dropped, addr)
		}
	}
	if len(m.Added) == 0 && len(m.Dropped) == 0 {
		c.pexNext = n.now + idlePEX
		return
	}
	c.pexNext = n.now + n.cfg.PEXInterval
	c.pexTold = slices.DeleteFunc(c.pexTold, func(a netip.AddrPort) bool {
		return slices.Contains(m.Dropped, a)
	})
	for _, contact := range m.Added {
		i, _ := slices.BinarySearchFunc(c.pexTold, contact.Addr, netip.AddrPort.Compare)
		c.pexTold = slices.Insert(c.pexTold, i, contact.Addr)
	}
	n.extended(c, c.their.pex, m.Append(nil))
}

// contacts are the other connected peers at which somebody can connect, in
// order of address. BEP11-PEX-002, BEP11-PEX-010
func (n *Node) contacts(to *conn) (list []wire.PexContact) {
	for _, c := range n.conns {
		if c == nil || c == to || c.phase != talking || !c.listen.IsValid() {
			continue
		}
		contact := wire.PexContact{Addr: c.listen}
		if c.has.isFull() || c.uploadOnly {
			contact.Flags |= wire.PexSeed
		}
		if c.outgoing() {
			contact.Flags |= wire.PexOutgoing
		}
		list = append(list, contact)
	}
	slices.SortStableFunc(list, func(a, b wire.PexContact) int { return a.Addr.Compare(b.Addr) })
	return slices.CompactFunc(list, func(a, b wire.PexContact) bool { return a.Addr == b.Addr })
}

func compareContact(c wire.PexContact, addr netip.AddrPort) int { return c.Addr.Compare(addr) }

// gotPEX takes the contacts of a peer, which may be invented: few of each
// message, none twice, none too often. BEP11-PEX-004, BEP11-PEX-012
func (n *step) gotPEX(c *conn, payload []byte) error {
	if !n.hasPEX() {
		return &wire.Error{Clause: "BEP11-PEX-001", What: "peers are not exchanged"}
	}
	if n.now < c.pexHeard {
		return &wire.Error{Clause: "BEP11-PEX-004", What: fmt.Sprintf("a message of ut_pex %v too early",
			c.pexHeard-n.now)}
	}
	m, err := wire.ParsePex(payload)
	if err != nil {
		return err
	}
	c.pexHeard = n.now + time.Minute - earlyPEX
	var seen []netip.Addr
	for _, contact := range m.Added[:min(len(m.Added), maxPEX)] {
		if !slices.Contains(seen, contact.Addr.Addr()) {
			seen = append(seen, contact.Addr.Addr())
			n.learn(contact.Addr, FromPEX)
		}
	}
	n.dial()
	return nil
}
