package tracker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

const (
	// fetchTimeout bounds one HTTP announce, as libtorrent does.
	fetchTimeout = 30 * time.Second
	// endTimeout bounds Close: a little more than the client itself waits for
	// the answer to its last announce.
	endTimeout = 6 * time.Second
	// maxRedirects is what a tracker that has moved takes.
	maxRedirects = 5
)

// AnnouncerConfig says what is announced, and from where.
type AnnouncerConfig struct {
	Client tracker.ClientConfig
	// Bind is the local address; the zero value leaves it to the system.
	Bind netip.Addr
	// Observe is shown what became of each announce: [tracker.Announced] and
	// [tracker.Failed]. It should return soon, may call Report, and must not
	// call Close.
	Observe func(spec.Event)
}

// Announcer tells the trackers of one torrent about it, over HTTP and UDP. Its
// methods may be called from any goroutine.
type Announcer struct {
	udp     *transport.UDP
	http    *http.Client
	observe func(spec.Event)
	ctx     context.Context // of the requests under way
	cancel  context.CancelFunc
	waits   sync.WaitGroup // for the requests under way
	lastOp  atomic.Uint64
	ended   chan struct{} // closed by the Done of End
}

// endOp is the OpID of the only End.
const endOp spec.OpID = 1

// Announce starts to announce a download, or a seed. The error names what is
// wrong with cfg, or why there is no socket.
func Announce(cfg AnnouncerConfig, p tracker.Progress) (*Announcer, error) {
	machine, err := tracker.NewClient(cfg.Client, 0)
	if err != nil {
		return nil, err
	}
	bind := cfg.Bind
	if !bind.IsValid() {
		bind = netip.IPv6Unspecified()
	}
	dialer := &net.Dialer{}
	if cfg.Bind.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: cfg.Bind.AsSlice()}
	}
	a := &Announcer{observe: cfg.Observe, ended: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.http = &http.Client{
		Timeout: fetchTimeout,
		// A tracker is asked every half an hour: connections are not kept.
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("the tracker redirects without end")
			}
			return nil
		},
	}
	a.lastOp.Store(uint64(endOp))
	a.udp, err = transport.ListenUDP(netip.AddrPortFrom(bind, 0), transport.UDPConfig{
		Machine: machine, Codec: tracker.ClientCodec{}, Observe: a.perform,
	})
	if err != nil {
		return nil, err
	}
	return a, a.udp.Do(tracker.Begin{Op: a.op(), Progress: p})
}

func (a *Announcer) op() spec.OpID { return spec.OpID(a.lastOp.Add(1)) }

// Report keeps the progress current, and tells a completion at once.
func (a *Announcer) Report(p tracker.Progress) error {
	return a.udp.Do(tracker.Report{Op: a.op(), Progress: p})
}

// Close tells the tracker that the torrent has stopped, waits some seconds for
// its answer, and ends. Only the first call has an effect.
func (a *Announcer) Close(p tracker.Progress) error {
	if err := a.udp.Do(tracker.End{Op: endOp, Progress: p}); err == nil {
		select {
		case <-a.ended:
		case <-time.After(endTimeout):
		case <-a.udp.Ended():
		}
	}
	a.cancel()
	err := a.udp.Close()
	a.waits.Wait()
	return err
}

// perform does what the machine asks for beyond UDP.
func (a *Announcer) perform(_ time.Duration, e spec.Effect) {
	switch e := e.(type) {
	case tracker.Fetch:
		a.waits.Go(func() {
			in := a.fetch(e.URL)
			in.Token = e.Token
			_ = a.udp.Do(in) // it fails only after Close, and then nobody waits
		})
	case tracker.Resolve:
		a.waits.Go(func() {
			in := tracker.Resolved{Token: e.Token}
			in.Addr, in.Err = a.resolve(e.Host)
			_ = a.udp.Do(in)
		})
	case spec.Notify:
		if a.observe != nil {
			a.observe(e.Event)
		}
	case spec.Done:
		if e.Op == endOp {
			close(a.ended)
		}
	}
}

func (a *Announcer) fetch(url string) tracker.Fetched {
	req, err := http.NewRequestWithContext(a.ctx, http.MethodGet, url, nil)
	if err != nil {
		return tracker.Fetched{Err: err}
	}
	req.Header.Set("User-Agent", "p2pspec")
	res, err := a.http.Do(req)
	if err != nil {
		return tracker.Fetched{Err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, tracker.MaxResponse+1))
	if err == nil && len(body) > tracker.MaxResponse {
		err = fmt.Errorf("the response has more than %d bytes", tracker.MaxResponse)
	}
	return tracker.Fetched{Status: int32(res.StatusCode), Body: body, Err: err}
}

func (a *Announcer) resolve(host string) (netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(a.ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0].Unmap(), nil
}
