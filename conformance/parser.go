package conformance

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

// parse is the verb of a parser: it reads what "torrent", in hexadecimal, or
// "magnet" holds. A program's reply has its "exit" status (-1 of a signal), the
// end of its "output" and that of its "errors".
const parse = "parse"

// parseWait is how long a program may take to read one torrent.
const parseWait = 10 * time.Second

// parserInstance runs a program once for each command.
type parserInstance struct {
	target *CommandTarget
	wake   func()

	mu      sync.Mutex
	running map[*stdio.Process]bool
}

func (*parserInstance) Addr() netip.AddrPort  { return netip.AddrPort{} }
func (*parserInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (*parserInstance) Exited() error         { return nil }

func (i *parserInstance) Do(c Command) (*Pending, error) {
	if c.Verb != parse {
		return nil, ErrUnsupported
	}
	opt := StartOptions{}
	if text, ok := c.Args["torrent"].(string); ok {
		b, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("parse: torrent: %w", err)
		}
		opt.Torrent = append([]byte{}, b...)
	}
	opt.Magnet, _ = c.Args["magnet"].(string)
	switch {
	case opt.Torrent != nil && !i.target.has("{torrent}"), opt.Magnet != "" && !i.target.has("{magnet}"):
		return nil, ErrUnsupported
	}
	w, err := newWorkplace(opt)
	if err != nil {
		return nil, err
	}
	pending := &Pending{}
	p, _, _, err := stdio.Start(i.target.fill(netip.AddrPort{}, opt, w), stdio.ProcessOptions{Apart: true})
	if err != nil {
		w.remove()
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == nil {
		i.running = map[*stdio.Process]bool{}
	}
	i.running[p] = true
	go i.finish(p, w, pending)
	return pending, nil
}

// finish waits for the program and turns what it said into a reply.
func (i *parserInstance) finish(p *stdio.Process, w *workplace, pending *Pending) {
	defer i.wake()
	defer w.remove()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.running, p)
	}()
	select {
	case <-p.Ended():
	case <-time.After(parseWait):
		err := fmt.Errorf("the program did not end within %v", parseWait)
		pending.Finish(nil, errors.Join(err, p.Stop()))
		return
	}
	pending.Finish(map[string]any{
		"exit": p.ExitCode(), "output": p.Output(), "errors": p.Words(),
	}, nil)
}

// Stop ends what still runs.
func (i *parserInstance) Stop() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var errs []error
	for p := range i.running {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}
