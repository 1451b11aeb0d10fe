package experiment

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// gnutellaHop is the latency of every link: as all are alike, a query arrives
// everywhere by a shortest way, and hops tell the time.
const gnutellaHop = 50 * time.Millisecond

// servents is a simulated Gnutella network of real servents, and what its
// queries did.
type servents struct {
	*sim.Network
	list    []*servent
	queries map[wire.GUID]*queried
	last    *queried // by the latest Search
	lastOp  spec.OpID

	lost   func(id int32) // is told who has lost a connection
	oneHop bool           // pings go no further than a neighbour
}

// servent is a node whose queries are counted.
type servent struct {
	*gnutella.Node
	net *servents
	id  int32

	firewalled bool // nobody can connect to it

	dials     int
	connected []time.Duration // when connections began
}

// queried is what came of one query.
type queried struct {
	began    time.Duration
	sent     [hopsCounted]int // messages, by the hops made before
	reached  [hopsCounted]int // servents that took it, by their distance
	repeated [hopsCounted]int // messages that were refused as duplicates
	hits     int              // messages with hits, on any link

	found []found
	by    func(servent int32, hops int) // is told who takes it
}

// found is a hit at the origin.
type found struct {
	at   netip.AddrPort // who has it
	hops int
	took time.Duration
}

// hopsCounted is more than any query makes: at most 10, and one to a leaf.
const hopsCounted = 12

// messages is the sum of sent, up to a TTL.
func (q *queried) messages(ttl int) (n int) { return sum(q.sent[:min(ttl, hopsCounted)]) }

// within is how many servents are reached by a TTL.
func (q *queried) within(ttl int) int { return sum(q.reached[:min(ttl+1, hopsCounted)]) }

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}

func newServents(seed, stream uint64) *servents {
	s := &servents{queries: make(map[wire.GUID]*queried)}
	s.Network = sim.New(sim.Config{
		Seed: seedBytes(seed, stream), Link: sim.Link{Latency: sim.Constant(gnutellaHop)},
	})
	return s
}

// calm is the part of a configuration that keeps a network without churn from
// talking when nobody asks: connections are there for good, and so are tables.
func calm(c gnutella.Config) gnutella.Config {
	c.OnlyGiven, c.NoFallback, c.MaxPongs = true, true, 1
	c.Maintain, c.PeerTimeout, c.RetryAfter = calmRound, 2*calmRound, calmRound
	return c
}

// calmRound is how often servents of a calm network tell what has changed.
const calmRound = 12 * time.Hour

// add starts the next servent.
func (s *servents) add(c gnutella.Config) int32 {
	id := int32(len(s.list))
	c.Addr = address(int(id))
	s.Rand().Fill(c.Seed[:])
	s.list = append(s.list, s.servent(id, c))
	s.Add(c.Addr, s.list[id])
	return id
}

// restart puts a new servent in the place of one that has failed.
func (s *servents) restart(id int32, c gnutella.Config) {
	c.Addr = address(int(id))
	s.Rand().Fill(c.Seed[:])
	s.list[id] = s.servent(id, c)
	s.Add(c.Addr, s.list[id])
}

func (s *servents) servent(id int32, c gnutella.Config) *servent {
	n, err := gnutella.New(c, s.Now())
	if err != nil {
		panic(fmt.Sprintf("experiment: %v", err)) // the configuration is our own
	}
	return &servent{Node: n, net: s, id: id}
}

// connect lets a servent dial others.
func (s *servents) connect(from int32, to []int32) {
	for len(to) > 0 {
		part := to[:min(len(to), gnutella.MaxAddrs)]
		to = to[len(part):]
		c := gnutella.Connect{Op: s.op()}
		for _, id := range part {
			c.Addrs = append(c.Addrs, address(int(id)))
		}
		s.Input(address(int(from)), c)
	}
}

func (s *servents) op() spec.OpID {
	s.lastOp++
	return s.lastOp
}

// maxHandshakes is gnutella's own limit.
const maxHandshakes = 1 << 10

// build starts servents that are connected as a graph is.
func (s *servents) build(g graph, configure func(v int) gnutella.Config) {
	begin := int32(len(s.list))
	for v, near := range g {
		c := configure(v)
		c.Peers, c.MaxHosts = max(1, len(near)), max(1, len(near))
		c.Handshakes = min(max(1, len(near)+c.Leaves), maxHandshakes)
		s.add(c)
	}
	for v, near := range g {
		var to []int32
		for _, u := range near {
			if int(u) > v {
				to = append(to, begin+u)
			}
		}
		s.connect(begin+int32(v), to)
	}
	s.RunFor(2 * time.Second)
}

// tiers are the two kinds of servents of a network with ultrapeers.
type tiers struct {
	ultra  graph     // of ultrapeers, which come first
	under  [][]int32 // of each leaf, which come after them: its ultrapeers
	config gnutella.Config
	shares func(id int32) *gnutella.Library
}

