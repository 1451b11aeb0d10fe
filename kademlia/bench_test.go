package kademlia

import (
	"runtime"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// filledTable has seen the given number of random contacts.
func filledTable(tb testing.TB, cfg TableConfig, contacts int) (*Table, *spec.Rand) {
	rng := spec.NewRand([32]byte{1})
	cfg.Self = RandomID(&rng, MaxBits)
	table, err := NewTable(cfg, 0)
	if err != nil {
		tb.Fatal(err)
	}
	for range contacts {
		table.Replied(contact(RandomID(&rng, MaxBits)), 0)
	}
	return &table, &rng
}

func BenchmarkClosest(b *testing.B) {
	for name, k := range map[string]int{"k=8": 8, "k=20": 20} {
		b.Run(name, func(b *testing.B) {
			table, rng := filledTable(b, TableConfig{K: k}, 10_000)
			var targets [256]ID
			for i := range targets {
				targets[i] = RandomID(rng, MaxBits)
			}
			out := make([]Contact, 0, k)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				out = table.Closest(targets[i%len(targets)], k, nil, out[:0])
			}
		})
	}
}

func BenchmarkReplied(b *testing.B) {
	table, rng := filledTable(b, TableConfig{}, 10_000)
	var contacts [256]Contact
	for i := range contacts {
		contacts[i] = contact(RandomID(rng, MaxBits))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Replied(contacts[i%len(contacts)], time.Second)
	}
}

// BenchmarkAnswerFindNode is what a node does for each FIND_NODE.
func BenchmarkAnswerFindNode(b *testing.B) {
	_, rng := filledTable(b, TableConfig{}, 0)
	var known []Contact
	for range 10_000 {
		known = append(known, contact(RandomID(rng, MaxBits)))
	}
	n, err := New(Config{ID: RandomID(rng, MaxBits), Contacts: known}, 0)
	if err != nil {
		b.Fatal(err)
	}
	from := known[0]
	var out []spec.Effect
	b.ReportAllocs()
	for b.Loop() {
		m := FindNodeRequest{Header{RandomID(rng, MaxBits), from.ID}, RandomID(rng, MaxBits)}
		out = n.Step(time.Second, spec.Recv{From: from.Addr, Msg: m}, out[:0])
	}
}

func TestClosestDoesNotAllocate(t *testing.T) {
	table, rng := filledTable(t, TableConfig{}, 1000)
	out := make([]Contact, 0, 20)
	good := func(e *Entry) bool { return table.Status(e, time.Minute) != Bad }
	allocs := testing.AllocsPerRun(100, func() {
		out = table.Closest(RandomID(rng, MaxBits), 20, good, out[:0])
	})
	if allocs != 0 {
		t.Errorf("Closest allocates %v times", allocs)
	}
}

// An idle node costs little beyond the contacts it knows: thousands of them
// share a process.
func TestIdleNodeIsSmall(t *testing.T) {
	const nodes, limit = 500, 8 << 10
	rng := spec.NewRand([32]byte{1})
	pool := make([]Contact, 2000)
	for i := range pool {
		pool[i] = contact(RandomID(&rng, MaxBits))
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	machines := make([]*Node, nodes)
	before := heap()
	contacts := 0
	for i := range machines {
		n, err := New(Config{ID: RandomID(&rng, MaxBits), K: 8, Contacts: pool, Spare: -1}, 0)
		if err != nil {
			t.Fatal(err)
		}
		machines[i] = n
		contacts += n.Table().Len()
	}
	each := (heap() - before) / nodes
	const contactSize = 56
	beyond := int(each) - contactSize*contacts/nodes
	t.Logf("%d bytes a node with %d contacts, %d beyond them", each, contacts/nodes, beyond)
	if beyond > limit {
		t.Errorf("%d bytes beyond the contacts, limit %d", beyond, limit)
	}
	runtime.KeepAlive(machines)
	runtime.KeepAlive(pool)
}
