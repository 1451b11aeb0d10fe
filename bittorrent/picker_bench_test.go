package bittorrent

import (
	"fmt"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
)

// benchSwarm is a picker with 50 peers, of which each has a random half of all
// pieces, and one seed.
func benchSwarm(pieces, blocks int32) *swarmModel {
	m := newSwarmModel(pickerConfig{randomFirst: 4, blockSize: 1, maxBegun: 1 << 10, maxCopies: 1 << 10},
		Layout{Pieces: pieces, PieceLength: blocks}, 1)
	m.joinWith()
	for range 50 {
		c := m.join()
		for i := range pieces {
			if m.rng.Below(2) == 0 {
				m.picker.peerHas(&m.rng, c.has, i)
			}
		}
	}
	return m
}

// BenchmarkDownload is the whole life of a block: picked, arrived, stored, and
// its piece verified.
func BenchmarkDownload(b *testing.B) {
	for _, size := range []struct{ pieces, blocks int32 }{{750, 1}, {20_000, 1}, {20_000, 16}, {20_000, 256}} {
		b.Run(fmt.Sprintf("pieces=%d/blocks=%d", size.pieces, size.blocks), func(b *testing.B) {
			fresh := benchSwarm(size.pieces, size.blocks)
			p, rng := fresh.picker.clone(), fresh.rng
			var asked []block
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if p.isComplete() {
					b.StopTimer()
					p, rng = fresh.picker.clone(), fresh.rng
					b.StartTimer()
				}
				c := fresh.conns[n%len(fresh.conns)]
				for _, k := range asked {
					p.arrived(c.conn, k, nil)
					if p.stored(k) {
						p.verified(k.piece)
					}
				}
				asked = p.pick(&rng, &fresh.layout, &fresh.conns[(n+1)%len(fresh.conns)].source, 1, asked[:0])
			}
		})
	}
}

// BenchmarkHave is one have message.
func BenchmarkHave(b *testing.B) {
	m := benchSwarm(20_000, 16)
	c := m.join()
	for n := int32(0); b.Loop(); n++ {
		if piece := n * 7919 % 20_000; !m.picker.peerHas(&m.rng, c.has, piece) {
			m.picker.peerLost(&m.rng, c.has, piece)
		}
	}
}

// BenchmarkBitfield is a peer with half of the pieces that comes and goes.
func BenchmarkBitfield(b *testing.B) {
	m := benchSwarm(20_000, 16)
	wired := m.conns[7].has.append(nil)
	has := newBitfield(20_000)
	for b.Loop() {
		if err := m.picker.peerBitfield(&m.rng, &has, wired); err != nil {
			b.Fatal(err)
		}
		m.picker.peerLeft(&m.rng, &has)
		has = newBitfield(20_000)
	}
}

// BenchmarkFewOfMany is a pick from a peer that has three of the commonest
// pieces, in a flash crowd.
func BenchmarkFewOfMany(b *testing.B) {
	m := benchSwarm(20_000, 1)
	has := newBitfield(20_000)
	from := source{conn: 99, has: &has}
	for _, i := range m.picker.wanted[:3] {
		m.picker.peerHas(&m.rng, &has, i)
	}
	m.picker.cfg.randomFirst = 0
	for b.Loop() {
		for _, k := range m.picker.pick(&m.rng, &m.layout, &from, 1, nil) {
			m.picker.returned(&m.rng, from.conn, k)
		}
	}
}

// BenchmarkNewPicker is what a machine of a simulation costs to begin with.
func BenchmarkNewPicker(b *testing.B) {
	l := Layout{Pieces: 750, PieceLength: 1}
	rng := spec.NewRand([32]byte{})
	b.ReportAllocs()
	for b.Loop() {
		newPicker(pickerConfig{blockSize: 1}, &l, &rng)
	}
}

// BenchmarkRechoke is a round of 200 connections.
func BenchmarkRechoke(b *testing.B) {
	p := newParlour(8, FastestFirst, 1)
	for rate := range int64(200) {
		p.join(rate * 7919 % 200)
	}
	var out []chokeChange
	for b.Loop() {
		out = p.choker.rechoke(p.peers, false, out[:0])
	}
}
