package torrent_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/mse"
	bttracker "github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/torrent"
	"github.com/p2pspec/p2pspec/transport/tracker"
)

// patience bounds every wait; on an idle machine each ends within a second.
const patience = 30 * time.Second

var anywhere = netip.MustParseAddrPort("127.0.0.1:0")

// sample is a torrent with its content in a folder.
type sample struct {
	meta *metainfo.Torrent
	dir  string
	data []byte
}

// newSample makes a torrent of one file; edit may change the plan.
func newSample(t testing.TB, edit func(*metainfo.Plan)) sample {
	t.Helper()
	s := sample{dir: t.TempDir(), data: make([]byte, 1_000_001)}
	_, _ = rand.NewChaCha8([32]byte{7}).Read(s.data) // never fails
	plan := metainfo.Plan{
		Version: metainfo.V1, Name: "sample", PieceLength: 32 << 10,
		Files: []metainfo.File{{Path: []string{"sample"}, Length: int64(len(s.data))}},
	}
	if edit != nil {
		edit(&plan)
	}
	b, err := plan.Make(func(_ int, offset int64, b []byte) error {
		copy(b, s.data[offset:])
		return nil
	})
	require.NoError(t, err)
	s.meta, err = metainfo.Parse(b, metainfo.Options{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "sample"), s.data, 0o644))
	return s
}

func (s sample) magnet() *metainfo.Magnet {
	in := s.meta.Info
	return &metainfo.Magnet{
		HasV1: in.HasV1, HasV2: in.HasV2, InfoHash: in.InfoHash, InfoHashV2: in.InfoHashV2,
	}
}

// log keeps the events of a torrent.
type log struct {
	mu     sync.Mutex
	events []spec.Event
}

func (l *log) observe(e spec.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	for _, e := range l.events {
		fmt.Fprintf(&b, "%T %+.100v\n", e, e)
	}
	return b.String()
}

// start runs a torrent until the end of the test.
func start(t testing.TB, cfg torrent.Config) (*torrent.Torrent, *log) {
	t.Helper()
	l := &log{}
	cfg.Observe, cfg.Listen = l.observe, anywhere
	tor, err := torrent.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(tor.Close)
	return tor, l
}

func seed(t testing.TB, s sample, cfg torrent.Config) *torrent.Torrent {
	t.Helper()
	cfg.Torrent, cfg.Dir, cfg.UploadOnly = s.meta, s.dir, true
	tor, l := start(t, cfg)
	await(t, tor, l)
	return tor
}

// await waits until a torrent is complete.
func await(t testing.TB, tor *torrent.Torrent, l *log) {
	t.Helper()
	select {
	case <-tor.Complete():
	case <-tor.Failed():
		t.Fatalf("it failed: %v", tor.Err())
	case <-time.After(patience):
		t.Fatalf("not complete: %+v\n%v", tor.Status(), l)
	}
}

func (s sample) requireIn(t testing.TB, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "sample"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(got, s.data), "the bytes differ")
}

// TestEncryptionBetweenPolicies has each policy download from each other:
// MSE-HS-015, MSE-HS-016. Those that have no common way do not.
func TestEncryptionBetweenPolicies(t *testing.T) {
	s := newSample(t, nil)
	names := []string{"disabled", "allowed", "preferred", "required"}
	for in := mse.Disabled; in <= mse.Required; in++ {
		for out := mse.Disabled; out <= mse.Required; out++ {
			t.Run(names[out]+" to "+names[in], func(t *testing.T) {
				t.Parallel()
				seeder := seed(t, s, torrent.Config{Encryption: in})
				dir := t.TempDir()
				leecher, l := start(t, torrent.Config{
					Torrent: s.meta, Dir: dir, Encryption: out,
					Peers: []netip.AddrPort{seeder.LocalAddr()},
				})
				incompatible := in == mse.Required && out < mse.Preferred || in == mse.Disabled && out == mse.Required
				if incompatible {
					time.Sleep(200 * time.Millisecond)
					require.Zero(t, leecher.Status().Held)
					return
				}
				await(t, leecher, l)
				leecher.Close()
				s.requireIn(t, dir)
			})
		}
	}
}

// TestMagnet downloads with nothing but an info-hash and a peer.
func TestMagnet(t *testing.T) {
	for version := metainfo.V1; version <= metainfo.Hybrid; version++ {
		s := newSample(t, func(p *metainfo.Plan) { p.Version = version })
		seeder := seed(t, s, torrent.Config{})
		dir := t.TempDir()
		m := s.magnet()
		m.Peers = []string{seeder.LocalAddr().String()}
		leecher, l := start(t, torrent.Config{Magnet: m, Dir: dir})
		await(t, leecher, l)
		leecher.Close()
		s.requireIn(t, dir)
	}
}

