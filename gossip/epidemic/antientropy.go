package epidemic

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/spec"
)

// synchronize executes Sync.
func (n *Node) synchronize(in Sync, out []spec.Effect) []spec.Effect {
	if in.With < 0 || int(in.With) >= len(n.cfg.Peers) || in.With == n.self {
		return fail(in.Op, ErrPeer, out)
	}
	out = n.compareWith(n.cfg.Peers[in.With], out)
	return append(out, spec.Done{Op: in.Op})
}

// compareWith begins anti-entropy with a node.
//
// GO-EP-01 (Demers et al. 1987, §1.3).
func (n *Node) compareWith(to netip.AddrPort, out []spec.Effect) []spec.Effect {
	a := &n.cfg.AntiEntropy
	switch {
	case a.Compare == PeelBack:
		return append(out, spec.Send{To: to, Msg: n.peel(Stamp{})})
	case a.Compare != Full:
		return append(out, spec.Send{To: to, Msg: Summary{[]Range{n.summarize("", "")}}})
	case a.Exchange == Pull:
		return append(out, spec.Send{To: to, Msg: Ask{}})
	}
	return n.sendEntries(to, "", "", a.Exchange == PushPull, out)
}

// span is the place in the database of the entries in a range.
func (n *Node) span(from, to string) (first, end int) {
	first, _ = n.find(from)
	if to == "" {
		return first, len(n.entries)
	}
	end, _ = n.find(to)
	return first, end
}

// summarize describes a range, without dormant certificates.
func (n *Node) summarize(from, to string) Range {
	r := Range{From: from, To: to}
	first, end := n.span(from, to)
	for i := range n.entries[first:end] {
		if e := &n.entries[first+i]; !e.dormant {
			r.Count++
			r.Sum += e.digest()
		}
	}
	return r
}

// sendEntries sends a range of the database in as many messages as it takes.
func (n *Node) sendEntries(to netip.AddrPort, from, until string, give bool, out []spec.Effect) []spec.Effect {
	m := Entries{From: from, Give: give}
	room := n.entriesRoom()
	first, end := n.span(from, until)
	for i := first; i < end; i++ {
		e := &n.entries[i]
		if e.dormant {
			continue
		}
		if room -= e.size(); room < 0 || len(m.Updates) == maxBatch {
			m.To = e.Key
			out = append(out, spec.Send{To: to, Msg: m})
			m = Entries{From: e.Key, Give: give}
			room = n.entriesRoom() - e.size()
		}
		m.Updates = append(m.Updates, n.outgoing(e))
	}
	m.To = until
	if len(m.Updates) == 0 && !give {
		return out // there is nothing to learn from it
	}
	return append(out, spec.Send{To: to, Msg: m})
}

// entriesRoom is what is left for updates in a message that names a range.
func (n *Node) entriesRoom() int { return n.cfg.PacketSize - messageBytes - 2*(1+MaxKeyBytes) }

// entriesCame takes what Entries brings, and gives what it lacks. A certificate
// that was dormant until now is given in any case: the sender could not know of
// it, and nobody else may.
func (n *Node) entriesCame(from netip.AddrPort, m *Entries, out []spec.Effect) []spec.Effect {
	woken, out := n.mergeAll(m.Updates, out)
	if !m.Give && len(woken) == 0 {
		return out
	}
	answer := Entries{From: m.From, To: m.To}
	room := n.entriesRoom()
	first, end := n.span(m.From, m.To)
	for i := first; i < end; i++ {
		e := &n.entries[i]
		at, listed := slices.BinarySearchFunc(m.Updates, e.Key, byKey)
		switch {
		case !m.Give && !slices.Contains(woken, e.Key), e.dormant, listed && !e.Supersedes(&m.Updates[at]):
			continue
		}
		if room -= e.size(); room < 0 || len(answer.Updates) == maxBatch {
			out = append(out, spec.Send{To: from, Msg: answer})
			answer.Updates = nil
			room = n.entriesRoom() - e.size()
		}
		answer.Updates = append(answer.Updates, n.outgoing(e))
	}
	if len(answer.Updates) == 0 {
		return out
	}
	return append(out, spec.Send{To: from, Msg: answer})
}

func byKey(u Update, key string) int { return strings.Compare(u.Key, key) }

// mergeAll merges updates without becoming interested in them: anti-entropy is
// for what rumors have missed. It returns the keys of the certificates that have
// awakened.
func (n *Node) mergeAll(list []Update, out []spec.Effect) (woken []string, _ []spec.Effect) {
	refused := int32(0)
	for i := range list {
		switch n.merge(&list[i]) {
		case learned:
			u, _ := n.Lookup(list[i].Key)
			n.cool(u.Key)
			out = append(out, spec.Notify{Event: Learned{u}})
		case awakened:
			woken = append(woken, list[i].Key)
		case noRoom:
			refused++
		}
	}
	if refused > 0 {
		out = append(out, spec.Notify{Event: Overflow{refused}})
	}
	return woken, out
}

// cool drops the rumor of an earlier version.
func (n *Node) cool(key string) {
	n.rumors = slices.DeleteFunc(n.rumors, func(r rumor) bool { return r.key == key })
}

const (
	rangeParts = 16 // that a range is split into
	rangeLeaf  = 16 // entries that are rather sent than described any further
)

// summaryCame answers a Summary: where a range differs, and one of the two has
// few entries in it, with those; where both have many, with sums over its parts.
//
// GO-EP-01 (Demers et al. 1987, §1.3, checksums).
func (n *Node) summaryCame(from netip.AddrPort, m *Summary, out []spec.Effect) []spec.Effect {
	a := &n.cfg.AntiEntropy
	var parts []Range
	for i := range m.Ranges {
		theirs := &m.Ranges[i]
		ours := n.summarize(theirs.From, theirs.To)
		switch {
		case ours == *theirs:
		case a.Compare == Checksum && a.Exchange == Push, a.Compare == Ranges && ours.Count > rangeLeaf &&
			theirs.Count <= rangeLeaf:
			ask := Ask{theirs.From, theirs.To, a.Compare == Ranges}
			out = append(out, spec.Send{To: from, Msg: ask})
		case a.Compare == Checksum, ours.Count <= rangeLeaf:
			give := a.Compare == Ranges || a.Exchange == PushPull
			out = n.sendEntries(from, theirs.From, theirs.To, give, out)
		default:
			parts = n.split(&ours, parts)
		}
	}
	return n.sendRanges(from, parts, out)
}

// split appends the parts of a range, of about as many entries each.
func (n *Node) split(r *Range, parts []Range) []Range {
	first, end := n.span(r.From, r.To)
	from, seen := r.From, uint32(0)
	for i := first; i < end; i++ {
		if n.entries[i].dormant {
			continue
		}
		if seen++; seen > 1 && (seen-1)*rangeParts/r.Count != (seen-2)*rangeParts/r.Count {
			parts = append(parts, n.summarize(from, n.entries[i].Key))
			from = n.entries[i].Key
		}
	}
	return append(parts, n.summarize(from, r.To))
}

// sendRanges sends ranges in as many messages as it takes.
func (n *Node) sendRanges(to netip.AddrPort, list []Range, out []spec.Effect) []spec.Effect {
	for len(list) > 0 {
		count, room := 0, n.cfg.PacketSize-messageBytes
		for count < min(len(list), maxBatch) {
			if room -= list[count].size(); room < 0 {
				break
			}
			count++
		}
		out = append(out, spec.Send{To: to, Msg: Summary{slices.Clip(list[:count])}})
		list = list[count:]
	}
	return out
}
