package mainline

import (
	"crypto/ed25519"
	"crypto/sha1"
	"errors"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
)

// maxNodesTaken bounds the nodes that are taken from one answer, which should
// hold K of each family.
const maxNodesTaken = 32

// walk is the lookup of a command in one family.
type walk struct {
	lookup kademlia.Lookup
	grants []grant // by distance to the target
}

// grant is a node's permission to store something on it.
type grant struct {
	kademlia.Contact
	token []byte
	holds bool // something is already stored there (BEP 44)
}

// startWalk begins a command that starts with a lookup. BEP05-RPC-011
func (n *step) startWalk(o *op) {
	if n.begin(o) {
		n.seed(o, nil)
		n.progress(o)
	}
}

// seed sets up the lookups of o, from the routing tables and from what else is
// known.
func (n *Node) seed(o *op, known []kademlia.Contact) {
	for i := range n.families {
		f := &n.families[i]
		if !f.on {
			continue
		}
		lookup, err := kademlia.NewLookup(kademlia.LookupConfig{
			Target: o.target, Self: n.id, K: n.cfg.K, Alpha: n.cfg.Alpha,
		})
		if err != nil {
			panic("mainline: " + err.Error()) // withDefaults checked it all
		}
		notBad := func(e *kademlia.Entry) bool { return f.table.Status(e, n.now) != kademlia.Bad }
		lookup.Add(f.table.Closest(o.target, n.cfg.K, notBad, nil))
		for _, c := range known {
			if familyOf(c.Addr) == i && n.usable(c) {
				lookup.Add([]kademlia.Contact{c})
			}
		}
		o.walks[i].lookup = lookup
	}
}

// advance asks the next nodes of a lookup.
func (n *step) advance(o *op, w *walk) {
	var buf [kademlia.MaxAlpha]kademlia.Contact
	for _, c := range w.lookup.Next(buf[:0]) {
		q := query{role: roleWalk, known: true, to: c.Addr, id: c.ID, op: o.serial}
		n.ask(q, n.question(o))
	}
}

// question is the query that the lookup of o asks every node. Only a bootstrap
// asks for nodes of both families: later each DHT looks after itself.
// BEP32-DHT6-012, BEP32-DHT6-013
func (n *Node) question(o *op) Message {
	switch o.kind {
	case opGetPeers, opAnnounce:
		return Message{
			Method: MethodGetPeers, Has: HasInfoHash, InfoHash: o.target,
			Scrape: o.scrape, NoSeed: o.noSeed,
		}
	case opGetItem, opPut:
		return Message{Method: MethodGet, Has: HasTarget, Target: o.target}
	}
	m := Message{Method: MethodFindNode, Has: HasTarget, Target: o.target}
	if o.kind == opBootstrap && n.families[0].on && n.families[1].on {
		m.Want, m.Has = IPv4|IPv6, m.Has|HasWant
	}
	return m
}

// feed gives the answer to a step to the lookups and keeps what came with it.
func (n *Node) feed(o *op, q query, m *Message) {
	for i, contacts := range [...][]kademlia.Contact{m.Nodes, m.Nodes6} {
		if !n.families[i].on {
			continue
		}
		taken := make([]kademlia.Contact, 0, maxNodesTaken)
		for _, c := range contacts[:min(len(contacts), maxNodesTaken)] {
			if familyOf(c.Addr) == i && n.usable(c) {
				taken = append(taken, c)
			}
		}
		if lookup := &o.walks[i].lookup; familyOf(q.to) == i && q.role == roleWalk {
			lookup.Answered(m.ID, taken)
		} else {
			lookup.Add(taken)
		}
	}
	from := kademlia.Contact{ID: m.ID, Addr: q.to}
	if q.role == roleSeed && n.usable(from) {
		o.walks[familyOf(q.to)].lookup.Add([]kademlia.Contact{from})
	}
	switch o.kind {
	case opGetPeers, opAnnounce:
		o.takePeers(m)
		n.grant(o, from, m)
	case opGetItem:
		o.takeItem(m)
	case opPut:
		n.grant(o, from, m)
	}
}

// grant keeps the token in m, if it comes from one of the K closest that gave
// any. Nodes without one, or with one of absurd length, cannot be stored on.
// BEP05-RPC-010, BEP05-RPC-012, BEP33-SCRAPE-008
func (n *Node) grant(o *op, from kademlia.Contact, m *Message) {
	if len(m.Token) == 0 || len(m.Token) > maxToken {
		return
	}
	w := &o.walks[familyOf(from.Addr)]
	i, _ := slices.BinarySearchFunc(w.grants, from.ID, func(g grant, id kademlia.ID) int {
		return kademlia.Compare(o.target, g.ID, id)
	})
	if i < n.cfg.K {
		w.grants = slices.Insert(w.grants, i, grant{
			Contact: from, token: slices.Clone(m.Token), holds: m.Item != nil,
		})
		w.grants = w.grants[:min(len(w.grants), n.cfg.K)]
	}
}

