package epidemic

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"Peers":                   func(c *Config) { c.Peers = c.Peers[:1] },
		"Self":                    func(c *Config) { c.Self = 3 },
		"Mongering.Exchange":      func(c *Config) { c.Mongering.Exchange = PushPull + 1 },
		"Mongering.Interest":      func(c *Config) { c.Mongering.Interest = MedianCounter + 1 },
		"MedianCounter":           func(c *Config) { c.Mongering.Interest = MedianCounter },
		"Mongering.K":             func(c *Config) { c.Mongering.K = Cooling },
		"Mongering.Connections":   func(c *Config) { c.Mongering.Connections = -1 },
		"Mongering.Hunt":          func(c *Config) { c.Mongering.Hunt = 256 },
		"Mongering.Cool":          func(c *Config) { c.Mongering.Cool = -1 },
		"Mongering.Rounds":        func(c *Config) { c.Mongering.Rounds = 1 << 16 },
		"Mongering.Phase":         func(c *Config) { c.Mongering.Phase = 2 * time.Second },
		"Mongering.Period":        func(c *Config) { c.Mongering.Period = 2 * maxPeriod },
		"AntiEntropy.Phase":       func(c *Config) { c.AntiEntropy.Phase = -1 },
		"AntiEntropy.Compare":     func(c *Config) { c.AntiEntropy.Compare = PeelBack + 1 },
		"AntiEntropy.Exchange":    func(c *Config) { c.AntiEntropy.Exchange = PushPull + 1 },
		"Deletion.Tau1":           func(c *Config) { c.Deletion.Tau1 = -1 },
		"Deletion.Tau2":           func(c *Config) { c.Deletion.Tau2 = 2 * maxPeriod },
		"Deletion.Retainers":      func(c *Config) { c.Deletion.Retainers = 256 },
		"MaxEntries":              func(c *Config) { c.MaxEntries = 1<<16 + 1 },
		"MaxRumors":               func(c *Config) { c.MaxRumors = -1 },
		"MaxValueBytes":           func(c *Config) { c.MaxValueBytes = 60001 },
		"PacketSize is 255":       func(c *Config) { c.PacketSize = 255 },
		"the largest update need": func(c *Config) { c.MaxValueBytes = 1400 },
	} {
		cfg := Config{Peers: testPeers(3)}
		change(&cfg)
		_, err := New(cfg, 0)
		require.ErrorContains(t, err, name)
		_, err = cfg.MaxEffects()
		require.ErrorContains(t, err, name)
	}
	_, err := New(Config{Peers: testPeers(3)}, 0)
	require.NoError(t, err)
}

func TestCommands(t *testing.T) {
	cfg := quietConfig(3)
	cfg.MaxEntries = 2
	n := newTestNode(t, cfg)
	do := func(in spec.Input, result spec.Event, err error) {
		t.Helper()
		before := n.AppendState(nil)
		require.Equal(t, []spec.Effect{spec.Done{Result: result, Err: err}}, n.Step(0, in, nil))
		require.Equal(t, err != nil, bytes.Equal(before, n.AppendState(nil)) && result == nil, "state after %v", in)
	}
	do(Put{Key: "k", Value: []byte("v")}, Stored{Stamp{1, 0}}, nil)
	require.Equal(t, []spec.Effect{spec.Done{Result: Value{Update{Key: "k", Value: []byte("v"), Stamp: Stamp{1, 0}}}}},
		n.Step(0, Get{Key: "k"}, nil))
	do(Put{Key: ""}, nil, ErrKey)
	do(Put{Key: string(make([]byte, MaxKeyBytes+1))}, nil, ErrKey)
	do(Put{Key: "k", Value: make([]byte, 1025)}, nil, ErrTooLarge)
	do(Delete{Key: "k"}, Stored{Stamp{2, 0}}, nil)
	do(Get{Key: "k"}, nil, ErrNotFound)
	do(Get{Key: "m"}, nil, ErrNotFound)
	do(Delete{Key: "m"}, Stored{Stamp{3, 0}}, nil)
	do(Put{Key: "n"}, nil, ErrFull)
	do(Put{Key: "m"}, Stored{Stamp{4, 0}}, nil)
	for _, with := range []int32{-1, 0, 3} {
		do(Sync{With: with}, nil, ErrPeer)
	}
	n.Step(0, recv(n, 1, Entries{Updates: []Update{{Key: "k", Stamp: Stamp{MaxCounter, 1}}}}), nil)
	do(Put{Key: "k"}, nil, ErrClock)
}

