package main

import (
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

// atOwner has the owner of a key carry out a request: that may be this node. The
// owner asks others in its turn, some of them dead: it is given time.
func atOwner[A, Q any](n *node, kind string, key uint64, q Q, here func(string, Q) (A, error)) (a A, err error) {
	for range n.attempts() {
		owner, err := n.find(key)
		if err != nil {
			return a, err
		}
		if owner.Node == n.Name {
			return here(n.Name, q)
		}
		if a, ok := askWithin[A](n, 3*n.timeout(), owner.Node, kind, q); ok {
			return a, nil
		}
	}
	return a, overlay.Refuse(overlay.NotNow, fmt.Sprintf("the owner of key %d does not answer", key))
}

func (n *node) write(_ string, p pair) (none, error) {
	n.mu.Lock()
	p.Version = n.pairs[p.Key].Version + 1
	n.pairs[p.Key] = p
	holders := n.holders()
	n.mu.Unlock()
	n.give(holders, func(string) pairs { return pairs{[]pair{p}} })
	return none{}, nil
}

// read: a node that has just become the owner may have to ask for the value.
func (n *node) read(_ string, q keyed) (pair, error) {
	n.mu.Lock()
	p, ok := n.pairs[q.Key]
	holders := n.holders()
	n.mu.Unlock()
	for i := 0; i < len(holders) && !ok; i++ {
		given, _ := ask[pairs](n, holders[i], "copies", wanted{Key: &q.Key})
		n.merge(given)
		n.mu.Lock()
		p, ok = n.pairs[q.Key]
		n.mu.Unlock()
	}
	return p, nil
}

func (n *node) copy(_ string, q pairs) (none, error) {
	n.merge(q)
	return none{}, nil
}

func (n *node) copies(src string, q wanted) (pairs, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.some(func(key uint64) bool {
		return q.Key != nil && key == *q.Key || q.Key == nil && n.owns(q.After, key, src)
	}), nil
}

// holders are who else keeps what we own, our successors; and our predecessor,
// which keeps what we no longer own.
func (n *node) holders() []string {
	all := append(slices.Clone(n.successors), n.predecessor)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// spread gives the neighbours what they should keep, when they have changed.
func (n *node) spread() {
	n.mu.Lock()
	now := view{Predecessor: n.predecessor, Successors: slices.Clone(n.successors)}
	same := now.Predecessor == n.spreadTo.Predecessor && slices.Equal(now.Successors, n.spreadTo.Successors)
	holders, ours, all := n.holders(), n.some(n.mine), n.some(func(uint64) bool { return true })
	n.mu.Unlock()
	if !same && n.give(holders, func(name string) pairs {
		if name == now.Predecessor {
			return all
		}
		return ours
	}) {
		n.mu.Lock()
		n.spreadTo = now
		n.mu.Unlock()
	}
}

// give sends pairs to several nodes at once, and reports whether all have them.
func (n *node) give(names []string, what func(name string) pairs) bool {
	answers := make(chan bool, len(names))
	for _, name := range names {
		go func() {
			q := what(name)
			ok := len(q.Pairs) == 0
			if !ok {
				_, ok = ask[none](n, name, "copy", q)
			}
			answers <- ok
		}()
	}
	all := true
	for range names {
		all = <-answers && all
	}
	return all
}

func (n *node) some(wanted func(key uint64) bool) pairs {
	var out pairs
	for key, p := range n.pairs {
		if wanted(key) {
			out.Pairs = append(out.Pairs, p)
		}
	}
	return out
}

// merge keeps the later version of each pair.
func (n *node) merge(q pairs) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range q.Pairs {
		if p.Version > n.pairs[p.Key].Version {
			n.pairs[p.Key] = p
		}
	}
}
