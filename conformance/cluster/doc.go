// Package cluster judges programs that are nodes of something larger: it starts
// several, carries the messages between them, and plays their clients. The
// protocol on stdin and stdout is that of Maelstrom, with the additions of
// docs/overlay.md.
//
// Nodes are processes on real time, of a [Program], or machines on virtual time,
// of [Machines]; a case cannot tell which. A [Member] makes such a machine of a
// reference core and a [Tongue].
//
// # A case
//
// A case is a [conformance.Case] with the role [conformance.Member]. It gets its
// nodes from [Shared] when it does them no harm, and else, with
// [conformance.NeedFresh], from [New]:
//
//	Run: func(t *conformance.T) {
//		c := cluster.New(t, cluster.Options{Nodes: 5, Bits: 6, IDs: []uint64{1, 8, 14, 21, 32}})
//		c.Canary()                                     // or else unsupported would prove nothing
//		c.Ask("n0", "join", nil)                       // has to be answered with join_ok
//		c.Joined("n0")
//		c.Ask("n1", "join", map[string]any{"via": "n0"})
//		c.Joined("n1")
//		c.Pass(c.Periods(10))                          // let the upkeep run
//		a := c.Go("n0", "lookup", map[string]any{"key": 9}) // two requests at once
//		b := c.Go("n1", "lookup", map[string]any{"key": 9})
//		if !c.Wait(c.Patience(), a, b) { … }       // Done, OK, Err and Reply say how they went
//		body := c.Ask("n1", "get", map[string]any{"key": 9})
//		_ = body.Decode(&reply)                        // the fields of the answer
//		f := c.Kill("n0")                              // or Pause, Partition, Cut, Lose, Duplicate
//		…
//		c.Touched(f)                                   // one that hit no message: inconclusive
//		t.Earn()                                       // once something was shown that bears on the requirement
//	}
//
// [Cluster.Log] is what the nodes have sent each other. [Cluster.Able] is for
// capabilities: a case that needs one ends with [conformance.T.Unsupportedf]
// without it. Time is counted in [Cluster.Periods] and Options.Timeout, so that a
// case waits as long as the protocol needs and no longer; [Cluster.Until] waits
// for a condition.
//
// A suite's Control is Shared alone, so that a program which does nothing but
// answer init gets a failure for each case, and not the one word unreachable.
//
// A line that breaks the protocol, an answer too many and a node that ends by
// itself fail the case in which they come to light: nothing has to be written for
// that.
package cluster
