package swim

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// A Node is one member. It implements [spec.Machine].
type Node struct {
	cfg *Config
	now time.Duration
	rng spec.Rand
}

// New returns a member that knows Config.Known, or itself alone, or an error
// that names the field of cfg that is out of range. It sends nothing.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Node{cfg: &cfg, now: now, rng: spec.NewRand(cfg.Seed)}, nil
}
