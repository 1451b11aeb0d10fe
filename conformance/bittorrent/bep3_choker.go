package bittorrent

import (
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
)

// Traded is long enough for some minutes of choking at a block a second.
var Traded = Design{Name: "p2pspec traded", PieceLength: 2 * BlockSize, Lengths: []int{400 * BlockSize}}

// watched is a peer with an account of when the target had it unchoked.
type watched struct {
	*Peer
	every  time.Duration // between the blocks that it gives or takes; 0: none
	queue  []*Received   // requests of the target
	next   time.Duration
	said   time.Duration   // when a keep-alive is due
	asked  int             // blocks that it asked for
	turns  []time.Duration // when the choke changed
	served time.Duration   // how long it was unchoked since reset
	turned int             // how often it was unchoked
}

// watch keeps the account of a peer, which is interested from now on.
func watch(p *Peer, every time.Duration) *watched {
	w := &watched{Peer: p, every: every}
	p.On = func(m *Received) {
		switch m.Type {
		case wire.Interested:
			p.Send(wire.Unchoke)
		case wire.Request:
			w.queue = append(w.queue, m)
		case wire.Choke, wire.Unchoke:
			w.turns = append(w.turns, m.At)
			if m.Type == wire.Unchoke {
				w.turned++
			}
		}
	}
	return w
}

// tick is the step of time in which peers give and take.
const tick = 250 * time.Millisecond

// trade lets all give or take as fast as they do, for so long.
func (s *Swarm) trade(all []*watched, d time.Duration) {
	for end := s.t.Now() + d; s.t.Now() < end; s.t.Wait(tick) {
		for _, w := range all {
			w.stay()
			if !w.Choked {
				w.served += tick
			}
			if w.every == 0 || s.t.Now() < w.next || w.Gone() {
				continue
			}
			w.next = s.t.Now() + w.every
			if len(w.queue) > 0 {
				w.Send(s.Piece(w.queue[0]))
				w.queue = w.queue[1:]
			}
		}
	}
}

// stay keeps a connection alive on which nothing else is said.
func (w *watched) stay() {
	if s := w.t.Now(); s >= w.said && !w.Gone() {
		w.said = s + time.Minute
		w.Send(wire.KeepAlive)
	}
}

// share is the part of the time since reset in which a peer was unchoked, in
// percent.
func (w *watched) share(of time.Duration) int { return int(100 * w.served / of) }

func reset(all []*watched) {
	for _, w := range all {
		w.served, w.turned = 0, 0
	}
}

// market starts a leecher among n peers that are all interested and each lack
// some pieces. The first few give a block in every interval.
func market(t *T, n, givers int, every time.Duration) (*Swarm, []*watched) {
	s := NewSwarm(t, Traded)
	cast := s.Cast(n)
	s.Gather(cast)
	var all []*watched
	for i, p := range cast {
		w := watch(p, 0)
		if i < givers {
			w.every = every
		}
		all = append(all, w)
		p.Send(bits(s.Pieces(), func(piece int) bool { return i < givers && piece%n != i }), wire.Interested)
	}
	return s, all
}

