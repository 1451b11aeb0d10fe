// Command chord is a complete Chord node: the ring of 2001 with the maintenance
// that Pamela Zave corrected in 2017.
//
//	go build -o my-chord ./docs/exercises/go/complete/chord
//	p2pspec check chord --exec ./my-chord
//
// Read main.go (what clients ask, the walk to a key), ring.go (its repair, the
// circle) and values.go.
package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

// patience is how many time outs a client's request may take while the ring is
// under repair.
const patience = 20

type node struct {
	overlay.Node

	mu          sync.Mutex // guards all that follows
	joined      bool
	predecessor string               // the member that we take for the one before us; "": unknown
	successors  []string             // the next members clockwise, the nearest first; none: we are alone
	fingers     []string             // who owned our identifier + 2^i when we last looked
	busy        bool                 // a question is open whose answer may change our successors
	silent      map[string]time.Time // who has not answered: we go round it until then
	pairs       map[uint64]pair      // ours, and copies of others'
	spreadTo    view                 // the neighbours that have been given what they should keep
}

type (
	none    struct{}
	request struct { // a client's
		Key   *uint64
		Value json.RawMessage
	}
	keyed struct {
		Key uint64 `json:"key"`
	}
	// A pair as it travels. The owner counts the versions.
	pair struct {
		Key     uint64          `json:"key"`
		Value   json.RawMessage `json:"value"`
		Version int             `json:"version"`
	}
	pairs struct {
		Pairs []pair `json:"pairs"`
	}
	value struct {
		Value json.RawMessage `json:"value"`
	}
	wanted struct { // the pairs between After and the sender, or that of Key
		After string  `json:"after,omitempty"`
		Key   *uint64 `json:"key,omitempty"`
	}
	found struct {
		Node string `json:"node"`
		Hops int    `json:"hops"`
	}
	step struct { // either those that own the key, the first that lives, or nodes on the way
		Owners []string `json:"owners,omitempty"`
		Closer []string `json:"closer,omitempty"`
	}
	view struct {
		Busy        bool     `json:"busy,omitempty"`
		Predecessor string   `json:"predecessor,omitempty"`
		Successors  []string `json:"successors,omitempty"`
	}
)

func main() {
	n := &node{silent: map[string]time.Time{}, pairs: map[uint64]pair{}}
	n.Capabilities = []string{"state", "leave"}
	overlay.Handle(&n.Node, "join", n.join)
	overlay.Handle(&n.Node, "lookup", member(n, n.lookup))
	overlay.Handle(&n.Node, "put", member(n, n.put))
	overlay.Handle(&n.Node, "get", member(n, n.get))
	overlay.Handle(&n.Node, "leave", member(n, n.leave))
	overlay.Handle(&n.Node, "state", n.state)

	overlay.Handle(&n.Node, "step", member(n, func(_ string, q keyed) (step, error) { return n.step(q.Key), nil }))
	overlay.Handle(&n.Node, "ping", member(n, func(string, none) (none, error) { return none{}, nil }))
	overlay.Handle(&n.Node, "neighbours", member(n, n.neighbours))
	overlay.Handle(&n.Node, "notify", member(n, n.notify))
	overlay.Handle(&n.Node, "farewell", member(n, n.farewell))
	overlay.Handle(&n.Node, "write", member(n, n.write))
	overlay.Handle(&n.Node, "read", member(n, n.read))
	overlay.Handle(&n.Node, "copy", member(n, n.copy))
	overlay.Handle(&n.Node, "copies", member(n, n.copies))
	n.Run()
}

// member refuses requests until the node has joined. Whoever asks is alive.
func member[Q, A any](n *node, handler func(string, Q) (A, error)) func(string, Q) (A, error) {
	return func(src string, q Q) (a A, err error) {
		n.mu.Lock()
		joined := n.joined
		delete(n.silent, src)
		n.mu.Unlock()
		if !joined {
			return a, overlay.Refuse(overlay.NotNow, "not a member: join first")
		}
		return handler(src, q)
	}
}

// What clients ask.

