package election

import (
	"fmt"
	"time"
)

// Role is what a servent is to the others.
type Role uint8

// The roles.
const (
	Leaf      Role = iota // shielded by ultrapeers
	Ultrapeer             // stands for leaves
)

// String is the role's name.
func (r Role) String() string {
	if r == Ultrapeer {
		return "ultrapeer"
	}
	return "leaf"
}

// Quantities are what a servent has, or what it has to have.
type Quantities struct {
	Sockets  int64 // that the operating system lets it have open
	Memory   int64 // bytes that it can use for tables and queues
	Up, Down int64 // bytes a second: the most that it has been seen to send and to take

	Uptime  time.Duration // since it began: what is to come is about as long
	Average time.Duration // of its sessions
}

// Self is a servent as it knows itself.
type Self struct {
	Reachable bool // somebody has connected to it
	Quantities
	Leaves int32 // that it stands for
}

// Need is what neighbours have said of late, in X-Ultrapeer-Needed (GN-HS-32).
type Need struct {
	Needed    int32 // True: they have no room for more leaves
	NotNeeded int32 // False: they have
}

// Standing is the role at present, and for how long it has been that. Who begins is
// a leaf.
type Standing struct {
	Role Role
	For  time.Duration
}

// Policy is what makes an ultrapeer.
type Policy struct {
	Least  Quantities    // to become one
	Slack  int64         // percent, 0 to 100, by which a quantity may be below Least in one that is
	Settle time.Duration // in a role before it changes, except of who cannot be reached
}

// Figures of Standard.
const (
	leastUp       = 10 << 10 // bytes a second: the draft's
	leastDown     = 15 << 10
	leastUptime   = time.Hour     // gtk-gnutella's; "a few hours" in the draft, one in LimeWire
	leastAverage  = 3 * time.Hour // gtk-gnutella's; an hour in LimeWire
	memoryOfLeaf  = 256 << 10     // bytes: gtk-gnutella's
	casualSockets = 10            // for all else: gtk-gnutella's
	settle        = 30 * time.Minute
	slack         = 25
	percent       = 100
)

// Standard is the policy for ultrapeers with room for so many leaves and equals.
func Standard(leaves, peers int) Policy {
	return Policy{
		Least: Quantities{
			Sockets: int64(leaves+peers) + casualSockets, Memory: int64(leaves) * memoryOfLeaf,
			Up: leastUp, Down: leastDown, Uptime: leastUptime, Average: leastAverage,
		},
		Slack: slack, Settle: settle,
	}
}

// Check says what is wrong with a policy.
func (p Policy) Check() error {
	if p.Slack < 0 || p.Slack > percent {
		return fmt.Errorf("election: Policy.Slack is %d, want 0 to %d percent", p.Slack, percent)
	}
	if p.Settle < 0 {
		return fmt.Errorf("election: Policy.Settle is %v", p.Settle)
	}
	for _, m := range (Quantities{}).against(p.Least) {
		if m.least < 0 {
			return fmt.Errorf("election: Policy.Least: %v is %d", m.rule, m.least)
		}
	}
	return nil
}

// Decision is a role, and the rule that decided.
type Decision struct {
	Role Role
	Rule Rule
	// Has and Wants are the quantity that decided, where one did: durations in seconds.
	Has, Wants int64
}

// String says why.
func (d Decision) String() string {
	if d.Wants > 0 {
		return fmt.Sprintf("%v: %v: %d, want %d", d.Role, d.Rule, d.Has, d.Wants)
	}
	return fmt.Sprintf("%v: %v", d.Role, d.Rule)
}

// Decide gives the role from now on. The policy has passed Check.
//
// GN-HS-32 (0.6 draft, Ultrapeer Election Principles).
func (p Policy) Decide(at Standing, self Self, need Need) Decision {
	if !self.Reachable {
		return Decision{Role: Leaf, Rule: Unreachable}
	}
	if at.Role == Ultrapeer {
		return p.remain(at, self, need)
	}
	for _, m := range self.against(p.Least) {
		if m.has < m.least {
			return Decision{Leaf, m.rule, m.has, m.least}
		}
	}
	switch {
	case need.NotNeeded > need.Needed:
		return Decision{Role: Leaf, Rule: NotNeeded}
	case at.For < p.Settle:
		return Decision{Role: Leaf, Rule: Settling}
	}
	return Decision{Role: Ultrapeer, Rule: Capable}
}

// remain decides whether an ultrapeer stays one. What it needs for that is less than
// what it needed before: this, and the pause, keep it from changing to and fro.
func (p Policy) remain(at Standing, self Self, need Need) Decision {
	if at.For < p.Settle {
		return Decision{Role: Ultrapeer, Rule: Settling}
	}
	for _, m := range self.against(p.Least) {
		if keep := m.least - portion(m.least, p.Slack); m.has < keep {
			return Decision{Leaf, m.rule, m.has, keep}
		}
	}
	if self.Leaves == 0 && int64(need.NotNeeded) > 2*int64(need.Needed) { // GN-HS-32: with leaves it ignores that
		return Decision{Role: Leaf, Rule: NotNeeded}
	}
	return Decision{Role: Ultrapeer, Rule: Capable}
}

// portion is so many percent of a number that may be large.
func portion(n, share int64) int64 { return n/percent*share + n%percent*share/percent }

// measure is one quantity against what is asked for.
type measure struct {
	rule       Rule
	has, least int64
}

// against lists the quantities in the order in which they are looked at.
func (q Quantities) against(least Quantities) [6]measure {
	return [...]measure{
		{FewSockets, q.Sockets, least.Sockets},
		{LittleMemory, q.Memory, least.Memory},
		{SlowUp, q.Up, least.Up},
		{SlowDown, q.Down, least.Down},
		{ShortUptime, int64(q.Uptime / time.Second), int64(least.Uptime / time.Second)},
		{ShortAverage, int64(q.Average / time.Second), int64(least.Average / time.Second)},
	}
}
