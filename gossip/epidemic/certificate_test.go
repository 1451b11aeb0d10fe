package epidemic

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// deletionConfig is a system whose certificates live for ten seconds, and dormant
// for a hundred more.
func deletionConfig(nodes, retainers int) Config {
	cfg := quietConfig(nodes)
	cfg.AntiEntropy = AntiEntropy{Period: second}
	cfg.Deletion = Deletion{Tau1: 10 * second, Tau2: 100 * second, Retainers: retainers}
	return cfg
}

// retainersOf lists who keeps the certificate of a key dormant.
func (s *system) retainersOf(key string) (list []int) {
	for i := range s.peers {
		if u, found := s.node(i).Lookup(key); found && u.Deleted && s.node(i).retains(&u) {
			list = append(list, i)
		}
	}
	return list
}

// A certificate deletes the value everywhere; after Tau1 a few nodes have it
// still, and after Tau2 none.
//
// GO-EP-03.
func TestCertificateFallsAsleepAndVanishes(t *testing.T) {
	s := newSystem(t, deletionConfig(12, 3), 1, sim.Link{})
	s.put(0, "k", 1)
	s.RunFor(8 * second)
	s.remove(5, "k")
	s.RunFor(8 * second)
	for i := range s.peers {
		u, found := s.node(i).Lookup("k")
		require.True(t, found && u.Deleted, "node %d", i)
		require.Equal(t, 8*second, u.Age)
	}
	keepers := s.retainersOf("k")
	require.NotEmpty(t, keepers)
	require.LessOrEqual(t, len(keepers), 3)
	s.RunFor(5 * second)
	for i := range s.peers {
		_, found := s.node(i).Lookup("k")
		if wanted := len(keepers) > 0 && keepers[0] == i; wanted {
			require.True(t, found && s.node(i).entries[0].dormant, "node %d", i)
			require.Zero(t, s.node(i).sum, "it makes no difference between databases")
			keepers = keepers[1:]
		} else {
			require.False(t, found, "node %d", i)
		}
	}
	before := s.Stats().Sent
	s.RunFor(10 * second)
	require.EqualValues(t, before+120, s.Stats().Sent, "a summary a node and second, each without an answer")
	s.RunFor(100 * second)
	for i := range s.peers {
		require.Zero(t, s.node(i).Len())
	}
}

// Of a node that was away while a value was deleted and the certificate fell
// asleep, the value comes back; a dormant certificate awakens and deletes it once
// more. A version that is later than the certificate lives on.
//
// GO-EP-03.
func TestDormantCertificateAwakens(t *testing.T) {
	for _, later := range []bool{false, true} {
		s := newSystem(t, deletionConfig(8, 3), 2, sim.Link{})
		s.put(0, "k", 1)
		s.RunFor(8 * second)
		s.Partition(s.peers[7])
		s.remove(0, "k")
		s.RunFor(8 * second)
		keepers := s.retainersOf("k")
		require.NotEmpty(t, keepers)
		require.NotContains(t, keepers, 7)
		s.RunFor(5 * second)
		if later {
			s.put(7, "k", 2)
			s.put(7, "k", 3)
		}
		s.Heal()
		s.RunFor(9 * second)
		for i := range s.peers {
			u, found := s.node(i).Lookup("k")
			require.True(t, found, "node %d", i)
			require.Equal(t, !later, u.Deleted, "node %d", i)
			if !later {
				require.Less(t, u.Age, 9*second, "it begins anew when it awakens")
				require.EqualValues(t, 2, u.Stamp.Counter, "its place among the versions stays")
			}
		}
		s.RunFor(200 * second)
		for i := range s.peers {
			require.Equal(t, later, s.node(i).Len() == 1)
		}
	}
}

