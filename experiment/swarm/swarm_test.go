package swarm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/experiment"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// small is a content that 60 equal hosts get within a second or two of the
// real clock.
func small() content {
	return content{
		size: 400 << 20, pieceLength: 1 << 20, seeds: 2, told: 5,
		host:    sim.Host{Up: 300_000_000, Down: 300_000_000, Hash: hashRate},
		latency: sim.Uniform(250*time.Microsecond, 500*time.Microsecond),
	}
}

// smallHomes are home links with a part of the content and of the time to come,
// and with larger blocks.
func smallHomes(o Options) plan {
	const part = 4
	p := homesPlan(o)
	p.node.BlockSize *= part
	p.node.UploadWindow *= part / 2
	p.torrents[0].size /= part
	p.arrival /= part
	return p
}

func text(t *testing.T, o *outcome) string {
	t.Helper()
	var b strings.Builder
	for _, row := range append(o.costs().Rows, o.quantiles(), o.byRule("")) {
		b.WriteString(strings.Join(row, " ") + "\n")
	}
	return b.String()
}

func TestRunsRepeat(t *testing.T) {
	c := small()
	for _, plan := range []func(Options) plan{c.plan, smallHomes, smallBlobs} {
		var texts []string
		for _, seed := range []uint64{1, 1, 2} {
			out := plan(Options{Seed: seed, Hosts: 20}).outcome()
			require.Zero(t, out.missing)
			require.Zero(t, out.odd, "messages that a machine refused")
			texts = append(texts, text(t, &out))
		}
		require.Equal(t, texts[0], texts[1])
		require.NotEqual(t, texts[0], texts[2])
	}
}

func smallBlobs(o Options) plan {
	p := blobsPlan(o)
	p.torrents = p.torrents[:10]
	return p
}

// A swarm comes close to the bound, and never below it.
func TestBroadcastIsNearTheBound(t *testing.T) {
	c := small()
	p := c.plan(Options{Seed: 1, Hosts: 60})
	out := p.outcome()
	least := bound(&p.torrents[0], 60, c.host.Up)
	require.GreaterOrEqual(t, quantile(out.times, 0), least*9/10) // there are two seeds
	require.Less(t, quantile(out.times, 1), least*5/4)
	require.GreaterOrEqual(t, out.copies, 1.0)
	require.Less(t, out.copies, 3.0)
	require.Greater(t, out.use, 0.75)
}

// Each host downloads what it wants and no piece twice, but for the endgame.
func TestBytesAddUp(t *testing.T) {
	c := small()
	p := c.plan(Options{Seed: 3, Hosts: 30})
	s := p.start()
	out := s.finish()
	var received uint64
	for _, m := range s.members {
		_, r := s.Traffic(address(m.host, m.torrent))
		if m.wants {
			require.GreaterOrEqual(t, r, uint64(c.size))
		}
		received += r
	}
	require.LessOrEqual(t, float64(received), 1.15*30*float64(c.size))
	require.LessOrEqual(t, received, out.bytes)
}

// In order, all want the same pieces and have none to trade.
func TestPiecesInOrderAreWorse(t *testing.T) {
	c := small()
	rarest := c.plan(Options{Seed: 1, Hosts: 40}).outcome()
	inOrder := c.plan(Options{Seed: 1, Hosts: 40, Pieces: bittorrent.InOrder}).outcome()
	require.Greater(t, quantile(inOrder.times, 0.99).Seconds(), 1.5*quantile(rarest.times, 0.99).Seconds())
	require.Greater(t, inOrder.copies, 1.2*rarest.copies)
}

// With few slots some hosts have fewer to fetch from than others, for a whole
// round of the choker.
func TestSlotsSpreadTheTimes(t *testing.T) {
	c := small()
	out := c.plan(Options{Seed: 1, Hosts: 40, Slots: 4}).outcome()
	all := c.plan(Options{Seed: 1, Hosts: 40}).outcome()
	require.Greater(t, quantile(out.times, 1).Seconds(), 1.2*quantile(all.times, 1).Seconds())
}

// Without the optimistic unchoke those who give most do not find each other. In
// order, they have little that others want.
func TestRulesAreWorthIt(t *testing.T) {
	base := fastest(Options{})
	require.Greater(t, fastest(Options{NoOptimistic: true}), 1.1*base)
	require.Greater(t, fastest(Options{Pieces: bittorrent.InOrder}), 1.3*base)
}

// fastest adds up the mean times of those with 1,000 and 5,000 kbit/s to give,
// in seconds, of two runs.
func fastest(o Options) (sum float64) {
	for o.Seed = 1; o.Seed <= 2; o.Seed++ {
		o.Hosts = 60
		out := smallHomes(o).outcome()
		sum += mean(out.timesOf(classes()[2])).Seconds() + mean(out.timesOf(classes()[4])).Seconds()
	}
	return sum
}

