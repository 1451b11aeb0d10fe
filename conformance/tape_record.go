package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/spec"
)

// recorder is a network that keeps what crosses it. Its tape is nil once something
// happened that a tape cannot tell. The case sees the clock as the tape will show it.
type recorder struct {
	Network
	tape *Tape
	now  time.Duration
}

// tapeTick is how far the clock of a recording may stand behind: a fraction of what any
// case measures, so that not every look at it is a step.
const tapeTick = time.Millisecond

// record puts a recorder between the case and its network. Not taped are members, whose
// messages the harness carries itself, parsers, which have no network, a target that
// brings its own content, which is not on the tape, and a tape that plays.
func (t *T) record() {
	b, ok := t.target.(Bearer)
	_, plays := t.net.(*player)
	if plays || t.c.Role == Member || t.c.Role == Parser || ok && b.Torrent() != nil {
		return
	}
	now := t.net.Now()
	r := &recorder{t.net, &Tape{
		Case: t.c.ID, Rev: t.c.Rev, Began: now, Virtual: t.net.Virtual(), Learns: t.Learns(),
	}, now}
	if t.inst != nil {
		r.tape.Shared, r.tape.Renews = reached(t.inst), t.renew != nil
		if !t.cold {
			r.tape.Shared.Warm = 0
		}
	}
	t.net = r
}

// bare is the network without its recorder, for a target to be started on.
func bare(n Network) Network {
	if r, ok := n.(*recorder); ok {
		return r.Network
	}
	return n
}

// noteStart tapes that the target was started, with what, and where it is.
func (t *T) noteStart(inst Instance, opt StartOptions, err error) {
	r, ok := t.net.(*recorder)
	if !ok {
		return
	}
	s := started(opt)
	switch {
	case errors.Is(err, ErrUnsupported):
		s.Err = ErrUnsupported.Error()
	case err != nil:
		s.Err = err.Error()
	default:
		s.Start = reached(inst)
	}
	r.add(s)
}

// started is a start with such options. The folder is another each time.
func started(opt StartOptions) tapeStep {
	opt.Dir = ""
	b, _ := json.Marshal(opt) // nor has this
	return sent(tapeStarts, b)
}

// noteQuit tapes that the target was asked to end.
func (t *T) noteQuit(err error) {
	if r, ok := t.net.(*recorder); ok {
		r.add(tapeStep{Op: tapeQuit, Err: text(err)})
	}
}

// untaped gives up a recording: what happens now is not told by the network. A tape that
// plays cannot tell it.
func (t *T) untaped(what string) {
	switch n := t.net.(type) {
	case *recorder:
		n.tape = nil
	case *player:
		panic(offTape{"it " + what + ", which no tape can tell"})
	}
}

// Outside is a number that a case has from elsewhere than its randomness, its network
// and its target, as from the clock. A tape remembers it.
func (t *T) Outside(read func() uint64) uint64 {
	switch n := t.net.(type) {
	case *player:
		return n.did(tapeStep{Op: tapeOutside}).Number
	case *recorder:
		number := read()
		n.add(tapeStep{Op: tapeOutside, Number: number})
		return number
	default:
		return read()
	}
}

// endTape ends the recording, or the playing: what is left to do is to tidy up.
func (t *T) endTape() {
	switch n := t.net.(type) {
	case *recorder:
		t.net, t.tape = n.Network, n.tape
	case *player:
		n.end(t)
	}
}

// ended is the last step of a tape, if there is one: the target has ended by itself.
func (t *Tape) ended(err error) {
	if t == nil {
		return
	}
	last := t.Began
	if len(t.Steps) > 0 {
		last = t.Steps[len(t.Steps)-1].At
	}
	t.Steps = append(t.Steps, tapeStep{Op: tapeExited, At: last, Err: err.Error()})
}

func reached(inst Instance) *tapeStart {
	s := &tapeStart{Addr: inst.Addr(), Addr6: inst.Addr6()}
	if w, ok := inst.(warming); ok {
		s.Warm, _ = w.warmUp()
	}
	if a, ok := inst.(announcer); ok {
		s.Announce = a.Announce()
	}
	return s
}

