package experiment

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/election"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// The course of the election: lives and the times of the policy are a sixth of what
// they would be.
const (
	electionHurry = 6
	electionWarm  = 30 * time.Minute
	electionEnd   = 60 * time.Minute
	electionRound = time.Minute // each looks at itself this often
	electionPace  = 5 * time.Second

	briefLife = 10 * time.Minute // half-lives
	longLife  = 2 * time.Hour
	slowUp    = 4 << 10 // bytes a second: a modem's
	fastUp    = 32 << 10
)

// traits are what a place is like, whoever has it.
type traits struct {
	firewalled bool
	up         int64 // bytes a second
	halfLife   time.Duration
}

// newTraits: of hosts a third cannot be reached, half have a modem, and seven in ten
// stay for a short time.
func newTraits(r *spec.Rand, places int) []traits {
	list := make([]traits, places)
	for i := range list {
		list[i] = traits{firewalled: r.Below(3) == 0, up: slowUp, halfLife: briefLife}
		if r.Below(2) == 0 {
			list[i].up = fastUp
		}
		if r.Below(10) < 3 {
			list[i].halfLife = longLife
		}
	}
	return list
}

// electorate is a network of ultrapeers and leaves that are one or the other by a
// rule.
type electorate struct {
	*unstructured
	traits []traits
	policy election.Policy
	elects bool

	came, since []time.Duration // by place: the servent, and its role
	lost        int             // connections of leaves that ended
	changes     int             // of roles
	census      census
}

// census is what a look at the network has found, many times.
type census struct {
	ultrapeers, unreachable, slow, alone spread
	lost                                 spread // by a leaf so far
}

func newElectorate(c *content, list []traits, seed uint64, elects bool) *electorate {
	n := len(c.shared)
	e := &electorate{
		unstructured: newUnstructured(c, seed, 0, firstTenth(n)), traits: list, elects: elects,
		policy: election.Standard(compareLeaves, compareDegree),
		came:   make([]time.Duration, n), since: make([]time.Duration, n),
	}
	least := &e.policy.Least
	least.Uptime, least.Average = least.Uptime/electionHurry, least.Average/electionHurry
	e.policy.Settle /= electionHurry
	e.servents.lost = func(id int32) {
		if v := e.list[id]; v != nil && v.Mode() == gnutella.Leaf && e.Now() > electionWarm {
			e.lost++
		}
		e.again(id)
	}
	return e
}

func (e *electorate) begin() {
	for i := range e.content.shared {
		id := e.add(e.config(int32(i)))
		e.list[id].firewalled = e.traits[i].firewalled
	}
	for i := range e.content.shared {
		e.again(int32(i))
	}
}

func (e *electorate) come(place int32) {
	e.came[place], e.since[place] = e.Now(), e.Now()
	if e.elects {
		e.ultra[place] = false // who begins is a leaf
	}
	e.start(place)
}

func (e *electorate) start(place int32) {
	e.restart(place, e.config(place))
	e.list[place].firewalled = e.traits[place].firewalled
	e.again(place)
}

// elect lets everybody look at himself, and change his role. The traits of a place are
// told as they are, from the first minute on: measuring them is no part of the policy.
func (e *electorate) elect() {
	for i, v := range e.list {
		if v == nil {
			continue
		}
		at := election.Standing{Role: election.Leaf, For: e.Now() - e.since[i]}
		if e.ultra[i] {
			at.Role = election.Ultrapeer
		}
		self := election.Self{Reachable: !e.traits[i].firewalled, Leaves: leavesAt(v), Quantities: election.Quantities{
			Sockets: 1 << 10, Memory: 1 << 30, Up: e.traits[i].up, Down: 4 * e.traits[i].up,
			Uptime:  e.Now() - e.came[i],
			Average: e.traits[i].halfLife * 10 / 7, // of an exponential life
		}}
		if d := e.policy.Decide(at, self, e.need(v)); d.Role != at.Role {
			e.changes++
			e.ultra[i], e.since[i] = d.Role == election.Ultrapeer, e.Now()
			e.fail(int32(i))
			e.start(int32(i))
		}
	}
}

// need is what the ultrapeers that a servent is connected with would say.
func (e *electorate) need(v *servent) (n election.Need) {
	for _, l := range v.Links() {
		switch u := e.list[numberOf(l.Remote)]; {
		case u == nil || l.Mode != gnutella.Ultrapeer:
		case leavesAt(u) < compareLeaves:
			n.NotNeeded++
		default:
			n.Needed++
		}
	}
	return n
}

func leavesAt(v *servent) (n int32) {
	for _, l := range v.Links() {
		if l.Mode == gnutella.Leaf {
			n++
		}
	}
	return n
}

// look takes the census.
func (e *electorate) look() {
	var ultrapeers, unreachable, slow, leaves, alone float64
	for i, v := range e.list {
		switch {
		case v == nil:
		case e.ultra[i]:
			ultrapeers++
			if e.traits[i].firewalled {
				unreachable++
			}
			if e.traits[i].up < e.policy.Least.Up {
				slow++
			}
		default:
			leaves++
			if len(v.Links()) == 0 {
				alone++
			}
		}
	}
	c := &e.census
	c.ultrapeers = append(c.ultrapeers, ultrapeers)
	c.unreachable = append(c.unreachable, 100*unreachable/max(1, ultrapeers))
	c.slow = append(c.slow, 100*slow/max(1, ultrapeers))
	c.alone = append(c.alone, 100*alone/max(1, leaves))
	c.lost = append(c.lost, float64(e.lost)/max(1, leaves))
}

