package bittorrent

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// task is a storage effect that is unanswered.
type task struct {
	token   spec.Token
	kind    taskKind
	block                  // of a taskVerify the piece alone
	conn    spec.Conn      // of a taskServe, for whom
	from    netip.AddrPort // of a taskStore, who sent it
	dropped bool           // of a taskServe: the answer was given already
}

type taskKind uint8

const (
	taskServe   taskKind = iota // a Load for a peer
	taskExamine                 // a Load for blame
	taskStore
	taskVerify
)

// task files a storage effect and returns its token.
func (n *Node) task(kind taskKind, conn spec.Conn, b block) spec.Token {
	n.lastToken++
	n.tasks = append(n.tasks, task{token: n.lastToken, kind: kind, block: b, conn: conn})
	return n.lastToken
}

// finish takes a task out. ok is false for a token that is not open, or not of
// the kinds that the input answers.
func (n *Node) finish(token spec.Token, kinds ...taskKind) (t task, ok bool) {
	i, ok := slices.BinarySearchFunc(n.tasks, token, func(t task, token spec.Token) int {
		return cmp.Compare(t.token, token)
	})
	if !ok || !slices.Contains(kinds, n.tasks[i].kind) {
		return task{}, false
	}
	t = n.tasks[i]
	n.tasks = cut(n.tasks, i)
	return t, true
}

// cut takes element i out of a list from which mostly the first is taken: then
// nothing moves.
func cut[T any](list []T, i int) []T {
	if i == 0 {
		clear(list[:1])
		return list[1:]
	}
	return slices.Delete(list, i, i+1)
}

// store writes a block that came from a peer.
func (n *step) store(c *conn, b block, data []byte) {
	n.storing++
	token := n.task(taskStore, c.id, b)
	n.tasks[len(n.tasks)-1].from = contributor(c.remote)
	n.emit(spec.Store{Token: token, Piece: b.piece, Begin: b.begin, Data: n.shared(data)})
}

// shared is bytes of the input for an effect.
func (n *step) shared(b []byte) []byte {
	if n.lent {
		return b
	}
	return slices.Clone(b)
}

// stored counts a block. The last of a piece has the piece verified.
func (n *step) stored(in spec.Stored) {
	t, ok := n.finish(in.Token, taskStore)
	if !ok {
		return
	}
	if n.storing--; int(n.storing) == n.cfg.MaxStoring-1 {
		n.rebalance = true
	}
	if in.Err != nil {
		n.picker.storeFailed(t.block)
		n.storageFailed(t.piece, in.Err)
		return
	}
	blocks := (n.layout.Size(t.piece) + int32(n.cfg.BlockSize) - 1) / int32(n.cfg.BlockSize)
	n.blame.delivered(t.piece, t.begin/int32(n.cfg.BlockSize), blocks, t.from)
	if n.picker.stored(t.block) {
		n.verify(t.piece)
	}
}

func (n *step) verify(piece int32) {
	n.emit(spec.Verify{Token: n.task(taskVerify, 0, block{piece: piece}), Piece: piece})
}

// verified tells everybody of a piece that has its hash, and fetches one again
// that has not. BEP03-PEER-017 to BEP03-PEER-019, BEP03-PEER-042
func (n *step) verified(in spec.Verified) {
	t, ok := n.finish(in.Token, taskVerify)
	switch {
	case !ok:
	case in.Err != nil:
		n.retry = append(n.retry, t.piece)
		n.storageFailed(t.piece, in.Err)
	case in.OK:
		n.picker.verified(t.piece)
		n.blame.verified(t.piece)
		n.announce(t.piece)
		n.examine()
	default:
		n.notify(PieceFailed{t.piece})
		n.judge(n.blame.failed(t.piece))
		n.examine()
	}
}

// announce tells the peers of a new piece, and loses interest in those who had
// nothing else. BEP03-PEER-018, BEP03-PEER-027
func (n *step) announce(piece int32) {
	n.notify(PieceVerified{piece})
	have := &wire.Message{Type: wire.Have, Index: uint32(piece)}
	for _, c := range n.conns {
		if c == nil || c.phase != talking {
			continue
		}
		has := c.has.has(piece)
		if !has || !n.cfg.TerseHave {
			n.write(c, have)
		}
		if has {
			c.wants--
			n.showInterest(c)
		}
	}
	if n.wasLeft && n.picker.isComplete() {
		n.wasLeft = false
		n.notify(Completed{})
		n.reseat = true
		n.wantNothing()
	}
}

// wantNothing tells those who know the message that this peer is a seed now.
// BEP21-PART-001
func (n *step) wantNothing() {
	for _, c := range n.conns {
		if c != nil && c.phase == talking && c.their.uploadOnly != 0 {
			n.extended(c, c.their.uploadOnly, wire.AppendUploadOnly(nil, true))
		}
	}
}

// loaded takes a block from the storage, for a peer or to find a culprit.
func (n *step) loaded(in spec.Loaded) {
	t, ok := n.finish(in.Token, taskServe, taskExamine)
	switch {
	case !ok:
	case t.kind == taskServe:
		n.send(&t, in)
	case in.Err != nil:
		n.judge(n.blame.loaded(nil))
		n.examine()
	default:
		n.judge(n.blame.loaded(in.Data))
		n.examine()
	}
}

// examine loads the next block of which blame wants to know the digest.
func (n *step) examine() {
	piece, index, ok := n.blame.next()
	if !ok || slices.ContainsFunc(n.tasks, func(t task) bool { return t.kind == taskExamine }) {
		return
	}
	size := int32(n.cfg.BlockSize)
	b := block{piece, index * size, min(size, n.layout.Size(piece)-index*size)}
	n.emit(spec.Load{Token: n.task(taskExamine, 0, b), Piece: b.piece, Begin: b.begin, Length: b.length})
}

// judge carries out what blame found.
func (n *step) judge(v verdict) {
	if v.guilty.IsValid() {
		n.ban(v.guilty, errPoison)
	}
	if v.retry >= 0 {
		n.picker.failed(&n.rng, v.retry, v.alone)
		n.rebalance = true
	}
}

var errLength = errors.New("bittorrent: the storage returned another length")

// storageFailed stops asking peers for blocks, until Start. What is verified
// stays, and is served as far as it can be read.
func (n *step) storageFailed(piece int32, err error) {
	if err == nil {
		err = errLength
	}
	if !n.failed {
		n.failed = true
		n.notify(StorageFailed{piece, err})
	}
}

// start goes on after Stop or a failure.
func (n *step) start() {
	n.stopped, n.failed = false, false
	for _, piece := range n.retry {
		n.verify(piece)
	}
	n.retry = n.retry[:0]
	n.rebalance = true
}
