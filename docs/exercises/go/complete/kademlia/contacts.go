package main

import (
	"math/bits"
	"slices"
)

func (n *node) me() uint64 { return n.Settings.IDs[n.Name] }

func (n *node) distance(name string, key uint64) uint64 { return n.Settings.IDs[name] ^ key }

// nearest returns the K of the names that are closest to a key, nearest first.
func (n *node) nearest(names []string, key uint64) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	slices.SortFunc(names, func(a, b string) int {
		if n.distance(a, key) < n.distance(b, key) {
			return -1
		}
		return 1
	})
	return names[:min(len(names), n.Settings.K)]
}

func (n *node) contacts() []string {
	all := []string{}
	for _, bucket := range n.buckets {
		all = append(all, bucket...)
	}
	return all
}

// known are all who can be relied on, those without a place in a bucket included.
func (n *node) known() []string {
	all := n.contacts()
	for _, spare := range n.spares {
		all = append(all, spare...)
	}
	return slices.DeleteFunc(all, n.unusable)
}

// closest returns the K closest contacts that can be relied on, but for one.
func (n *node) closest(key uint64, but string) []string {
	return n.nearest(slices.DeleteFunc(n.contacts(), func(name string) bool {
		return name == but || n.unusable(name)
	}), key)
}

// unusable reports whether a name is not of another node, or of one that failed us.
func (n *node) unusable(name string) bool {
	_, known := n.Settings.IDs[name]
	return !known || name == n.Name || n.missed[name] >= misses
}

func (n *node) index(name string) int { return bits.Len64(n.distance(name, n.me())) }

// seen notes that a node is alive: it moves to the end of its bucket. Where the
// bucket is full, it gets in only if the one not seen for longest is dead.
func (n *node) seen(name string) {
	delete(n.missed, name)
	if n.unusable(name) {
		return // a client
	}
	i := n.index(name)
	same := func(other string) bool { return other == name }
	switch {
	case slices.Contains(n.buckets[i], name):
		n.buckets[i] = append(slices.DeleteFunc(n.buckets[i], same), name)
	case len(n.buckets[i]) < n.Settings.K:
		n.buckets[i] = append(n.buckets[i], name)
		n.greet(name)
	default:
		if len(n.spares[i]) == 0 {
			go n.ask(n.buckets[i][0], "ping", none{})
		}
		n.spares[i] = append(slices.DeleteFunc(n.spares[i], same), name)
		n.spares[i] = n.spares[i][max(0, len(n.spares[i])-n.Settings.K):]
	}
}

// replace gives the place of a contact that does not answer to a spare one.
// With nobody to take its place it stays: it may come back.
func (n *node) replace(name string) {
	i := n.index(name)
	at, last := slices.Index(n.buckets[i], name), len(n.spares[i])-1
	if at >= 0 && last >= 0 {
		n.buckets[i] = append(slices.Delete(n.buckets[i], at, at+1), n.spares[i][last])
		n.spares[i] = n.spares[i][:last]
	}
}
