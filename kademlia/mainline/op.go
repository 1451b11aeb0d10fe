package mainline

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// op is a command under way, or a refresh.
type op struct {
	serial uint32
	id     spec.OpID
	kind   opKind

	waiting int32       // for queries other than a lookup's
	walks   [2]walk     // one lookup a family, see familyOf
	storing bool        // the lookups are over, announces or puts are out
	took    int32       // nodes that stored
	refusal RemoteError // the last that a storing node gave; Code 0: none

	target kademlia.ID
	addr   netip.AddrPort // Ping, Sample: the node asked

	port        uint16 // GetPeers, Announce
	impliedPort bool
	seed        bool
	noSeed      bool
	scrape      bool
	peers       []netip.AddrPort // in order
	seeds       *Filter
	downloaders *Filter

	item   Item // GetItem: the best so far; put: what to store
	found  bool
	hasCAS bool
	cas    int64
}

// opKind tells commands apart.
type opKind uint8

const (
	opRefresh opKind = iota // no command: nobody awaits its end
	opBootstrap
	opPing
	opFindNode
	opGetPeers
	opAnnounce
	opGetItem
	opPut
	opSample
)

// bad ends a command that cannot be begun.
func (n *step) bad(id spec.OpID, format string, args ...any) {
	n.done(id, nil, fmt.Errorf("%w: %s", ErrCommand, fmt.Sprintf(format, args...)))
}

// slots is the number of queries that one command may have in flight: the
// lookups of two families, the seeds of a Bootstrap, or the stores.
func (n *Node) slots() int { return max(2*n.cfg.Alpha+MaxBootstrap, 2*n.cfg.K) }

// begin makes o known, or ends it with ErrBusy when the queries of all
// commands, and those left over from ended ones, could exceed MaxPending.
func (n *step) begin(o *op) bool {
	left := 0
	for i := range n.queries {
		if q := &n.queries[i]; q.op == 0 && q.role >= roleSingle {
			left++
		}
	}
	if (len(n.ops)+1)*n.slots()+left > n.cfg.MaxPending {
		n.report(o, nil, ErrBusy)
		return false
	}
	for n.lastOp++; n.lastOp == 0 || n.opOf(query{op: n.lastOp}) != nil; n.lastOp++ {
	}
	o.serial = n.lastOp
	n.ops = append(n.ops, o)
	return true
}

// finish ends o. Answers to its queries may still come: they serve the
// routing table.
func (n *step) finish(o *op, result spec.Event, err error) {
	n.report(o, result, err)
	for i := range n.queries {
		if n.queries[i].op == o.serial {
			n.queries[i].op = 0
		}
	}
	n.ops = slices.DeleteFunc(n.ops, func(other *op) bool { return other == o })
}

func (n *step) report(o *op, result spec.Event, err error) {
	if o.kind != opRefresh {
		n.done(o.id, result, err)
	}
}

// bootstrap implements the command Bootstrap. BEP05-TBL-008
func (n *step) bootstrap(in Bootstrap) {
	if len(in.Nodes) > MaxBootstrap {
		n.bad(in.Op, "%d addresses to bootstrap from, at most %d are asked", len(in.Nodes), MaxBootstrap)
		return
	}
	for _, addr := range in.Nodes {
		if !n.reachable(addr) || n.table(addr) == nil {
			n.bad(in.Op, "cannot bootstrap from %v", addr)
			return
		}
	}
	o := &op{id: in.Op, kind: opBootstrap, target: n.id}
	if !n.begin(o) {
		return
	}
	for _, addr := range in.Nodes {
		o.waiting++
		n.ask(query{role: roleSeed, to: addr, op: o.serial}, n.question(o))
	}
	n.seed(o, n.saved)
	n.saved = nil
	n.progress(o)
}

// ping implements the command Ping. BEP05-RPC-001, BEP05-PEER-002
func (n *step) ping(in Ping) {
	if !n.reachable(in.Addr) || n.table(in.Addr) == nil {
		n.bad(in.Op, "cannot ping %v", in.Addr)
		return
	}
	o := &op{id: in.Op, kind: opPing, addr: in.Addr}
	if n.begin(o) {
		n.ask(query{role: roleSingle, to: in.Addr, op: o.serial}, Message{Method: MethodPing})
	}
}

