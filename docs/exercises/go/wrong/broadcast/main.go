// Command broadcast is a wrong node: it floods, and does not see to it that it
// was heard. On a network that loses nothing nobody can tell.
package main

import (
	"encoding/json"
	"sync"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

type node struct {
	overlay.Node

	mu         sync.Mutex // guards all that follows
	known      map[string]bool
	values     []json.RawMessage
	neighbours []string
}

type (
	none   struct{}
	values struct {
		Messages []json.RawMessage `json:"messages"`
	}
	value struct {
		Message json.RawMessage `json:"message"`
	}
)

func main() {
	n := &node{known: map[string]bool{}, values: []json.RawMessage{}}
	overlay.Handle(&n.Node, "broadcast", n.broadcast)
	overlay.Handle(&n.Node, "read", n.read)
	overlay.Handle(&n.Node, "topology", n.topology)
	n.Run()
}

// broadcast is asked by clients, and by neighbours with messages that want no
// answer.
func (n *node) broadcast(src string, q value) (none, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[string(q.Message)] {
		return none{}, nil
	}
	n.known[string(q.Message)] = true
	n.values = append(n.values, q.Message)
	for _, peer := range n.neighbours {
		if peer != src {
			n.Tell(peer, "broadcast", q)
		}
	}
	return none{}, nil
}

func (n *node) read(string, none) (values, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return values{n.values[:len(n.values):len(n.values)]}, nil
}

func (n *node) topology(_ string, q struct{ Topology map[string][]string }) (none, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.neighbours = q.Topology[n.Name]
	return none{}, nil
}
