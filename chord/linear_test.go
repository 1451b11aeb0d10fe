package chord

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// A long run is go test ./chord -run Linearizable -runs 100000.
var (
	linearRuns = flag.Int("runs", 2000, "simulated runs whose histories must be linearizable")
	update     = flag.Bool("update", false, "rewrite the example in docs/chord-storage.md and its picture")
)

// call is what a client asks of a register, and answer what it hears: the value
// that it has read, "" where there is none.
type (
	call struct {
		put   bool
		key   uint64
		value string
	}
	answer string
)

// registers is the specification: a register a key, and each call at one
// instant.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byKey := make(map[uint64][]porcupine.Operation)
		for _, op := range history {
			byKey[op.Input.(call).key] = append(byKey[op.Input.(call).key], op)
		}
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		if in := input.(call); in.put {
			return true, in.value
		}
		return string(output.(answer)) == state.(string), state
	},
	DescribeOperation: func(input, output any) string {
		in := input.(call)
		switch {
		case in.put && output == nil:
			return fmt.Sprintf("put %d %s → ?", in.key, in.value)
		case in.put:
			return fmt.Sprintf("put %d %s", in.key, in.value)
		case output.(answer) == "":
			return fmt.Sprintf("get %d → nothing", in.key)
		}
		return fmt.Sprintf("get %d → %s", in.key, output)
	},
}

// world is one simulated ring with clients, each of which calls, hears and calls
// again.
type world struct {
	*sim.Network
	cfg     Config
	ids     []uint64 // of the members at the beginning
	mutate  func(*Node) spec.Machine
	calls   int // of each client
	clients []*client
	stats   worldStats
}

type worldStats struct{ done, failed, crashes, joins int }

// client calls through one node, one call at a time.
type client struct {
	node  netip.AddrPort
	keys  []uint64
	left  int
	ops   []porcupine.Operation
	under spec.OpID // the call under way, 0: none
}

// never returns: what was begun and not heard of may take effect at any time.
const unheard = int64(1) << 62

func newWorld(seed uint64, cfg Config, link sim.Link, ids []uint64) *world {
	w := &world{cfg: cfg, ids: ids, calls: 6}
	network := sim.Config{Link: link, Check: true}
	binary.BigEndian.PutUint64(network.Seed[:], seed)
	if seed%4 >= 2 {
		network.Codec = Codec{}
	}
	w.Network = sim.New(network)
	w.mutate = func(n *Node) spec.Machine { return n }
	w.OnEffect(w.hear)
	return w
}

// start adds a node.
func (w *world) start(t testing.TB, id uint64) {
	cfg := w.cfg
	cfg.ID = FromUint(id)
	binary.BigEndian.PutUint64(cfg.Seed[:], w.Rand().Uint64())
	n, err := New(cfg, w.Now())
	require.NoError(t, err)
	w.Add(at(id).Addr, w.mutate(n))
}

// form makes the ring and a client at each of its first nodes.
func (w *world) form(t testing.TB, clients int, keys ...uint64) {
	for _, id := range w.ids {
		w.start(t, id)
		w.Input(at(id).Addr, Create{Op: 1 << 40, Ring: peersAt(w.ids...)})
	}
	for i := range clients {
		c := &client{node: at(w.ids[i]).Addr, keys: keys, left: w.calls}
		w.clients = append(w.clients, c)
		w.pause(c)
	}
}

// pause lets the client think before it calls.
func (w *world) pause(c *client) {
	if c.left == 0 {
		return
	}
	c.left--
	w.At(w.Now()+time.Duration(w.Rand().Below(uint64(700*time.Millisecond))), func() { w.call(c) })
}

func (w *world) call(c *client) {
	op := spec.OpID(len(c.ops) + 1)
	in := call{put: w.Rand().Below(3) == 0, key: c.keys[w.Rand().Below(uint64(len(c.keys)))]}
	if in.put {
		in.value = fmt.Sprintf("%c%d", 'a'+rune(slices.Index(w.clients, c)), op)
	}
	if w.Machine(c.node) == nil {
		return
	}
	c.ops = append(c.ops, porcupine.Operation{
		ClientId: slices.Index(w.clients, c), Input: in, Call: int64(w.Now()), Return: unheard,
	})
	c.under = op
	if in.put {
		w.Input(c.node, Put{Op: op, Key: FromUint(in.key), Value: []byte(in.value)})
	} else {
		w.Input(c.node, Get{Op: op, Key: FromUint(in.key)})
	}
}

