package main

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// The values.

func (n *node) clock() time.Duration { return time.Since(start) + n.skipped }

var start = time.Now()

// kept returns what we keep under a key, unless its time is over.
func (n *node) kept(key uint64) (pair, bool) {
	p, ok := n.pairs[key]
	if ok && p.expires <= n.clock() {
		delete(n.pairs, key)
		return pair{}, false
	}
	return p, ok
}

// put keeps a value, unless the one that is there lives longer. Either way
// somebody has just replicated it, so that we need not do so within the hour.
func (n *node) put(key uint64, value json.RawMessage, life time.Duration, cached bool) {
	fresh := pair{value: value, expires: n.clock() + life}
	if !cached {
		fresh.replicate = n.clock() + replicateEvery
	}
	if old, ok := n.kept(key); ok && old.expires > fresh.expires {
		old.replicate = max(old.replicate, fresh.replicate)
		fresh = old
	}
	n.pairs[key] = fresh
}

// publish has the K closest keep a value, this node too if it is one of them.
func (n *node) publish(key uint64, value json.RawMessage, life time.Duration) {
	found, _ := n.lookup(key, "closest")
	var all sync.WaitGroup
	for _, name := range n.nearest(append(found, n.Name), key) {
		if name == n.Name {
			n.mu.Lock()
			n.put(key, value, life, false)
			n.mu.Unlock()
			continue
		}
		all.Go(func() { n.ask(name, "keep", copied{key, value, life.Milliseconds(), false}) })
	}
	all.Wait()
}

// greet gives a new contact the pairs that it should keep, those of them to
// which nobody else that we know is closer than we are.
func (n *node) greet(newcomer string) {
	for key := range n.pairs {
		p, ok := n.kept(key)
		if !ok || p.replicate == 0 {
			continue
		}
		all := append(n.contacts(), n.Name)
		keepers := n.nearest(all, key)
		others := slices.DeleteFunc(all, func(name string) bool { return name == newcomer })
		if slices.Contains(keepers, newcomer) && n.nearest(others, key)[0] == n.Name {
			life := (p.expires - n.clock()).Milliseconds()
			go n.ask(newcomer, "keep", copied{key, p.value, life, false})
		}
	}
}

// What happens by itself.

// tend refreshes the buckets every period, and asks a contact that had failed.
func (n *node) tend() {
	for {
		time.Sleep(time.Duration(n.Settings.PeriodMS) * time.Millisecond)
		n.refresh()
		n.mu.Lock()
		lost := slices.DeleteFunc(n.contacts(), func(name string) bool { return !n.unusable(name) })
		n.mu.Unlock()
		if len(lost) > 0 {
			n.ask(lost[rand.IntN(len(lost))], "ping", none{})
		}
		n.keepValues()
	}
}

// refresh looks up an identifier of each bucket from that of our closest
// neighbour on.
func (n *node) refresh() {
	n.mu.Lock()
	i := slices.IndexFunc(n.buckets[:], func(bucket []string) bool { return len(bucket) > 0 })
	n.mu.Unlock()
	for ; i > 0 && i <= n.Settings.Bits; i++ {
		n.lookup(n.me()^(1<<(i-1)|rand.Uint64N(1<<(i-1))), "closest")
	}
}

// keepValues replicates hourly what nobody else has, and publishes our own daily.
func (n *node) keepValues() {
	type due struct {
		key   uint64
		value json.RawMessage
		life  time.Duration
	}
	var all []due
	n.mu.Lock()
	for key := range n.pairs {
		if p, ok := n.kept(key); ok && p.replicate > 0 && p.replicate <= n.clock() {
			p.replicate = n.clock() + replicateEvery
			n.pairs[key] = p
			all = append(all, due{key, p.value, p.expires - n.clock()})
		}
	}
	for key, p := range n.published {
		if p.again <= n.clock() {
			n.published[key] = publication{p.value, n.clock() + publishEvery}
			all = append(all, due{key, p.value, lifetime})
		}
	}
	n.mu.Unlock()
	for _, d := range all {
		n.publish(d.key, d.value, d.life)
	}
}
