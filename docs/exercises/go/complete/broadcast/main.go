// Command broadcast is a complete broadcast node that sends few messages and is
// quick about it: it keeps to the targets for 25 nodes.
//
//	go build -o my-broadcast ./docs/exercises/go/complete/broadcast
//	p2pspec check broadcast --exec ./my-broadcast
//
// The topology is advice, which it does not take. A node hands a new value to a
// hub, and the hub delivers it to all others: two hops. What reaches the hub within
// a moment goes in one delivery. Every node can be the hub: where the first does
// not confirm, the next one is asked.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

const (
	gather   = 80 * time.Millisecond  // that a value waits at a hub for company
	patience = 500 * time.Millisecond // with a confirmation: above a round trip
	compare  = time.Second            // between two comparisons with a node drawn by chance
	hubs     = 3                      // nodes that are asked to be the hub, before we are it ourselves
)

type node struct {
	overlay.Node

	mu     sync.Mutex // guards all that follows
	known  map[string]bool
	values []json.RawMessage
	digest uint64                       // of all values: the exclusive or of their hashes
	due    map[string][]json.RawMessage // what we have to deliver, by the node it is for
}

type (
	none   struct{}
	values struct {
		Messages []json.RawMessage `json:"messages"`
	}
	digest struct {
		Digest uint64 `json:"digest"`
	}
)

func main() {
	n := &node{known: map[string]bool{}, values: []json.RawMessage{}, due: map[string][]json.RawMessage{}}
	n.Capabilities = []string{"recovers"}
	n.Begin = func() { go n.catchUp() }
	overlay.Handle(&n.Node, "broadcast", n.broadcast)
	overlay.Handle(&n.Node, "read", n.read)
	overlay.Handle(&n.Node, "topology", func(string, none) (none, error) { return none{}, nil })

	overlay.Handle(&n.Node, "spread", n.spread)
	overlay.Handle(&n.Node, "deliver", n.deliver)
	overlay.Handle(&n.Node, "compare", n.compare)
	n.Run()
}

// What clients ask.

func (n *node) broadcast(_ string, q struct{ Message json.RawMessage }) (none, error) {
	if fresh := n.learn(q.Message); len(fresh) > 0 {
		go n.handOver(fresh)
	}
	return none{}, nil
}

func (n *node) read(string, none) (values, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return values{n.values[:len(n.values):len(n.values)]}, nil
}

// What nodes ask each other.

// spread makes us the hub of values: who gave them has done its part.
func (n *node) spread(src string, q values) (none, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.distribute(n.store(q.Messages), src)
	return none{}, nil
}

func (n *node) deliver(_ string, q values) (none, error) {
	n.learn(q.Messages...)
	return none{}, nil
}

// compare answers with all values, unless the other has the same.
func (n *node) compare(_ string, q digest) (values, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.Digest == n.digest {
		return values{}, nil
	}
	return values{n.values[:len(n.values):len(n.values)]}, nil
}

// Hubs.

// handOver finds a hub for values: the first node that confirms.
func (n *node) handOver(fresh []json.RawMessage) {
	for _, hub := range n.Names[:min(hubs, len(n.Names))] {
		if hub == n.Name {
			break
		}
		if _, err := overlay.CallWithin[none](&n.Node, patience, hub, "spread", values{fresh}); err == nil {
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.distribute(fresh, n.Name)
}

// distribute has values delivered to all nodes but the one they are from. The
// lock is held.
func (n *node) distribute(fresh []json.RawMessage, from string) {
	for _, peer := range n.Names {
		if peer != from && peer != n.Name && len(fresh) > 0 {
			n.deliverSoon(peer, fresh)
		}
	}
}

// deliverSoon adds to what goes to a node next. The lock is held.
func (n *node) deliverSoon(peer string, more []json.RawMessage) {
	if len(n.due[peer]) == 0 {
		time.AfterFunc(gather, func() { n.carry(peer) })
	}
	n.due[peer] = append(n.due[peer], more...)
}

// carry delivers what is due to a node. What it does not confirm goes with the
// next delivery.
func (n *node) carry(peer string) {
	n.mu.Lock()
	batch := n.due[peer]
	n.due[peer] = nil
	n.mu.Unlock()
	if _, err := overlay.CallWithin[none](&n.Node, patience, peer, "deliver", values{batch}); err != nil {
		n.mu.Lock()
		n.deliverSoon(peer, batch)
		n.mu.Unlock()
	}
}

// What happens by itself.

// catchUp finds what no delivery brings: what was known before we were started
// again, and what a hub took with it when it died.
func (n *node) catchUp() {
	for {
		time.Sleep(compare)
		n.mu.Lock()
		own := digest{n.digest}
		n.mu.Unlock()
		peer := n.Names[rand.IntN(len(n.Names))]
		if theirs, err := overlay.CallWithin[values](&n.Node, patience, peer, "compare", own); err == nil {
			n.learn(theirs.Messages...)
		}
	}
}

// learn stores values and returns those that are new.
func (n *node) learn(all ...json.RawMessage) []json.RawMessage {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store(all)
}

// store is learn with the lock held.
func (n *node) store(all []json.RawMessage) (fresh []json.RawMessage) {
	for _, v := range all {
		if n.known[string(v)] {
			continue
		}
		n.known[string(v)] = true
		hash := sha256.Sum256(v)
		n.digest ^= binary.BigEndian.Uint64(hash[:])
		fresh = append(fresh, v)
	}
	n.values = append(n.values, fresh...)
	return fresh
}
