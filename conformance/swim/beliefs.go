package swim

import (
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// known is the incarnation in which members are known when a cell of the table of
// beliefs is judged: the messages have one less, the same, or one more.
const knownIn = 5

// cell is one state of a member, met by one kind of message.
type cell struct {
	from wire.State
	by   wire.Type
	left bool // by a dead message of the member itself
	// then is what becomes of the member when the message has one incarnation less,
	// the same and one more; nil where nothing does.
	then [3]*belief
	// requirements, and why it is so in a sentence.
	requirements []string
	why          string
}

// accuser is a member that nobody has met: who accuses need not be known.
const accuser = "p2pspec-accuser"

// belief is a state and an incarnation.
type belief struct {
	state       wire.State
	incarnation uint32
}

func (b belief) String() string {
	return fmt.Sprintf("%s in incarnation %d", stateName(b.state), b.incarnation)
}

// cells are the table of beliefs: each state by each message.
func cells() []cell {
	same := func(s wire.State) *belief { return &belief{s, knownIn} }
	next := func(s wire.State) *belief { return &belief{s, knownIn + 1} }
	nothing := [3]*belief{}
	newer := [3]*belief{nil, nil, next(wire.StateAlive)}
	takes := func(s wire.State) [3]*belief { return [3]*belief{nil, same(s), next(s)} }
	const (
		alive   = "Only a higher incarnation, which the member alone gives itself, proves that it lives."
		gossip  = "An accusation counts in the known incarnation or a later one."
		dead    = "What is dead cannot be suspected, and dies once: only an alive of a higher incarnation revives it."
		deadish = "A member that is under suspicion dies by any dead message that is not older."
	)
	return []cell{
		{wire.StateAlive, wire.TypeAlive, false, newer, []string{"GO-FD-13", "GO-SW-02"}, alive},
		{wire.StateAlive, wire.TypeSuspect, false, takes(wire.StateSuspect), []string{"GO-FD-08", "GO-SW-02"}, gossip},
		{wire.StateAlive, wire.TypeDead, false, takes(wire.StateDead), []string{"GO-FD-17"}, gossip},
		{wire.StateAlive, wire.TypeDead, true, takes(wire.StateLeft), []string{"GO-FD-17"}, gossip},
		{wire.StateSuspect, wire.TypeAlive, false, newer, []string{"GO-FD-13", "GO-SW-02"}, alive},
		{wire.StateSuspect, wire.TypeSuspect, false, nothing, []string{"GO-FD-11"},
			"A further accusation can only confirm the suspicion, whose incarnation stays."},
		{wire.StateSuspect, wire.TypeDead, false, takes(wire.StateDead), []string{"GO-FD-17"}, deadish},
		{wire.StateSuspect, wire.TypeDead, true, takes(wire.StateLeft), []string{"GO-FD-17"}, deadish},
		{wire.StateDead, wire.TypeAlive, false, newer, []string{"GO-FD-13", "GO-SW-02"}, alive},
		{wire.StateDead, wire.TypeSuspect, false, nothing, []string{"GO-FD-08"}, dead},
		{wire.StateDead, wire.TypeDead, false, nothing, []string{"GO-FD-17"}, dead},
		{wire.StateDead, wire.TypeDead, true, nothing, []string{"GO-FD-17"}, dead},
		{wire.StateLeft, wire.TypeAlive, false, newer, []string{"GO-FD-13"}, alive},
		{wire.StateLeft, wire.TypeSuspect, false, nothing, []string{"GO-FD-08"}, dead},
		{wire.StateLeft, wire.TypeDead, false, nothing, []string{"GO-FD-17"}, dead},
		{wire.StateLeft, wire.TypeDead, true, nothing, []string{"GO-FD-17"}, dead},
	}
}

// by is what the message of a cell is called.
func (x cell) byName() string {
	if x.left {
		return "left"
	}
	return called(x.by)
}

// message is that of the cell about a member, in an incarnation.
func (x cell) message(m *Member, incarnation uint32, from string) wire.Message {
	switch {
	case x.by == wire.TypeAlive:
		a := m.Alive()
		a.Incarnation = incarnation
		return a
	case x.by == wire.TypeSuspect:
		return wire.Suspect{Incarnation: incarnation, Node: m.Name, From: from}
	case x.left:
		from = m.Name
	}
	return wire.Dead{Incarnation: incarnation, Node: m.Name, From: from}
}

// beliefCases are the table of beliefs, a case for each cell.
func beliefCases() (all []Case) {
	for _, x := range cells() {
		id := fmt.Sprintf("swim/table/%s-hears-%s", stateName(x.from), x.byName())
		all = append(all, Case{
			ID: id, Rev: 1, Since: "0.2.0", Level: conformance.Defacto,
			Requirements: x.requirements, Role: conformance.Responder, Kind: conformance.State,
			Control: "push/pulls that show the state before, and pings after each message",
			Explain: fmt.Sprintf("Members that the target believes %s in incarnation %d are each the subject of "+
				"a %s message with one incarnation less, the same and one more: they become %s, %s and %s. %s",
				stateName(x.from), knownIn, x.byName(), x.becomes(0), x.becomes(1), x.becomes(2), x.why),
			Causes: []string{"incarnations are compared the wrong way, or with equality on the wrong side"},
			Kills:  tableKills(id),
			Run:    playing(x.play),
		})
	}
	return all
}

func (x cell) becomes(i int) string {
	if x.then[i] == nil {
		return "what they were"
	}
	return x.then[i].String()
}

// play brings a member into the state, sends what must change nothing, and then what
// must change it.
func (x cell) play(c *Cluster) {
	m := x.prepared(c)
	x.ignored(c, m)
	for i, want := range x.then {
		if want == nil {
			continue
		}
		if i == len(x.then)-1 && x.then[i-1] != nil {
			m = x.prepared(c)
		}
		incarnation := uint32(knownIn - 1 + i)
		m.Tell(x.message(m, incarnation, accuser))
		if got, ok := c.Becomes(m.Name, AnswerWithin, being(want.state, want.incarnation)); !ok {
			c.Fail(conformance.Failure{
				Message: fmt.Sprintf("a %s message with incarnation %d about a member that is %s is not heeded",
					x.byName(), incarnation, belief{x.from, knownIn}),
				Expected: []string{want.String()}, Got: belief{got.State, got.Incarnation}.String(),
			})
		}
		c.Earn()
	}
}

// ignored sends what must change nothing.
func (x cell) ignored(c *Cluster, m *Member) {
	var messages []wire.Message
	var which []string
	for i, want := range x.then {
		if incarnation := uint32(knownIn - 1 + i); want == nil {
			messages = append(messages, x.message(m, incarnation, accuser))
			which = append(which, fmt.Sprint(incarnation))
		}
	}
	if len(messages) == 0 {
		return
	}
	what := fmt.Sprintf("a %s message with incarnation %s", x.byName(), strings.Join(which, " or "))
	c.Quietly(m.Name, what, func() {
		for _, msg := range messages {
			m.Tell(msg)
		}
	})
	c.Earn()
}

// prepared is a new member in the state that the cell begins with.
func (x cell) prepared(c *Cluster) *Member {
	m := c.Add()
	m.Incarnation = knownIn
	m.Join()
	switch x.from {
	case wire.StateSuspect:
		m.Tell(m.Suspect(accuser))
	case wire.StateDead:
		m.Tell(m.Dead(accuser))
	case wire.StateLeft:
		m.Tell(m.Dead(m.Name))
	}
	if n, ok := c.Becomes(m.Name, AnswerWithin, being(x.from, knownIn)); !ok {
		c.Inconclusivef("the target does not come to believe %s of a member, but %s",
			belief{x.from, knownIn}, belief{n.State, n.Incarnation})
	}
	return m
}

// tableKills are the mutants that a cell's case finds.
func tableKills(id string) []string {
	switch id {
	case "swim/table/alive-hears-alive":
		return []string{"alive-at-equal-incarnation"}
	case "swim/table/alive-hears-suspect":
		return []string{"suspect-needs-a-higher-incarnation", "suspect-of-any-incarnation"}
	case "swim/table/suspect-hears-alive":
		return []string{"alive-at-equal-incarnation", "suspicion-is-not-lifted"}
	case "swim/table/suspect-hears-suspect":
		return []string{"suspicion-begins-anew"}
	case "swim/table/dead-hears-alive":
		return []string{"alive-at-equal-incarnation", "dead-stays-dead"}
	case "swim/table/dead-hears-suspect":
		return []string{"suspicion-revives-the-dead"}
	case "swim/table/dead-hears-dead":
		return []string{"dies-again"}
	case "swim/table/dead-hears-left":
		return []string{"dies-again"}
	case "swim/table/left-hears-alive":
		return []string{"alive-at-equal-incarnation", "left-stays-left"}
	case "swim/table/left-hears-suspect":
		return []string{"suspicion-revives-the-dead"}
	case "swim/table/left-hears-dead":
		return []string{"dies-again"}
	case "swim/table/left-hears-left":
		return []string{"dies-again"}
	case "swim/table/alive-hears-dead":
		return []string{
			"dead-needs-a-higher-incarnation", "dead-of-any-incarnation", "tells-of-the-living-alone",
		}
	case "swim/table/alive-hears-left":
		return []string{
			"dead-needs-a-higher-incarnation", "dead-of-any-incarnation", "left-is-dead", "tells-of-the-living-alone",
		}
	case "swim/table/suspect-hears-dead":
		return []string{
			"dead-needs-a-higher-incarnation", "dead-of-any-incarnation", "tells-of-the-living-alone",
		}
	case "swim/table/suspect-hears-left":
		return []string{
			"dead-needs-a-higher-incarnation", "dead-of-any-incarnation", "left-is-dead", "tells-of-the-living-alone",
		}
	default:
		return nil
	}
}
