package tracker

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// testServer is small, so that every limit is reached.
func testServer(seed uint64) ServerConfig {
	cfg := ServerConfig{
		Interval: 10 * time.Minute, PeerLife: 15 * time.Minute, NumWant: 3, MaxNumWant: 5,
		MaxSwarms: 5, MaxSwarmPeers: 8, MaxPeers: 24,
		TrustIP: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/30")},
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	if seed%4 == 3 {
		for i := range byte(4) {
			cfg.Whitelist = append(cfg.Whitelist, Hash{3 - i})
		}
	}
	return cfg
}

func newTestServer(cfg ServerConfig, now time.Duration) *Server {
	s, err := NewServer(cfg, now)
	if err != nil {
		panic(err)
	}
	return s
}

func TestServerContract(t *testing.T) {
	check.Run(t, check.Subject{
		New: func(seed uint64, now time.Duration) spec.Machine {
			return newTestServer(testServer(seed), now)
		},
		Input:      serverInput,
		MaxEffects: func(spec.Input) int { return MaxServerEffects },
		Codec:      responseCodec{},
		Seeds:      8,
		Steps:      500,
		MaxGap:     20 * time.Minute,
		Golden:     "testdata/server.golden",
		NotState: map[string]string{
			"cfg":   "never changes after New",
			"peers": "the peers of all swarms, counted",
		},
		Shared: map[string]string{"cfg": "never changes after New"},
	})
}

// responseCodec writes what a server sends and reads it again.
type responseCodec struct{}

func (responseCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	return ServerCodec{}.AppendMessage(b, m)
}

func (responseCodec) ParseMessage(b []byte) (spec.Message, error) {
	return ClientCodec{}.ParseMessage(b)
}

func serverInput(g *check.Gen) spec.Input {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(g.Below(12))}), uint16(g.Below(3)))
	if g.Below(3) == 0 {
		from = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(g.Below(6))}), 1)
	}
	a := AnnounceRequest{
		InfoHash: Hash{byte(g.Below(7))}, PeerID: PeerID{byte(g.Below(4))},
		Port: uint16(g.Below(3)), Left: int64(g.Below(3)) - 1,
		Event: Event(g.Below(4)), NumWant: int32(g.Below(8)) - 1,
		Form: Form(g.Below(3)), NoPeerID: g.Below(2) == 0,
	}
	if a.Event == Stopped && g.Below(2) == 0 {
		a.Event = None
	}
	if g.Below(4) == 0 {
		a.IP = netip.AddrFrom4([4]byte{198, 51, 100, byte(g.Below(4))})
	}
	switch g.Below(12) {
	case 0:
		return spec.Wake{}
	case 1:
		return spec.Recv{From: from, Msg: &Request{Action: ActionConnect, Transaction: uint32(g.Op)}}
	case 2, 3, 4:
		if len(g.Sent) == 0 {
			break
		}
		s := g.Sent[g.Below(uint64(len(g.Sent)))]
		r := &Request{
			Action: ActionAnnounce, Connection: s.Msg.(*Response).Connection, Announce: a, Transaction: uint32(g.Op),
		}
		if g.Below(4) == 0 {
			r.Action, r.Hashes = ActionScrape, []Hash{{1}, {byte(g.Below(9))}}
		}
		if g.Below(8) > 0 {
			from = s.To
		}
		return spec.Recv{From: from, Msg: r}
	case 5:
		return Query{spec.Token(g.Op), from, "/key/scrape", string(AppendScrapeQuery(nil, []Hash{{2}, {byte(g.Below(9))}}))}
	case 6:
		return Query{spec.Token(g.Op), from, []string{"/announce", "/scrape", "/"}[g.Below(3)], "info_hash=a"}
	}
	return Query{spec.Token(g.Op), from, "/announce", string(AppendAnnounceQuery(nil, a))}
}

// oracle is a tracker by brute force: a list of all announces that count.
type oracle struct {
	cfg     ServerConfig
	entries []oraclePeer
}

type oraclePeer struct {
	hash      Hash
	addr      netip.AddrPort
	seed      bool
	completed bool
	expires   time.Duration
}

