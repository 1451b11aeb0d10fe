// Command chord is a Chord node to write: it knows init (package overlay does
// that) and nothing else.
//
//	go build -o my-chord ./docs/exercises/go/chord
//	p2pspec check chord --exec ./my-chord
//
// Every request without a handler is answered by error 10, "not supported".
// Take the handlers below in their order, and run the check after each one.
package main

import "github.com/p2pspec/p2pspec/docs/exercises/go/overlay"

// The settings are in node.Settings once init has come; overlay.Settings says
// what they mean.
var node = &overlay.Node{}

// between reports whether x comes strictly after a and strictly before b, going
// clockwise. Where a is b that is the whole circle but a.
func between(a, x, b uint64) bool {
	if a < b {
		return a < x && x < b
	}
	return a < x || x < b
}

func main() {
	_ = between // until you use it

	// 1. The first member is alone: it is its own successor, and owns every key.
	//
	//	overlay.Handle(node, "join", func(src string, q struct{ Via string }) (struct{}, error) {
	//		// q.Via: the member to ask for our successor; "": a new ring
	//		return struct{}{}, nil // becomes {"type": "join_ok", "in_reply_to": …}
	//	})
	//
	// 2. Who owns a key? The first node whose identifier is the key's or follows
	//    it. Until the node has joined: overlay.Refuse(overlay.NotNow, "join first")
	//
	//	type found struct {
	//		Node string `json:"node"`
	//		Hops int    `json:"hops"`
	//	}
	//	overlay.Handle(node, "lookup", func(src string, q struct{ Key uint64 }) (found, error) {
	//		return found{owner, hops}, nil
	//	})
	//
	// 3. Others join. Nodes talk to each other by requests of your own choosing,
	//    for which you write handlers too:
	//
	//	answer, err := overlay.Call[found](node, "n1", "find_successor", map[string]any{"key": q.Key})
	//	if errors.Is(err, overlay.ErrTimeout) {
	//		// n1 has not answered: it is dead
	//	}
	//
	// 4. Stabilize every period, in a goroutine that starts with the join: ask the
	//    successor for its predecessor and its successors, take what is better, and
	//    notify it.
	//
	// 5. Survive: a successor that does not answer is replaced by the next of the list.
	//
	// 6. put and get: the owner keeps the value and copies it to its successors.
	//    overlay.Refuse(overlay.NoSuchKey, "no such key")
	//
	// 7. leave: hand the keys over. state: show what you believe.

	node.Run()
}
