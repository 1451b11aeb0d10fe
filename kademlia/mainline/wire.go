package mainline

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

const (
	// MaxDatagram bounds what Parse reads, in bytes: four times the largest
	// message a node may send (BEP 32), and less than a response to a scrape
	// needs to be harmful.
	MaxDatagram = 4096

	// maxTransaction bounds the transaction id, which is echoed, in bytes.
	// Known clients use 2 to 20; this leaves room for all else in a reply.
	maxTransaction = 64

	// maxNesting bounds the depth of the envelope and of an item inside it.
	maxNesting = 64

	compact4 = 4 + 2  // bytes of a compact IPv4 address and port
	compact6 = 16 + 2 // the same for IPv6
)

var (
	errTooLong     = errors.New("mainline: datagram exceeds 4096 bytes")
	errNotDict     = errors.New("mainline: message is not a dictionary (BEP05-KRPC-001)")
	errTransaction = errors.New("mainline: t is missing or too long (BEP05-KRPC-001)")
	errKind        = errors.New("mainline: y is not q, r or e (BEP05-KRPC-001)")
	errMethod      = errors.New("mainline: query without a method (BEP05-KRPC-003)")
)

// Codec is the wire format of KRPC.
type Codec struct{}

// AppendMessage is the function of the same name.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) { return AppendMessage(b, m) }

// ParseMessage is the function of the same name.
func (Codec) ParseMessage(b []byte) (spec.Message, error) { return ParseMessage(b) }

// ParseMessage returns a new Message that borrows from b. See [Message.Parse].
func ParseMessage(b []byte) (spec.Message, error) {
	m := new(Message)
	if err := m.Parse(b); err != nil {
		return nil, err
	}
	return m, nil
}

// Parse sets m to the message in b, reusing the capacity of its slices, and
// borrows from b. It does not allocate for queries with known methods.
//
// An error means that the sender is not owed a reply: b is not bencoded, or
// is not a KRPC message. Anything else that is wrong with a query, be it
// bencoding that is not canonical, leaves its first defect in m.Fault. Keys
// that are not known are ignored. BEP05-KRPC-001, BEP05-KRPC-007,
// BEP05-KRPC-009
func (m *Message) Parse(b []byte) error {
	*m = Message{Nodes: m.Nodes[:0], Nodes6: m.Nodes6[:0], Values: m.Values[:0]}
	if len(b) > MaxDatagram {
		return errTooLong
	}
	v, err := bencode.Parse(b, bencode.Options{MaxDepth: maxNesting})
	if err == nil {
		body, err := m.parseEnvelope(v)
		if err == nil {
			m.parseBody(body)
		}
		return err
	}
	// A querier that writes sloppily can be told so, if it can be understood.
	v, lenient := bencode.Parse(b, bencode.Options{MaxDepth: maxNesting, Lenient: true})
	if lenient != nil {
		return err
	}
	body, envelope := m.parseEnvelope(v)
	if envelope != nil || m.Kind != Query {
		return err
	}
	m.Fault = Fault{"BEP05-KRPC-009", "not canonical bencoding"}
	if item, ok := body.Get("v"); ok {
		if _, err := bencode.Parse(item.Raw(), bencode.Options{}); err != nil {
			m.Fault = Fault{"BEP44-ITEM-010", "v is not canonical bencoding"}
		}
	}
	return nil
}

// parseEnvelope reads the outer dictionary and returns the element that the
// kind of message makes its body: a, r or e.
func (m *Message) parseEnvelope(v bencode.Value) (body bencode.Value, err error) {
	var args, values, failure bencode.Value
	if v.Kind() != bencode.Dict {
		return body, errNotDict
	}
	for key, val := range v.Entries() {
		switch string(key) {
		case "a":
			args = val
		case "e":
			failure = val
		case "ip":
			m.parseIP(val)
		case "q":
			m.parseMethod(val)
		case "r":
			values = val
		case "ro":
			m.setFlag(&m.ReadOnly, val, "ro is not an integer")
		case "t":
			m.T, _ = val.Bytes()
		case "v":
			m.V, _ = val.Bytes()
		case "y":
			if y, _ := val.Bytes(); len(y) == 1 {
				m.Kind = Kind(y[0])
			}
		}
	}
	switch {
	case m.T == nil || len(m.T) > maxTransaction:
		return body, errTransaction
	case m.Kind == Query && m.Method == "":
		return body, errMethod
	case m.Kind == Query:
		return args, nil
	case m.Kind == Response:
		return values, nil
	case m.Kind == Error:
		return failure, nil
	}
	return body, errKind
}

