package mainline

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// AppendMessage appends the bencoding of m, a *Message, with its keys in
// order. m.Item is copied as it is; the caller answers for its being bencoded.
// An error, which leaves b as it was, means that m has no encoding: its kind
// is not one of the three, or an address is of the wrong family.
func AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	msg, ok := m.(*Message)
	if !ok {
		return b, fmt.Errorf("mainline: cannot encode a %T", m)
	}
	return msg.appendTo(b)
}

func (m *Message) appendTo(b []byte) ([]byte, error) {
	if err := m.encodable(); err != nil {
		return b, err
	}
	b = append(b, 'd')
	switch m.Kind {
	case Query:
		b = m.appendBody(append(b, "1:a"...))
	case Error:
		b = bencode.AppendInt(append(b, "1:el"...), int64(m.Code))
		b = append(bencode.AppendString(b, m.Text), 'e')
	}
	if m.IP.IsValid() {
		b = appendCompactString(append(b, "2:ip"...), m.IP)
	}
	switch m.Kind {
	case Query:
		b = bencode.AppendString(append(b, "1:q"...), m.Method)
	case Response:
		b = m.appendBody(append(b, "1:r"...))
	}
	b = appendFlag(b, "2:ro", m.ReadOnly)
	b = bencode.AppendBytes(append(b, "1:t"...), m.T)
	b = appendString(b, "1:v", m.V)
	return append(b, '1', ':', 'y', '1', ':', byte(m.Kind), 'e'), nil
}

func (m *Message) encodable() error {
	if m.Kind != Query && m.Kind != Response && m.Kind != Error {
		return errKind
	}
	for _, c := range m.Nodes {
		if !c.Addr.Addr().Is4() {
			return fmt.Errorf("mainline: nodes cannot hold %v", c.Addr)
		}
	}
	for _, c := range m.Nodes6 {
		if !c.Addr.Addr().Is6() {
			return fmt.Errorf("mainline: nodes6 cannot hold %v", c.Addr)
		}
	}
	for _, peer := range m.Values {
		if !peer.IsValid() {
			return fmt.Errorf("mainline: values cannot hold %v", peer)
		}
	}
	return nil
}

// appendBody appends the dictionary of arguments or return values.
func (m *Message) appendBody(b []byte) []byte {
	b = append(b, 'd')
	b = appendString(b, "4:BFpe", m.BFpe)
	b = appendString(b, "4:BFsd", m.BFsd)
	b = m.appendInt(b, "3:cas", HasCAS, m.CAS)
	b = m.appendID(b, "2:id", HasID, m.ID)
	b = appendFlag(b, "12:implied_port", m.ImpliedPort)
	b = m.appendID(b, "9:info_hash", HasInfoHash, m.InfoHash)
	b = m.appendInt(b, "8:interval", HasInterval, m.Interval)
	b = appendString(b, "1:k", m.K)
	b = m.appendNodes(b, "5:nodes", HasNodes, m.Nodes, compact4)
	b = m.appendNodes(b, "6:nodes6", HasNodes6, m.Nodes6, compact6)
	b = appendFlag(b, "6:noseed", m.NoSeed)
	b = m.appendInt(b, "3:num", HasNum, m.Num)
	b = m.appendInt(b, "4:port", HasPort, int64(m.Port))
	b = appendString(b, "4:salt", m.Salt)
	b = appendString(b, "7:samples", m.Samples)
	b = appendFlag(b, "6:scrape", m.Scrape)
	b = appendFlag(b, "4:seed", m.Seed)
	b = m.appendInt(b, "3:seq", HasSeq, m.Seq)
	b = appendString(b, "3:sig", m.Sig)
	b = m.appendID(b, "6:target", HasTarget, m.Target)
	b = appendString(b, "5:token", m.Token)
	if m.Item != nil {
		b = append(append(b, "1:v"...), m.Item...)
	}
	b = m.appendValues(b)
	b = m.appendWant(b)
	return append(b, 'e')
}

// The functions below append a key, already bencoded, and its value, or
// nothing when the field is absent.

func appendString(b []byte, key string, s []byte) []byte {
	if s == nil {
		return b
	}
	return bencode.AppendBytes(append(b, key...), s)
}

func appendFlag(b []byte, key string, flag bool) []byte {
	if !flag {
		return b
	}
	return append(append(b, key...), "i1e"...)
}

func (m *Message) appendInt(b []byte, key string, has Fields, n int64) []byte {
	if !m.has(has) {
		return b
	}
	return bencode.AppendInt(append(b, key...), n)
}

func (m *Message) appendID(b []byte, key string, has Fields, id kademlia.ID) []byte {
	if !m.has(has) {
		return b
	}
	return append(append(append(b, key...), "20:"...), id[:]...)
}

func (m *Message) appendNodes(
	b []byte, key string, has Fields, nodes []kademlia.Contact, compact int,
) []byte {
	if !m.has(has) {
		return b
	}
	b = appendLength(append(b, key...), len(nodes)*(len(kademlia.ID{})+compact))
	for _, c := range nodes {
		b = appendCompact(append(b, c.ID[:]...), c.Addr)
	}
	return b
}

func (m *Message) appendValues(b []byte) []byte {
	if !m.has(HasValues) {
		return b
	}
	b = append(b, "6:valuesl"...)
	for _, peer := range m.Values {
		b = appendCompactString(b, peer)
	}
	return append(b, 'e')
}

func (m *Message) appendWant(b []byte) []byte {
	if !m.has(HasWant) {
		return b
	}
	b = append(b, "4:wantl"...)
	if m.Want&IPv4 != 0 {
		b = append(b, "2:n4"...)
	}
	if m.Want&IPv6 != 0 {
		b = append(b, "2:n6"...)
	}
	return append(b, 'e')
}

// appendLength appends the prefix of a string of n bytes.
func appendLength(b []byte, n int) []byte {
	return append(strconv.AppendInt(b, int64(n), 10), ':')
}

func appendCompactString(b []byte, addr netip.AddrPort) []byte {
	n := compact6
	if addr.Addr().Is4() {
		n = compact4
	}
	return appendCompact(appendLength(b, n), addr)
}

func appendCompact(b []byte, addr netip.AddrPort) []byte {
	if addr.Addr().Is4() {
		ip := addr.Addr().As4()
		b = append(b, ip[:]...)
	} else {
		ip := addr.Addr().As16()
		b = append(b, ip[:]...)
	}
	return binary.BigEndian.AppendUint16(b, addr.Port())
}
