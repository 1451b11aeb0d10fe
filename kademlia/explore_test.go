package kademlia

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
	"github.com/stretchr/testify/require"
)

// member is a node of an explored network by its 4-bit identifier, with the
// identifiers that it knows at the start.
type member struct {
	id    uint64
	knows []uint64
}

const exploreBits = 4

func exploreAddr(id uint64) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id) + 1}), 4000)
}

func exploreContact(id uint64) Contact {
	return Contact{FromUint(id, exploreBits), exploreAddr(id)}
}

func exploreNodes(t *testing.T, members []member) []explore.Start {
	var nodes []explore.Start
	for _, m := range members {
		cfg := Config{ID: FromUint(m.id, exploreBits), IDBits: exploreBits, K: 2, Alpha: 2}
		cfg.Seed[0] = byte(m.id)
		for _, id := range m.knows {
			cfg.Contacts = append(cfg.Contacts, exploreContact(id))
		}
		n, err := New(cfg, 0)
		require.NoError(t, err)
		nodes = append(nodes, explore.Start{Addr: exploreAddr(m.id), Machine: n})
	}
	return nodes
}

// ended is the only Done of the node at addr, which must exist and be of the
// command with OpID 1.
func ended(w *explore.World, id uint64) (spec.Done, error) {
	done := w.Node(exploreAddr(id)).Done
	if len(done) != 1 || done[0].Op != 1 {
		return spec.Done{}, fmt.Errorf("command ended %d times: %v", len(done), done)
	}
	return done[0], nil
}

// chain is six nodes of which the first has to go through others to reach those
// near the target, 1111.
func chain() []member {
	return []member{
		{0b0000, []uint64{0b0100, 0b1000}},
		{0b0100, []uint64{0b0000, 0b1100}},
		{0b1000, []uint64{0b0000, 0b1100}},
		{0b1100, []uint64{0b1000, 0b1110, 0b1111}},
		{0b1110, []uint64{0b1111, 0b1100}},
		{0b1111, []uint64{0b1110, 0b1100}},
	}
}

// lookupHolds: the lookup of 1111 by 0000 ends once, with nodes in the order of
// distance, none twice; and if no request timed out, with the two closest.
func lookupHolds(w *explore.World) error {
	d, err := ended(w, 0b0000)
	if err != nil {
		return err
	}
	found, ok := d.Result.(Found)
	if !ok {
		if d.Err != ErrNoAnswer {
			return fmt.Errorf("failed with %v", d.Err)
		}
		return nil
	}
	target := FromUint(0b1111, exploreBits)
	for i := range found.Contacts {
		if i > 0 && !Closer(target, found.Contacts[i-1].ID, found.Contacts[i].ID) {
			return fmt.Errorf("result out of order: %v", found.Contacts)
		}
	}
	want := []Contact{exploreContact(0b1111), exploreContact(0b1110)}
	if found.Failed == 0 && !slices.Equal(found.Contacts, want) {
		return fmt.Errorf("no failure, and yet found %v", found.Contacts)
	}
	return nil
}

// inFlight: a lookup never has more than alpha requests under way, and asks
// nobody twice (Lookup.Check, which explore.Run calls in every state, sees the
// former; a second request would be a second entry for its target here).
func inFlight(w *explore.World) error {
	n := w.Node(exploreAddr(0b0000)).Machine.(*Node)
	for i := range n.rpcs {
		for j := range i {
			if a, b := &n.rpcs[i], &n.rpcs[j]; a.kind == nodesRPC && b.kind == nodesRPC && a.to == b.to {
				return fmt.Errorf("%v is asked twice", a.to)
			}
		}
	}
	return nil
}

// All orders of delivery and of timeouts, early ones included, and every loss
// of two messages.
//
// KAD-LOOKUP-002, KAD-LOOKUP-004, KAD-LOOKUP-005, KAD-LOOKUP-007.
func TestExploreLookup(t *testing.T) {
	result, err := explore.Run(explore.Config{
		Nodes: exploreNodes(t, chain()),
		Commands: []explore.Command{{
			Node: exploreAddr(0b0000), Input: FindNode{Op: 1, Target: FromUint(0b1111, exploreBits)}, Once: true,
		}},
		Losses:     2,
		Duplicates: 1,
		Tick:       time.Millisecond, // requests sent one after the other time out so, too
		Horizon:    30 * time.Minute,
		Always:     []explore.Invariant{{Name: "asks nobody twice", Hold: inFlight}},
		Finally:    []explore.Invariant{{Name: "lookup ends well", Hold: lookupHolds}},
		Sometimes: []explore.Witness{
			{Name: "a lookup succeeds", Seen: func(w *explore.World) bool {
				d, err := ended(w, 0)
				f, ok := d.Result.(Found)
				return err == nil && ok && len(f.Contacts) == 2 && f.Failed == 0
			}},
			{Name: "a lookup survives a failure", Seen: func(w *explore.World) bool {
				d, err := ended(w, 0)
				f, ok := d.Result.(Found)
				return err == nil && ok && f.Failed > 0 && f.Contacts[0].ID == FromUint(15, exploreBits)
			}},
			{Name: "nobody answers", Seen: func(w *explore.World) bool {
				d, err := ended(w, 0)
				return err == nil && d.Err == ErrNoAnswer
			}},
		},
	})
	require.NoError(t, err)
	t.Log(result)
}

