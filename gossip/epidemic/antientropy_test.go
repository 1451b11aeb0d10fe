package epidemic

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// measured is a codec that knows how much has been written.
type measured struct {
	Codec
	limit           int
	bytes, messages *int
}

func (m measured) AppendMessage(b []byte, msg spec.Message) ([]byte, error) {
	from := len(b)
	b, err := m.Codec.AppendMessage(b, msg)
	if len(b)-from > m.limit {
		return b, fmt.Errorf("%T of %d bytes", msg, len(b)-from)
	}
	*m.bytes += len(b) - from
	*m.messages++
	return b, err
}

// system is a network of nodes.
type system struct {
	*sim.Network
	peers           []netip.AddrPort
	bytes, messages int
	op              spec.OpID
}

func newSystem(t require.TestingT, cfg Config, seed uint64, link sim.Link) *system {
	s := &system{peers: cfg.Peers}
	n, err := New(cfg, 0)
	require.NoError(t, err)
	s.Network = sim.New(sim.Config{
		Seed: [32]byte{byte(seed), byte(seed >> 8)}, Link: link, Check: cfg.MaxEntries < 1000,
		Codec: measured{limit: n.cfg.PacketSize, bytes: &s.bytes, messages: &s.messages},
	})
	for i, addr := range cfg.Peers {
		s.Add(addr, n.Sibling(int32(i), [32]byte{byte(seed), byte(seed >> 8), byte(i), 1}, 0))
	}
	return s
}

func (s *system) node(i int) *Node { return s.Machine(s.peers[i]).(*Node) }

func (s *system) put(i int, key string, value ...byte) {
	s.op++
	s.Input(s.peers[i], Put{Op: s.op, Key: key, Value: value})
}

func (s *system) remove(i int, key string) {
	s.op++
	s.Input(s.peers[i], Delete{Op: s.op, Key: key})
}

func (s *system) sync(i, with int) {
	s.op++
	s.Input(s.peers[i], Sync{Op: s.op, With: int32(with)})
	s.RunIdle(s.Now() + time.Hour)
}

// values are those of a node, as text.
func (s *system) values(i int) (list []string) {
	for _, u := range s.node(i).Updates() {
		u.Age = 0
		list = append(list, fmt.Sprintf("%+v", u))
	}
	return list
}

func comparisons() []AntiEntropy {
	return []AntiEntropy{
		{Compare: Ranges},
		{Compare: Full, Exchange: Push}, {Compare: Full, Exchange: Pull}, {Compare: Full, Exchange: PushPull},
		{Compare: Checksum, Exchange: Push}, {Compare: Checksum, Exchange: Pull},
		{Compare: Checksum, Exchange: PushPull},
		{Compare: PeelBack},
	}
}

// One exchange makes both databases what the later of each key's versions say:
// or one of them, where updates go one way. Messages keep to their size.
//
// GO-EP-01.
func TestExchange(t *testing.T) {
	for _, a := range comparisons() {
		t.Run(fmt.Sprint(a.Compare, a.Exchange), rapid.MakeCheck(func(t *rapid.T) {
			cfg := quietConfig(2)
			cfg.AntiEntropy = a
			cfg.AntiEntropy.Period = -1
			cfg.MaxValueBytes, cfg.PacketSize = 20, 256
			s := newSystem(t, cfg, 1, sim.Link{})
			for range rapid.IntRange(0, 120).Draw(t, "updates") {
				who, key := rapid.IntRange(0, 2).Draw(t, "who"), fmt.Sprintf("key%03d", rapid.IntRange(0, 90).Draw(t, "key"))
				for i := range 2 {
					if who == i || who == 2 {
						s.put(i, key, rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")...)
					}
				}
				if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
					s.remove(who%2, key)
				}
			}
			want := map[string]Update{}
			for i := range 2 {
				for _, u := range s.node(i).Updates() {
					if v, ok := want[u.Key]; !ok || u.Supersedes(&v) {
						want[u.Key] = u
					}
				}
			}
			kept := s.values(0)
			other := s.values(1)
			s.sync(0, 1)
			both := a.Compare == Ranges || a.Compare == PeelBack || a.Exchange == PushPull
			for i := range 2 {
				if !both && a.Exchange == Push && i == 0 {
					require.Equal(t, kept, s.values(0))
					continue
				}
				if !both && a.Exchange == Pull && i == 1 {
					require.Equal(t, other, s.values(1))
					continue
				}
				require.Equal(t, len(want), s.node(i).Len())
				for _, u := range s.node(i).Updates() {
					require.Equal(t, want[u.Key], u)
				}
			}
		}))
	}
}

