package napster

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

var (
	errFirewalls = errors.New("napster: both are behind firewalls: neither can connect to the other")
	errReachable = errors.New("napster: the uploader is not behind a firewall: download instead")
	errWaiting   = errors.New("napster: the download waits for consent already")
	errManyGets  = errors.New("napster: too many downloads wait for consent")
	errNotWanted = errors.New("napster: nobody waits for this consent")
)

// get asks the uploader whether he agrees. If he is behind a firewall the downloader
// learns that at once, and asks for a push.
//
// NP-DL-01, NP-DL-04, NP-FW-01, NP-FW-02.
func (s *Server) get(l *link, m Message, out []spec.Effect) []spec.Effect {
	r, err := ParseRequest(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-DL-01", err, out)
	}
	of := s.sharer(l, r)
	switch {
	case of == nil:
		return append(out, spec.Write{Conn: l.conn, Msg: sure(r.Message(TypeGetError))})
	case l.user.Port == 0 && of.user.Port == 0:
		return s.refuse(l, "NP-FW-02", errFirewalls, out)
	case of.user.Port == 0:
		return append(out, spec.Write{Conn: l.conn, Msg: s.ack(TypeGetAck, of, of, r.Name)})
	}
	return s.ask(l, of, r.Name, out)
}

// push asks an uploader behind a firewall whether he agrees to connect.
//
// NP-FW-01, NP-FW-02, NP-FW-03.
func (s *Server) push(l *link, m Message, out []spec.Effect) []spec.Effect {
	r, err := ParseRequest(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-FW-01", err, out)
	}
	of := s.sharer(l, r)
	switch {
	case of == nil:
		return append(out, spec.Write{Conn: l.conn, Msg: sure(r.Message(TypeGetError))})
	case of.user.Port != 0:
		return s.refuse(l, "NP-FW-03", errReachable, out)
	case l.user.Port == 0:
		return s.refuse(l, "NP-FW-02", errFirewalls, out)
	}
	return s.ask(l, of, r.Name, out)
}

// ask puts a download down and tells the uploader.
//
// NP-DL-02.
func (s *Server) ask(l, of *link, name string, out []spec.Effect) []spec.Effect {
	own := 0
	for _, g := range s.gets {
		if g.from != l.conn {
			continue
		}
		own++
		if g.to == of.conn && g.name == name {
			return s.refuse(l, "NP-DL-01", errWaiting, out)
		}
	}
	if own >= s.cfg.MaxUserGets || len(s.gets) >= s.cfg.MaxGets {
		return s.refuse(l, "NP-DL-01", errManyGets, out)
	}
	s.gets = append(s.gets, get{l.conn, of.conn, name, s.now + s.cfg.GetTimeout})
	r := Request{l.user.Nick, name}
	return append(out, spec.Write{Conn: of.conn, Msg: sure(r.Message(TypeUpload))})
}

// sharer is who shares the file of a request by somebody else, or nil.
func (s *Server) sharer(l *link, r Request) *link {
	of := s.online(r.Nick)
	if of == nil || of == l {
		return nil
	}
	if _, there := of.file(r.Name); !there {
		return nil
	}
	return of
}

// consent tells the one who can connect where to.
//
// NP-DL-02, NP-DL-03, NP-FW-01.
func (s *Server) consent(l *link, m Message, out []spec.Effect) []spec.Effect {
	r, err := ParseRequest(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-DL-02", err, out)
	}
	to := s.online(r.Nick)
	i := slices.IndexFunc(s.gets, func(g get) bool {
		return to != nil && g.from == to.conn && g.to == l.conn && g.name == r.Name
	})
	if i < 0 {
		return append(out, spec.Drop{From: l.remote, Clause: "NP-DL-02", Reason: errNotWanted})
	}
	g := s.gets[i]
	s.gets = slices.Delete(s.gets, i, i+1)
	if _, there := l.file(r.Name); !there {
		return s.giveUp(g, out)
	}
	if l.user.Port == 0 {
		return append(out, spec.Write{Conn: l.conn, Msg: s.ack(TypePushAck, to, l, r.Name)})
	}
	return append(out, spec.Write{Conn: to.conn, Msg: s.ack(TypeGetAck, l, l, r.Name)})
}

// ack says how to reach somebody for a file that owner shares.
func (s *Server) ack(t Type, who, owner *link, name string) Message {
	i, _ := owner.file(name)
	a := Ack{
		who.user.Nick, netip.AddrPortFrom(who.remote.Addr(), who.user.Port), name,
		s.index.entries[owner.files[i].id].file.MD5, who.user.Link,
	}
	return sure(a.Message(t))
}
