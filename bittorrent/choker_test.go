package bittorrent

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// parlour is an owner of a choker, with peers that do as a test says.
type parlour struct {
	now    time.Duration
	rng    spec.Rand
	choker choker
	seed   bool
	peers  []chokerPeer
	turned map[spec.Conn]time.Duration // when it was choked or unchoked last
	last   spec.Conn
}

func newParlour(slots int32, order SeedOrder, seed uint64) *parlour {
	return &parlour{
		rng: spec.NewRand([32]byte{byte(seed), byte(seed >> 8)}), choker: newChoker(slots, order),
		turned: make(map[spec.Conn]time.Duration),
	}
}

// join connects a peer that is interested and sends at a rate.
func (p *parlour) join(rate int64) spec.Conn {
	p.last++
	p.choker.joined(&p.rng, p.last)
	p.peers = append(p.peers, chokerPeer{conn: p.last, rate: rate, interested: true, choked: true, settled: true})
	return p.last
}

func (p *parlour) leave(conn spec.Conn) {
	p.choker.left(conn)
	p.peers = slices.DeleteFunc(p.peers, func(q chokerPeer) bool { return q.conn == conn })
}

func (p *parlour) peer(conn spec.Conn) *chokerPeer {
	return &p.peers[slices.IndexFunc(p.peers, func(q chokerPeer) bool { return q.conn == conn })]
}

// wait lets time pass to the next round.
func (p *parlour) wait(t require.TestingT) {
	p.now += 10*time.Second - p.now%(10*time.Second)
	p.apply(t, p.settle().choker.rechoke(p.peers, p.seed, nil))
}

func (p *parlour) react(t require.TestingT) {
	p.apply(t, p.settle().choker.react(p.peers, p.seed, nil))
}

func (p *parlour) settle() *parlour {
	for i := range p.peers {
		at, wasTurned := p.turned[p.peers[i].conn]
		p.peers[i].settled = !wasTurned || p.now-at >= 10*time.Second
	}
	return p
}

func (p *parlour) apply(t require.TestingT, changes []chokeChange) {
	for _, change := range changes {
		peer := p.peer(change.conn)
		require.NotEqual(t, change.choke, peer.choked, "no change for %d", change.conn)
		require.True(t, peer.settled, "fibrillation of %d", change.conn)
		peer.choked, peer.settled = change.choke, false
		p.turned[change.conn] = p.now
	}
}

// served are the connections with a slot.
func (p *parlour) served() (conns []spec.Conn) {
	for _, q := range p.peers {
		if q.wants() && !q.choked {
			conns = append(conns, q.conn)
		}
	}
	return conns
}

func (p *parlour) check(t require.TestingT) {
	queue := slices.Sorted(slices.Values(p.choker.queue))
	var conns []spec.Conn
	for _, q := range p.peers {
		conns = append(conns, q.conn)
	}
	require.Equal(t, slices.Sorted(slices.Values(conns)), queue)
}

// The economics paper §3.1, BEP03-CHOKE-002: a fixed number of peers is
// unchoked, four, and of these all but one are the best.
func TestFourAreUnchoked(t *testing.T) {
	p := newParlour(4, FastestFirst, 1)
	for rate := range int64(10) {
		p.join(rate)
	}
	for range 20 {
		p.wait(t)
		require.Len(t, p.served(), 4)
		for _, best := range []spec.Conn{8, 9, 10} {
			require.Contains(t, p.served(), best)
		}
	}
}

