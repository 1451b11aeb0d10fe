package explore

import "slices"

// compact is a world by numbers: a state for each node, the ledger in two
// words, and the messages in their canonical order.
type compact []uint32

const ledgerWords = 2

func (x *matter) nodes(c compact) []uint32  { return c[:len(x.cfg.Nodes)] }
func (x *matter) flight(c compact) []uint32 { return c[len(x.cfg.Nodes)+ledgerWords:] }

func (x *matter) ledger(c compact) ledger {
	n := len(x.cfg.Nodes)
	return ledger(c[n])<<32 | ledger(c[n+1])
}

func (x *matter) setLedger(c compact, l ledger) {
	n := len(x.cfg.Nodes)
	c[n], c[n+1] = uint32(l>>32), uint32(l)
}

// first is the world in which the search begins.
func (x *matter) first() compact {
	var c compact
	for i, start := range x.cfg.Nodes {
		c = append(c, x.settle(i, Node{Addr: start.Addr, Machine: start.Machine}))
	}
	c = append(c, make([]uint32, ledgerWords)...)
	x.setLedger(c, newLedger(x.cfg))
	return c
}

// show fills w with the world.
func (x *matter) show(c compact, w *World) {
	w.Nodes, w.Flight = w.Nodes[:0], w.Flight[:0]
	for _, id := range x.nodes(c) {
		w.Nodes = append(w.Nodes, &x.local.at(id).Node)
	}
	for _, id := range x.flight(c) {
		w.Flight = append(w.Flight, &x.packet.at(id).Packet)
	}
	w.matter, w.at = x, c
	if x.cfg.Overview != nil {
		w.View = x.cfg.Overview(w)
	}
}

// packed is an action in 32 bits: its kind, and below it the index.
type packed uint32

const kindShift = 24

func pack(k Kind, index int) packed { return packed(k)<<kindShift | packed(index) }

func (p packed) kind() Kind { return Kind(p >> kindShift) }
func (p packed) index() int { return int(p & (1<<kindShift - 1)) }

// action is what p does in c.
func (x *matter) action(c compact, p packed) Action {
	a := Action{Kind: p.kind(), Index: p.index()}
	switch a.Kind {
	case Give:
		cmd := &x.cfg.Commands[a.Index]
		a.Node, a.Input = x.places[a.Index], cmd.Input
	case Deliver, Duplicate, Lose:
		f := x.packet.at(x.flight(c)[a.Index])
		a.Node = f.to
		if a.Kind != Lose {
			a.Input = f.input
		}
	case Timeout:
		a.Node, a.Input = a.Index, wake
	case Crash:
		a.Node = a.Index
	}
	return a
}

// actions lists the ways to go on from c, which w shows. Equal messages are one
// choice.
func (x *matter) actions(c compact, w *World, out []packed) []packed {
	offer := func(p packed) {
		if x.cfg.May == nil || x.cfg.May(w, x.action(c, p)) {
			out = append(out, p)
		}
	}
	l := x.ledger(c)
	for i := range x.cfg.Commands {
		if x.open(c, l, i) {
			offer(pack(Give, i))
		}
	}
	for i, id := range x.flight(c) {
		if i > 0 && id == x.flight(c)[i-1] {
			continue
		}
		offer(pack(Deliver, i))
		if l.left(duplicateUnit) > 0 {
			offer(pack(Duplicate, i))
		}
		if l.left(lossUnit) > 0 {
			offer(pack(Lose, i))
		}
	}
	for i, id := range x.nodes(c) {
		if x.local.at(id).armed {
			offer(pack(Timeout, i))
		}
	}
	if l.left(crashUnit) > 0 {
		for i, id := range x.nodes(c) {
			if x.local.at(id).Machine != nil {
				offer(pack(Crash, i))
			}
		}
	}
	return out
}

// open reports whether command i can be given at all.
func (x *matter) open(c compact, l ledger, i int) bool {
	cmd := &x.cfg.Commands[i]
	place := x.places[i]
	up := x.local.at(x.nodes(c)[place]).Machine != nil
	return (up || x.cfg.Nodes[place].Fresh != nil) && !(cmd.Once && l.given(x.once[i]))
}

// apply appends to next the world after an action in c.
func (x *matter) apply(c compact, p packed, next compact) (compact, *transition) {
	next = append(next, c...)
	a := x.action(c, p)
	number := timeoutInput
	switch a.Kind {
	case Crash:
		x.setLedger(next, x.ledger(c).spend(crashUnit))
		from := x.local.at(next[a.Node])
		next[a.Node] = x.settle(a.Node, Node{Addr: from.Addr, Done: from.Done})
		return next, nil
	case Lose:
		x.setLedger(next, x.ledger(c).spend(lossUnit))
		return x.remove(next, a.Index), nil
	case Give:
		number = x.commandInput(a.Index)
		if x.cfg.Commands[a.Index].Once {
			x.setLedger(next, x.ledger(c).give(x.once[a.Index]))
		}
	case Duplicate:
		x.setLedger(next, x.ledger(c).spend(duplicateUnit))
		number = x.packetInput(x.flight(c)[a.Index])
	case Deliver:
		number = x.packetInput(x.flight(c)[a.Index])
		next = x.remove(next, a.Index)
	}
	if a.Kind != Give && x.local.at(c[a.Node]).Machine == nil {
		return next, nil // nobody is there
	}
	t := x.step(c[a.Node], number, a.Input)
	if t.err != nil {
		return next, t
	}
	next[a.Node] = t.to
	for _, id := range t.sends {
		next = x.insert(next, id)
	}
	return next, t
}

func (x *matter) remove(c compact, i int) compact {
	at := len(c) - len(x.flight(c)) + i
	return slices.Delete(c, at, at+1)
}

func (x *matter) insert(c compact, id uint32) compact {
	at := len(c)
	key := x.packet.at(id).key
	for first := at - len(x.flight(c)); at > first && x.packet.at(c[at-1]).key > key; {
		at--
	}
	return slices.Insert(c, at, id)
}
