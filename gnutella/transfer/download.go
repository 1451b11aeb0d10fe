package transfer

import (
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// download is a command Download under way. Its bytes come in order, from one source
// at a time.
type download struct {
	op      spec.OpID
	piece   int32
	size    int32
	sha1    urn.SHA1
	at      int32 // bytes handed to the storage
	foreign bool  // some of them are of nobody among the sources
	storing int32 // Stores unanswered
	alone   bool  // bytes of two sources are not mixed: such were corrupt, or no hash would tell
	corrupt bool  // something was

	sources []source
	named   int32     // of them, all told, by others
	current int32     // place of the source that is tried; noSource: none
	conn    spec.Conn // to it; 0: none
	phase   stage
	due     time.Duration

	got      span  // of the answer that is coming: what of it has not come
	persists bool  // more can be asked after it
	gained   bool  // the stream has brought something new
	shorts   int32 // answers on the stream that had less than minProgress
	recent   int32 // bytes of the answer since the time for the next was set
}

// stage is what a download waits for.
type stage uint8

const (
	resting    stage = iota // until a source may be asked
	connecting              // Opened
	pushing                 // GIV
	asked                   // the head of the answer
	queued                  // its turn to ask again
	receiving               // more of the body
	lagging                 // a storage that is behind
	storing                 // the last Stored
	verifying               // Verified
)

// source is one that has not failed for good.
type source struct {
	Source
	after    time.Duration // not to be asked before
	tries    int32         // in a row that brought nothing
	reach    int32         // how far it has ever brought the file: less is nothing new
	refusals int32         // in a row for lack of room
	gave     bool          // some of the bytes that count
}

const noSource = -1

// task is a storage effect of a download that is unanswered.
type task struct {
	token spec.Token
	op    spec.OpID
}

// download executes Download.
func (n *step) download(in Download) {
	switch {
	case slices.ContainsFunc(n.downloads, func(d *download) bool { return d.op == in.Op }):
		n.fail(in.Op, ErrOp)
		return
	case len(n.downloads) == n.cfg.Downloads:
		n.fail(in.Op, ErrTooMany)
		return
	case in.Size > MaxSize || in.Have > in.Size:
		n.fail(in.Op, ErrSize)
		return
	case in.Have > 0 && in.SHA1 == (urn.SHA1{}):
		n.fail(in.Op, ErrNoHash)
		return
	case int(in.Piece) < len(n.cfg.Files) || n.isTaken(in.Piece):
		n.fail(in.Op, ErrPiece)
		return
	}
	d := &download{
		op: in.Op, piece: in.Piece, size: int32(in.Size), sha1: in.SHA1, at: int32(in.Have), foreign: in.Have > 0,
		alone: in.SHA1 == (urn.SHA1{}), current: noSource, due: never,
	}
	for _, s := range in.Sources {
		n.addSource(d, s)
	}
	n.downloads = append(n.downloads, d)
	n.next(d)
}

func (n *Node) isTaken(piece int32) bool {
	return slices.ContainsFunc(n.downloads, func(d *download) bool { return d.piece == piece })
}

// addSource takes a source that can be asked, and is new.
func (n *Node) addSource(d *download, s Source) (taken bool) {
	if len(s.Name) > maxName {
		s.Name = ""
	}
	reachable := s.Addr.Addr().Is4() && s.Addr.Port() != 0 && s.Addr != n.cfg.Addr && !s.Push
	s.Push = !reachable
	switch {
	case s.Push && s.ServentID == (wire.GUID{}), s.Name == "" && d.sha1 == (urn.SHA1{}), len(d.sources) == n.cfg.Sources:
		return false
	case slices.ContainsFunc(d.sources, func(o source) bool {
		return o.Addr == s.Addr && o.ServentID == s.ServentID || o.Addr == s.Addr && s.ServentID == (wire.GUID{})
	}):
		return false
	}
	d.sources = append(d.sources, source{Source: s, after: n.now})
	return true
}

// next goes on with what a download lacks: a source, or nothing more.
func (n *step) next(d *download) {
	best := noSource
	for i := range d.sources {
		if best == noSource || d.sources[i].after < d.sources[best].after {
			best = i
		}
	}
	switch {
	case d.at == d.size:
		n.complete(d)
	case d.storing >= maxStoring:
		d.phase, d.due = lagging, n.now+storageLimit
	case best == noSource && d.corrupt:
		n.end(d, nil, ErrCorrupt)
	case best == noSource:
		n.end(d, nil, ErrNoSource)
	case d.sources[best].after > n.now:
		d.phase, d.due = resting, d.sources[best].after
	default:
		n.try(d, best)
	}
}

// try dials a source, or has it pushed.
func (n *step) try(d *download, i int) {
	s := &d.sources[i]
	if d.alone && !s.gave {
		d.restart()
	}
	d.current, d.gained, d.shorts = int32(i), false, 0
	if s.Push {
		d.phase, d.due = pushing, n.now+n.cfg.PushTimeout
		n.notify(PushNeeded{d.op, s.ServentID, s.Index})
		return
	}
	c := n.dial(s.Addr)
	c.fetching, c.task, c.due = true, d.op, never
	d.conn, d.phase, d.due = c.id, connecting, n.now+n.cfg.HeadTimeout
}

// restart forgets what has come.
func (d *download) restart() {
	d.at, d.foreign = 0, false
	for i := range d.sources {
		d.sources[i].gave = false
	}
}

// failure is why a source is left.
type failure uint8

const (
	unreachable failure = iota // it was not reached
	broken                     // it went away, or stopped
	busy                       // it has no room
	useless                    // it does not have the file
)

// lose leaves the source of a download, and goes on with another, or with it again
// at its time. Only who has sent something new is asked again at once, after those
// whose turn it is, unless they would have to begin anew.
//
// GN-PU-16.
func (n *step) lose(d *download, why failure) {
	if c := n.find(d.conn); c != nil {
		n.close(c)
	}
	s := &d.sources[d.current]
	switch {
	case why == unreachable && !s.Push && s.ServentID != (wire.GUID{}):
		s.Push = true
	case why == broken && d.gained:
		s.tries = 0
		if !d.alone {
			s.after = n.now
		}
	case why == busy:
		s.refusals++
		s.after = max(s.after, n.now+n.cfg.RetryAfter)
	default:
		s.tries++
		s.after = n.now + n.cfg.RetryAfter
	}
	if why == useless || s.tries == maxTries || s.refusals == maxRefusals {
		d.foreign = d.foreign || s.gave
		d.sources = slices.Delete(d.sources, int(d.current), int(d.current)+1)
	}
	d.conn, d.current = 0, noSource
	n.next(d)
}

// overdue ends what a download has waited for.
func (n *step) overdue(d *download) {
	switch d.phase {
	case resting:
		n.next(d)
	case connecting, pushing:
		n.lose(d, unreachable)
	case asked, receiving:
		d.gained = false // less than minProgress is as good as nothing
		n.lose(d, broken)
	case queued:
		n.ask(n.find(d.conn), d)
	default:
		n.end(d, nil, fmt.Errorf("%w: no answer within %v", ErrStorage, storageLimit))
	}
}

// noPush executes NoPush.
func (n *step) noPush(in NoPush) {
	for _, d := range slices.Clone(n.downloads) {
		if d.phase == pushing && d.sources[d.current].ServentID == in.ServentID {
			n.lose(d, unreachable)
		}
	}
}

// gotGiv asks who was pushed, and has dialled. What it names is ignored.
//
// GN-PU-07, GN-PU-09.
func (n *step) gotGiv(c *conn, g Giv) {
	i := slices.IndexFunc(n.downloads, func(d *download) bool {
		return d.phase == pushing && d.sources[d.current].ServentID == g.ServentID
	})
	if i < 0 || c.phase != open || c.id > 0 {
		n.refuse(c, "GN-PU-06", errUnasked)
		n.close(c)
		return
	}
	d := n.downloads[i]
	n.queue = slices.DeleteFunc(n.queue, func(w waiter) bool { return w.conn == c.id })
	c.fetching, c.task, c.due = true, d.op, never
	d.conn = c.id
	n.ask(c, d)
}

// cancel executes Cancel.
func (n *step) cancel(in Cancel) {
	i := slices.IndexFunc(n.downloads, func(d *download) bool { return d.op == in.Task })
	if i < 0 {
		n.fail(in.Op, ErrUnknown)
		return
	}
	n.end(n.downloads[i], nil, ErrCancelled)
	n.emit(spec.Done{Op: in.Op})
}

// end is the last of a download.
func (n *step) end(d *download, result spec.Event, err error) {
	if c := n.find(d.conn); c != nil {
		n.close(c)
	}
	n.tasks = slices.DeleteFunc(n.tasks, func(t task) bool { return t.op == d.op })
	n.downloads = slices.DeleteFunc(n.downloads, func(o *download) bool { return o == d })
	n.emit(spec.Done{Op: d.op, Result: result, Err: err})
}

// complete has the piece verified, once it is stored.
func (n *step) complete(d *download) {
	switch {
	case d.storing > 0:
		d.phase, d.due = storing, n.now+storageLimit
	case d.sha1 == (urn.SHA1{}):
		n.end(d, Downloaded{Piece: d.piece, Size: uint32(d.size)}, nil)
	default:
		d.phase, d.due = verifying, n.now+storageLimit
		n.emit(spec.Verify{Token: n.file(d), Piece: d.piece})
	}
}

// file notes a storage effect of a download.
func (n *Node) file(d *download) spec.Token {
	t := n.token()
	n.tasks = append(n.tasks, task{t, d.op})
	return t
}

// finish takes a storage effect out, and returns its download, if it is in one of
// two phases.
func (n *Node) finish(token spec.Token, isVerify bool) *download {
	i := slices.IndexFunc(n.tasks, func(t task) bool { return t.token == token })
	if i < 0 {
		return nil
	}
	op := n.tasks[i].op
	at := slices.IndexFunc(n.downloads, func(d *download) bool { return d.op == op })
	if d := n.downloads[at]; (d.phase == verifying) == isVerify {
		n.tasks = slices.Delete(n.tasks, i, i+1)
		return d
	}
	return nil
}

func (n *step) stored(in spec.Stored) {
	d := n.finish(in.Token, false)
	if d == nil {
		return
	}
	d.storing--
	switch {
	case in.Err != nil:
		n.end(d, nil, fmt.Errorf("%w: %w", ErrStorage, in.Err))
	case d.phase == storing && d.storing == 0:
		n.complete(d)
	case d.phase == lagging && d.storing < maxStoring/2:
		n.next(d)
	}
}

// verified ends a download, or begins it anew without the one who was wrong. If
// there were several, each has to send all of it from now on.
//
// GN-PU-24.
func (n *step) verified(in spec.Verified) {
	d := n.finish(in.Token, true)
	switch {
	case d == nil:
		return
	case in.Err != nil:
		n.end(d, nil, fmt.Errorf("%w: %w", ErrStorage, in.Err))
		return
	case in.OK:
		n.end(d, Downloaded{d.piece, uint32(d.size), true}, nil)
		return
	}
	n.notify(Corrupted{d.op})
	gave := func(s source) bool { return s.gave }
	i := slices.IndexFunc(d.sources, gave)
	if d.foreign || i < 0 || slices.ContainsFunc(d.sources[i+1:], gave) {
		d.alone = true
		for i := range d.sources { // each may bring the file once more
			d.sources[i].reach = 0
		}
	} else {
		d.sources = slices.Delete(d.sources, i, i+1)
	}
	d.corrupt = true
	d.restart()
	if d.size == 0 {
		n.end(d, nil, ErrCorrupt)
		return
	}
	n.next(d)
}
