package swim

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// entryCases judge what an alive message may change of a member's entry.
var entryCases = []Case{
	{
		ID: "swim/table/unknown-hears-alive", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-13", "GO-WF-06"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "a push/pull that does not have the member before",
		Explain: "An alive message tells of a member that the target does not know. It must be taken in, " +
			"with its incarnation, address, metadata and versions.",
		Causes: []string{"members are taken in by push/pull alone"},
		Kills:  []string{"no-members-by-gossip"},
		Run: playing(func(c *Cluster) {
			m := c.Add()
			m.Meta, m.Incarnation = []byte("metadata"), 300
			m.Tell(m.Alive())
			n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, 300))
			if !ok || !sameEntry(n, m.State()) {
				c.Mismatch("the entry of a new member", showEntry(n, ok), showEntry(m.State(), true))
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/table/address-of-the-living", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-15"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "news of the same member at its address, which is taken over",
		Explain: "Members that are alive and suspect are claimed by an alive message with a higher " +
			"incarnation and another port. Their entries must stay as they are: names are not taken over.",
		Causes: []string{"the address is taken over with the incarnation"},
		Kills:  []string{"names-are-taken-over"},
		Run: playing(func(c *Cluster) {
			for _, s := range []wire.State{wire.StateAlive, wire.StateSuspect} {
				x := cell{from: s}
				m := x.prepared(c)
				claim := m.Alive()
				claim.Incarnation++
				claim.Addr = c.Add().Addr()
				c.Quietly(m.Name, "a claim to the name of a member that is "+stateName(s), func() { m.Tell(claim) })
				a := m.news()
				if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, a.Incarnation)); !ok {
					c.Inconclusivef("news of the member at its own address is not taken over: it is %s", showEntry(n, true))
				}
				c.Earn()
			}
		}),
	},
	{
		ID: "swim/table/address-of-who-left", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-15"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the entry of the member, which has left",
		Explain: "A member leaves, and comes back at another address with a higher incarnation. It must " +
			"be alive there.",
		Causes: []string{"a name is bound to its first address for ever"},
		Kills:  []string{"left-stays-left", "names-are-for-ever"},
		Run: playing(func(c *Cluster) {
			m := cell{from: wire.StateLeft}.prepared(c)
			back := c.Add()
			back.Name, back.Incarnation, m.known = m.Name, m.Incarnation+1, false
			back.Tell(back.Alive())
			n, ok := c.Becomes(back.Name, AnswerWithin, being(wire.StateAlive, back.Incarnation))
			if !ok || n.Addr != back.Addr() {
				c.Mismatch("a member that left and came back", showEntry(n, true), showEntry(back.State(), true))
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/table/versions-that-make-no-sense", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-16"}, Role: conformance.Responder, Kind: conformance.State,
		Control: "the same members with good versions, which are taken in",
		Explain: "Alive messages of new members have versions of which the least understood is 0, the " +
			"greatest is 0, or the least is above the greatest. None may be taken in.",
		Causes: []string{"versions are not looked at"},
		Kills:  []string{"any-versions"},
		Run: playing(func(c *Cluster) {
			for _, bad := range [][2]uint8{{0, 5}, {1, 0}, {5, 1}} {
				m := c.Add()
				a := m.Alive()
				a.Versions.ProtocolMin, a.Versions.ProtocolMax = bad[0], bad[1]
				c.Quietly(m.Name, fmt.Sprintf("an alive of a member that understands protocols %d to %d", bad[0], bad[1]),
					func() { m.Tell(a) })
				m.Tell(m.Alive())
				if _, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateAlive, m.Incarnation)); !ok {
					c.Inconclusivef("the member is not taken in with good versions either")
				}
				c.Earn()
			}
		}),
	},
	{
		ID: "swim/table/forgets-the-dead", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-20"}, Role: conformance.Responder, Kind: conformance.State,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the entry of a member that lives", Within: 5 * time.Minute, Waits: true,
		Explain: "One member is declared dead, one leaves, one lives. Right after, all three must be told " +
			"of in a push/pull, so that others hear of the end; within three minutes those two must be " +
			"forgotten, and the third not.",
		Causes: []string{
			"entries are never removed",
			"the dead are removed at once, and come back by the next push/pull",
		},
		Kills: []string{
			"dead-needs-a-higher-incarnation", "left-is-dead", "never-forgets", "never-probes",
			"tells-of-the-living-alone",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(3)
			all[0].Tell(all[0].Dead(accuser))
			all[1].Tell(all[1].Dead(all[1].Name))
			for i, s := range []wire.State{wire.StateDead, wire.StateLeft} {
				if n, ok := c.Becomes(all[i].Name, AnswerWithin, being(s, 1)); !ok {
					c.Mismatch("a member right after its end", showEntry(n, n.Name != ""), stateName(s))
				}
			}
			gone := func() bool {
				c.Wait(time.Second)
				t := c.Table()
				_, dead := t.Find(all[0].Name)
				_, left := t.Find(all[1].Name)
				return !dead && !left
			}
			limit := c.Now() + 3*time.Minute
			for !gone() {
				if c.Now() > limit {
					c.Failf("three minutes after their end members are still told of")
				}
			}
			all[0].known, all[1].known = false, false
			if n, ok := c.Entry(all[2].Name); !ok || n.State != wire.StateAlive {
				c.Mismatch("the member that lives", showEntry(n, ok), "alive")
			}
			c.Earn()
		}),
	},
}
