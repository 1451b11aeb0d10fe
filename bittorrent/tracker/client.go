package tracker

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Progress is what an announce tells of a download, in bytes.
type Progress struct {
	Uploaded, Downloaded int64 // since the start
	Left                 int64 // still to fetch, or LeftUnknown
}

// Begin has a client announce that a download, or a seed, has started. It is
// done at once; a second one has no effect. BEP03-TRK-006
type Begin struct {
	Op spec.OpID
	Progress
}

// Report keeps the progress current. When nothing is left for the first time,
// and something was at Begin, the completion is announced at once. It is done
// at once. BEP03-TRK-005, BEP03-TRK-007, BEP03-TRK-008
type Report struct {
	Op spec.OpID
	Progress
}

// End announces that the download has stopped, to the tracker that knows of it,
// and is done when that has answered or stopTimeout has passed. BEP03-TRK-009
type End struct {
	Op spec.OpID
	Progress
}

// Fetched answers [Fetch]: an HTTP response, or why there is none.
type Fetched struct {
	Token  spec.Token
	Status int32
	Body   []byte
	Err    error
}

// Resolved answers [Resolve].
type Resolved struct {
	Token spec.Token
	Addr  netip.Addr
	Err   error
}

// Fetch asks for an HTTP GET. Fetched follows; it reads [MaxResponse] bytes at
// most.
type Fetch struct {
	Token spec.Token
	URL   string
}

// Resolve asks for the address of a host name.
type Resolve struct {
	Token spec.Token
	Host  string
}

// Announced is the Event of an announce that a tracker has answered.
type Announced struct {
	Tracker  string // its announce URL
	Event    Event
	Response AnnounceResponse
	// Switched says that an earlier answer came from another tracker. A private
	// torrent then drops its peers (BEP27-PRIV-005).
	Switched bool
}

// Failed is the Event of an announce that failed; the next tracker is asked, or
// the first again after a while.
type Failed struct {
	Tracker string
	Err     error
}

func (Begin) IsInput()     {}
func (Report) IsInput()    {}
func (End) IsInput()       {}
func (Fetched) IsInput()   {}
func (Resolved) IsInput()  {}
func (Fetch) IsEffect()    {}
func (Resolve) IsEffect()  {}
func (Announced) IsEvent() {}
func (Failed) IsEvent()    {}

// MaxClientEffects bounds the effects of one Step of a client: what became of
// the last announce, the next one, and the Dones of two commands.
const MaxClientEffects = 4

// Why an announce failed.
var (
	errTimeout  = errors.New("tracker: no answer in time")
	errProtocol = errors.New("tracker: the answer is not one of a tracker")
	errEnded    = errors.New("tracker: the client has ended")
)

// phase is what a client is waiting for.
type phase uint8

const (
	idle       phase = iota // the time of the next announce, or nothing
	resolving               // an address
	fetching                // an HTTP response
	connecting              // a connection id
	announcing              // a UDP response
)

// host is one tracker of a torrent.
type host struct {
	announce string // its URL
	url      URL
	known    bool          // it has answered a started
	refused  bool          // for good: retry in never (BEP31-RETRY-001)
	notUntil time.Duration // it asked to be left alone; never: it did not
	id       string        // what it wants repeated
	addr     netip.AddrPort
	// The id of a UDP connection, and when it is good no more; never: there is none.
	connection uint64
	expires    time.Duration
}

// Client announces one torrent to its trackers, a [spec.Machine].
type Client struct {
	cfg   ClientConfig
	rng   spec.Rand
	now   time.Duration
	tiers [][]host // each shuffled; who answers moves to the front (BEP 12)

	begun, ended bool
	progress     Progress
	incomplete   bool // something was left at some time, and completed was not told
	completed    bool // completed is due

	tier, place int32 // of who is asked, or was last
	phase       phase
	event       Event // of the announce under way
	token       spec.Token
	transaction uint32
	tries       int32         // packets of this phase so far
	at          time.Duration // what is waited for ends then: never without
	failures    int32         // rounds through all trackers in a row
	last        string        // the tracker that answered last

	end   spec.OpID // of End, while waits is set
	waits bool
}

// NewClient returns a client that starts at now and does nothing until Begin.
// The error names what is wrong with cfg: a tracker whose URL cannot be used is
// none, as long as there is another.
func NewClient(cfg ClientConfig, now time.Duration) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, rng: spec.NewRand(cfg.Seed), now: now, at: never}
	if c.cfg.Key == 0 {
		c.cfg.Key = uint32(c.rng.Uint64()) | 1
	}
	var wrong error
	for _, tier := range cfg.Tiers {
		var hosts []host
		for _, announce := range tier {
			u, err := ParseURL(announce)
			if err != nil {
				wrong = err
				continue
			}
			hosts = append(hosts, host{announce: announce, url: u, notUntil: never, expires: never})
		}
		c.rng.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] }) // BEP12-MULTI-003
		if len(hosts) > 0 {
			c.tiers = append(c.tiers, hosts)
		}
	}
	if len(c.tiers) == 0 {
		return nil, fmt.Errorf("tracker: Tiers has no tracker that can be asked: %w", wrong)
	}
	c.cfg.Tiers = nil
	return c, nil
}

// Key is what the client tells trackers to be known by from any address.
func (c *Client) Key() uint32 { return c.cfg.Key }

// Deadline implements [spec.Machine].
func (c *Client) Deadline() (at time.Duration, ok bool) { return c.at, c.at != never }

