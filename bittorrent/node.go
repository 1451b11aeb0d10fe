package bittorrent

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec"
)

const (
	// tickInterval is how often a machine looks at the silence of its
	// connections: what is due may come so much late.
	tickInterval = time.Second

	// randomFirst pieces are completed in random order before the rarest come
	// first: libtorrent's initial_picker_threshold. The paper has one.
	randomFirst = 4

	// redundantAfter is how old a connection is before it can end because both
	// ends are seeds: time to exchange peers.
	redundantAfter = time.Minute

	// maxCopies bounds the connections that one block is asked of in endgame.
	maxCopies = 4

	// maxUnread bounds the messages that a driver holds for a peer which takes
	// none: more than a bitfield of the largest swarm simulations sent piece by
	// piece, and at most 300 KB beside the blocks of UploadWindow.
	maxUnread = 1 << 14
)

// Node is a participant of one torrent, a [spec.Machine].
type Node struct {
	cfg    Config
	peerID [20]byte
	rng    spec.Rand
	now    time.Duration // of the last Step

	layout  Layout         // without pieces while the metadata is not known
	info    *metainfo.Info // nil: not known, or there is a Layout alone
	raw     []byte         // the info dictionary, as it was received; nil: not known
	meta    dictionary     // while it is fetched
	spoilt  bool           // it has its hash and cannot be used
	fetch   layerFetch     // of the hashes of version 2, while they are missing
	lacking bool           // pieces cannot be verified for want of them

	picker picker // knows what is held, and what is on its way
	choker choker
	blame  blame

	conns    []*conn             // nil where one has ended
	slots    map[spec.Conn]int32 // where in conns
	live     int32               // of conns
	halfOpen int32               // of those, dialled and not yet open
	lastConn spec.Conn
	known    known

	tasks     []task // storage effects that are unanswered, oldest first
	storing   int32  // of those, blocks
	lastToken spec.Token
	retry     []int32 // pieces to be verified again after a Start

	stopped bool // by Stop
	failed  bool // storage, until Start
	wasLeft bool // Completed is due once

	tickAt, rechokeAt    time.Duration // never: there is no connection
	downloaded, uploaded int64         // bytes of blocks

	scratch []block     // of one call of pick
	others  []spec.Conn // of one call of arrived
}

// New returns a machine that starts at now. It does nothing until it is told
// of peers or is connected to. The error names the field of cfg that is wrong.
func New(cfg Config, now time.Duration) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, peerID: cfg.PeerID, rng: spec.NewRand(cfg.Seed), now: now,
		slots:  make(map[spec.Conn]int32),
		choker: newChoker(int32(cfg.UploadSlots), cfg.SeedOrder),
		blame:  newBlame(),
		fetch:  layerFetch{at: now},
		tickAt: never, rechokeAt: never,
	}
	if n.peerID == ([20]byte{}) {
		n.peerID = newPeerID(&n.rng)
	}
	if cfg.Info != nil && len(cfg.Info.Raw()) <= MaxMetadata {
		n.info, n.raw = cfg.Info, cfg.Info.Raw()
		n.lackHashes()
	}
	if cfg.Layout.Pieces > 0 {
		n.begin(cfg.Layout)
		if err := n.holdAll(cfg.Have); err != nil {
			return nil, err
		}
	}
	n.cfg.Have = nil
	n.choker.meritOnly = n.cfg.NoOptimistic
	return n, nil
}

// begin takes the layout, from which on there are pieces.
func (n *Node) begin(l Layout) {
	n.layout = l
	n.picker = newPicker(pickerConfig{
		order: n.cfg.Order, randomFirst: randomFirst, blockSize: int32(n.cfg.BlockSize),
		maxBegun: int32(n.cfg.MaxBegun), maxCopies: maxCopies,
	}, &n.layout, &n.rng)
	n.wasLeft = true
}

// holdAll takes the pieces of Config.Have.
func (n *Node) holdAll(field []byte) error {
	if field == nil {
		return nil
	}
	have := newBitfield(n.layout.Pieces)
	if err := have.load(field); err != nil {
		return fmt.Errorf("bittorrent: Have: %w", err)
	}
	for i := range n.layout.Pieces {
		if have.has(i) {
			n.picker.verified(i)
		}
	}
	n.wasLeft = !n.picker.isComplete()
	return nil
}

// PeerID is the own peer id: the one of Config, or the one drawn.
func (n *Node) PeerID() [20]byte { return n.peerID }

// InfoHash is how handshakes name the torrent.
func (n *Node) InfoHash() [20]byte { return n.cfg.InfoHash }

// Layout is the torrent's, without pieces while only a magnet link is known.
func (n *Node) Layout() Layout { return n.layout }

// Has says whether a piece is stored and verified.
func (n *Node) Has(piece int32) bool { return n.picker.have.has(piece) }

// Held is the number of pieces that are stored and verified.
func (n *Node) Held() int32 { return n.picker.have.count }

// Complete says whether every piece is. It is false while there is no Layout.
func (n *Node) Complete() bool { return n.layout.Pieces > 0 && n.picker.isComplete() }

// Left is what is missing, in bytes, and 0 while there is no Layout: what
// trackers are told. BEP03-TRK-005
func (n *Node) Left() int64 {
	left := n.layout.Length()
	for i := range n.layout.Pieces {
		if n.picker.have.has(i) {
			left -= int64(n.layout.Size(i))
		}
	}
	return left
}

