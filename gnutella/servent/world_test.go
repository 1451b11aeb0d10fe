package servent

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// host is a servent with a disk, behind a router of which some let nobody in.
type host struct {
	*Node
	world *world
	at    netip.AddrPort

	firewalled bool
	lies       bool      // what it sends has a wrong byte
	breaks     spec.Rand // of its uploads
	breakOne   uint64    // of so many bodies; 0: none
	sent       map[spec.Conn]int

	pieces map[int32][]byte
	hashes map[int32]urn.SHA1
	stored int // bytes
}

// Step performs what the disk and the router do, and lets the rest pass.
func (h *host) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	todo := []spec.Input{in}
	for len(todo) > 0 {
		effects := h.Node.Step(now, todo[0], nil)
		todo = todo[1:]
		for _, e := range effects {
			answer, pass := h.perform(e)
			if answer != nil {
				todo = append(todo, answer)
			}
			if pass != nil {
				out = append(out, pass)
			}
		}
	}
	return out
}

var errBroken = errors.New("the line broke")

func (h *host) perform(e spec.Effect) (answer spec.Input, pass spec.Effect) {
	switch e := e.(type) {
	case spec.Load:
		data := bytes.Clone(h.pieces[e.Piece][e.Begin : e.Begin+e.Length])
		if h.lies {
			data[len(data)/2] ^= 1
		}
		return spec.Loaded{Token: e.Token, Data: data}, nil
	case spec.Store:
		h.pieces[e.Piece] = append(h.pieces[e.Piece][:e.Begin], e.Data...)
		h.stored += len(e.Data)
		return spec.Stored{Token: e.Token}, nil
	case spec.Verify:
		return spec.Verified{Token: e.Token, OK: urn.Sum(h.pieces[e.Piece]).SHA1 == h.hashes[e.Piece]}, nil
	case spec.Dial:
		if o := h.world.hosts[e.To]; o == nil || o.firewalled {
			return spec.Closed{Conn: e.Conn, Err: errBroken}, nil
		}
	case spec.Write:
		if h.sent[e.Conn] < 0 { // broken, and the machine will hear of it
			return nil, nil
		}
		if _, ok := e.Msg.(transfer.Body); ok {
			h.sent[e.Conn]++
			if h.breakOne > 0 && h.sent[e.Conn] > 1 && h.breaks.Below(h.breakOne) == 0 {
				h.sent[e.Conn] = -1
				return spec.Closed{Conn: e.Conn, Err: errBroken}, spec.Close{Conn: e.Conn}
			}
		}
	case spec.Close:
		if h.sent[e.Conn] < 0 {
			return nil, nil
		}
	}
	return nil, e
}

// world is a network of flat servents around one that shares nothing.
type world struct {
	rapid.TB
	*sim.Network
	hosts  map[netip.AddrPort]*host
	hits   []gnutella.Hit
	done   []spec.Done
	events []spec.Event
	drops  []spec.Drop
}

func newWorld(t rapid.TB, seed byte) *world {
	w := &world{TB: t, hosts: map[netip.AddrPort]*host{}}
	w.Network = sim.New(sim.Config{
		Seed: [32]byte{seed}, Check: true, StreamCodec: Codec{},
		Link: sim.Link{Latency: sim.Constant(20 * time.Millisecond)},
	})
	w.OnEffect(func(_ time.Duration, at netip.AddrPort, e spec.Effect) {
		switch e := e.(type) {
		case spec.Notify:
			if h, ok := e.Event.(gnutella.Hit); ok {
				w.hits = append(w.hits, h)
			} else if at == addr(1) {
				w.events = append(w.events, e.Event)
			}
		case spec.Done:
			if e.Op > 1 {
				w.done = append(w.done, e)
			}
		case spec.Drop:
			w.drops = append(w.drops, e)
		}
	})
	w.add(0, host{}, gnutella.Config{})
	return w
}

