package bittorrent

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"slices"
)

const (
	// maxTrials bounds the pieces that failed and are not explained. Since
	// whoever is in paroleAfter of them shares no more pieces, only a crowd of
	// poisoners fills it; then nothing is found out about further pieces, but
	// that each is fetched from one contributor.
	maxTrials = 64

	// maxTraced bounds the pieces of which the contributors are known, far
	// above what a picker has begun at a time.
	maxTraced = 4096

	// paroleAfter is how many unexplained failures put a contributor on
	// parole. One failure says little about any of many contributors.
	paroleAfter = 2
)

// A blame finds out who sent the bad block of a piece that failed its hash. A
// hash covers a whole piece, to which many may have contributed.
//
//   - Who contributed alone is guilty.
//   - Of several contributors, the digests of what they sent are kept, and the
//     piece is fetched again from one of them or another. Either that fails,
//     and one is guilty; or the piece is good, and everybody who had sent
//     another block than the good one is guilty. The others are acquitted.
//   - Who contributed to several pieces that failed, and are not explained yet,
//     is on parole: it is asked for whole pieces only, the next of which
//     explains itself.
//
// So every bad block that was stored finds its sender as soon as its piece is
// good, and each failure of a piece that is fetched again bans one. Nobody is
// banned on suspicion. An honest contributor is in danger only where storage
// does not give back what was stored, or where it shares with a poisoner what
// the owner takes for one contributor, such as an address.
//
// Use: delivered for each block that is stored; failed or verified once it is
// known of a piece which it is; whenever next names a block, load it and give
// it to loaded, one at a time. The owner carries out every verdict. It keeps a
// piece that failed from being fetched again until a verdict says retry, lest
// the evidence is overwritten.
//
// BEP03-PEER-043
type blame struct {
	traces []trace // of pieces on their way, in no order
	trials []trial // in the order of failing
	active int32   // the piece of the trial that waits for loaded; -1: none
}

// A verdict is what the owner has to do.
type verdict struct {
	guilty netip.AddrPort // to be banned; invalid: nobody
	retry  int32          // the piece to be fetched again; -1: none
	alone  bool           // and from one contributor: see picker.failed
}

// trace is who sent the blocks of a piece.
type trace struct {
	piece   int32
	senders []netip.AddrPort
	by      []int32 // for each block, index in senders; -1: unknown
}

// trial is a piece that several contributors made fail.
type trial struct {
	piece    int32
	stage    trialStage
	at       int32 // index of the next evidence to be loaded
	senders  []netip.AddrPort
	evidence []evidence
}

// trialStage says what the evidence is loaded for.
type trialStage uint8

const (
	trialCollects trialStage = iota // for its digest
	trialWaits                      // not at all, until the piece is good
	trialCompares                   // for comparison with the good block
)

// evidence is a block of the bad piece.
type evidence struct {
	index  int32 // of the block
	sender int32 // index in senders
	known  bool  // the digest is
	digest [sha1.Size]byte
}

func newBlame() blame { return blame{active: -1} }

// delivered says who sent block number index of a piece of so many blocks. A
// block that is stored again replaces what was there.
func (l *blame) delivered(piece, index, blocks int32, from netip.AddrPort) {
	t := l.trace(piece)
	if t == nil {
		if t = l.newTrace(piece, blocks); t == nil {
			return
		}
	}
	sender := slices.Index(t.senders, from)
	if sender < 0 {
		sender = len(t.senders)
		t.senders = append(t.senders, from)
	}
	t.by[index] = int32(sender)
}

// failed says that a piece does not have its hash.
func (l *blame) failed(piece int32) verdict {
	i := l.trial(piece)
	if i >= 0 && l.trials[i].stage != trialWaits {
		return verdict{retry: -1} // it is known already
	}
	t := l.trace(piece)
	if t == nil {
		return verdict{retry: piece, alone: true}
	}
	defer l.forget(piece)
	if sole := t.by[0]; !slices.ContainsFunc(t.by, func(by int32) bool { return by != sole }) {
		return verdict{guilty: t.senders[sole], retry: piece}
	}
	if len(l.trials) >= maxTrials || i >= 0 {
		return verdict{retry: piece, alone: true}
	}
	bad := trial{piece: piece, senders: slices.Clone(t.senders)}
	for index, by := range t.by {
		if by >= 0 {
			bad.evidence = append(bad.evidence, evidence{index: int32(index), sender: by})
		}
	}
	for sender := range bad.senders {
		if !slices.Contains(t.by, int32(sender)) { // what it sent was replaced
			bad.senders[sender] = netip.AddrPort{}
		}
	}
	l.trials = append(l.trials, bad)
	return verdict{retry: -1}
}

// verified says that a piece has its hash.
func (l *blame) verified(piece int32) {
	l.forget(piece)
	i := l.trial(piece)
	switch {
	case i < 0:
	case l.trials[i].stage == trialWaits:
		l.trials[i].stage, l.trials[i].at = trialCompares, 0
	default: // the owner did not wait: the evidence is of neither kind
		l.trials = slices.Delete(l.trials, i, i+1)
		if l.active == piece {
			l.active = -1
		}
	}
}

