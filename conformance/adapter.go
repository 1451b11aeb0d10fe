package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// AdapterTarget is a program that speaks the adapter protocol: one JSON object
// a line on stdin and stdout, in the envelope {"src", "dest", "body"} with
// body.type, body.msg_id and body.in_reply_to. The verbs are in docs/adapter.md.
type AdapterTarget struct {
	argv     []string
	dir      string
	suite    string
	sources  *Sources
	ip       netip.Addr
	identity Identity
	verbs    map[string]bool
}

// AdapterOptions say how to run an adapter.
type AdapterOptions struct {
	Suite   string     // the family it is asked for, such as "dht"
	Dir     string     // its working folder; empty is a state folder of its own
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
	a := &AdapterTarget{argv: argv, dir: opt.Dir, suite: opt.Suite, sources: opt.Sources, ip: opt.IP}
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
	if list, ok := hello["capabilities"].([]any); ok {
		for _, v := range list {
			if verb, ok := v.(string); ok {
				a.verbs[verb] = true
			}
		}
	}
	return a, nil
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
	case n == NeedFresh:
		return true, ""
	case n == NeedBootstrap:
		return a.verbs["bootstrap"], "the adapter does not list the capability bootstrap"
	case n == NeedAddresses:
		return a.sources.Many()
	case n == NeedClock:
		return false, "the case waits for minutes: add --slow"
	case n == NeedIPv6, n == NeedRestart:
		return a.verbs[string(n)], "the adapter does not list the capability " + string(n)
	default:
		return a.verbs[n.verb()], "the adapter does not list the capability " + n.verb()
	}
}

// Network opens real sockets.
func (a *AdapterTarget) Network() (Network, error) { return NewSocketNetwork(a.sources), nil }

// Start runs the adapter and has it start its client.
func (a *AdapterTarget) Start(ctx context.Context, n Network, opt StartOptions) (Instance, error) {
	inst, err := a.launch(n.Wake)
	if err != nil {
		return nil, err
	}
	state, made, err := stateDir(opt.Dir)
	if err != nil {
		return nil, errors.Join(err, inst.Stop())
	}
	inst.state, opt.Dir = made, state
	if err := inst.begin(ctx, a, opt); err != nil {
		return nil, errors.Join(err, inst.Stop())
	}
	return inst, nil
}

func (a *AdapterTarget) hello() Command {
	return Command{Verb: "hello", Args: map[string]any{"protocol": adapterProtocol, "suite": a.suite}}
}

func (a *AdapterTarget) launch(wake func()) (*adapterInstance, error) {
	dir, made, err := stateDir(a.dir)
	if err != nil {
		return nil, err
	}
	p, in, out, err := startProcess(a.argv, dir, true)
	if err != nil {
		made.remove()
		return nil, err
	}
	inst := &adapterInstance{process: p, in: in, wake: wake, pending: map[uint64]*Pending{}, dir: made}
	go inst.read(out)
	return inst, nil
}

// adapterInstance is one running adapter. Its reader goroutine matches replies
// to the commands that wait for them.
type adapterInstance struct {
	process *process
	in      io.WriteCloser
	wake    func()
	addr    netip.AddrPort
	addr6   netip.AddrPort
	dir     tempDir // the adapter's working folder
	state   tempDir // the client's state folder

	mu      sync.Mutex
	last    uint64
	pending map[uint64]*Pending
	broken  error // the first line that broke the protocol
}

func (i *adapterInstance) begin(ctx context.Context, a *AdapterTarget, opt StartOptions) error {
	if _, err := i.call(ctx, a.hello()); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	at, err := freePort(a.ip)
	if err != nil {
		return err
	}
	boot := make([]string, len(opt.Bootstrap))
	for k, b := range opt.Bootstrap {
		boot[k] = b.String()
	}
	args := map[string]any{
		"ip": at.Addr().String(), "port": at.Port(), "bootstrap": boot,
		"dir": opt.Dir, "read_only": opt.ReadOnly, "ipv6": opt.IPv6,
	}
	reply, err := i.call(ctx, Command{Verb: "start", Args: args})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if i.addr, err = addrField(reply, "addr"); err != nil {
		return err
	}
	if _, ok := reply["addr6"]; ok {
		i.addr6, err = addrField(reply, "addr6")
	}
	return err
}

func addrField(reply map[string]any, key string) (netip.AddrPort, error) {
	text, _ := reply[key].(string)
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, fmt.Errorf("start_ok: %s must be \"ip:port\", got %q", key, text)
	}
	return at, nil
}

