package kademlia

import (
	"slices"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

func subtracts(b *bent) {
	b.nodes(func(target kademlia.ID, names []string) []string {
		far := func(name string) uint64 {
			id, t := b.place.Overlay.IDs[name], b.number(target)
			return max(id, t) - min(id, t)
		}
		slices.SortStableFunc(names, func(x, y string) int { return int(far(x)) - int(far(y)) })
		return names
	})
}

func answersFromTable(b *bent) {
	b.OnCommand = func(_ spec.OpID, body stdio.Body) (bool, spec.Input, args, *stdio.Error) {
		number, failed := b.place.Key(body, "target")
		if body.Type != "find_node" || failed != nil || !b.member {
			return false, nil, nil, nil
		}
		target := kademlia.FromUint(number, b.place.Overlay.Bits)
		return true, nil, args{"nodes": b.tabled(target, []string{b.place.Name})}, nil
	}
}

// tabled are the k closest of the names and the contacts in the table.
func (b *bent) tabled(target kademlia.ID, names []string) []string {
	all := slices.Clone(names)
	for e := range b.node.Table().All() {
		if name := b.place.At(e.Contact().Addr); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	b.sort(target, all)
	return all[:min(len(all), b.place.Overlay.K)]
}

// sort orders names by their distance to the target.
func (b *bent) sort(target kademlia.ID, names []string) {
	slices.SortStableFunc(names, func(x, y string) int {
		return kademlia.Compare(target, b.contact(x).ID, b.contact(y).ID)
	})
}

func mixesLookups(b *bent) {
	var last kademlia.ID
	b.OnInput = func(in spec.Input) spec.Input {
		if find, ok := in.(kademlia.FindNode); ok {
			last = find.Target
		}
		return in
	}
	b.nodes(func(_ kademlia.ID, names []string) []string {
		b.sort(last, names)
		return names
	})
}

// tableMutants are wrong about the routing table.
func tableMutants() []Mutant {
	return []Mutant{
		{Name: "bottomless-buckets", What: "its buckets hold 20, whatever k is", configure: func(cfg *kademlia.Config) {
			cfg.K = 20
		}},
		{Name: "newcomers-first", What: "a newcomer takes the place of a live contact in a full bucket",
			bend: newcomersFirst},
		{Name: "files-answers-alone", What: "it does not file who sends it a request", bend: filesAnswersAlone},
	}
}

// sender is who sent a message, if it was a request.
func sender(in spec.Input) (id kademlia.ID, asks bool) {
	recv, _ := in.(spec.Recv)
	switch m := recv.Msg.(type) {
	case kademlia.PingRequest:
		return m.Sender, true
	case kademlia.StoreRequest:
		return m.Sender, true
	case kademlia.FindNodeRequest:
		return m.Sender, true
	case kademlia.FindValueRequest:
		return m.Sender, true
	}
	return id, false
}

func newcomersFirst(b *bent) {
	b.OnInput = func(in spec.Input) spec.Input {
		id, asks := sender(in)
		if _, known := b.node.Table().Get(id); !asks || known || id.Bit(0) == b.node.ID().Bit(0) {
			return in
		}
		var far []kademlia.ID
		for e := range b.node.Table().All() {
			if e.ID.Bit(0) == id.Bit(0) {
				far = append(far, e.ID)
			}
		}
		if len(far) >= b.place.Overlay.K {
			b.node.Table().Remove(far[0])
		}
		return in
	}
}

func filesAnswersAlone(b *bent) {
	known := true
	b.OnInput = func(in spec.Input) spec.Input {
		id, asks := sender(in)
		_, is := b.node.Table().Get(id)
		known = is || !asks
		return in
	}
	b.OnEffects = func(in spec.Input, effects []spec.Effect) []spec.Effect {
		if id, asks := sender(in); asks && !known {
			b.node.Table().Remove(id)
		}
		return effects
	}
}
