// Command kademlia is a complete Kademlia node, after the paper of 2002.
//
//	go build -o my-kademlia ./docs/exercises/go/complete/kademlia
//	p2pspec check kademlia --exec ./my-kademlia
//
// Read main.go (what clients ask, what nodes ask each other, the lookup),
// contacts.go (whom we know) and values.go (with what happens by itself).
package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

const (
	misses = 2 // questions in a row without an answer, after which a contact is not relied on

	replicateEvery = time.Hour
	publishEvery   = 24 * time.Hour
	lifetime       = 24 * time.Hour
)

type node struct {
	overlay.Node

	mu        sync.Mutex     // guards all that follows
	awake     bool           // told to join: we answer other nodes
	joined    bool           // and have found our place: we answer clients
	buckets   [33][]string   // contacts by the length of their distance, least recently seen first
	spares    [33][]string   // those that found their bucket full, the latest last
	missed    map[string]int // questions in a row that a contact has not answered
	pairs     map[uint64]pair
	published map[uint64]publication
	skipped   time.Duration // how far advance_clock has moved the clock
}

// A pair is what we keep for others.
type pair struct {
	value     json.RawMessage
	expires   time.Duration // on the node's clock, as all times here
	replicate time.Duration // zero: a copy on the way of lookups, which we do not pass on
}

// A publication is what our own clients have stored.
type publication struct {
	value json.RawMessage
	again time.Duration
}

type (
	none   struct{}
	target struct {
		Target uint64 `json:"target"`
	}
	nodes struct {
		Nodes []string `json:"nodes"`
	}
	value struct {
		Value json.RawMessage `json:"value"`
	}
	request struct { // a client's
		Key   *uint64
		Value json.RawMessage
	}
	copied struct {
		Key    uint64          `json:"key"`
		Value  json.RawMessage `json:"value"`
		LifeMS int64           `json:"life"`
		Cached bool            `json:"cached"`
	}
	// An answer brings nodes that are closer, or the value.
	answer struct {
		Nodes  []string        `json:"nodes,omitempty"`
		Value  json.RawMessage `json:"value,omitempty"`
		LifeMS int64           `json:"life,omitempty"`
	}
)

func main() {
	n := &node{
		missed:    map[string]int{},
		pairs:     map[uint64]pair{},
		published: map[uint64]publication{},
	}
	n.Capabilities = []string{"state", "advance_clock"}
	overlay.Handle(&n.Node, "join", n.join)
	overlay.Handle(&n.Node, "find_node", member(n, n.findNode))
	overlay.Handle(&n.Node, "store", member(n, n.store))
	overlay.Handle(&n.Node, "find_value", member(n, n.findValue))
	overlay.Handle(&n.Node, "advance_clock", n.advanceClock)
	overlay.Handle(&n.Node, "state", n.state)

	overlay.Handle(&n.Node, "ping", peer(n, n.ping))
	overlay.Handle(&n.Node, "closest", peer(n, n.closestTo))
	overlay.Handle(&n.Node, "fetch", peer(n, n.fetch))
	overlay.Handle(&n.Node, "keep", peer(n, n.keep))
	n.Run()
}

// member refuses clients' requests until the node has joined.
func member[Q, A any](n *node, handler func(string, Q) (A, error)) func(string, Q) (A, error) {
	return func(src string, q Q) (a A, err error) {
		n.mu.Lock()
		joined := n.joined
		n.mu.Unlock()
		if !joined {
			return a, overlay.Refuse(overlay.NotNow, "not a member yet: join first")
		}
		return handler(src, q)
	}
}

// peer refuses nodes' requests until the node is told to join. Whoever asks is
// alive.
func peer[Q, A any](n *node, handler func(string, Q) (A, error)) func(string, Q) (A, error) {
	return func(src string, q Q) (a A, err error) {
		n.mu.Lock()
		awake := n.awake
		if awake {
			n.seen(src)
		}
		n.mu.Unlock()
		if !awake {
			return a, overlay.Refuse(overlay.NotNow, "not told to join yet")
		}
		return handler(src, q)
	}
}

// What clients ask.

