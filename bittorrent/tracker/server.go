package tracker

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Query is an HTTP request to a server. Exactly one Respond with its Token
// follows, in the same Step.
type Query struct {
	Token    spec.Token     // chosen by the driver
	From     netip.AddrPort // of the connection
	Path     string         // "/announce" or "/scrape", also below other folders
	RawQuery string         // behind the question mark, as it came
}

// Respond answers a Query.
type Respond struct {
	Token  spec.Token
	Status int32 // of HTTP
	Body   []byte
}

func (Query) IsInput()    {}
func (Respond) IsEffect() {}

// MaxServerEffects bounds the effects of one Step of a server: an answer, and
// a Drop beside it.
const MaxServerEffects = 2

// sweepEvery is how often expired peers are taken out everywhere. They do not
// show even before.
const sweepEvery = time.Minute

// never is a deadline that is not armed.
const never = time.Duration(1<<63 - 1)

// Server is a tracker, a [spec.Machine]. It takes [Query] and [spec.Recv] of a
// *[Request], and answers with [Respond] and [spec.Send] of a *[Response].
type Server struct {
	cfg     ServerConfig
	rng     spec.Rand
	now     time.Duration // of the last Step
	ids     connectionIDs
	swarms  []swarm // sorted by hash; none is empty
	peers   int32   // in all swarms
	sweepAt time.Duration
}

// NewServer returns a server that starts at now with no peers. The error names
// the field of cfg that is out of range.
func NewServer(cfg ServerConfig, now time.Duration) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg.Whitelist, cfg.TrustIP = slices.Clone(cfg.Whitelist), slices.Clone(cfg.TrustIP)
	slices.SortStableFunc(cfg.Whitelist, compareHashes)
	s := &Server{cfg: cfg, rng: spec.NewRand(cfg.Seed), now: now, sweepAt: never}
	s.ids = newConnectionIDs(&s.rng, now)
	return s, nil
}

// Totals counts torrents and peers, expired ones among them until they are
// swept.
func (s *Server) Totals() (swarms, peers int) { return len(s.swarms), int(s.peers) }

// Step implements [spec.Machine].
func (s *Server) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	s.now = max(s.now, now)
	if s.sweepAt <= s.now {
		s.sweep()
	}
	switch in := in.(type) {
	case spec.Wake:
		return out
	case Query:
		return s.query(in, out)
	case spec.Recv:
		return s.receive(in, out)
	default:
		panic(fmt.Sprintf("tracker: a server does not know the input %T", in))
	}
}

// Deadline implements [spec.Machine].
func (s *Server) Deadline() (at time.Duration, ok bool) { return s.sweepAt, s.sweepAt != never }

// refusal is why a request is not served; everything is as before.
type refusal struct {
	ParseError
	retry RetryIn
}

func refuse(clause, what string, retry RetryIn) *refusal {
	return &refusal{ParseError{clause, what}, retry}
}

// query serves HTTP. The path's last element decides, as it does for clients
// (BEP 48); what is before it may be a passkey.
func (s *Server) query(q Query, out []spec.Effect) []spec.Effect {
	switch last := q.Path[strings.LastIndexByte(q.Path, '/')+1:]; last {
	case "announce":
		return s.queryAnnounce(q, out)
	case "scrape":
		return s.queryScrape(q, out)
	default:
		return s.fail(q, 404, refuse("BEP48-SCRAPE-001", "there is /announce and /scrape", 0), out)
	}
}

// queryAnnounce implements BEP03-TRK-013, BEP23-COMPACT-001,
// BEP23-COMPACT-002, BEP23-COMPACT-003 and BEP24-EXTIP-001.
func (s *Server) queryAnnounce(q Query, out []spec.Effect) []spec.Effect {
	r, err := ParseAnnounceQuery(q.RawQuery)
	if err != nil {
		return s.fail(q, 200, asRefusal(err), out)
	}
	from := q.From.Addr().Unmap()
	answer, refused := s.announce(from, &r, eitherFamily, s.cfg.MaxNumWant)
	if refused != nil {
		return s.fail(q, 200, refused, out)
	}
	body := AppendAnnounceResponse(nil, AnnounceResponse{
		Interval:    s.cfg.Interval,
		MinInterval: s.cfg.MinInterval,
		Complete:    answer.complete,
		Incomplete:  answer.incomplete,
		Peers:       answer.peers,
		ExternalIP:  from.WithZone(""),
	}, r.Form, r.NoPeerID)
	return append(out, Respond{q.Token, 200, body})
}

// queryScrape implements BEP48-SCRAPE-002 to BEP48-SCRAPE-005: a hash that
// nobody shares is left out.
func (s *Server) queryScrape(q Query, out []spec.Effect) []spec.Effect {
	hashes, err := ParseScrapeQuery(q.RawQuery)
	if err == nil && len(hashes) == 0 {
		err = malformed("BEP48-SCRAPE-005", "info_hash is missing: there is no scrape of everything")
	}
	if err != nil {
		return s.fail(q, 200, asRefusal(err), out)
	}
	var r ScrapeResponse
	for _, h := range hashes {
		if w := s.live(h); w != nil {
			r.Files = append(r.Files, ScrapeFile{h, w.stats()})
		}
	}
	return append(out, Respond{q.Token, 200, AppendScrapeResponse(nil, r)})
}