// Have is the bitfield of the verified pieces, as on the wire, for the next
// run's Config.
func (n *Node) Have() []byte { return n.picker.have.append(nil) }

// Downloaded and Uploaded count the bytes of blocks that came and were sent,
// with those that came twice or were bad.
func (n *Node) Downloaded() int64 { return n.downloaded }

// Uploaded is described at Downloaded.
func (n *Node) Uploaded() int64 { return n.uploaded }

// Contacts are the addresses at which the connected peers listen, as far as
// they have told.
func (n *Node) Contacts() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, c := range n.conns {
		if c != nil && c.phase == talking && c.listen.IsValid() {
			addrs = append(addrs, c.listen)
		}
	}
	return addrs
}

// Conns is the number of streams, dialled ones that are not open included.
func (n *Node) Conns() int32 { return n.live }

// Step implements [spec.Machine].
func (n *Node) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	n.now = max(n.now, now)
	s := step{Node: n, out: out}
	s.fireTimers()
	s.apply(in)
	if s.reseat {
		s.react()
	}
	if s.rebalance {
		s.spread()
	}
	if n.live == 0 && n.known.idle() {
		n.tickAt, n.rechokeAt = never, never
	}
	return s.out
}

// step is a node while it takes a Step, with the effects so far: what may
// have effects is a method of step, the rest is the node's.
type step struct {
	*Node
	//pure:state lives only while Node.Step runs
	out       []spec.Effect
	lent      bool // effects may share the bytes of the input
	rebalance bool // a connection ended, or blocks came back
	reseat    bool // a connection ended, or a peer's interest changed
}

// apply is the one place that inputs go through.
func (n *step) apply(in spec.Input) {
	switch in := in.(type) {
	case spec.Wake:
	case spec.Got:
		n.lent = in.Lent
		n.got(in)
	case spec.Drained:
		n.drained(in)
	case spec.Loaded:
		n.lent = in.Lent
		n.loaded(in)
	case spec.Stored:
		n.stored(in)
	case spec.Verified:
		n.verified(in)
	case spec.Opened:
		n.opened(in)
	case spec.Closed:
		n.closed(in)
	case AddPeers:
		n.addPeers(in)
	case DropPeers:
		n.dropPeers()
		n.done(in.Op, nil)
	case Stop:
		n.stopped = true
		n.dropPeers()
		n.done(in.Op, nil)
	case DropPiece:
		n.dropPiece(in)
	case Start:
		n.start()
		n.done(in.Op, nil)
	default:
		panic(fmt.Sprintf("bittorrent: unknown input %T", in))
	}
}

// never is a deadline that is not armed.
const never = time.Duration(1<<63 - 1)

// Deadline implements [spec.Machine].
func (n *Node) Deadline() (at time.Duration, ok bool) {
	at = min(n.tickAt, n.rechokeAt)
	return at, at != never
}

// arm starts the timers, which run while there is a connection or an address
// to dial.
func (n *Node) arm() {
	if n.tickAt == never {
		n.tickAt = n.now + tickInterval
	}
	if n.rechokeAt == never {
		n.rechokeAt = n.now + n.cfg.RechokeInterval
	}
}

// fireTimers fires what is due. Each timer is armed anew after now, so the
// loop ends.
func (n *step) fireTimers() {
	for min(n.tickAt, n.rechokeAt) <= n.now {
		if n.tickAt <= n.rechokeAt {
			n.tickAt = n.now + tickInterval
			n.tick()
		} else {
			n.rechokeAt = n.now + n.cfg.RechokeInterval
			n.rechoke()
		}
	}
}

// tick looks at every connection, and dials.
func (n *step) tick() {
	for _, c := range n.conns {
		if c != nil {
			n.watch(c)
		}
	}
	n.lapseMetadata()
	n.lapseHashes()
	n.dial()
	n.rebalance = true
}

// watch closes a connection that is silent for too long, keeps the own end
// alive, and gives up on late answers.
func (n *step) watch(c *conn) {
	switch silent := n.now - c.heard; {
	case c.phase == dialing && n.now-c.since >= n.cfg.DialTimeout,
		c.phase == shaking && n.now-c.since >= n.cfg.HandshakeTimeout: // BEP03-PEER-010
		n.known.failed(c.remote)
		n.close(c)
		return
	case c.phase == talking && (silent >= n.cfg.PeerTimeout || c.unread > maxUnread): // BEP03-PEER-014
		n.close(c)
		return
	}
	if c.phase != talking {
		return
	}
	if n.isRedundant(c) {
		n.close(c)
		return
	}
	n.lapse(c)
	n.exchange(c)
	if n.now-c.sent >= n.cfg.KeepAlive { // BEP03-PEER-013
		n.write(c, keepAlive())
	}
}

// isRedundant says whether neither end of a connection wants anything of the
// other, so that it only takes up a place.
func (n *Node) isRedundant(c *conn) bool {
	return n.wantsNothing() && (c.has.isFull() || c.uploadOnly) && !c.peerInterested &&
		len(c.asked) == 0 && len(c.queue) == 0 && c.loads == 0 && n.now-c.since >= redundantAfter
}

// wantsNothing says whether nothing is to be fetched.
func (n *Node) wantsNothing() bool { return n.cfg.UploadOnly || n.Complete() }

func (n *step) emit(e spec.Effect) { n.out = append(n.out, e) }

func (n *step) done(op spec.OpID, result spec.Event) {
	n.emit(spec.Done{Op: op, Result: result})
}

func (n *step) notify(e spec.Event) { n.emit(spec.Notify{Event: e}) }