// parseMethod keeps the usual methods from allocating a string.
func (m *Message) parseMethod(val bencode.Value) {
	q, _ := val.Bytes()
	switch string(q) {
	case MethodPing:
		m.Method = MethodPing
	case MethodFindNode:
		m.Method = MethodFindNode
	case MethodGetPeers:
		m.Method = MethodGetPeers
	case MethodAnnouncePeer:
		m.Method = MethodAnnouncePeer
	case MethodGet:
		m.Method = MethodGet
	case MethodPut:
		m.Method = MethodPut
	case MethodSampleInfohashes:
		m.Method = MethodSampleInfohashes
	default:
		m.Method = string(q)
	}
}

func (m *Message) parseBody(body bencode.Value) {
	if m.Kind == Error {
		m.parseError(body)
		return
	}
	if body.Kind() != bencode.Dict {
		m.fault("BEP05-KRPC-009", "arguments or return values are missing")
		return
	}
	for key, val := range body.Entries() {
		m.parseField(key, val)
	}
	switch {
	case m.has(HasID):
	case m.Kind == Query:
		m.fault("BEP05-KRPC-003", "id is missing")
	default:
		m.fault("BEP05-KRPC-004", "id is missing")
	}
}

// parseField reads one key of a or r. The keys of both are known together: no
// method has one that means something else in a response.
func (m *Message) parseField(key []byte, val bencode.Value) {
	switch string(key) {
	case "BFpe":
		m.setFilter(&m.BFpe, val)
	case "BFsd":
		m.setFilter(&m.BFsd, val)
	case "cas":
		m.setInt(&m.CAS, HasCAS, val, "cas is not an integer")
	case "id":
		m.setID(&m.ID, HasID, val, "id is not 20 bytes")
	case "implied_port":
		n, ok := val.Int64()
		if m.ImpliedPort = n != 0; !ok { // BEP05-RPC-008: any other than 0
			m.fault("BEP05-KRPC-009", "implied_port is not an integer")
		}
	case "info_hash":
		m.setID(&m.InfoHash, HasInfoHash, val, "info_hash is not 20 bytes")
	case "interval":
		m.setInt(&m.Interval, HasInterval, val, "interval is not an integer")
	case "k":
		m.setBytes(&m.K, val, "k is not a string")
	case "nodes":
		m.parseNodes(&m.Nodes, HasNodes, compact4, val)
	case "nodes6":
		m.parseNodes(&m.Nodes6, HasNodes6, compact6, val)
	case "noseed":
		m.setFlag(&m.NoSeed, val, "noseed is not an integer")
	case "num":
		m.setInt(&m.Num, HasNum, val, "num is not an integer")
	case "port":
		// With implied_port any port is fine, so a bad one is merely absent.
		if port, ok := val.Int64(); ok && port >= 0 && port <= 65535 {
			m.Port = uint16(port)
			m.Has |= HasPort
		}
	case "salt":
		m.setBytes(&m.Salt, val, "salt is not a string")
	case "samples":
		m.setBytes(&m.Samples, val, "samples is not a string")
		if len(m.Samples)%len(kademlia.ID{}) != 0 {
			m.Samples = nil
			m.fault("BEP51-SAMPLE-001", "samples is not a multiple of 20 bytes")
		}
	case "scrape":
		m.setFlag(&m.Scrape, val, "scrape is not an integer")
	case "seed":
		m.setFlag(&m.Seed, val, "seed is not an integer")
	case "seq":
		m.setInt(&m.Seq, HasSeq, val, "seq is not an integer")
	case "sig":
		m.setBytes(&m.Sig, val, "sig is not a string")
	case "target":
		m.setID(&m.Target, HasTarget, val, "target is not 20 bytes")
	case "token":
		m.setBytes(&m.Token, val, "token is not a string")
	case "v":
		m.Item = val.Raw()
	case "values":
		m.parseValues(val)
	case "want":
		m.parseWant(val)
	}
}

// fault records a defect unless there is an earlier one.
func (m *Message) fault(clause, text string) {
	if m.Fault.Clause == "" {
		m.Fault = Fault{clause, text}
	}
}

func (m *Message) setID(id *kademlia.ID, has Fields, val bencode.Value, fault string) {
	b, _ := val.Bytes()
	if len(b) != len(id) {
		m.fault("BEP05-KRPC-009", fault)
		return
	}
	*id = kademlia.ID(b)
	m.Has |= has
}

