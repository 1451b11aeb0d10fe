package plumtree

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// tree is the protocol of the paper over neighbours that come and go: it sends to
// them by name, and is told of them by up and down.
type tree struct {
	cfg Config
	now time.Duration
	rng spec.Rand // of identifiers

	peers   []peer // in the order in which they came up
	store   store
	missing []missing // in the order of their first announcement

	queue      []queued // announcements that are collected
	announceAt time.Duration
}

// peer is a neighbour: eager or lazy.
type peer struct {
	addr  netip.AddrPort
	eager bool
}

func newTree(cfg Config, now time.Duration) tree {
	seed := cfg.View.Seed
	seed[len(seed)-1] ^= 1 // a stream of its own, beside that of the membership
	return tree{
		cfg: cfg, now: now, rng: spec.NewRand(seed),
		store: store{index: make(map[ID]uint64)}, announceAt: never,
	}
}

// Why a message is refused.
var (
	errStranger = errors.New("plumtree: not from a neighbour")
	errSize     = errors.New("plumtree: payload too large")
	errRound    = errors.New("plumtree: no link, or too many, have been crossed")
	errFull     = errors.New("plumtree: too many broadcasts in a short time")
	errMissing  = errors.New("plumtree: too many broadcasts are missing")
)

// broadcast executes Broadcast.
//
// GO-PX-04 (Plumtree, broadcast).
func (t *tree) broadcast(in Broadcast, out []spec.Effect) []spec.Effect {
	switch {
	case len(in.Payload) > t.cfg.MaxPayload:
		return append(out, spec.Done{Op: in.Op, Err: ErrTooLarge})
	case len(t.store.list) >= t.cfg.MaxMessages:
		return append(out, spec.Done{Op: in.Op, Err: ErrFull})
	}
	m := message{at: t.now, payload: slices.Clone(in.Payload)}
	t.rng.Fill(m.id[:])
	t.store.add(m)
	out = append(out, spec.Done{Op: in.Op, Result: Sent{m.id}})
	return t.push(m, netip.AddrPort{}, out)
}

// receive hands a message of a neighbour to its handler.
func (t *tree) receive(from netip.AddrPort, m spec.Message, out []spec.Effect) []spec.Effect {
	switch m := m.(type) {
	case Gossip:
		return t.receiveGossip(from, m, out)
	case IHave:
		return t.receiveIHave(from, m, out)
	case Graft:
		return t.receiveGraft(from, m, out)
	default: // Prune
		t.setEager(from, false)
		return out
	}
}

// receiveGossip delivers a broadcast and passes it on; the link it came by is one
// of the tree. If it is known already, the link is none.
//
// GO-PX-04 (Plumtree, Gossip).
func (t *tree) receiveGossip(from netip.AddrPort, g Gossip, out []spec.Effect) []spec.Effect {
	switch {
	case len(g.Payload) > t.cfg.MaxPayload:
		return t.refuse(from, errSize, out)
	case g.Round == 0 || g.Round == math.MaxUint16:
		return t.refuse(from, errRound, out)
	case t.store.has(g.ID) && t.cfg.Flood:
		return out
	case t.store.has(g.ID):
		t.setEager(from, false)
		return append(out, spec.Send{To: from, Msg: Prune{}})
	case len(t.store.list) >= t.cfg.MaxMessages:
		return t.refuse(from, errFull, out)
	}
	m := message{id: g.ID, round: g.Round, at: t.now, payload: slices.Clone(g.Payload)}
	t.store.add(m)
	out = append(out, spec.Notify{Event: Delivered{m.id, from, int(m.round), m.payload}})
	out = t.push(m, from, out)
	t.setEager(from, true)
	return t.optimise(from, m, out)
}

// optimise swaps the link that a broadcast has come by for one that was announced
// to be shorter by the threshold, and ends the wait for it.
//
// GO-PX-05 (Plumtree, Optimize).
func (t *tree) optimise(from netip.AddrPort, m message, out []spec.Effect) []spec.Effect {
	i := t.findMissing(m.id)
	if i < 0 {
		return out
	}
	announced := t.missing[i].by
	t.missing = slices.Delete(t.missing, i, i+1)
	if t.cfg.Threshold < 0 || len(announced) == 0 {
		return out
	}
	best := announced[0]
	for _, a := range announced[1:] {
		if a.round < best.round {
			best = a
		}
	}
	if best.peer == from || int(m.round)-int(best.round) < t.cfg.Threshold {
		return out
	}
	t.setEager(best.peer, true)
	t.setEager(from, false)
	return append(out, spec.Send{To: best.peer, Msg: Graft{}}, spec.Send{To: from, Msg: Prune{}})
}

// receiveGraft takes a link into the tree.
//
// GO-PX-04 (Plumtree, Graft).
func (t *tree) receiveGraft(from netip.AddrPort, g Graft, out []spec.Effect) []spec.Effect {
	t.setEager(from, true)
	if m, ok := t.store.get(g.ID); g.Wants && ok {
		return append(out, spec.Send{To: from, Msg: m.gossip()})
	}
	return out
}

// push sends a broadcast to the eager neighbours, and announces it to the lazy.
//
// GO-PX-04 (Plumtree, EagerPush and LazyPush).
func (t *tree) push(m message, except netip.AddrPort, out []spec.Effect) []spec.Effect {
	for _, p := range t.peers {
		switch {
		case p.addr == except:
		case p.eager:
			out = append(out, spec.Send{To: p.addr, Msg: m.gossip()})
		default:
			out = t.announce(p.addr, m, out)
		}
	}
	return out
}

// up makes a new neighbour eager. What it may have missed is announced to it.
//
// GO-PX-04 (Plumtree, NeighborUp).
func (t *tree) up(addr netip.AddrPort, out []spec.Effect) []spec.Effect {
	t.peers = append(t.peers, peer{addr, true})
	if t.cfg.Flood {
		return out
	}
	var list []Announcement
	for _, m := range t.store.list[t.store.stripped:] {
		list = append(list, m.announcement())
	}
	return sendLists(addr, list, out)
}

// down forgets a neighbour, and what it has announced.
//
// GO-PX-04 (Plumtree, NeighborDown).
func (t *tree) down(addr netip.AddrPort) {
	t.peers = slices.DeleteFunc(t.peers, func(p peer) bool { return p.addr == addr })
	t.queue = slices.DeleteFunc(t.queue, func(q queued) bool { return q.to == addr })
	for i := range t.missing {
		m := &t.missing[i]
		m.by = slices.DeleteFunc(slices.Clone(m.by), func(a announcer) bool { return a.peer == addr })
	}
}

func (t *tree) setEager(addr netip.AddrPort, eager bool) {
	for i := range t.peers {
		if t.peers[i].addr == addr {
			t.peers[i].eager = eager || t.cfg.Flood
		}
	}
}

func (t *tree) appendPeers(list []netip.AddrPort, eager bool) []netip.AddrPort {
	for _, p := range t.peers {
		if p.eager == eager {
			list = append(list, p.addr)
		}
	}
	return list
}

// refuse leaves the state as it is.
func (t *tree) refuse(from netip.AddrPort, reason error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Drop{From: from, Clause: "GO-PX-04", Reason: reason})
}
