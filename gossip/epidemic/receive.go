package epidemic

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// The reasons for refused messages, wrapped with what was found.
var (
	errSender = errors.New("epidemic: sender")
	errUpdate = errors.New("epidemic: update")
	errRumor  = errors.New("epidemic: rumor")
	errRange  = errors.New("epidemic: range")
	errMode   = errors.New("epidemic: not by the rules of this system")
)

// receive handles one message. Whatever is refused leaves no trace but a Drop.
func (n *Node) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	if clause, err := n.refuse(in); err != nil {
		return append(out, spec.Drop{From: in.From, Clause: clause, Reason: err})
	}
	switch m := in.Msg.(type) {
	case Contact:
		return n.contacted(in.From, &m, out)
	case Reply:
		return n.replied(in.From, &m, out)
	case Feedback:
		n.judged(m.Verdicts)
		return out
	case Busy:
		return n.hunt(out)
	case Entries:
		return n.entriesCame(in.From, &m, out)
	case Ask:
		return n.sendEntries(in.From, m.From, m.To, m.Give, out)
	case Summary:
		return n.summaryCame(in.From, &m, out)
	case Peel:
		return n.peelCame(in.From, &m, out)
	}
	panic("unreachable: refuse")
}

// refuse judges a message.
func (n *Node) refuse(in spec.Recv) (clause string, err error) {
	clause = "GO-EP-02"
	if !reachable(in.From) {
		return clause, fmt.Errorf("%w: unusable address %v", errSender, in.From)
	}
	rule := &n.cfg.Mongering
	switch m := in.Msg.(type) {
	case Contact:
		switch {
		case m.Pull != (rule.Exchange != Push):
			return clause, fmt.Errorf("%w: contact with Pull %v", errMode, m.Pull)
		case rule.Exchange == Pull && len(m.Rumors) > 0:
			return clause, fmt.Errorf("%w: %d rumors pushed", errMode, len(m.Rumors))
		}
		return clause, n.checkRumors(m.Rumors)
	case Reply:
		switch {
		case rule.Exchange == Push && len(m.Rumors) > 0:
			return clause, fmt.Errorf("%w: %d rumors nobody asked for", errMode, len(m.Rumors))
		case len(m.Verdicts) > maxBatch:
			return clause, fmt.Errorf("%w: %d verdicts", errRumor, len(m.Verdicts))
		}
		return clause, n.checkRumors(m.Rumors)
	case Feedback:
		if len(m.Verdicts) > maxBatch {
			return clause, fmt.Errorf("%w: %d verdicts", errRumor, len(m.Verdicts))
		}
		return clause, nil
	case Busy:
		if n.partner < 0 || n.cfg.Peers[n.partner] != in.From {
			return clause, fmt.Errorf("%w: %v was not called", errSender, in.From)
		}
		return clause, nil
	}
	return "GO-EP-01", n.checkAntiEntropy(in.Msg)
}

// checkAntiEntropy judges a message of anti-entropy, or of no kind at all.
func (n *Node) checkAntiEntropy(msg spec.Message) error {
	compare := n.cfg.AntiEntropy.Compare
	foreign := false
	switch m := msg.(type) {
	case Entries:
		if err := checkRange(m.From, m.To); err != nil {
			return err
		}
		for i := range m.Updates {
			key := m.Updates[i].Key
			if key < m.From || m.To != "" && key >= m.To || i > 0 && key <= m.Updates[i-1].Key {
				return fmt.Errorf("%w: key %q between %q and %q", errRange, key, m.From, m.To)
			}
		}
		foreign = compare == PeelBack
		if err := n.checkUpdates(m.Updates); err != nil {
			return err
		}
	case Ask:
		if err := checkRange(m.From, m.To); err != nil {
			return err
		}
		foreign = compare == PeelBack
	case Summary:
		if err := checkRanges(m.Ranges); err != nil {
			return err
		}
		foreign = compare != Ranges && compare != Checksum
	case Peel:
		if !m.Low.below(m.High) {
			return fmt.Errorf("%w: stamps from %v to %v", errRange, m.Low, m.High)
		}
		foreign = compare != PeelBack
		if err := n.checkUpdates(m.Updates); err != nil {
			return err
		}
	default:
		return fmt.Errorf("epidemic: message of type %T", msg)
	}
	if foreign {
		return fmt.Errorf("%w: %T", errMode, msg)
	}
	return nil
}

// checkRange wants a range that is not empty.
func checkRange(from, to string) error {
	if to != "" && from >= to || max(len(from), len(to)) > MaxKeyBytes {
		return fmt.Errorf("%w: from %q to %q", errRange, from, to)
	}
	return nil
}

// checkRanges wants ranges one after the other, so that none is answered twice.
func checkRanges(list []Range) error {
	if len(list) > maxBatch {
		return fmt.Errorf("%w: %d in one message, at most %d", errRange, len(list), maxBatch)
	}
	for i := range list {
		if err := checkRange(list[i].From, list[i].To); err != nil {
			return err
		}
		if i > 0 && (list[i-1].To == "" || list[i].From < list[i-1].To) {
			return fmt.Errorf("%w: %q after %q", errRange, list[i].From, list[i-1].To)
		}
	}
	return nil
}

func (n *Node) checkUpdates(list []Update) error {
	if len(list) > maxBatch {
		return fmt.Errorf("%w: %d in one message, at most %d", errUpdate, len(list), maxBatch)
	}
	for i := range list {
		if err := n.checkUpdate(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkRumors judges the rumors of one message.
func (n *Node) checkRumors(list []Rumor) error {
	if len(list) > maxBatch {
		return fmt.Errorf("%w: %d in one message, at most %d", errRumor, len(list), maxBatch)
	}
	median := n.cfg.Mongering.Interest == MedianCounter
	for i := range list {
		if err := n.checkUpdate(&list[i].Update); err != nil {
			return err
		}
		level := list[i].Level
		if !median && level != 0 || median && (level == 0 || int(level) > n.cfg.Mongering.K && level != Cooling) {
			return fmt.Errorf("%w: level %d", errRumor, level)
		}
	}
	return nil
}

// checkUpdate judges an update that came from another node.
func (n *Node) checkUpdate(u *Update) error {
	switch {
	case u.Key == "" || len(u.Key) > MaxKeyBytes:
		return fmt.Errorf("%w: key of %d bytes", errUpdate, len(u.Key))
	case len(u.Value) > n.cfg.MaxValueBytes:
		return fmt.Errorf("%w: value of %d bytes, at most %d", errUpdate, len(u.Value), n.cfg.MaxValueBytes)
	case u.Deleted && len(u.Value) > 0:
		return fmt.Errorf("%w: death certificate with a value", errUpdate)
	case u.Age < 0 || u.Age > 2*maxPeriod || !u.Deleted && u.Age != 0:
		return fmt.Errorf("%w: age %v", errUpdate, u.Age)
	case u.Stamp.Counter == 0 || u.Stamp.Counter > MaxCounter:
		return fmt.Errorf("%w: stamp with counter %d", errUpdate, u.Stamp.Counter)
	case u.Stamp.Site < 0 || int(u.Stamp.Site) >= len(n.cfg.Peers):
		return fmt.Errorf("%w: stamp of site %d, there are %d", errUpdate, u.Stamp.Site, len(n.cfg.Peers))
	}
	return nil
}

// reachable reports whether a datagram can be sent to a.
func reachable(a netip.AddrPort) bool {
	ip := a.Addr()
	return a.Port() != 0 && ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast()
}
