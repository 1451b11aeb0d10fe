// Command kademlia is a Kademlia node to write: it knows init (package overlay
// does that) and nothing else.
//
//	go build -o my-kademlia ./docs/exercises/go/kademlia
//	p2pspec check kademlia --exec ./my-kademlia
//
// Every request without a handler is answered by error 10, "not supported".
// Take the handlers below in their order, and run the check after each one.
package main

import "github.com/p2pspec/p2pspec/docs/exercises/go/overlay"

// The settings are in node.Settings once init has come; overlay.Settings says
// what they mean.
var node = &overlay.Node{}

// distance is how far a node is from an identifier: their exclusive or, read as
// a number.
func distance(name string, target uint64) uint64 {
	return node.Settings.IDs[name] ^ target
}

func main() {
	_ = distance // until you use it

	// 1. The first member knows nobody else.
	//
	//	overlay.Handle(node, "join", func(src string, q struct{ Via string }) (struct{}, error) {
	//		// q.Via: the only contact at first; look up the own identifier
	//		return struct{}{}, nil // becomes {"type": "join_ok", "in_reply_to": …}
	//	})
	//
	// 2. Answer from what is known. Until the node has joined:
	//    overlay.Refuse(overlay.NotNow, "join first")
	//
	//	type nodes struct {
	//		Nodes []string `json:"nodes"`
	//	}
	//	overlay.Handle(node, "find_node", func(src string, q struct{ Target uint64 }) (nodes, error) {
	//		// the k closest to q.Target, nearest first, ourselves included
	//		return nodes{closest}, nil
	//	})
	//
	// 3. Look around: nodes talk to each other by requests of your own choosing,
	//    for which you write handlers too, and who asks or answers is a contact to
	//    remember:
	//
	//	answer, err := overlay.Call[nodes](node, "n1", "closest", map[string]any{"target": q.Target})
	//	if errors.Is(err, overlay.ErrTimeout) {
	//		// n1 has not answered: it is dead
	//	}
	//
	//    A lookup asks the closest nodes that it has heard of, Alpha at once, until
	//    the K closest have answered.
	//
	// 4. Buckets: of all contacts whose distance has the same highest bit keep K,
	//    those known longest; a newcomer gets in when the oldest no longer answers.
	//
	// 5. store: the K closest keep the value. find_value: ask until one has it.
	//    overlay.Refuse(overlay.NoSuchKey, "no such key")
	//
	// 6. Values grow old: advance_clock, and Capabilities: []string{"advance_clock"}.
	//    state: show what you know.

	node.Run()
}
