package swarm_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	described "github.com/p2pspec/p2pspec/conformance/clients"
)

// client is a program of conformance/clients that takes part in torrents.
type client struct {
	name string
	// dials says that its command line may end in addresses of peers.
	dials bool
	// encrypts says that it can require encryption.
	encrypts bool
	// mapsFiles says that it fails to map files of no bytes into memory.
	mapsFiles bool
}

func clients() []client {
	return []client{
		{name: "transmission", encrypts: true},
		{name: "libtorrent", dials: true, encrypts: true},
		{name: "aria2", encrypts: true},
		{name: "anacrolix-torrent", dials: true, encrypts: true, mapsFiles: true},
		{name: "webtorrent", dials: true},
	}
}

// argv is the command line of the client as a leecher, which seeds what it
// finds in its folder.
func (c client) argv() ([]string, error) {
	project, err := described.Load(c.name)
	if err != nil {
		return nil, err
	}
	leecher, _ := project.As("leecher")
	if _, err := leecher.Installed(context.Background()); err != nil {
		return nil, err
	}
	return leecher.Argv()
}

// start runs a client. Its folder is checked first.
func (c client) start(
	t testing.TB, torrent, dir string, at netip.AddrPort, encryption string, peers ...string,
) *process {
	t.Helper()
	argv, err := c.argv()
	if err != nil {
		t.Fatal(err)
	}
	policy := ""
	if encryption == "require" {
		policy = "required"
	}
	argv = slices.DeleteFunc(argv, func(word string) bool { return word == "{magnet}" })
	words := strings.NewReplacer("{ip}", at.Addr().String(), "{port}", strconv.Itoa(int(at.Port())),
		"{dir}", dir, "{encryption}", policy, "{max_peers}", "", "{torrent}", torrent)
	for i := range argv {
		argv[i] = words.Replace(argv[i])
	}
	if c.dials {
		argv = append(argv, peers...)
	}
	done, err := filepath.Abs("done.sh")
	if err != nil {
		t.Fatal(err)
	}
	return run(t, c.name, []string{"ON_COMPLETE=" + done, "DONE=" + filepath.Join(dir, "done")}, argv...)
}

// ours runs p2pspec serve.
func ours(t testing.TB, role, torrent, dir string, at netip.AddrPort, more ...string) *process {
	t.Helper()
	argv := []string{program, "serve", role, torrent, "--dir", dir, "--listen", at.String(), "--dht=false"}
	return run(t, "p2pspec "+role, nil, append(argv, more...)...)
}

// awaitPeer waits until a peer at a port answers the handshake of a torrent,
// or, where it refuses plain ones, until it accepts.
func awaitPeer(t testing.TB, p *process, c content, at netip.AddrPort, encryption string) {
	t.Helper()
	awaitListener(t, p, at)
	if encryption == "require" {
		time.Sleep(time.Second) // what refuses plain handshakes does not say when it is ready
		return
	}
	hash := readMeta(t, c).Info.Hash20()
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := shake(at, hash)
		if err == nil {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s answers no handshake: %v\n%s", p.name, err, p.output())
		}
	}
}

// visitor dials from an address at which no client is: some take one stream of
// each.
var visitor = &net.Dialer{
	Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 77, 1, 1)},
}

// shake exchanges handshakes with a peer and leaves.
func shake(at netip.AddrPort, hash [20]byte) error {
	conn, err := visitor.Dial("tcp", at.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	hello := wire.Handshake{InfoHash: hash, PeerID: [20]byte([]byte("-XX0000-whoisready00"))}
	b, err := wire.Codec{}.AppendMessage(nil, &hello)
	if err != nil {
		return err
	}
	if _, err := conn.Write(b); err != nil {
		return err
	}
	decoder, got := wire.Codec{}.Decoder(), 0
	b = make([]byte, wire.HandshakeLen)
	for got < len(b) {
		n, err := conn.Read(b[got:])
		if err != nil {
			return err
		}
		got += n
	}
	m, _, err := decoder.Decode(b)
	if err != nil {
		return err
	}
	if answer := m.(*wire.Handshake); answer.InfoHash != hash {
		return fmt.Errorf("it answers with info-hash %x", answer.InfoHash)
	}
	return nil
}
