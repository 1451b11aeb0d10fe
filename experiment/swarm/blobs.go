package swarm

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/experiment"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

const (
	blobKinds    = 40     // different blobs
	blobWanted   = 20_000 // downloads, with blobHosts hosts
	blobHosts    = 2600
	blobLeast    = 100_000_000
	blobMost     = 1_000_000_000
	blobOrigins  = 10
	blobReplicas = 3 // origins that have a blob
	blobPiece    = 4 << 20
	blobTold     = 5
)

// blobsPlan deals blobs of random sizes to hosts that want as many of them, but
// for one, each several different ones, all at once.
func blobsPlan(o Options) plan {
	link := sim.Host{Up: 300_000_000, Down: 300_000_000, Hash: hashRate}
	p := plan{
		seed: o.Seed, latency: sim.Uniform(250*time.Microsecond, 500*time.Microsecond),
		unit: blobPiece / pieceUnits, told: blobTold, limit: 10 * time.Minute, node: o.trusting(blobTold),
	}
	for range blobOrigins + o.Hosts {
		p.hosts = append(p.hosts, link)
	}
	rng := spec.NewRand(seedBytes(o.Seed, 1<<32))
	downloads := blobWanted * o.Hosts / blobHosts
	each := (downloads + blobKinds - 1) / blobKinds
	var deck []int // hosts in the order in which they are dealt blobs, one each before any has two
	for b := range blobKinds {
		t := torrent{pieceLength: blobPiece, size: blobLeast + int64(rng.Below(blobMost-blobLeast+1))}
		for r := range blobReplicas {
			t.seeds = append(t.seeds, (b+r)%blobOrigins)
		}
		take := min(each, downloads)
		if len(deck) < take {
			deck = redeal(&rng, deck, o.Hosts)
		}
		t.leechers, deck = deck[:take:take], deck[take:]
		downloads -= take
		p.torrents = append(p.torrents, t)
	}
	return p
}

// redeal puts all hosts in random order behind the rest of the deck, whose
// hosts come far enough behind not to be dealt the same blob twice.
func redeal(rng *spec.Rand, rest []int, hosts int) []int {
	fresh := make([]int, hosts)
	for i := range fresh {
		fresh[i] = blobOrigins + i
	}
	rng.Shuffle(hosts, func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	waits := make(map[int]bool)
	for _, h := range rest {
		waits[h] = true
	}
	deck := append([]int(nil), rest...)
	var late []int
	for _, h := range fresh {
		if waits[h] {
			late = append(late, h)
		} else {
			deck = append(deck, h)
		}
	}
	return append(deck, late...)
}

// blobBound is the least time for the hosts to take what they want, and for all
// to send it.
func (p *plan) blobBound() time.Duration {
	wants := make([]int64, len(p.hosts))
	var all int64
	most := int64(0)
	for _, t := range p.torrents {
		for _, h := range t.leechers {
			wants[h] += t.size
			most = max(most, wants[h])
			all += t.size
		}
	}
	rate := float64(p.hosts[0].Up)
	return seconds(max(float64(most)/rate, float64(all)/rate/float64(len(p.hosts))))
}

// blobs is many contents at once.
func blobs(o Options) (*experiment.Result, error) {
	p := blobsPlan(o)
	out := p.outcome()
	downloads := len(out.times) + out.missing
	least := p.blobBound()
	return &experiment.Result{
		Title: fmt.Sprintf("Blobs: %d downloads over %d hosts, seed %d", downloads, o.Hosts, o.Seed),
		Setup: []string{
			fmt.Sprintf("%d blobs of %d MB to %d MB, equally likely; each is on %d of %d origins; all begin at once",
				blobKinds, blobLeast/1_000_000, blobMost/1_000_000, blobReplicas, blobOrigins),
			"300 MB/s each way for all that a host does, 0.25 to 0.5 ms apart, hashing at 1.5 GB/s (a core)",
			fmt.Sprintf("pieces of %d MiB, asked for whole; for each blob %s", blobPiece>>20, p.choices()),
			fmt.Sprintf("bound: the host that wants most needs %s", show(least)),
		},
		Tables: []experiment.Table{
			{
				Title:  "Time until a blob is there",
				Header: append([]string{""}, quantiles()...),
				Rows: [][]string{
					append([]string{"this run"}, out.quantiles()...),
					append([]string{"of the bound"}, out.ratios(least)...),
				},
			},
			out.costs(),
		},
		Figure: experiment.Figure{
			LegendRight: true,
			Title:       "downloads that ended, %", X: "seconds", Y: "downloads that ended, %",
			Lines: []experiment.Line{out.line("blobs")},
		},
		Notes: out.notes(),
	}, nil
}