// add starts a servent at address i, that shares the files given by name.
func (w *world) add(i int, h host, cfg gnutella.Config, files ...[]byte) *host {
	h.world, h.at, h.sent = w, addr(i), map[spec.Conn]int{}
	h.pieces, h.hashes = map[int32][]byte{}, map[int32]urn.SHA1{}
	var shared []gnutella.File
	for j, data := range files {
		h.pieces[int32(j)] = data
		shared = append(shared, gnutella.File{
			Index: uint32(j + 10), Size: uint32(len(data)), Name: "monkey island 100%.txt", SHA1: urn.Sum(data).SHA1,
		})
	}
	cfg.Seed, cfg.Addr, cfg.OnlyGiven, cfg.Peers = [32]byte{byte(i), 7}, addr(i), true, 8
	cfg.Firewalled = h.firewalled
	var err error
	if cfg.Library, err = gnutella.NewLibrary(shared); err != nil {
		w.Fatal(err)
	}
	if h.Node, err = New(Config{Node: cfg, Transfer: transfer.Config{Block: 1000, Window: 4000}}, w.Now()); err != nil {
		w.Fatal(err)
	}
	w.hosts[addr(i)] = &h
	w.Add(addr(i), &h)
	if i > 0 {
		w.Input(addr(i), gnutella.Connect{Op: 1, Addrs: []netip.AddrPort{addr(0)}})
	}
	return &h
}

// find lets host 1 search, and fetch into piece 5 all that is found.
func (w *world) find(data []byte) *host {
	w.RunFor(time.Second)
	w.Input(addr(1), gnutella.Search{Op: 1, Text: "monkey"})
	w.RunFor(time.Second)
	if len(w.hits) == 0 {
		w.Fatal("nothing was found")
	}
	h := w.hosts[addr(1)]
	h.hashes[5] = urn.Sum(data).SHA1
	w.Input(addr(1), Fetch{Op: 2, Piece: 5, Want: w.hits[0].Results[0], Hits: w.hits})
	return h
}

// A file comes to the one who has found it, whatever breaks, as long as one honest
// servent has it: from who can be reached, or by a push, and whole before it is told
// complete. What was stored is not fetched again, unless some of it was wrong.
//
// GN-PU-04, GN-PU-06 to GN-PU-10, GN-PU-13, GN-PU-18, GN-PU-24.
func TestFetchSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.Byte().Draw(t, "seed"))
		data := make([]byte, rapid.IntRange(1, 40_000).Draw(t, "size"))
		random := spec.NewRand([32]byte{rapid.Byte().Draw(t, "content")})
		random.Fill(data)
		w.add(1, host{}, gnutella.Config{})
		sources := rapid.IntRange(1, 4).Draw(t, "sources")
		honest := rapid.IntRange(0, sources-1).Draw(t, "honest")
		lies := false
		for i := range sources {
			h := host{
				firewalled: rapid.Bool().Draw(t, "firewalled"), breakOne: rapid.Uint64Range(0, 12).Draw(t, "breaks"),
				breaks: random, lies: i != honest && rapid.Bool().Draw(t, "lies"),
			}
			lies = lies || h.lies
			w.add(2+i, h, gnutella.Config{}, data)
		}
		h := w.find(data)
		for len(w.done) == 0 && w.Now() < 2*time.Hour {
			w.RunFor(time.Minute)
		}
		if len(w.done) != 1 || w.done[0].Err != nil {
			t.Fatalf("done: %v; events %v; drops %v", w.done, w.events, w.drops)
		}
		want := transfer.Downloaded{Piece: 5, Size: uint32(len(data)), Verified: true}
		if w.done[0].Result != spec.Event(want) || !bytes.Equal(h.pieces[5], data) {
			t.Fatalf("%v, and %d of %d bytes", w.done[0].Result, len(h.pieces[5]), len(data))
		}
		if !lies && h.stored != len(data) {
			t.Fatalf("%d bytes were fetched for %d", h.stored, len(data))
		}
	})
}

// Who is behind a firewall himself cannot fetch from another who is.
//
// GN-QY-13.
func TestTwoFirewalls(t *testing.T) {
	w := newWorld(t, 1)
	w.add(1, host{firewalled: true}, gnutella.Config{})
	w.add(2, host{firewalled: true}, gnutella.Config{}, []byte("island"))
	w.RunFor(time.Second)
	id := w.hosts[addr(2)].Overlay().ServentID()
	hit := gnutella.Hit{Addr: addr(2), ServentID: id, Push: true}
	hit.Results = []gnutella.Found{{Index: 10, Size: 6, Name: "x"}}
	w.Input(addr(1), Fetch{Op: 2, Piece: 5, Want: hit.Results[0], Hits: []gnutella.Hit{hit}})
	w.RunFor(time.Hour)
	if len(w.done) != 1 || !errors.Is(w.done[0].Err, transfer.ErrNoSource) {
		t.Errorf("done: %v", w.done)
	}
}
