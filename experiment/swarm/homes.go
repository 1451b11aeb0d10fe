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

// class is a kind of home link.
type class struct {
	name     string
	short    string // of a column
	up, down uint64 // in kbit/s
	percent  int    // of the hosts
	rides    bool   // downloads and serves nobody
}

// classes is the mix of links with which Bharambe, Herley and Padmanabhan
// (INFOCOM 2006) simulated BitTorrent, after the links that Saroiu and others
// measured among Gnutella's users. Of the third class one in five is made a
// free rider.
func classes() []class {
	return []class{
		{"784 down, 128 up", "128 up", 128, 784, 20, false},
		{"1,500 down, 384 up", "384 up", 384, 1500, 40, false},
		{"3,000 down, 1,000 up", "1,000 up", 1000, 3000, 20, false},
		{"the same, free riders", "riders", 1000, 3000, 5, true},
		{"10,000 down, 5,000 up", "5,000 up", 5000, 10000, 15, false},
	}
}

const (
	homeSize    = 128 << 20
	homePiece   = 256 << 10 // about what the economics paper has
	homeBlock   = 16 << 10
	homeUnit    = 256
	homeTold    = 15 // so that a machine has some 30 connections
	homeSlots   = 4  // one of them optimistic
	homeArrival = 10 * time.Minute
	homeLimit   = 10 * time.Hour
	homeSeedUp  = 5000 // kbit/s: one of the fastest homes has the content
)

// homesPlan lets hosts come one by one and leave when they are done, with
// the machine's defaults otherwise, such as a round of the choker each 10 s.
func homesPlan(o Options) plan {
	p := plan{
		seed: o.Seed, latency: sim.LogNormal(40 * time.Millisecond), unit: homeUnit,
		told: homeTold, arrival: homeArrival, leave: true, limit: homeLimit,
	}
	link := func(up, down uint64) sim.Host {
		return sim.Host{Up: up * 1000 / 8, Down: down * 1000 / 8, Hash: hashRate}
	}
	t := torrent{size: homeSize, pieceLength: homePiece, seeds: []int{0}}
	p.hosts = []sim.Host{link(homeSeedUp, homeSeedUp)}
	for i := range o.Hosts {
		c := classOf(i)
		h := len(p.hosts)
		p.hosts = append(p.hosts, link(c.up, c.down))
		t.leechers = append(t.leechers, h)
		if c.rides {
			t.riders = append(t.riders, h)
		}
	}
	p.torrents = []torrent{t}
	p.node = bittorrent.Config{
		NoPEX:     true, // the tracker knows everybody
		BlockSize: homeBlock / homeUnit, UploadWindow: 2 * homeBlock / homeUnit,
		Order: o.Pieces, NoOptimistic: o.NoOptimistic, UploadSlots: cmp.Or(o.Slots, homeSlots),
	}
	return p
}

// classOf is the class of the i-th host: the shares of the mix hold in every
// twenty in a row, in an order that mixes them.
func classOf(i int) class {
	const stride = 7 // prime to 20
	at := i * stride % 20 * 5
	for _, c := range classes() {
		if at < c.percent {
			return c
		}
		at -= c.percent
	}
	panic("swarm: the classes are not everybody")
}

// fluidBound is the least time in which content reaches hosts of any rates that
// all are there from the start: max(F/us, F/dmin, N·F/(us + Σui)) (Kumar and
// Ross, 2006).
func (p *plan) fluidBound() time.Duration {
	t := &p.torrents[0]
	var up uint64
	slowest := p.hosts[t.leechers[0]].Down
	for _, h := range p.hosts {
		up += h.Up
	}
	for _, h := range t.leechers {
		slowest = min(slowest, p.hosts[h].Down)
	}
	for _, h := range t.riders {
		up -= p.hosts[h].Up
	}
	size := float64(t.size)
	return seconds(max(size/float64(p.hosts[0].Up), size/float64(slowest),
		size*float64(len(t.leechers))/float64(up)))
}

