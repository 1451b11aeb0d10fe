package cluster

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync/atomic"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/transport/stdio"
)

// Program is a target whose nodes are processes: the same command line for each.
type Program struct {
	argv  []string
	slack slack
}

// NewProgram returns the target of a command line.
func NewProgram(argv []string) *Program { return &Program{argv: argv} }

// slack is by how much the nodes' patience is multiplied because the machine is
// busy. It never falls again. Cases that run at once share it.
type slack struct{ doubled atomic.Int64 }

// maxDoubled bounds it: a lookup that waits for four dead nodes in turn still
// ends within [Patience].
const maxDoubled = 2

func (s *slack) factor() int64 { return 1 << s.doubled.Load() }

// raise doubles a factor, unless another case has done so.
func (s *slack) raise(factor int64) {
	if n := s.doubled.Load(); n < maxDoubled && s.factor() == factor {
		s.doubled.CompareAndSwap(n, n+1)
	}
}

// Identity names the program.
func (p *Program) Identity() conformance.Identity {
	return conformance.Identity{Name: filepath.Base(p.argv[0]), How: "exec"}
}

// Plays is true of members alone.
func (*Program) Plays(r conformance.Role) (bool, string) { return plays(r) }

func plays(r conformance.Role) (bool, string) {
	return r == conformance.Member, "the program is judged as a member of a cluster"
}

// Can tells that a cluster is always ours to start.
func (*Program) Can(n conformance.Need) (bool, string) { return can(n) }

func can(n conformance.Need) (bool, string) {
	return n == conformance.NeedFresh, "a cluster has no " + string(n)
}

// PerCase is false: processes have a cost.
func (*Program) PerCase() bool { return false }

// Network is a router on real time.
func (*Program) Network() (conformance.Network, error) { return newRouter(false), nil }

// Start has nothing running yet: a case says how many nodes it wants.
func (p *Program) Start(
	_ context.Context, n conformance.Network, _ conformance.StartOptions,
) (conformance.Instance, error) {
	return start(n, &p.slack, func(r *Router, _ string) (link, error) { return startProcess(p.argv, r.ring) })
}

// Machines is a target whose nodes are in this process, on virtual time.
type Machines struct {
	Name string
	New  func(name string) stdio.Node
}

// Identity names the machines.
func (m Machines) Identity() conformance.Identity {
	return conformance.Identity{Name: m.Name, How: "built-in, virtual time"}
}

// Plays is true of members alone.
func (Machines) Plays(r conformance.Role) (bool, string) { return plays(r) }

// Can tells that a cluster is always ours to start.
func (Machines) Can(n conformance.Need) (bool, string) { return can(n) }

// PerCase is true: machines start at once.
func (Machines) PerCase() bool { return true }

// Network is a router on virtual time.
func (Machines) Network() (conformance.Network, error) { return newRouter(true), nil }

// Start has nothing running yet: a case says how many nodes it wants.
func (m Machines) Start(
	_ context.Context, n conformance.Network, _ conformance.StartOptions,
) (conformance.Instance, error) {
	return start(n, &slack{}, func(_ *Router, name string) (link, error) { return &machine{node: m.New(name)}, nil })
}

// instance is the nodes that run.
type instance struct {
	router  *Router
	slack   *slack
	make    func(*Router, string) (link, error)
	cluster *Cluster // once a case has asked for it
	formed  bool
}

func start(
	n conformance.Network, s *slack, build func(*Router, string) (link, error),
) (conformance.Instance, error) {
	r := n.(*Router)
	r.clear()
	return &instance{router: r, slack: s, make: build}, nil
}

func (*instance) Addr() netip.AddrPort  { return netip.AddrPort{} }
func (*instance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (*instance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

// Exited tells of a node that has ended, or has broken the protocol.
func (i *instance) Exited() error {
	if i.router.breach == nil {
		return nil
	}
	return i.router.breach
}

func (i *instance) Stop() error {
	i.router.clear()
	i.cluster = nil
	return nil
}
