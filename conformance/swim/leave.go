package swim

import (
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// leaveCases judge how the target comes, how it goes, and how ill it believes itself.
var leaveCases = []Case{
	{
		ID: "swim/join/asks-by-push-pull", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-04", "GO-WF-07", "GO-WF-17"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedBootstrap},
		Control: "the push/pull itself", Waits: true,
		Explain: "The target is started with the address of a member. It must open a push/pull there with " +
			"the flag of a join and with itself alive, and take in the member that the answer tells of.",
		Causes: []string{"Join is not set", "the answer is not merged"},
		Kills:  []string{"joins-without-saying-so", "nothing-is-merged", "suspects-itself"},
		Run: func(t *T) {
			c := &Cluster{T: t}
			c.Self.Versions = wire.Versions{ // which the target's have yet to be learned
				ProtocolMin: 1, ProtocolMax: 5, Protocol: 2, DelegateMin: 0, DelegateMax: 5, Delegate: 4,
			}
			m := c.Add()
			m.known = true
			defer c.Disband()
			opt := t.Standard()
			opt.Bootstrap = append(opt.Bootstrap, m.Addr())
			m.On = func(h *Heard) bool {
				p, ok := h.Msg.(wire.PushPull)
				if ok && len(p.Nodes) > 0 {
					m.Versions = p.Nodes[0].Versions
				}
				return false
			}
			t.Start(opt)
			c.Meet()
			h := m.Await(joinsWithin, func(h *Heard) bool { return h.Msg.Type() == wire.TypePushPull })
			if h == nil {
				c.Survives("its start")
				c.Failf("the target opens no push/pull to the member that it was started with")
			}
			c.Earn()
			p := h.Msg.(wire.PushPull)
			if own, ok := Table(p.Nodes).Find(c.Self.Name); !p.Join || !ok || own.State != wire.StateAlive {
				c.Mismatch("the push/pull of a join", readable(p), "Join true, and the target alive in it")
			}
			if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation)); !ok {
				c.Mismatch("the member of the answer", showEntry(n, n.Name != ""), "alive")
			}
		},
	},
	{
		ID: "swim/leave/says-so-itself", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-AE-07", "GO-FD-17"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the target's own entry before", Waits: true,
		Explain: "The target is asked to end. Before it is gone it must tell a member that it is dead by " +
			"its own word, in its incarnation: so others know that it has left, and do not suspect it.",
		Causes: []string{"it just ends, and costs the others a suspicion", "From is empty, or another's name"},
		Kills:  []string{"leaves-without-a-word"},
		Run: playing(func(c *Cluster) {
			c.Join(2)
			own := c.self()
			c.quiet()
			c.Quit()
			for _, m := range c.Members {
				m.known = false // nobody is there to hear their farewell
			}
			farewell := wire.Dead{Incarnation: own, Node: c.Self.Name, From: c.Self.Name}
			if c.Await(joinsWithin, says(farewell)) == nil {
				c.Failf("the target ends without telling anybody that it leaves")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/health/slows-its-probes", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-LH-01", "GO-LH-02"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the pings before, by which the period is measured", Within: patientCase, Waits: true,
		Explain: "Three members answer, and then all fall silent, with nobody left who could nack: it may " +
			"be the target that is cut off. The first probe that fails lasts a period; the second must " +
			"last two, the third three.",
		Causes: []string{"there is no health score", "a failed probe without nacks does not change it"},
		Kills:  []string{"always-well"},
		Run: playing(func(c *Cluster) {
			all := c.Join(3)
			period := c.ProbeInterval()
			for _, m := range all {
				m.Die()
				m.Versions.ProtocolMax = 3
				m.Incarnation++
				m.Tell(m.Alive())
			}
			for _, m := range all {
				c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation))
				m.Forget()
			}
			if !c.Until(func() bool { return len(c.pings()) >= 3 }, 3*probeWithin) {
				c.Inconclusivef("the target does not ping its members")
			}
			pings := c.pings()
			var lasted [2]time.Duration
			for i := range lasted {
				lasted[i] = pings[i+1].At - pings[i].At
			}
			c.Observef("the first probe that fails lasts %v, the second %v", lasted[0], lasted[1])
			if lasted[1] < period*7/4 {
				c.Mismatch("how long the second failing probe lasts", lasted[1], "two periods of "+period.String())
			}
			c.Earn()
		}),
	},
}

// joinsWithin is how long a target may take to join or to leave.
const joinsWithin = 10 * time.Second