// hear gives a result to the client that waits for it.
func (w *world) hear(now time.Duration, from netip.AddrPort, e spec.Effect) {
	d, ok := e.(spec.Done)
	if !ok {
		return
	}
	for _, c := range w.clients {
		if c.node != from || c.under != d.Op {
			continue
		}
		c.under = 0
		op := &c.ops[d.Op-1]
		switch v := d.Result.(type) {
		case Value:
			op.Output, op.Return = answer(v.Value), int64(now)
		case Stored:
			op.Output, op.Return = answer(""), int64(now)
		default:
			if errors.Is(d.Err, ErrNotFound) {
				op.Output, op.Return = answer(""), int64(now)
			}
		}
		if op.Return == unheard {
			w.stats.failed++
		} else {
			w.stats.done++
		}
		w.pause(c)
		return
	}
}

// history is what all clients have seen. A Get without an answer saw nothing.
func (w *world) history() []porcupine.Operation {
	var all []porcupine.Operation
	for _, c := range w.clients {
		for _, op := range c.ops {
			if op.Return != unheard || op.Input.(call).put {
				all = append(all, op)
			}
		}
	}
	return all
}

// crash takes a node down for good at some time.
func (w *world) crash(id uint64, within time.Duration) {
	w.stats.crashes++
	w.At(time.Duration(w.Rand().Below(uint64(within))), func() { w.Crash(at(id).Addr) })
}

// join makes a node come in at some time, or come back without memory.
func (w *world) join(t testing.TB, id, via uint64, within time.Duration) {
	w.stats.joins++
	w.At(time.Duration(w.Rand().Below(uint64(within))), func() {
		if w.Machine(at(id).Addr) == nil {
			w.start(t, id)
			w.Input(at(id).Addr, Join{Op: 1 << 40, Via: at(via)})
		}
	})
}

// rough is a network that delays, loses, doubles and reorders.
var rough = sim.Link{
	Latency: sim.Uniform(5*time.Millisecond, 400*time.Millisecond),
	Loss:    sim.Percent(10), Duplicate: sim.Percent(10), Reorder: sim.Percent(20),
}

// frozen is a configuration in which no group ever changes: nobody looks after
// the ring.
func frozen(replicas int) Config {
	return Config{
		IDBits: 6, Successors: 5, Replicas: replicas, Storage: Quorum,
		RoundTrip: 1700 * time.Millisecond, RPCTimeout: 1800 * time.Millisecond,
		Stabilize: maxPeriod, FixFingers: -1,
	}
}

// stableRun is a run in which a minority of a group crashes: of three, one, and
// of five, two, the owner as likely as another.
func stableRun(t testing.TB, seed uint64, mutate func(*Node) spec.Machine) *world {
	replicas := []int{3, 5}[seed%2]
	w := newWorld(seed, frozen(replicas), rough, []uint64{3, 12, 20, 33, 41, 50, 60})
	if mutate != nil {
		w.mutate = mutate
	}
	w.form(t, 5, 10, 10, 11) // both keys belong to 12
	group := w.ids[1 : 1+replicas]
	for range w.Rand().Below(uint64(replicas/2 + 1)) {
		w.crash(group[w.Rand().Below(uint64(replicas))], 8*time.Second)
	}
	w.RunFor(5 * time.Minute)
	return w
}

// CHORD-QUORUM-004: whatever a network does to messages, and whichever minority
// of the group crashes, each key is a register.
func TestQuorumIsLinearizable(t *testing.T) {
	var all worldStats
	for seed := range uint64(*linearRuns) {
		w := stableRun(t, seed, nil)
		history := w.history()
		if r := porcupine.CheckOperationsTimeout(registers, history, time.Minute); r != porcupine.Ok {
			t.Fatalf("seed %d: %v\n%s", seed, r, text(history))
		}
		all.done += w.stats.done
		all.failed += w.stats.failed
		all.crashes += w.stats.crashes
	}
	t.Logf("%d runs: %d calls answered, %d not, %d crashes", *linearRuns, all.done, all.failed, all.crashes)
	require.Greater(t, all.done, 15**linearRuns, "a minority does not keep the others from answers")
	require.Greater(t, all.crashes, *linearRuns/2)
}

