package bittorrent

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// Swarm is the world of a leecher: a tracker, and peers that do as their case
// says. All of it is the harness; the target is one of the peers.
type Swarm struct {
	*Content
	// Announces are the requests to the tracker, in order.
	Announces []*Announce
	// Reply makes the tracker's answer; nil names the peers that were added.
	Reply func(*Announce) tracker.AnnounceResponse
	// Raw makes the whole HTTP response; nil is Reply in the compact form.
	Raw func(*Announce) []byte
	// Peers are the connections with the target, in the order of their making.
	Peers []*Peer
	// Shakes are the connections to peers that were added by AddEncrypted.
	Shakes []*Shake

	t       *T
	tracker *conformance.Listener
	named   []netip.AddrPort
	dialled []func() // what connects the peers with a target that has to be dialled
	started bool
	later   func() // what goes on once the target runs; may be nil
	// listeners are those of the peers of Exchange, by address.
	listeners map[netip.AddrPort]*conformance.Listener
}

// Announce is one HTTP request of the target.
type Announce struct {
	At     time.Duration
	Path   string // "/announce", with a leading slash
	Query  string // as it was sent, without the question mark
	Header string // the whole request
	From   netip.AddrPort
	tracker.AnnounceRequest
	Err error // why it is no announce
}

// Get is a parameter of the query, unescaped; ok is false if it is absent.
func (a *Announce) Get(key string) (value string, ok bool) {
	for part := range strings.SplitSeq(a.Query, "&") {
		k, v, _ := strings.Cut(part, "=")
		if k == key {
			v, err := url.QueryUnescape(v)
			return v, err == nil
		}
	}
	return "", false
}

// Behaviour is what a peer of the swarm does when the target is connected with
// it. It is called when both handshakes are through.
type Behaviour func(*Peer)

// NewSwarm opens a tracker for a design. Nothing is started yet.
func NewSwarm(t *T, d Design) *Swarm {
	s := &Swarm{t: t}
	s.tracker = t.Listen(func(stream *conformance.Stream) { s.serveHTTP(stream, s.answer) })
	s.Content = d.Make(s.URL("/announce"))
	return s
}

// URL is an address at the swarm's tracker.
func (s *Swarm) URL(path string) string { return "http://" + s.tracker.Addr().String() + path }

// Start starts the target as a leecher of the content.
func (s *Swarm) Start() { s.StartWith(conformance.StartOptions{}) }

// StartWith is [Swarm.Start] with options. The torrent is the content's unless
// they name another, or a magnet.
func (s *Swarm) StartWith(opt conformance.StartOptions) {
	if opt.Torrent == nil && opt.Magnet == "" {
		opt.Torrent = s.Torrent
	}
	if s.t.Learns() == conformance.FromCommand {
		opt.Peers = append(opt.Peers, s.named...)
	}
	s.t.Start(opt)
	s.started = true
	for _, dial := range s.dialled {
		dial()
	}
}

// Magnet is the magnet link of the content with the swarm's tracker.
func (s *Swarm) Magnet() string {
	return fmt.Sprintf("magnet:?xt=urn:btih:%x&tr=%s", s.Hash(), url.QueryEscape(s.URL("/announce")))
}

// Add puts a peer into the swarm, which the tracker names from now on. A target
// that believes no tracker is dialled by the peer.
func (s *Swarm) Add(features []wire.Feature, act Behaviour) *conformance.Listener {
	return s.AddAt(netip.AddrPort{}, features, act)
}

// AddAt is [Swarm.Add] of a peer at a given address, as [conformance.T.ListenAt]
// takes it.
func (s *Swarm) AddAt(local netip.AddrPort, features []wire.Feature, act Behaviour) *conformance.Listener {
	l := s.t.ListenAt(local, func(stream *conformance.Stream) { s.meet(stream, features, act) })
	s.named = append(s.named, l.Addr())
	if s.t.Learns() == conformance.FromDial {
		dial := func() { s.dial(l.Addr().Addr(), features, act) }
		s.dialled = append(s.dialled, dial)
		if s.started {
			dial()
		}
	}
	return l
}

// meet has a peer answer the target's handshake and then act.
func (s *Swarm) meet(stream *conformance.Stream, features []wire.Feature, act Behaviour) {
	p := newPeer(s.t, s.Content, stream)
	s.Peers = append(s.Peers, p)
	p.OnHandshake = func() {
		if p.Theirs.InfoHash != s.Hash() && p.Theirs.InfoHash != s.HashV2() {
			return
		}
		s.t.Earn()
		if p.Mine == nil {
			p.greetAs(p.Theirs.InfoHash, features...)
		}
		act(p)
	}
}

// dial connects a peer to the target as soon as it accepts, and greets first.
func (s *Swarm) dial(from netip.Addr, features []wire.Feature, act Behaviour) {
	for limit := s.t.Now() + readyWithin; s.t.Now() < limit; s.t.Wait(100 * time.Millisecond) {
		stream := s.t.DialFrom(netip.AddrPortFrom(from, 0), s.t.Target())
		if stream.Opened() {
			s.meet(stream, features, act)
			s.Peers[len(s.Peers)-1].Greet(features...)
			return
		}
	}
	s.t.Inconclusivef("the target accepts no connection within %v of its start", readyWithin)
}

