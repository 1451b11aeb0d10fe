package napster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/folder"
)

// ClientConfig says who takes part, and with what.
type ClientConfig struct {
	// Client is the user. The port of its login becomes that of Listen.
	Client napster.ClientConfig

	Listen    netip.AddrPort // for transfers; port 0 takes a free one. Zero: behind a firewall
	Share     string         // folder whose files are shared; "": none
	Downloads string         // folder for what is downloaded; "": nothing can be

	// Observe, if set, is shown every Notify, Done and Drop, as
	// [transport.TCPConfig] says, and those of this package. It may be called from
	// several goroutines, one at a time.
	Observe func(now time.Duration, e spec.Effect)
}

// Fetched says that a download has ended, which was [napster.Ready]. Without an error
// the file lies in the folder for downloads under Name, and has the size that the search
// had. Only its first [napster.HashedBytes] have a sum to be compared with.
type Fetched struct {
	Op       spec.OpID // of the Get
	Name     string
	Size     int64 // in bytes
	Verified bool  // its beginning has the sum of the index; false if that has none
	Err      error
}

// Served says that an upload has ended.
type Served struct {
	Nick, Name string // to whom, and what
	Err        error
}

// IsEvent makes it a spec.Event.
func (Fetched) IsEvent() {}

// IsEvent makes it a spec.Event.
func (Served) IsEvent() {}

const (
	// MaxTransfers bounds the streams that the client opens to others, with the goroutine
	// of each, and as many again that others open: strangers take no room from its own.
	MaxTransfers = 32
	// ownOps begin the numbers of commands that are the driver's: the results of
	// these are not shown.
	ownOps spec.OpID = 1 << 63
	// pushTimeout is how long an uploader behind a firewall has to connect.
	pushTimeout = time.Minute
)

var (
	errNoInbox = errors.New("napster: no folder for downloads")
	errTooMany = errors.New("napster: too many transfers at once")
	errNoPush  = errors.New("napster: the uploader did not connect")
	errContent = errors.New("napster: the file has another size or sum than was promised")
	errSize    = errors.New("napster: the file is too large")
)

// Client is a user. Commands go to Do: an [napster.Enter] first, after which the
// files of the folder are shared; but downloads are Fetch's.
type Client struct {
	*transport.TCP
	cfg      ClientConfig
	listener *net.TCPListener // nil: behind a firewall
	shared   *folder.Shared   // nil: nothing
	offers   []offer          // of the shared files: each name once
	skipped  []error          // files that are not, because of their names
	inbox    *folder.Inbox    // nil: no downloads
	ctx      context.Context
	cancel   context.CancelFunc
	workers  sync.WaitGroup
	slots    chan struct{} // holds one for each transfer under way that the client began
	guests   chan struct{} // and for each that others began
	started  chan struct{} // closed when TCP is set

	observing sync.Mutex // held while Observe is called

	mu     sync.Mutex // guards what follows
	lastOp spec.OpID
	unsaid []offer                  // files that are yet to be shared
	wants  map[spec.OpID]want       // of Fetch, until the other agrees
	pushes map[napster.Request]want // for the uploader to connect
}

// want is a download that is to come.
type want struct {
	op   spec.OpID
	size int64 // in bytes, as the search had it
	ack  napster.Ack
}

// NewClient opens the folders, hashes what is shared, binds the socket for transfers,
// and starts the client, which has not entered yet.
func NewClient(cfg ClientConfig) (*Client, error) {
	c := &Client{
		cfg: cfg, started: make(chan struct{}),
		slots: make(chan struct{}, MaxTransfers), guests: make(chan struct{}, MaxTransfers),
		wants: map[spec.OpID]want{}, pushes: map[napster.Request]want{}, lastOp: ownOps,
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("napster: %w", err), c.release())
	}
	machine, err := napster.NewClient(c.cfg.Client, 0)
	if err != nil {
		return nil, errors.Join(err, c.release())
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.TCP = transport.ServeTCP(nil, transport.TCPConfig{
		Machine: machine, Codec: napster.Codec{}, Observe: c.observe,
	})
	close(c.started)
	if c.listener != nil {
		c.workers.Go(c.accept)
	}
	return c, nil
}

// open takes what the configuration names.
func (c *Client) open() (err error) {
	c.cfg.Client.User.Port = 0
	if c.cfg.Share != "" {
		if err = c.openShared(); err != nil {
			return err
		}
	}
	if c.cfg.Downloads != "" {
		if c.inbox, err = folder.OpenInbox(c.cfg.Downloads); err != nil {
			return err
		}
	}
	if c.cfg.Listen.IsValid() {
		if c.listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(c.cfg.Listen)); err != nil {
			return err
		}
		c.cfg.Client.User.Port = c.DataAddr().Port()
	}
	return nil
}

// release gives back what open took.
func (c *Client) release() (err error) {
	if c.listener != nil {
		err = c.listener.Close()
		if errors.Is(err, net.ErrClosed) {
			err = nil
		}
	}
	if c.inbox != nil {
		err = errors.Join(err, c.inbox.Close())
	}
	if c.shared != nil {
		err = errors.Join(err, c.shared.Close())
	}
	return err
}

