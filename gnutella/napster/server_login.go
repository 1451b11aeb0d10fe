package napster

import (
	"errors"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

// gotBefore handles what comes before the login. A client may ask about nicks as
// often as it likes, and fails but once.
//
// NP-LG-04, NP-ER-01.
func (s *Server) gotBefore(l *link, m Message, out []spec.Effect) []spec.Effect {
	var err error
	clause := "NP-LG-01"
	switch m.Type {
	case TypeNickCheck:
		return append(out, spec.Write{Conn: l.conn, Msg: Message{Type: s.checkNick(m.Text)}})
	case TypeLogin:
		var login Login
		if login, err = ParseLogin(m.Text); err == nil {
			err = s.authenticate(login)
		}
		if err == nil {
			return s.enter(l, login, out)
		}
	case TypeNewUser:
		clause = "NP-LG-02"
		var user NewUser
		if user, err = ParseNewUser(m.Text); err == nil {
			err = s.register(user)
		}
		if err == nil {
			return s.enter(l, user.Login, out)
		}
	default:
		clause, err = "NP-LG-04", fmt.Errorf("napster: %v before the login", m.Type)
	}
	out = append(out, spec.Write{Conn: l.conn, Msg: Message{TypeLoginError, err.Error()}},
		spec.Drop{From: l.remote, Clause: clause, Reason: err}, spec.Close{Conn: l.conn})
	return s.leave(l.conn, out)
}

// checkNick says whether a nick can be registered.
//
// NP-LG-05.
func (s *Server) checkNick(nick string) Type {
	switch {
	case CheckNick(nick) != nil:
		return TypeNickInvalid
	case s.account(nick) != nil || s.online(nick) != nil:
		return TypeNickTaken
	}
	return TypeNickFree
}

var (
	errPassword = errors.New("napster: the password is wrong")
	errPresent  = errors.New("napster: the nick is logged in")
	errTaken    = errors.New("napster: the nick is registered")
	errAccounts = errors.New("napster: no room for another account")
)

// authenticate lets in who knows the password of a nick, and anybody with a nick
// that nobody registered.
//
// NP-LG-03.
func (s *Server) authenticate(login Login) error {
	switch a := s.account(login.Nick); {
	case a != nil && a.password != login.Password:
		return errPassword
	case s.online(login.Nick) != nil:
		return errPresent
	}
	return nil
}

// register makes an account.
//
// NP-LG-02.
func (s *Server) register(u NewUser) error {
	i, there := s.searchAccount(fold(u.Nick))
	switch {
	case there:
		return errTaken
	case s.online(u.Nick) != nil:
		return errPresent
	case len(s.accounts) >= s.cfg.MaxAccounts:
		return errAccounts
	}
	s.accounts = slices.Insert(s.accounts, i, account{fold(u.Nick), u.Nick, u.Password, u.Email, s.now})
	return nil
}

// enter lets a user in.
//
// NP-LG-01, NP-ST-01.
func (s *Server) enter(l *link, login Login, out []spec.Effect) []spec.Effect {
	login.Password = ""
	l.user, l.since = login, s.now
	s.nicks[fold(login.Nick)] = l.conn
	s.entering = slices.DeleteFunc(s.entering, func(c spec.Conn) bool { return c == l.conn })
	email := Unregistered
	if a := s.account(login.Nick); a != nil {
		email = a.email
	}
	out = append(out, spec.Write{Conn: l.conn, Msg: Message{TypeLoginAck, email}})
	return append(s.motd(l, out), spec.Write{Conn: l.conn, Msg: s.Stats().Message()})
}
