package experiment

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
)

// Bootstrapping by a host cache: a list of addresses that somebody keeps, of which a
// newcomer is handed some. The cache is the experiment's; what follows is the
// servents' own doing: dials, refusals with X-Try-Ultrapeers, pongs.
const (
	cacheHands     = 20              // addresses to a newcomer
	bootstrapWait  = 3 * time.Minute // a newcomer has for it
	bootstrapPause = time.Second     // between two newcomers
)

// joins are what newcomers met.
type joins struct {
	first, all spread // seconds until the first connection, and until the last one wanted
	alone      int    // newcomers without any connection in the end
	degree     spread
	dials      spread
	newcomers  int
}

// cacheState is what a cache's addresses are worth.
type cacheState struct {
	name   string
	stale  int  // percent of the addresses at which nobody is
	silent bool // and nothing refuses a connection there: a time out has to pass
	full   int  // percent of the ultrapeers that have no room for leaves
}

func cacheStates() []cacheState {
	return []cacheState{
		{"fresh", 0, false, 0},
		{"half stale, refused", 50, false, 0},
		{"half stale, silent", 50, true, 0},
		{"90% stale, refused", 90, false, 0},
		{"90% stale, silent", 90, true, 0},
		{"fresh, half full", 0, false, 50},
		{"fresh, 90% full", 0, false, 90},
		{"all stale", 100, true, 0},
	}
}

// joined measures leaves that come to a network of ultrapeers through a cache.
func joined(o Options, state cacheState, stream uint64) *joins {
	s := newServents(o.Seed, stream)
	n := o.Nodes / 10
	config := gnutella.Config{QRPSlots: 64, NoFallback: true, Maintain: bootstrapRound, PeerTimeout: 24 * time.Hour}
	s.build(regular(s.Rand(), n, min(scaleDegree, n-1)), func(u int) gnutella.Config {
		c := config
		c.Mode, c.Leaves = gnutella.Ultrapeer, leavesOf(o, n, u, state.full)
		c.OnlyGiven = true
		return c
	})
	var gone []netip.AddrPort
	for i := range n {
		gone = append(gone, address(deadFirst+i))
	}
	if state.silent {
		s.Partition(gone...)
	}
	j := &joins{newcomers: o.Runs}
	var began []time.Duration
	first := len(s.list)
	for range o.Runs {
		c := config
		c.Mode = gnutella.Leaf
		id := s.add(c)
		began = append(began, s.Now())
		in := gnutella.Connect{Op: s.op()}
		for len(in.Addrs) < min(cacheHands, n) {
			a := address(int(s.Rand().Below(uint64(n))))
			if int(s.Rand().Below(100)) < state.stale {
				a = gone[s.Rand().Below(uint64(n))]
			}
			if !slices.Contains(in.Addrs, a) {
				in.Addrs = append(in.Addrs, a)
			}
		}
		s.Input(address(int(id)), in)
		s.RunFor(bootstrapPause)
	}
	s.RunFor(bootstrapWait)
	for i, at := range began {
		v := s.list[first+i]
		j.degree, j.dials = append(j.degree, float64(len(v.Links()))), append(j.dials, float64(v.dials))
		if len(v.connected) == 0 {
			j.alone++
			continue
		}
		j.first = append(j.first, (v.connected[0] - at).Seconds())
		if len(v.connected) >= leafDegree {
			j.all = append(j.all, (v.connected[leafDegree-1] - at).Seconds())
		}
	}
	return j
}

const (
	bootstrapRound = 30 * time.Second // the default of Config.Maintain
	deadFirst      = 1 << 20          // number of the first address at which nobody is
)

// leavesOf is the room of an ultrapeer, which is ample unless it is one of the full.
func leavesOf(o Options, n, u, full int) int {
	if u*100 < n*full {
		return 1
	}
	return min(3*leafDegree*o.Runs/n+30, 1<<12)
}

// grown is a network of ultrapeers without leaves that have come one after another, each by what
// a cache then handed out: the latest that came, or any that there are.
func grown(o Options, latest bool, stream uint64) (degree spread, component float64, hops spread) {
	s := newServents(o.Seed, stream)
	n := o.Nodes / 10
	for i := range n {
		id := s.add(gnutella.Config{
			Mode: gnutella.Ultrapeer, Peers: growPeers, Leaves: 1, QRPSlots: 64, NoFallback: true,
			Maintain: bootstrapRound, PeerTimeout: 24 * time.Hour,
		})
		in := gnutella.Connect{Op: s.op()}
		for k := range min(cacheHands, i) {
			from := i - 1 - k
			if !latest {
				from = int(s.Rand().Below(uint64(i)))
			}
			in.Addrs = append(in.Addrs, address(from))
		}
		s.Input(address(int(id)), in)
		s.RunFor(bootstrapPause)
	}
	s.RunFor(bootstrapWait)
	g := s.graph()
	for _, near := range g {
		degree = append(degree, float64(len(near)))
	}
	part := g.largest()
	for range grownOrigins {
		for _, d := range g.distances(part[s.Rand().Below(uint64(len(part)))]) {
			if d > 0 {
				hops = append(hops, float64(d))
			}
		}
	}
	return degree, float64(len(part)) / float64(n), hops
}

