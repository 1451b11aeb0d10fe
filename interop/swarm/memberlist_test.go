package swarm_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"

	described "github.com/p2pspec/p2pspec/conformance/clients"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// clusterKeys are a secret of each length: the first encrypts.
var clusterKeys = [][]byte{[]byte("0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")}

// TestJoinMemberlist: serve swim is a member among three of memberlist.
func TestJoinMemberlist(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format wire.Format
	}{
		{"compressed", wire.Format{Compress: true}},
		{"uncompressed", wire.Format{}},
		{"labelled and encrypted", wire.Format{Compress: true, Label: "blue", Keys: clusterKeys[:1], Version: 1}},
		{"among keys in rotation", wire.Format{Keys: clusterKeys, Version: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			needsMember(t, "memberlist")
			t.Parallel()
			takePart(t, tc.format)
		})
	}
}

// takePart joins a cluster, talks, sees one member die, and leaves.
func takePart(t *testing.T, f wire.Format) {
	addrs := clusterAddresses(4)
	var others []*member
	for i, at := range addrs[:3] {
		m := startMemberlist(t, fmt.Sprintf("n%d", 1+i), at, addrs[0], f)
		m.awaitLine(t, "ready %q %v", m.node, at)
		others = append(others, m)
	}
	ours := serveSwim(t, addrs[3], f, "--join", addrs[1].String(), "--meta", "ours as it was")
	ours.awaitLine(t, "ready %q %v", "ours", addrs[3])
	ours.awaitLine(t, "ok join 1")
	for _, m := range others {
		m.awaitLine(t, "joined %q %v %q", "ours", addrs[3], "ours as it was")
		ours.awaitLine(t, "joined %q %v %q", m.node, m.at, m.node+" as it was")
		m.awaitState(t, f, "ours", wire.StateAlive)
	}
	ours.awaitLine(t, "merged %q", "state of n2")

	converse(t, ours, others)

	dying, left := others[2], others[:2]
	dying.stop(os.Kill)
	ours.awaitLine(t, "failed %q*", dying.node)
	for _, m := range left {
		m.awaitLine(t, "gone %q", dying.node)
		m.awaitState(t, f, dying.node, wire.StateDead)
		m.awaitState(t, f, "ours", wire.StateAlive)
	}
	ours.awaitState(t, f, dying.node, wire.StateDead)

	end(t, ours.process)
	for _, m := range left {
		m.awaitLine(t, "gone %q", "ours")
		m.awaitState(t, f, "ours", wire.StateLeft)
		end(t, m.process)
	}
}

// converse has each side send what it can to the other, in all ways.
func converse(t *testing.T, ours *member, others []*member) {
	ours.tell(t, "broadcast from ours")
	ours.tell(t, "meta ours anew")
	for _, m := range others {
		m.tell(t, "broadcast from %s", m.node)
		m.tell(t, "meta %s anew", m.node)
		m.tell(t, "send ours packet of %s", m.node)
		m.tell(t, "stream ours stream of %s", m.node)
		ours.tell(t, "send %v packet for %s", m.at, m.node)
		ours.tell(t, "stream %v stream for %s", m.at, m.node)
	}
	ours.awaitLine(t, "ok meta")
	for _, m := range others {
		for _, text := range []string{"from ours", "packet for " + m.node, "stream for " + m.node} {
			m.awaitLine(t, "user %q", text)
		}
		m.awaitLine(t, "updated %q %v %q", "ours", ours.at, "ours anew")
		for _, text := range []string{"from " + m.node, "packet of " + m.node, "stream of " + m.node} {
			ours.awaitLine(t, "user %q", text)
		}
		ours.awaitLine(t, "updated %q %v %q", m.node, m.at, m.node+" anew")
	}
}

// needsMember skips the test where a client of conformance/clients is missing, as
// needs does.
func needsMember(t testing.TB, name string) described.Client {
	t.Helper()
	c, err := described.Load(name)
	if err == nil {
		_, err = c.Argv()
	}
	if err == nil {
		_, err = c.Installed(context.Background())
	}
	must(t, err)
	return c
}

// startMemberlist runs a member, which joins another unless that is itself.
func startMemberlist(t testing.TB, node string, at, join netip.AddrPort, f wire.Format) *member {
	t.Helper()
	argv, err := needsMember(t, "memberlist").Argv()
	if err != nil {
		t.Fatal(err)
	}
	keys := ""
	for _, key := range f.Keys {
		keys += hex.EncodeToString(key) + " "
	}
	argv = []string{
		argv[0], "--name", node, "--ip", at.Addr().String(), "--port", strconv.Itoa(int(at.Port())),
		"--meta", node + " as it was", "--state", "state of " + node,
		"--key", keys, "--label", f.Label, fmt.Sprintf("--compress=%v", f.Compress),
		"--forward", // as serf does: memberlist tells a few, and leaves the rest to its users
	}
	if join != at {
		argv = append(argv, "--join", join.String())
	}
	return startMember(t, node, at, argv...)
}
