package swim

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Why remote input was refused, as [spec.Drop] says it.
var (
	errNotPacket    = errors.New("swim: neither a packet nor a frame of memberlist")
	errParts        = errors.New("swim: a packet without parts or with too many")
	errMisplaced    = errors.New("swim: a message that does not belong here")
	errUnlabelled   = errors.New("swim: a stream without the label of the cluster")
	errOtherNode    = errors.New("swim: a ping for another node")
	errAddress      = errors.New("swim: an address that cannot be sent to")
	errRelays       = errors.New("swim: too many pings for others under way")
	errUnasked      = errors.New("swim: an answer to nothing that was asked")
	errName         = errors.New("swim: a name that is empty or too long")
	errMeta         = errors.New("swim: metadata too large")
	errVersions     = errors.New("swim: protocol versions that nobody can speak")
	errConflict     = errors.New("swim: the name belongs to another address")
	errFull         = errors.New("swim: too many members")
	errOld          = errors.New("swim: an incarnation older than the known one")
	errNobody       = errors.New("swim: an accusation of an unknown node")
	errIrrefutable  = errors.New("swim: an incarnation that none exceeds")
	errIncompatible = errors.New("swim: a node speaks a version that not all understand")
	errStreams      = errors.New("swim: too many streams")
)

// refusal says why a claim was refused; the zero value: it was not.
type refusal struct {
	clause string
	reason error
}

func drop(from netip.AddrPort, clause string, reason error, out []spec.Effect) []spec.Effect {
	return append(out, spec.Drop{From: from, Clause: clause, Reason: reason})
}

// receive handles a packet: news that somebody lives come first, so that what
// follows is about somebody.
//
// GO-GS-05 (memberlist packetHandler).
func (n *Node) receive(in spec.Recv, out []spec.Effect) []spec.Effect {
	p, ok := in.Msg.(wire.Packet)
	if !ok {
		return drop(in.From, "GO-WF-01", errNotPacket, out)
	}
	if len(p.Parts) == 0 || len(p.Parts) > wire.MaxParts {
		return drop(in.From, "GO-WF-11", errParts, out)
	}
	for _, m := range p.Parts {
		if !later(m) {
			out = n.receiveFirst(in.From, m, out)
		}
	}
	for _, m := range p.Parts {
		if later(m) {
			out = n.receiveLater(in.From, m, out)
		}
	}
	for _, f := range p.Faults {
		out = drop(in.From, f.Clause, f, out)
	}
	return out
}

// later reports whether memberlist handles m after its Alive messages.
func later(m wire.Message) bool {
	switch m.(type) {
	case wire.Suspect, wire.Dead, wire.User:
		return true
	}
	return false
}

func (n *Node) receiveFirst(from netip.AddrPort, m wire.Message, out []spec.Effect) []spec.Effect {
	switch m := m.(type) {
	case wire.Ping:
		return n.receivePing(from, m, out)
	case wire.IndirectPing:
		return n.receiveIndirectPing(from, m, out)
	case wire.Ack:
		return n.receiveAck(from, m, out)
	case wire.Nack:
		return n.receiveNack(from, m, out)
	case wire.Alive:
		out, refused := n.hearAlive(m, out)
		return refused.report(from, out)
	}
	return drop(from, "GO-WF-01", errMisplaced, out)
}

func (n *Node) receiveLater(from netip.AddrPort, m wire.Message, out []spec.Effect) []spec.Effect {
	var refused refusal
	switch m := m.(type) {
	case wire.Suspect:
		out, refused = n.hearSuspect(m, out)
	case wire.Dead:
		out, refused = n.hearDead(m, out)
	case wire.User:
		out = append(out, spec.Notify{Event: UserMessage{from, slices.Clone(m.Payload)}})
	}
	return refused.report(from, out)
}

func (r refusal) report(from netip.AddrPort, out []spec.Effect) []spec.Effect {
	if r.reason == nil {
		return out
	}
	return drop(from, r.clause, r.reason, out)
}

