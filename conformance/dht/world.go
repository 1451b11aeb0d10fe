package dht

import (
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/kademlia"
)

// K is the number of nodes in an answer and in a bucket.
const K = 8

// World is a small DHT of scripted nodes that know each other.
type World struct {
	Nodes []*Node
	// Log is all that the target asked any of them, in order.
	Log []*Query

	t *conformance.T
}

// NewWorld opens one node for each id.
func NewWorld(t *conformance.T, ids ...kademlia.ID) *World {
	w := &World{t: t}
	for _, id := range ids {
		w.Add(id)
	}
	return w
}

// Add opens one more node of the world.
func (w *World) Add(id kademlia.ID) *Node {
	n := NewNode(w.t, id)
	n.Known = w.Closest
	n.hear = func(q *Query) { w.Log = append(w.Log, q) }
	w.Nodes = append(w.Nodes, n)
	return n
}

// Closest are the K nodes of the world that are closest to target.
func (w *World) Closest(target kademlia.ID) []Contact {
	var out []Contact
	for _, n := range w.Nodes {
		out = append(out, n.Contact())
	}
	byDistance(target, out)
	return out[:min(K, len(out))]
}

// Asked are the queries of one method that reached the world, in order.
func (w *World) Asked(method string) []*Query {
	var out []*Query
	for _, q := range w.Log {
		if q.Method == method {
			out = append(out, q)
		}
	}
	return out
}

// byDistance sorts contacts, the closest to target first.
func byDistance(target kademlia.ID, c []Contact) {
	slices.SortStableFunc(c, func(a, b Contact) int { return kademlia.Compare(target, a.ID, b.ID) })
}

// RandomIDs draws n ids from the whole space.
func RandomIDs(t *conformance.T, n int) []kademlia.ID {
	ids := make([]kademlia.ID, n)
	for i := range ids {
		ids[i] = randomID(t)
	}
	return ids
}

// IDsAt draws n ids that share exactly depth leading bits with base: members
// of one k-bucket of a node with the id base.
func IDsAt(t *conformance.T, base kademlia.ID, depth, n int) []kademlia.ID {
	ids := make([]kademlia.ID, n)
	for i := range ids {
		ids[i] = kademlia.RandomWithPrefix(t.Fresh(), base.Flip(depth), depth+1, kademlia.MaxBits)
	}
	return ids
}

// Depths of buckets: no random id falls into one of at least minDepth, and
// below maxDepth there is room for a spread of nodes.
const (
	minDepth = 16
	maxDepth = 120
)

// QuietBucket is the depth of a bucket of the node with the id base that no
// earlier case has filled: beyond all nodes that the target hands out near its
// own id. Any table has room there, because the bucket that holds the own id
// splits. When the space is used up it is drawn at random.
func (p *Peer) QuietBucket(base kademlia.ID) int {
	depth := minDepth
	if a := p.Ask("get_peers", Dict{"info_hash": base[:]}); a.Kind == Response {
		for _, c := range a.Nodes() {
			if c.ID != base {
				depth = max(depth, kademlia.CommonPrefixLen(base, c.ID)+1)
			}
		}
	}
	if depth > maxDepth {
		depth = minDepth + int(p.t.Fresh().Below(maxDepth-minDepth))
	}
	return depth
}

// How long a target may take until it hands out a node that has asked it and
// answers all its questions. Nodes differ: some ask back at once, some only
// when they next refresh.
const (
	IntroduceWithin        = 6 * time.Second
	IntroduceWithinVirtual = 20 * time.Minute
)

// Introduce lets the nodes ask the target and answer what it asks, until the
// target hands all of them out, has asked all and takes no more, or the time
// is over. A target that does not ask who asks it is told of the nodes, if it
// can be told anything. It returns those that the target hands out.
func Introduce(t *conformance.T, nodes ...*Node) []*Node {
	within, pause := IntroduceWithin, 500*time.Millisecond
	if t.Virtual() {
		within = IntroduceWithinVirtual
	}
	var known []*Node
	for limit := t.Now() + within; ; pause = min(2*pause, within/4) {
		showUp(nodes...)
		if !t.Until(func() bool { return allAsked(nodes) }, pause) {
			invite(t, nodes)
		}
		asked, before := allAsked(nodes), len(known)
		if over := t.Now() >= limit; asked || over {
			known = HandedOut(t, nodes...)
			if over || len(known) == len(nodes) || len(known) > 0 && len(known) == before {
				return known
			}
			t.Wait(pause)
		}
	}
}