// next names the block that is to be loaded.
func (l *blame) next() (piece, index int32, ok bool) {
	i := l.trial(l.active)
	if i < 0 {
		i = slices.IndexFunc(l.trials, func(t trial) bool { return t.stage != trialWaits })
	}
	if i < 0 {
		return 0, 0, false
	}
	t := &l.trials[i]
	l.active = t.piece
	return t.piece, t.evidence[t.at].index, true
}

// loaded takes the block that next named; nil when it could not be loaded.
func (l *blame) loaded(data []byte) verdict {
	v := verdict{retry: -1}
	i := l.trial(l.active)
	if i < 0 {
		return v
	}
	t := &l.trials[i]
	e := &t.evidence[t.at]
	t.at++
	switch digest := sha1.Sum(data); {
	case data == nil: // nothing gets known of this block
	case t.stage == trialCollects:
		e.known, e.digest = true, digest
	case e.known && e.digest != digest:
		v.guilty = t.senders[e.sender]
		t.convict(e.sender)
	}
	if int(t.at) == len(t.evidence) {
		l.active = -1
		if t.stage == trialCollects {
			t.stage = trialWaits
			v.retry, v.alone = t.piece, true
		} else {
			l.trials = slices.Delete(l.trials, i, i+1)
		}
	}
	return v
}

// onParole reports whether the contributor took part in so many failures that
// are not explained that it should send whole pieces only: see source.alone.
func (l *blame) onParole(from netip.AddrPort) bool {
	count := 0
	for i := range l.trials {
		if slices.Contains(l.trials[i].senders, from) {
			count++
		}
	}
	return count >= paroleAfter
}

// convict takes out what a guilty sender has sent: enough is known of it.
func (t *trial) convict(sender int32) {
	var open []evidence
	at := int32(0)
	for i, e := range t.evidence {
		if e.sender == sender {
			continue
		}
		if open = append(open, e); i < int(t.at) {
			at++
		}
	}
	t.evidence, t.at = open, at
}

func (l *blame) trial(piece int32) int {
	return slices.IndexFunc(l.trials, func(t trial) bool { return t.piece == piece })
}

func (l *blame) trace(piece int32) *trace {
	if i := slices.IndexFunc(l.traces, func(t trace) bool { return t.piece == piece }); i >= 0 {
		return &l.traces[i]
	}
	return nil
}

// newTrace uses the slices of a trace again that was forgotten: they lie
// behind the last.
func (l *blame) newTrace(piece, blocks int32) *trace {
	n := len(l.traces)
	switch {
	case n >= maxTraced:
		return nil
	case n < cap(l.traces):
		l.traces = l.traces[:n+1]
	default:
		l.traces = append(l.traces, trace{})
	}
	t := &l.traces[n]
	t.piece, t.senders = piece, t.senders[:0]
	t.by = slices.Grow(t.by[:0], int(blocks))[:blocks]
	for i := range t.by {
		t.by[i] = -1
	}
	return t
}

func (l *blame) forget(piece int32) {
	last := len(l.traces) - 1
	if t := l.trace(piece); t != nil {
		*t, l.traces[last] = l.traces[last], *t
		l.traces = l.traces[:last]
	}
}

func (l *blame) clone() blame {
	c := *l
	c.traces, c.trials = slices.Clone(l.traces), slices.Clone(l.trials)
	for i := range c.traces {
		t := &c.traces[i]
		t.senders, t.by = slices.Clone(t.senders), slices.Clone(t.by)
	}
	for i := range c.trials {
		t := &c.trials[i]
		t.senders, t.evidence = slices.Clone(t.senders), slices.Clone(t.evidence)
	}
	return c
}

func (l *blame) appendState(b []byte) []byte {
	b = appendInts(b, l.active, int32(len(l.traces)))
	for i := range l.traces {
		t := &l.traces[i]
		b = appendInts(b, t.piece)
		b = appendSenders(b, t.senders)
		b = appendInts(b, int32(len(t.by)))
		b = appendInts(b, t.by...)
	}
	b = appendInts(b, int32(len(l.trials)))
	for i := range l.trials {
		t := &l.trials[i]
		b = append(appendInts(b, t.piece, t.at), byte(t.stage))
		b = appendSenders(b, t.senders)
		b = appendInts(b, int32(len(t.evidence)))
		for _, e := range t.evidence {
			b = appendBool(appendInts(b, e.index, e.sender), e.known)
			b = append(b, e.digest[:]...)
		}
	}
	return b
}

func appendSenders(b []byte, senders []netip.AddrPort) []byte {
	b = appendInts(b, int32(len(senders)))
	for _, s := range senders {
		ip := s.Addr().As16()
		b = append(b, ip[:]...)
		b = binary.BigEndian.AppendUint16(b, s.Port())
		b = appendBool(b, s.Addr().Is4())
	}
	return b
}
