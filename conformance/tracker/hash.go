package tracker

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// perCase is how many torrents of its own a case has: enough for several runs.
const perCase = 8

// ownHash is one of a case's torrents. A tracker that keeps a list is told of
// all of them when it is started.
func ownHash(id string, i int) Hash {
	return Hash(sha1.Sum(fmt.Appendf(nil, "p2pspec %s %d", id, i)))
}

// special is an info-hash whose first bytes mean something in a URL or to the
// programs that read one. The byte at plus varies.
func special(h Hash, plus byte) Hash {
	copy(h[:], "\x00 \x7f%&=?#/;\r\n\xff")
	h[12] = plus
	return h
}

// listed are the torrents of all cases in hexadecimal digits, sorted.
func listed(suites []conformance.Suite) []string {
	all := []Hash{controlHash()}
	for _, s := range suites {
		for _, c := range s.Cases {
			for i := range perCase {
				all = append(all, ownHash(c.ID, i))
			}
			if c.ID == specialCase || c.ID == specialScrapeCase {
				all = append(all, specialHash(c.ID, ' '), specialHash(c.ID, '+'))
			}
		}
	}
	hashes := make([]string, len(all))
	for i, h := range all {
		hashes[i] = hex.EncodeToString(h[:])
	}
	slices.Sort(hashes)
	return hashes
}

// controlHash is the torrent of the control, which nobody enters.
func controlHash() Hash { return ownHash("control", 0) }

// specialHash is the torrent with bytes that need care of a case.
func specialHash(id string, plus byte) Hash { return special(ownHash(id, perCase), plus) }

// NewHash is a torrent that no other case uses. It is random where the target
// takes any, so that a target which others use knows nothing of it; a target
// that keeps a list was told of the case's own when it was started.
func (t *T) NewHash() Hash {
	if t.takesAny() {
		return t.random()
	}
	return ownHash(t.Case().ID, t.draws()%perCase)
}

// draws is how many torrents of its own the case has drawn, in all its runs.
func (t *T) draws() int { return int(t.Outside(func() uint64 { return uint64(t.drawn.Add(1) - 1) })) }

// SpecialHashes are two torrents with bytes that need care, which differ in a
// blank and a plus sign alone.
func (t *T) SpecialHashes() (blank, plus Hash) {
	if t.takesAny() {
		random := t.random()
		return special(random, ' '), special(random, '+')
	}
	return specialHash(t.Case().ID, ' '), specialHash(t.Case().ID, '+')
}

func (t *T) random() (h Hash) {
	t.Fresh().Fill(h[:])
	return h
}

// takesAny asks once in a case whether the target serves a torrent that nobody
// knows. The peer that asks leaves it at once. Some targets check their list
// only for peers that come.
func (t *T) takesAny() bool {
	if t.any == nil {
		taken := !t.Virtual() && t.takes(t.random())
		t.any = &taken
	}
	return *t.any
}

func (t *T) takes(h Hash) bool {
	p := NewPeer(t)
	defer p.sock.Close()
	if !p.hasHTTP() {
		if p.AskPacket(p.announcement(h, tracker.None)).Kind != Answered {
			return false
		}
		p.AskPacket(p.announcement(h, tracker.Stopped))
		return true
	}
	r := p.Ask(h, Params{"numwant": "0"})
	if _, refused := r.Failure(); refused || !r.isTracker() {
		return false
	}
	p.Ask(h, Params{"event": "stopped"})
	return true
}
