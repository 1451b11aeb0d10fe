package swim

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// desk is a node alone with the test, which plays all the others.
type desk struct {
	*Node
	t   *testing.T
	now time.Duration
	log []happening // of all effects
}

type happening struct {
	at   time.Duration
	what spec.Effect
}

// sit starts a node m00 with change applied to the LAN configuration, and lets it
// know m01 to mNN if others is NN.
func sit(t *testing.T, others int, change func(*Config)) *desk {
	cfg := LAN()
	cfg.Name, cfg.Addr = contractName(0), contractAddr(0)
	for i := range others + 1 {
		cfg.Known = append(cfg.Known, &Member{
			Name: contractName(i), Addr: contractAddr(i), Versions: contractVersions, Incarnation: 1,
		})
	}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{Node: n, t: t}
}

func (d *desk) input(in spec.Input) []spec.Effect {
	d.t.Helper()
	out := d.Step(d.now, in, nil)
	for _, e := range out {
		d.log = append(d.log, happening{d.now, e})
	}
	if err := d.Check(); err != nil {
		d.t.Fatal(err)
	}
	return out
}

// hear lets the node receive a packet from m09.
func (d *desk) hear(parts ...wire.Message) []spec.Effect {
	d.t.Helper()
	return d.input(spec.Recv{From: contractAddr(9), Msg: wire.Packet{Parts: parts}})
}

// pass lets time pass; each thing that happens is shown to see, which may answer.
func (d *desk) pass(span time.Duration, see func(e spec.Effect)) {
	d.t.Helper()
	for end := d.now + span; ; {
		at, ok := d.Deadline()
		if !ok || at > end {
			d.now = end
			return
		}
		d.now = at
		for _, e := range d.input(spec.Wake{}) {
			if see != nil {
				see(e)
			}
		}
	}
}

// answering acknowledges pings to all but the silent.
func (d *desk) answering(silent ...int) func(spec.Effect) {
	return func(e spec.Effect) {
		s, ok := e.(spec.Send)
		if !ok || slices.ContainsFunc(silent, func(i int) bool { return s.To == contractAddr(i) }) {
			return
		}
		if ping, ok := partsOf(s)[0].(wire.Ping); ok {
			d.input(spec.Recv{From: s.To, Msg: wire.Packet{Parts: []wire.Message{wire.Ack{SeqNo: ping.SeqNo}}}})
		}
	}
}

func partsOf(s spec.Send) []wire.Message { return s.Msg.(wire.Packet).Parts }

// sent returns the messages of one kind among effects.
func sent[M wire.Message](effects []spec.Effect) (list []M) {
	for _, e := range effects {
		if s, ok := e.(spec.Send); ok {
			for _, p := range partsOf(s) {
				if m, ok := p.(M); ok {
					list = append(list, m)
				}
			}
		}
	}
	return list
}

// told returns the events of one kind among effects.
func told[E spec.Event](effects []spec.Effect) (list []E) {
	for _, e := range effects {
		if n, ok := e.(spec.Notify); ok {
			if ev, ok := n.Event.(E); ok {
				list = append(list, ev)
			}
		}
	}
	return list
}

// since returns what has happened from an instant on.
func (d *desk) since(at time.Duration) (list []spec.Effect) {
	for _, h := range d.log {
		if h.at >= at {
			list = append(list, h.what)
		}
	}
	return list
}

func (d *desk) member(i int) Member {
	m, ok := d.Member(contractName(i))
	if !ok {
		d.t.Fatalf("m%02d is unknown", i)
	}
	return m
}

// refused wants nothing but a Drop with that clause.
func (d *desk) refused(clause string, effects []spec.Effect) {
	d.t.Helper()
	if len(effects) != 1 {
		d.t.Fatalf("want a Drop with %s, got %v", clause, effects)
	}
	if drop, ok := effects[0].(spec.Drop); !ok || drop.Clause != clause {
		d.t.Fatalf("want a Drop with %s, got %v", clause, effects[0])
	}
}

func (d *desk) wantState(i int, s wire.State, incarnation uint32) {
	d.t.Helper()
	if m := d.member(i); m.State != s || m.Incarnation != incarnation {
		d.t.Fatalf("m%02d is in state %d with incarnation %d, want %d with %d", i, m.State, m.Incarnation, s, incarnation)
	}
}

func alive(i int, incarnation uint32) wire.Alive {
	return wire.Alive{
		Incarnation: incarnation, Node: contractName(i), Addr: contractAddr(i), Versions: contractVersions,
	}
}

func suspect(i int, incarnation uint32, from int) wire.Suspect {
	return wire.Suspect{Incarnation: incarnation, Node: contractName(i), From: contractName(from)}
}

func dead(i int, incarnation uint32, from int) wire.Dead {
	return wire.Dead{Incarnation: incarnation, Node: contractName(i), From: contractName(from)}
}

func addrs(list ...int) (a []netip.AddrPort) {
	for _, i := range list {
		a = append(a, contractAddr(i))
	}
	return a
}