// bep3Choker judges whom a leecher and a seeder serve: BEP 3 §choking.
var bep3Choker = []Case{
	{
		ID: "bep3/choker/givers-are-served", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-002"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target asks the givers for blocks, and unchokes some peers",
		Explain: "Ten peers are interested. Three give a block every second, the others nothing. After a " +
			"minute the three should be unchoked most of the time, and the others less: that is the trade " +
			"which makes giving worth while.",
		Causes: []string{"slots are given in turn, or to who came first"},
		Within: 6 * time.Minute,
		Kills:  []string{"everybody-unchoked", "one-slot", "spare-bits-crash"},
		Run: func(t *T) {
			s, all := market(t, 10, 3, time.Second)
			s.trade(all, time.Minute)
			reset(all)
			s.trade(all, time.Minute)
			mustServe(t, all)
			for i, w := range all[:3] {
				if w.Gone() {
					t.Inconclusivef("the target left a giver: %s", w.Last())
				}
				if share := w.share(time.Minute); share < 70 {
					t.Failf("giver %d of three was unchoked for %d %% of a minute", i+1, share)
				}
			}
			others := 0
			for _, w := range all[3:] {
				others += w.share(time.Minute) / len(all[3:])
			}
			if others > 60 {
				t.Failf("peers that give nothing were unchoked for %d %% of a minute on average", others)
			}
		},
	},
	{
		ID: "bep3/choker/who-stops-giving-is-choked", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-007"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the peer was unchoked while it gave",
		Explain: "Of ten interested peers five give a block every four seconds. After a minute one of them stops, " +
			"though it is asked for blocks. Two minutes later it should have lost its place to the others, " +
			"but for a turn as the optimistic one.",
		Causes: []string{"what was given is never forgotten", "a place is kept until the peer leaves"},
		Within: 8 * time.Minute,
		Kills:  []string{"everybody-unchoked", "spare-bits-crash"},
		Run: func(t *T) {
			s, all := market(t, 10, 5, 4*time.Second)
			s.trade(all, time.Minute)
			reset(all)
			s.trade(all, 30*time.Second)
			mustServe(t, all)
			snub := all[0]
			for _, w := range all[:5] {
				if w.served > snub.served {
					snub = w
				}
			}
			if snub.share(30*time.Second) < 50 {
				t.Inconclusivef("no giver is unchoked most of the time")
			}
			snub.every = 0
			s.trade(all, 90*time.Second)
			reset(all)
			s.trade(all, 90*time.Second)
			if snub.Gone() {
				t.Observef("the target left the peer")
				return
			}
			if share := snub.share(90 * time.Second); share > 60 {
				t.Failf("a peer that gave nothing for 90 seconds was unchoked for %d %% of the next 90", share)
			}
		},
	},
	{
		ID: "bep3/choker/leecher-gives-everybody-a-turn", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-005"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target asks the givers for blocks",
		Explain: "Of nine interested peers four give a block every ten seconds, and five nothing. Within ten " +
			"minutes each of the five should have been unchoked once: the optimistic unchoke goes around " +
			"every 30 seconds, and finds those who would give if they were given something.",
		Causes: []string{"there is no optimistic unchoke", "it is the same peer each time"},
		Within: 15 * time.Minute,
		Kills:  []string{"no-optimistic-unchoke", "spare-bits-crash"},
		Run: func(t *T) {
			s, all := market(t, 9, 4, 10*time.Second)
			s.trade(all, 10*time.Minute)
			mustServe(t, all)
			for i, w := range all[4:] {
				if w.turned == 0 && !w.Gone() {
					t.Failf("peer %d of five that give nothing was never unchoked in ten minutes", i+1)
				}
			}
		},
	},
	{
		ID: "bep3/choker/no-fibrillation", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-001"}, Role: conformance.Leecher, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedClock},
		Control: "the target unchokes some peers",
		Explain: "Ten interested peers give at random moments for three minutes. Between two changes of one " +
			"peer's choke there should be ten seconds: connections that are cut short never reach their speed.",
		Causes: []string{"peers are ranked with every block"},
		Within: 8 * time.Minute,
		Kills:  []string{"chokes-every-second", "spare-bits-crash"},
		Run: func(t *T) {
			s, all := market(t, 10, 10, time.Second)
			for range 36 {
				for _, w := range all {
					w.every = time.Duration(1+t.Rand().Below(8)) * time.Second
				}
				s.trade(all, 5*time.Second)
			}
			mustServe(t, all)
			for i, w := range all {
				for k := 1; k < len(w.turns); k++ {
					if apart := w.turns[k] - w.turns[k-1]; apart < 9*time.Second {
						t.Failf("peer %d was choked and unchoked within %v", i+1, apart)
					}
				}
			}
		},
	},
	{
		ID: "bep3/choker/seeder-gives-everybody-a-turn", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-005"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock},
		Control: "the target unchokes some peers, and serves them",
		Explain: "Twelve interested peers download from a seeder for ten minutes, three of them faster than " +
			"the others. Each should have been unchoked once.",
		Causes: []string{"the fastest keep their places for good"},
		Within: 15 * time.Minute,
		Kills:  []string{"no-optimistic-unchoke"},
		Run: func(t *T) {
			s, all := crowd(t, 12, 3)
			s.take(all, 10*time.Minute)
			mustServe(t, all)
			for i, w := range all {
				if w.turned == 0 && !w.Gone() {
					t.Failf("peer %d of twelve was never unchoked in ten minutes", i+1)
				}
			}
		},
	},
	{
		ID: "bep3/choker/seeder-prefers-the-fast", Rev: 1, Since: "0.2.0", Level: conformance.May,
		Requirements: []string{"BEP03-CHOKE-004"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock},
		Control: "the target unchokes some peers, and serves them",
		Explain: "Twelve interested peers download from a seeder, three of them fast. BEP 3 has a seeder " +
			"serve those it has the best rate to, so these three should be unchoked most of the time; " +
			"clients that serve all in turn are common, and it is recorded.",
		Causes: []string{"peers are served in turn"},
		Within: 8 * time.Minute,
		Kills:  []string{"keep-alive-ends-it", "one-slot", "seeds-in-turn"},
		Run: func(t *T) {
			s, all := crowd(t, 12, 3)
			s.take(all, 2*time.Minute)
			reset(all)
			s.take(all, 2*time.Minute)
			mustServe(t, all)
			for i, w := range all[:3] {
				if share := w.share(2 * time.Minute); share < 60 {
					t.Infof("fast peer %d of three was unchoked for %d %% of the time", i+1, share)
				}
			}
		},
	},
	{
		ID: "bep3/choker/seeder-does-not-fibrillate", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"BEP03-CHOKE-001"}, Role: conformance.Seeder, Kind: conformance.Behaviour,
		Needs:   []conformance.Need{conformance.NeedFresh, conformance.NeedClock},
		Control: "the target unchokes some peers, and serves them",
		Explain: "Twelve interested peers download from a seeder for five minutes, and every 20 seconds one " +
			"loses its interest and finds it again three seconds later. Between two changes of one peer's " +
			"choke there should be ten seconds.",
		Causes: []string{"every change of interest has all peers ranked anew"},
		Within: 10 * time.Minute,
		Kills:  []string{"chokes-every-second"},
		Run: func(t *T) {
			s, all := crowd(t, 12, 3)
			for i := range 15 {
				w := all[i%len(all)]
				s.take(all, 17*time.Second)
				w.Send(wire.NotInterested)
				s.take(all, 3*time.Second)
				w.Send(wire.Interested)
			}
			mustServe(t, all)
			for i, w := range all {
				for k := 1; k < len(w.turns); k++ {
					if apart := w.turns[k] - w.turns[k-1]; apart < 9*time.Second {
						t.Failf("peer %d was choked and unchoked within %v", i+1, apart)
					}
				}
			}
		},
	},
}