// BEP03-CHOKE-002: what is unchoked equals what a direct reading of BEP 3
// gives, whatever the peers are.
func TestChokerEqualsAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newParlour(rapid.Int32Range(1, 5).Draw(t, "slots"), FastestFirst, rapid.Uint64().Draw(t, "seed"))
		p.seed = rapid.Bool().Draw(t, "complete")
		for range rapid.IntRange(0, 9).Draw(t, "peers") {
			q := p.peer(p.join(rapid.Int64Range(0, 5).Draw(t, "rate")))
			q.interested = rapid.IntRange(0, 3).Draw(t, "interested") > 0
			q.snubbing = rapid.IntRange(0, 3).Draw(t, "snubbing") == 0
			q.uploadOnly = rapid.IntRange(0, 5).Draw(t, "upload only") == 0
		}
		for range rapid.IntRange(1, 9).Draw(t, "rounds") {
			p.wait(t)
		}
		merit, worst := 0, int64(-1) // what the regular slots hold at least
		var rates []int64
		wanting := 0
		for _, q := range p.peers {
			if q.interested && !q.uploadOnly {
				wanting++
				if p.seed || !q.snubbing {
					rates = append(rates, q.rate)
				}
			}
		}
		slices.Sort(rates)
		if merit = min(len(rates), int(p.choker.slots)-1); merit > 0 {
			worst = rates[len(rates)-merit]
		}
		require.Len(t, p.served(), min(wanting, int(p.choker.slots)))
		byMerit := 0
		for _, q := range p.peers {
			switch {
			case q.uploadOnly:
				require.True(t, q.choked, "%d wants nothing", q.conn)
			case !q.interested:
				isFull := merit == int(p.choker.slots)-1 && merit > 0
				deserves := !q.snubbing && (isFull && q.rate > worst || !isFull && q.rate > 0)
				require.Equal(t, deserves, !q.choked, "%d would deserve a slot", q.conn)
			case (p.seed || !q.snubbing) && q.rate > worst && merit > 0:
				require.False(t, q.choked, "%d deserves a slot", q.conn)
			}
			if q.interested && !q.choked && q.rate >= worst && (p.seed || !q.snubbing) {
				byMerit++
			}
		}
		require.GreaterOrEqual(t, byMerit, merit)
	})
}

// BEP03-CHOKE-001: whatever peers do, nobody is choked or unchoked within ten
// seconds of the last time, no more than the slots are taken for longer than
// that, and none is vacant for a round while somebody wants it.
func TestChokerNeverFibrillates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SampledFrom([]SeedOrder{FastestFirst, RoundRobin}).Draw(t, "order")
		p := newParlour(rapid.Int32Range(1, 4).Draw(t, "slots"), order, rapid.Uint64().Draw(t, "seed"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p.now += time.Duration(rapid.IntRange(0, 3).Draw(t, "s")) * time.Second
			act := rapid.IntRange(0, 7).Draw(t, "act")
			if len(p.peers) == 0 || act == 0 {
				p.join(rapid.Int64Range(0, 5).Draw(t, "rate"))
				continue
			}
			q := &p.peers[rapid.IntRange(0, len(p.peers)-1).Draw(t, "peer")]
			switch act {
			case 1:
				p.leave(q.conn)
				p.react(t)
			case 2, 3:
				q.interested = !q.interested
				p.react(t)
			case 4:
				q.rate = rapid.Int64Range(0, 5).Draw(t, "rate")
			case 5:
				q.snubbing, p.seed = !q.snubbing, rapid.Bool().Draw(t, "complete")
			default:
				p.wait(t)
				unsettled, wanting := 0, 0
				for _, q := range p.settle().peers {
					if q.wants() && !q.choked && p.turned[q.conn] < p.now && !q.settled {
						unsettled++
					}
					if q.canServe() {
						wanting++
					}
				}
				require.LessOrEqual(t, len(p.served()), max(int(p.choker.slots), unsettled))
				require.GreaterOrEqual(t, len(p.served()), min(int(p.choker.slots), wanting))
			}
			p.check(t)
		}
	})
}

// The economics paper §3.3, BEP03-CHOKE-005: the optimistic unchoke changes
// with each third round, and everybody gets a turn.
func TestEverybodyGetsATurn(t *testing.T) {
	p := newParlour(4, FastestFirst, 2)
	for rate := range int64(12) {
		p.join(rate)
	}
	seen := map[spec.Conn]int{}
	for range 12 { // of 30 seconds
		p.wait(t)
		first := p.choker.optimistic
		seen[first]++
		for range 2 {
			p.wait(t)
		}
		changed := p.choker.optimistic
		require.NotEqual(t, first, changed)
		require.Contains(t, p.served(), changed)
	}
	for conn := spec.Conn(1); conn <= 9; conn++ { // the best three need none
		require.NotZero(t, seen[conn], "%d of %v", conn, seen)
	}
}

