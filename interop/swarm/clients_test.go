package swarm_test

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// client is a program that takes part in torrents.
type client struct {
	name string
	// argv is followed by the torrent, the folder, the address and the port.
	argv []string
	// files have to be there for it to run, beside the first of argv.
	files []string
	// dials says that addresses of peers may follow.
	dials bool
	// encrypts says that it can require encryption.
	encrypts bool
	// mapsFiles says that it fails to map files of no bytes into memory.
	mapsFiles bool
}

func clients() []client {
	return []client{
		{name: "transmission", argv: []string{"./transmission.sh"}, encrypts: true,
			files: []string{"transmission-daemon", "transmission-remote"}},
		{name: "libtorrent", argv: []string{"/usr/bin/python3", "libtorrent_peer.py"}, dials: true, encrypts: true,
			files: []string{"/usr/lib/python3/dist-packages/libtorrent*"}},
		{name: "aria2", argv: []string{"./aria2.sh"}, encrypts: true, files: []string{"aria2c"}},
		{name: "anacrolix", argv: []string{"anacrolix/peer"}, dials: true, encrypts: true, mapsFiles: true},
		{name: "webtorrent", argv: []string{"node", "webtorrent/peer.mjs"}, dials: true,
			files: []string{"webtorrent/node_modules/webtorrent"}},
	}
}

// missing says what of a client is not there.
func (c client) missing() string {
	for _, f := range append([]string{c.argv[0]}, c.files...) {
		if _, err := exec.LookPath(f); err == nil {
			continue
		}
		if found, err := filepath.Glob(f); err != nil || len(found) == 0 {
			return f
		}
	}
	return ""
}

// start runs a client. Its folder is checked first.
func (c client) start(
	t testing.TB, torrent, dir string, at netip.AddrPort, encryption string, peers ...string,
) *process {
	t.Helper()
	argv := append([]string{}, c.argv...)
	argv = append(argv, torrent, dir, at.Addr().String(), strconv.Itoa(int(at.Port())))
	if c.dials {
		argv = append(argv, peers...)
	}
	return run(t, c.name, []string{"ENCRYPTION=" + encryption, "DONE=" + filepath.Join(dir, "done")}, argv...)
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