func (n *node) join(_ string, q struct{ Via string }) (none, error) {
	n.mu.Lock()
	n.awake = true
	n.mu.Unlock()
	if q.Via != "" {
		_, ok := n.ask(q.Via, "ping", none{})
		if !ok {
			_, ok = n.ask(q.Via, "ping", none{})
		}
		if !ok {
			n.mu.Lock()
			n.awake = n.joined
			n.mu.Unlock()
			return none{}, overlay.Refuse(overlay.NotNow, q.Via+" does not answer")
		}
		n.lookup(n.me(), "closest")
		n.refresh()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.joined {
		n.joined = true
		go n.tend()
	}
	return none{}, nil
}

func (n *node) findNode(_ string, q struct{ Target *uint64 }) (nodes, error) {
	target, err := n.Number("target", q.Target)
	if err != nil {
		return nodes{}, err
	}
	found, _ := n.lookup(target, "closest")
	return nodes{n.nearest(append(found, n.Name), target)}, nil
}

func (n *node) store(_ string, q request) (none, error) {
	key, err := n.Number("key", q.Key)
	if err != nil {
		return none{}, err
	}
	n.mu.Lock()
	n.published[key] = publication{q.Value, n.clock() + publishEvery}
	n.mu.Unlock()
	n.publish(key, q.Value, lifetime)
	return none{}, nil
}

func (n *node) findValue(_ string, q request) (value, error) {
	key, err := n.Number("key", q.Key)
	if err != nil {
		return value{}, err
	}
	n.mu.Lock()
	p, ok := n.kept(key)
	n.mu.Unlock()
	if ok {
		return value{p.value}, nil
	}
	if _, found := n.lookup(key, "fetch"); found != nil {
		return value{found.Value}, nil
	}
	return value{}, overlay.Refuse(overlay.NoSuchKey, fmt.Sprintf("nobody has key %d", key))
}

// advanceClock answers when what has become due is done.
func (n *node) advanceClock(_ string, q struct{ MS int64 }) (none, error) {
	n.mu.Lock()
	n.skipped += time.Duration(q.MS) * time.Millisecond
	n.mu.Unlock()
	n.keepValues()
	return none{}, nil
}

func (n *node) state(string, none) (any, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := []uint64{}
	for key := range n.pairs {
		if _, ok := n.kept(key); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return map[string]any{"contacts": n.contacts(), "keys": keys}, nil
}

// What nodes ask each other.

func (n *node) ping(string, none) (none, error) { return none{}, nil }

func (n *node) closestTo(src string, q target) (answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return answer{Nodes: n.closest(q.Target, src)}, nil
}

func (n *node) fetch(src string, q target) (answer, error) {
	n.mu.Lock()
	p, ok := n.kept(q.Target)
	life := p.expires - n.clock()
	n.mu.Unlock()
	if ok {
		return answer{Value: p.value, LifeMS: life.Milliseconds()}, nil
	}
	return n.closestTo(src, q)
}

func (n *node) keep(_ string, q copied) (none, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.put(q.Key, q.Value, time.Duration(q.LifeMS)*time.Millisecond, q.Cached)
	return none{}, nil
}

// ask asks a node. If it is not ok, there was no answer.
func (n *node) ask(name, kind string, fields any) (answer, bool) {
	a, err := overlay.Call[answer](&n.Node, name, kind, fields)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.missed[name]++
		n.replace(name)
		return answer{}, false
	}
	n.seen(name)
	return a, true
}

// The lookup.

// lookup asks ever closer nodes, Alpha of them at once, and returns the K
// closest that have answered, the node itself not counted. Of kind "fetch" it
// ends with the first answer that has the value, and returns that too.
func (n *node) lookup(key uint64, kind string) ([]string, *answer) {
	type reply struct {
		from string
		answer
		ok bool
	}
	n.mu.Lock()
	heard := n.known()
	n.mu.Unlock()
	replies := make(chan reply, n.Settings.Alpha)
	asked := map[string]bool{}
	var answered, failed []string
	for flying := 0; ; flying-- {
		heard = slices.DeleteFunc(heard, func(name string) bool { return slices.Contains(failed, name) })
		best := n.nearest(heard, key)
		if !slices.ContainsFunc(best, func(name string) bool { return !slices.Contains(answered, name) }) {
			return best, nil
		}
		for _, name := range best {
			if flying < n.Settings.Alpha && !asked[name] {
				asked[name] = true
				flying++
				go func() {
					a, ok := n.ask(name, kind, target{key})
					replies <- reply{name, a, ok}
				}()
			}
		}
		r := <-replies
		switch {
		case !r.ok:
			failed = append(failed, r.from)
			n.mu.Lock()
			heard = append(heard, n.known()...)
			n.mu.Unlock()
		case r.Value != nil:
			n.cache(key, r.answer, n.nearest(answered, key))
			return nil, &r.answer
		default:
			answered = append(answered, r.from)
			n.mu.Lock()
			heard = append(heard, slices.DeleteFunc(r.Nodes, n.unusable)...)
			n.mu.Unlock()
		}
	}
}

// cache leaves a copy with the closest node that did not have the value. The
// more nodes are closer to the key, the shorter it lives.
func (n *node) cache(key uint64, found answer, without []string) {
	if len(without) == 0 {
		return
	}
	n.mu.Lock()
	closer := 0
	for _, name := range n.contacts() {
		if n.distance(name, key) < n.distance(without[0], key) {
			closer++
		}
	}
	n.mu.Unlock()
	life := found.LifeMS >> (closer / n.Settings.K)
	go n.ask(without[0], "keep", copied{key, found.Value, life, true})
}
