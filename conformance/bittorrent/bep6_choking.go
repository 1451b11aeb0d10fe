package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// bep6Choking judges what becomes of requests that wait when a seeder chokes:
// BEP 6 §reject request.
var bep6Choking = []Case{
	chokedInTheQueue("choke-rejects-what-waits", conformance.Must, "BEP06-FAST-009",
		"each request that was not served by then must be rejected behind the choke, but for those of "+
			"pieces that were allowed fast, and none may be answered twice",
		func(t *T, p *Peer, asked []wire.Message, choke int) {
			for _, m := range asked {
				n := p.Count(func(r *Received) bool {
					return r.Is(wire.Piece, int(m.Index), int(m.Begin), BlockSize) ||
						r.Is(wire.Reject, int(m.Index), int(m.Begin), BlockSize)
				})
				if n != 1 {
					t.Failf("the request for %d+%d got %d answers, and a choke came: %s", m.Index, m.Begin, n, p.Last())
				}
			}
		}, "no-rejects", "one-request-at-a-time", "rejects-before-the-choke"),
	chokedInTheQueue("choke-before-its-rejects", conformance.Should, "BEP06-FAST-010",
		"the choke should come before the rejects, or the peer asks for the blocks again at once",
		func(t *T, p *Peer, _ []wire.Message, choke int) {
			for _, m := range p.Log[:choke] {
				if m.Type == wire.Reject {
					t.Failf("a reject came before the choke: %v", m)
				}
			}
		}, "rejects-before-the-choke"),
}

// waiting is how many blocks are asked for at once: several times what fits into the
// window of a peer that does not read.
const waiting = 400

// chokedInTheQueue has a seeder choke a peer that has asked for much and reads
// nothing, because others take more.
func chokedInTheQueue(
	slug string, level conformance.Level, clause, what string,
	judge func(t *T, p *Peer, asked []wire.Message, choke int), kills ...string,
) Case {
	return Case{
		ID: "bep6/uploader/" + slug, Rev: 1, Since: "0.2.0", Level: level,
		Requirements: []string{clause}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock},
		Control: "blocks that the target sent before the choke",
		Explain: "A peer with the fast extension is unchoked, asks for 400 blocks and reads nothing, while ten " +
			"others download. For its slowness it is choked. Then it reads: " + what + ".",
		Causes: []string{"the queue is emptied without a word", "the rejects are written as the queue is emptied"},
		Within: 15 * time.Minute,
		Kills:  kills,
		Run: func(t *T) {
			c := Traded.Make("")
			t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
			p := Fasten(t)
			t.Until(func() bool { return p.Announced() || p.Gone() }, AnswerWithin)
			p.Unchoke()
			read := p.Stream.Handle
			p.Stream.Handle = nil
			var asked []wire.Message
			for i := range waiting {
				m := block(wire.Request, i/2, i%2*BlockSize, BlockSize)
				asked = append(asked, m)
				p.Send(m)
			}
			s := &Swarm{t: t, Content: c}
			var all []*watched
			for range 10 {
				w := watch(Meet(t), tick)
				w.Send(wire.Interested)
				all = append(all, w)
			}
			s.take(all, 2*time.Minute)
			p.Stream.Handle = read
			p.read()
			choke := -1
			t.Until(func() bool {
				for i, m := range p.Log {
					if m.Type == wire.Choke && choke < 0 {
						choke = i
					}
				}
				return choke >= 0 || p.Gone()
			}, reactWithin)
			t.Wait(5 * time.Second)
			if choke < 0 || p.Count(isPiece) == waiting {
				t.Inconclusivef("the target did not choke the peer while requests waited: %s", p.Last())
			}
			judge(t, p, asked, choke)
			t.Earn()
		},
	}
}
