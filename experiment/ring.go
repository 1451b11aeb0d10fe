package experiment

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/p2pspec/p2pspec/chord"
	"github.com/p2pspec/p2pspec/spec"
)

// ring is a simulated Chord network that knows who its members are.
type ring struct {
	network
	cfg     chord.Config
	members []chord.Peer // by address number; a zero address is down
	live    []chord.Peer // those that are up, in the order of the circle
}

// never is a period beyond every experiment, for what is to be left out.
const never = 300 * 24 * time.Hour

// newRing starts nodes in the ideal ring, with the fingers of long-lived ones.
func newRing(cfg chord.Config, nodes int, seed uint64) *ring {
	r := &ring{network: newNetwork(seed), cfg: cfg, members: make([]chord.Peer, nodes)}
	for i := range r.members {
		r.name(i)
		r.admit(r.members[i])
	}
	for i, m := range r.members {
		r.Add(m.Addr, r.machine(i, r.Now()))
		r.command(m.Addr, func(op spec.OpID) spec.Input {
			return chord.Create{Op: op, Ring: r.live}
		}, mustSucceed)
	}
	return r
}

func mustSucceed(d spec.Done) {
	if d.Err != nil {
		panic(fmt.Sprintf("experiment: %v", d.Err)) // our ring is a good one
	}
}

// name gives member i a fresh random identifier.
func (r *ring) name(i int) {
	r.members[i] = chord.Peer{ID: r.randomKey(), Addr: address(i)}
}

// admit counts p among the living.
func (r *ring) admit(p chord.Peer) { r.live = slices.Insert(r.live, r.place(p.ID), p) }

// place is where id is, or would be, in live.
func (r *ring) place(id chord.ID) int {
	return sort.Search(len(r.live), func(i int) bool { return r.live[i].ID.Cmp(id) >= 0 })
}

// machine makes the node of member i.
func (r *ring) machine(i int, now time.Duration) *chord.Node {
	cfg := r.cfg
	cfg.ID, cfg.Seed = r.members[i].ID, r.freshSeed()
	n, err := chord.New(cfg, now)
	if err != nil {
		panic(fmt.Sprintf("experiment: %v", err)) // the caller checked cfg
	}
	return n
}

// deadOwners counts the members of a ring before failures that lie between key
// and the node that it belongs to now.
func (r *ring) deadOwners(before *ring, key chord.ID) int {
	now := r.owner(key)
	n := 0
	for i := before.place(key); before.live[i%len(before.live)].ID != now.ID; i++ {
		n++
	}
	return n
}

// owner is the live node that key belongs to.
func (r *ring) owner(key chord.ID) chord.Peer { return r.live[r.place(key)%len(r.live)] }

// someone draws a member that is up.
func (r *ring) someone() chord.Peer { return r.live[r.Rand().Below(uint64(len(r.live)))] }

// fail crashes the member i.
func (r *ring) fail(i int) {
	m := r.members[i]
	r.Crash(m.Addr)
	if at := r.place(m.ID); at < len(r.live) && r.live[at] == m { // else it was still joining
		r.live = slices.Delete(r.live, at, at+1)
	}
	r.members[i] = chord.Peer{}
}

// failShare crashes a share of the members, drawn at random.
func (r *ring) failShare(share float64) {
	order := make([]int, len(r.members))
	for i := range order {
		order[i] = i
	}
	for i := range int(share*float64(len(order)) + 0.5) {
		j := i + int(r.Rand().Below(uint64(len(order)-i)))
		order[i], order[j] = order[j], order[i]
		r.fail(order[i])
	}
}

// randomKey draws a key.
func (r *ring) randomKey() (key chord.ID) {
	r.Rand().Fill(key[:])
	return key
}

// lookups is what a number of lookups showed.
type lookups struct {
	begun, ended, right int // right: the live node that the key belongs to was found
	hops                []int32
	timeouts            int
	delayed             int // lookups that met a dead node
	took                time.Duration
}

// lookup has a random member look up key.
func (r *ring) lookup(s *lookups, key chord.ID) {
	s.begun++
	began := r.Now()
	r.command(r.someone().Addr, func(op spec.OpID) spec.Input {
		return chord.Lookup{Op: op, Key: key}
	}, func(d spec.Done) {
		s.ended++
		f, ok := d.Result.(chord.Found)
		if !ok {
			return
		}
		s.hops = append(s.hops, f.Hops)
		s.timeouts += int(f.Timeouts)
		s.took += r.Now() - began
		if f.Timeouts > 0 {
			s.delayed++
		}
		if f.Owner.ID == r.owner(key).ID {
			s.right++
		}
	})
}

// lookUp begins count lookups of random keys, one in each interval, and lets
// them end.
func (r *ring) lookUp(count int, interval time.Duration) *lookups {
	s := &lookups{}
	for range count {
		r.lookup(s, r.randomKey())
		r.RunFor(interval)
	}
	r.RunFor(time.Minute)
	slices.Sort(s.hops)
	return s
}

func (s *lookups) mean() float64 { return mean(s.hops) }

// toPredecessor is the mean length of the way to the predecessor of a key that
// is not the asker's own.
func (s *lookups) toPredecessor() float64 {
	own, _ := slices.BinarySearch(s.hops, 1)
	return mean(s.hops[own:]) - 1
}

// wrong is the share of lookups that did not find the owner, in percent.
func (s *lookups) wrong() float64 { return 100 * float64(s.begun-s.right) / float64(s.begun) }

func mean(hops []int32) float64 {
	sum := int64(0)
	for _, h := range hops {
		sum += int64(h)
	}
	return float64(sum) / float64(len(hops))
}