// fail answers with a failure reason. BEP03-TRK-014, BEP31-RETRY-001
func (s *Server) fail(q Query, status int32, why *refusal, out []spec.Effect) []spec.Effect {
	body := AppendAnnounceResponse(nil, AnnounceResponse{Failure: why.What, RetryIn: why.retry}, AnyForm, false)
	return append(out, Respond{q.Token, status, body}, dropped(q.From, why))
}

// retryWhenFull is in minutes: by then some peers have expired.
const retryWhenFull RetryIn = 15

func asRefusal(err error) *refusal {
	var fault *ParseError
	if !errors.As(err, &fault) {
		panic("tracker: an error that is no ParseError: " + err.Error())
	}
	return &refusal{*fault, 0}
}

func dropped(from netip.AddrPort, why *refusal) spec.Drop {
	return spec.Drop{From: from, Clause: why.Clause, Reason: &why.ParseError}
}

// receive serves UDP: a connect for anybody, and all else for those who hold a
// connection id. The answer to a request without one is not larger than it.
// BEP15-UDP-002, BEP15-UDP-008
func (s *Server) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	r, ok := in.Msg.(*Request)
	if !ok {
		panic(fmt.Sprintf("tracker: a server does not know the message %T", in.Msg))
	}
	answer := &Response{Action: r.Action, Transaction: r.Transaction}
	from := in.From.Addr().Unmap()
	var refused *refusal
	switch {
	case r.Action == ActionConnect:
		answer.Connection = s.ids.issue(s.now, from)
	case !s.ids.valid(r.Connection, s.now, from):
		refused = refuse("BEP15-UDP-008", "unknown connection id", 0)
	case r.Action == ActionAnnounce:
		refused = s.packetAnnounce(from, r, answer)
	default:
		s.packetScrape(r, answer)
	}
	if refused != nil {
		answer = &Response{Action: ActionError, Transaction: r.Transaction, Message: refused.What}
		return append(out, spec.Send{To: in.From, Msg: answer}, dropped(in.From, refused))
	}
	return append(out, spec.Send{To: in.From, Msg: answer})
}

// packetAnnounce implements BEP15-UDP-014 and BEP15-UDP-015: the peers are of
// the sender's family, and as many as a packet holds.
func (s *Server) packetAnnounce(from netip.Addr, r *Request, answer *Response) *refusal {
	if r.Announce.Port == 0 {
		return refuse("BEP15-UDP-010", "port is 0", 0)
	}
	only, size := ip4, int32(compact4)
	if !from.Is4() {
		only, size = ip6, compact6
	}
	room := (MaxPacket - 20) / size
	a, refused := s.announce(from, &r.Announce, only, min(room, s.cfg.MaxNumWant))
	if refused != nil {
		return refused
	}
	answer.Interval = uint32(s.cfg.Interval / time.Second)
	answer.Leechers, answer.Seeders = clamp(a.incomplete), clamp(a.complete)
	for _, p := range a.peers {
		answer.Peers = AppendCompactPeer(answer.Peers, p.Addr)
	}
	return nil
}

// packetScrape implements BEP15-UDP-020: zeros for a hash that nobody shares.
func (s *Server) packetScrape(r *Request, answer *Response) {
	for _, h := range r.Hashes {
		stats := ScrapeStats{}
		if w := s.live(h); w != nil {
			stats = w.stats()
		}
		answer.Stats = append(answer.Stats, stats)
	}
}

// answer is what an announce brings, whichever way it came.
type answer struct {
	complete, incomplete int64
	peers                []Peer
}

// announce enters, renews or takes out a peer, and chooses others for it.
// BEP03-TRK-020, BEP03-TRK-021, BEP03-TRK-022
func (s *Server) announce(from netip.Addr, r *AnnounceRequest, f families, limit int32) (answer, *refusal) {
	if !s.serves(r.InfoHash) {
		return answer{}, refuse("BEP03-TRK-014", "the torrent is not registered with this tracker", RetryNever)
	}
	p := peer{
		addr:    netip.AddrPortFrom(s.addressOf(from, r.IP), r.Port),
		id:      r.PeerID,
		seed:    r.Left == 0 || r.Left < 0 && r.Event == Completed,
		expires: s.now + s.cfg.PeerLife,
	}
	if r.Event == Stopped {
		s.leave(r.InfoHash, p.addr)
	} else if s.isFull(r.InfoHash, p.addr) {
		return answer{}, refuse("BEP03-TRK-014", "the tracker has no room for another peer", retryWhenFull)
	} else {
		s.enter(r.InfoHash, p, r.Event == Completed)
	}
	var a answer
	if w := s.live(r.InfoHash); w != nil {
		stats := w.stats()
		a.complete, a.incomplete = stats.Complete, stats.Incomplete
		if r.Event != Stopped {
			a.peers = s.choose(w, p, f, min(s.wanted(r), limit))
		}
	}
	return a, nil
}

func (s *Server) serves(h Hash) bool {
	_, listed := slices.BinarySearchFunc(s.cfg.Whitelist, h, compareHashes)
	return listed || s.cfg.Whitelist == nil
}

// wanted is how many peers a request asks for.
func (s *Server) wanted(r *AnnounceRequest) int32 {
	if r.NumWant >= 0 {
		return r.NumWant
	}
	return s.cfg.NumWant
}

// addressOf is the sender's address, unless it may speak for others.
func (s *Server) addressOf(from, claimed netip.Addr) netip.Addr {
	trusted := slices.ContainsFunc(s.cfg.TrustIP, func(p netip.Prefix) bool { return p.Contains(from) })
	if claimed.IsValid() && trusted {
		return claimed
	}
	return from.WithZone("")
}
