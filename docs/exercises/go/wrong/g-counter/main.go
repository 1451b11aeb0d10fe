// Command g-counter is a wrong node: it counts in seq-kv, where all write one
// key. Who reads and writes while another does so takes that one's count back.
package main

import (
	"errors"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

const (
	service  = "seq-kv"
	patience = time.Second
)

type (
	none struct{}
	key  struct {
		Key string `json:"key"`
	}
	value struct {
		Value int64 `json:"value"`
	}
	pair struct {
		key
		value
	}
)

func main() {
	n := &overlay.Node{}
	overlay.Handle(n, "add", func(_ string, q struct{ Delta int64 }) (none, error) {
		sum, err := read(n)
		if err != nil {
			return none{}, err
		}
		return overlay.CallWithin[none](n, patience, service, "write", pair{key{"sum"}, value{sum.Value + q.Delta}})
	})
	overlay.Handle(n, "read", func(string, none) (value, error) { return read(n) })
	n.Run()
}

func read(n *overlay.Node) (value, error) {
	sum, err := overlay.CallWithin[value](n, patience, service, "read", key{"sum"})
	var r *overlay.Refusal
	if errors.As(err, &r) && r.Code == overlay.NoSuchKey {
		return value{}, nil
	}
	return sum, err
}