func (o *oracle) expire(now time.Duration) {
	o.entries = slices.DeleteFunc(o.entries, func(p oraclePeer) bool { return p.expires <= now })
}

func (o *oracle) announce(now time.Duration, from netip.Addr, a AnnounceRequest) {
	o.expire(now)
	p := oraclePeer{
		a.InfoHash, netip.AddrPortFrom(from, a.Port), a.Left == 0 || a.Left < 0 && a.Event == Completed,
		a.Event == Completed, now + o.cfg.PeerLife,
	}
	for i, q := range o.entries {
		if q.hash == p.hash && q.addr == p.addr {
			p.completed = p.completed || q.completed
			o.entries = slices.Delete(o.entries, i, i+1)
			break
		}
	}
	if a.Event != Stopped {
		o.entries = append(o.entries, p)
	}
}

func (o *oracle) count(h Hash, addr netip.AddrPort) (complete, incomplete int64, others []netip.AddrPort, seeds int) {
	for _, p := range o.entries {
		if p.hash != h {
			continue
		}
		if p.seed {
			complete++
		} else {
			incomplete++
		}
		if p.addr != addr {
			others = append(others, p.addr)
			if p.seed {
				seeds++
			}
		}
	}
	return complete, incomplete, others, seeds
}

// BEP03-TRK-021, BEP03-TRK-022, BEP48-SCRAPE-004: the server agrees with a
// brute-force tracker, whatever is announced in whatever order.
func TestServerAgreesWithAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := ServerConfig{PeerLife: 10 * time.Minute, Interval: 5 * time.Minute, MaxNumWant: 6}
		s := newTestServer(cfg, 0)
		o := &oracle{cfg: s.cfg}
		now := time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 200).Draw(t, "gap")) * time.Second
			from := netip.AddrFrom4([4]byte{192, 0, 2, rapid.ByteRange(1, 9).Draw(t, "from")})
			a := AnnounceRequest{
				InfoHash: Hash{rapid.ByteRange(0, 2).Draw(t, "hash")}, Port: rapid.Uint16Range(1, 2).Draw(t, "port"),
				Left: rapid.Int64Range(-1, 1).Draw(t, "left"), NumWant: rapid.Int32Range(-1, 8).Draw(t, "num want"),
				Event: rapid.SampledFrom([]Event{None, None, Started, Completed, Stopped}).Draw(t, "event"),
			}
			me := netip.AddrPortFrom(from, a.Port)
			o.announce(now, from, a)
			complete, incomplete, others, seeds := o.count(a.InfoHash, me)
			got := announceTo(t, s, now, from, a)
			require.NoError(t, s.Check())
			require.Equal(t, []int64{complete, incomplete}, []int64{got.Complete, got.Incomplete})
			holdsPeers(t, a, got.Peers, others, seeds)
			holdsScrape(t, s, o, now, Hash{rapid.ByteRange(0, 3).Draw(t, "scraped")})
		}
	})
}

func announceTo(t require.TestingT, s *Server, now time.Duration, from netip.Addr, a AnnounceRequest) AnnounceResponse {
	q := Query{9, netip.AddrPortFrom(from, 40000), "/announce", string(AppendAnnounceQuery(nil, a))}
	effects := s.Step(now, q, nil)
	require.Len(t, effects, 1)
	answer := effects[0].(Respond)
	require.Equal(t, Respond{9, 200, answer.Body}, answer)
	r, err := ParseAnnounceResponse(answer.Body)
	require.NoError(t, err)
	require.Empty(t, r.Failure)
	require.Equal(t, from, r.ExternalIP)
	return r
}

// holdsPeers wants as many peers as there are for the request, each once.
func holdsPeers(t require.TestingT, a AnnounceRequest, got []Peer, others []netip.AddrPort, seeds int) {
	want := len(others)
	if a.Left == 0 || a.Left < 0 && a.Event == Completed {
		want -= seeds
	}
	want = min(want, 6)
	if a.NumWant >= 0 {
		want = min(want, int(a.NumWant))
	}
	if a.Event == Stopped {
		want = 0
	}
	require.Len(t, got, want)
	seen := map[netip.AddrPort]bool{}
	for _, p := range got {
		require.Contains(t, others, p.Addr)
		require.False(t, seen[p.Addr], "%v comes twice", p.Addr)
		seen[p.Addr] = true
	}
}

