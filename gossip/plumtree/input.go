package plumtree

import "github.com/p2pspec/p2pspec/spec"

// Broadcast is the command to send Payload to every node. Those of the membership,
// [hyparview.Enter] and [hyparview.Leave], are commands of this machine, too.
// Each ends in exactly one [spec.Done] that echoes its Op.
//
// Result [Sent]: the neighbours have it, and none is told who else gets it.
// Errors: [ErrTooLarge], [ErrFull]; they leave the state unchanged.
type Broadcast struct {
	Op      spec.OpID
	Payload []byte
}

func (Broadcast) IsInput() {}
