package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// adapterInstance is one running adapter. Its reader goroutine matches replies
// to the commands that wait for them.
type adapterInstance struct {
	process    *stdio.Process
	in         io.WriteCloser
	wake       func()
	addr       netip.AddrPort
	addr6      netip.AddrPort
	own        tempDir // the adapter's working folder
	*workplace         // the client's

	mu      sync.Mutex
	last    uint64
	pending map[uint64]*Pending
	broken  error // the first line that broke the protocol
}

func (i *adapterInstance) begin(ctx context.Context, a *AdapterTarget, opt StartOptions) error {
	if _, err := i.call(ctx, a.hello()); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if opt.Role == Parser {
		return nil // there is nothing to start
	}
	at, err := freePort(a.opt.IP)
	if err != nil {
		return err
	}
	reply, err := i.call(ctx, Command{Verb: "start", Args: i.startArgs(at, opt)})
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

// startArgs are the arguments of start. Those of a peer or a tracker are left
// out where there is nothing to say.
func (i *adapterInstance) startArgs(at netip.AddrPort, opt StartOptions) map[string]any {
	args := map[string]any{
		"ip": at.Addr().String(), "port": at.Port(), "bootstrap": texts(opt.Bootstrap),
		"dir": i.dir, "read_only": opt.ReadOnly, "ipv6": opt.IPv6,
	}
	for key, text := range map[string]string{
		"role": string(opt.Role), "torrent": i.torrent, "magnet": opt.Magnet, "encryption": string(opt.Encryption),
		"label": opt.Label, "key": hex.EncodeToString(opt.Key),
	} {
		if text != "" {
			args[key] = text
		}
	}
	if opt.MaxPeers > 0 {
		args["max_peers"] = opt.MaxPeers
	}
	for key, list := range map[string][]string{
		"trackers": opt.Trackers, "peers": texts(opt.Peers), "info_hashes": opt.InfoHashes,
	} {
		if len(list) > 0 {
			args[key] = list
		}
	}
	return args
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
	if err := i.process.Err(); err != nil {
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
			return nil, fmt.Errorf("no answer to %s within %v%s", c.Verb, adapterWait, i.process.LastWords())
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
	defer i.own.remove()
	if i.workplace != nil {
		defer i.workplace.remove()
	}
	i.process.Expect() // what follows is our doing
	if _, err := i.Do(Command{Verb: "stop"}); err == nil {
		select {
		case <-i.process.Ended():
		case <-time.After(stdio.Grace):
		}
	}
	_ = i.in.Close()
	return i.process.Stop()
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
	case <-i.process.Ended():
		if err := i.process.Err(); err != nil {
			return err
		}
	case <-time.After(stdio.Grace):
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
	if !i.process.Expected() {
		i.broken = err
	}
	open := i.pending
	i.pending = map[uint64]*Pending{}
	i.mu.Unlock()
	for _, p := range open {
		p.Finish(nil, err)
	}
	i.wake()
}
