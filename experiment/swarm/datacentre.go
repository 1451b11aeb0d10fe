package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/experiment"
	"github.com/p2pspec/p2pspec/transport/sim"
)

const (
	// hashRate is at what a core with SHA instructions hashes, in bytes a
	// second; a server gives a download as many as it needs.
	hashRate = 1_500_000_000

	// openHouse is more slots than there are connections: hosts of one owner
	// have no reason to choke.
	openHouse = 1000
)

// kraken is the benchmark that Kraken publishes: one image of 3 GB, five hosts
// that have it, links limited to 300 MB/s.
func kraken(o Options) (*experiment.Result, error) {
	return o.oneContent(content{
		title: "Kraken's benchmark", size: 3_000_000_000, pieceLength: 4 << 20, seeds: 5, told: 5,
		host:    sim.Host{Up: 300_000_000, Down: 300_000_000, Hash: hashRate},
		latency: sim.Uniform(250*time.Microsecond, 500*time.Microsecond),
		setup:   "300 MB/s each way, 0.25 to 0.5 ms apart, hashing at 1.5 GB/s (a core)",
		reference: &experiment.Line{ // nobody can be done in less than 10 s
			Name: "Kraken, as published", X: []float64{0, 10, 10, 18, 22}, Y: []float64{0, 0, 50, 99, 99.9},
		},
	})
}

// broadcast is one host's content to many on a fast network.
func broadcast(o Options) (*experiment.Result, error) {
	return o.oneContent(content{
		title: "Broadcast", size: 5_000_000_000, pieceLength: 2 << 20, seeds: 1, told: 5,
		host:    sim.Host{Up: 5_000_000_000, Down: 5_000_000_000, Hash: 6 * hashRate},
		latency: sim.Uniform(100*time.Microsecond, 200*time.Microsecond),
		setup:   "40 Gbit/s each way, 0.1 to 0.2 ms apart, hashing at 9 GB/s (six cores)",
	})
}

// content is an experiment with one torrent among equal hosts.
type content struct {
	title             string
	size, pieceLength int64 // in bytes
	seeds, told       int
	host              sim.Host
	latency           sim.Dist
	setup             string
	reference         *experiment.Line // percent of the hosts over seconds, to compare with
}

// plan lets all hosts begin at once.
func (c *content) plan(o Options) plan {
	p := plan{
		seed: o.Seed, latency: c.latency, unit: c.pieceLength / pieceUnits, told: c.told,
		limit: 100 * seconds(float64(c.size)/float64(c.host.Up)),
	}
	t := torrent{size: c.size, pieceLength: c.pieceLength}
	for i := range c.seeds + o.Hosts {
		p.hosts = append(p.hosts, c.host)
		if i < c.seeds {
			t.seeds = append(t.seeds, i)
		} else {
			t.leechers = append(t.leechers, i)
		}
	}
	p.torrents = []torrent{t}
	p.node = o.trusting(p.told)
	return p
}

// pieceUnits is the length of a piece in a machine: enough for a last piece
// that is shorter, and little to carry about.
const pieceUnits = 64

// trusting is the configuration of machines in one house: whole pieces are
// asked for, one at a time of each peer, and everybody is served.
func (o Options) trusting(told int) bittorrent.Config {
	return bittorrent.Config{
		NoPEX: true, NoExtended: true, TerseHave: true,
		MaxConns: 2*told + 2, MaxHalfOpen: 2*told + 2,
		BlockSize: pieceUnits, UploadWindow: pieceUnits,
		MinRequestsOut: 1, MaxRequestsOut: 1, UploadSlots: cmp.Or(o.Slots, openHouse),
		Order: o.Pieces, NoOptimistic: o.NoOptimistic,
	}
}

func (o Options) oneContent(c content) (*experiment.Result, error) {
	p := c.plan(o)
	out := p.outcome()
	t := &p.torrents[0]
	least := bound(t, o.Hosts, c.host.Up)
	times := experiment.Table{Title: "Time until a host has everything", Header: append([]string{""}, quantiles()...)}
	times.Rows = append(times.Rows, append([]string{"this run"}, out.quantiles()...))
	times.Rows = append(times.Rows, append([]string{"of the bound"}, out.ratios(least)...))
	line := out.line("hosts")
	lines := []experiment.Line{line}
	if ref := c.reference; ref != nil {
		line.Name = "this run"
		line.X, line.Y = append(line.X, ref.X[len(ref.X)-1]), append(line.Y, line.Y[len(line.Y)-1])
		lines = []experiment.Line{line, *ref}
		times.Rows = append(times.Rows, refer(ref))
	}
	return &experiment.Result{
		Title: fmt.Sprintf("%s: %.0f GB to %d hosts, seed %d", c.title, float64(c.size)/1e9, o.Hosts, o.Seed),
		Setup: []string{
			fmt.Sprintf("%d hosts have it, %d begin at once; %s", c.seeds, o.Hosts, c.setup),
			fmt.Sprintf("%d pieces of %d MiB, asked for whole; %s", t.pieces(), c.pieceLength>>20, p.choices()),
			fmt.Sprintf("bound (F/u)(1 + ⌊log2 N⌋/M) = %s; from one server alone %s", show(least),
				show(seconds(float64(c.size)*float64(o.Hosts)/float64(c.host.Up)))),
		},
		Tables: []experiment.Table{times, out.costs()},
		Figure: experiment.Figure{
			LegendRight: true,
			Title:       "hosts that have everything, %", X: "seconds", Y: "hosts that have everything, %",
			Lines: lines,
		},
		Notes: out.notes(),
	}, nil
}

// refer is the row of a reference: the quantiles that it has.
func refer(l *experiment.Line) []string {
	row := []string{l.Name}
	for _, percent := range [...]float64{50, 90, 99, 99.9, 100} {
		cell := ""
		if i := slices.Index(l.Y, percent); i >= 0 {
			cell = fmt.Sprintf("%g s", l.X[i])
		}
		row = append(row, cell)
	}
	return row
}

// ratios are the quantiles in bounds.
func (o *outcome) ratios(least time.Duration) []string {
	var cells []string
	for _, q := range [...]float64{0.5, 0.9, 0.99, 0.999, 1} {
		cells = append(cells, fmt.Sprintf("%.3f", quantile(o.times, q).Seconds()/least.Seconds()))
	}
	return cells
}