// takePeers keeps the peers and filters of one answer. BEP32-DHT6-004
func (o *op) takePeers(m *Message) {
	for _, peer := range m.Values {
		if !peer.IsValid() || peer.Port() == 0 || len(o.peers) == MaxPeersFound {
			continue
		}
		if i, known := slices.BinarySearchFunc(o.peers, peer, netip.AddrPort.Compare); !known {
			o.peers = slices.Insert(o.peers, i, peer)
		}
	}
	if o.scrape {
		o.seeds = union(o.seeds, m.BFsd)
		o.downloaders = union(o.downloaders, m.BFpe)
	}
}

// union adds the filter in b, if there is one, to f. BEP33-SCRAPE-004
func union(f *Filter, b []byte) *Filter {
	if len(b) != FilterSize {
		return f
	}
	if f == nil {
		f = new(Filter)
	}
	for i := range f {
		f[i] |= b[i]
	}
	return f
}

// takeItem keeps the item of an answer that refuseItem let through, if it is
// the newest so far. BEP44-ITEM-016
func (o *op) takeItem(m *Message) {
	switch {
	case m.Item == nil, o.found && m.Seq <= o.item.Seq:
	case m.K == nil:
		o.item, o.found = Item{V: slices.Clone(m.Item)}, true
	default:
		o.item = o.itemIn(m)
		o.item.V, o.found = slices.Clone(m.Item), true
	}
}

// itemIn is the mutable item in m, borrowed from it.
func (o *op) itemIn(m *Message) Item {
	it := Item{Mutable: true, V: m.Item, Salt: o.item.Salt, Seq: m.Seq}
	copy(it.K[:], m.K)
	copy(it.Sig[:], m.Sig)
	return it
}

var (
	errForeignItem  = errors.New("the item does not belong to the target")
	errInvalidItem  = errors.New("the item has no valid signature")
	errMutableShape = errors.New("k, sig or seq of a mutable item is missing or of a wrong size")
)

// refuseItem says why the item in a response is not what was asked for. The
// whole answer of a node that lies is worth nothing. BEP44-ITEM-014,
// BEP44-ITEM-015
func (o *op) refuseItem(m *Message) (clause string, err error) {
	switch {
	case m.Item == nil:
	case m.K == nil:
		if len(m.Item) > MaxItem || sha1.Sum(m.Item) != o.target {
			return "BEP44-ITEM-015", errForeignItem
		}
	case len(m.K) != ed25519.PublicKeySize || len(m.Sig) != ed25519.SignatureSize || !m.has(HasSeq):
		return "BEP44-ITEM-014", errMutableShape
	default:
		it := o.itemIn(m)
		if it.Target() != o.target {
			return "BEP44-ITEM-014", errForeignItem
		}
		if code, _ := it.Fault(); code != 0 {
			return "BEP44-ITEM-014", errInvalidItem
		}
	}
	return "", nil
}

// store sends the announces or puts of o, to the closest nodes that gave
// tokens. BEP05-RPC-010
func (n *step) store(o *op) {
	o.storing = true
	for i := range o.walks {
		for _, g := range o.walks[i].grants {
			o.waiting++
			q := query{role: roleStore, known: true, to: g.Addr, id: g.ID, op: o.serial}
			n.ask(q, o.storeMessage(g))
		}
	}
	if o.waiting == 0 {
		n.finish(o, nil, ErrNotStored)
	}
}

// storeMessage asks one node to store. A node that holds nothing has nothing
// to compare cas with. BEP33-SCRAPE-002, BEP44-ITEM-019
func (o *op) storeMessage(g grant) Message {
	if o.kind == opAnnounce {
		return Message{
			Method: MethodAnnouncePeer, Has: HasInfoHash | HasPort, InfoHash: o.target,
			Port: o.port, ImpliedPort: o.impliedPort, Seed: o.seed, Token: g.token,
		}
	}
	m := Message{Method: MethodPut, Token: g.token, Item: o.item.V}
	if o.item.Mutable {
		m.K, m.Sig, m.Salt = o.item.K[:], o.item.Sig[:], o.item.Salt
		m.Seq, m.Has = o.item.Seq, HasSeq
	}
	if o.hasCAS && g.holds {
		m.CAS, m.Has = o.cas, m.Has|HasCAS
	}
	return m
}

func (n *step) finishStore(o *op) {
	switch {
	case o.took == 0 && o.refusal.Code != 0:
		refusal := o.refusal
		n.finish(o, nil, &refusal)
	case o.took == 0:
		n.finish(o, nil, ErrNotStored)
	case o.kind == opAnnounce:
		n.finish(o, Announced{InfoHash: o.target, Nodes: o.took, Peers: o.peers}, nil)
	default:
		n.finish(o, ItemStored{Target: o.target, Nodes: o.took}, nil)
	}
}