// setInt refuses what 64 bits do not hold, such as a seq that BEP 44 does not
// allow. BEP44-ITEM-020
func (m *Message) setInt(n *int64, has Fields, val bencode.Value, fault string) {
	var ok bool
	if *n, ok = val.Int64(); !ok {
		m.fault("BEP05-KRPC-009", fault)
		return
	}
	m.Has |= has
}

// setFlag sets a flag that 1 means and nothing else. BEP33-SCRAPE-009
func (m *Message) setFlag(flag *bool, val bencode.Value, fault string) {
	n, ok := val.Int64()
	if !ok {
		m.fault("BEP05-KRPC-009", fault)
	}
	*flag = n == 1
}

func (m *Message) setBytes(s *[]byte, val bencode.Value, fault string) {
	var ok bool
	if *s, ok = val.Bytes(); !ok {
		m.fault("BEP05-KRPC-009", fault)
	}
}

func (m *Message) setFilter(filter *[]byte, val bencode.Value) {
	b, _ := val.Bytes()
	if len(b) != FilterSize {
		m.fault("BEP33-SCRAPE-003", "filter is not 256 bytes")
		return
	}
	*filter = b
}

// parseIP reads the receiver's own address. BEP42-SEC-002
func (m *Message) parseIP(val bencode.Value) {
	b, _ := val.Bytes()
	var ok bool
	if m.IP, ok = parseCompact(b); !ok {
		m.fault("BEP42-SEC-002", "ip is not 6 or 18 bytes")
	}
}

// parseNodes reads compact node info. A string of a wrong length is no list
// of nodes at all: where its entries begin is anyone's guess.
// BEP05-KRPC-013, BEP05-KRPC-014, BEP32-DHT6-009
func (m *Message) parseNodes(
	nodes *[]kademlia.Contact, has Fields, compact int, val bencode.Value,
) {
	b, ok := val.Bytes()
	const idLen = len(kademlia.ID{})
	if !ok || len(b)%(idLen+compact) != 0 {
		m.fault("BEP05-KRPC-014", "nodes or nodes6 is not a whole number of nodes")
		return
	}
	for ; len(b) > 0; b = b[idLen+compact:] {
		addr, _ := parseCompact(b[idLen : idLen+compact])
		*nodes = append(*nodes, kademlia.Contact{ID: kademlia.ID(b[:idLen]), Addr: addr})
	}
	m.Has |= has
}

// parseValues reads the list of compact peers, in which both families may
// occur. BEP05-RPC-004, BEP32-DHT6-004
func (m *Message) parseValues(val bencode.Value) {
	if val.Kind() != bencode.List {
		m.fault("BEP05-RPC-004", "values is not a list")
		return
	}
	for peer := range val.Items() {
		b, _ := peer.Bytes()
		if addr, ok := parseCompact(b); ok {
			m.Values = append(m.Values, addr)
		} else {
			m.fault("BEP05-RPC-004", "values holds something other than 6 or 18 bytes")
		}
	}
	m.Has |= HasValues
}

// parseWant ignores strings that it does not know. BEP32-DHT6-006
func (m *Message) parseWant(val bencode.Value) {
	if val.Kind() != bencode.List {
		m.fault("BEP32-DHT6-006", "want is not a list")
		return
	}
	for family := range val.Items() {
		switch s, _ := family.Bytes(); string(s) {
		case "n4":
			m.Want |= IPv4
		case "n6":
			m.Want |= IPv6
		}
	}
	m.Has |= HasWant
}

// parseError reads the list of code and text. BEP05-KRPC-005
func (m *Message) parseError(list bencode.Value) {
	i := 0
	for val := range list.Items() {
		switch i {
		case 0:
			if code, ok := val.Int64(); ok && code == int64(int32(code)) {
				m.Code = int32(code)
			}
		case 1:
			text, _ := val.Bytes()
			m.Text = string(text)
		}
		i++
	}
	if i < 2 || m.Code == 0 {
		m.fault("BEP05-KRPC-005", "e is not a list of a code and a text")
	}
}

// parseCompact reads an address and port of 6 or 18 bytes.
func parseCompact(b []byte) (netip.AddrPort, bool) {
	if len(b) != compact4 && len(b) != compact6 {
		return netip.AddrPort{}, false
	}
	ip, _ := netip.AddrFromSlice(b[:len(b)-2])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[len(b)-2:])), true
}
