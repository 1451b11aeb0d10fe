package experiment

import (
	"time"

	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// hashed is a Kademlia network in which who has a file is a value.
type hashed struct {
	*overlay
	content *content
}

func newHashed(c *content, seed, stream uint64) contender {
	return &hashed{newOverlay(kademlia.Config{K: 8, Alpha: 3, Spare: 4}, len(c.shared), runSeed(seed, stream)), c}
}

func (x *hashed) net() *sim.Network { return x.Network }

func (x *hashed) begin() {
	x.buildBySeeding()
	for i := range x.members {
		x.store(int32(i))
		x.RunFor(joinInterval)
	}
	x.RunFor(time.Minute)
}

func (x *hashed) fail(place int32) {
	x.Crash(address(int(place)))
	x.members[place] = kademlia.Contact{}
}

// come joins and then stores what the place has, again if it fails.
func (x *hashed) come(place int32) {
	sponsor := x.members[x.someone()]
	x.name(int(place))
	me := x.members[place]
	x.Restart(me.Addr, func(now time.Duration) spec.Machine { return x.machine(int(place), nil, now) })
	x.enter(int(place), sponsor, func(d spec.Done) {
		switch {
		case x.members[place] != me:
		case d.Err != nil:
			x.enter(int(place), x.members[x.someone()], func(spec.Done) { x.store(place) })
		default:
			x.store(place)
		}
	})
}

func key(file int32) kademlia.ID {
	r := spec.NewRand(seedBytes(uint64(file), 1))
	return kademlia.RandomID(&r, kademlia.MaxBits)
}

// store publishes the files of a place, one after another.
func (x *hashed) store(place int32) {
	me := x.members[place]
	if !me.Addr.IsValid() {
		return
	}
	for i, f := range x.content.shared[place] {
		x.At(x.Now()+time.Duration(i)*time.Second, func() {
			if x.members[place] == me {
				x.command(int(place), func(op spec.OpID) spec.Input {
					return kademlia.Store{Op: op, Key: key(f), Value: []byte{byte(place >> 16), byte(place >> 8), byte(place)}}
				}, func(spec.Done) {})
			}
		})
	}
}

func (x *hashed) search(place, file int32, a *answer) {
	began := x.Now()
	x.command(int(place), func(op spec.OpID) spec.Input {
		return kademlia.FindValue{Op: op, Key: key(file)}
	}, func(d spec.Done) {
		a.took = x.Now() - began
		switch v := d.Result.(type) {
		case kademlia.Value:
			a.cost, a.asked = 2*int(v.Asked), true
			who := int32(v.Value[0])<<16 | int32(v.Value[1])<<8 | int32(v.Value[2])
			a.found = who != place && x.members[who].Addr.IsValid()
		case kademlia.Found:
			a.cost, a.asked = 2*int(v.Asked), true // a Value does not say how many were silent: each counts twice
		}
	})
}

func (x *hashed) best(k int) []int32 {
	known := make([]int, len(x.members))
	for _, m := range x.members {
		if n, ok := x.Machine(m.Addr).(*kademlia.Node); ok {
			for _, c := range n.Table().Closest(m.ID, n.Table().Len(), nil, nil) {
				known[numberOf(c.Addr)]++
			}
		}
	}
	return most(k, len(known), func(i int) int {
		if !x.members[i].Addr.IsValid() {
			return -1
		}
		return known[i]
	})
}

func (x *hashed) end() {}
