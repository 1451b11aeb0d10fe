package election

import "fmt"

// Rule is what decided.
type Rule uint8

// The rules. [Policy.Decide] asks Unreachable first and the others in this order, but an
// ultrapeer for Settling before the quantities; Capable is what is left.
const (
	Capable      Rule = iota // nothing speaks against an ultrapeer
	Unreachable              // nobody has connected to it: firewalled, as far as it knows
	FewSockets               // of the operating system
	LittleMemory             // for the tables of leaves
	SlowUp                   // it cannot pass on queries
	SlowDown                 // it cannot take them
	ShortUptime              // it may soon be gone
	ShortAverage             // it usually is soon gone
	NotNeeded                // its neighbours have room for leaves
	Settling                 // it has changed its role not long ago
)

// String is the rule in words.
func (r Rule) String() string {
	switch r {
	case Capable:
		return "capable and needed"
	case Unreachable:
		return "not reachable"
	case FewSockets:
		return "sockets"
	case LittleMemory:
		return "bytes of memory"
	case SlowUp:
		return "bytes a second upstream"
	case SlowDown:
		return "bytes a second downstream"
	case ShortUptime:
		return "seconds of uptime"
	case ShortAverage:
		return "seconds of average uptime"
	case NotNeeded:
		return "ultrapeers are not needed"
	case Settling:
		return "has just changed"
	}
	return fmt.Sprintf("rule %d", uint8(r))
}