// TestTracker: two peers that know nothing but a tracker find each other, and
// it hears of the start, the completion and the end.
func TestTracker(t *testing.T) {
	machine, err := bttracker.NewServer(bttracker.ServerConfig{}, 0)
	require.NoError(t, err)
	server, err := tracker.Listen(anywhere, tracker.ServerConfig{Machine: machine})
	require.NoError(t, err)
	defer server.Close()
	for _, url := range []string{"http://%v/announce", "udp://%v"} {
		s := newSample(t, func(p *metainfo.Plan) {
			p.Announce = fmt.Sprintf(url, server.Addr())
			p.Private = true
			p.Name = fmt.Sprintf("sample over %.3s", url)
		})
		require.NoError(t, os.Rename(filepath.Join(s.dir, "sample"), filepath.Join(s.dir, s.meta.Info.Name)))
		seeder := seed(t, s, torrent.Config{DHT: true})
		dir := t.TempDir()
		leecher, l := start(t, torrent.Config{Torrent: s.meta, Dir: dir, DHT: true})
		await(t, leecher, l)
		leecher.Close()
		seeder.Close()
		require.NotContains(t, l.String(), "NoDHT")
	}
}

// TestDHT: two peers that know nothing but one node of the DHT find each
// other; the second has a link alone.
func TestDHT(t *testing.T) {
	node, err := mainline.New(mainline.Config{Seed: [32]byte{1}}, 0)
	require.NoError(t, err)
	socket, err := transport.ListenUDP(anywhere, transport.UDPConfig{Machine: node, Codec: mainline.Codec{}})
	require.NoError(t, err)
	defer socket.Close()
	s := newSample(t, nil)
	contacts := []netip.AddrPort{socket.LocalAddr()}
	seed(t, s, torrent.Config{DHT: true, Bootstrap: contacts})
	dir := t.TempDir()
	leecher, l := start(t, torrent.Config{Magnet: s.magnet(), Dir: dir, DHT: true, Bootstrap: contacts})
	await(t, leecher, l)
	s.requireIn(t, dir)
}

// TestPrivate: a private torrent leaves the DHT alone. BEP27-PRIV-002
func TestPrivate(t *testing.T) {
	s := newSample(t, func(p *metainfo.Plan) { p.Private = true })
	node, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer node.Close()
	seed(t, s, torrent.Config{DHT: true, Bootstrap: []netip.AddrPort{
		node.LocalAddr().(*net.UDPAddr).AddrPort(),
	}})
	require.NoError(t, node.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	n, _, err := node.ReadFrom(make([]byte, 2000))
	require.Error(t, err, "%d bytes came", n)
}

// TestResume: what is there is kept, and what is damaged is fetched again.
func TestResume(t *testing.T) {
	s := newSample(t, nil)
	seeder := seed(t, s, torrent.Config{})
	dir := t.TempDir()
	damaged := bytes.Clone(s.data)
	damaged[500_000] ^= 1
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sample"), damaged, 0o644))
	leecher, l := start(t, torrent.Config{
		Torrent: s.meta, Dir: dir, Peers: []netip.AddrPort{seeder.LocalAddr()},
	})
	await(t, leecher, l)
	leecher.Close()
	s.requireIn(t, dir)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if ready, ok := e.(torrent.Ready); ok {
			require.Equal(t, int32(s.meta.Info.Pieces()-1), ready.Held)
			return
		}
	}
	t.Error("it was never ready")
}

// TestFilesThatVanish: the download stops and says why; the next one goes on.
func TestFilesThatVanish(t *testing.T) {
	s := newSample(t, nil)
	dir := t.TempDir()
	leecher, l := start(t, torrent.Config{Torrent: s.meta, Dir: dir})
	require.Eventually(t, func() bool { return leecher.Status().Pieces > 0 }, patience, time.Millisecond)
	require.NoError(t, os.Remove(filepath.Join(dir, "sample")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sample"), 0o755))
	seeder := seed(t, s, torrent.Config{})
	leecher.AddPeers(bittorrent.FromUser, []netip.AddrPort{seeder.LocalAddr()})
	select {
	case <-leecher.Failed():
	case <-time.After(patience):
		t.Fatalf("it goes on: %+v\n%v", leecher.Status(), l)
	}
	var failure *torrent.StorageError
	require.ErrorAs(t, leecher.Err(), &failure)
	leecher.Close()

	require.NoError(t, os.Remove(filepath.Join(dir, "sample")))
	again, l := start(t, torrent.Config{
		Torrent: s.meta, Dir: dir, Peers: []netip.AddrPort{seeder.LocalAddr()},
	})
	await(t, again, l)
	again.Close()
	s.requireIn(t, dir)
}

func TestBadStarts(t *testing.T) {
	_, err := torrent.Start(torrent.Config{Listen: anywhere})
	require.ErrorContains(t, err, "neither a torrent nor a magnet link")
	s := newSample(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).AddrPort()
	_, err = torrent.Start(torrent.Config{Torrent: s.meta, Listen: taken})
	require.ErrorContains(t, err, taken.String())
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	tor, _ := start(t, torrent.Config{Torrent: s.meta, Dir: filepath.Join(file, "inside")})
	select {
	case <-tor.Failed():
		require.ErrorContains(t, tor.Err(), "not a directory")
	case <-time.After(patience):
		t.Error("a folder inside a file")
	}
}