// run lets the script happen, and elections in it.
func (e *electorate) run(s script) *outcomes {
	e.begin()
	next, tried := electionRound, 0
	for _, h := range s {
		for next <= h.at {
			e.RunUntil(next)
			if e.elects {
				e.elect()
			}
			if next > electionWarm {
				e.look()
			}
			next += electionRound
		}
		e.RunUntil(h.at)
		switch h.kind {
		case fails:
			e.fail(h.place)
		case comes:
			e.come(h.place)
		case searches:
			if h.at > electionWarm {
				tried++
				e.search(h.place, h.file, &answer{})
			}
		}
	}
	e.RunFor(dynamicWait)
	all := &outcomes{}
	for _, q := range e.asked {
		all.add(q.outcome())
	}
	for range tried - len(e.asked) {
		all.found = append(all.found, 0) // who cannot ask has not found
	}
	return all
}

// GnutellaElection compares ultrapeers that are elected with some that chance made so.
//
// GN-HS-32 (0.6 draft, Ultrapeer Election Principles).
func GnutellaElection(o Options) (*Result, error) {
	o, err := o.gnutellaOptions(300, 1)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Title: fmt.Sprintf("Gnutella: elected ultrapeers and random ones, %s places, seed %d", thousands(o.Nodes), o.Seed),
		Setup: []string{
			fmt.Sprintf("a third cannot be reached; half send %d kB/s, the others %d; half-lives: seven in ten %v, three %v",
				slowUp>>10, fastUp>>10, briefLife, longLife),
			fmt.Sprintf("policy: that of gnutella/election, with its times divided by %d: an uptime of 10 minutes, say",
				electionHurry),
			"the policy is told what a servent would have to measure: who can be reached, the bandwidth, and for the average",
			"uptime the true mean life of the place; only the uptime so far, the leaves and the need are the network's own",
			"random: a tenth of the places are ultrapeers'; elected: who comes is a leaf, and looks at itself every minute",
			fmt.Sprintf("means over %v, after %v; both under the same churn and searches",
				electionEnd-electionWarm, electionWarm),
		},
		Figure: Figure{Title: "links that a leaf has lost", X: "minutes", Y: "links that a leaf has lost"},
		Notes: []string{
			"A firewalled ultrapeer has room for leaves that none can use; a short-lived one takes theirs with it.",
			"Need is what X-Ultrapeer-Needed would say, by the room for leaves. No published figures of this were at hand.",
		},
	}
	t := Table{Title: "Ultrapeers", Header: []string{"", "ultrapeers", "firewalled", "slow", "leaves alone",
		"links lost/leaf/h", "changes of role", "found", "messages a search"}}
	for i, name := range []string{"random", "elected"} {
		all, changes, found := census{}, spread{}, &outcomes{}
		line := Line{Name: name}
		for run := range o.Runs {
			e, searches := elections(o, uint64(run), i == 1)
			found.append(searches)
			all.append(&e.census)
			changes = append(changes, float64(e.changes))
			if run == 0 {
				for k, v := range e.census.lost {
					line.X, line.Y = append(line.X, electionWarm.Minutes()+float64(k+1)), append(line.Y, v)
				}
			}
		}
		r.Figure.Lines = append(r.Figure.Lines, line)
		lost := spread{}
		for last := len(all.lost) / o.Runs; last <= len(all.lost); last += len(all.lost) / o.Runs {
			lost = append(lost, all.lost[last-1]/(electionEnd-electionWarm).Hours())
		}
		t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.1f", all.ultrapeers.mean()),
			fmt.Sprintf("%.0f%%", all.unreachable.mean()), fmt.Sprintf("%.0f%%", all.slow.mean()),
			fmt.Sprintf("%.1f%%", all.alone.mean()), fmt.Sprintf("%.2f", lost.mean()), fmt.Sprintf("%.0f", changes.mean()),
			fmt.Sprintf("%.1f%%", found.found.mean()), fmt.Sprintf("%.0f", found.messages.mean())})
	}
	r.Tables = []Table{t}
	return r, nil
}

// elections are one network under a script that depends on the seed and the run
// alone.
func elections(o Options, run uint64, elects bool) (*electorate, *outcomes) {
	r := spec.NewRand(seedBytes(o.Seed, 2000+run))
	c, list := newContent(&r, o.Nodes, o.Nodes), newTraits(&r, o.Nodes)
	life := func(place int) sim.Dist { return sim.HalfLife(list[place].halfLife) }
	s := newScript(&r, c, life, electionEnd, electionPace)
	e := newElectorate(c, list, o.Seed+run, elects)
	return e, e.run(s)
}

func (c *census) append(o *census) {
	c.ultrapeers, c.unreachable = append(c.ultrapeers, o.ultrapeers...), append(c.unreachable, o.unreachable...)
	c.slow, c.alone = append(c.slow, o.slow...), append(c.alone, o.alone...)
	c.lost = append(c.lost, o.lost...)
}

func (o *outcomes) append(x *outcomes) {
	o.found, o.messages = append(o.found, x.found...), append(o.messages, x.messages...)
}
