package conformance

import (
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Server runs a host on real sockets: datagrams and streams at one address, as a
// [VirtualNetwork] runs it on virtual time.
type Server struct {
	host  Host
	net   *SocketNetwork
	at    netip.AddrPort
	tasks chan func(now time.Duration, out []Outgoing) []Outgoing
	stop  chan struct{}
	ended chan struct{}
	conns map[spec.Conn]spec.Conn // of the host, to those of the network
	names map[spec.Conn]spec.Conn // and back
}

// Serve runs the host at an address; a zero port means any. All calls of the
// host are made by one goroutine.
func Serve(h Host, at netip.AddrPort) (*Server, error) {
	s := &Server{
		host: h, net: NewSocketNetwork(OneSource(at.Addr())),
		tasks: make(chan func(time.Duration, []Outgoing) []Outgoing, serverTasks), stop: make(chan struct{}),
		ended: make(chan struct{}), conns: map[spec.Conn]spec.Conn{}, names: map[spec.Conn]spec.Conn{},
	}
	s.net.sources.Pace = 0
	if err := s.bind(at); err != nil {
		s.net.Shut()
		return nil, err
	}
	go s.run()
	return s, nil
}

func (s *Server) bind(at netip.AddrPort) (err error) {
	if at.Port() == 0 {
		if at, err = freePort(at.Addr()); err != nil {
			return err
		}
	}
	if s.at, err = s.net.Open(at); err != nil {
		return err
	}
	if _, ok := s.host.(StreamHost); ok {
		_, err = s.net.Listen(s.at)
	}
	return err
}

// Addr is where the host is.
func (s *Server) Addr() netip.AddrPort { return s.at }

// Do has the host's goroutine call f and do what it returns. It returns when
// that is done, or false when the server has ended.
func (s *Server) Do(f func(now time.Duration, out []Outgoing) []Outgoing) bool {
	done := make(chan struct{})
	task := func(now time.Duration, out []Outgoing) []Outgoing {
		defer close(done)
		return f(now, out)
	}
	select {
	case s.tasks <- task:
	case <-s.ended:
		return false
	}
	s.net.Wake()
	select {
	case <-done:
		return true
	case <-s.ended:
		return false
	}
}

// serverTasks is how many callers of Do are served before a further one waits.
const serverTasks = 16

// Close resets the host's streams and returns when its goroutine has ended.
func (s *Server) Close() {
	close(s.stop)
	s.net.Wake()
	<-s.ended
}

// serverIdle is how long a host without a deadline may sleep: a Wake that meets
// no Recv is kept, so nothing waits for it.
const serverIdle = time.Hour

func (s *Server) run() {
	defer close(s.ended)
	defer s.net.Shut()
	for {
		until := s.net.Now() + serverIdle
		if at, ok := s.host.Deadline(); ok {
			until = at
		}
		a, ok := s.net.Recv(until)
		now := s.net.Now()
		var out []Outgoing
		switch a := a.(type) {
		case Datagram:
			out = s.host.Deliver(now, a, nil)
		case StreamEvent:
			out = s.event(now, a)
		}
		if at, due := s.host.Deadline(); !ok && due && at <= now {
			out = s.host.Wake(now, nil)
		}
		s.perform(out)
		for range len(s.tasks) {
			s.perform((<-s.tasks)(s.net.Now(), nil))
		}
		select {
		case <-s.stop:
			return
		default:
		}
	}
}

// event hands over what happened to a stream under the host's own number.
func (s *Server) event(now time.Duration, e StreamEvent) []Outgoing {
	c := e.Conn
	if e.Kind == StreamAccepted {
		s.conns[c], s.names[c] = c, c
	}
	name, ok := s.names[c]
	if !ok {
		return nil
	}
	if e.Kind == StreamData {
		s.net.Consume(c, len(e.Data))
	}
	if e.Kind == StreamBroken {
		s.forget(name)
	}
	e.Conn, e.At = name, now
	return s.host.(StreamHost).Stream(now, e, nil)
}

func (s *Server) forget(name spec.Conn) {
	delete(s.names, s.conns[name])
	delete(s.conns, name)
}

func (s *Server) perform(out []Outgoing) {
	for _, o := range out {
		c := s.conns[o.Conn]
		switch {
		case o.Op == 0:
			from := o.From
			if !from.IsValid() {
				from = s.at
			}
			_ = s.net.Send(from, o.To, o.Payload) // nobody may be there any more
		case o.Op == DialStream:
			s.dial(o)
		case c == 0: // it has ended meanwhile
		case o.Op == WriteStream:
			if err := s.net.Write(c, o.Payload); err != nil {
				s.net.Abort(c)
				s.broken(o, err)
			}
		case o.Op == CloseStreamWrite:
			s.net.CloseWrite(c)
		case o.Op == CloseStream:
			s.net.CloseStream(c)
			s.forget(o.Conn)
		case o.Op == AbortStream:
			s.net.Abort(c)
			s.forget(o.Conn)
		}
	}
}

func (s *Server) dial(o Outgoing) {
	c, err := s.net.Dial(netip.AddrPortFrom(s.at.Addr(), 0), o.To)
	if err != nil {
		s.broken(o, err)
		return
	}
	s.conns[o.Conn], s.names[c] = c, o.Conn
}

func (s *Server) broken(o Outgoing, err error) {
	s.forget(o.Conn)
	now := s.net.Now()
	e := StreamEvent{At: now, Kind: StreamBroken, Conn: o.Conn, Remote: o.To, Err: err}
	s.perform(s.host.(StreamHost).Stream(now, e, nil))
}
