package dht

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// Query is one that the target sent to an address of the harness.
type Query struct {
	At     time.Duration
	From   netip.AddrPort
	To     *Peer // who was asked
	T      []byte
	Method string
	ID     kademlia.ID // the querying node's
	Args   bencode.Value
	Msg    bencode.Value
	Raw    []byte
}

// Handler answers one query, now or later, or not at all.
type Handler func(*Query)

func newQuery(p *Peer, d conformance.Datagram, msg bencode.Value) *Query {
	q := &Query{At: d.At, From: d.From, To: p, Msg: msg, Raw: d.Data}
	q.Args, _ = msg.Get("a")
	q.Method, _ = field(msg, "q")
	tx, _ := field(msg, "t")
	q.T = []byte(tx)
	if id, ok := field(q.Args, "id"); ok && len(id) == len(q.ID) {
		copy(q.ID[:], id)
	}
	return q
}

// Key is the 20-byte argument of that name; ok is false if it is not there.
func (q *Query) Key(name string) (id kademlia.ID, ok bool) {
	s, _ := field(q.Args, name)
	if len(s) != len(id) {
		return id, false
	}
	return kademlia.ID([]byte(s)), true
}

// Reply answers with the responder's id and r; the keys of top join the top level.
func (q *Query) Reply(r Dict, top ...Dict) {
	msg := Dict{"t": q.T, "y": "r", "r": merge(Dict{"id": q.To.ID[:]}, r)}
	for _, m := range top {
		msg = merge(msg, m)
	}
	q.To.sock.SendTo(q.From, Encode(msg), "response to "+q.Method)
}

// Error answers with an error.
func (q *Query) Error(code int, text string) {
	msg := Dict{"t": q.T, "y": "e", "e": []any{code, text}}
	q.To.sock.SendTo(q.From, Encode(msg), "error to "+q.Method)
}

// Malformed answers with any message; the note says what is wrong with it.
// It goes to the target's first address.
func (q *Query) Malformed(msg Dict, note string) { q.To.sock.SendMalformed(Encode(msg), note) }

// Node is a scripted DHT node at an address of its own. Its handlers answer as
// BEP 5 says; a case replaces those that it scripts.
type Node struct {
	*Peer
	// Known are the nodes that it hands out, the closest first.
	Known func(target kademlia.ID) []Contact
}

// NewNode opens a node at a source address of its own. It knows no others.
func NewNode(t *conformance.T, id kademlia.ID) *Node { return NewNodeAt(t, id, netip.AddrPort{}) }

// NewNodeAt opens a node at the given address.
func NewNodeAt(t *conformance.T, id kademlia.ID, local netip.AddrPort) *Node {
	n := &Node{Peer: NewPeerAt(t, local), Known: func(kademlia.ID) []Contact { return nil }}
	n.ID = id
	n.On["ping"] = n.Pong
	n.On["find_node"] = n.FindNode
	n.On["get_peers"] = n.GetPeers
	n.On["announce_peer"] = n.Pong
	n.On["get"] = n.GetPeers
	n.On["put"] = n.Pong
	n.On["sample_infohashes"] = n.Sample
	return n
}

// Contact is what other nodes hand out of this one.
func (n *Node) Contact() Contact { return Contact{ID: n.ID, Addr: n.Addr()} }

// String is id@address.
func (n *Node) String() string { return n.ID.String() + "@" + n.Addr().String() }

// Token is what this node gives in answer to get_peers and get.
func (n *Node) Token() []byte { return append([]byte("token "), n.ID[:4]...) }

// Pong answers with the id alone, as to ping, announce_peer and put.
func (n *Node) Pong(q *Query) { q.Reply(nil) }

// FindNode answers with the closest known nodes.
func (n *Node) FindNode(q *Query) { q.Reply(n.Nearest(q)) }

// GetPeers answers with a token and the closest known nodes.
func (n *Node) GetPeers(q *Query) { q.Reply(merge(n.Nearest(q), Dict{"token": n.Token()})) }

// Sample answers with no samples and the closest known nodes.
func (n *Node) Sample(q *Query) {
	q.Reply(merge(n.Nearest(q), Dict{"samples": "", "num": 0, "interval": 0}))
}

// Nearest is "nodes" and "nodes6" for the key that the query asks for; each is
// there if such a node is known, and "nodes" to IPv4 queries always.
func (n *Node) Nearest(q *Query) Dict {
	key, ok := q.Key("target")
	if !ok {
		key, _ = q.Key("info_hash")
	}
	var four, six []byte
	for _, c := range n.Known(key) {
		if c.Addr.Addr().Is4() {
			four = appendContact(four, c)
		} else {
			six = appendContact(six, c)
		}
	}
	r := Dict{}
	if len(four) > 0 || q.From.Addr().Is4() {
		r["nodes"] = four
	}
	if len(six) > 0 {
		r["nodes6"] = six
	}
	return r
}

// appendContact writes compact node info.
func appendContact(b []byte, c Contact) []byte {
	return append(append(b, c.ID[:]...), compact(c.Addr)...)
}

// Asked are the queries with the method; "" counts all.
func (p *Peer) Asked(method string) []*Query {
	var out []*Query
	for _, q := range p.Queries {
		if method == "" || q.Method == method {
			out = append(out, q)
		}
	}
	return out
}

// isOne reports whether v is the integer 1.
func isOne(v bencode.Value) bool {
	n, ok := v.Int64()
	return ok && n == 1
}
