package crdt_test

import (
	"fmt"

	"github.com/p2pspec/p2pspec/gossip/crdt"
)

// Two replicas count apart, and agree when each has had the other's state.
func ExampleGCounter() {
	var a, b crdt.GCounter
	_ = a.Add("n1", 5)
	_ = b.Add("n2", 2)
	theirs, err := crdt.ParseGCounter(b.AppendState(nil))
	fmt.Println(a.Merge(&theirs), err, b.Merge(&a))
	fmt.Println(a.Value(), b.Value())
	fmt.Println(a.Merge(&b))
	// Output:
	// true <nil> true
	// 7 7
	// false
}
