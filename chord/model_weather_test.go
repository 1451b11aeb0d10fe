package chord

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	model "github.com/p2pspec/p2pspec/spec/models/chord"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// weather is a simulated ring in bad weather.
type weather struct {
	*sim.Network
	history
	t        *testing.T
	downTill [model.MaxNodes]time.Duration
	cut      bool // the assumptions did not hold to the end
	bend     bending
	tries    int
}

// A bending makes a mutant: it may change a node after each step, and what it
// sends.
type bending func(n *Node, in spec.Input, out []spec.Effect) []spec.Effect

const (
	weatherRoundTrip = 300 * time.Millisecond
	weatherTries     = 8
)

func newWeather(t *testing.T, seed uint64, m model.Model, bend bending, tries int) *weather {
	cfg := sim.Config{Link: sim.Link{
		Latency: sim.Uniform(5*time.Millisecond, 75*time.Millisecond),
		Loss:    sim.Percent(3), Duplicate: sim.Percent(3), Reorder: sim.Percent(10),
	}, Check: bend == nil}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	w := &weather{Network: sim.New(cfg), history: history{Model: m}, t: t, bend: bend, tries: tries}
	var ring []Peer
	for id := range model.ID(m.R + 1) {
		ring = append(ring, stagePeer(id))
	}
	for id := range model.ID(m.R + 1) {
		w.start(id)
		w.Input(stagePeer(id).Addr, Create{Ring: ring})
	}
	w.records = nil // the model starts here
	return w
}

func (w *weather) start(id model.ID) {
	cfg := Config{
		ID: FromUint(uint64(id)), IDBits: 3, Successors: w.R, FixFingers: -1, Tries: w.tries,
		RoundTrip: weatherRoundTrip, RPCTimeout: weatherRoundTrip + time.Millisecond,
		Stabilize: 400 * time.Millisecond, Jitter: 200 * time.Millisecond,
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], uint64(id))
	n, err := New(cfg, w.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Add(stagePeer(id).Addr, &traced{n, id, &w.history, w.bend})
}

func (w *weather) node(id model.ID) *Node {
	if m, ok := w.Machine(stagePeer(id).Addr).(*traced); ok {
		return m.Node
	}
	return nil
}

// churn lets a random node come or go, if it may.
func (w *weather) churn() {
	id := model.ID(w.Rand().Below(uint64(w.N)))
	switch n := w.node(id); {
	case n == nil && w.Now() > w.downTill[id] && !w.asked(id):
		w.start(id)
		via := model.ID(w.Rand().Below(uint64(w.R + 1)))
		w.Input(stagePeer(id).Addr, Join{Via: stagePeer(via)})
	case n != nil && n.member && w.mayFail(id):
		w.records = append(w.records, moment{node: id, failed: true})
		w.Crash(stagePeer(id).Addr)
		// Who waits for an answer has to find out before it comes back.
		w.downTill[id] = w.Now() + 2*weatherTries*weatherRoundTrip
	}
}

// asked reports whether somebody waits for an answer of id.
func (w *weather) asked(id model.ID) bool {
	for other := range model.ID(w.N) {
		if n := w.node(other); n != nil && stagePlace(n.query.to) == id {
			return true
		}
	}
	return false
}

// mayFail keeps the first R+1 members, whom no list skips and who are enough
// principals, and to each other member a live successor: in its list, and in
// those that may be on the way to it.
func (w *weather) mayFail(f model.ID) bool {
	if int(f) <= w.R {
		return false
	}
	keeps := func(list []Peer) bool {
		return slices.ContainsFunc(list, func(p Peer) bool {
			n := w.node(stagePlace(p))
			return n != nil && n.member && stagePlace(p) != f
		})
	}
	for id := range model.ID(w.N) {
		n := w.node(id)
		if id == f || n == nil {
			continue
		}
		if n.member && !keeps(n.successors) {
			return false
		}
		for i := len(w.records) - 1; i >= 0 && i > len(w.records)-100; i-- {
			for _, a := range w.records[i].answers {
				m := a.msg.(Neighbors)
				if a.to == id && m.RPC == n.query.rpc && n.query.kind != noQuery &&
					!(keeps(m.Successors) && keeps(n.adopt(stagePeer(a.from), m.Successors))) {
					return false
				}
			}
		}
	}
	return true
}

// run lets it storm, then lets it be quiet, and returns what the model says.
func (w *weather) run(storm time.Duration) (events int, state model.State, err error) {
	for w.Now() < storm {
		w.RunFor(time.Duration(w.Rand().Below(uint64(300 * time.Millisecond))))
		w.churn()
	}
	w.RunFor(time.Minute)
	if i := w.resurrection(); i < len(w.records) {
		w.records, w.cut = w.records[:i], true
	}
	return w.validate()
}

// TestSimulationsFollowTheModel validates runs with delays, losses, repetitions,
// reordering, joins and failures: each step of a machine is a step of the model
// or changes nothing in it. When it is quiet the ring becomes ideal.
func TestSimulationsFollowTheModel(t *testing.T) {
	seen, cut := map[model.Kind]int{}, 0
	for seed := range uint64(20) {
		w := newWeather(t, seed, model.Model{N: 8, R: 2 + int(seed%2)}, nil, weatherTries)
		events, state, err := w.run(2 * time.Minute)
		if err != nil {
			t.Fatalf("seed %d: after %d events: %v", seed, events, err)
		}
		if w.cut {
			cut++
		} else if !w.Ideal(state) {
			t.Errorf("seed %d: not ideal in the end: %v", seed, state)
		}
		found, _ := w.happenings()
		for _, x := range found {
			seen[x.event.Kind]++
		}
	}
	for kind := model.Join; kind <= model.Rectify; kind++ {
		if seen[kind] < 100 {
			t.Errorf("%v happened %d times only", kind, seen[kind])
		}
	}
	t.Logf("%v, %d runs cut short", seen, cut)
	if cut > 5 {
		t.Errorf("the assumptions failed in %d runs", cut)
	}
}

// TestBentSimulationsAreRejected breaks a rule of the machines, or of the
// network, at a time.
func TestBentSimulationsAreRejected(t *testing.T) {
	for _, mutant := range []struct {
		name  string
		bend  bending
		tries int
	}{
		{"a list is told while it may change", func(n *Node, _ spec.Input, out []spec.Effect) []spec.Effect {
			for i, e := range out {
				if s, ok := e.(spec.Send); ok {
					if m, ok := s.Msg.(Busy); ok {
						out[i] = n.neighbors(s.To, m.RPC)
					}
				}
			}
			return out
		}, weatherTries},
		{"a free place takes the predecessor", func(n *Node, _ spec.Input, out []spec.Effect) []spec.Effect {
			if n.member && len(n.successors) == n.cfg.Successors-1 {
				n.successors = append(slices.Clone(n.successors), n.predecessor)
			}
			return out
		}, weatherTries},
		{"requests get lost and are not repeated", nil, 1},
	} {
		rejected := 0
		for seed := range uint64(5) {
			w := newWeather(t, seed, model.Model{N: 8, R: 2}, mutant.bend, mutant.tries)
			if _, _, err := w.run(time.Minute); err != nil {
				rejected++
			}
		}
		if rejected == 0 {
			t.Errorf("%s: nothing was wrong in any run", mutant.name)
		}
	}
}