// Without it nobody learns that a stranger is better than four partners.
func TestWithoutOptimisticUnchokeStrangersStayStrangers(t *testing.T) {
	p := newParlour(4, FastestFirst, 2)
	p.choker.meritOnly = true
	for rate := range int64(9) {
		p.join(min(rate, 4)) // 5 to 9 send 4
	}
	p.peer(6).snubbing = true
	for range 9 {
		p.wait(t)
		require.Equal(t, []spec.Conn{5, 7, 8, 9}, p.served())
	}
	p.peer(7).snubbing, p.peer(8).snubbing = true, true
	for conn := spec.Conn(1); conn <= 4; conn++ {
		p.leave(conn)
	}
	p.wait(t)
	require.Equal(t, []spec.Conn{5, 9}, p.served())
}

// BEP03-CHOKE-006: a new connection starts at the head of the queue three
// times as often as at any other place.
func TestNewcomersStartAtTheHeadThreeTimesAsOften(t *testing.T) {
	places := make([]int, 6)
	const runs = 4000
	for seed := range uint64(runs) {
		p := newParlour(4, FastestFirst, seed)
		for range 6 {
			p.join(0)
		}
		places[slices.Index(p.choker.queue, 6)]++
	}
	require.InDelta(t, 3*runs/8, places[0], 160, "%v", places) // five standard deviations
	for _, n := range places[1:] {
		require.InDelta(t, runs/8, n, 110, "%v", places)
	}
}

// The economics paper §3.4, BEP03-CHOKE-007: who has sent nothing for a minute
// is served as the optimistic unchoke alone, however good it was, and then
// there may be more than one of those.
func TestSnubbingLosesTheSlot(t *testing.T) {
	p := newParlour(4, FastestFirst, 3)
	for rate := range int64(8) {
		p.join(rate)
	}
	p.wait(t)
	require.Contains(t, p.served(), spec.Conn(8))
	p.peer(8).snubbing = true
	turns := 0
	for range 21 {
		p.wait(t)
		require.Len(t, p.served(), 4)
		require.Subset(t, p.served(), []spec.Conn{5, 6, 7})
		if slices.Contains(p.served(), 8) {
			require.EqualValues(t, 8, p.choker.optimistic)
			turns++
		}
	}
	require.Positive(t, turns)
	require.Less(t, turns, 7)

	for i := range p.peers { // everybody: all slots are optimistic
		p.peers[i].snubbing = true
	}
	p.wait(t)
	require.Len(t, p.served(), 4)
}

// Who is as good as others keeps the slot, and who is served since a moment ago
// is not choked for somebody better before ten seconds have passed.
func TestSlotsAreKept(t *testing.T) {
	p := newParlour(4, FastestFirst, 8)
	for range 9 {
		p.join(3)
		p.react(t)
	}
	for range 9 {
		p.wait(t)
		require.Subset(t, p.served(), []spec.Conn{1, 2, 3})
	}
	p.now += 5 * time.Second
	p.leave(1)
	p.leave(2)
	p.leave(3)
	p.react(t)
	young := p.served()
	require.Len(t, young, 4)
	for range 4 {
		p.join(99)
	}
	p.wait(t)
	require.Equal(t, young, p.served())
	p.wait(t)
	require.Subset(t, []spec.Conn{10, 11, 12, 13, p.choker.optimistic}, p.served())
}

// A vacant slot goes to who snubs us only when nobody else is left.
func TestVacantSlotsGoToSnubbersLast(t *testing.T) {
	p := newParlour(1, FastestFirst, 9)
	p.peer(p.join(9)).snubbing = true
	p.join(0)
	p.react(t)
	require.Equal(t, []spec.Conn{2}, p.served())
	p.leave(2)
	p.react(t)
	require.Equal(t, []spec.Conn{1}, p.served())
}

// BEP03-CHOKE-003: a better peer that wants nothing is unchoked, and when it
// comes to want something the worst downloader makes room at once.
func TestBetterUninterestedPeersAreUnchoked(t *testing.T) {
	p := newParlour(4, FastestFirst, 4)
	for rate := int64(1); rate <= 6; rate++ {
		p.join(rate)
	}
	better, worse := p.join(9), p.join(2)
	p.peer(better).interested, p.peer(worse).interested = false, false
	p.wait(t)
	require.False(t, p.peer(better).choked)
	require.True(t, p.peer(worse).choked)
	before := p.served()
	require.Len(t, before, 4)

	p.now += 10 * time.Second
	p.peer(better).interested = true
	p.react(t)
	require.Len(t, p.served(), 4)
	require.Contains(t, p.served(), better)
	lost := slices.DeleteFunc(before, func(conn spec.Conn) bool { return slices.Contains(p.served(), conn) })
	require.Len(t, lost, 1)
	require.EqualValues(t, 4, p.peer(lost[0]).rate, "the worst of those by merit: 6, 5, 4")
	require.NotEqual(t, p.choker.optimistic, lost[0])
}

