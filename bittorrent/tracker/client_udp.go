package tracker

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// contact begins an announce over UDP, with a connection id that is still good
// or by asking for one. BEP15-UDP-006
func (s *asking) contact() {
	s.phase = announcing
	if s.current().expires == never {
		s.phase = connecting
	}
	s.tries = 0
	s.transmit()
}

// transmit sends the packet of the phase, for the first time or again. A
// connection id that expired meanwhile is asked for anew, without beginning the
// waits anew. BEP15-UDP-018, BEP15-UDP-019
func (s *asking) transmit() {
	h := s.current()
	if s.phase == announcing && h.expires == never {
		s.phase = connecting
	}
	s.transaction = uint32(s.rng.Uint64())
	r := &Request{Transaction: s.transaction} // BEP15-UDP-001
	if s.phase == announcing {
		r.Action, r.Connection, r.Announce, r.URLData = ActionAnnounce, h.connection, s.request(), h.url.Path
	}
	s.at = s.now + s.patience(udpTimeout<<min(s.tries, maxShift))
	s.tries++
	s.emit(spec.Send{To: h.addr, Msg: r})
}

// received takes a packet, if it is what is waited for.
func (s *asking) received(in spec.Recv) {
	r, ok := in.Msg.(*Response)
	switch {
	case !ok || s.phase != connecting && s.phase != announcing || r.Transaction != s.transaction:
		s.drop(in.From, "BEP15-UDP-005", "an answer to nothing that was asked")
	case in.From != s.current().addr:
		s.drop(in.From, "BEP15-UDP-023", "an answer from another address than was asked")
	case r.Action == ActionError: // BEP15-UDP-022
		s.fail(fmt.Errorf("%w: %q", errRefused, r.Message))
	case r.Action == ActionConnect && s.phase == connecting:
		h := s.current()
		h.connection, h.expires = r.Connection, s.now+connectionLife
		s.phase, s.tries = announcing, 0
		s.transmit()
	case r.Action == ActionAnnounce && s.phase == announcing:
		s.answered(udpResponse(r, in.From.Addr()))
	default:
		s.drop(in.From, "BEP15-UDP-005", "an answer with another action than was asked")
	}
}

var errRefused = errors.New("tracker: it refuses")

func (s *asking) drop(from netip.AddrPort, clause, why string) {
	s.emit(spec.Drop{From: from, Clause: clause, Reason: errors.New("tracker: " + why)})
}

// udpResponse reads the peers, whose size follows from the address family of
// the packet. BEP15-UDP-015
func udpResponse(r *Response, from netip.Addr) AnnounceResponse {
	a := AnnounceResponse{
		Interval: time.Duration(r.Interval) * time.Second,
		Complete: int64(r.Seeders), Incomplete: int64(r.Leechers),
	}
	size := 6
	if from.Is6() && !from.Is4In6() {
		size = 18
	}
	peers, _ := ParseCompactPeers(r.Peers[:len(r.Peers)/size*size], size == 18)
	for _, p := range peers {
		a.Peers = append(a.Peers, Peer{Addr: p})
	}
	return a
}

// resolved takes the address of a UDP tracker.
func (s *asking) resolved(in Resolved) {
	switch {
	case s.phase != resolving || in.Token != s.token:
	case in.Err != nil:
		s.fail(in.Err)
	default:
		h := s.current()
		h.addr = netip.AddrPortFrom(in.Addr, h.url.Port)
		s.contact()
	}
}

// fetched takes an HTTP response. Of a status that is not 200 the body still
// counts if it gives a reason: some trackers send that.
func (s *asking) fetched(in Fetched) {
	if s.phase != fetching || in.Token != s.token {
		return
	}
	if in.Err != nil {
		s.fail(in.Err)
		return
	}
	r, err := ParseAnnounceResponse(in.Body)
	switch {
	case err == nil && r.Failure != "": // BEP03-TRK-015
		s.refused(r)
	case in.Status != 200:
		s.fail(fmt.Errorf("%w: HTTP status %d", errProtocol, in.Status))
	case err != nil:
		s.fail(fmt.Errorf("%w: %w", errProtocol, err))
	default:
		s.answered(r)
	}
}

// refused honours how long the tracker wants to be left alone. BEP31-RETRY-001
func (s *asking) refused(r AnnounceResponse) {
	h := s.current()
	switch {
	case r.RetryIn == RetryNever:
		h.refused = true
	case r.RetryIn > 0:
		h.notUntil = s.now + min(time.Duration(r.RetryIn)*time.Minute, maxInterval)
	}
	s.fail(fmt.Errorf("%w: %q", errRefused, r.Failure))
}

// fail ends an announce without an answer.
func (s *asking) fail(err error) {
	h := s.current()
	s.phase, s.at = idle, never
	s.emit(spec.Notify{Event: Failed{Tracker: h.announce, Err: err}})
	if s.event == Stopped {
		s.finish()
		return
	}
	h.expires, h.connection = never, 0
	s.next()
}

// answered takes the answer to an announce. The tracker moves to the front of
// its tier (BEP12-MULTI-004) and is asked again after its interval
// (BEP03-TRK-011, BEP15-UDP-017), or at once if a completion became due.
func (s *asking) answered(r AnnounceResponse) {
	tier := s.tiers[s.tier]
	h := tier[s.place]
	h.known = s.event != Stopped
	if r.TrackerID != "" {
		h.id = r.TrackerID
	}
	copy(tier[1:], tier[:s.place])
	tier[0], s.place = h, 0
	s.failures = 0
	s.phase, s.at = idle, s.now+s.cfg.interval(r)
	if s.event == Completed {
		s.completed = false
	}
	s.emit(spec.Notify{Event: Announced{
		Tracker: h.announce, Event: s.event, Response: r, Switched: s.last != "" && s.last != h.announce,
	}})
	s.last = h.announce
	switch {
	case s.event == Stopped:
		s.finish()
	case s.completed:
		s.announce()
	}
}

// finish ends the client.
func (s *asking) finish() {
	s.phase, s.at = idle, never
	if s.waits {
		s.waits = false
		s.emit(spec.Done{Op: s.end})
	}
}
