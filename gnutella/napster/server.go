package napster

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Unregistered is what a server tells somebody with a nick that nobody registered
// instead of an address for mail.
//
// NP-LG-03.
const Unregistered = "anon@napster"

// Server is the index. It implements [spec.Machine]; its streams are those that the
// driver accepts.
type Server struct {
	cfg       ServerConfig
	now, born time.Duration

	links    []link // by stream, first accepted first
	entering []spec.Conn
	nicks    map[string]spec.Conn // folded: who is there
	accounts []account            // by folded nick
	index    index
	gets     []get // oldest first
}

var _ spec.Machine = (*Server)(nil)

// link is a stream, and who is at its end.
type link struct {
	conn   spec.Conn
	remote netip.AddrPort
	user   Login         // without a password; Nick is empty before the login
	since  time.Duration // the login, or before it the stream
	files  []owned       // by name

	downloads, uploads uint32 // under way, as the client says
}

// owned is a file of one user.
type owned struct {
	name string
	id   int64 // in the index
}

// account is a nick that is registered.
type account struct {
	key, nick, password, email string
	seen                       time.Duration // when it was last there
}

// get is a download that waits for the consent of the uploader.
type get struct {
	from, to spec.Conn // downloader, uploader
	name     string
	deadline time.Duration
}

// NewServer returns a server that nobody has entered, or an error that names the
// field of cfg that is out of range.
func NewServer(cfg ServerConfig, now time.Duration) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{cfg: cfg, now: now, born: now, nicks: map[string]spec.Conn{}, index: newIndex()}, nil
}

// Stats counts who and what is there.
//
// NP-ST-01.
func (s *Server) Stats() Stats {
	return Stats{uint32(len(s.nicks)), uint32(len(s.index.entries)), uint32(min(s.index.bytes>>30, MaxSize))}
}

// Deadline is when the first login or download that is waited for is given up.
func (s *Server) Deadline() (at time.Duration, ok bool) {
	if len(s.entering) > 0 {
		at, ok = s.loginDeadline(s.entering[0]), true
	}
	if len(s.gets) > 0 && (!ok || s.gets[0].deadline < at) {
		at, ok = s.gets[0].deadline, true
	}
	return at, ok
}

func (s *Server) loginDeadline(c spec.Conn) time.Duration {
	return s.link(c).since + s.cfg.LoginTimeout
}

// Step implements [spec.Machine].
func (s *Server) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	s.now = max(s.now, now)
	out = s.expire(out)
	switch in := in.(type) {
	case spec.Wake, spec.Drained:
	case spec.Opened:
		return s.opened(in, out)
	case spec.Closed:
		return s.leave(in.Conn, out)
	case spec.Got:
		if l := s.link(in.Conn); l != nil {
			return s.got(l, in.Msg.(Message), out)
		}
	default:
		panic(fmt.Sprintf("napster: a server takes no %T", in))
	}
	return out
}

// expire gives up logins and downloads, in the order in which they are due.
func (s *Server) expire(out []spec.Effect) []spec.Effect {
	for at, ok := s.Deadline(); ok && at <= s.now; at, ok = s.Deadline() {
		if len(s.gets) > 0 && s.gets[0].deadline == at {
			out = s.giveUp(s.gets[0], out)
			s.gets = slices.Delete(s.gets, 0, 1)
			continue
		}
		c := s.entering[0]
		out = append(out, spec.Write{Conn: c, Msg: Message{TypeLoginError, "no login in time"}}, spec.Close{Conn: c})
		out = s.leave(c, out)
	}
	return out
}

// giveUp tells the downloader that the file cannot be had.
//
// NP-DL-04.
func (s *Server) giveUp(g get, out []spec.Effect) []spec.Effect {
	r := Request{s.link(g.to).user.Nick, g.name}
	return append(out, spec.Write{Conn: g.from, Msg: sure(r.Message(TypeGetError))})
}

// opened greets nobody: the client speaks first. Messages have no room for an
// address of IPv6.
func (s *Server) opened(in spec.Opened, out []spec.Effect) []spec.Effect {
	i, there := s.search(in.Conn)
	if there {
		return out
	}
	remote := netip.AddrPortFrom(in.Remote.Addr().Unmap(), in.Remote.Port())
	switch {
	case len(s.links) >= s.cfg.MaxLinks:
		return append(out, spec.Write{Conn: in.Conn, Msg: Message{TypeLoginError, "the server is full"}},
			spec.Close{Conn: in.Conn})
	case !remote.Addr().Is4():
		return append(out, spec.Write{Conn: in.Conn, Msg: Message{TypeLoginError, "addresses of IPv4 alone can be told"}},
			spec.Close{Conn: in.Conn})
	}
	s.links = slices.Insert(s.links, i, link{conn: in.Conn, remote: remote, since: s.now})
	s.entering = append(s.entering, in.Conn)
	return out
}