// grownOrigins is from how many places, any of them, hops are counted: the oldest is at
// one end of a chain.
const grownOrigins = 20

// growPeers is how many equals those want who join one after another.
const growPeers = 8

// graph is who is connected with whom at present.
func (s *servents) graph() graph {
	g := make(graph, len(s.list))
	for i, v := range s.list {
		for _, l := range v.Links() {
			if l.Conn > 0 { // each link once, as who dialled has it
				g.join(int32(i), numberOf(l.Remote))
			}
		}
	}
	return g
}

// GnutellaBootstrap measures how newcomers find their way by a host cache.
//
// GN-HS-15, GN-HS-33, GN-PG-13.
func GnutellaBootstrap(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(2000, 200)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Gnutella: joining by a host cache, %d newcomers, seed %d", o.Runs, o.Seed),
		Setup: []string{
			fmt.Sprintf("%d ultrapeers of degree %d; a leaf a second comes, is handed %d addresses, and wants %d connections",
				o.Nodes/10, scaleDegree, cacheHands, leafDegree),
			fmt.Sprintf("50 ms a hop; a handshake has 10 s; figures %v after the last has come, times of those who got",
				bootstrapWait),
			"that far; ± is the standard deviation of one",
			"stale: nobody is at the address, and its host refuses at once or is silent; full: has a place for one leaf",
		},
		Figure: Figure{Title: "newcomers connected", X: "seconds", Y: "with a connection, %", LegendRight: true},
		Notes: []string{
			"A cache that is stale costs time, not the network, as long as it has one good address: whom a newcomer meets",
			"names others, also in a refusal. Silence costs most: three dials at a time wait for 10 s each.",
			"Ultrapeers that fill all their places as they come leave none for who comes later: each connects with those of",
			"its own time, in a chain whose ways are many times those of a random graph, and who comes last may be cut off.",
			"No published figures of this were at hand; no good one: the chance of it, the stale share to the power of 20.",
		},
	}
	t := Table{Title: "A leaf joins", Header: []string{
		"cache", "no good one", "alone", "first connection", "±", "all three", "±", "degree", "dials"}}
	for i, state := range cacheStates() {
		j := joined(o, state, uint64(i))
		t.Rows = append(t.Rows, j.row(state))
		if state.stale < 100 && (i == 0 || state.silent) {
			r.Figure.Lines = append(r.Figure.Lines, j.line(state.name))
		}
	}
	network := Table{Title: fmt.Sprintf("%d ultrapeers join one after another", o.Nodes/10), Header: []string{
		"the cache hands out", "degree", "±", "largest part", "hops to others", "farthest"}}
	for i, latest := range []bool{false, true} {
		degree, component, hops := grown(o, latest, uint64(100+i))
		network.Rows = append(network.Rows, []string{
			[]string{"any", "the latest"}[i], fmt.Sprintf("%.2f", degree.mean()), fmt.Sprintf("%.2f", degree.deviation()),
			fmt.Sprintf("%.0f%%", 100*component), fmt.Sprintf("%.2f", hops.mean()), fmt.Sprintf("%.0f", slices.Max(hops))})
	}
	r.Tables = []Table{t, network}
	return r, nil
}

func (j *joins) row(state cacheState) []string {
	unlucky := 100 * math.Pow(float64(state.stale)/100, cacheHands)
	alone := 100 * float64(j.alone) / float64(j.newcomers)
	cells := []string{state.name, fmt.Sprintf("%.0f%%", unlucky), fmt.Sprintf("%.0f%%", alone)}
	for _, s := range []spread{j.first, j.all} {
		if len(s) == 0 {
			cells = append(cells, "never", "")
			continue
		}
		cells = append(cells, fmt.Sprintf("%.2f s", s.mean()), fmt.Sprintf("%.2f", s.deviation()))
	}
	return append(cells, fmt.Sprintf("%.2f", j.degree.mean()), fmt.Sprintf("%.1f", j.dials.mean()))
}

// line is the share of newcomers that had a connection after some time.
func (j *joins) line(name string) Line {
	l := Line{Name: name}
	for at := 0; at <= 60; at += 2 {
		n := 0
		for _, took := range j.first {
			if took <= float64(at) {
				n++
			}
		}
		l.X, l.Y = append(l.X, float64(at)), append(l.Y, 100*float64(n)/float64(j.newcomers))
	}
	return l
}