func holdsScrape(t require.TestingT, s *Server, o *oracle, now time.Duration, h Hash) {
	effects := s.Step(now, Query{9, netip.AddrPort{}, "/scrape", string(AppendScrapeQuery(nil, []Hash{h}))}, nil)
	r, err := ParseScrapeResponse(effects[0].(Respond).Body)
	require.NoError(t, err)
	complete, incomplete, _, _ := o.count(h, netip.AddrPort{})
	if complete+incomplete == 0 {
		require.Empty(t, r.Files)
		return
	}
	require.Equal(t, h, r.Files[0].InfoHash)
	require.Equal(t, []int64{complete, incomplete}, []int64{r.Files[0].Complete, r.Files[0].Incomplete})
}

// BEP15-UDP-007, BEP15-UDP-008, BEP15-UDP-009
func TestConnectionIDs(t *testing.T) {
	s := newTestServer(ServerConfig{}, 0)
	a, b := netip.MustParseAddrPort("192.0.2.1:5"), netip.MustParseAddrPort("192.0.2.2:5")
	ask := func(now time.Duration, from netip.AddrPort, r *Request) *Response {
		return s.Step(now, spec.Recv{From: from, Msg: r}, nil)[0].(spec.Send).Msg.(*Response)
	}
	issued := 29 * time.Second
	id := ask(issued, a, &Request{Action: ActionConnect}).Connection
	scrape := &Request{Action: ActionScrape, Connection: id, Hashes: []Hash{{1}}}
	require.Equal(t, ActionScrape, ask(issued+2*time.Minute, a, scrape).Action)
	require.Equal(t, ActionScrape, ask(issued+time.Minute, netip.AddrPortFrom(a.Addr(), 6), scrape).Action)
	require.Equal(t, ActionError, ask(issued+time.Minute, b, scrape).Action)
	require.Equal(t, ActionError, ask(issued+2*time.Minute+idEpoch, a, scrape).Action)
	scrape.Connection++
	require.Equal(t, ActionError, ask(issued+2*time.Minute+idEpoch, a, scrape).Action)
}

// BEP03-TRK-014, BEP31-RETRY-001
func TestLimitsAndWhitelist(t *testing.T) {
	s := newTestServer(ServerConfig{MaxSwarms: 2, MaxSwarmPeers: 2, MaxPeers: 3, Whitelist: []Hash{{2}, {1}, {3}}}, 0)
	enter := func(h Hash, port uint16) AnnounceResponse {
		q := string(AppendAnnounceQuery(nil, AnnounceRequest{InfoHash: h, Port: port}))
		effects := s.Step(0, Query{Path: "/announce", From: netip.MustParseAddrPort("192.0.2.1:5"), RawQuery: q}, nil)
		r, err := ParseAnnounceResponse(effects[0].(Respond).Body)
		require.NoError(t, err)
		require.NoError(t, s.Check())
		return r
	}
	require.Equal(t, RetryNever, enter(Hash{9}, 1).RetryIn)
	require.Empty(t, enter(Hash{1}, 1).Failure)
	require.Empty(t, enter(Hash{1}, 2).Failure)
	require.NotEmpty(t, enter(Hash{1}, 3).Failure, "the swarm is full")
	require.Empty(t, enter(Hash{1}, 2).Failure, "a member may stay")
	require.Empty(t, enter(Hash{2}, 1).Failure)
	require.Equal(t, retryWhenFull, enter(Hash{2}, 2).RetryIn, "the tracker is full")
	require.NotEmpty(t, enter(Hash{3}, 2).Failure)
}