// Step implements [spec.Machine].
func (c *Client) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	c.now = max(c.now, now)
	c.expire()
	s := asking{Client: c, out: out}
	if c.at <= c.now {
		s.due()
	}
	switch in := in.(type) {
	case spec.Wake:
	case spec.Recv:
		s.received(in)
	case Fetched:
		s.fetched(in)
	case Resolved:
		s.resolved(in)
	case Begin:
		s.begin(in)
	case Report:
		s.report(in)
	case End:
		s.stop(in)
	default:
		panic(fmt.Sprintf("tracker: a client takes no %T", in))
	}
	return s.out
}

// expire forgets what was good until now.
func (c *Client) expire() {
	for _, tier := range c.tiers {
		for i := range tier {
			if h := &tier[i]; h.notUntil <= c.now {
				h.notUntil = never
			}
			if h := &tier[i]; h.expires <= c.now {
				h.expires, h.connection = never, 0
			}
		}
	}
}

// asking is a Step under way.
type asking struct {
	*Client
	//pure:state lives only while Client.Step runs
	out []spec.Effect
}

func (s *asking) emit(e spec.Effect) { s.out = append(s.out, e) }

// due fires the one timer.
func (s *asking) due() {
	switch {
	case s.phase == idle:
		s.announce()
	case (s.phase == connecting || s.phase == announcing) && s.event != Stopped && s.tries <= s.cfg.Retransmits:
		s.transmit() // BEP15-UDP-018
	default:
		s.fail(errTimeout)
	}
}

func (s *asking) begin(in Begin) {
	s.emit(spec.Done{Op: in.Op, Err: s.misuse()})
	if s.begun || s.ended {
		return
	}
	s.begun, s.progress, s.incomplete = true, in.Progress, in.Left != 0
	s.announce()
}

func (s *asking) report(in Report) {
	s.emit(spec.Done{Op: in.Op, Err: s.misuse()})
	if s.ended {
		return
	}
	s.progress = in.Progress
	if s.incomplete && in.Left == 0 {
		s.incomplete, s.completed = false, true
		if s.phase == idle && s.begun && s.current().known {
			s.announce()
		}
	}
}

func (s *asking) stop(in End) {
	if s.ended {
		s.emit(spec.Done{Op: in.Op, Err: errEnded})
		return
	}
	s.ended, s.progress = true, in.Progress
	if !s.begun || !s.current().known {
		s.phase, s.at = idle, never
		s.emit(spec.Done{Op: in.Op})
		return
	}
	s.end, s.waits = in.Op, true
	s.ask() // what is under way no longer matters
}

func (c *Client) misuse() error {
	if c.ended {
		return errEnded
	}
	return nil
}

func (c *Client) current() *host { return &c.tiers[c.tier][c.place] }

// announce begins with the first tracker. BEP12-MULTI-002
func (s *asking) announce() {
	s.tier, s.place = 0, -1
	s.next()
}

// next asks the next tracker that may be asked, or waits until the first can be
// asked again.
func (s *asking) next() {
	for {
		s.place++
		if int(s.place) == len(s.tiers[s.tier]) {
			s.tier, s.place = s.tier+1, 0
		}
		if int(s.tier) == len(s.tiers) {
			s.rest()
			return
		}
		if h := s.current(); !h.refused && h.notUntil == never {
			s.ask()
			return
		}
	}
}

// rest waits after a round in which nobody answered.
func (s *asking) rest() {
	s.tier, s.place, s.phase, s.at = 0, 0, idle, never
	wait := min(s.cfg.RetryAfter<<min(s.failures, maxBackoff), maxRest)
	s.failures++
	for _, tier := range s.tiers {
		for _, h := range tier {
			switch {
			case h.refused:
			case h.notUntil != never:
				s.at = min(s.at, max(s.now+wait, h.notUntil))
			default:
				s.at = min(s.at, s.now+wait)
			}
		}
	}
}

// ask begins an announce to the current tracker.
func (s *asking) ask() {
	h := s.current()
	s.event = s.eventFor(h)
	s.token++
	s.tries = 0
	if h.url.Scheme != "udp" {
		s.phase, s.at = fetching, s.now+s.patience(s.cfg.Timeout)
		r := s.request()
		r.Form, r.NoPeerID, r.TrackerID = Compact, true, h.id
		query := AppendAnnounceQuery(nil, r)
		s.emit(Fetch{Token: s.token, URL: string(AppendRequestURL(nil, h.announce, query))})
		return
	}
	if addr, err := netip.ParseAddr(h.url.Host); err == nil {
		h.addr = netip.AddrPortFrom(addr, h.url.Port)
	}
	if !h.addr.IsValid() {
		s.phase, s.at = resolving, s.now+s.patience(s.cfg.Timeout)
		s.emit(Resolve{Token: s.token, Host: h.url.Host})
		return
	}
	s.contact()
}

// eventFor is the event that is due for a tracker. One that has not heard of the
// download yet is told that it started.
func (c *Client) eventFor(h *host) Event {
	switch {
	case c.ended:
		return Stopped
	case !h.known:
		return Started
	case c.completed:
		return Completed
	default:
		return None
	}
}

// patience is how long an answer may take. Nobody waits long to stop.
func (s *asking) patience(d time.Duration) time.Duration {
	if s.event == Stopped {
		return stopTimeout
	}
	return d
}

func (c *Client) request() AnnounceRequest {
	return AnnounceRequest{
		InfoHash: c.cfg.InfoHash, PeerID: c.cfg.PeerID, Port: c.cfg.Port,
		Uploaded: c.progress.Uploaded, Downloaded: c.progress.Downloaded, Left: c.progress.Left,
		Event: c.event, NumWant: c.numWant(), Key: c.cfg.Key,
	}
}

func (c *Client) numWant() int32 {
	if c.event == Stopped {
		return 0
	}
	return c.cfg.NumWant
}
