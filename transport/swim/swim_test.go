package swim_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	core "github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/swim"
)

var anywhere = netip.MustParseAddrPort("127.0.0.1:0")

// member is one under test, with what it tells.
type member struct {
	*swim.Member
	effects chan spec.Effect
}

// start runs a member that is in haste. Its end leaves no goroutine.
func start(t *testing.T, name string, f wire.Format) *member {
	t.Helper()
	cfg := swim.Config{Listen: anywhere, Node: core.Local(), Format: f}
	cfg.Node.Name, cfg.Node.Meta = name, []byte("of "+name)
	cfg.Node.ProbeInterval, cfg.Node.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	cfg.Node.GossipInterval = 20 * time.Millisecond
	m := &member{effects: make(chan spec.Effect, 1<<12)}
	cfg.Observe = func(_ time.Duration, e spec.Effect) { m.effects <- e }
	before := runtime.NumGoroutine()
	var err error
	if m.Member, err = swim.Listen(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		for i := 0; runtime.NumGoroutine() > before; i++ {
			if i > 400 {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return m
}

func (m *member) do(t *testing.T, in spec.Input) {
	t.Helper()
	if err := m.Do(in); err != nil {
		t.Fatal(err)
	}
}

// await passes over what the member tells until something is as wanted.
func await[E any](t *testing.T, m *member, what string, wanted func(E) bool) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for {
		select {
		case e := <-m.effects:
			if n, ok := e.(spec.Notify); ok {
				if event, ok := n.Event.(E); ok && wanted(event) {
					return
				}
			}
			if d, ok := e.(E); ok && wanted(d) {
				return
			}
		case <-patience:
			t.Fatalf("it does not tell: %s", what)
		}
	}
}

// done waits for the end of a command.
func (m *member) done(t *testing.T, op spec.OpID) {
	t.Helper()
	await(t, m, "that the command has ended", func(d spec.Done) bool {
		if d.Op == op && d.Err != nil {
			t.Fatal(d.Err)
		}
		return d.Op == op
	})
}

// TestTwoMembers: they meet over a stream, talk in packets and on streams, and
// one leaves.
func TestTwoMembers(t *testing.T) {
	for name, f := range map[string]wire.Format{
		"plain":     {},
		"encrypted": {Compress: true, Label: "blue", Keys: [][]byte{bytes.Repeat([]byte("k"), 16)}, Version: 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := start(t, "a", f), start(t, "b", f)
			b.do(t, core.Join{Op: 1, Addrs: []netip.AddrPort{a.LocalAddr()}})
			b.done(t, 1)
			await(t, a, "that b has joined", func(e core.Joined) bool {
				return e.Member.Name == "b" && e.Member.Addr == b.LocalAddr() && string(e.Member.Meta) == "of b"
			})
			a.do(t, core.Broadcast{Op: 2, Payload: []byte("by gossip")})
			a.do(t, core.SendUser{Op: 3, To: b.LocalAddr(), Payload: []byte("by packet")})
			a.do(t, core.SendUser{Op: 4, To: b.LocalAddr(), Payload: make([]byte, 1<<20), Reliable: true})
			heard := map[string]bool{}
			await(t, b, "what a has said", func(e core.UserMessage) bool {
				heard[string(e.Payload[:9])] = true
				return heard["by gossip"] && heard["by packet"] && len(heard) == 3
			})
			b.do(t, core.Leave{Op: 2})
			b.done(t, 2)
			await(t, a, "that b has left", func(e core.Left) bool { return e.Member.Name == "b" })
			i := slices.IndexFunc(a.Members(), func(m core.Member) bool { return m.Name == "b" })
			if i < 0 || a.Members()[i].State != wire.StateLeft {
				t.Errorf("a believes %+v", a.Members())
			}
		})
	}
}

func TestADeathIsNoticed(t *testing.T) {
	a, b := start(t, "a", wire.Format{}), start(t, "b", wire.Format{})
	b.do(t, core.Join{Op: 1, Addrs: []netip.AddrPort{a.LocalAddr()}})
	b.done(t, 1)
	b.Close()
	await(t, a, "that b has failed", func(e core.Failed) bool { return e.Member.Name == "b" && e.From == "a" })
}

// TestStrangersAreRefused: without the label or the key there is no cluster.
func TestStrangersAreRefused(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 16)
	a := start(t, "a", wire.Format{Label: "blue", Keys: [][]byte{key}, Version: 1})
	for name, f := range map[string]wire.Format{
		"without the key":   {Label: "blue"},
		"with another":      {Label: "blue", Keys: [][]byte{bytes.Repeat([]byte("x"), 16)}, Version: 1},
		"without the label": {Keys: [][]byte{key}, Version: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "b", f)
			b.do(t, core.Join{Op: 1, Addrs: []netip.AddrPort{a.LocalAddr()}})
			await(t, b, "that it found nobody", func(d spec.Done) bool { return d.Op == 1 && d.Err != nil })
			if n := len(a.Members()); n != 1 {
				t.Errorf("a knows %d members", n)
			}
		})
	}
}

func TestPacketsStayWithinTheirSize(t *testing.T) {
	f := wire.Format{Label: "blue", Keys: [][]byte{bytes.Repeat([]byte("k"), 16)}, Version: 1}
	a := start(t, "a", f)
	sink, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anywhere))
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	to := sink.LocalAddr().(*net.UDPAddr).AddrPort()
	size := core.Local().PacketSize
	b := make([]byte, 1<<16)
	largest := 0
	for n := size - 200; n <= size; n++ {
		a.do(t, core.SendUser{Op: spec.OpID(n), To: to, Payload: make([]byte, n)})
		var ended spec.Done
		await(t, a, "an end", func(d spec.Done) bool { ended = d; return d.Op == spec.OpID(n) })
		if errors.Is(ended.Err, core.ErrTooLarge) {
			break
		}
		if err := sink.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		k, _, err := sink.ReadFromUDPAddrPort(b)
		if err != nil {
			t.Fatal(err)
		}
		largest = k
	}
	if largest > size || largest < size-8 {
		t.Errorf("the largest datagram has %d bytes, of %d", largest, size)
	}
}

func TestListenRefuses(t *testing.T) {
	taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anywhere))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	good := swim.Config{Listen: anywhere, Node: core.Local()}
	good.Node.Name = "a"
	for name, spoil := range map[string]func(*swim.Config){
		"a port that is taken for UDP": func(c *swim.Config) {
			c.Listen = taken.LocalAddr().(*net.UDPAddr).AddrPort()
		},
		"no name":                  func(c *swim.Config) { c.Node.Name = "" },
		"a short key":              func(c *swim.Config) { c.Format.Keys = [][]byte{{1}} },
		"an address for everybody": func(c *swim.Config) { c.Listen = netip.MustParseAddrPort("0.0.0.0:0") },
	} {
		cfg := good
		spoil(&cfg)
		if m, err := swim.Listen(cfg); err == nil {
			m.Close()
			t.Errorf("%s: it listens", name)
		}
	}
	m, err := swim.Listen(good)
	if err != nil {
		t.Fatal(err)
	}
	at := m.LocalAddr()
	m.Close()
	if l, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
		t.Errorf("the socket is still taken: %v", err)
	} else {
		l.Close()
	}
}
