package dht

import (
	"errors"
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// How long the cases wait for what a target does of itself.
const (
	// CommandWithin bounds a lookup with the announces that follow it. A few
	// nodes that time out one after another fit into it.
	CommandWithin = 30 * time.Second

	// Quiet is a pause in the target's queries that counts as the end of what
	// it was doing, and SettleWithin how long to wait for one: some clients
	// trickle pings for ever.
	Quiet        = time.Second
	SettleWithin = 12 * time.Second

	// JoinWithin is how long a target may take from its contact's first answer
	// to its first lookup: some ping their contact first, and wait.
	JoinWithin = 15 * time.Second

	// LookupCase bounds a case with a start, a bootstrap and a lookup.
	LookupCase = 2 * time.Minute
)

// joins are the needs of a case in which the target joins a scripted DHT and
// is then told to use it.
func joins(verbs ...string) []conformance.Need {
	needs := []conformance.Need{conformance.NeedBootstrap, conformance.NeedAddresses}
	for _, v := range verbs {
		needs = append(needs, conformance.NeedVerb(v))
	}
	return needs
}

// joined is a world of n nodes with random ids that the target has joined
// through the first.
func joined(t *T, n int) *World {
	w := NewWorld(t, RandomIDs(t, n)...)
	w.Join(conformance.StartOptions{})
	w.settle()
	return w
}

// settle waits until the target leaves the world alone for a moment.
func (w *World) settle() {
	limit := w.t.Now() + SettleWithin
	for heard := -1; heard != len(w.Log) && w.t.Now() < limit; {
		heard = len(w.Log)
		w.t.Until(func() bool { return len(w.Log) > heard }, Quiet)
	}
}

// obey has the target do something and waits until it says that it has, or
// until the time is over. A command that fails is judged by what was seen.
func obey(t *T, verb string, args map[string]any) (reply map[string]any, err error) {
	p := t.Do(verb, args)
	if !t.Until(p.Done, CommandWithin) {
		return nil, fmt.Errorf("%s did not end within %v", verb, CommandWithin)
	}
	if reply, err = p.Result(); errors.Is(err, conformance.ErrUnsupported) {
		t.Unsupportedf("the target does not know the command %s", verb)
	}
	return reply, err
}

// getPeers has the target look up the peers of the info-hash.
func getPeers(t *T, infoHash kademlia.ID) (reply map[string]any, err error) {
	return obey(t, "get_peers", map[string]any{"info_hash": infoHash.String()})
}

// about are the queries for the key, of a lookup or of what follows it.
func about(key kademlia.ID, log []*Query) []*Query {
	var out []*Query
	for _, q := range log {
		if k, ok := q.sought(); ok && k == key {
			out = append(out, q)
		}
	}
	return out
}

// sought is the key that a query asks for or stores under.
func (q *Query) sought() (kademlia.ID, bool) {
	if key, ok := q.Key("info_hash"); ok {
		return key, true
	}
	return q.Key("target")
}

// onKey scripts the node's answers to queries for one key. All others are
// answered as before: what a target does of itself goes on.
func (n *Node) onKey(key kademlia.ID, h Handler) {
	for _, method := range []string{"find_node", "get_peers", "get"} {
		usual := n.On[method]
		n.On[method] = func(q *Query) {
			if k, ok := q.sought(); ok && k == key {
				h(q)
			} else {
				usual(q)
			}
		}
	}
}

// naming is "nodes" with these entries, and a token, as in an answer to
// get_peers or get.
func (n *Node) naming(others ...*Node) Dict {
	var b []byte
	for _, o := range others {
		b = appendContact(b, o.Contact())
	}
	return Dict{"nodes": b, "token": n.Token()}
}

// wasAsked ends the case as inconclusive unless the target asked the node for
// the key: without that the node had no part in the lookup.
func wasAsked(t *T, n *Node, key kademlia.ID) {
	if len(about(key, n.Queries)) == 0 {
		t.Inconclusivef("the target did not ask the node at %v, which it knows, for the key", n.Addr())
	}
	t.Earn()
}

// fork is a DHT in which the target knows three nodes: its contact, which names
// nobody new, a liar and an honest node. What the honest one names leads on to
// the end of the lookup in two steps, so that the lookup outlives the lie.
type fork struct {
	key    kademlia.ID
	liar   *Node // its answers for the key are the case's
	trap   *Node // whom the liar names; the case says whether it may be asked
	honest *Node
	end    *Node
}

// newFork has the target join three nodes and sets up their answers.
func newFork(t *T, lie func(f *fork, q *Query)) *fork {
	w := NewWorld(t, RandomIDs(t, 3)...)
	f := &fork{key: randomID(t), liar: w.Nodes[1], honest: w.Nodes[2]}
	near := IDsAt(t, f.key, 20, 3)
	f.trap, f.end = NewNode(t, near[0]), NewNode(t, near[1])
	between := NewNode(t, near[2])
	f.liar.onKey(f.key, func(q *Query) { lie(f, q) })
	f.honest.onKey(f.key, func(q *Query) { q.Reply(f.honest.naming(between)) })
	between.onKey(f.key, func(q *Query) { q.Reply(between.naming(f.end)) })
	w.Join(conformance.StartOptions{})
	w.settle()
	return f
}

// follow has the target look up the key until it has reached the end, the
// control that its lookup goes on, and then a little longer.
func (f *fork) follow(t *T) {
	p := t.Do("get_peers", map[string]any{"info_hash": f.key.String()})
	reached := func() bool { return len(about(f.key, f.end.Queries)) > 0 }
	t.Until(reached, CommandWithin)
	t.Until(p.Done, SettleWithin)
	t.Wait(t.SilenceWait()) // queries that were sent at once do not arrive at once
	wasAsked(t, f.liar, f.key)
	wasAsked(t, f.honest, f.key)
	if !reached() {
		t.Failf("the lookup stopped: %v, to which other answers lead, was not asked within %v",
			f.end.Addr(), CommandWithin)
	}
}

// named ends the case if the target asked the node that only the liar named.
func (f *fork) named(t *T, why string) {
	if got := f.trap.Queries; len(got) > 0 {
		t.Mismatch("the nodes that were asked", fmt.Sprintf("%s to %v", got[0].Method, f.trap.Addr()),
			"not that one: it was named only "+why)
	}
}
