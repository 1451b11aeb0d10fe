package swarm_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// What serf puts into memberlist's messages: a byte and msgpack.
const (
	serfTags   = `"\xff\x81\xa4role\xa3%s"`
	serfEvent  = `"\x03\x84\xa5LTime\x05\xa4Name\xa6deploy\xa7Payload\xa2v1\xa2CC\xc2"`
	serfLeaves = `"\x00\x83\xa5LTime\x7f\xa4Node\xa4ours\xa5Prune\xc2"`
)

// TestJoinSerf: serve swim is a member among three agents of serf.
func TestJoinSerf(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format wire.Format
	}{
		{"plain", wire.Format{Compress: true}},
		{"encrypted", wire.Format{Keys: clusterKeys[1:], Version: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			needsMember(t, "serf")
			t.Parallel()
			takePartInSerf(t, tc.format)
		})
	}
}

func takePartInSerf(t *testing.T, f wire.Format) {
	addrs := clusterAddresses(4)
	var agents []*member
	for i, at := range addrs[:3] {
		agents = append(agents, startSerf(t, fmt.Sprintf("n%d", 1+i), at, addrs[0], f))
	}
	ours := serveSwim(t, addrs[3], f, "--join", addrs[0].String(), "--delegate", "2-5",
		"--meta", fmt.Sprintf(serfTags, "own"))
	for _, m := range agents {
		m.awaitStatus(t, "ours", "alive", "role=own")
		ours.awaitLine(t, "joined %q %v*", m.node, m.at)
	}

	ours.tell(t, "meta "+serfTags, "new")
	ours.tell(t, "broadcast "+serfEvent)
	agents[1].serf(t, "tags", "-set", "colour=blue")
	agents[2].serf(t, "event", "hello", "world")
	for _, m := range agents {
		m.awaitStatus(t, "ours", "alive", "role=new")
		m.awaitLine(t, "Received event: user-event: deploy*")
	}
	ours.awaitLine(t, "updated %q %v*", "n2", agents[1].at)
	ours.awaitLine(t, "hello*")

	dying, left := agents[2], agents[:2]
	dying.stop(os.Kill)
	ours.awaitLine(t, "failed %q*", dying.node)
	for _, m := range left {
		m.awaitStatus(t, dying.node, "failed")
		m.awaitStatus(t, "ours", "alive")
	}

	// Serf tells leaving from failing by a message of its own, which goes before.
	for _, m := range left {
		ours.tell(t, "stream %v "+serfLeaves, m.at)
		m.awaitStatus(t, "ours", "leaving")
	}
	end(t, ours.process)
	for _, m := range left {
		m.awaitStatus(t, "ours", "left")
		m.awaitState(t, f, "ours", wire.StateLeft)
	}
}

// startSerf runs an agent, which joins another unless that is itself.
func startSerf(t testing.TB, node string, at, join netip.AddrPort, f wire.Format) *member {
	t.Helper()
	argv := []string{
		"serf", "agent", "-node=" + node, "-bind=" + at.String(), "-profile=local",
		"-rpc-addr=" + rpc(at), "-retry-interval=1s",
	}
	if join != at {
		argv = append(argv, "-retry-join="+join.String())
	}
	if len(f.Keys) > 0 {
		argv = append(argv, "-encrypt="+base64.StdEncoding.EncodeToString(f.Keys[0]))
	}
	m := startMember(t, node, at, argv...)
	m.awaitLine(t, "Serf agent running!*")
	return m
}

// rpc is where the agent takes commands.
func rpc(at netip.AddrPort) string { return netip.AddrPortFrom(at.Addr(), 7373).String() }

// serf gives the agent a command.
func (m *member) serf(t testing.TB, command string, args ...string) string {
	t.Helper()
	argv := append([]string{command, "-rpc-addr=" + rpc(m.at)}, args...)
	out, err := exec.Command("serf", argv...).CombinedOutput()
	if err != nil {
		t.Fatalf("serf %s at %s: %v\n%s", command, m.node, err, out)
	}
	return string(out)
}

// awaitStatus waits until the agent lists a member with the given words first.
func (m *member) awaitStatus(t testing.TB, node string, words ...string) {
	t.Helper()
	m.await(t, fmt.Sprintf("%s is %s", node, words), func() bool {
		for line := range strings.Lines(m.serf(t, "members")) {
			fields := strings.Fields(line)
			if len(fields) > 2 && fields[0] == node {
				return strings.HasPrefix(strings.Join(fields[2:], " ")+" ", strings.Join(words, " ")+" ")
			}
		}
		time.Sleep(200 * time.Millisecond) // each look is a line in its log
		return false
	})
}
