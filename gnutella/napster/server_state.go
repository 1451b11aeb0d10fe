package napster

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// Clone returns a server with equal state that shares nothing mutable.
func (s *Server) Clone() spec.Machine {
	c := *s
	c.links = slices.Clone(s.links)
	for i := range c.links {
		c.links[i].files = slices.Clone(c.links[i].files)
	}
	c.entering = slices.Clone(s.entering)
	c.nicks = maps.Clone(s.nicks)
	c.accounts = slices.Clone(s.accounts)
	c.index = s.index.clone()
	c.gets = slices.Clone(s.gets)
	return &c
}

// AppendState appends the whole state but the configuration and what follows from
// the rest: who is there by nick, and the words of the index.
func (s *Server) AppendState(b []byte) []byte {
	b = appendInt(b, int64(s.born-s.now), s.index.last, int64(len(s.links)))
	for i := range s.links {
		l := &s.links[i]
		b = appendInt(b, int64(l.conn), int64(l.since-s.now), int64(l.user.Port), int64(l.user.Link), int64(l.user.Build))
		b = appendInt(b, int64(l.downloads), int64(l.uploads), int64(len(l.files)))
		b = appendStrings(b, l.remote.String(), l.user.Nick, l.user.Password, l.user.Client)
		for _, f := range l.files {
			b = appendStrings(appendInt(b, f.id), f.name)
		}
	}
	b = appendInt(b, int64(len(s.entering)))
	for _, c := range s.entering {
		b = appendInt(b, int64(c))
	}
	b = appendInt(b, int64(len(s.accounts)))
	for _, a := range s.accounts {
		b = appendStrings(appendInt(b, int64(a.seen-s.now)), a.key, a.nick, a.password, a.email)
	}
	b = appendInt(b, int64(len(s.index.entries)))
	for _, id := range slices.Sorted(maps.Keys(s.index.entries)) {
		e := s.index.entries[id]
		b = e.file.append(appendInt(b, id, int64(e.owner)))
	}
	b = appendInt(b, int64(len(s.gets)))
	for _, g := range s.gets {
		b = appendStrings(appendInt(b, int64(g.from), int64(g.to), int64(g.deadline-s.now)), g.name)
	}
	return b
}

func (f File) append(b []byte) []byte {
	b = appendStrings(b, f.Name, string(f.MD5[:]))
	return appendInt(b, int64(f.Size), int64(f.Bitrate), int64(f.Frequency), int64(f.Seconds))
}

func appendInt(b []byte, list ...int64) []byte {
	for _, n := range list {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// appendStrings is self-delimiting.
func appendStrings(b []byte, list ...string) []byte {
	for _, text := range list {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	return b
}

// Check reports the first invariant that does not hold: tables within their bounds,
// and each of them in agreement with the others.
func (s *Server) Check() error {
	for _, table := range []struct {
		name    string
		n, most int
	}{
		{"links", len(s.links), s.cfg.MaxLinks},
		{"accounts", len(s.accounts), s.cfg.MaxAccounts},
		{"files", len(s.index.entries), s.cfg.MaxFiles},
		{"gets", len(s.gets), s.cfg.MaxGets},
	} {
		if table.n > table.most {
			return fmt.Errorf("napster: %d %s, at most %d", table.n, table.name, table.most)
		}
	}
	if err := s.checkLinks(); err != nil {
		return err
	}
	last := s.now
	for _, g := range s.gets {
		from, to := s.link(g.from), s.link(g.to)
		if from == nil || to == nil || from == to || from.user.Nick == "" || to.user.Nick == "" {
			return fmt.Errorf("napster: a download from %d to %d, who are not two users", g.to, g.from)
		}
		if g.deadline < last || g.deadline <= s.now {
			return fmt.Errorf("napster: a download is due at %v, at %v", g.deadline, last)
		}
		last = g.deadline
	}
	return s.index.check()
}

// checkLinks holds the streams against the nicks and the index.
func (s *Server) checkLinks() error {
	entering, files := 0, 0
	var last time.Duration
	for i := range s.links {
		l := &s.links[i]
		files += len(l.files)
		if len(l.files) > s.cfg.MaxUserFiles {
			return fmt.Errorf("napster: %d files of one user, at most %d", len(l.files), s.cfg.MaxUserFiles)
		}
		if l.user.Nick == "" {
			entering++
		} else if c, ok := s.nicks[fold(l.user.Nick)]; !ok || c != l.conn {
			return fmt.Errorf("napster: %s of stream %d is not among the nicks", l.user.Nick, l.conn)
		}
		for _, f := range l.files {
			if e, ok := s.index.entries[f.id]; !ok || e.owner != l.conn || e.file.Name != f.name {
				return fmt.Errorf("napster: file %d of stream %d is not in the index", f.id, l.conn)
			}
		}
	}
	if files != len(s.index.entries) || len(s.links) != len(s.nicks)+entering || entering != len(s.entering) {
		return fmt.Errorf("napster: the index has %d files and the users %d; %d streams, %d nicks, %d entering",
			len(s.index.entries), files, len(s.links), len(s.nicks), len(s.entering))
	}
	for i, c := range s.entering {
		l := s.link(c)
		if l == nil || l.user.Nick != "" || i > 0 && l.since < last || l.since+s.cfg.LoginTimeout <= s.now {
			return fmt.Errorf("napster: stream %d is not entering", c)
		}
		last = l.since
	}
	return nil
}

// check holds the words, the contents and the sum of sizes against the files.
func (x *index) check() error {
	var bytes uint64
	listed := 0
	for _, id := range slices.Sorted(maps.Keys(x.entries)) {
		f := x.entries[id].file
		bytes += uint64(f.Size)
		words := Words(f.Name)
		listed += len(words)
		if f.summed() {
			listed++
			if _, ok := slices.BinarySearch(x.same[f.key()], id); !ok {
				return fmt.Errorf("napster: file %d of %d is not under its sum", id, x.last)
			}
		}
		if id > x.last || !x.hasAll(id, words) {
			return fmt.Errorf("napster: file %d of %d is not under all its words", id, x.last)
		}
	}
	for _, lists := range []map[string][]int64{x.words, x.same} {
		for _, key := range slices.Sorted(maps.Keys(lists)) {
			listed -= len(lists[key])
			if len(lists[key]) == 0 || !slices.IsSorted(lists[key]) {
				return fmt.Errorf("napster: the list of %.40q is empty or not in order", key)
			}
		}
	}
	if listed != 0 || bytes != x.bytes {
		return fmt.Errorf("napster: %d places too few are listed; %d bytes of %d are counted", listed, x.bytes, bytes)
	}
	return nil
}
