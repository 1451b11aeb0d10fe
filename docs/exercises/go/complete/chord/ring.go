package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

// The ring's repair.

// enter takes the place behind the member that precedes us, with its successors.
func (n *node) enter(via string) error {
	for range n.attempts() {
		first, ok := reach[step](n, via, "step", keyed{n.me()})
		if !ok {
			return overlay.Refuse(overlay.NotNow, via+" does not answer")
		}
		asked, _ := n.walk(n.me(), first)
		before := append([]string{via}, asked...)[len(asked)]
		v, ok := reach[view](n, before, "neighbours", none{})
		if after := append(v.Successors, before); ok && !v.Busy && n.owns(before, n.me(), after[0]) {
			n.mu.Lock()
			n.predecessor, n.successors = before, n.inOrder(after)
			next := n.successor()
			n.mu.Unlock()
			given, _ := ask[pairs](n, next, "copies", wanted{After: before})
			n.merge(given)
			return nil
		}
	}
	return overlay.Refuse(overlay.NotNow, "found no place in the ring")
}

func (n *node) stabilizeAlways() {
	for {
		began := time.Now()
		n.mu.Lock()
		joined := n.joined
		n.busy = true
		n.mu.Unlock()
		if !joined {
			return
		}
		n.stabilize()
		n.mu.Lock()
		n.busy = false
		next := n.successor()
		n.mu.Unlock()
		if next != n.Name {
			n.Tell(next, "notify", none{})
		}
		n.spread()
		// Not in step with the others, and idle for at least as long as busy.
		idle := max(time.Duration(n.Settings.PeriodMS)*time.Millisecond, time.Since(began))
		time.Sleep(time.Duration((0.8 + 0.4*rand.Float64()) * float64(idle)))
	}
}

// stabilize asks the successor, then the node that it has before it, if that is
// nearer. A successor is adopted only with the list that it gave itself.
func (n *node) stabilize() {
	n.mu.Lock()
	next, candidate := n.successor(), n.predecessor
	n.mu.Unlock()
	if next != n.Name {
		v, ok := reach[view](n, next, "neighbours", none{})
		if v.Busy {
			return
		}
		n.mu.Lock()
		if ok {
			n.successors = n.inOrder(append([]string{next}, v.Successors...))
		} else {
			n.successors = slices.DeleteFunc(n.successors, func(name string) bool { return name == next })
		}
		n.mu.Unlock()
		if candidate = v.Predecessor; !ok {
			return
		}
	}
	n.mu.Lock()
	nearer := candidate != "" && between(n.me(), n.id(candidate), n.id(next)) && !n.isSilent(candidate)
	n.mu.Unlock()
	if !nearer {
		return
	}
	v, ok := reach[view](n, candidate, "neighbours", none{})
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case ok && !v.Busy:
		n.successors = n.inOrder(append([]string{candidate}, v.Successors...))
	case !ok && n.predecessor == candidate:
		n.predecessor = ""
	}
}

// neighbours answers Busy while a question of our own is open: our list may be
// changing, and nobody may copy it then. Who is told so asks again later, and
// knows that we are alive.
func (n *node) neighbours(string, none) (view, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy {
		return view{Busy: true}, nil
	}
	return view{Predecessor: n.predecessor, Successors: slices.Clone(n.successors)}, nil
}

// notify: the sender takes us for its successor. Is it the nearest before us?
func (n *node) notify(src string, _ none) (none, error) {
	n.mu.Lock()
	old := n.predecessor
	nearer := n.precedes(src) || n.isSilent(old)
	n.mu.Unlock()
	if !nearer && src != old {
		if _, alive := reach[none](n, old, "ping", none{}); alive {
			return none{}, nil
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.predecessor == old || n.precedes(src) {
		n.predecessor = src
	}
	return none{}, nil
}

// precedes reports whether a node is nearer before us than our predecessor.
func (n *node) precedes(name string) bool {
	return n.predecessor == "" || between(n.id(n.predecessor), n.id(name), n.me())
}

func (n *node) farewell(src string, _ none) (none, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.successors = slices.DeleteFunc(n.successors, func(name string) bool { return name == src })
	if n.predecessor == src {
		n.predecessor = ""
	}
	n.silent[src] = time.Now().Add(5 * n.timeout())
	return none{}, nil
}

// fixFingersAlways looks one finger up every period, and skips those with the
// same owner.
func (n *node) fixFingersAlways() {
	for i := 0; ; i %= n.Settings.Bits {
		n.pause()
		n.mu.Lock()
		joined := n.joined
		n.mu.Unlock()
		if !joined {
			return
		}
		f, err := n.find(n.start(i))
		if err != nil {
			continue
		}
		n.mu.Lock()
		for ; i < n.Settings.Bits && n.owns(n.Name, n.start(i), f.Node); i++ {
			n.fingers[i] = f.Node
		}
		n.mu.Unlock()
	}
}

func (n *node) forgetFinger(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.fingers {
		if n.fingers[i] == name {
			n.fingers[i] = ""
		}
	}
}

// The circle.

func (n *node) id(name string) uint64 { return n.Settings.IDs[name] }
func (n *node) me() uint64            { return n.id(n.Name) }

// start is where the finger i begins.
func (n *node) start(i int) uint64 { return (n.me() + 1<<i) & (1<<n.Settings.Bits - 1) }

func (n *node) successor() string { return append(slices.Clone(n.successors), n.Name)[0] }

// between reports whether x lies strictly between a and b, going clockwise.
// Where a is b that is the whole circle but a.
func between(a, x, b uint64) bool {
	if a < b {
		return a < x && x < b
	}
	return a < x || x < b
}

// owns reports whether a key belongs to a node, given who comes before it.
func (n *node) owns(before string, key uint64, name string) bool {
	return key == n.id(name) || between(n.id(before), key, n.id(name))
}

func (n *node) mine(key uint64) bool {
	if n.predecessor == "" {
		return len(n.successors) == 0
	}
	return n.owns(n.predecessor, key, n.Name)
}

// nearerTo orders nodes by how far a key is ahead of them.
func (n *node) nearerTo(key uint64) func(a, b string) int {
	ahead := func(name string) uint64 { return (key - n.id(name)) & (1<<n.Settings.Bits - 1) }
	return func(a, b string) int { return int(ahead(a)) - int(ahead(b)) }
}

// inOrder is the list as far as it goes clockwise from here, and no longer than needed.
func (n *node) inOrder(names []string) (out []string) {
	last := n.Name
	for _, name := range names {
		if len(out) == n.Settings.Successors || !between(n.id(last), n.id(name), n.me()) {
			break
		}
		out = append(out, name)
		last = name
	}
	return out
}

func (n *node) timeout() time.Duration {
	return time.Duration(n.Settings.TimeoutMS) * time.Millisecond
}

func (n *node) pause() {
	time.Sleep(time.Duration(n.Settings.PeriodMS) * time.Millisecond)
}