// DataAddr is where other clients connect to; zero behind a firewall.
func (c *Client) DataAddr() netip.AddrPort {
	if c.listener == nil {
		return netip.AddrPort{}
	}
	return c.listener.Addr().(*net.TCPAddr).AddrPort()
}

// Close ends the client and its transfers. It may be called once.
func (c *Client) Close() error {
	c.cancel()
	err := c.listenerClosed()
	c.TCP.Close()
	c.workers.Wait()
	return errors.Join(err, c.release())
}

func (c *Client) listenerClosed() error {
	if c.listener == nil {
		return nil
	}
	return c.listener.Close()
}

// Fetch asks for a file that a search has found, and downloads it when its user agrees.
// A Done of op says that he does, and [Fetched] how it went.
func (c *Client) Fetch(op spec.OpID, found napster.Result) error {
	r := napster.Request{Nick: found.Nick, Name: found.Name}
	c.mu.Lock()
	if _, ok := c.wants[op]; ok || len(c.wants) >= MaxTransfers {
		c.mu.Unlock()
		return errTooMany
	}
	c.wants[op] = want{op: op, size: int64(found.Size)}
	c.mu.Unlock()
	err := c.Do(napster.Get{Op: op, Request: r})
	if err != nil {
		c.forget(op)
	}
	return err
}

// forget ends what is remembered of a download, and returns it.
func (c *Client) forget(op spec.OpID) (want, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.wants[op]
	delete(c.wants, op)
	return w, ok
}

// observe runs on the machine's goroutine.
func (c *Client) observe(now time.Duration, e spec.Effect) {
	<-c.started
	if d, ok := e.(spec.Done); ok && d.Op >= ownOps {
		c.share(1)
		return
	}
	c.show(now, e)
	switch e := e.(type) {
	case spec.Done:
		c.done(e)
	case spec.Notify:
		if push, ok := e.Event.(napster.PushTo); ok && !c.start(c.slots, func() { c.upload(push.Ack) }) {
			c.tell(Served{push.Ack.Nick, push.Ack.Name, errTooMany})
		}
	}
}

// show hands an effect to the observer.
func (c *Client) show(now time.Duration, e spec.Effect) {
	if c.cfg.Observe != nil {
		c.observing.Lock()
		defer c.observing.Unlock()
		c.cfg.Observe(now, e)
	}
}

func (c *Client) tell(e spec.Event) { c.show(c.Now(), spec.Notify{Event: e}) }

// done begins what a command leads to.
func (c *Client) done(d spec.Done) {
	switch result := d.Result.(type) {
	case napster.Entered:
		c.mu.Lock()
		c.unsaid = c.offers
		c.mu.Unlock()
		c.share(pendingShares)
	case napster.Ready:
		w, ok := c.forget(d.Op)
		if !ok {
			return // a Get that was none of Fetch
		}
		w.ack = result.Ack
		switch {
		case result.Push:
			c.await(w)
		case !c.start(c.slots, func() { c.download(w) }):
			c.tell(Fetched{Op: d.Op, Err: errTooMany})
		}
	default:
		c.forget(d.Op)
	}
}

// await remembers whose upload may come. One that does not is forgotten in time.
func (c *Client) await(w want) {
	key := keyOf(w.ack.Nick, w.ack.Name)
	c.mu.Lock()
	_, taken := c.pushes[key]
	if !taken {
		c.pushes[key] = w
	}
	c.mu.Unlock()
	if taken {
		c.tell(Fetched{Op: w.op, Err: errTooMany})
		return
	}
	c.workers.Go(func() {
		select {
		case <-c.ctx.Done():
		case <-time.After(pushTimeout):
		}
		if c.expire(key, w.op) {
			c.tell(Fetched{Op: w.op, Err: errNoPush})
		}
	})
}

// pushed takes a download out that was to be pushed.
func (c *Client) pushed(key napster.Request) (want, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.pushes[key]
	delete(c.pushes, key)
	return w, ok
}

// expire takes a download out that nobody has pushed, unless it has come and another of
// the same file waits by now.
func (c *Client) expire(key napster.Request, op spec.OpID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.pushes[key]; !ok || w.op != op {
		return false
	}
	delete(c.pushes, key)
	return true
}

// keyOf names a file of somebody. Case does not count in nicks.
func keyOf(nick, name string) napster.Request {
	return napster.Request{Nick: strings.ToLower(nick), Name: name}
}

// start runs a transfer, if there is room for it among those of its kind.
func (c *Client) start(slots chan struct{}, transfer func()) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	c.workers.Go(func() {
		defer func() { <-slots }()
		transfer()
	})
	return true
}

// command does what the driver itself wants of the machine. What finds no room, or
// comes when the client ends, is lost.
func (c *Client) command(make func(spec.OpID) spec.Input) {
	c.mu.Lock()
	c.lastOp++
	op := c.lastOp
	c.mu.Unlock()
	_ = c.Do(make(op))
}