// A value held by the node closest to its key is found, or some node that
// failed explains why not; a found value leaves a copy at the closest node that
// answered without it.
//
// KAD-LOOKUP-009, KAD-LOOKUP-010.
func TestExploreValueLookup(t *testing.T) {
	key, value := FromUint(0b1111, exploreBits), []byte("v")
	nodes := exploreNodes(t, chain())
	holder := nodes[5].Machine.(*Node)
	holder.keep(key, value, time.Hour)
	cached := func(w *explore.World, id uint64) bool {
		return w.Node(exploreAddr(id)).Machine.(*Node).value(key) != nil
	}
	result, err := explore.Run(explore.Config{
		Nodes: nodes,
		Commands: []explore.Command{{
			Node: exploreAddr(0b0000), Input: FindValue{Op: 1, Key: key}, Once: true,
		}},
		Losses:  2,
		Tick:    time.Millisecond,
		Horizon: 30 * time.Minute,
		Finally: []explore.Invariant{{Name: "value lookup ends well", Hold: func(w *explore.World) error {
			d, err := ended(w, 0b0000)
			if err != nil {
				return err
			}
			switch r := d.Result.(type) {
			case Value:
				if string(r.Value) != "v" || d.Err != nil {
					return fmt.Errorf("found %q, %v", r.Value, d.Err)
				}
			case Found:
				if r.Failed == 0 || d.Err != ErrNotFound {
					return fmt.Errorf("not found though nobody failed: %v", d.Err)
				}
			default:
				return fmt.Errorf("result %T", r)
			}
			return nil
		}}},
		Sometimes: []explore.Witness{
			{Name: "the value is cached on the way", Seen: func(w *explore.World) bool {
				return cached(w, 0b1100) || cached(w, 0b1110)
			}},
			{Name: "the value is not found", Seen: func(w *explore.World) bool {
				d, err := ended(w, 0b0000)
				return err == nil && d.Err == ErrNotFound
			}},
		},
	})
	require.NoError(t, err)
	t.Log(result)
}

// A node joins a network of three: whatever is lost, the join ends once, and it
// fails only if no seed answered; without a failure everybody who was met knows
// the newcomer.
//
// KAD-JOIN-001, KAD-JOIN-002, KAD-JOIN-003.
func TestExploreJoin(t *testing.T) {
	nodes := exploreNodes(t, []member{
		{0b0001, nil},
		{0b0010, []uint64{0b1000, 0b1100}},
		{0b1000, []uint64{0b0010, 0b1100}},
		{0b1100, []uint64{0b1000, 0b0010}},
	})
	knows := func(w *explore.World, a, b uint64) bool {
		_, ok := w.Node(exploreAddr(a)).Machine.(*Node).table.Get(FromUint(b, exploreBits))
		return ok
	}
	result, err := explore.Run(explore.Config{
		Nodes: nodes,
		Commands: []explore.Command{{
			Node:  exploreAddr(0b0001),
			Input: Join{Op: 1, Seeds: []Contact{exploreContact(0b1000)}}, Once: true,
		}},
		Losses:  1,
		Tick:    time.Millisecond,
		Horizon: 20 * time.Minute,
		Finally: []explore.Invariant{{Name: "join ends well", Hold: func(w *explore.World) error {
			d, err := ended(w, 0b0001)
			switch {
			case err != nil:
				return err
			case d.Err != nil && d.Err != ErrNoAnswer:
				return d.Err
			case !knows(w, 0b0001, 0b1000):
				return fmt.Errorf("forgot its seed")
			}
			return nil
		}}},
		Sometimes: []explore.Witness{
			{Name: "the newcomer is known everywhere", Seen: func(w *explore.World) bool {
				return knows(w, 0b0010, 0b0001) && knows(w, 0b1000, 0b0001) && knows(w, 0b1100, 0b0001)
			}},
			{Name: "a join fails", Seen: func(w *explore.World) bool {
				d, err := ended(w, 0b0001)
				return err == nil && d.Err == ErrNoAnswer
			}},
		},
	})
	require.NoError(t, err)
	t.Log(result)
}
