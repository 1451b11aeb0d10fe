package napster

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/spec"
)

var (
	errShared    = errors.New("napster: the file is shared already")
	errNotShared = errors.New("napster: the file is not shared")
	errRoom      = errors.New("napster: no room for another file")
)

// file finds the place of a file among those of one user.
func (l *link) file(name string) (int, bool) {
	return slices.BinarySearchFunc(l.files, name, func(f owned, name string) int { return cmp.Compare(f.name, name) })
}

// share enters a file into the index.
//
// NP-SH-01.
func (s *Server) share(l *link, m Message, out []spec.Effect) []spec.Effect {
	f, err := ParseFile(m.Text)
	if err != nil {
		return s.refuse(l, "NP-SH-01", err, out)
	}
	i, there := l.file(f.Name)
	switch {
	case there:
		return s.refuse(l, "NP-SH-01", errShared, out)
	case len(l.files) >= s.cfg.MaxUserFiles || len(s.index.entries) >= s.cfg.MaxFiles:
		return s.refuse(l, "NP-SH-01", errRoom, out)
	}
	l.files = slices.Insert(l.files, i, owned{f.Name, s.index.add(l.conn, f)})
	return out
}

// unshare takes a file out of the index.
//
// NP-SH-02.
func (s *Server) unshare(l *link, m Message, out []spec.Effect) []spec.Effect {
	name, err := ParseFileName(m.Text)
	if err != nil {
		return s.refuse(l, "NP-SH-02", err, out)
	}
	i, there := l.file(name)
	if !there {
		return s.refuse(l, "NP-SH-02", errNotShared, out)
	}
	s.index.remove(l.files[i].id)
	l.files = slices.Delete(l.files, i, i+1)
	return out
}

// find answers a search with the files of others, and an end, also of a search that it
// cannot read. What neither party could connect for is not shown.
//
// NP-SE-01, NP-SE-02, NP-SE-04, NP-SE-05, NP-FW-04.
func (s *Server) find(l *link, m Message, out []spec.Effect) []spec.Effect {
	q, err := ParseSearch(m.Text)
	if err != nil {
		out = s.refuse(l, "NP-SE-01", err, out)
		return append(out, spec.Write{Conn: l.conn, Msg: Message{Type: TypeResultEnd}})
	}
	left := MaxResults
	if q.Max != 0 {
		left = int(min(q.Max, MaxResults))
	}
	s.index.find(Words(q.Words), func(e entry) bool {
		of := s.link(e.owner)
		firewalls := l.user.Port == 0 && of.user.Port == 0
		if e.owner == l.conn || firewalls || !q.matches(e.file, of.user.Link) {
			return true
		}
		r := Result{e.file, of.user.Nick, of.remote.Addr(), of.user.Link}
		out = append(out, spec.Write{Conn: l.conn, Msg: sure(r.Message())})
		left--
		return left > 0
	})
	return append(out, spec.Write{Conn: l.conn, Msg: Message{Type: TypeResultEnd}})
}

// browse lists the files of one user.
//
// NP-BR-01, NP-BR-02.
func (s *Server) browse(l *link, m Message, out []spec.Effect) []spec.Effect {
	nick, err := ParseNick(m.Type, m.Text)
	if err != nil {
		return s.refuse(l, "NP-BR-01", err, out)
	}
	of := s.online(nick)
	if of == nil {
		return append(out, spec.Write{Conn: l.conn, Msg: Message{TypeNotOnline, nick}})
	}
	for _, f := range of.files {
		item := Listing{of.user.Nick, s.index.entries[f.id].file}
		out = append(out, spec.Write{Conn: l.conn, Msg: sure(item.Message())})
	}
	return append(out, spec.Write{Conn: l.conn, Msg: Message{TypeBrowseEnd, of.user.Nick}})
}

// resume lists who has a file of a sum and a size, whatever its name. What nobody
// has summed is nobody's.
//
// NP-RS-01.
func (s *Server) resume(l *link, m Message, out []spec.Effect) []spec.Effect {
	r, err := ParseResume(m.Text)
	if err != nil {
		return s.refuse(l, "NP-RS-01", err, out)
	}
	for i, id := range s.index.same[r.key()] {
		if i == MaxResults {
			break
		}
		e := s.index.entries[id]
		of := s.link(e.owner)
		at := netip.AddrPortFrom(of.remote.Addr(), of.user.Port)
		match := Match{of.user.Nick, at, e.file.Name, r, of.user.Link}
		out = append(out, spec.Write{Conn: l.conn, Msg: sure(match.Message())})
	}
	return append(out, spec.Write{Conn: l.conn, Msg: Message{Type: TypeResumeEnd}})
}