// hearAlive applies the news that a node lives.
//
// GO-FD-13, GO-FD-14, GO-FD-15 (memberlist aliveNode).
func (n *Node) hearAlive(a wire.Alive, out []spec.Effect) ([]spec.Effect, refusal) {
	if r := checkAlive(&a); r.reason != nil {
		return out, r
	}
	at, known := n.find(a.Node)
	if !known {
		return n.meet(at, a, out)
	}
	m := n.nodes[at]
	self := m.Name == n.cfg.Name
	if self && n.left {
		return out, refusal{}
	}
	claim := Claim{State: wire.StateAlive, Incarnation: a.Incarnation}
	if a.Addr != m.Addr {
		if claim.Replaces = n.replaceable(m); !claim.Replaces {
			out = append(out, spec.Notify{Event: Conflict{*m, a.Addr}})
			return out, refusal{"GO-FD-15", errConflict}
		}
	}
	claim.Differs = self && (!bytes.Equal(a.Meta, m.Meta) || a.Versions != m.Versions)
	view, outcome := Hear(m.view(), claim, self)
	switch outcome {
	case Rebutted:
		return n.refute(at, view, out), refusal{}
	case Adopted:
		return n.adopt(at, a, out), refusal{}
	}
	return out, outcome.refusal("GO-FD-13")
}

// checkAlive reports what makes the news unusable, whoever they are about.
func checkAlive(a *wire.Alive) refusal {
	switch {
	case a.Node == "" || len(a.Node) > wire.MaxName:
		return refusal{"GO-WF-06", errName}
	case !reachable(a.Addr):
		return refusal{"GO-WF-06", errAddress}
	case len(a.Meta) > wire.MaxMeta:
		return refusal{"GO-WF-18", errMeta}
	case !understandable(a.Versions):
		return refusal{"GO-FD-16", errVersions}
	}
	return refusal{}
}

// replaceable reports whether the name of m may go to another address.
//
// GO-FD-15 (memberlist aliveNode).
func (n *Node) replaceable(m *Member) bool {
	if m.State == wire.StateDead && n.cfg.DeadNodeReclaim > 0 {
		i, _ := n.doubtAt(m.Name)
		return n.now-n.doubts[i].since > n.cfg.DeadNodeReclaim
	}
	return m.State == wire.StateLeft
}

// meet adds a node of which nobody had spoken.
func (n *Node) meet(at int, a wire.Alive, out []spec.Effect) ([]spec.Effect, refusal) {
	claim := Claim{State: wire.StateAlive, Incarnation: a.Incarnation}
	if _, outcome := Hear(View{State: wire.StateDead}, claim, false); outcome != Adopted {
		return out, refusal{"GO-FD-13", errOld}
	}
	if len(n.nodes) >= n.cfg.MaxMembers {
		return out, refusal{"GO-WF-18", errFull}
	}
	n.add(at, &Member{Name: a.Node, State: wire.StateDead})
	return n.adopt(at, a, out), refusal{}
}

// adopt believes the news and passes them on.
func (n *Node) adopt(at int, a wire.Alive, out []spec.Effect) []spec.Effect {
	old := n.nodes[at]
	m := &Member{
		Name: old.Name, Addr: a.Addr, Meta: old.Meta, Versions: a.Versions,
		Incarnation: a.Incarnation, State: wire.StateAlive,
	}
	if !bytes.Equal(old.Meta, a.Meta) {
		m.Meta = bytes.Clone(a.Meta)
	}
	n.set(at, m)
	n.clearDoubt(m.Name)
	out = n.toldOften(n.announce(m), out)
	switch {
	case gone(old.State):
		return append(out, spec.Notify{Event: Joined{*m}})
	case !bytes.Equal(old.Meta, m.Meta):
		return append(out, spec.Notify{Event: Updated{*m}})
	}
	return out
}

