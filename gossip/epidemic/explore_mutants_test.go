package epidemic

import (
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// flaw is what a mutant does wrong.
type flaw string

const (
	lastArrival   flaw = "takes what comes last for the latest"
	takesOnly     flaw = "takes, and gives nothing back"
	countsOnly    flaw = "compares numbers of entries, not sums"
	deletesAtOnce flaw = "keeps no death certificate"
	restamps      flaw = "passes on what it learns as its own"
	remembersNone flaw = "keeps no dormant certificate"
	sleepsOn      flaw = "does not awaken a dormant certificate"
	hearsNothing  flaw = "does not take the answer to what it peels"
	dropsLastPart flaw = "leaves out the last part of a range"
)

type caught struct {
	flaw   flaw
	scope  string
	breaks string
}

func mutants() []caught {
	const creation, older, equal = "no creation", "no resurrection", "equal after full exchange"
	return []caught{
		{lastArrival, "full", older},
		{takesOnly, "full", equal},
		{countsOnly, "ranges", equal},
		{deletesAtOnce, "checksum", older},
		{restamps, "full", creation},
		{remembersNone, "certificates", "deleted in the end"},
		{sleepsOn, "certificates", "deleted in the end"},
		{hearsNothing, "peel", equal},
		{dropsLastPart, "split", equal},
	}
}

// mutant is a node with a flaw.
type mutant struct {
	*Node
	flaw flaw
}

func (s *scope) machine(n *Node) spec.Machine {
	if s.flaw == "" {
		return n
	}
	return &mutant{n, s.flaw}
}

func (m *mutant) Clone() spec.Machine { return &mutant{m.Node.Clone().(*Node), m.flaw} }

func (m *mutant) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n := m.Node
	recv, _ := in.(spec.Recv)
	entries, isEntries := recv.Msg.(Entries)
	switch {
	case m.flaw == lastArrival && isEntries:
		for _, u := range entries.Updates {
			at, found := n.find(u.Key)
			n.set(at, found, u)
		}
	case m.flaw == takesOnly && isEntries:
		entries.Give = false
		in = spec.Recv{From: recv.From, Msg: entries}
	case m.flaw == sleepsOn && isEntries:
		for i := range n.entries {
			if e := &n.entries[i]; e.dormant && len(entries.Updates) > 0 && entries.Updates[0].Key == e.Key {
				return out
			}
		}
	}
	if summary, ok := recv.Msg.(Summary); ok && m.flaw == countsOnly {
		for i := range summary.Ranges {
			if r := n.summarize(summary.Ranges[i].From, summary.Ranges[i].To); r.Count == summary.Ranges[i].Count {
				return out
			}
		}
	}
	if peel, ok := recv.Msg.(Peel); ok && m.flaw == hearsNothing && peel.Answer {
		return out
	}
	from := len(out)
	out = n.Step(now, in, out)
	m.spoil(out[from:])
	return out
}

// spoil changes the state, or what is sent, after a step.
func (m *mutant) spoil(effects []spec.Effect) {
	n := m.Node
	for i := 0; i < len(n.entries); i++ {
		e := n.entries[i]
		switch {
		case m.flaw == restamps && e.Stamp.Site != n.self && !e.Deleted:
			e.Stamp = Stamp{e.Stamp.Counter + 1, n.self}
			n.set(i, true, e.Update)
		case m.flaw == deletesAtOnce && e.Deleted && e.Stamp.Site != n.self,
			m.flaw == remembersNone && e.dormant:
			n.sum -= e.weight()
			n.entries = append(n.entries[:i:i], n.entries[i+1:]...)
			n.cool(e.Key)
		}
	}
	for i := range effects {
		if s, ok := effects[i].(spec.Send); ok && m.flaw == dropsLastPart {
			if parts, ok := s.Msg.(Summary); ok && len(parts.Ranges) > 1 {
				s.Msg = Summary{parts.Ranges[:len(parts.Ranges)-1]}
				effects[i] = s
			}
		}
	}
}

// Check leaves it to the properties to find what is wrong.
func (m *mutant) Check() error { return nil }
