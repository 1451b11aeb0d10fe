package gnutella

import (
	"slices"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// answer sends the hits of the servent itself, and says how many files they have.
// Who cannot be reached does not answer who cannot either.
//
// GN-QY-06 to GN-QY-08, GN-QY-13, GN-QY-14, GN-QY-16, GN-VE-06.
func (n *step) answer(c *conn, d *wire.Descriptor, w *wish) int32 {
	if n.cfg.Firewalled && w.flags.Has(wire.QueryFirewalled) {
		return 0
	}
	found := n.matching(d, w)
	if to, ok := n.oobAddr(c, d, w); ok && len(found) > 0 {
		n.offer(to, d, len(found))
		return int32(len(found))
	}
	for rest := found; len(rest) > 0; {
		var h wire.QueryHit
		h, rest = n.fill(rest, w, n.proxies())
		// GN-QH-03: two hops more than the way back needs.
		n.send(c, wire.Descriptor{
			GUID: d.GUID, Type: wire.TypeQueryHit, TTL: uint8(min(int(d.Hops)+2, 0xff)), Payload: h.Append(nil),
		})
	}
	return int32(len(found))
}

// matching are the files that a query wants.
func (n *Node) matching(d *wire.Descriptor, w *wish) []File {
	lib, limit := n.cfg.Library, n.cfg.MaxResults
	if w.text == browse && d.TTL == 1 && d.Hops == 0 {
		return lib.files[:min(len(lib.files), limit)]
	}
	found := lib.Search(w.text, limit)
	for _, hash := range w.hashes {
		f, ok := lib.ByHash(hash)
		if ok && len(found) < limit && !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

// fill makes a hit of as many files as fit one, with private data of GGEP.
//
// GN-QH-01, GN-QH-07, GN-QH-08, GN-QH-11, GN-VE-08.
func (n *Node) fill(files []File, w *wish, private []byte) (h wire.QueryHit, rest []File) {
	flags := wire.HitFlags{}.With(wire.HitPush, n.cfg.Firewalled).With(wire.HitBusy, false)
	h = wire.QueryHit{
		Addr: n.cfg.Addr, Speed: n.cfg.Speed, ServentID: n.id,
		Trailer: &wire.Trailer{Vendor: n.cfg.Vendor, Flags: flags, Private: private},
	}
	if len(private) > 0 {
		h.Trailer.Flags = flags.With(wire.HitGGEP, true)
	}
	const around = 96 // bytes of header, trailer, proxies and servent id
	for i, f := range files {
		r := wire.Result{Index: f.Index, Size: f.Size, Name: []byte(f.Name), Extensions: extensions(&f, w)}
		results, err := r.Append(h.Results)
		if err != nil || h.Count == 0xff || h.Count > 0 && len(results) > maxHit-around {
			return h, files[i:]
		}
		h.Results = results
		h.Count++
	}
	return h, nil
}

// sha1InH says that a GGEP H has a SHA-1 and nothing else.
const sha1InH = 1

// extensions name the content of a file: as a urn, or in GGEP, which has no NUL in
// it, for who wants that instead. They do even if nobody asked, because servents such
// as gtk-gnutella pass queries on without their extensions.
//
// GN-QY-15, GN-QH-13, GN-GG-05.
func extensions(f *File, w *wish) []byte {
	switch {
	case f.SHA1 == (urn.SHA1{}):
		return nil
	case w.flags.Has(wire.QueryGGEPHash) && !w.wantsURN:
		h := ggep.Extension{ID: "H", Data: append([]byte{sha1InH}, f.SHA1[:]...), COBS: true}
		b, _ := ggep.Append(nil, []ggep.Extension{h})
		return b
	}
	return []byte(f.SHA1.String())
}

// hashOfH reads the value of a GGEP H: a type and a SHA-1, which a Tiger root may
// follow.
func hashOfH(data []byte) (h urn.SHA1, ok bool) {
	if len(data) <= len(h) {
		return h, false
	}
	return urn.SHA1(data[1:]), true
}

// hitEvent is what the application learns of a hit, which has been parsed.
func hitEvent(d *wire.Descriptor, h *wire.QueryHit) Hit {
	e := Hit{GUID: d.GUID, Addr: h.Addr, ServentID: h.ServentID, Hops: d.Hops}
	if h.Trailer != nil {
		push, known := h.Trailer.Flags.Get(wire.HitPush)
		e.Push, e.Proxies = push && known, proxiesOf(h.Trailer.Private)
	}
	for rest := h.Results; len(rest) > 0; {
		var r wire.Result
		var err error
		if r, rest, err = wire.NextResult(rest); err != nil {
			break
		}
		e.Results = append(e.Results, Found{r.Index, r.Size, string(r.Name), hashOf(r.Extensions)})
	}
	return e
}

// hashOf finds the hash among the extensions of a result.
func hashOf(block []byte) (hash urn.SHA1) {
	for len(block) > 0 {
		var kind wire.ExtensionKind
		var part []byte
		kind, part, block = wire.NextExtension(block)
		switch kind {
		case wire.ExtensionURN:
			if h, err := urn.Parse(string(part)); err == nil {
				return h
			}
		case wire.ExtensionGGEP:
			list, _, err := ggep.Parse(part)
			if e, ok := ggep.Find(list, "H"); err == nil && ok {
				hash, _ = hashOfH(e.Data)
			}
		}
	}
	return hash
}