// Updates of new keys find no room in a full database, which says so.
func TestOverflow(t *testing.T) {
	cfg := quietConfig(2)
	cfg.MaxEntries = 1
	n := newTestNode(t, cfg)
	n.Step(0, Put{Key: "a"}, nil)
	rumors := []Rumor{rumorOf("b", Stamp{1, 1}), rumorOf("c", Stamp{2, 1}), rumorOf("a", Stamp{3, 1})}
	effects := n.Step(0, recv(n, 1, Contact{Rumors: rumors}), nil)
	require.Contains(t, effects, spec.Notify{Event: Overflow{2}})
	require.Contains(t, effects, spec.Notify{Event: Learned{rumors[2].Update}})
	effects = n.Step(0, recv(n, 1, Entries{Updates: []Update{rumors[0].Update}}), nil)
	require.Equal(t, []spec.Effect{spec.Notify{Event: Overflow{1}}}, effects)
}

func TestSibling(t *testing.T) {
	cfg := cyclesConfig(4, Mongering{})
	cfg.Self, cfg.Seed = 2, [32]byte{7}
	want := newTestNode(t, cfg)
	got := newTestNode(t, quietConfigLike(cfg)).Sibling(2, [32]byte{7}, 0)
	require.Equal(t, want.AppendState(nil), got.AppendState(nil))
	require.Panics(t, func() { got.Sibling(4, [32]byte{}, 0) })
}

func quietConfigLike(cfg Config) Config {
	cfg.Self, cfg.Seed = 0, [32]byte{}
	return cfg
}

// Whatever the rule, the exchange and the weather, a rumor dies; and what it
// reaches, it reaches in O(log N) cycles.
//
// GO-EP-02.
func TestARumorDies(t *testing.T) {
	const nodes = 40
	for e := Push; e <= PushPull; e++ {
		for rule := FeedbackCounter; rule <= MedianCounter; rule++ {
			if rule == MedianCounter && e != PushPull {
				continue
			}
			for seed := range uint64(5) {
				m := Mongering{Exchange: e, Interest: rule, K: 3, Connections: int(seed), Hunt: 1}
				link := sim.Link{Latency: sim.Uniform(time.Millisecond, 400*time.Millisecond), Loss: 50_000}
				s := newSystem(t, cyclesConfig(nodes, m), seed, link)
				s.put(0, "k", 1)
				s.RunFor(100 * second)
				knows := 0
				for i := range s.peers {
					require.Zero(t, s.node(i).Hot(), "exchange %v, rule %v, seed %d", e, rule, seed)
					knows += s.node(i).Len()
				}
				if e == PushPull && rule == FeedbackCounter && seed != 1 {
					require.Equal(t, nodes, knows, "seed %d", seed)
				}
			}
		}
	}
}

// More interest reaches more nodes.
//
// GO-EP-02 (Demers et al. 1987, §1.4).
func TestResidueFallsWithK(t *testing.T) {
	const nodes = 200
	last := math.MaxInt
	for k := 1; k <= 4; k++ {
		missed := 0
		for seed := range uint64(10) {
			s := newSystem(t, cyclesConfig(nodes, Mongering{K: k}), seed, sim.Link{})
			s.put(0, "k", 1)
			s.RunFor(60 * second)
			for i := range s.peers {
				missed += 1 - s.node(i).Len()
			}
		}
		require.Less(t, missed, last, "k = %d", k)
		last = missed
	}
}