// announce implements the command Announce.
func (n *step) announce(in Announce) {
	if in.Port == 0 && !in.ImpliedPort {
		n.bad(in.Op, "port is 0 (BEP05-RPC-009)")
		return
	}
	n.startWalk(&op{
		id: in.Op, kind: opAnnounce, target: in.InfoHash,
		port: in.Port, impliedPort: in.ImpliedPort, seed: in.Seed,
	})
}

// getItem implements the command GetItem.
func (n *step) getItem(in GetItem) {
	if len(in.Salt) > MaxSalt {
		n.bad(in.Op, "salt has %d bytes, at most %d are allowed", len(in.Salt), MaxSalt)
		return
	}
	o := &op{id: in.Op, kind: opGetItem, target: in.Target}
	o.item.Salt = slices.Clone(in.Salt)
	n.startWalk(o)
}

// put implements the commands PutImmutable and PutMutable.
func (n *step) put(id spec.OpID, item Item, cas *int64) {
	if code, fault := item.Fault(); code != 0 {
		n.bad(id, "%s (%s)", fault.Text, fault.Clause)
		return
	}
	o := &op{id: id, kind: opPut, target: item.Target(), item: item, hasCAS: cas != nil}
	o.item.V, o.item.Salt = slices.Clone(item.V), nil
	if len(item.Salt) > 0 {
		o.item.Salt = slices.Clone(item.Salt)
	}
	if cas != nil {
		o.cas = *cas
	}
	n.startWalk(o)
}

// progress sends what o may send now and ends it when nothing is left to do.
func (n *step) progress(o *op) {
	if o.storing {
		if o.waiting == 0 {
			n.finishStore(o)
		}
		return
	}
	over := o.waiting == 0
	for i := range o.walks {
		if n.families[i].on {
			n.advance(o, &o.walks[i])
			over = over && o.walks[i].lookup.Done()
		}
	}
	if over {
		n.walked(o)
	}
}

// answered gives o the answer to one of its queries.
func (n *step) answered(o *op, q query, m *Message) {
	switch q.role {
	case roleSingle:
		n.finishSingle(o, q, m)
		return
	case roleSeed:
		o.waiting--
		n.feed(o, q, m)
	case roleWalk:
		n.feed(o, q, m)
	case roleStore:
		o.waiting--
		o.took++
	}
	n.progress(o)
}

// finishSingle ends a Ping or a Sample.
func (n *step) finishSingle(o *op, q query, m *Message) {
	if o.kind == opPing {
		n.finish(o, Ponged{ID: m.ID, RTT: n.now - q.sent}, nil)
		return
	}
	n.finishSample(o, m)
}

// walked ends o, or its first half, after its lookups.
func (n *step) walked(o *op) {
	if o.kind == opRefresh || o.kind == opBootstrap {
		contacts := 0
		for i := range n.families {
			contacts += n.families[i].table.Len()
		}
		result, err := spec.Event(Bootstrapped{Contacts: int32(contacts)}), error(nil)
		if contacts == 0 {
			result, err = nil, ErrNoNodes
		}
		n.finish(o, result, err)
		return
	}
	nodes := [2][]kademlia.Contact{o.walks[0].lookup.Closest(nil), o.walks[1].lookup.Closest(nil)}
	switch {
	case len(nodes[0])+len(nodes[1]) == 0:
		n.finish(o, nil, ErrNoNodes)
	case o.kind == opFindNode:
		n.finish(o, NodesFound{Target: o.target, Nodes: nodes[0], Nodes6: nodes[1]}, nil)
	case o.kind == opGetPeers:
		n.finish(o, PeersFound{
			InfoHash: o.target, Peers: o.peers, Seeds: o.seeds, Downloaders: o.downloaders,
		}, nil)
	case o.kind == opGetItem && !o.found:
		n.finish(o, nil, ErrNotFound)
	case o.kind == opGetItem:
		n.finish(o, ItemFound{Target: o.target, Item: o.item}, nil)
	default:
		n.store(o)
	}
}