// refute answers an accusation with a higher incarnation.
//
// GO-FD-12 (memberlist refute; SWIM §4.2).
func (n *Node) refute(at int, view View, out []spec.Effect) []spec.Effect {
	m := *n.nodes[at]
	m.Incarnation = view.Incarnation
	n.set(at, &m)
	n.addHealth(1)
	out = n.toldOften(n.announce(&m), out)
	return append(out, spec.Notify{Event: Refuted{m.Incarnation}})
}

// hearSuspect applies an accusation.
//
// GO-FD-08, GO-FD-11, GO-FD-12 (memberlist suspectNode).
func (n *Node) hearSuspect(s wire.Suspect, out []spec.Effect) ([]spec.Effect, refusal) {
	if len(s.From) > wire.MaxName {
		return out, refusal{"GO-WF-06", errName}
	}
	at, known := n.find(s.Node)
	if !known {
		return out, refusal{"GO-FD-08", errNobody}
	}
	m := n.nodes[at]
	claim := Claim{State: wire.StateSuspect, Incarnation: s.Incarnation}
	view, outcome := Hear(m.view(), claim, m.Name == n.cfg.Name)
	switch outcome {
	case Rebutted:
		return n.refute(at, view, out), refusal{}
	case Confirmed:
		if n.confirm(m.Name, s.From) {
			n.tell(&rumor{kind: wire.TypeSuspect, node: m.Name, from: s.From, incarnation: s.Incarnation})
		}
		return out, refusal{}
	case Adopted:
		suspect := n.believe(at, view)
		n.setDoubt(n.suspicion(m.Name, s.From))
		n.tell(&rumor{kind: wire.TypeSuspect, node: m.Name, from: s.From, incarnation: s.Incarnation})
		return append(out, spec.Notify{Event: Suspected{*suspect, s.From}}), refusal{}
	}
	return out, outcome.refusal("GO-FD-08")
}

// hearDead applies a verdict, or a farewell when it is from the node itself.
//
// GO-FD-12, GO-FD-17 (memberlist deadNode).
func (n *Node) hearDead(d wire.Dead, out []spec.Effect) ([]spec.Effect, refusal) {
	if len(d.From) > wire.MaxName {
		return out, refusal{"GO-WF-06", errName}
	}
	at, known := n.find(d.Node)
	if !known {
		return out, refusal{"GO-FD-17", errNobody}
	}
	m := n.nodes[at]
	claim := Claim{State: wire.StateDead, Incarnation: d.Incarnation}
	if d.From == d.Node {
		claim.State = wire.StateLeft
	}
	view, outcome := Hear(m.view(), claim, m.Name == n.cfg.Name)
	switch outcome {
	case Rebutted:
		return n.refute(at, view, out), refusal{}
	case Adopted:
		dead := n.believe(at, view)
		n.setDoubt(doubt{name: m.Name, since: n.now, due: never})
		n.tell(&rumor{kind: wire.TypeDead, node: m.Name, from: d.From, incarnation: d.Incarnation})
		if claim.State == wire.StateLeft {
			return append(out, spec.Notify{Event: Left{*dead}}), refusal{}
		}
		return append(out, spec.Notify{Event: Failed{*dead, d.From}}), refusal{}
	}
	return out, outcome.refusal("GO-FD-17")
}

// believe replaces what is believed of the member at that place.
func (n *Node) believe(at int, v View) *Member {
	m := *n.nodes[at]
	m.State, m.Incarnation = v.State, v.Incarnation
	n.set(at, &m)
	return &m
}

func (m *Member) view() View { return View{m.State, m.Incarnation} }

// refusal says why a claim with this outcome was refused: repetitions, of which
// gossip is made, are not.
func (o Outcome) refusal(clause string) refusal {
	switch o {
	case Stale:
		return refusal{clause, errOld}
	case Irrefutable:
		return refusal{"GO-FD-12", errIrrefutable}
	}
	return refusal{}
}
