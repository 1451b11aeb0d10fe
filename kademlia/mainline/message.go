package mainline

import (
	"net/netip"

	"github.com/p2pspec/p2pspec/kademlia"
)

// Kind is the value of a message's key y (BEP 5 §KRPC Protocol).
type Kind byte

// The kinds.
const (
	Query    Kind = 'q'
	Response Kind = 'r'
	Error    Kind = 'e'
)

// The methods, values of a query's key q.
const (
	MethodPing             = "ping"              // BEP 5
	MethodFindNode         = "find_node"         // BEP 5
	MethodGetPeers         = "get_peers"         // BEP 5
	MethodAnnouncePeer     = "announce_peer"     // BEP 5
	MethodGet              = "get"               // BEP 44
	MethodPut              = "put"               // BEP 44
	MethodSampleInfohashes = "sample_infohashes" // BEP 51
)

// The error codes, first in the list of an error's key e.
const (
	CodeGeneric       = 201 // BEP 5
	CodeServer        = 202 // BEP 5
	CodeProtocol      = 203 // BEP 5: malformed packet, invalid arguments, bad token
	CodeMethodUnknown = 204 // BEP 5
	CodeValueTooBig   = 205 // BEP 44
	CodeBadSignature  = 206 // BEP 44
	CodeSaltTooBig    = 207 // BEP 44
	CodeCASMismatch   = 301 // BEP 44
	CodeSeqTooOld     = 302 // BEP 44
)

// Fields tells which of a message's fixed-size fields are present. Fields that
// are slices are present when they are not nil, flags when they are true.
type Fields uint16

// The fields, by their names in Message.
const (
	HasID Fields = 1 << iota
	HasTarget
	HasInfoHash
	HasPort
	HasSeq
	HasCAS
	HasWant
	HasNodes
	HasNodes6
	HasValues
	HasNum
	HasInterval
)

// Families is a set of address families, such as the argument want (BEP 32).
type Families byte

// The families.
const (
	IPv4 Families = 1 << iota // "n4"
	IPv6                      // "n6"
)

// Message is one KRPC message of any kind, with every key of the BEPs that the
// package implements. Arguments and return values share one flat list, because
// no key has two meanings; [Fields] tells the absent from the zero.
//
// A parsed message borrows from the datagram. A message inside an effect never
// changes.
type Message struct {
	Kind     Kind           // y
	T        []byte         // t: the transaction id, chosen by the querier
	V        []byte         // v: client and version; nil: absent
	ReadOnly bool           // ro (BEP 43)
	IP       netip.AddrPort // ip: the receiver as the sender sees it (BEP 42)
	Method   string         // q: queries only

	Has      Fields
	ID       kademlia.ID // id: of the sender
	Target   kademlia.ID // target: find_node, get, sample_infohashes
	InfoHash kademlia.ID // info_hash: get_peers, announce_peer
	Token    []byte      // token: leave to write

	Port        uint16   // port: announce_peer; a value out of range is absent
	ImpliedPort bool     // implied_port: store the UDP source port instead
	Want        Families // want (BEP 32); strings other than n4 and n6 are ignored
	Seed        bool     // seed (BEP 33)
	NoSeed      bool     // noseed (BEP 33)
	Scrape      bool     // scrape (BEP 33)

	Nodes  []kademlia.Contact // nodes: 26 bytes each, IPv4
	Nodes6 []kademlia.Contact // nodes6: 38 bytes each, IPv6 (BEP 32)
	Values []netip.AddrPort   // values: peers, 6 or 18 bytes each
	BFsd   []byte             // BFsd: the filter of seeds, FilterSize bytes (BEP 33)
	BFpe   []byte             // BFpe: the filter of downloaders (BEP 33)

	K    []byte // k: Ed25519 public key, 32 bytes (BEP 44)
	Sig  []byte // sig: signature, 64 bytes
	Salt []byte // salt
	Seq  int64  // seq
	CAS  int64  // cas: the seq that put expects to replace
	Item []byte // v in a or r: the stored value, as bencoded

	Samples  []byte // samples: info-hashes, 20 bytes each (BEP 51)
	Num      int64  // num: of info-hashes in store
	Interval int64  // interval: seconds until the next sample

	Code int32  // e[0]: errors only
	Text string // e[1]

	// Fault is the first thing that Parse found wrong inside a well-formed
	// envelope. The field concerned is absent. A query with a fault deserves
	// error 203.
	Fault Fault
}

// Fault is a breach of the protocol in a received message.
type Fault struct {
	Clause string // catalogue id; empty: no fault
	Text   string
}

func (*Message) IsMessage() {}

// has reports whether all the given fields are present.
func (m *Message) has(f Fields) bool { return m.Has&f == f }
