package napster

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// speed tells how fast somebody's line is.
//
// NP-WH-03.
func (s *Server) speed(l *link, m Message, out []spec.Effect) []spec.Effect {
	nick, err := ParseNick(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-WH-03", err, out)
	}
	of := s.online(nick)
	if of == nil {
		return s.refuse(l, "NP-WH-03", notThere(nick), out)
	}
	return append(out, spec.Write{Conn: l.conn, Msg: sure(Speed{of.user.Nick, of.user.Link}.Message())})
}

// whois tells who somebody is, or was.
//
// NP-WH-01, NP-WH-02.
func (s *Server) whois(l *link, m Message, out []spec.Effect) []spec.Effect {
	nick, err := ParseNick(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-WH-01", err, out)
	}
	if of := s.online(nick); of != nil {
		w := Whois{
			of.user.Nick, "User", uint32(min((s.now-of.since)/time.Second, MaxSize)), "", "Active",
			uint32(len(of.files)), of.downloads, of.uploads, of.user.Link, of.user.Client,
		}
		return append(out, spec.Write{Conn: l.conn, Msg: sure(w.Message())})
	}
	if a := s.account(nick); a != nil {
		w := Whowas{a.nick, "User", s.cfg.Epoch + int64((a.seen-s.born)/time.Second)}
		return append(out, spec.Write{Conn: l.conn, Msg: sure(w.Message())})
	}
	return s.refuse(l, "NP-WH-02", notThere(nick), out)
}

// relay hands a ping or a pong on, with the sender's nick in place of the
// receiver's.
//
// NP-PI-01, NP-PI-02.
func (s *Server) relay(l *link, m Message, out []spec.Effect) []spec.Effect {
	nick, err := ParseNick(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-PI-01", err, out)
	}
	to := s.online(nick)
	if to == nil {
		return s.refuse(l, "NP-PI-02", notThere(nick), out)
	}
	return append(out, spec.Write{Conn: to.conn, Msg: Message{m.Type, l.user.Nick}})
}

func notThere(nick string) error { return fmt.Errorf("napster: %s is not online", nick) }
