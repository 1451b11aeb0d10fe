package swarm_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
)

// client is a program that takes part in torrents.
type client struct {
	name string
	// argv is followed by the torrent, the folder and the port.
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
func (c client) start(t testing.TB, torrent, dir string, port int, encryption string, peers ...string) *process {
	t.Helper()
	argv := append([]string{}, c.argv...)
	argv = append(argv, torrent, dir, strconv.Itoa(port))
	if c.dials {
		argv = append(argv, peers...)
	}
	return run(t, c.name, []string{"ENCRYPTION=" + encryption}, argv...)
}

// ours runs p2pspec serve.
func ours(t testing.TB, role, torrent, dir string, port int, more ...string) *process {
	t.Helper()
	argv := []string{program, "serve", role, torrent, "--dir", dir, "--listen", address(port), "--dht=false"}
	return run(t, "p2pspec "+role, nil, append(argv, more...)...)
}

// awaitPeer waits until a peer at a port answers the handshake of a torrent,
// or, where it refuses plain ones, until it accepts.
func awaitPeer(t testing.TB, p *process, c content, port int, encryption string) {
	t.Helper()
	awaitListener(t, p, port)
	if encryption == "require" {
		time.Sleep(time.Second) // an opaque answer does not tell what it is to
		return
	}
	hash := infoHash(t, c.torrent)
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := shake(port, hash)
		if err == nil {
			time.Sleep(time.Second) // until it has forgotten us: some take one stream of an address
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s answers no handshake: %v\n%s", p.name, err, p.output())
		}
	}
}

func infoHash(t testing.TB, torrent string) [20]byte {
	t.Helper()
	b, err := os.ReadFile(torrent)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metainfo.Parse(b, metainfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return meta.Info.Hash20()
}

// shake exchanges handshakes with a peer and leaves.
func shake(port int, hash [20]byte) error {
	conn, err := net.DialTimeout("tcp", address(port), time.Second)
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