// showUp lets the nodes that the target has not asked yet ask it, and so be
// noticed. It bears repeating: a target bounds the pings that it has under way.
func showUp(nodes ...*Node) {
	for _, n := range nodes {
		if len(n.Queries) == 0 {
			n.Begin("find_node", Dict{"target": n.ID[:]})
		}
	}
}

// invite tells the target of the nodes that it has not asked yet. Targets that
// take no commands are left to find them by their queries.
func invite(t *conformance.T, nodes []*Node) {
	for _, n := range nodes {
		if len(n.Queries) > 0 {
			continue
		}
		c := conformance.Command{Verb: "bootstrap", Args: map[string]any{"addr": n.Addr().String()}}
		if _, err := t.Instance().Do(c); err != nil {
			return
		}
		t.Notef("the target is told of the node at %v", n.Addr())
	}
}

// Known is [Introduce] for cases that can judge nothing unless the target
// knows all the nodes.
func Known(t *conformance.T, nodes ...*Node) {
	if known := Introduce(t, nodes...); len(known) < len(nodes) {
		t.Inconclusivef("the target hands out %d of the %d nodes that asked it and answered it", len(known), len(nodes))
	}
}

func allAsked(nodes []*Node) bool {
	return !slices.ContainsFunc(nodes, func(n *Node) bool { return len(n.Queries) == 0 })
}

// HandedOut are those of the nodes that the target returns when asked for
// their ids. It asks read-only, from a new address of the nodes' family.
func HandedOut(t *conformance.T, nodes ...*Node) []*Node {
	local := netip.AddrPort{}
	if len(nodes) > 0 && nodes[0].Addr().Addr().Is6() {
		local = loopback6
	}
	observer := NewPeerAt(t, local)
	defer observer.Close()
	var out []*Node
	for _, n := range nodes {
		if observer.sees(n) {
			out = append(out, n)
		}
	}
	return out
}

// sees reports whether the target returns the node when asked for its id, by
// find_node or, as one client finds nothing by that, by get_peers.
func (p *Peer) sees(n *Node) bool {
	for _, q := range [][2]string{{"find_node", "target"}, {"get_peers", "info_hash"}} {
		a := p.Ask(q[0], Dict{q[1]: n.ID[:]}, Dict{"ro": 1})
		if a.Kind == Response && slices.Contains(append(a.Nodes(), a.Nodes6()...), n.Contact()) {
			return true
		}
	}
	return false
}

// AskedWithin bounds the wait for the first query of a target that was just
// told of its first contact.
const AskedWithin = 10 * time.Second

// bootstrap lists the nodes as first contacts.
func bootstrap(nodes ...*Node) []netip.AddrPort {
	var out []netip.AddrPort
	for _, n := range nodes {
		out = append(out, n.Addr())
	}
	return out
}

// Join starts the target with the world's first node as its only contact and
// waits until it has asked somebody.
func (w *World) Join(opt conformance.StartOptions) {
	opt.Bootstrap = bootstrap(w.Nodes[0])
	w.t.Start(opt)
	if !w.t.Until(func() bool { return len(w.Log) > 0 }, AskedWithin) {
		w.t.Inconclusivef("the target never asked its first contact")
	}
}

// PatientCase bounds a case that introduces nodes, which some targets take in
// only as they refresh; all of it may pass in virtual time.
const PatientCase = IntroduceWithinVirtual + 5*time.Minute

const minute = time.Minute

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

// lookUp commands a lookup for a random info-hash, once the target has settled
// with its first contact, and waits until the node was asked for it.
func lookUp(t *T, n *Node) {
	t.Until(func() bool { return len(n.Queries) > 0 }, time.Second)
	t.Wait(t.SilenceWait())
	key := randomID(t)
	t.Do("get_peers", map[string]any{"info_hash": key.String()})
	asked := func() bool {
		for _, q := range n.Asked("get_peers") {
			if k, _ := q.Key("info_hash"); k == key {
				return true
			}
		}
		return false
	}
	if !t.Until(asked, AskedWithin) {
		t.Inconclusivef("the target did not ask its contact for the hash that it was told to look up")
	}
}
