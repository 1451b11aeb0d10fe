// Package hyparview is a pure reference core of HyParView: a membership in which
// every node keeps a few neighbours, and some more nodes in reserve.
//
// # Implements
//
// J. Leitão, J. Pereira and L. Rodrigues, "HyParView: a Membership Protocol for
// Reliable Gossip-Based Broadcast", DSN 2007: the symmetric active view, kept by
// reaction to failures; the passive view, kept by shuffles in cycles; Join with
// its two random walks, Neighbor with its priorities, Disconnect. The catalogue
// rows GO-PX-01 to GO-PX-03 have it in detail.
//
// # Does not
//
// It opens no socket and reads no clock. It broadcasts nothing: package plumtree
// does, on the streams of the active view. It trusts the other nodes: whoever
// opens a stream can say that he is another one.
//
// # Driving the node
//
//	n, err := hyparview.New(hyparview.Config{Self: addr, Seed: seed}, now)
//	effects := n.Step(now, hyparview.Enter{Op: 1, Contact: peer}, nil)
//	for {
//		// perform the effects in order: spec.Dial, spec.Write, spec.Close, …
//		// wait for a stream, a command or n.Deadline(), and update now
//		effects = n.Step(now, in, effects[:0]) // in: spec.Opened, spec.Got, spec.Closed, …
//	}
//
// [Stream] with [Codec] translates between the bytes of a stream and messages.
//
// # Reading order
//
// input.go and effect.go (commands, results, events), wire.go (the messages),
// node.go (configuration, Step and the timer), link.go (streams and what they are
// for), view.go (Join, ForwardJoin, Neighbor, Disconnect and the two views),
// shuffle.go (the cycle), codec.go (the encoding), state.go (Clone, AppendState
// and the invariants).
//
// # State diagram
//
// Of a stream:
//
//	dialled ──┬─► joining ── opened: Join ──────────────────────────► active
//	          ├─► asking ─── opened: Neighbor ──► asked ── accepted ──► active
//	          │                                     └───── refused ───► closed
//	          └─► replying ─ opened: ShuffleReply ────────────────────► closed
//
//	accepted ──┬─ Join, Neighbor that is accepted ────────────────────► active
//	           └─ Neighbor that is refused, ShuffleReply ─────────────► closed
//
//	active ──┬─ Disconnect, either way: the peer is passive then ─────► closed
//	         └─ the network ends it: the peer has failed ─────────────► closed
//
// # Deviations
//
// The paper presumes TCP as its failure detector, so every member of the active
// view is a stream here, open on both sides or on none: this is what makes the
// view symmetric. It leaves open, and is settled here:
//
//  1. The end of a ForwardJoin asks the new node by Neighbor with high priority,
//     where the paper has it enter one view and says nothing of the other.
//  2. A walk avoids the new node, or the origin of the Shuffle, besides who sent it.
//  3. Who is disconnected looks for another neighbour at once, as after a failure,
//     but does not ask who disconnected it. A repair asks each passive member
//     once; each cycle begins one while neighbours are wanted.
//  4. A node that is left without a neighbour, and with nobody in reserve but those
//     who have just disconnected it, joins anew by one of them.
//  5. Two nodes that ask each other at once keep the stream that the lower address
//     has dialled. A node that joins or asks anew replaces its old stream.
//  6. A neighbour that was wanted with low priority and comes when the view has
//     become full is disconnected again.
//  7. Streams are given up that take longer than Config.Patience to be opened or to
//     say what they are for.
//  8. A node can leave. To the others that is a failure.
//
// # Guarantees
//
// When streams are neither opened nor ended any more, active views are symmetric.
// Neither view has the node itself or anyone twice, and none is in both. A new
// node that reaches its contact has a neighbour. After failures, a node looks for
// neighbours until its view is full or all in its passive view are dead or have
// refused; if it has no neighbour then, it says [Isolated].
//
// That all nodes are connected is likely, and not certain. The experiment
// hyparview measures how likely after which failures. Hundreds of nodes that join
// by one contact within a round trip overwhelm it: those it turns away hear
// [Isolated], and should enter again a little later.
//
// No message makes the node panic, and a refused one leaves no trace: it yields
// a spec.Drop with the clause it breaks. Memory and the effects of a Step are
// bounded by Config, see [Config.MaxEffects]. The same seed and inputs give the
// same effects on every machine.
//
// # Compatibility
//
// Version 0: names and fields may change until the suites that use the core are
// complete. The encoding is our own, since the paper defines none.
package hyparview