// Without dormant copies the value would come back for good.
//
// GO-EP-03.
func TestValueReturnsWhenNobodyRemembers(t *testing.T) {
	s := newSystem(t, deletionConfig(4, 1), 2, sim.Link{})
	s.put(0, "k", 1)
	s.RunFor(8 * second)
	s.Partition(s.peers[3])
	s.remove(0, "k")
	s.RunFor(130 * second)
	s.Heal()
	s.RunFor(8 * second)
	u, found := s.node(0).Lookup("k")
	require.True(t, found && !u.Deleted)
}

// An awakened certificate is a rumor again.
//
// GO-EP-03.
func TestAwakenedCertificateIsHot(t *testing.T) {
	cfg := deletionConfig(2, 64) // both of them, then
	cfg.Mongering = Mongering{Period: second, Interest: BlindCounter, K: 1}
	n := newTestNode(t, cfg)
	n.Step(0, Delete{Key: "k"}, nil)
	n.Step(11*second, spec.Wake{}, nil)
	require.True(t, n.entries[0].dormant)
	require.Zero(t, n.Hot())
	old := Update{Key: "k", Stamp: Stamp{1, 0}}
	n.Step(12*second, recv(n, 1, Contact{Rumors: []Rumor{{Update: old}}}), nil)
	require.Equal(t, 1, n.Hot())
	var told []spec.Message
	for now := 13 * second; n.Hot() > 0; now += second {
		told = append(told, sent(n.Step(now, spec.Wake{}, nil))...)
	}
	require.Contains(t, told, Contact{Rumors: []Rumor{{
		Update: Update{Key: "k", Stamp: Stamp{1, 0}, Deleted: true, Age: second},
	}}})
}

// A certificate that comes past its time deletes what it is later than, and is
// not kept for longer than others.
//
// GO-EP-03.
func TestLateCertificate(t *testing.T) {
	cfg := deletionConfig(1<<12, 1)
	n := newTestNode(t, cfg)
	n.Step(0, Put{Key: "k"}, nil)
	late := Entries{Updates: []Update{{Key: "k", Stamp: Stamp{9, 1}, Deleted: true, Age: 11 * second}}}
	n.Step(0, recv(n, 1, late), nil)
	require.NoError(t, n.Check())
	require.Zero(t, n.Len())
	require.Empty(t, n.Step(0, recv(n, 1, late), nil), "nothing is learned of what is forgotten")
}

// While every certificate is younger than Tau1, no node ever goes back to an
// older version, and none shows a value that nobody put, under any weather.
//
// GO-EP-03.
func TestNothingIsResurrected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := quietConfig(4)
		cfg.AntiEntropy = rapid.SampledFrom(comparisons()).Draw(t, "comparison")
		cfg.AntiEntropy.Period = second
		cfg.Mongering = Mongering{Period: second, Exchange: PushPull}
		link := sim.Link{
			Latency: sim.Uniform(time.Millisecond, 3*second), Loss: 100_000, Duplicate: 100_000, Reorder: 100_000,
		}
		s := newSystem(t, cfg, rapid.Uint64().Draw(t, "seed"), link)
		newest := map[[2]byte]Stamp{}
		s.OnEffect(func(_ time.Duration, at netip.AddrPort, e spec.Effect) {
			if n, ok := e.(spec.Notify); ok {
				u := n.Event.(Learned).Update
				place := [2]byte{at.Addr().As4()[3], u.Key[0]}
				if u.Stamp.Compare(newest[place]) <= 0 {
					t.Fatalf("%v learned %v after %v", at, u, newest[place])
				}
				if !u.Deleted && u.Value[0] != byte(u.Stamp.Site) {
					t.Fatalf("%v was never put", u)
				}
				newest[place] = u.Stamp
			}
		})
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			i, key := rapid.IntRange(0, 3).Draw(t, "node"), string(rune('a'+rapid.IntRange(0, 3).Draw(t, "key")))
			if rapid.Bool().Draw(t, "delete") {
				s.remove(i, key)
			} else {
				s.put(i, key, byte(i))
			}
			u, _ := s.node(i).Lookup(key)
			newest[[2]byte{byte(i), key[0]}] = u.Stamp
			s.RunFor(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
		}
		s.RunFor(20 * second)
	})
}
