package kademlia

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
	"github.com/stretchr/testify/require"
)

var long = flag.Bool("long", false, "explore the large scopes too")

// An adversary is a node that holds back each request until it is told, by an
// answer, what to say: the truth or a lie.
type adversary struct {
	id    ID
	asked int // so often, at most askedTwice
	from  netip.AddrPort
	rpc   ID // of the request held back, if from is valid
}

const askedTwice = 2

// answer is the command to an adversary to answer with these contacts.
type answer struct{ contacts []Contact }

func (answer) IsInput() {}

func (a *adversary) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	switch in := in.(type) {
	case spec.Recv:
		switch m := in.Msg.(type) {
		case FindNodeRequest:
			a.asked, a.from, a.rpc = min(a.asked+1, askedTwice), in.From, m.RPC
		case PingRequest:
			return append(out, spec.Send{To: in.From, Msg: PingReply{Header{m.RPC, a.id}}})
		}
	case answer:
		out = append(out, spec.Send{To: a.from, Msg: NodesReply{Header{a.rpc, a.id}, in.contacts}})
		a.from, a.rpc = netip.AddrPort{}, ID{}
	}
	return out
}

func (a *adversary) Deadline() (time.Duration, bool) { return 0, false }
func (a *adversary) Clone() spec.Machine             { c := *a; return &c }
func (a *adversary) Check() error                    { return nil }

func (a *adversary) AppendState(b []byte) []byte {
	b = append(append(b, byte(a.asked), boolByte(a.from.IsValid())), a.rpc[:]...)
	return b
}

// seeker is a node with the list of those that it took an answer of.
type seeker struct {
	*Node
	answered []ID // ordered
	deaf     bool // it notes none
}

func (s *seeker) Clone() spec.Machine {
	return &seeker{s.Node.Clone().(*Node), slices.Clone(s.answered), s.deaf}
}

func (s *seeker) AppendState(b []byte) []byte {
	b = append(b, byte(len(s.answered)))
	for i := range s.answered {
		b = append(b, s.answered[i][:]...)
	}
	return s.Node.AppendState(b)
}

func (s *seeker) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	out = s.Node.Step(now, in, out)
	recv, _ := in.(spec.Recv)
	m, ok := recv.Msg.(NodesReply)
	refused := slices.ContainsFunc(out, func(e spec.Effect) bool { _, ok := e.(spec.Drop); return ok })
	if ok && !refused && !s.deaf {
		at, _ := slices.BinarySearchFunc(s.answered, m.Sender, ID.Cmp)
		s.answered = slices.Insert(s.answered, at, m.Sender)
	}
	return out
}

// siege is a node, 0000, that looks for 1111 among adversaries.
type siege struct {
	others  []uint64
	known   int  // so many of the others are known at the beginning
	answer  int  // contacts in an answer, at most
	crowded bool // a bucket has no room for all
	width   int  // k and alpha of the node, if not 2
	deaf    bool // no answer is noted
}

func (s *siege) target() ID { return FromUint(0b1111, exploreBits) }

// lies are contacts that no honest node has: the seeker itself, a known
// identifier at an address where nobody is, and nobody right beside the target.
func (s *siege) lies() []Contact {
	nowhere := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, 1}), 4000)
	return []Contact{
		exploreContact(0),
		{FromUint(s.others[len(s.others)-1], exploreBits), nowhere},
		{s.target(), nowhere},
	}
}

// answers are all that an adversary may say: every set of contacts that is not
// too large, and each lie on its own.
func (s *siege) answers() []answer {
	all := []answer{{}}
	for i, id := range s.others {
		all = append(all, answer{[]Contact{exploreContact(id)}})
		for _, other := range s.others[:i] {
			if s.answer > 1 {
				all = append(all, answer{[]Contact{exploreContact(id), exploreContact(other)}})
			}
		}
	}
	for _, lie := range s.lies() {
		all = append(all, answer{[]Contact{lie}})
	}
	return all
}

func (s *siege) config(t *testing.T) explore.Config {
	cfg := Config{IDBits: exploreBits, K: cmp.Or(s.width, 2), Alpha: cmp.Or(s.width, 2)}
	for _, id := range s.others[:s.known] {
		cfg.Contacts = append(cfg.Contacts, exploreContact(id))
	}
	node, err := New(cfg, 0)
	require.NoError(t, err)
	c := explore.Config{
		Nodes:    []explore.Start{{Addr: exploreAddr(0), Machine: &seeker{Node: node, deaf: s.deaf}}},
		Commands: []explore.Command{{Node: exploreAddr(0), Input: FindNode{Op: 1, Target: s.target()}, Once: true}},
		Horizon:  30 * time.Minute,
		May: func(w *explore.World, a explore.Action) bool {
			m, ok := w.Nodes[a.Node].Machine.(*adversary)
			return a.Kind != explore.Give || !ok || m.from.IsValid()
		},
		Always: []explore.Invariant{
			{Name: "at most alpha in flight", Hold: s.atMostAlpha},
			{Name: "nobody is asked twice", Hold: askedOnce},
		},
		Steps:   []explore.StepInvariant{{Name: "who answers stays in the bucket", Hold: staysInBucket}},
		Finally: []explore.Invariant{{Name: "the closest that answered", Hold: s.closest}},
		Sometimes: []explore.Witness{
			{Name: "two in flight", Seen: func(w *explore.World) bool { return lookupRPCs(w) == 2 }},
			{Name: "more answer than are looked for", Seen: func(w *explore.World) bool {
				return len(w.Nodes[0].Machine.(*seeker).answered) >= 3
			}},
			{Name: "nobody answers", Seen: func(w *explore.World) bool {
				d := w.Nodes[0].Done
				return len(d) > 0 && errors.Is(d[0].Err, ErrNoAnswer)
			}},
			{Name: "somebody answers after the end", Taken: func(t *explore.Transition) bool {
				return t.Action.Kind == explore.Deliver && t.Action.Node == 0 && len(t.Before.Nodes[0].Done) > 0
			}},
		},
		MaxStates: 20_000_000,
	}
	if s.crowded {
		c.Sometimes = append(c.Sometimes, evictions()...)
	}
	for _, id := range s.others {
		m := &adversary{id: FromUint(id, exploreBits)}
		c.Nodes = append(c.Nodes, explore.Start{Addr: exploreAddr(id), Machine: m})
		for _, a := range s.answers() {
			c.Commands = append(c.Commands, explore.Command{Node: exploreAddr(id), Input: a})
		}
	}
	return c
}

