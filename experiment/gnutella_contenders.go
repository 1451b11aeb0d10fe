package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// entrant is a network of the comparison.
type entrant struct {
	name, best string
	make       func(c *content, seed, stream uint64) contender
}

func contenders() []entrant {
	return []entrant{
		{"flooding", "the servents of most links", func(c *content, seed, stream uint64) contender {
			return newUnstructured(c, seed, stream, nil)
		}},
		{"ultrapeers", "the ultrapeers of most links", func(c *content, seed, stream uint64) contender {
			return newUnstructured(c, seed, stream, firstTenth(len(c.shared)))
		}},
		{"central index", "the index", newIndexed},
		{"hash table", "those in most tables", newHashed},
	}
}

// try makes one network, and lets the script of a run happen to it.
func (e *entrant) try(o Options, run uint64) *trial {
	r := spec.NewRand(seedBytes(o.Seed, 1000+run))
	c := newContent(&r, o.Nodes, o.Nodes)
	s := newScript(&r, c, func(int) sim.Dist { return sim.HalfLife(compareLife) }, compareEnd, comparePace)
	return try(e.make(c, o.Seed, run), s, o.Nodes)
}

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
		Library: u.content.libs[place], NoFallback: true, QRPSlots: scaleSlots, MaxHosts: min(2*len(u.degree), maxHosts), RetryAfter: 5 * time.Minute,
	}
	switch {
	case u.ultra == nil:
		c.Peers, c.Maintain, c.PeerTimeout = u.degree[place], 10*time.Minute, time.Hour
	case u.ultra[place]:
		c.Mode, c.Peers, c.Leaves, c.Maintain = gnutella.Ultrapeer, min(compareDegree, max(3, len(u.ultra)/40)), compareLeaves, 2*time.Minute
	default:
		c.Mode, c.Peers, c.Maintain = gnutella.Leaf, leafDegree, 2*time.Minute
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
		a.found, a.cost, a.took = o.found, o.messages+o.answers, o.took
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

// most lists the k places with the highest figures.
func most(k, places int, figure func(i int) int) []int32 {
	list := make([]int32, places)
	figures := make([]int, places)
	for i := range list {
		list[i], figures[i] = int32(i), figure(i)
	}
	slices.SortStableFunc(list, func(a, b int32) int { return figures[b] - figures[a] })
	return list[:k]
}

// indexed is a Napster server and its clients.
type indexed struct {
	network
	content *content
	on      []bool
}

func newIndexed(c *content, seed, _ uint64) contender {
	x := &indexed{network: newNetwork(seed), content: c, on: make([]bool, len(c.shared)+1)}
	return x
}

func (x *indexed) net() *sim.Network { return x.Network }

// server is its place: the one after the clients'.
func (x *indexed) server() int32 { return int32(len(x.content.shared)) }

func (x *indexed) begin() {
	x.come(x.server())
	for i := range x.content.shared {
		x.come(int32(i))
	}
	x.RunFor(time.Minute)
}

func (x *indexed) fail(place int32) {
	x.on[place] = false
	x.Crash(address(int(place)))
}

func (x *indexed) come(place int32) {
	x.on[place] = true
	if place == x.server() {
		x.serve()
		return
	}
	nick := fmt.Sprintf("user%d", place)
	cfg := napster.ClientConfig{Server: address(int(x.server()))}
	cfg.User.Login = napster.Login{Nick: nick, Password: "secret", Port: 6699, Client: "p2pspec"}
	x.Restart(address(int(place)), func(now time.Duration) spec.Machine {
		c, err := napster.NewClient(cfg, now)
		if err != nil {
			panic(fmt.Sprintf("experiment: %v", err)) // the configuration is our own
		}
		return c
	})
	x.enter(place)
}

// serve starts the server; clients notice within a minute that it is back.
func (x *indexed) serve() {
	x.Restart(address(int(x.server())), func(now time.Duration) spec.Machine {
		s, err := napster.NewServer(napster.ServerConfig{MaxLinks: 1 << 16}, now)
		if err != nil {
			panic(fmt.Sprintf("experiment: %v", err)) // the configuration is our own
		}
		return s
	})
	for i := range x.content.shared {
		if x.on[i] {
			x.At(x.Now()+time.Duration(x.Rand().Below(uint64(time.Minute))), func() { x.enter(int32(i)) })
		}
	}
}

// enter logs in and shares.
func (x *indexed) enter(place int32) {
	at := address(int(place))
	x.command(at, func(op spec.OpID) spec.Input { return napster.Enter{Op: op} }, func(d spec.Done) {
		if d.Err != nil {
			return
		}
		for _, f := range x.content.shared[place] {
			file := napster.File{Name: word(f), Size: 1, Bitrate: 128, Frequency: 44100, Seconds: 1}
			x.command(at, func(op spec.OpID) spec.Input { return napster.Share{Op: op, File: file} }, func(spec.Done) {})
		}
	})
}

func (x *indexed) search(place, file int32, a *answer) {
	began := x.Now()
	x.command(address(int(place)), func(op spec.OpID) spec.Input {
		return napster.Find{Op: op, Search: napster.Search{Words: word(file)}}
	}, func(d spec.Done) {
		found, ok := d.Result.(napster.Found)
		if !ok {
			return
		}
		a.cost, a.took = 2+len(found.Results), x.Now()-began
		for _, r := range found.Results {
			var who int
			if _, err := fmt.Sscanf(r.Nick, "user%d", &who); err == nil && x.on[who] {
				a.found = true
			}
		}
	})
}

func (x *indexed) best(int) []int32 { return []int32{x.server()} }
func (x *indexed) end()             {}

// hashed is a Kademlia network in which who has a file is a value.
type hashed struct {
	*overlay
	content *content
}

func newHashed(c *content, seed, _ uint64) contender {
	return &hashed{newOverlay(kademlia.Config{K: 8, Alpha: 3, Spare: 4}, len(c.shared), seed), c}
}

func (x *hashed) net() *sim.Network { return x.Network }

func (x *hashed) begin() {
	x.buildBySeeding()
	for i := range x.members {
		x.store(int32(i))
		x.RunFor(joinInterval)
	}
	x.RunFor(time.Minute)
}

func (x *hashed) fail(place int32) {
	x.Crash(address(int(place)))
	x.members[place] = kademlia.Contact{}
}

// come joins and then stores what the place has, again if it fails.
func (x *hashed) come(place int32) {
	sponsor := x.members[x.someone()]
	x.name(int(place))
	me := x.members[place]
	x.Restart(me.Addr, func(now time.Duration) spec.Machine { return x.machine(int(place), nil, now) })
	x.enter(int(place), sponsor, func(d spec.Done) {
		switch {
		case x.members[place] != me:
		case d.Err != nil:
			x.enter(int(place), x.members[x.someone()], func(spec.Done) { x.store(place) })
		default:
			x.store(place)
		}
	})
}

func key(file int32) kademlia.ID {
	r := spec.NewRand(seedBytes(uint64(file), 1))
	return kademlia.RandomID(&r, kademlia.MaxBits)
}

// store publishes the files of a place, one after another.
func (x *hashed) store(place int32) {
	me := x.members[place]
	if !me.Addr.IsValid() {
		return
	}
	for i, f := range x.content.shared[place] {
		x.At(x.Now()+time.Duration(i)*time.Second, func() {
			if x.members[place] == me {
				x.command(int(place), func(op spec.OpID) spec.Input {
					return kademlia.Store{Op: op, Key: key(f), Value: []byte{byte(place >> 16), byte(place >> 8), byte(place)}}
				}, func(spec.Done) {})
			}
		})
	}
}

func (x *hashed) search(place, file int32, a *answer) {
	began := x.Now()
	x.command(int(place), func(op spec.OpID) spec.Input {
		return kademlia.FindValue{Op: op, Key: key(file)}
	}, func(d spec.Done) {
		a.took = x.Now() - began
		switch v := d.Result.(type) {
		case kademlia.Value:
			a.cost = 2 * int(v.Asked)
			who := int32(v.Value[0])<<16 | int32(v.Value[1])<<8 | int32(v.Value[2])
			a.found = x.members[who].Addr.IsValid()
		case kademlia.Found:
			a.cost = 2*int(v.Asked) - int(v.Failed)
		}
	})
}

func (x *hashed) best(k int) []int32 {
	known := make([]int, len(x.members))
	for _, m := range x.members {
		if n, ok := x.Machine(m.Addr).(*kademlia.Node); ok {
			for _, c := range n.Table().Closest(m.ID, n.Table().Len(), nil, nil) {
				known[numberOf(c.Addr)]++
			}
		}
	}
	return most(k, len(known), func(i int) int {
		if !x.members[i].Addr.IsValid() {
			return -1
		}
		return known[i]
	})
}

func (x *hashed) end() {}
