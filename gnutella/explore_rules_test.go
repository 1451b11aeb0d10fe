package gnutella

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

// searches calls f for each that has begun.
func searches(w *explore.World, f func(origin *explore.Node, guid wire.GUID) error) error {
	for _, n := range w.Nodes {
		for _, d := range n.Done {
			if r, ok := d.Result.(Searching); ok {
				if err := f(n, r.GUID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// once: nobody takes a query twice, nor its own.
//
// GN-HD-17.
func once(w *explore.World) error {
	return searches(w, func(origin *explore.Node, guid wire.GUID) error {
		for _, n := range w.Nodes {
			for _, v := range n.Machine.(*bare).visits {
				if v.guid == guid && (v.times > 1 || n == origin) {
					return fmt.Errorf("%v took the query of %v %d times", n.Addr, origin.Addr, v.times)
				}
			}
		}
		return nil
	})
}

// atOrigin: a hit is told to who asked, once, and to nobody else.
//
// GN-QH-05.
func atOrigin(w *explore.World) error {
	for _, n := range w.Nodes {
		finds := n.Machine.(*bare).finds
		for i, f := range finds {
			own := slices.ContainsFunc(n.Done, func(d spec.Done) bool { return d.Result == Searching{f.guid} })
			if !own || slices.Contains(finds[:i], f) {
				return fmt.Errorf("%v was told of %v", n.Addr, f)
			}
		}
	}
	return nil
}

// bounded: a query on its way has a TTL, and with its hops not more than at first;
// a hit has not more than it needs and two.
//
// GN-HD-07, GN-HD-09, GN-HD-13, GN-QH-03.
func (s *scope) bounded(w *explore.World) error {
	for _, p := range w.Flight {
		d, _ := p.Msg.(wire.Descriptor)
		limit := int(s.ttl)
		if d.Type == wire.TypeQueryHit {
			limit = s.nodes + 1
		}
		if sum := int(d.TTL) + int(d.Hops); d.TTL == 0 || d.Type != wire.TypePush && sum > limit {
			return fmt.Errorf("a %v has TTL %d after %d hops", d.Type, d.TTL, d.Hops)
		}
	}
	return nil
}

// received is the descriptor that a step was taken for.
func received(t *explore.Transition) (from netip.AddrPort, d wire.Descriptor) {
	in, _ := t.Action.Input.(spec.Recv)
	d, _ = in.Msg.(wire.Descriptor)
	return in.From, d
}

// notBack: a descriptor is never sent where it came from.
//
// GN-QY-04.
func notBack(t *explore.Transition) error {
	from, d := received(t)
	for _, e := range t.Effects {
		s, _ := e.(spec.Send)
		if m, ok := s.Msg.(wire.Descriptor); ok && s.To == from && m.GUID == d.GUID && m.Type == d.Type {
			return fmt.Errorf("a %v went back to %v", d.Type, from)
		}
	}
	return nil
}

// oneWay: hits and pushes are never flooded.
//
// GN-QH-05, GN-PU-03.
func oneWay(t *explore.Transition) error {
	_, d := received(t)
	sent := 0
	for _, e := range t.Effects {
		s, _ := e.(spec.Send)
		if m, ok := s.Msg.(wire.Descriptor); ok && m.Type == d.Type && m.GUID == d.GUID {
			sent++
		}
	}
	if sent > 1 && (d.Type == wire.TypeQueryHit || d.Type == wire.TypePush) {
		return fmt.Errorf("a %v went %d ways", d.Type, sent)
	}
	return nil
}

// reached: who is linked to the origin by links that never broke has had the query.
//
// GN-QY-04.
func (s *scope) reached(w *explore.World) error {
	return searches(w, func(origin *explore.Node, guid wire.GUID) error {
		connected := []netip.AddrPort{origin.Addr}
		for i := 0; i < len(connected); i++ {
			for _, l := range w.Node(connected[i]).Machine.(*bare).links {
				if whole(w, connected[i], l.peer) && !slices.Contains(connected, l.peer) {
					connected = append(connected, l.peer)
				}
			}
		}
		for _, a := range connected[1:] {
			if !slices.ContainsFunc(w.Node(a).Machine.(*bare).visits, func(v visit) bool { return v.guid == guid }) {
				return fmt.Errorf("the query of %v has not come to %v", origin.Addr, a)
			}
		}
		return nil
	})
}

func (s *scope) shares(a netip.AddrPort) bool {
	return s.sharing == nil || slices.ContainsFunc(s.sharing, func(i int) bool { return addr(i) == a })
}

// way is the path that a query came by, from a servent that has taken it to the
// origin; ok is false if a link of it broke.
func way(w *explore.World, from, origin netip.AddrPort, guid wire.GUID) (ok bool) {
	for at := from; at != origin; {
		visits := w.Node(at).Machine.(*bare).visits
		i := slices.IndexFunc(visits, func(v visit) bool { return v.guid == guid })
		if i < 0 || !whole(w, at, visits[i].from) {
			return false
		}
		at = visits[i].from
	}
	return true
}

// answered: where the way of a query lives its hit has come back.
//
// GN-QH-05.
func (s *scope) answered(w *explore.World) error {
	return searches(w, func(origin *explore.Node, guid wire.GUID) error {
		for _, n := range w.Nodes {
			if n == origin || !s.shares(n.Addr) || !way(w, n.Addr, origin.Addr, guid) {
				continue
			}
			if !slices.Contains(origin.Machine.(*bare).finds, answer{guid, n.Addr}) {
				return fmt.Errorf("%v has no hit of %v", origin.Addr, n.Addr)
			}
		}
		return nil
	})
}

// pushed: where the way of the hit lives, the push has arrived; never twice.
//
// GN-PU-03.
func (s *scope) pushed(w *explore.World) error {
	origin, target := w.Nodes[s.origins[0]], w.Nodes[s.nodes-1]
	pushes := target.Machine.(*bare).pushes
	alive := s.push && searches(w, func(_ *explore.Node, guid wire.GUID) error {
		if !way(w, target.Addr, origin.Addr, guid) {
			return errNoRoute
		}
		return nil
	}) == nil
	if pushes > 1 || alive && pushes == 0 {
		return fmt.Errorf("%v was pushed %d times", target.Addr, pushes)
	}
	return nil
}