// What is equal is found out by one message, and two differences among many
// entries by few bytes.
//
// GO-EP-01 (Demers et al. 1987, §1.3).
func TestCostOfComparing(t *testing.T) {
	const entries = 4000
	cost := map[Compare]int{}
	for _, a := range []AntiEntropy{
		{Compare: Ranges}, {Compare: Full, Exchange: PushPull}, {Compare: Checksum, Exchange: PushPull},
		{Compare: PeelBack},
	} {
		cfg := quietConfig(2)
		cfg.AntiEntropy, cfg.MaxEntries = a, entries+1
		cfg.AntiEntropy.Period = -1
		s := newSystem(t, cfg, 1, sim.Link{})
		for k := range entries {
			s.put(0, fmt.Sprintf("key%05d", k), make([]byte, 50)...)
		}
		s.sync(0, 1)
		require.Equal(t, s.values(0), s.values(1))
		s.bytes, s.messages = 0, 0
		s.sync(1, 0)
		if a.Compare != Full {
			require.Equal(t, 1, s.messages, "%v: equal", a.Compare)
		}
		s.put(1, "key02000", 1)
		s.put(0, "key03990", 1)
		s.bytes = 0
		s.sync(0, 1)
		require.Equal(t, s.values(0), s.values(1))
		cost[a.Compare] = s.bytes
	}
	require.Greater(t, cost[Full], 300_000)
	require.Greater(t, cost[Checksum], 300_000)
	require.Less(t, cost[Ranges], 4_500)
	require.Less(t, cost[PeelBack], 1_500)
}

// Whatever happens while the network is in two parts and loses messages: some
// time after it is whole all databases are equal, and hold for each key the
// latest version that anybody made.
//
// GO-EP-01.
func TestConvergesAfterAnyPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(comparisons()).Draw(t, "comparison")
		cfg := quietConfig(5)
		cfg.AntiEntropy = a
		cfg.AntiEntropy.Period, cfg.MaxValueBytes, cfg.PacketSize = second, 8, 256
		if rapid.Bool().Draw(t, "rumors") {
			cfg.Mongering = Mongering{Period: second / 2, Exchange: PushPull}
		}
		link := sim.Link{
			Latency: sim.Uniform(time.Millisecond, 300*time.Millisecond), Loss: 100_000, Duplicate: 50_000,
		}
		s := newSystem(t, cfg, rapid.Uint64().Draw(t, "seed"), link)
		cut := rapid.IntRange(1, 4).Draw(t, "cut")
		s.Partition(s.peers[:cut]...)
		latest := map[string]Stamp{}
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			i, key := rapid.IntRange(0, 4).Draw(t, "node"), string(rune('a'+rapid.IntRange(0, 9).Draw(t, "key")))
			if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				s.remove(i, key)
			} else {
				s.put(i, key, byte(i))
			}
			if u, _ := s.node(i).Lookup(key); u.Stamp.Compare(latest[key]) > 0 {
				latest[key] = u.Stamp
			}
			s.RunFor(time.Duration(rapid.IntRange(0, 500).Draw(t, "ms")) * time.Millisecond)
		}
		s.Heal()
		s.RunFor(30 * time.Second)
		for i := range s.peers {
			require.Equal(t, s.values(0), s.values(i))
		}
		require.Len(t, s.values(0), len(latest))
		for key, stamp := range latest {
			u, _ := s.node(0).Lookup(key)
			require.Equal(t, stamp, u.Stamp)
		}
	})
}

// Merging is commutative, associative and idempotent, whatever the updates: any
// order of any messages, some of them twice, leads to one database.
//
// GO-EP-01.
func TestMergeLaws(t *testing.T) {
	update := rapid.Custom(func(t *rapid.T) Update {
		u := Update{
			Key:   string(rune('a' + rapid.IntRange(0, 2).Draw(t, "key"))),
			Stamp: Stamp{rapid.Uint64Range(1, 3).Draw(t, "counter"), rapid.Int32Range(0, 1).Draw(t, "site")},
		}
		if u.Deleted = rapid.Bool().Draw(t, "deleted"); !u.Deleted {
			u.Value = rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 1).Draw(t, "value")
		}
		return u
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(update, 1, 12).Draw(t, "updates")
		again := append(rapid.Permutation(list).Draw(t, "other order"), list[:len(list)/2]...)
		first, err := New(quietConfig(2), 0)
		require.NoError(t, err)
		a, b := first.Sibling(0, [32]byte{}, 0), first.Sibling(1, [32]byte{}, 0)
		for i := range list {
			a.Step(0, recv(a, 1, Contact{Rumors: []Rumor{{Update: list[i]}}}), nil)
		}
		for i := range again {
			b.Step(0, recv(b, 0, Contact{Rumors: []Rumor{{Update: again[i]}}}), nil)
		}
		require.Equal(t, a.Updates(), b.Updates())
		require.Equal(t, a.sum, b.sum)
	})
}

// Databases that differ in anything have different sums.
func TestDigest(t *testing.T) {
	first := Update{Key: "k", Value: []byte{1}, Stamp: Stamp{1, 1}}
	seen := map[uint64]bool{first.digest(): true}
	for name, change := range map[string]func(u *Update){
		"key":     func(u *Update) { u.Key = "l" },
		"value":   func(u *Update) { u.Value = []byte{2} },
		"length":  func(u *Update) { u.Key, u.Value = "k\x01", nil },
		"counter": func(u *Update) { u.Stamp.Counter = 2 },
		"site":    func(u *Update) { u.Stamp.Site = 2 },
		"deleted": func(u *Update) { u.Deleted, u.Value = true, nil },
		"empty":   func(u *Update) { u.Value = nil },
	} {
		u := first
		change(&u)
		require.False(t, seen[u.digest()], name)
		seen[u.digest()] = true
	}
	aged := Update{Key: "k", Deleted: true, Age: 1}
	require.Equal(t, (&Update{Key: "k", Deleted: true}).digest(), aged.digest(), "the age is no part of a version")
}