// readyWithin is how long a leecher may take from its start until it listens.
const readyWithin = 15 * time.Second

// Fast and Plain are the features that peers usually offer.
var (
	Plain []wire.Feature
	Fast  = []wire.Feature{wire.FeatureFast, wire.FeatureExtension}
)

// Seed behaves as a seeder should: it has everything, unchokes who is
// interested, and answers every request.
func (s *Swarm) Seed(p *Peer) {
	p.Send(s.All(p))
	p.On = func(m *Received) { s.Serve(p, m) }
}

// Serve answers an interest and a request as a seeder should.
func (s *Swarm) Serve(p *Peer, m *Received) {
	switch m.Type {
	case wire.Interested:
		p.Send(wire.Unchoke)
	case wire.Request:
		p.Send(s.Piece(m))
	}
}

// All is the message that announces every piece to a peer.
func (s *Swarm) All(p *Peer) any {
	if p.both(wire.FeatureFast) {
		return wire.HaveAll
	}
	return bits(s.Pieces(), func(int) bool { return true })
}

// Piece is the right answer to a request. A request for what does not exist
// ends the case.
func (s *Swarm) Piece(m *Received) wire.Message {
	if !s.Sound(m) {
		s.t.Failf("the target asks for what does not exist: %v", m)
	}
	return wire.Message{
		Type: wire.Piece, Index: m.Index, Begin: m.Begin,
		Data: s.Block(int(m.Index), int(m.Begin), int(m.Length)),
	}
}

// Sound reports whether a request lies within a piece.
func (s *Swarm) Sound(m *Received) bool {
	return uint64(m.Index) < uint64(s.Pieces()) && m.Length > 0 &&
		uint64(m.Begin)+uint64(m.Length) <= uint64(s.Size(int(m.Index)))
}

// bits is a bitfield message of the pieces for which the function holds.
func bits(pieces int, has func(int) bool) wire.Message {
	b := make([]byte, wire.BitfieldLen(int32(pieces)))
	for i := range pieces {
		if has(i) {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return wire.Message{Type: wire.Bitfield, Data: b}
}

// both reports whether both handshakes offer the feature.
func (p *Peer) both(f wire.Feature) bool {
	return p.Mine != nil && p.Theirs != nil && p.Mine.Offers(f) && p.Theirs.Offers(f)
}

// Downloaded waits until the target has told the tracker that it is complete,
// or has announced every piece to a peer, or has ended by itself.
func (s *Swarm) Downloaded(within time.Duration) bool {
	return s.t.Until(s.Complete, within)
}

// Complete reports whether the target has said that it has everything.
func (s *Swarm) Complete() bool {
	for _, a := range s.Announces {
		if a.Event == tracker.Completed {
			return true
		}
	}
	for _, p := range s.Peers {
		all := true
		for i := range s.Pieces() {
			all = all && p.Has(i)
		}
		if all {
			return true
		}
	}
	return false
}

// serveHTTP reads one request after the other from a stream to a tracker.
func (s *Swarm) serveHTTP(stream *conformance.Stream, answer func(*Announce) []byte) {
	stream.Handle = func(stream *conformance.Stream) {
		for {
			head, _, ok := bytes.Cut(stream.Buffered(), []byte("\r\n\r\n"))
			if !ok {
				return
			}
			a := s.announce(string(head), stream.Remote())
			stream.Discard(len(head) + 4)
			s.t.Earn()
			stream.Write(answer(a), "")
			if !strings.Contains(strings.ToLower(a.Header), "connection: keep-alive") {
				stream.Close()
				return
			}
		}
	}
}

func (s *Swarm) announce(head string, from netip.AddrPort) *Announce {
	a := &Announce{At: s.t.Now(), Header: head, From: from}
	line, _, _ := strings.Cut(head, "\r\n")
	words := strings.Fields(line)
	if len(words) != 3 || words[0] != "GET" {
		a.Err = fmt.Errorf("the request line is %q", line)
		return a
	}
	a.Path, a.Query, _ = strings.Cut(words[1], "?")
	a.AnnounceRequest, a.Err = tracker.ParseAnnounceQuery(a.Query)
	return a
}

// answer is what the tracker answers.
func (s *Swarm) answer(a *Announce) []byte {
	s.Announces = append(s.Announces, a)
	if s.Raw != nil {
		return s.Raw(a)
	}
	return s.plain(a)
}

// plain names the peers that were added, unless Reply says otherwise.
func (s *Swarm) plain(a *Announce) []byte {
	r := tracker.AnnounceResponse{Interval: 30 * time.Minute, Complete: -1, Incomplete: -1}
	for _, at := range s.named {
		r.Peers = append(r.Peers, tracker.Peer{Addr: at})
	}
	if s.Reply != nil {
		r = s.Reply(a)
	}
	return OK(tracker.AppendAnnounceResponse(nil, r, tracker.Compact, true))
}

// OK is an HTTP response with a body.
func OK(body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n", len(body))
	return append([]byte(head), body...)
}