func (n *node) join(_ string, q struct{ Via string }) (none, error) {
	if q.Via != "" {
		if err := n.enter(q.Via); err != nil {
			return none{}, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.joined {
		n.joined = true
		n.fingers = make([]string, n.Settings.Bits)
		go n.stabilizeAlways()
		go n.fixFingersAlways()
	}
	return none{}, nil
}

func (n *node) lookup(_ string, q request) (found, error) {
	key, err := n.Number("key", q.Key)
	if err != nil {
		return found{}, err
	}
	return n.find(key)
}

func (n *node) put(_ string, q request) (none, error) {
	key, err := n.Number("key", q.Key)
	if err != nil {
		return none{}, err
	}
	if q.Value == nil {
		return none{}, overlay.Refuse(overlay.Malformed, "put what? there is no value")
	}
	return atOwner(n, "write", key, pair{Key: key, Value: q.Value}, n.write)
}

func (n *node) get(_ string, q request) (value, error) {
	key, err := n.Number("key", q.Key)
	if err != nil {
		return value{}, err
	}
	p, err := atOwner(n, "read", key, keyed{key}, n.read)
	if err == nil && p.Version == 0 {
		err = overlay.Refuse(overlay.NoSuchKey, fmt.Sprintf("no value for key %d", key))
	}
	return value{p.Value}, err
}

// leave hands everything to the next member. To the ring, the rest is a failure.
func (n *node) leave(string, none) (none, error) {
	n.mu.Lock()
	n.joined = false
	all := n.some(func(uint64) bool { return true })
	heirs, neighbours := n.successors, append([]string{n.predecessor}, n.successors...)
	n.mu.Unlock()
	for _, heir := range heirs {
		if _, ok := ask[none](n, heir, "copy", all); ok {
			break
		}
	}
	for _, name := range neighbours[:min(2, len(neighbours))] {
		n.Tell(name, "farewell", none{})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.predecessor, n.successors = "", nil
	clear(n.pairs)
	return none{}, nil
}

func (n *node) state(string, none) (any, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	state := map[string]any{"successors": append([]string{}, n.successors...), "predecessor": nil}
	if n.predecessor != "" {
		state["predecessor"] = n.predecessor
	}
	fingers := make([]string, n.Settings.Bits)
	for i := range fingers {
		fingers[i] = n.successor()
		if i < len(n.fingers) && n.fingers[i] != "" {
			fingers[i] = n.fingers[i]
		}
	}
	keys := []uint64{}
	for key := range n.pairs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	state["fingers"], state["keys"] = fingers, keys
	return state, nil
}

// The walk to a key.

// find returns the living owner of a key, and how many others were asked or passed.
func (n *node) find(key uint64) (found, error) {
	for range n.attempts() {
		n.mu.Lock()
		mine := n.mine(key)
		n.mu.Unlock()
		if mine {
			return found{n.Name, 0}, nil
		}
		asked, owners := n.walk(key, n.step(key))
		for _, owner := range owners {
			if owner == n.Name {
				return found{owner, len(asked)}, nil
			}
			if _, ok := reach[none](n, owner, "ping", none{}); ok {
				if !slices.Contains(asked, owner) {
					asked = append(asked, owner)
				}
				return found{owner, len(asked)}, nil
			}
		}
	}
	return found{}, overlay.Refuse(overlay.NotNow, fmt.Sprintf("found no way to key %d", key))
}

// attempts tries again every period, until it has been too long.
func (n *node) attempts() iter.Seq[int] {
	return func(try func(int) bool) {
		end := time.Now().Add(patience * n.timeout())
		for i := 0; time.Now().Before(end) && try(i); i++ {
			n.pause()
		}
	}
}

// walk asks ever closer nodes, until one says that the key lies between it and
// its successor. It returns all who were asked, that one last, and the owners.
func (n *node) walk(key uint64, s step) (asked, owners []string) {
	var heard []string
	for len(s.Owners) == 0 {
		heard = append(heard, s.Closer...)
		n.mu.Lock()
		heard = slices.DeleteFunc(heard, func(name string) bool {
			return name == n.Name || n.isSilent(name) || slices.Contains(asked, name)
		})
		n.mu.Unlock()
		if len(heard) == 0 {
			return asked, nil
		}
		next := slices.MinFunc(heard, n.nearerTo(key))
		heard = slices.DeleteFunc(heard, func(name string) bool { return name == next })
		var ok bool
		if s, ok = ask[step](n, next, "step", keyed{key}); ok {
			asked = append(asked, next)
		} else {
			n.forgetFinger(next)
		}
	}
	return asked, s.Owners
}

// step is one step of a walk, as far as we can tell.
func (n *node) step(key uint64) step {
	n.mu.Lock()
	defer n.mu.Unlock()
	living := slices.DeleteFunc(slices.Clone(n.successors), n.isSilent)
	if len(living) == 0 {
		living = []string{n.Name}
	}
	if n.owns(n.Name, key, living[0]) {
		return step{Owners: living}
	}
	closer := slices.DeleteFunc(slices.Concat(n.successors, n.fingers), func(name string) bool {
		return name == "" || !between(n.me(), n.id(name), key) || n.isSilent(name)
	})
	slices.SortFunc(closer, n.nearerTo(key))
	closer = slices.Compact(closer)
	return step{Closer: closer[:min(3, len(closer))]}
}

// ask asks a node. If it is not ok, the node does not answer, or is no member.
func ask[A any](n *node, name, kind string, fields any) (a A, ok bool) {
	return askWithin[A](n, n.timeout(), name, kind, fields)
}

func askWithin[A any](n *node, limit time.Duration, name, kind string, fields any) (a A, ok bool) {
	a, err := overlay.CallWithin[A](&n.Node, limit, name, kind, fields)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		delete(n.silent, name)
	}
	return a, err == nil
}

// reach asks again before it takes a node for dead: machines are busy at times.
func reach[A any](n *node, name, kind string, fields any) (a A, ok bool) {
	for range 2 {
		if a, ok = ask[A](n, name, kind, fields); ok {
			return a, true
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent[name] = time.Now().Add(5 * n.timeout())
	return a, false
}

func (n *node) isSilent(name string) bool { return time.Now().Before(n.silent[name]) }
