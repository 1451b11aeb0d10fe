// Package tracker drives the machines of package bittorrent/tracker: a tracker
// on net/http and UDP, and the announcer of a torrent.
package tracker

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

const (
	// maxConns bounds the connections of HTTP that are open at once, and with
	// them the memory and the file descriptors that strangers can take.
	maxConns = 1024

	// maxHeader bounds a request's header in bytes: twice the longest query.
	maxHeader = 2 * tracker.MaxQuery

	// How long a client may take over a request, and over nothing. A tracker's
	// clients seldom come twice within a connection's life.
	headerTimeout = 10 * time.Second
	writeTimeout  = 10 * time.Second
	idleTimeout   = 15 * time.Second

	// portTries is how often a free TCP port is taken until its number is free
	// for UDP as well.
	portTries = 16
)

// ServerConfig says what answers.
type ServerConfig struct {
	// Machine is a *tracker.Server, or one that behaves like it: it answers
	// each Query by a Respond in the same Step. It belongs to the Server.
	Machine spec.Machine

	// Observe, if set, is shown every effect other than answers, under the
	// rules of [transport.UDPConfig].
	Observe func(now time.Duration, e spec.Effect)
}

// Server is a tracker at one port of TCP and UDP. One goroutine, that of the
// UDP socket, owns the machine.
type Server struct {
	udp     *transport.UDP
	http    *http.Server
	observe func(now time.Duration, e spec.Effect)
	served  chan error // what ended the HTTP server
	tokens  atomic.Uint64

	waiting sync.Mutex // guards what follows
	answers map[spec.Token]chan<- tracker.Respond
	ended   bool
}

// Listen binds addr for HTTP and for UDP and serves both; port 0 takes a port
// that is free for both.
func Listen(addr netip.AddrPort, cfg ServerConfig) (*Server, error) {
	listener, conn, err := bind(addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		observe: cfg.Observe,
		served:  make(chan error, 1),
		answers: map[spec.Token]chan<- tracker.Respond{},
	}
	s.udp = transport.ServeUDP(conn, transport.UDPConfig{
		Machine: cfg.Machine, Codec: tracker.ServerCodec{}, Observe: s.perform,
	})
	s.http = &http.Server{
		Handler:           s,
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
	}
	go func() {
		err := s.http.Serve(&limited{Listener: listener, free: make(chan struct{}, maxConns)})
		s.abandon()
		s.served <- err
	}()
	go func() {
		<-s.udp.Ended()
		s.abandon()
	}()
	return s, nil
}

// bind takes the same port for TCP and UDP.
func bind(addr netip.AddrPort) (net.Listener, *net.UDPConn, error) {
	for try := 1; ; try++ {
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return nil, nil, fmt.Errorf("tracker: %w", err)
		}
		at := netip.AddrPortFrom(addr.Addr(), listener.Addr().(*net.TCPAddr).AddrPort().Port())
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err == nil {
			return listener, conn, nil
		}
		_ = listener.Close() // nothing was accepted
		if addr.Port() != 0 || try == portTries {
			return nil, nil, fmt.Errorf("tracker: %w", err)
		}
	}
}

// Addr is the bound address, of both.
func (s *Server) Addr() netip.AddrPort { return s.udp.LocalAddr() }

// Stats counts the packets of UDP.
func (s *Server) Stats() transport.UDPStats { return s.udp.Stats() }

// Snapshot returns a copy of the machine between two steps.
func (s *Server) Snapshot() spec.Machine {
	machine, _ := s.udp.Snapshot()
	return machine
}

// Ended is closed when the server has stopped, by Close or by an error that
// Close then returns.
func (s *Server) Ended() <-chan struct{} { return s.udp.Ended() }

// Close stops both, at once.
func (s *Server) Close() error {
	err := s.http.Close()
	if ended := <-s.served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	s.served <- http.ErrServerClosed // for a second Close
	return errors.Join(err, s.udp.Close())
}

// ServeHTTP hands a request to the machine and waits for its answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "a tracker answers GET alone", http.StatusMethodNotAllowed)
		return
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "no address to answer to", http.StatusInternalServerError)
		return
	}
	answer, ok := s.ask(tracker.Query{
		From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
		Path: r.URL.Path, RawQuery: r.URL.RawQuery,
	})
	if !ok {
		http.Error(w, "the tracker is too busy", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	w.WriteHeader(int(answer.Status))
	_, _ = w.Write(answer.Body) // a client that went away is no reason to stop
}

// ask gives the query a token and waits; ok is false when the machine is busy
// or gone.
func (s *Server) ask(q tracker.Query) (answer tracker.Respond, ok bool) {
	q.Token = spec.Token(s.tokens.Add(1))
	answers := make(chan tracker.Respond, 1)
	s.waiting.Lock()
	ended := s.ended
	if !ended {
		s.answers[q.Token] = answers
	}
	s.waiting.Unlock()
	if ended {
		return answer, false
	}
	if err := s.udp.Do(q); err != nil {
		s.waiting.Lock()
		delete(s.answers, q.Token)
		s.waiting.Unlock()
		return answer, false
	}
	answer, ok = <-answers
	return answer, ok
}

// perform runs on the machine's goroutine.
func (s *Server) perform(now time.Duration, e spec.Effect) {
	respond, ok := e.(tracker.Respond)
	if !ok {
		if s.observe != nil {
			s.observe(now, e)
		}
		return
	}
	s.waiting.Lock()
	answers := s.answers[respond.Token]
	delete(s.answers, respond.Token)
	s.waiting.Unlock()
	if answers != nil {
		answers <- respond
	}
}

// abandon lets those who wait for an ended machine go.
func (s *Server) abandon() {
	s.waiting.Lock()
	defer s.waiting.Unlock()
	s.ended = true
	for token, answers := range s.answers {
		close(answers)
		delete(s.answers, token)
	}
}

// limited is a listener with a bounded number of open connections.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: conn, free: l.free}, nil
}

// counted makes room when it is closed, once.
type counted struct {
	net.Conn
	once sync.Once
	free chan struct{}
}

func (c *counted) Close() error {
	c.once.Do(func() { <-c.free })
	return c.Conn.Close()
}
