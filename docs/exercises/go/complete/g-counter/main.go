// Command g-counter is a complete G-counter node that keeps nothing itself: it
// counts in the service seq-kv.
//
//	go build -o my-g-counter ./docs/exercises/go/complete/g-counter
//	p2pspec check g-counter --exec ./my-g-counter
//
// Every node has a key of its own, which it alone changes, by compare and set.
// What was not answered is asked again: a change that was carried out the first
// time is refused the second, and nothing is counted twice.
package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/docs/exercises/go/overlay"
)

const (
	service  = "seq-kv"
	patience = 500 * time.Millisecond
	attempts = 5

	preconditionFailed = 22
)

type node struct {
	overlay.Node

	mu   sync.Mutex // one add at a time
	last *int64     // what our key holds; nil: not asked yet
}

type (
	none  struct{}
	delta struct {
		Delta *int64 `json:"delta"`
	}
	value struct {
		Value int64 `json:"value"`
	}
	key struct {
		Key string `json:"key"`
	}
	pair struct {
		Key   string `json:"key"`
		Value int64  `json:"value"`
	}
	change struct {
		Key    string `json:"key"`
		From   int64  `json:"from"`
		To     int64  `json:"to"`
		Create bool   `json:"create_if_not_exists"`
	}
)

func main() {
	n := &node{}
	n.Capabilities = []string{"recovers"}
	overlay.Handle(&n.Node, "add", n.add)
	overlay.Handle(&n.Node, "read", n.read)
	n.Run()
}

func (n *node) add(_ string, q delta) (none, error) {
	if q.Delta == nil || *q.Delta < 0 {
		return none{}, overlay.Refuse(overlay.Malformed, "delta: want a whole number from 0 on")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		if err := n.remember(); err != nil {
			return none{}, err
		}
	}
	to := *n.last + *q.Delta
	_, err := call[none](n, "cas", change{n.Name, *n.last, to, true})
	if refused(err, preconditionFailed) {
		err = n.expect(to) // it was carried out when we were not answered
	}
	n.last = &to
	if err != nil {
		n.last = nil // it may still be carried out
	}
	return none{}, err
}

// remember asks for what we have counted in a life before this.
func (n *node) remember() error {
	if err := n.catchUp(); err != nil {
		return err
	}
	at, err := n.count(n.Name)
	if err == nil {
		n.last = &at
	}
	return err
}

// expect finds out that our key holds a value.
func (n *node) expect(to int64) error {
	at, err := n.count(n.Name)
	if err == nil && at != to {
		return fmt.Errorf("%s holds %d, and nobody but us may change it from %d", n.Name, at, *n.last)
	}
	return err
}

func (n *node) read(string, none) (value, error) {
	if err := n.catchUp(); err != nil {
		return value{}, err
	}
	var sum int64
	for _, name := range n.Names {
		at, err := n.count(name)
		if err != nil {
			return value{}, err
		}
		sum += at
	}
	return value{sum}, nil
}

// catchUp makes the service show us its newest state: it may show one that is
// old, but never one from before what we last wrote.
func (n *node) catchUp() error {
	_, err := call[none](n, "write", pair{fmt.Sprint("read by ", n.Name), rand.Int64()})
	return err
}

// count is what a node has counted: zero before its first add.
func (n *node) count(name string) (int64, error) {
	at, err := call[value](n, "read", key{name})
	if refused(err, overlay.NoSuchKey) {
		return 0, nil
	}
	return at.Value, err
}

// call asks the service, again where it does not answer: all that we ask may be
// done twice.
func call[A any](n *node, kind string, fields any) (a A, err error) {
	for range attempts {
		a, err = overlay.CallWithin[A](&n.Node, patience, service, kind, fields)
		if !errors.Is(err, overlay.ErrTimeout) {
			break
		}
	}
	return a, err
}

func refused(err error, code int) bool {
	var r *overlay.Refusal
	return errors.As(err, &r) && r.Code == code
}
