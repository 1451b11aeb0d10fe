package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/p2pspec/p2pspec/conformance"
)

// linearPatience is for the search of an order, which is fast unless it fails.
const linearPatience = 10 * time.Second

// Operation is a call as porcupine reads it: its input, and its output if that is
// known. Without one it may have happened at any time since, or never.
func (c *Call) Operation(client int, input, output any) porcupine.Operation {
	op := porcupine.Operation{
		ClientId: client, Input: input, Output: output, Call: int64(c.Sent), Return: int64(c.Answered),
	}
	if output == nil {
		op.Return = int64(1) << 62
	}
	return op
}

// Linear is what a history of requests has to be.
type Linear struct {
	Model porcupine.Model
	Want  string // in words
	Share int    // one in so many requests has to be answered at least, or else little is shown
	Tell  func(porcupine.Operation) string
}

// Judge earns the case a pass if there is an order of the operations that agrees
// with the model, and with what had ended before what began.
func (l Linear) Judge(t *conformance.T, history []porcupine.Operation) {
	answered := 0
	for _, op := range history {
		if op.Output != nil {
			answered++
		}
	}
	if answered < len(history)/l.Share {
		t.Mismatch("the requests that were answered", answered,
			fmt.Sprintf("at least %d of %d", len(history)/l.Share, len(history)))
	}
	switch porcupine.CheckOperationsTimeout(l.Model, history, linearPatience) {
	case porcupine.Illegal:
		t.Fail(conformance.Failure{
			Message:  "no order of the requests agrees with the answers and with time",
			Expected: []string{l.Want}, Got: l.story(history),
		})
	case porcupine.Unknown:
		t.Inconclusivef("no order was found within %v, and none was excluded", linearPatience)
	}
	t.Earn()
}

// story is the history in the order of its beginnings.
func (l Linear) story(history []porcupine.Operation) string {
	sorted := slices.Clone(history)
	slices.SortStableFunc(sorted, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range sorted {
		began, ended := time.Duration(op.Call), time.Duration(op.Return)
		until := "open"
		if op.Output != nil {
			until = ended.Round(time.Millisecond).String()
		}
		fmt.Fprintf(&b, "client %d, %v to %s: %s\n", op.ClientId, began.Round(time.Millisecond), until, l.Tell(op))
	}
	return b.String()
}
