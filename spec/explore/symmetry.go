package explore

import (
	"sync/atomic"

	"github.com/p2pspec/p2pspec/spec"
)

// Symmetry says which names do not matter: under which renamings the protocol
// looks the same. Of worlds that are images of each other only the one that is
// met first is explored. Everything that [Config] says must be symmetric as
// well: the first state, commands, May and the properties.
//
// There are two kinds of names. Those of nodes are renamed by turns, such as
// the rotations of an identifier circle: a group of which all are tried. Those
// of requests, which a node numbers modulo a small number, are renamed so that
// the counter of each node stands at the beginning.
type Symmetry struct {
	// Turns is the number of turns. Turn 0 changes nothing.
	Turns int
	// Place is where turn k takes node i of Config.Nodes; nil with one turn.
	Place func(k, i int) int
	// Counter is where the counter of a machine stands, below 16; nil: there are
	// none. With counters there are at most 16 nodes.
	Counter func(m spec.Machine) int
	// Machine and Message are copies with every name renamed. The machine is one
	// of those explored and must stay as it is. What is left out of the copy,
	// such as a count of attempts, is merged as well.
	Machine func(r *Renaming, m spec.Machine) spec.Machine
	Message func(r *Renaming, p *Packet) spec.Message
}

// Renaming is one of the renamings of a [Symmetry].
type Renaming struct {
	Turn     int
	counters counters
	asked    counters // mask of those that Counter was asked for
}

// Counter is where the counter of node i of Config.Nodes stands: by so much the
// numbers of its requests are to be reduced.
func (r *Renaming) Counter(i int) int {
	r.asked |= counterMask << (i * counterBits)
	return int(r.counters >> (i * counterBits) & counterMask)
}

// counters are those of all nodes.
type counters uint64

const (
	counterBits = 4
	counterMask = 1<<counterBits - 1
)

func (c *Config) turns() int {
	if c.Symmetry == nil {
		return 1
	}
	return c.Symmetry.Turns
}

func (c *Config) turned(k, place int) int {
	if k == 0 {
		return place
	}
	return c.Symmetry.Place(k, place)
}

// names are the fingerprints of a part of worlds, a state of a node or a
// message, under renamings. They depend on the counters of a few nodes.
type names struct {
	known atomic.Pointer[[]named] // replaced when there is one more
}

type named struct {
	mask, counters counters
	prints         []fingerprint // by turn
}

// get returns the fingerprints with counters as given; digest is that after one
// renaming.
func (n *names) get(at counters, turns int, digest func(r *Renaming) fingerprint) []fingerprint {
	known := n.known.Load()
	if known != nil {
		for i := range *known {
			if k := &(*known)[i]; at&k.mask == k.counters {
				return k.prints
			}
		}
	}
	more := named{prints: make([]fingerprint, turns)}
	for k := range more.prints {
		r := Renaming{Turn: k, counters: at}
		more.prints[k] = digest(&r)
		more.mask |= r.asked
	}
	more.counters = at & more.mask
	list := []named{more}
	if known != nil {
		list = append(list, *known...)
	}
	n.known.CompareAndSwap(known, &list) // one that is lost is found again
	return more.prints
}

// fingerprint names the world: equal ones, and with a symmetry images of each
// other, have the same.
func (x *matter) fingerprint(c compact) fingerprint {
	if x.cfg.Symmetry == nil {
		return x.plainPrint(c)
	}
	var room [8]fingerprint
	prints := append(room[:0], make([]fingerprint, x.cfg.turns())...)
	var at counters
	if s := x.cfg.Symmetry; s != nil && s.Counter != nil {
		for _, id := range x.nodes(c) {
			at |= x.local.at(id).counter
		}
	}
	for _, id := range x.nodes(c) {
		l := x.local.at(id)
		sum(prints, l.names.get(at, len(prints), func(r *Renaming) fingerprint { return x.nodePrint(r, l) }))
	}
	for _, id := range x.flight(c) {
		f := x.packet.at(id)
		sum(prints, f.names.get(at, len(prints), func(r *Renaming) fingerprint { return x.packetPrint(r, f) }))
	}
	least := prints[0]
	for _, f := range prints[1:] {
		if f.less(least) {
			least = f
		}
	}
	return least.plus(x.ledger(c).print())
}

func sum(prints, more []fingerprint) {
	for k := range prints {
		prints[k] = prints[k].plus(more[k])
	}
}

// plainPrint is the fingerprint without symmetry.
func (x *matter) plainPrint(c compact) fingerprint {
	f := x.ledger(c).print()
	for _, id := range x.nodes(c) {
		f = f.plus(x.local.at(id).print)
	}
	for _, id := range x.flight(c) {
		f = f.plus(x.packet.at(id).print)
	}
	return f
}

func (l ledger) print() fingerprint {
	return fingerprint{uint64(l) * 0x9e3779b97f4a7c15, uint64(l) * 0xd1b54a32d192ed03}
}

func (x *matter) nodePrint(r *Renaming, l *local) fingerprint {
	n := l.Node
	if n.Machine != nil {
		n.Machine = x.cfg.Symmetry.Machine(r, n.Machine)
	}
	return digest(appendNode(nil, x.cfg.turned(r.Turn, l.place), &n))
}

func (x *matter) packetPrint(r *Renaming, f *flying) fingerprint {
	p := Packet{Msg: x.cfg.Symmetry.Message(r, &f.Packet)}
	p.From = x.cfg.Nodes[x.cfg.turned(r.Turn, f.from)].Addr
	p.To = x.cfg.Nodes[x.cfg.turned(r.Turn, f.to)].Addr
	return digest([]byte(packetKey(p)))
}