// A vacant slot is filled at once, and one that opens is filled again.
func TestVacantSlotsAreFilledAtOnce(t *testing.T) {
	p := newParlour(4, FastestFirst, 5)
	for range 6 {
		p.join(0)
		p.react(t)
	}
	require.Equal(t, []spec.Conn{1, 2, 3, 4}, p.served())
	p.leave(2)
	p.react(t)
	require.Len(t, p.served(), 4)
}

// The economics paper §3.5, BEP03-CHOKE-004: a seed prefers those who take the
// most, and goes on with optimistic unchokes. Who wants nothing gets nothing.
func TestSeedPrefersThoseWhoTakeTheMost(t *testing.T) {
	p := newParlour(4, FastestFirst, 6)
	p.seed = true
	for rate := range int64(8) {
		p.peer(p.join(rate)).snubbing = true // of no meaning to a seed
	}
	p.peer(8).uploadOnly = true
	turns := map[spec.Conn]bool{}
	for range 15 {
		p.wait(t)
		require.Subset(t, p.served(), []spec.Conn{5, 6, 7})
		turns[p.choker.optimistic] = true
	}
	require.Len(t, turns, 4)
	require.True(t, p.peer(8).choked)
}

// A round-robin seed serves everybody alike.
func TestRoundRobinServesEverybody(t *testing.T) {
	p := newParlour(4, RoundRobin, 7)
	p.seed = true
	for rate := range int64(12) {
		p.join(rate)
	}
	turns := map[spec.Conn]int{}
	for range 3 * 3 * 5 { // five times all of them
		p.wait(t)
		require.Len(t, p.served(), 4)
		for _, conn := range p.served() {
			turns[conn]++
		}
	}
	for conn, n := range turns {
		require.InDelta(t, 15, n, 3, "%d of %v", conn, turns)
	}
}

// The economics paper §3.2: the rate is that of the last 20 seconds.
func TestRateIsTheMeanOfTwentySeconds(t *testing.T) {
	start := 7 * time.Second
	r := newRate(start)
	for s := range 20 {
		r.add(start+time.Duration(s)*time.Second, 1000)
	}
	require.EqualValues(t, 1000, r.perSecond(start+19*time.Second))
	require.EqualValues(t, 500, r.perSecond(start+29*time.Second))
	require.EqualValues(t, 0, r.perSecond(start+39*time.Second))
	require.EqualValues(t, 1000, r.perSecond(start+19*time.Second), "asking changes nothing")
	require.EqualValues(t, 0, r.perSecond(1<<62))
}

// A rate lies between the means over a slot less and over the whole period.
func TestRateEqualsAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "start"))
		r, twin := newRate(now), newRate(now+time.Hour)
		type transfer struct {
			at    time.Duration
			bytes int64
		}
		var all []transfer
		for range rapid.IntRange(1, 60).Draw(t, "transfers") {
			now += time.Duration(rapid.Int64Range(0, 4e9).Draw(t, "gap"))
			n := rapid.Int64Range(0, 1<<40).Draw(t, "bytes")
			r.add(now, n)
			twin.add(now+time.Hour, n)
			all = append(all, transfer{now, n})
		}
		now += time.Duration(rapid.Int64Range(0, 30e9).Draw(t, "later"))
		var least, most int64
		for _, x := range all {
			if age := now - x.at; age < 20*time.Second {
				most += x.bytes
				if age < 18*time.Second {
					least += x.bytes
				}
			}
		}
		require.GreaterOrEqual(t, r.perSecond(now), least/20)
		require.LessOrEqual(t, r.perSecond(now), most/20)
		require.Equal(t, r.appendState(nil, now), twin.appendState(nil, now+time.Hour))
	})
}