// text lists a history as a reader wants it: in the order of the calls.
func text(history []porcupine.Operation) string {
	ordered := slices.SortedStableFunc(slices.Values(history), func(a, b porcupine.Operation) int {
		return int(a.Call - b.Call)
	})
	var s string
	for _, op := range ordered {
		until := "…"
		if op.Return != unheard {
			until = time.Duration(op.Return).Round(time.Millisecond).String()
		}
		s += fmt.Sprintf("%10v to %10s  client %c  %s\n", time.Duration(op.Call).Round(time.Millisecond),
			until, 'a'+rune(op.ClientId), registers.DescribeOperation(op.Input, op.Output))
	}
	return s
}

// churnRun is a run in which the groups of the key change: the owner crashes,
// then its successor and new owner, both long enough after each other for the
// ring to repair itself, and others join, who may be the owner then.
func churnRun(t testing.TB, seed uint64, storage Storage, loss sim.PPM) *world {
	cfg := Config{
		IDBits: 6, Successors: 5, Storage: storage, Tries: 3,
		RoundTrip: 300 * time.Millisecond, RPCTimeout: 310 * time.Millisecond,
		Stabilize: time.Second, FixFingers: time.Second,
	}
	link := lan.Link
	link.Loss = loss
	w := newWorld(seed, cfg, link, []uint64{30, 41, 53, 60, 3, 12, 20})
	w.form(t, 3, 10)
	w.crash(12, 2*time.Second)
	w.At(4*time.Second+time.Duration(w.Rand().Below(uint64(2*time.Second))), func() { w.Crash(at(20).Addr) })
	for _, id := range []uint64{10, 11, 16} {
		if w.Rand().Below(2) == 0 {
			w.join(t, id, 41, 5*time.Second)
		}
	}
	w.RunFor(12 * time.Second)
	return w
}

// shrink leaves out what a history does not need to be one that no register has:
// a Get may go, and a Put whose value nobody reads, because without them every
// order that was possible still is.
func shrink(history []porcupine.Operation) []porcupine.Operation {
	needed := func(op porcupine.Operation) bool {
		in := op.Input.(call)
		return in.put && slices.ContainsFunc(history, func(o porcupine.Operation) bool {
			return !o.Input.(call).put && string(o.Output.(answer)) == in.value
		})
	}
	for i := 0; i < len(history); {
		less := slices.Delete(slices.Clone(history), i, i+1)
		if needed(history[i]) || porcupine.CheckOperations(registers, less) {
			i++
			continue
		}
		history, i = less, 0
	}
	return history
}

// TestBestEffortIsNotLinearizable finds what [BestEffort] does not promise: of
// the histories under churn that no register has, the shortest is the example
// of docs/chord-storage.md. The flag -update writes it there, and its picture.
func TestBestEffortIsNotLinearizable(t *testing.T) {
	const runs = 300
	found := 0
	var shortest []porcupine.Operation
	for seed := range uint64(runs) {
		history := churnRun(t, seed, BestEffort, 0).history()
		if porcupine.CheckOperations(registers, history) {
			continue
		}
		if found++; shortest == nil || len(shrink(history)) < len(shortest) {
			shortest = shrink(history)
		}
	}
	t.Logf("%d of %d histories are not linearizable", found, runs)
	require.NotZero(t, found)
	if !*update {
		return
	}
	page, err := os.ReadFile(examplePage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), "```history\n")
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, "```\n")
	require.True(t, ok)
	require.NoError(t, os.WriteFile(examplePage, []byte(before+"```history\n"+text(shortest)+"```\n"+after), 0o644))
	_, info := porcupine.CheckOperationsVerbose(registers, shortest, 0)
	require.NoError(t, porcupine.VisualizePath(registers, info, examplePicture))
}

const (
	examplePage    = "../docs/chord-storage.md"
	examplePicture = "../docs/chord-storage.html"
)

// What Quorum does not promise either, but does nearly always: how often is
// printed, and told in docs/chord-storage.md.
func TestQuorumUnderChurn(t *testing.T) {
	runs := *linearRuns / 20
	for _, loss := range []sim.PPM{0, sim.Percent(10)} {
		broken := make(map[Storage]int)
		for _, storage := range []Storage{Quorum, BestEffort} {
			for seed := range uint64(runs) {
				history := churnRun(t, seed, storage, loss).history()
				if !porcupine.CheckOperations(registers, history) {
					broken[storage]++
				}
			}
		}
		t.Logf("loss %v ppm: of %d histories, %d are not linearizable with Quorum, %d with BestEffort",
			loss, runs, broken[Quorum], broken[BestEffort])
		require.Less(t, broken[Quorum], broken[BestEffort])
	}
}
