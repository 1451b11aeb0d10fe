package bad

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

type node struct {
	cfg     nodeConfig
	now     time.Duration
	hook    func()     // want state
	last    spec.Event // want state
	size    int        // want state
	buckets [8]bucket
	index   map[uint64]*link
}

type nodeConfig struct{ k int }

type bucket struct {
	entries []uintptr // want state
}

type link struct {
	err error // want state
}

func (n *node) Step(_ time.Duration, _ spec.Input, out []spec.Effect) []spec.Effect { return out }
func (n *node) Deadline() (time.Duration, bool)                                     { return 0, false }
func (n *node) Clone() spec.Machine                                                 { return n }
func (n *node) AppendState(b []byte) []byte                                         { return b }
func (n *node) Check() error                                                        { return nil }
