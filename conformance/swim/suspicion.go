package swim

import (
	"fmt"
	"math"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// accusers are as many as confirm a suspicion in any of memberlist's profiles.
const accusers = 6

// accused is the name of an accuser by its number.
func accused(by int) string { return fmt.Sprintf("%s-%d", accuser, by) }

// dies waits for the target to declare a member dead that is under suspicion, and
// returns how long that took since the given moment.
func (c *Cluster) dies(m *Member, since, within time.Duration) time.Duration {
	h := c.Await(since+within-c.Now(), says(m.Dead(c.Self.Name)))
	if h == nil {
		c.Survives("a suspicion")
		n, _ := c.Entry(m.Name)
		c.Failf("within %v of its suspicion a member is not declared dead by the target, but is %s",
			within, stateName(n.State))
	}
	return h.At - since
}

// suspect has the target suspect a member of the harness, and returns since when.
func (c *Cluster) suspect(m *Member, from string) (since time.Duration) {
	m.Tell(m.Suspect(from))
	since = c.Now()
	if n, ok := c.Becomes(m.Name, AnswerWithin, being(wire.StateSuspect, m.Incarnation)); !ok {
		c.Inconclusivef("the target does not come to suspect the member: it is %s", stateName(n.State))
	}
	return since
}

// judgeShortest compares a time with the shortest suspicion: a whole number of
// probe intervals, at least three in memberlist's profiles, times the decimal
// logarithm of the number of members if that is above one. It returns it.
func (c *Cluster) judgeShortest(took, period time.Duration, members int) time.Duration {
	if period < minTimeout {
		c.Inconclusivef("a target that pings every %v has no period", period)
	}
	scale := max(1, math.Log10(float64(members)))
	unit := time.Duration(float64(period) * scale)
	mult := (took + unit/2) / unit
	want := mult * unit
	if mult < 2 || took < want-unit/4 || took > want+unit/4+gossipDelay {
		c.Mismatch("the time from suspicion to death", took,
			fmt.Sprintf("two or more times %v, by the period of its probes and %d members", unit, members))
	}
	c.Observef("the shortest suspicion is %d times %v", mult, unit)
	return want
}

// gossipDelay is how long news may wait for the next round of gossip.
const gossipDelay = 600 * time.Millisecond

// longestShort is above the shortest suspicion of every profile in a small cluster.
const longestShort = 35 * time.Second

// suspicionCases judge what becomes of a member under suspicion.
var suspicionCases = []Case{
	{
		ID: "swim/suspicion/is-told", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-08", "GO-WF-06", "GO-SW-02"},
		Role:         conformance.Responder, Kind: conformance.State,
		Control: "the member's entry",
		Explain: "A member is suspected by somebody. Another member must be told so, with the incarnation " +
			"and the accuser as they were.",
		Causes: []string{"what is heard is not passed on", "the accuser is replaced by the target"},
		Kills:  []string{"accuses-in-its-own-name", "suspicions-are-kept"},
		Run: playing(func(c *Cluster) {
			all := c.Join(2)
			c.suspect(all[1], accuser)
			c.MustHear(all[0], "a suspicion", says(all[1].Suspect(accuser)))
			c.Earn()
		}),
	},
	{
		ID: "swim/suspicion/of-nobody-known", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-08", "GO-FD-17"}, Role: conformance.Responder, Kind: conformance.Silence,
		Control: "the same about a member that is known, which is told",
		Explain: "A suspicion and a death of a name that the target does not know are sent. They must " +
			"neither make an entry nor be passed on.",
		Causes: []string{"an entry is made for each name that is heard"},
		Kills:  []string{"accuses-in-its-own-name", "knows-whoever-it-hears-of", "suspicions-are-kept"},
		Run: playing(func(c *Cluster) {
			all := c.Join(2)
			ghost := c.Add()
			all[0].Forget()
			c.Quietly(ghost.Name, "news of a name that nobody has", func() {
				all[0].Tell(ghost.Suspect(accuser))
				all[0].Tell(ghost.Dead(accuser))
			})
			c.suspect(all[1], accuser)
			c.MustHear(all[0], "a suspicion", says(all[1].Suspect(accuser)))
			if n := len(all[0].Of(says(ghost.Suspect(accuser)))) + len(all[0].Of(says(ghost.Dead(accuser)))); n > 0 {
				c.Failf("news of a name that the target does not know is passed on")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/suspicion/ends-in-death", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-09", "GO-FD-10", "GO-FD-17"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the pings by which the period is measured", Within: patientCase, Waits: true,
		Explain: "The only other member is suspected. As nobody could confirm it, it must be declared " +
			"dead after the shortest time: a whole number of periods, three in the profile of one host. " +
			"The accuser is the target.",
		Causes: []string{
			"the longest time is waited for though there is nobody else",
			"it is dead at once, or never",
		},
		Kills: []string{
			"never-probes", "patience-of-64-periods", "tells-of-the-living-alone", "tells-the-dead-nothing",
		},
		Run: playing(func(c *Cluster) {
			m := c.One()
			since := c.suspect(m, accuser)
			took := c.dies(m, since, longestShort)
			if n, _ := c.Entry(m.Name); n.State != wire.StateDead {
				c.Mismatch("the state of a member declared dead", stateName(n.State), "dead")
			}
			c.Join(2) // with one member some periods may pass without a ping
			c.judgeShortest(took, c.ProbeInterval(), 2)
			c.Earn()
		}),
	},
	{
		ID: "swim/suspicion/confirmed-ends-sooner", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-10", "GO-FD-11", "GO-LH-03"},
		Role:         conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the pings by which the period is measured", Within: patientCase, Waits: true,
		Explain: "In a cluster of eight, two members are suspected at the same time: one by six accusers, " +
			"the other six times by the same. The first must be declared dead after the shortest time, a " +
			"whole number of periods; a period later the second must still be suspect.",
		Causes: []string{
			"confirmations do not count",
			"one accuser counts as often as it speaks",
			"the first accuser counts",
		},
		Kills: []string{
			"confirmations-do-not-count", "one-accuser-counts-often", "one-time-for-all-suspicions",
			"patience-of-64-periods",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(7)
			first, second := all[0], all[1]
			period := c.ProbeInterval()
			c.suspect(second, accused(0))
			since := c.suspect(first, accused(0))
			for i := range accusers {
				first.Tell(first.Suspect(accused(i)))
				second.Tell(second.Suspect(accused(0)))
			}
			took := c.dies(first, since, longestShort)
			c.judgeShortest(took, period, len(all)+1)
			c.Earn()
			c.Wait(period)
			if n, _ := c.Entry(second.Name); n.State != wire.StateSuspect {
				c.Mismatch("a member that one accuser suspects six times", stateName(n.State), "suspect")
			}
		}),
	},
	{
		ID: "swim/suspicion/unconfirmed-takes-longest", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-10", "GO-LH-03"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock},
		Control: "the death of a member whose suspicion is confirmed", Within: 10 * time.Minute, Waits: true,
		Explain: "In a cluster of eight, one suspected member is confirmed by six accusers, and dies " +
			"after the shortest time. Another has one accuser, and must die after the longest: six times " +
			"that.",
		Causes: []string{"there is one time for all suspicions", "the accuser counts as a confirmation"},
		Kills: []string{
			"confirmations-do-not-count", "one-time-for-all-suspicions", "patience-of-64-periods",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(7)
			first, second := all[0], all[1]
			period := c.ProbeInterval()
			alone := c.suspect(second, accused(0))
			since := c.suspect(first, accused(0))
			for i := range accusers {
				first.Tell(first.Suspect(accused(i)))
			}
			shortest := c.judgeShortest(c.dies(first, since, longestShort), period, len(all)+1)
			took := c.dies(second, alone, longest*shortest+longestShort)
			if want := longest * shortest; took < want-period/4 || took > want+period/4+gossipDelay {
				c.Mismatch("the time of an unconfirmed suspicion", took, want.String())
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/suspicion/confirmations-are-told-once", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-11"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "the confirmation that is told", Waits: true,
		Explain: "In a cluster of eight, a member is suspected by one accuser, by the same again, and by " +
			"another. Both accusers' suspicions must be passed on, so that all can confirm; the " +
			"repetition must not.",
		Causes: []string{"a suspicion under way is not passed on again", "each message is passed on"},
		Kills: []string{
			"accuses-in-its-own-name", "confirmations-do-not-count", "one-accuser-counts-often",
			"passes-on-what-is-known", "patience-of-64-periods", "suspicions-are-kept", "tells-64-times",
		},
		Run: playing(func(c *Cluster) {
			all := c.Join(7)
			m, others := all[0], all[1:]
			told := func(from string) (n int) {
				for _, o := range others {
					n += len(o.Of(says(m.Suspect(from))))
				}
				return n
			}
			c.suspect(m, accused(0))
			if !c.Until(func() bool { return told(accused(0)) > 0 }, gossipWithin) {
				c.Failf("a suspicion is not passed on")
			}
			c.quiet()
			n := told(accused(0))
			m.Tell(m.Suspect(accused(0)))
			c.quiet()
			if again := told(accused(0)); again > n {
				c.Failf("a suspicion that is known is passed on again")
			}
			m.Tell(m.Suspect(accused(1)))
			if !c.Until(func() bool { return told(accused(1)) > 0 }, gossipWithin) {
				c.Failf("a confirmation by another accuser is not passed on")
			}
			c.Earn()
		}),
	},
	{
		ID: "swim/suspicion/ended-by-its-subject", Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
		Requirements: []string{"GO-FD-13", "GO-SW-02"}, Role: conformance.Responder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh},
		Control: "a member that does not refute, and dies", Within: patientCase, Waits: true,
		Explain: "Two members are suspected, and one refutes it with its next incarnation. It must be " +
			"alive when the other is declared dead, and a period later.",
		Causes: []string{"the timer of a suspicion outlives it"},
		Kills:  []string{"patience-of-64-periods", "suspicion-is-not-lifted"},
		Run: playing(func(c *Cluster) {
			all := c.Join(2)
			refutes, dies := all[0], all[1]
			period := c.ProbeInterval()
			for _, m := range all {
				c.suspect(m, accused(0))
				for i := range accusers {
					m.Tell(m.Suspect(accused(i)))
				}
			}
			since := c.Now()
			refutes.Incarnation++
			refutes.Tell(refutes.Alive())
			c.dies(dies, since, longestShort)
			c.Wait(period)
			if n, _ := c.Entry(refutes.Name); n.State != wire.StateAlive || n.Incarnation != refutes.Incarnation {
				c.Mismatch("a member that has refuted", showEntry(n, true), showEntry(refutes.State(), true))
			}
			c.Earn()
		}),
	},
}

// longest is how many times the shortest suspicion the longest is.
const longest = 6

// quiet waits until the members have not been told anything new for some rounds of
// gossip.
func (c *Cluster) quiet() {
	heard := func() (n int) {
		for _, m := range c.Members {
			for _, h := range m.Log {
				switch h.Msg.(type) {
				case wire.Alive, wire.Suspect, wire.Dead:
					n++
				}
			}
		}
		return n
	}
	limit := c.Now() + 2*gossipWithin
	for n := -1; n != heard() && c.Now() < limit; {
		n = heard()
		c.Wait(gossipDelay + 100*time.Millisecond)
	}
}
