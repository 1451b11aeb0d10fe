package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// MaxPexContacts is how many contacts of each list are read. BEP 11 allows 50
// in all but the first message, and the candidates of one peer should not fill
// a table. BEP11-PEX-007, BEP11-PEX-012
const MaxPexContacts = 1000

// PexFlags say what the sender knows of a contact. They are advice.
// BEP11-PEX-010
type PexFlags uint8

// The flags of BEP 11.
const (
	PexEncryption PexFlags = 0x01 // prefers encryption
	PexSeed       PexFlags = 0x02 // seed, or wants no pieces
	PexUTP        PexFlags = 0x04 // supports uTP
	PexHolepunch  PexFlags = 0x08 // supports ut_holepunch
	PexOutgoing   PexFlags = 0x10 // was reachable
)

// PexContact is a peer that another is connected to.
type PexContact struct {
	Addr  netip.AddrPort
	Flags PexFlags
}

// Pex is the payload of a message of ut_pex (BEP 11). Each list has IPv4
// contacts before IPv6 ones, and there are at most [MaxPexContacts] of a family.
type Pex struct {
	Added   []PexContact
	Dropped []netip.AddrPort

	// Fault is the first defect that reading passed over; nil if there is
	// none. It is not written.
	Fault *Error
}

// Append appends the payload: the lists of both families that have a contact,
// and added even if it is empty where there is none at all. BEP11-PEX-008,
// BEP11-PEX-009
func (p *Pex) Append(b []byte) []byte {
	var added, flags, dropped [2][]byte
	for _, c := range p.Added {
		family := familyOf(c.Addr)
		added[family] = appendCompact(added[family], c.Addr)
		flags[family] = append(flags[family], byte(c.Flags))
	}
	for _, addr := range p.Dropped {
		family := familyOf(addr)
		dropped[family] = appendCompact(dropped[family], addr)
	}
	dict := make(map[string]any)
	for family, suffix := range [2]string{"", "6"} {
		if len(added[family]) > 0 {
			dict["added"+suffix] = added[family]
			dict["added"+suffix+".f"] = flags[family]
		}
		if len(dropped[family]) > 0 {
			dict["dropped"+suffix] = dropped[family]
		}
	}
	if len(dict) == 0 {
		dict["added"] = ""
	}
	return bencode.MustAppend(b, dict)
}

// ParsePex reads the payload of a message of ut_pex.
//
// It is lenient, because contacts are untrusted anyway: keys may be out of
// order, a list that is no whole number of contacts is as if it were absent,
// so is a contact with port 0, and flags may be missing. The Fault tells. The
// error, an *[Error], is left for a payload that begins with no bencoded
// dictionary. BEP11-PEX-009, BEP11-PEX-013
func ParsePex(payload []byte) (Pex, error) {
	var p Pex
	v, err := parseDict(payload, "BEP11-PEX-009", "a message of ut_pex")
	if err != nil {
		return p, err
	}
	lists := false
	for family, suffix := range [2]string{"", "6"} {
		size := [2]int{6, 18}[family]
		added, hasAdded := p.list(v, "added"+suffix, size)
		dropped, hasDropped := p.list(v, "dropped"+suffix, size)
		lists = lists || hasAdded || hasDropped
		flags := p.flags(v, "added"+suffix+".f", len(added)/size)
		for i := 0; i < len(added) && i/size < MaxPexContacts; i += size {
			if addr, ok := p.contact(added[i : i+size]); ok {
				c := PexContact{Addr: addr}
				if i/size < len(flags) {
					c.Flags = PexFlags(flags[i/size])
				}
				p.Added = append(p.Added, c)
			}
		}
		for i := 0; i < len(dropped) && i/size < MaxPexContacts; i += size {
			if addr, ok := p.contact(dropped[i : i+size]); ok {
				p.Dropped = append(p.Dropped, addr)
			}
		}
	}
	if !lists {
		p.fault("BEP11-PEX-008", "none of added, added6, dropped and dropped6 is there")
	}
	return p, nil
}

// list is the string under a key, if it is a row of entries.
func (p *Pex) list(v bencode.Value, key string, size int) (list []byte, present bool) {
	value, present := v.Get(key)
	list, ok := value.Bytes()
	if present && (!ok || len(list)%size != 0) {
		p.fault("BEP11-PEX-009", fmt.Sprintf("%s is not a string of %d bytes a contact", key, size))
		return nil, present
	}
	if len(list)/size > MaxPexContacts {
		p.fault("BEP11-PEX-007", fmt.Sprintf("%s has more than %d contacts", key, MaxPexContacts))
	}
	return list, present
}

// flags is the string of one byte for each of n contacts. It may be absent.
func (p *Pex) flags(v bencode.Value, key string, n int) []byte {
	value, present := v.Get(key)
	flags, _ := value.Bytes()
	if present && len(flags) != n {
		p.fault("BEP11-PEX-009", fmt.Sprintf("%s has %d flags for %d contacts", key, len(flags), n))
	}
	return flags
}

func (p *Pex) contact(b []byte) (netip.AddrPort, bool) {
	ip, _ := netip.AddrFromSlice(b[:len(b)-2])
	port := binary.BigEndian.Uint16(b[len(b)-2:])
	if port == 0 {
		p.fault("BEP11-PEX-013", fmt.Sprintf("the port of %v is 0", ip))
	}
	return netip.AddrPortFrom(ip.Unmap(), port), port != 0
}

func (p *Pex) fault(clause, what string) {
	if p.Fault == nil {
		p.Fault = &Error{clause, what}
	}
}

// familyOf is 0 for IPv4, also in its IPv6 form, and 1 for IPv6.
func familyOf(addr netip.AddrPort) int {
	if addr.Addr().Unmap().Is4() {
		return 0
	}
	return 1
}

// appendCompact appends an address and a port in network order.
func appendCompact(b []byte, addr netip.AddrPort) []byte {
	b = append(b, addr.Addr().Unmap().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, addr.Port())
}