func (i *adapterInstance) Addr() netip.AddrPort  { return i.addr }
func (i *adapterInstance) Addr6() netip.AddrPort { return i.addr6 }

// Exited also reports an adapter that broke the protocol.
func (i *adapterInstance) Exited() error {
	if err := i.process.exited(); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.broken
}

// Do writes one command.
func (i *adapterInstance) Do(c Command) (*Pending, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.broken != nil {
		return nil, i.broken
	}
	i.last++
	body := map[string]any{"type": c.Verb, "msg_id": i.last}
	for k, v := range c.Args {
		body[k] = v
	}
	line, err := json.Marshal(map[string]any{"src": "c0", "dest": "n0", "body": body})
	if err != nil {
		return nil, err
	}
	p := &Pending{}
	i.pending[i.last] = p
	if _, err := i.in.Write(append(line, '\n')); err != nil {
		delete(i.pending, i.last)
		return nil, err
	}
	return p, nil
}

// call is Do for the verbs that must be answered soon.
func (i *adapterInstance) call(ctx context.Context, c Command) (map[string]any, error) {
	p, err := i.Do(c)
	if err != nil {
		return nil, err
	}
	limit := time.After(adapterWait)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !p.Done() {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit:
			return nil, fmt.Errorf("no answer to %s within %v%s", c.Verb, adapterWait, i.process.words.quoted())
		case <-tick.C:
			if err := i.Exited(); err != nil {
				return nil, err
			}
		}
	}
	return p.Result()
}

// Stop asks the adapter to end, and ends it.
func (i *adapterInstance) Stop() error {
	defer i.dir.remove()
	defer i.state.remove()
	i.process.mu.Lock()
	i.process.stopped = true // what follows is our doing
	i.process.mu.Unlock()
	if _, err := i.Do(Command{Verb: "stop"}); err == nil {
		select {
		case <-i.process.ended:
		case <-time.After(Grace):
		}
	}
	_ = i.in.Close()
	return i.process.stop()
}

func (i *adapterInstance) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 64<<10), adapterLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := i.accept(lines.Bytes()); err != nil {
			i.fail(err)
			return
		}
	}
	if err := lines.Err(); err != nil {
		i.fail(fmt.Errorf("adapter protocol: %w (a line may have %d bytes)", err, adapterLine))
		return
	}
	i.fail(i.whyClosed())
}

// whyClosed prefers the program's own end, with its last words.
func (i *adapterInstance) whyClosed() error {
	select {
	case <-i.process.ended:
		if err := i.process.exited(); err != nil {
			return err
		}
	case <-time.After(Grace):
	}
	return errors.New("adapter protocol: stdout was closed")
}

// accept matches one line to its command.
func (i *adapterInstance) accept(line []byte) error {
	var env struct {
		Body map[string]any `json:"body"`
	}
	if err := json.Unmarshal(line, &env); err != nil {
		return fmt.Errorf("adapter protocol: each line of stdout is one JSON object: %w: %.200q", err, line)
	}
	kind, _ := env.Body["type"].(string)
	id, ok := env.Body["in_reply_to"].(float64)
	if kind == "" || !ok {
		return fmt.Errorf("adapter protocol: body.type and body.in_reply_to are required: %.200q", line)
	}
	i.mu.Lock()
	p := i.pending[uint64(id)]
	delete(i.pending, uint64(id))
	i.mu.Unlock()
	if p == nil {
		return fmt.Errorf("adapter protocol: in_reply_to %v answers no open command: %.200q", id, line)
	}
	if kind == "error" {
		p.Finish(nil, adapterError(env.Body))
	} else {
		p.Finish(env.Body, nil)
	}
	i.wake()
	return nil
}

// AdapterError is an error reply of an adapter.
type AdapterError struct {
	Code int
	Text string
}

func (e *AdapterError) Error() string { return fmt.Sprintf("%s (code %d)", e.Text, e.Code) }

func adapterError(body map[string]any) error {
	code, _ := body["code"].(float64)
	if code == codeNotSupported {
		return ErrUnsupported
	}
	text, _ := body["text"].(string)
	return &AdapterError{Code: int(code), Text: text}
}

// fail ends every open command.
func (i *adapterInstance) fail(err error) {
	i.mu.Lock()
	i.process.mu.Lock()
	if !i.process.stopped {
		i.broken = err
	}
	i.process.mu.Unlock()
	open := i.pending
	i.pending = map[uint64]*Pending{}
	i.mu.Unlock()
	for _, p := range open {
		p.Finish(nil, err)
	}
	i.wake()
}