// BEP03-TRK-020
func TestAddressParameter(t *testing.T) {
	s := newTestServer(ServerConfig{TrustIP: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, 0)
	named := AnnounceRequest{Port: 1, Left: 1, NumWant: -1, IP: netip.MustParseAddr("198.51.100.7")}
	announceTo(t, s, 0, netip.MustParseAddr("192.0.2.1"), named)
	named.IP = netip.MustParseAddr("198.51.100.8")
	announceTo(t, s, 0, netip.MustParseAddr("192.0.2.2"), named)
	var seen []string
	for _, p := range announceTo(t, s, 0, netip.MustParseAddr("192.0.2.3"), AnnounceRequest{Port: 1, NumWant: -1}).Peers {
		seen = append(seen, p.Addr.String())
	}
	require.ElementsMatch(t, []string{"198.51.100.7:1", "192.0.2.2:1"}, seen)
}

// BEP07-TRK-004, BEP15-UDP-014, BEP15-UDP-015
func TestFamilies(t *testing.T) {
	s := newTestServer(ServerConfig{}, 0)
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	announceTo(t, s, 0, four, AnnounceRequest{Port: 1, Left: 1})
	announceTo(t, s, 0, six, AnnounceRequest{Port: 1, Left: 1})
	got := announceTo(t, s, 0, netip.MustParseAddr("192.0.2.2"), AnnounceRequest{Port: 2, Left: 1, NumWant: 1})
	require.Equal(t, four, got.Peers[0].Addr.Addr(), "the own family comes first")
	got = announceTo(t, s, 0, netip.MustParseAddr("192.0.2.2"), AnnounceRequest{Port: 2, Left: 1, NumWant: 9})
	require.Len(t, got.Peers, 2)
	for _, from := range []netip.Addr{four, six} {
		at := netip.AddrPortFrom(from, 9)
		r := &Request{
			Action: ActionAnnounce, Connection: s.ids.issue(0, from),
			Announce: AnnounceRequest{Port: 9, NumWant: -1, Left: 1},
		}
		answer := s.Step(0, spec.Recv{From: at, Msg: r}, nil)[0].(spec.Send).Msg.(*Response)
		peers, ok := ParseCompactPeers(answer.Peers, from.Is6())
		require.True(t, ok)
		require.NotEmpty(t, peers)
		for _, p := range peers {
			require.Equal(t, from.Is4(), p.Addr().Is4())
		}
	}
}

// Every peer comes with about the same frequency.
func TestChoiceIsUniform(t *testing.T) {
	s := newTestServer(ServerConfig{}, 0)
	for i := range byte(20) {
		announceTo(t, s, 0, netip.AddrFrom4([4]byte{192, 0, 2, i}), AnnounceRequest{Port: 1, Left: 1})
	}
	counts := map[netip.AddrPort]int{}
	for range 2000 {
		seed := AnnounceRequest{Port: 1, NumWant: 5}
		for _, p := range announceTo(t, s, 0, netip.MustParseAddr("198.51.100.1"), seed).Peers {
			counts[p.Addr]++
		}
	}
	require.Len(t, counts, 20)
	for addr, n := range counts {
		require.InDelta(t, 500, n, 120, addr)
	}
}

// BEP03-TRK-022: a peer that says completed twice is one download (deviation 55).
func TestCompletedCountsOnce(t *testing.T) {
	s := newTestServer(ServerConfig{}, 0)
	from := netip.MustParseAddr("192.0.2.1")
	for _, e := range []Event{Started, Completed, Completed, None, Completed} {
		announceTo(t, s, 0, from, AnnounceRequest{Port: 1, Left: LeftUnknown, Event: e})
	}
	require.Equal(t, ScrapeStats{Downloaded: 1, Complete: 1}, s.swarms[0].stats())
}

func TestServerConfig(t *testing.T) {
	for _, bad := range []ServerConfig{
		{Interval: time.Millisecond}, {Interval: 48 * time.Hour}, {Interval: time.Minute, MinInterval: time.Hour},
		{PeerLife: -1}, {NumWant: -1}, {MaxSwarms: -1}, {MaxPeers: 1 << 25},
	} {
		_, err := NewServer(bad, 0)
		require.Error(t, err)
	}
}
