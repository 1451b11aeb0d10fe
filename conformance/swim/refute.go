package swim

import (
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// accuse tells the target something about itself, and ends the case as failed
// unless it answers with an alive of the incarnation.
func (c *Cluster) accuse(m *Member, what string, want uint32, tell func()) {
	own := c.self()
	tell()
	h := c.MustHear(m, "a refutation of "+what, aliveOf(c.Self.Name, own+1))
	c.Earn()
	if a := h.Msg.(wire.Alive); a.Incarnation != want {
		c.Mismatch("incarnation of the refutation of "+what, a.Incarnation, fmt.Sprint(want))
	}
	if n, _ := c.Entry(c.Self.Name); n.State != wire.StateAlive || n.Incarnation != want {
		c.Mismatch("what the target tells of itself after "+what, showEntry(n, true),
			fmt.Sprintf("alive in incarnation %d", want))
	}
}

// self reads the target's own incarnation.
func (c *Cluster) self() uint32 {
	n, _ := c.Entry(c.Self.Name)
	return n.Incarnation
}

// refutationCases judge what the target does when it hears of itself.
var refutationCases = []Case{
	{
		ID: "swim/refutation/suspected", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-12", "GO-SW-02"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the refutation itself, and the target's own entry",
		Explain: "The target hears that it is suspected in its own incarnation. It must tell the " +
			"others that it is alive in the next one, and say so in a push/pull.",
		Causes: []string{"accusations of itself are ignored", "the incarnation is not raised"},
		Kills:  []string{"no-refutation", "refutes-without-raising", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			m, own := c.One(), c.self()
			c.accuse(m, "a suspicion in its own incarnation", own+1, func() {
				m.Tell(wire.Suspect{Incarnation: own, Node: c.Self.Name, From: m.Name})
			})
		}),
	},
	{
		ID: "swim/refutation/declared-dead", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-12"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the refutation itself, and the target's own entry",
		Explain: "The target hears that it is dead in its own incarnation, and then that it has left. It " +
			"must refute both: it has done neither.",
		Causes: []string{"the target believes that it is dead", "a farewell in its own name is believed"},
		Kills:  []string{"no-refutation", "refutes-without-raising", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			m, own := c.One(), c.self()
			c.accuse(m, "its death in its own incarnation", own+1, func() {
				m.Tell(wire.Dead{Incarnation: own, Node: c.Self.Name, From: m.Name})
			})
			c.accuse(m, "its farewell in its own incarnation", own+2, func() {
				m.Tell(wire.Dead{Incarnation: own + 1, Node: c.Self.Name, From: c.Self.Name})
			})
		}),
	},
	{
		ID: "swim/refutation/beats-the-accusation", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-12"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the refutation itself, and the target's own entry",
		Explain: "The target is suspected, then declared dead, in incarnations that are 10 above its own, " +
			"as after a restart. Each refutation must have the accusation's incarnation plus one.",
		Causes: []string{"the incarnation is raised by one, whatever the accusation's"},
		Kills:  []string{"no-refutation", "refutes-by-one", "refutes-without-raising", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			m, own := c.One(), c.self()
			c.accuse(m, "a suspicion in a later incarnation", own+11, func() {
				m.Tell(wire.Suspect{Incarnation: own + 10, Node: c.Self.Name, From: m.Name})
			})
			c.accuse(m, "its death in a later incarnation", own+22, func() {
				m.Tell(wire.Dead{Incarnation: own + 21, Node: c.Self.Name, From: m.Name})
			})
		}),
	},
	{
		ID: "swim/refutation/stale-accusations", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-12", "GO-FD-08"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "an accusation in the own incarnation, which is refuted",
		Explain: "Once the target has refuted, accusations in its old incarnation are answered " +
			"already: they must not raise its incarnation again.",
		Causes: []string{"each accusation is refuted, whatever its incarnation"},
		Kills: []string{
			"no-refutation", "refutes-stale-accusations", "refutes-without-raising", "suspects-itself",
		},
		Run: playing(func(c *Cluster) {
			m, own := c.One(), c.self()
			c.accuse(m, "a suspicion in its own incarnation", own+1, func() {
				m.Tell(wire.Suspect{Incarnation: own, Node: c.Self.Name, From: m.Name})
			})
			c.Quietly(c.Self.Name, "an accusation in an old incarnation", func() {
				m.Tell(wire.Suspect{Incarnation: own, Node: c.Self.Name, From: m.Name})
				m.Tell(wire.Dead{Incarnation: own, Node: c.Self.Name, From: m.Name})
			})
		}),
	},
	{
		ID: "swim/refutation/alive-as-it-is", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-14"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "an alive of a higher incarnation, which is refuted",
		Explain: "The target hears its own alive message back, and one of an incarnation below its " +
			"own with other metadata. It must not react. One of a higher incarnation must be refuted " +
			"with the next: only the target gives itself incarnations.",
		Causes: []string{"each alive about itself is refuted", "a higher incarnation of its own is taken over"},
		Kills: []string{
			"own-alive-is-ignored", "refutes-its-own-alive", "refutes-without-raising", "suspects-itself",
		},
		Run: playing(func(c *Cluster) {
			m := c.One()
			own, _ := c.Entry(c.Self.Name)
			c.accuse(m, "an alive of a later incarnation", own.Incarnation+6, func() {
				m.Tell(aliveAs(own, own.Incarnation+5, own.Meta))
			})
			own, _ = c.Entry(c.Self.Name)
			c.Quietly(c.Self.Name, "its own alive message, or an older one", func() {
				m.Tell(aliveAs(own, own.Incarnation, own.Meta))
				m.Tell(aliveAs(own, own.Incarnation-1, []byte("other")))
			})
		}),
	},
	{
		ID: "swim/refutation/alive-but-different", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-14"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the refutation itself, and the target's own entry",
		Explain: "The target hears an alive of its own incarnation with other metadata, as of a former " +
			"life of its own. It must refute it, and keep its metadata.",
		Causes: []string{"only the incarnation is compared", "somebody else's metadata is taken over"},
		Kills: []string{
			"own-alive-is-ignored", "own-metadata-is-not-compared", "refutes-without-raising",
			"suspects-itself",
		},
		Run: playing(func(c *Cluster) {
			m := c.One()
			own, _ := c.Entry(c.Self.Name)
			c.accuse(m, "an alive with other metadata", own.Incarnation+1, func() {
				m.Tell(aliveAs(own, own.Incarnation, []byte("somebody else's")))
			})
			if now, _ := c.Entry(c.Self.Name); string(now.Meta) != string(own.Meta) {
				c.Mismatch("the target's metadata", fmt.Sprintf("%q", now.Meta), fmt.Sprintf("%q", own.Meta))
			}
		}),
	},
	{
		ID: "swim/refutation/over-push-pull", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-12", "GO-FD-18"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the refutation itself, and the target's own entry",
		Explain: "In a push/pull the target is suspected, then dead, then has left, each in its own " +
			"incarnation. It must refute each.",
		Causes: []string{"the own entry in a push/pull is skipped"},
		Kills:  []string{"no-refutation-over-streams", "refutes-without-raising", "suspects-itself"},
		Run: playing(func(c *Cluster) {
			m := c.One()
			for _, s := range []wire.State{wire.StateSuspect, wire.StateDead, wire.StateLeft} {
				own, _ := c.Entry(c.Self.Name)
				own.State = s
				c.accuse(m, "a push/pull in which it is "+stateName(s), own.Incarnation+1, func() { c.Push(own) })
			}
		}),
	},
}

// aliveAs is an alive about the target itself.
func aliveAs(own wire.NodeState, incarnation uint32, meta []byte) wire.Alive {
	return wire.Alive{
		Incarnation: incarnation, Node: own.Name, Addr: own.Addr, Meta: meta, Versions: own.Versions,
	}
}
