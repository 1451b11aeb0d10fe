package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// AdapterTarget is a program that speaks the adapter protocol: one JSON object
// a line on stdin and stdout, in the envelope {"src", "dest", "body"} with
// body.type, body.msg_id and body.in_reply_to. The verbs are in docs/adapter.md.
type AdapterTarget struct {
	argv     []string
	opt      AdapterOptions
	identity Identity
	verbs    map[string]bool
	roles    []Role
}

// AdapterOptions say how to run an adapter.
type AdapterOptions struct {
	Suite   string     // the family it is asked for, such as "dht"
	Dir     string     // its working folder; empty is a state folder of its own
	Roles   []Role     // that it is judged in; none leaves that to its hello_ok
	Peers   PeerSource // of a leecher; empty is FromTracker
	Sources *Sources   // the harness's addresses
	IP      netip.Addr // where it is told to listen; zero is 127.0.0.1
}

// Limits of the adapter protocol.
const (
	adapterProtocol = 1
	adapterLine     = 1 << 20          // bytes: a reply with thousands of peers fits many times
	adapterWait     = 15 * time.Second // for hello, start and stop; a lookup has its case's bound
)

// codeNotSupported is the adapter protocol's answer to an unknown verb.
const codeNotSupported = 10

// NewAdapterTarget starts the program once to learn who it is. One that
// accepts a made-up verb would accept anything, and is refused.
func NewAdapterTarget(ctx context.Context, argv []string, opt AdapterOptions) (*AdapterTarget, error) {
	a := &AdapterTarget{argv: argv, opt: opt}
	inst, err := a.launch(func() {})
	if err != nil {
		return nil, fmt.Errorf("adapter %q: %w", argv, err)
	}
	defer inst.Stop()
	hello, err := inst.call(ctx, a.hello())
	if err != nil {
		return nil, fmt.Errorf("adapter %q: hello: %w", argv, err)
	}
	canary := Command{Verb: fmt.Sprintf("canary_%x", time.Now().UnixNano())}
	if _, err := inst.call(ctx, canary); !errors.Is(err, ErrUnsupported) {
		return nil, fmt.Errorf("adapter %q: it must answer the unknown verb %q with an error of code %d, not %v",
			argv, canary.Verb, codeNotSupported, err)
	}
	name, _ := hello["name"].(string)
	version, _ := hello["version"].(string)
	a.identity = Identity{Name: name, Version: version, How: "adapter"}
	a.verbs = map[string]bool{}
	for _, verb := range textList(hello["capabilities"]) {
		a.verbs[verb] = true
	}
	for _, role := range textList(hello["roles"]) {
		a.roles = append(a.roles, Role(role))
	}
	if len(a.roles) == 0 {
		a.roles = []Role{Responder, Querier}
	}
	return a, nil
}

func textList(v any) []string {
	var texts []string
	list, _ := v.([]any)
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// Plays consults the options, or else the roles that the adapter named; none
// means those of a DHT node.
func (a *AdapterTarget) Plays(r Role) (bool, string) {
	if len(a.opt.Roles) > 0 {
		return slices.Contains(a.opt.Roles, r), "the target is not judged as a " + string(r)
	}
	return slices.Contains(a.roles, r), "the adapter does not list the role " + string(r)
}

// Learns is how its leecher finds peers.
func (a *AdapterTarget) Learns() PeerSource {
	if a.opt.Peers == "" {
		return FromTracker
	}
	return a.opt.Peers
}

// Identity is what the adapter said of itself.
func (a *AdapterTarget) Identity() Identity { return a.identity }

// Verbs are the capabilities that the adapter named.
func (a *AdapterTarget) Verbs() []string { return slices.Sorted(maps.Keys(a.verbs)) }

// PerCase is false: starting a program has a cost.
func (a *AdapterTarget) PerCase() bool { return false }

// Can consults the capabilities that the adapter named.
func (a *AdapterTarget) Can(n Need) (bool, string) {
	switch {
	case n == NeedFresh, n == NeedFiles, n == NeedV2:
		return true, ""
	case n == NeedBootstrap:
		return a.verbs["bootstrap"], "the adapter does not list the capability bootstrap"
	case n == NeedAddresses:
		return a.opt.Sources.Many()
	case n == NeedNeighbours:
		return a.opt.Sources.Near()
	case n == NeedClock:
		return false, "the case waits for minutes: add --slow"
	case n == NeedIPv6, n == NeedRestart, n == NeedMagnet, n == NeedEncryption, n == NeedMaxPeers,
		n == NeedLabel, n == NeedKey:
		return a.verbs[string(n)], "the adapter does not list the capability " + string(n)
	default:
		return a.verbs[n.verb()], "the adapter does not list the capability " + n.verb()
	}
}

// Network opens real sockets.
func (a *AdapterTarget) Network() (Network, error) { return NewSocketNetwork(a.opt.Sources), nil }

// Start runs the adapter and has it start its client.
func (a *AdapterTarget) Start(ctx context.Context, n Network, opt StartOptions) (Instance, error) {
	inst, err := a.launch(n.Wake)
	if err != nil {
		return nil, err
	}
	if inst.workplace, err = newWorkplace(opt); err != nil {
		return nil, errors.Join(err, inst.Stop())
	}
	if err := inst.begin(ctx, a, opt); err != nil {
		return nil, errors.Join(err, inst.Stop())
	}
	return inst, nil
}

func (a *AdapterTarget) hello() Command {
	return Command{Verb: "hello", Args: map[string]any{"protocol": adapterProtocol, "suite": a.opt.Suite}}
}

func (a *AdapterTarget) launch(wake func()) (*adapterInstance, error) {
	dir, made, err := stateDir(a.opt.Dir)
	if err != nil {
		return nil, err
	}
	p, in, out, err := stdio.Start(a.argv, stdio.ProcessOptions{Dir: dir, Piped: true, Ended: wake})
	if err != nil {
		made.remove()
		return nil, err
	}
	inst := &adapterInstance{process: p, in: in, wake: wake, pending: map[uint64]*Pending{}, own: made}
	go inst.read(out)
	return inst, nil
}
