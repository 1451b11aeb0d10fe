package explore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// fingerprint stands for a state, of a node, a message or a world: the first
// 128 bits of the SHA-256 digest of its canonical bytes, or a sum of such. Two
// of n different states have the same one with a chance below n²/2^129.
type fingerprint struct{ a, b uint64 }

func digest(b []byte) fingerprint {
	sum := sha256.Sum256(b)
	return fingerprint{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}

func (f fingerprint) plus(g fingerprint) fingerprint { return fingerprint{f.a + g.a, f.b + g.b} }

func (f fingerprint) less(g fingerprint) bool { return f.a < g.a || f.a == g.a && f.b < g.b }

// local is a state of one node. Worlds name it by its number.
type local struct {
	Node
	place   int
	print   fingerprint
	names   *names
	counter counters
	flaw    error // of Machine.Check
	armed   bool
	due     time.Duration
}

// flying is a message that was sent in some run. Worlds name it by its number.
type flying struct {
	Packet
	from, to int // indices
	label    label
	key      string // of the canonical order
	print    fingerprint
	names    *names
	input    spec.Input // what the destination gets
}

// transition is what a state of a node does with an input.
type transition struct {
	to      uint32
	sends   []uint32
	effects []spec.Effect
	err     error // the machine panicked
}

// matter holds the states of single nodes, the messages and the transitions,
// each once. It is safe for concurrent use.
type matter struct {
	cfg *Config

	mu      sync.RWMutex
	locals  map[fingerprint]uint32
	packets map[string]uint32
	local   table[local]
	packet  table[flying]
	places  []int // by Config.Commands: index of the node
	once    []int // by Config.Commands: which of those that are given once

	memo [memoShards]struct {
		sync.RWMutex
		known map[uint64]*transition
	}
}

const memoShards = 64

// table is a list that grows while others read it: its elements never move.
type table[T any] struct {
	length uint32
	chunks [1 << 14]*[1 << tableBits]T
}

const tableBits = 11

func (t *table[T]) at(i uint32) *T { return &t.chunks[i>>tableBits][i%(1<<tableBits)] }

func (t *table[T]) add(v T) uint32 {
	i := t.length
	if t.chunks[i>>tableBits] == nil {
		t.chunks[i>>tableBits] = new([1 << tableBits]T)
	}
	*t.at(i) = v
	t.length++
	return i
}

func newMatter(cfg *Config) *matter {
	x := &matter{cfg: cfg, locals: make(map[fingerprint]uint32), packets: make(map[string]uint32)}
	for i := range x.memo {
		x.memo[i].known = make(map[uint64]*transition)
	}
	once := 0
	for i := range cfg.Commands {
		x.places = append(x.places, cfg.place(cfg.Commands[i].Node))
		x.once = append(x.once, once)
		once += b2i(cfg.Commands[i].Once)
	}
	return x
}

// The numbers of inputs: that of a timeout, then those of commands, then those
// of messages.
const timeoutInput uint32 = 0

func (x *matter) commandInput(i int) uint32    { return 1 + uint32(i) }
func (x *matter) packetInput(id uint32) uint32 { return 1 + uint32(len(x.cfg.Commands)) + id }

// step returns what the state from does with the input of that number.
func (x *matter) step(from, number uint32, in spec.Input) *transition {
	key := uint64(from)<<32 | uint64(number)
	shard := &x.memo[(from*31+number)%memoShards]
	shard.RLock()
	t := shard.known[key]
	shard.RUnlock()
	if t != nil {
		return t
	}
	t = x.transit(from, in)
	shard.Lock()
	shard.known[key] = t
	shard.Unlock()
	return t
}

func (x *matter) transit(from uint32, in spec.Input) *transition {
	n := x.local.at(from)
	next := Node{Addr: n.Addr, Now: n.Now, Done: n.Done}
	effects, err := advance(x.cfg, n.place, &next, n.Machine, in)
	t := &transition{effects: effects, err: err}
	if err != nil {
		return t
	}
	for _, e := range effects {
		if e, ok := e.(spec.Send); ok {
			if to := x.cfg.place(e.To); to >= 0 {
				t.sends = append(t.sends, x.launch(Packet{From: n.Addr, To: e.To, Msg: e.Msg}, n.place, to))
			}
		}
	}
	t.to = x.settle(n.place, next)
	return t
}

// advance gives one input to a copy of the machine, or to a fresh one where
// that is nil, and puts it in n.
func advance(
	cfg *Config, place int, n *Node, m spec.Machine, in spec.Input,
) (effects []spec.Effect, err error) {
	if m == nil {
		m, n.Now = cfg.Nodes[place].Fresh, 0
	}
	if _, ok := in.(spec.Wake); ok {
		n.Now, _ = m.Deadline()
	} else {
		n.Now += cfg.Tick
	}
	n.Machine, effects, err = stepped(m, n.Now, in)
	if err != nil || cfg.Forget {
		return effects, err
	}
	done := n.Done[:len(n.Done):len(n.Done)]
	for _, e := range effects {
		if e, ok := e.(spec.Done); ok {
			done = append(done, e)
		}
	}
	n.Done = done
	return effects, nil
}

// stepped is a copy of m after an input. A panic of the machine is an error.
func stepped(
	m spec.Machine, now time.Duration, in spec.Input,
) (next spec.Machine, effects []spec.Effect, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	next = m.Clone()
	effects = next.Step(now, in, nil)
	return next, effects, nil
}

// settle returns the number of a state of the node at place.
func (x *matter) settle(place int, n Node) uint32 {
	l := local{Node: n, place: place, names: new(names), print: digest(appendNode(nil, place, &n))}
	x.mu.RLock()
	id, ok := x.locals[l.print]
	x.mu.RUnlock()
	if ok {
		return id
	}
	if n.Machine != nil {
		l.flaw = n.Machine.Check()
		l.due, l.armed = n.Machine.Deadline()
		l.armed = l.armed && (x.cfg.Horizon == 0 || l.due-n.Now <= x.cfg.Horizon)
		if s := x.cfg.Symmetry; s != nil && s.Counter != nil {
			l.counter = counters(s.Counter(n.Machine)&counterMask) << (place * counterBits)
		}
	}
	if x.cfg.View != nil {
		l.View = x.cfg.View(&n)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if id, ok := x.locals[l.print]; ok {
		return id
	}
	id = x.local.add(l)
	x.locals[l.print] = id
	return id
}

// appendNode appends what tells a state of the node at place from others.
func appendNode(b []byte, place int, n *Node) []byte {
	b = append(b, byte(place))
	if n.Machine == nil {
		return append(b, 0)
	}
	b = n.Machine.AppendState(append(b, 1))
	for _, d := range n.Done {
		b = fmt.Appendf(b, "|%d %+v %v", d.Op, d.Result, d.Err)
	}
	return b
}

// launch returns the number of a message.
func (x *matter) launch(p Packet, from, to int) uint32 {
	key := packetKey(p)
	x.mu.RLock()
	id, ok := x.packets[key]
	x.mu.RUnlock()
	if ok {
		return id
	}
	f := flying{Packet: p, from: from, to: to, key: key, print: digest([]byte(key)), names: new(names)}
	f.input = spec.Recv{From: p.From, Msg: p.Msg}
	kind := fnv.New32a()
	fmt.Fprintf(kind, "%T", p.Msg)
	f.label = label(kind.Sum32())<<16 | label(from)<<8 | label(to)
	x.mu.Lock()
	defer x.mu.Unlock()
	if id, ok := x.packets[key]; ok {
		return id
	}
	id = x.packet.add(f)
	x.packets[key] = id
	return id
}

func packetKey(p Packet) string { return fmt.Sprintf("%v %v %s", p.From, p.To, show(p.Msg)) }