// Who serves more downloads faster, and who does not serve waits.
func TestTitForTat(t *testing.T) {
	p := smallHomes(Options{Seed: 1, Hosts: 60})
	s := p.start()
	out := s.finish()
	require.Zero(t, out.missing)
	of := func(class int) float64 { return mean(out.timesOf(classes()[class])).Seconds() }
	require.Greater(t, of(0), of(1), "128 and 384 kbit/s up")
	require.Greater(t, of(1), of(2), "384 and 1,000 kbit/s up")
	require.Greater(t, of(1), of(4), "384 and 5,000 kbit/s up")
	require.Greater(t, of(3), 1.2*of(2), "a free rider and who serves over the same link")
	for _, h := range p.torrents[0].riders {
		sent, _ := s.Traffic(address(h, 0))
		require.Less(t, sent, uint64(p.torrents[0].size)/20, "a free rider sends requests alone")
	}
}

// Every member has as many neighbours, none twice and not itself.
func TestGraph(t *testing.T) {
	p := small()
	s := p.plan(Options{Seed: 1, Hosts: 100}).start()
	lists := s.graph(100)
	degree := make([]int, 100)
	seen := make(map[[2]int]bool)
	links := 0
	for i, told := range lists {
		for _, j := range told {
			require.NotEqual(t, i, j)
			require.False(t, seen[[2]int{i, j}] || seen[[2]int{j, i}], "%d and %d twice", i, j)
			seen[[2]int{i, j}] = true
			degree[i]++
			degree[j]++
			links++
		}
	}
	require.Greater(t, links, 100*5-5)
	for i, d := range degree {
		require.InDelta(t, 10, d, 2, "member %d", i)
	}
}

func TestBlobsAreDealtEvenly(t *testing.T) {
	p := blobsPlan(Options{Seed: 1, Hosts: 2600})
	count := make([]int, len(p.hosts))
	downloads := 0
	for _, tor := range p.torrents {
		seen := make(map[int]bool)
		for _, h := range tor.leechers {
			require.False(t, seen[h], "a host wants a blob twice")
			seen[h] = true
			count[h]++
			downloads++
		}
	}
	require.Equal(t, 20_000, downloads)
	for _, n := range count[blobOrigins:] {
		require.InDelta(t, 7.5, n, 0.5)
	}
}

// The closed form, at the figures that are computed by hand in its sources.
func TestBound(t *testing.T) {
	for _, x := range []struct {
		size, piece int64
		hosts       int
		rate        uint64
		want        time.Duration
	}{
		{5_000_000_000, 1 << 18, 1000, 12_500_000, 400_200 * time.Millisecond},
		{5_000_000_000, 4 << 20, 1000, 12_500_000, 403_000 * time.Millisecond},
		{100, 100, 1, 100, time.Second},
		{100, 100, 2, 100, 2 * time.Second},
		{100, 100, 3, 100, 2 * time.Second},
		{100, 100, 4, 100, 3 * time.Second},
	} {
		got := bound(&torrent{size: x.size, pieceLength: x.piece}, x.hosts, x.rate)
		require.InDelta(t, x.want.Seconds(), got.Seconds(), 0.05)
	}
	p := homesPlan(Options{Hosts: 20})
	require.InDelta(t, homeSize/98_000.0, p.fluidBound().Seconds(), 0.01, "784 kbit/s are 98,000 bytes/s")
}

func TestLayoutInUnits(t *testing.T) {
	for _, x := range []struct{ size, piece, unit, pieces, last int64 }{
		{1024, 256, 16, 4, 16}, {1000, 256, 16, 4, 14}, {1025, 256, 16, 5, 1},
	} {
		tor := torrent{size: x.size, pieceLength: x.piece}
		l := tor.layout(x.unit)
		require.Equal(t, int32(x.pieces), l.Pieces)
		require.Equal(t, int32(x.last), l.Size(l.Pieces-1))
	}
}

func TestBadOptions(t *testing.T) {
	_, err := Run("nosuch", Options{})
	require.ErrorContains(t, err, "there are kraken, broadcast, blobs, homes")
	_, err = Run("homes", Options{Slots: -1})
	require.ErrorContains(t, err, "slots, want 0 to 1000")
	for _, hosts := range []int{-1, 3, MaxHosts + 1} {
		for _, e := range List() {
			_, err := Run(e.Name, Options{Hosts: hosts})
			require.ErrorContains(t, err, "hosts, want 4 to 20000")
		}
	}
}

// The result of an experiment says what was aimed at and what came of it.
func TestResult(t *testing.T) {
	c := small()
	c.title = "Small"
	c.reference = &experiment.Line{Name: "another", X: []float64{1, 7}, Y: []float64{50, 99}}
	r, err := Options{Seed: 1, Hosts: 8}.oneContent(c)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	for _, want := range []string{
		"Small: 0 GB to 8 hosts", "p99.9", "of the bound", "another     1 s             7 s", "seed copies", "messages",
	} {
		require.Contains(t, b.String(), want)
	}
	var svg strings.Builder
	require.NoError(t, r.WriteSVG(&svg))
	require.Contains(t, svg.String(), "</svg>")
}
