package swarm_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// member is one program in a cluster.
type member struct {
	*process
	in   io.Writer // its stdin
	node string    // its name there
	at   netip.AddrPort
}

// startMember runs a program that is driven by lines.
func startMember(t testing.TB, node string, at netip.AddrPort, argv ...string) *member {
	t.Helper()
	p := prepare(t, node, nil, argv...)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.start(t)
	return &member{p, in, node, at}
}

// tell gives the member a line.
func (m *member) tell(t testing.TB, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(m.in, format+"\n", args...); err != nil {
		t.Fatalf("%s takes no lines: %v\n%s", m.node, err, m.output())
	}
}

// awaitLine waits until the member has printed a line, or one that holds a text
// if that is marked by an asterisk at its end.
func (m *member) awaitLine(t testing.TB, format string, args ...any) {
	t.Helper()
	want, part := strings.CutSuffix(fmt.Sprintf(format, args...), "*")
	m.await(t, want, func() bool {
		return slices.ContainsFunc(strings.Split(m.output(), "\n"), func(line string) bool {
			return line == want || part && strings.Contains(line, want)
		})
	})
}

// memberPatience bounds each wait. The longest is for what gossip did not tell
// everybody, as members with local timing tell it twice only: then it comes with
// one of the next exchanges of state, which each begins every 15 s with one other.
const memberPatience = 100 * time.Second

// await waits for what a member is to show.
func (m *member) await(t testing.TB, what string, shown func() bool) {
	t.Helper()
	for start := time.Now(); !shown(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > memberPatience {
			t.Fatalf("%s does not show within %v: %s; it said:\n%s", m.node, memberPatience, what, m.output())
		}
		select {
		case <-m.exit:
			t.Fatalf("%s ended before it showed: %s; it said:\n%s", m.node, what, m.output())
		default:
		}
	}
}

// awaitState waits until the member believes that of a node which it tells others
// over a stream. No library says it in any other way.
func (m *member) awaitState(t testing.TB, f wire.Format, node string, want wire.State) {
	t.Helper()
	m.await(t, fmt.Sprintf("%s in state %d", node, want), func() bool {
		known, err := exchange(m.at, f)
		if err != nil {
			t.Logf("%s tells no state: %v", m.node, err)
			return false
		}
		i := slices.IndexFunc(known.Nodes, func(s wire.NodeState) bool { return s.Name == node })
		return i >= 0 && known.Nodes[i].State == want
	})
}

// exchange asks a member for its state, and has none to tell.
func exchange(at netip.AddrPort, f wire.Format) (*wire.PushPull, error) {
	conn, err := net.DialTimeout("tcp", at.String(), time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return nil, err
	}
	ask := wire.Frame{Msg: wire.PushPull{}, Opens: true}
	_, _ = rand.Read(ask.Nonce[:]) // never fails
	codec := f.Stream()
	b, err := codec.AppendMessage(nil, ask)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	decoder := codec.Decoder()
	for b = b[:0]; ; {
		m, n, err := decoder.Decode(b)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			answer, ok := m.(wire.Frame).Msg.(wire.PushPull)
			if !ok {
				return nil, fmt.Errorf("it answers %v", m)
			}
			return &answer, nil
		}
		part := make([]byte, 1<<16)
		if n, err = conn.Read(part); err != nil {
			return nil, err
		}
		b = append(b, part[:n]...)
	}
}

// clusters counts those that were begun: each is in a network of its own.
var clusters atomic.Int32

// clusterAddresses are those of the members of a new cluster.
func clusterAddresses(n int) []netip.AddrPort {
	cluster := byte(clusters.Add(1))
	addrs := make([]netip.AddrPort, n)
	for i := range addrs {
		addrs[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, cluster, byte(1 + i)}), 7946)
	}
	return addrs
}

// serveSwim runs p2pspec serve swim as the member "ours" in the format of a
// cluster.
func serveSwim(t testing.TB, at netip.AddrPort, f wire.Format, more ...string) *member {
	t.Helper()
	argv := []string{
		program, "serve", "swim", "--name", "ours", "--listen", at.String(),
		"--profile", "lan", // which tells its leave often enough for three others, of which one is dead
		"--label", f.Label, fmt.Sprintf("--compress=%v", f.Compress),
	}
	for _, key := range f.Keys {
		argv = append(argv, "--key", hex.EncodeToString(key))
	}
	return startMember(t, "ours", at, append(argv, more...)...)
}