// homes shows what tit-for-tat and the order of pieces are worth.
func homes(o Options) (*experiment.Result, error) {
	p := homesPlan(o)
	out := p.outcome()
	r := &experiment.Result{
		Title: fmt.Sprintf("Home links: %d MB among %d hosts, seed %d", homeSize/1_000_000, o.Hosts, o.Seed),
		Setup: []string{
			fmt.Sprintf("1 host of %d kbit/s has it and stays; the others come within %v and leave when done",
				homeSeedUp, homeArrival),
			"links after Bharambe, Herley and Padmanabhan (2006); 40 ms apart in the median; 5% free riders",
			fmt.Sprintf("%d pieces of %d KiB in blocks of %d KiB; %d slots, a round each 10 s; told of %d others",
				p.torrents[0].pieces(), homePiece>>10, homeBlock>>10, p.node.UploadSlots, homeTold),
			fmt.Sprintf("fluid bound max(F/us, F/dmin, N·F/(us + Σui)) = %s, if all came at once",
				show(p.fluidBound())),
		},
		Tables: []experiment.Table{out.byClass(), out.costs()},
		Figure: experiment.Figure{
			LegendRight: true,
			Title:       "downloads that ended, %", X: "seconds after coming", Y: "downloads that ended, %",
		},
		Notes: append(out.notes(), out.riderNote()...),
	}
	rules := experiment.Table{
		Title:  "What the rules are worth: mean times by link, and of all",
		Header: []string{""},
	}
	for _, c := range classes() {
		rules.Header = append(rules.Header, c.short)
	}
	rules.Header = append(rules.Header, "all", "p50", "max", "seed copies")
	for _, v := range o.variations() {
		if v.o != o {
			out = homesPlan(v.o).outcome()
		}
		rules.Rows = append(rules.Rows, out.byRule(v.name))
		r.Figure.Lines = append(r.Figure.Lines, out.line(v.name))
	}
	r.Tables = append(r.Tables, rules)
	return r, nil
}

// variation is one rule changed.
type variation struct {
	name string
	o    Options
}

// variations begin with the options as they are.
func (o Options) variations() []variation {
	random, inOrder, noOptimistic := o, o, o
	random.Pieces, inOrder.Pieces, noOptimistic.NoOptimistic = bittorrent.RandomOrder, bittorrent.InOrder, true
	list := []variation{{"as above", o}}
	for _, v := range []variation{
		{"random pieces", random}, {"pieces in order", inOrder}, {"no optimistic unchoke", noOptimistic},
	} {
		if v.o != o {
			list = append(list, v)
		}
	}
	return list
}

// riderNote compares the two classes of one link.
func (o *outcome) riderNote() []string {
	link := classes()[2:4]
	serving, riding := mean(o.timesOf(link[0])), mean(o.timesOf(link[1]))
	if serving == 0 || riding == 0 {
		return nil
	}
	return []string{fmt.Sprintf("A free rider takes %.2f times as long as who serves over the same link.",
		riding.Seconds()/serving.Seconds())}
}

// byRule is the row of a variation.
func (o *outcome) byRule(name string) []string {
	cells := []string{name}
	for _, c := range classes() {
		cells = append(cells, show(mean(o.timesOf(c))))
	}
	return append(cells, show(mean(o.times)), show(quantile(o.times, 0.5)), show(quantile(o.times, 1)),
		fmt.Sprintf("%.2f", o.copies))
}

func mean(times []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range times {
		sum += d
	}
	return sum / time.Duration(max(1, len(times)))
}

// byClass is the table of download times by link.
func (o *outcome) byClass() experiment.Table {
	t := experiment.Table{
		Title:  "Time to download, by link in kbit/s",
		Header: []string{"link", "hosts", "mean", "p50", "p90", "max"},
	}
	for _, c := range classes() {
		times := o.timesOf(c)
		if len(times) == 0 {
			continue
		}
		t.Rows = append(t.Rows, []string{
			c.name, fmt.Sprint(len(times)), show(mean(times)),
			show(quantile(times, 0.5)), show(quantile(times, 0.9)), show(quantile(times, 1)),
		})
	}
	return t
}

// timesOf are the times of the downloads that ended in a class, sorted.
func (o *outcome) timesOf(c class) []time.Duration {
	var times []time.Duration
	for _, m := range o.members {
		if m.took > 0 && classOf(m.host-1).name == c.name {
			times = append(times, m.took)
		}
	}
	slices.Sort(times)
	return times
}
