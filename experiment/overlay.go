package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
)

// overlay is a simulated Kademlia network that knows who its members are.
type overlay struct {
	network
	cfg     kademlia.Config
	members []kademlia.Contact // by address number; a zero address is down
}

// joinInterval spaces joins so that thousands of nodes join within the hour
// after which the first buckets would be refreshed.
const joinInterval = 100 * time.Millisecond

func newOverlay(cfg kademlia.Config, nodes int, seed uint64) *overlay {
	return &overlay{network: newNetwork(seed), cfg: cfg, members: make([]kademlia.Contact, nodes)}
}

// machine makes the node of member i under a fresh random identifier.
func (o *overlay) machine(i int, known []kademlia.Contact, now time.Duration) *kademlia.Node {
	cfg := o.cfg
	cfg.ID = o.members[i].ID
	cfg.Contacts = known
	cfg.Seed = o.freshSeed()
	n, err := kademlia.New(cfg, now)
	if err != nil {
		panic(fmt.Sprintf("experiment: %v", err)) // the caller checked cfg
	}
	return n
}

// command gives in, whose operation is op, to member i; then runs at its end.
func (o *overlay) command(i int, in func(spec.OpID) spec.Input, then func(spec.Done)) {
	o.network.command(o.members[i].Addr, in, then)
}

// name gives member i a fresh random identifier.
func (o *overlay) name(i int) {
	o.members[i] = kademlia.Contact{ID: kademlia.RandomID(o.Rand(), kademlia.MaxBits), Addr: address(i)}
}

// someone draws a member that is up.
func (o *overlay) someone() int {
	for {
		if i := int(o.Rand().Below(uint64(len(o.members)))); o.members[i].Addr.IsValid() {
			return i
		}
	}
}

// buildByJoining lets one node after another join through a random member.
func (o *overlay) buildByJoining() {
	for i := range o.members {
		sponsor := kademlia.Contact{}
		if i > 0 {
			sponsor = o.members[o.someone()]
		}
		o.name(i)
		o.Add(address(i), o.machine(i, nil, o.Now()))
		if i > 0 {
			o.enter(i, sponsor, func(spec.Done) {})
		}
		o.RunFor(joinInterval)
	}
	o.RunFor(time.Minute)
}

// enter lets member i join through sponsor.
func (o *overlay) enter(i int, sponsor kademlia.Contact, then func(spec.Done)) {
	o.command(i, func(op spec.OpID) spec.Input {
		return kademlia.Join{Op: op, Seeds: []kademlia.Contact{sponsor}}
	}, then)
}

// buildBySeeding starts every node with the table that a long-lived one would
// have: of each subtree that it is not in, K random members, or all where there
// are no more, and all of the smallest subtree around itself that holds K. It
// reaches in a second what joining takes minutes for.
func (o *overlay) buildBySeeding() {
	for i := range o.members {
		o.name(i)
	}
	sorted := slices.Clone(o.members)
	slices.SortFunc(sorted, func(a, b kademlia.Contact) int { return a.ID.Cmp(b.ID) })
	var known []kademlia.Contact
	for i := range o.members {
		known = o.longKnown(o.members[i].ID, sorted, known[:0])
		o.Add(address(i), o.machine(i, known, o.Now()))
	}
}

// longKnown appends the contacts of such a table. sorted holds all members in
// the order of their identifiers, so each subtree is a run of it.
func (o *overlay) longKnown(id kademlia.ID, sorted, out []kademlia.Contact) []kademlia.Contact {
	for depth := 0; len(sorted) > 1; depth++ {
		mid, _ := slices.BinarySearchFunc(sorted, 1, func(c kademlia.Contact, one int) int {
			return c.ID.Bit(depth) - one
		})
		own, sibling := sorted[:mid], sorted[mid:]
		if id.Bit(depth) == 1 {
			own, sibling = sibling, own
		}
		if k := o.cfg.K; len(own)-1 < k || len(sibling) <= k {
			out = append(out, sibling...)
		} else {
			out = o.sample(sibling, k, out)
		}
		sorted = own
	}
	return out
}

// sample appends k distinct members of list, by Floyd's method.
func (o *overlay) sample(list []kademlia.Contact, k int, out []kademlia.Contact) []kademlia.Contact {
	from := len(out)
	for top := len(list) - k; top < len(list); top++ {
		c := list[o.Rand().Below(uint64(top+1))]
		if slices.Contains(out[from:], c) {
			c = list[top]
		}
		out = append(out, c)
	}
	return out
}

// closest returns the k members nearest to target that are up, without the one
// at except.
func (o *overlay) closest(target kademlia.ID, k, except int) []kademlia.Contact {
	best := make([]kademlia.Contact, 0, k+1)
	for i, m := range o.members {
		if i == except || !m.Addr.IsValid() {
			continue
		}
		if len(best) == k && !kademlia.Closer(target, m.ID, best[k-1].ID) {
			continue
		}
		at := len(best)
		for at > 0 && kademlia.Closer(target, m.ID, best[at-1].ID) {
			at--
		}
		best = slices.Insert(best, at, m)
		best = best[:min(len(best), k)]
	}
	return best
}
