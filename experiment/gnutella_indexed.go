package experiment

import (
	"fmt"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// indexed is a Napster server and its clients.
type indexed struct {
	network
	content *content
	on      []bool
}

func newIndexed(c *content, seed, stream uint64) contender {
	x := &indexed{network: newNetwork(runSeed(seed, stream)), content: c, on: make([]bool, len(c.shared)+1)}
	return x
}

func (x *indexed) net() *sim.Network { return x.Network }

// server is its place: the one after the clients'.
func (x *indexed) server() int32 { return int32(len(x.content.shared)) }

func (x *indexed) begin() {
	x.come(x.server())
	for i := range x.content.shared {
		x.come(int32(i))
	}
	x.RunFor(time.Minute)
}

func (x *indexed) fail(place int32) {
	x.on[place] = false
	x.Crash(address(int(place)))
}

func (x *indexed) come(place int32) {
	x.on[place] = true
	if place == x.server() {
		x.serve()
		return
	}
	nick := fmt.Sprintf("user%d", place)
	cfg := napster.ClientConfig{Server: address(int(x.server()))}
	cfg.User.Login = napster.Login{Nick: nick, Password: "secret", Port: 6699, Client: "p2pspec"}
	x.Restart(address(int(place)), func(now time.Duration) spec.Machine {
		c, err := napster.NewClient(cfg, now)
		if err != nil {
			panic(fmt.Sprintf("experiment: %v", err)) // the configuration is our own
		}
		return c
	})
	x.enter(place)
}

// serve starts the server; clients notice within a minute that it is back.
func (x *indexed) serve() {
	x.Restart(address(int(x.server())), func(now time.Duration) spec.Machine {
		s, err := napster.NewServer(napster.ServerConfig{MaxLinks: 1 << 16}, now)
		if err != nil {
			panic(fmt.Sprintf("experiment: %v", err)) // the configuration is our own
		}
		return s
	})
	for i := range x.content.shared {
		if x.on[i] {
			x.At(x.Now()+time.Duration(x.Rand().Below(uint64(time.Minute))), func() { x.enter(int32(i)) })
		}
	}
}

// enter logs in and shares.
func (x *indexed) enter(place int32) {
	at := address(int(place))
	x.command(at, func(op spec.OpID) spec.Input { return napster.Enter{Op: op} }, func(d spec.Done) {
		if d.Err != nil {
			return
		}
		for _, f := range x.content.shared[place] {
			file := napster.File{Name: word(f), Size: 1, Bitrate: 128, Frequency: 44100, Seconds: 1}
			x.command(at, func(op spec.OpID) spec.Input { return napster.Share{Op: op, File: file} }, func(spec.Done) {})
		}
	})
}

func (x *indexed) search(place, file int32, a *answer) {
	began := x.Now()
	x.command(address(int(place)), func(op spec.OpID) spec.Input {
		return napster.Find{Op: op, Search: napster.Search{Words: word(file)}}
	}, func(d spec.Done) {
		found, ok := d.Result.(napster.Found)
		if !ok {
			return
		}
		a.cost, a.took, a.asked = 2+len(found.Results), x.Now()-began, true
		for _, r := range found.Results {
			var who int
			if _, err := fmt.Sscanf(r.Nick, "user%d", &who); err == nil && int32(who) != place && x.on[who] {
				a.found = true
			}
		}
	})
}

// best is the index alone, however many are to die.
func (x *indexed) best(int) []int32 { return []int32{x.server()} }
func (x *indexed) end()             {}
