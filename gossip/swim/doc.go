// Package swim is a pure reference core of a SWIM member: failure detection,
// suspicion and refutation, and dissemination by gossip, as memberlist has them.
package swim
