package experiment

import (
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// unstructured is a network of servents: flat ones, or ultrapeers and leaves.
type unstructured struct {
	*servents
	content *content
	ultra   []bool // which places are ultrapeers'; nil: all are flat
	degree  []int  // of flat ones
	asked   []*queried
	answers []*answer
}

// Ultrapeers of the comparison: room for all leaves, and some more.
const (
	compareDegree = 16
	compareLeaves = 3 * leafDegree * scaleLeaves / 2
	flatLeast     = 3 // links of a flat servent
	flatMost      = 60
	maxHosts      = 1 << 14 // gnutella's own limit; who forgets a host forgets that it refused
)

// firstTenth makes ultrapeers of some.
func firstTenth(places int) []bool {
	ultra := make([]bool, places)
	for i := range max(4, places/10) {
		ultra[i] = true
	}
	return ultra
}

func newUnstructured(c *content, seed, stream uint64, ultra []bool) *unstructured {
	u := &unstructured{servents: newServents(seed, stream), content: c, ultra: ultra}
	u.Network = sim.New(sim.Config{
		Seed: seedBytes(seed, stream), Link: sim.Link{Latency: sim.Uniform(10*time.Millisecond, 100*time.Millisecond)},
	})
	u.lost = u.again
	u.oneHop = ultra == nil
	degrees := powerLaw(u.Rand(), len(c.shared), 2.3)
	for i := range c.shared {
		u.degree = append(u.degree, min(flatLeast-1+len(degrees[i]), flatMost))
	}
	return u
}

func (u *unstructured) net() *sim.Network { return u.Network }

// config is that of a place.
func (u *unstructured) config(place int32) gnutella.Config {
	c := gnutella.Config{
		Library: u.content.libs[place], NoFallback: true, QRPSlots: scaleSlots,
		MaxHosts: min(2*len(u.degree), maxHosts), RetryAfter: 5 * time.Minute, Maintain: 2 * time.Minute,
	}
	switch {
	case u.ultra == nil:
		c.Peers, c.Maintain, c.PeerTimeout = u.degree[place], 10*time.Minute, time.Hour
	case u.ultra[place]:
		c.Mode, c.Peers, c.Leaves = gnutella.Ultrapeer, min(compareDegree, max(3, len(u.ultra)/40)), compareLeaves
	default:
		c.Mode, c.Peers = gnutella.Leaf, leafDegree
	}
	return c
}

func (u *unstructured) begin() {
	for i := range u.content.shared {
		u.add(u.config(int32(i)))
	}
	for i := range u.content.shared {
		u.again(int32(i))
	}
	u.RunFor(time.Minute)
}

// again hands a servent what the cache has.
func (u *unstructured) again(place int32) {
	var there []int32
	for i, v := range u.list {
		if v != nil && int32(i) != place && (u.ultra == nil || u.ultra[i]) {
			there = append(there, int32(i))
		}
	}
	to := there[:min(cacheHands, len(there))]
	for i := range to {
		k := i + int(u.Rand().Below(uint64(len(there)-i)))
		there[i], there[k] = there[k], there[i]
	}
	u.connect(place, to)
}

func (u *unstructured) fail(place int32) {
	u.list[place] = nil
	u.Crash(address(int(place)))
}

func (u *unstructured) come(place int32) {
	u.restart(place, u.config(place))
	u.again(place)
}

func (u *unstructured) search(place, file int32, a *answer) {
	if q := u.servents.asked(place, gnutella.Search{Text: word(file)}); q != nil {
		u.asked, u.answers = append(u.asked, q), append(u.answers, a)
	}
}

func (u *unstructured) end() {
	for i, q := range u.asked {
		o := q.outcome()
		a := u.answers[i]
		a.found, a.cost, a.took, a.asked = o.found, o.messages+o.answers, o.took, true
	}
}

func (u *unstructured) best(k int) []int32 {
	return most(k, len(u.list), func(i int) int {
		if u.list[i] == nil {
			return -1
		}
		return len(u.list[i].Links())
	})
}