func (r *recorder) add(s tapeStep) {
	r.now = r.Network.Now()
	if r.tape == nil {
		return
	}
	s.At = r.now
	b, _ := json.Marshal(s) // which has nothing that cannot be written
	r.tape.Steps = append(r.tape.Steps, s)
	if r.tape.size += len(b) + 1; r.tape.size > maxTapeLine-lineHead {
		r.tape = nil
	}
}

// lineHead is more than a line takes beside its steps.
const lineHead = 4096

func sent(op tapeOp, b []byte) tapeStep {
	return tapeStep{Op: op, Size: len(b), Sum: crc32.ChecksumIEEE(b)}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Now is the time of the last step, unless it has moved on since.
func (r *recorder) Now() time.Duration {
	if r.Network.Now()-r.now > tapeTick {
		r.add(tapeStep{Op: tapeClock})
	}
	return r.now
}

func (r *recorder) Open(local netip.AddrPort) (netip.AddrPort, error) {
	at, err := r.Network.Open(local)
	r.add(tapeStep{Op: tapeOpen, Asked: local, Local: at, Err: text(err)})
	return at, err
}

func (r *recorder) Close(local netip.AddrPort) {
	r.Network.Close(local)
	r.add(tapeStep{Op: tapeShut, Asked: local})
}

func (r *recorder) Send(from, to netip.AddrPort, payload []byte) error {
	s := sent(tapeSend, payload)
	err := r.Network.Send(from, to, payload)
	s.Asked, s.Remote, s.Err = from, to, text(err)
	r.add(s)
	return err
}

func (r *recorder) Listen(local netip.AddrPort) (netip.AddrPort, error) {
	at, err := r.Network.Listen(local)
	r.add(tapeStep{Op: tapeListen, Asked: local, Local: at, Err: text(err)})
	return at, err
}

func (r *recorder) Unlisten(local netip.AddrPort) {
	r.Network.Unlisten(local)
	r.add(tapeStep{Op: tapeUnlisten, Asked: local})
}

func (r *recorder) Dial(local, to netip.AddrPort) (spec.Conn, error) {
	c, err := r.Network.Dial(local, to)
	r.add(tapeStep{Op: tapeDial, Conn: c, Asked: local, Remote: to, Err: text(err)})
	return c, err
}

func (r *recorder) Write(c spec.Conn, b []byte) error {
	s := sent(tapeWrite, b)
	err := r.Network.Write(c, b)
	s.Conn, s.Err = c, text(err)
	r.add(s)
	return err
}

func (r *recorder) CloseWrite(c spec.Conn) {
	r.Network.CloseWrite(c)
	r.add(tapeStep{Op: tapeCloseWrite, Conn: c})
}

func (r *recorder) CloseStream(c spec.Conn) {
	r.Network.CloseStream(c)
	r.add(tapeStep{Op: tapeClose, Conn: c})
}

func (r *recorder) Abort(c spec.Conn) {
	r.Network.Abort(c)
	r.add(tapeStep{Op: tapeAbort, Conn: c})
}

// streamOps are the steps that events of streams are.
var streamOps = map[StreamKind]tapeOp{
	StreamOpened: tapeOpened, StreamAccepted: tapeAccepted, StreamData: tapeData,
	StreamDrained: tapeDrained, StreamEnded: tapeEnded, StreamBroken: tapeBroken,
}

func (r *recorder) Recv(until time.Duration) (Arrival, bool) {
	a, ok := r.Network.Recv(until)
	switch a := a.(type) {
	case Datagram:
		r.add(tapeStep{
			Op: tapeDatagram, Until: until, Came: a.At, Local: a.To, Remote: a.From, Data: bytes.Clone(a.Data),
		})
	case StreamEvent:
		r.add(tapeStep{
			Op: streamOps[a.Kind], Until: until, Came: a.At, Conn: a.Conn, Local: a.Local, Remote: a.Remote,
			Data: bytes.Clone(a.Data), Err: text(a.Err),
		})
	default:
		r.add(tapeStep{Op: tapeSilence, Until: until})
	}
	return a, ok
}
