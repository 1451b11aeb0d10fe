// Package election is the rule by which a servent decides whether it is a leaf or an
// ultrapeer: the idea of Kazaa's supernodes, which Gnutella's ultrapeers keep alive.
// Nobody votes. Each looks at what it has and at what its neighbours say they need.
//
// # Implements
//
// The principles of ultrapeer election of the 0.6 draft (Klingberg and Manfredi 2002;
// Singla and Rohrs 2001): reachability, an operating system that handles many sockets,
// bandwidth, uptime, memory; and the need for ultrapeers as X-Ultrapeer-Needed tells
// it (GN-HS-32).
//
// # Does not
//
// It measures nothing and sends nothing, and package gnutella does not ask it: who
// drives a servent does, and gives it a Config.Mode. It names no operating systems: what
// the draft holds against Windows 95, 98 and ME and Mac OS before X is the number of
// sockets, which is a quantity here.
//
// # Driving the package
//
//	p := election.Standard(30, 32)
//	d := p.Decide(election.Standing{Role: role, For: since}, self, need)
//	// d.Role is the role from now on, d says why
//
// # Reading order
//
//	election.go  quantities, the policy, and the decision
//	rule.go      the names of the rules
//
// # State diagram
//
//	        reachable, all quantities at least Policy.Least, ultrapeers needed, settled
//	Leaf ────────────────────────────────────────────────────────────────────────▶ Ultrapeer
//	     ◀────────────────────────────────────────────────────────────────────────
//	        unreachable; or settled, and: a quantity below Least by more than
//	        Policy.Slack, or no leaves while most say that ultrapeers are not needed
//
// # Deviations
//
// The draft gives the bandwidth and "a few hours"; the number of sockets, the memory,
// the averages and the pause between two changes are those of gtk-gnutella, which
// names some. How much a quantity may fall before it costs the role is ours.
//
// # Guarantees
//
// A decision is a function of its arguments. More of any quantity, of leaves, or of
// neighbours that need ultrapeers never turns an ultrapeer into a leaf. Nobody who
// cannot be reached is an ultrapeer. A quantity that moves within the slack changes the
// role at most once; and whatever moves, the role of who can be reached lasts for at
// least Policy.Settle.
//
// # Compatibility
//
// The names of rules are stable. Figures of Standard may follow what servents do.
package election