// buildTiers starts ultrapeers and their leaves.
func (s *servents) buildTiers(t tiers) {
	leaves := make([]int, len(t.ultra))
	for _, list := range t.under {
		for _, u := range list {
			leaves[u]++
		}
	}
	s.build(t.ultra, func(u int) gnutella.Config {
		c := t.config
		c.Mode, c.Leaves, c.Library = gnutella.Ultrapeer, leaves[u], t.shares(int32(u))
		return c
	})
	for _, list := range t.under {
		c := t.config
		c.Mode, c.Peers, c.Library = gnutella.Leaf, len(list), t.shares(int32(len(s.list)))
		s.connect(s.add(c), list)
	}
	s.RunFor(2 * time.Second)
}

// tables waits until the ultrapeers of a calm network have told each other what their
// leaves have.
func (s *servents) tables() { s.RunFor(calmRound) }

// underRandom gives each of some leaves that many different ultrapeers, all of
// which get about as many leaves.
func underRandom(r *spec.Rand, leaves, each, ultrapeers int) [][]int32 {
	round := make([]int32, ultrapeers)
	for i := range round {
		round[i] = int32(i)
	}
	under, next := make([][]int32, leaves), ultrapeers
	for i := range under {
		if next+each > ultrapeers {
			r.Shuffle(ultrapeers, func(i, j int) { round[i], round[j] = round[j], round[i] })
			next = 0
		}
		under[i] = slices.Clone(round[next : next+each])
		next += each
	}
	return under
}

// asked lets a servent search, and says what will come of it: nil if the servent
// cannot.
func (s *servents) asked(from int32, in gnutella.Search) *queried {
	s.last, in.Op = nil, s.op()
	s.Input(address(int(from)), in)
	return s.last
}

// search waits for what comes of a search.
func (s *servents) search(from int32, in gnutella.Search, wait time.Duration) *queried {
	q := s.asked(from, in)
	s.RunFor(wait)
	return q
}

// mustLibrary shares files of the given names.
func mustLibrary(names ...string) *gnutella.Library {
	var files []gnutella.File
	for i, name := range names {
		files = append(files, gnutella.File{Index: uint32(i + 1), Size: 1, Name: name})
	}
	l, err := gnutella.NewLibrary(files)
	if err != nil {
		panic(fmt.Sprintf("experiment: %v", err)) // the names are our own
	}
	return l
}

// Step steps the node, and counts its part in queries.
func (v *servent) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if o, ok := in.(spec.Opened); ok && o.Conn < 0 && v.firewalled {
		return append(out, spec.Close{Conn: o.Conn})
	}
	begin := len(out)
	out = v.Node.Step(now, in, out)
	refused := false
	for i, e := range out[begin:] {
		switch e := e.(type) {
		case spec.Drop:
			refused = true
		case spec.Done:
			if r, ok := e.Result.(gnutella.Searching); ok {
				v.net.last = &queried{began: now}
				v.net.queries[r.GUID] = v.net.last
			}
		case spec.Write:
			if d, ok := e.Msg.(wire.Descriptor); ok {
				v.net.written(&d)
				if d.Type == wire.TypePing && v.net.oneHop {
					d.TTL = 1
					out[begin+i] = spec.Write{Conn: e.Conn, Msg: d}
				}
			}
		case spec.Dial:
			v.dials++
		case spec.Notify:
			v.notified(now, e.Event)
		}
	}
	if got, ok := in.(spec.Got); ok {
		if d, ok := got.Msg.(wire.Descriptor); ok && d.Type == wire.TypeQuery {
			v.taken(&d, refused)
		}
	}
	return out
}

func (v *servent) notified(now time.Duration, e spec.Event) {
	switch e := e.(type) {
	case gnutella.Connected:
		v.connected = append(v.connected, now)
	case gnutella.Disconnected:
		if v.net.lost != nil {
			v.net.At(now, func() { v.net.lost(v.id) })
		}
	case gnutella.Hit:
		if q := v.net.queries[e.GUID]; q != nil {
			q.found = append(q.found, found{e.Addr, int(e.Hops) + 1, now - q.began})
		}
	}
}

func (s *servents) written(d *wire.Descriptor) {
	if d.Type != wire.TypeQuery && d.Type != wire.TypeQueryHit {
		return
	}
	q := s.queries[d.GUID]
	switch {
	case q == nil:
	case d.Type == wire.TypeQuery:
		q.sent[d.Hops]++
	default:
		q.hits++
	}
}

func (v *servent) taken(d *wire.Descriptor, refused bool) {
	q := v.net.queries[d.GUID]
	switch {
	case q == nil:
	case refused:
		q.repeated[d.Hops]++
	default:
		q.reached[d.Hops+1]++
		if q.by != nil {
			q.by(v.id, int(d.Hops)+1)
		}
	}
}