// evictions are what a full bucket leads to.
func evictions() []explore.Witness {
	return []explore.Witness{
		{Name: "one that was pinged to make room answers", Taken: func(t *explore.Transition) bool {
			recv, _ := t.Action.Input.(spec.Recv)
			_, ok := recv.Msg.(PingReply)
			return ok && t.Action.Node == 0
		}},
		{Name: "one that failed makes room", Taken: func(t *explore.Transition) bool {
			return t.Action.Kind == explore.Timeout && newInTable(t)
		}},
	}
}

func lookupRPCs(w *explore.World) (n int) {
	for _, r := range w.Nodes[0].Machine.(*seeker).rpcs {
		n += int(boolByte(r.kind == nodesRPC))
	}
	return n
}

func (s *siege) atMostAlpha(w *explore.World) error {
	if n := lookupRPCs(w); n > 2 {
		return fmt.Errorf("%d requests", n)
	}
	return nil
}

func askedOnce(w *explore.World) error {
	for _, n := range w.Nodes[1:] {
		if n.Machine.(*adversary).asked > 1 {
			return fmt.Errorf("%v is asked again", n.Addr)
		}
	}
	return nil
}

// closest: the lookup ends once, with the two closest of those whose answers it
// took.
func (s *siege) closest(w *explore.World) error {
	d, err := ended(w, 0)
	if err != nil {
		return err
	}
	want := slices.Clone(w.Nodes[0].Machine.(*seeker).answered)
	slices.SortFunc(want, func(a, b ID) int {
		if Closer(s.target(), a, b) {
			return -1
		}
		return 1
	})
	found, _ := d.Result.(Found)
	var got []ID
	for _, c := range found.Contacts {
		got = append(got, c.ID)
	}
	if want = want[:min(len(want), 2)]; !slices.Equal(got, want) {
		return fmt.Errorf("found %v, the closest that answered are %v", got, want)
	}
	return nil
}

// staysInBucket: only who failed to answer leaves the table.
//
// KAD-BUCKET-006 (Kademlia §2.2).
func staysInBucket(t *explore.Transition) error {
	before, after := t.Before.Nodes[0].Machine.(*seeker), t.After.Nodes[0].Machine.(*seeker)
	for e := range before.table.All() {
		if _, ok := after.table.Get(e.ID); !ok && t.Action.Kind != explore.Timeout {
			return fmt.Errorf("%v left without a failure", e.ID)
		}
	}
	return nil
}

func newInTable(t *explore.Transition) bool {
	before, after := t.Before.Nodes[0].Machine.(*seeker), t.After.Nodes[0].Machine.(*seeker)
	for e := range after.table.All() {
		if _, ok := before.table.Get(e.ID); !ok {
			return true
		}
	}
	return false
}

// A lookup in a network that is out to get it: any subset answers, in any order,
// with any contacts or with lies, and any request times out at any time.
//
// KAD-LOOKUP-002, KAD-LOOKUP-004, KAD-LOOKUP-005, KAD-LOOKUP-007.
func TestExploreAdversary(t *testing.T) {
	page, err := os.ReadFile("../docs/verification.md")
	require.NoError(t, err)
	scopes := []siege{
		{others: []uint64{0b1000, 0b1100, 0b1110}, known: 2, answer: 2},
		{others: []uint64{0b1000, 0b1100, 0b1110, 0b1011}, known: 2, answer: 2},
		{others: []uint64{0b0001, 0b0010, 0b1000, 0b1100, 0b1110}, known: 4, answer: 1, crowded: true},
	}
	if *long {
		scopes = append(scopes,
			siege{others: []uint64{0b1000, 0b1100, 0b1110, 0b1011, 0b1001}, known: 2, answer: 1},
			siege{others: []uint64{0b0001, 0b0010, 0b1000, 0b1100, 0b1110}, known: 4, answer: 2, crowded: true})
	}
	for _, s := range scopes {
		r, err := explore.Run(s.config(t))
		t.Logf("N=%d: %v, unseen %v", len(s.others)+1, r, r.Unseen)
		require.NoError(t, err)
		row := fmt.Sprintf("| %d | %d | %d | %d | %d |", len(s.others)+1, s.answer, r.States, r.Edges, r.Depth)
		require.Contains(t, string(page), row, "the table in docs/verification.md")
	}
}

// The properties of a siege see a node that asks three at a time, and a result
// that does not fit the answers.
func TestExploreAdversaryBites(t *testing.T) {
	for _, bite := range []struct {
		siege
		says string
	}{
		{siege{others: []uint64{0b1000, 0b1100, 0b1110}, known: 3, answer: 1, width: 3}, "at most alpha in flight: 3"},
		{siege{others: []uint64{0b1000, 0b1100}, known: 2, answer: 1, deaf: true}, "the closest that answered: found"},
	} {
		_, err := explore.Run(bite.config(t))
		require.ErrorContains(t, err, bite.says)
	}
}