// crowd meets a fresh seeder as n interested peers, of which some are fast.
func crowd(t *T, n, fast int) (*Swarm, []*watched) {
	c := Traded.Make("")
	t.Start(conformance.StartOptions{Torrent: c.Torrent, Files: c.Files()})
	s := &Swarm{t: t, Content: c}
	var all []*watched
	for i := range n {
		w := watch(Meet(t), 5*time.Second)
		if i < fast {
			w.every = tick
		}
		w.Send(wire.Interested)
		all = append(all, w)
	}
	return s, all
}

// take has everybody who is unchoked ask for blocks as fast as it does.
func (s *Swarm) take(all []*watched, d time.Duration) {
	for end := s.t.Now() + d; s.t.Now() < end; s.t.Wait(tick) {
		for _, w := range all {
			w.stay()
			if w.Choked || w.Gone() {
				continue
			}
			w.served += tick
			if s.t.Now() >= w.next {
				w.next = s.t.Now() + w.every
				w.Send(block(wire.Request, w.asked%s.Pieces(), 0, BlockSize))
				w.asked++
			}
		}
	}
}

// mustServe ends a case as inconclusive whose target unchoked nobody, or is
// busy with one who has left.
func mustServe(t *T, all []*watched) {
	for _, w := range all {
		if w.turned > 0 || !w.Choked {
			t.Earn()
			return
		}
	}
	t.Inconclusivef("the target unchoked none of %d interested peers", len(all))
}