// leave forgets a stream and all that came with it: the files, the downloads, the
// nick's presence. Who waits for a file is told.
//
// NP-SH-04, NP-DL-04.
func (s *Server) leave(c spec.Conn, out []spec.Effect) []spec.Effect {
	i, there := s.search(c)
	if !there {
		return out
	}
	l := s.links[i]
	for _, g := range s.gets {
		if g.to == c && g.from != c {
			out = s.giveUp(g, out)
		}
	}
	s.gets = slices.DeleteFunc(s.gets, func(g get) bool { return g.from == c || g.to == c })
	for _, f := range l.files {
		s.index.remove(f.id)
	}
	if l.user.Nick == "" {
		s.entering = slices.DeleteFunc(s.entering, func(e spec.Conn) bool { return e == c })
	} else {
		delete(s.nicks, fold(l.user.Nick))
		if a := s.account(l.user.Nick); a != nil {
			a.seen = s.now
		}
	}
	s.links = slices.Delete(s.links, i, i+1)
	return out
}

// got handles a message of a stream.
func (s *Server) got(l *link, m Message, out []spec.Effect) []spec.Effect {
	if l.user.Nick == "" {
		return s.gotBefore(l, m, out)
	}
	switch m.Type {
	case TypeShare:
		return s.share(l, m, out)
	case TypeUnshare:
		return s.unshare(l, m, out)
	case TypeSearch:
		return s.find(l, m, out)
	case TypeBrowse:
		return s.browse(l, m, out)
	case TypeGet:
		return s.get(l, m, out)
	case TypeUploadAck:
		return s.consent(l, m, out)
	case TypePush:
		return s.push(l, m, out)
	case TypeResume:
		return s.resume(l, m, out)
	case TypeDownStart, TypeDownEnd:
		return s.count(l, &l.downloads, m.Type == TypeDownStart, out)
	case TypeUpStart, TypeUpEnd:
		return s.count(l, &l.uploads, m.Type == TypeUpStart, out)
	case TypeSpeed:
		return s.speed(l, m, out)
	case TypeWhois:
		return s.whois(l, m, out)
	case TypePing, TypePong:
		return s.relay(l, m, out)
	case TypeStats:
		return append(out, spec.Write{Conn: l.conn, Msg: s.Stats().Message()})
	case TypeMOTD:
		return s.motd(l, out)
	}
	return s.refuse(l, "NP-ER-02", fmt.Errorf("unknown command code %d", uint16(m.Type)), out)
}

// refuse answers an error to somebody who is there, and reports the message.
//
// NP-ER-01.
func (s *Server) refuse(l *link, clause string, err error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Write{Conn: l.conn, Msg: Message{TypeError, err.Error()}},
		spec.Drop{From: l.remote, Clause: clause, Reason: err})
}

func (s *Server) motd(l *link, out []spec.Effect) []spec.Effect {
	for _, line := range s.cfg.MOTD {
		out = append(out, spec.Write{Conn: l.conn, Msg: Message{TypeMOTD, line}})
	}
	return out
}

// maxTransfers bounds what a client may say it has under way.
const maxTransfers = 10_000

var errCount = errors.New("napster: more transfers ended than began, or too many began")

// count keeps the number of transfers that a client says it has under way.
//
// NP-ST-02.
func (s *Server) count(l *link, n *uint32, begins bool, out []spec.Effect) []spec.Effect {
	switch {
	case begins && *n < maxTransfers:
		*n++
	case !begins && *n > 0:
		*n--
	default:
		return append(out, spec.Drop{From: l.remote, Clause: "NP-ST-02", Reason: errCount})
	}
	return out
}

// search finds the place of a stream among the links.
func (s *Server) search(c spec.Conn) (int, bool) {
	return slices.BinarySearchFunc(s.links, c, func(l link, c spec.Conn) int { return cmp.Compare(c, l.conn) })
}

// link is nil for a stream that is unknown. It is good until a stream comes or goes.
func (s *Server) link(c spec.Conn) *link {
	if i, there := s.search(c); there {
		return &s.links[i]
	}
	return nil
}

// online is nil for a nick that is not there.
func (s *Server) online(nick string) *link {
	if c, there := s.nicks[fold(nick)]; there {
		return s.link(c)
	}
	return nil
}

// account is nil for a nick that nobody registered.
func (s *Server) account(nick string) *account {
	if i, there := s.searchAccount(fold(nick)); there {
		return &s.accounts[i]
	}
	return nil
}

func (s *Server) searchAccount(key string) (int, bool) {
	return slices.BinarySearchFunc(s.accounts, key, func(a account, key string) int { return cmp.Compare(a.key, key) })
}

// sure is a message made of fields that were read, and so can be written.
func sure(m Message, err error) Message {
	if err != nil {
		panic(err)
	}
	return m
}
