package gnutella

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/spec"
)

// served is a servent under way, with what it has told.
type served struct {
	*Servent
	mu   sync.Mutex
	told []spec.Effect
}

// serve runs a servent until the end of the test.
func serve(t testing.TB, cfg Config) *served {
	t.Helper()
	v := &served{}
	cfg.Observe = func(_ time.Duration, e spec.Effect) {
		v.mu.Lock()
		v.told = append(v.told, e)
		v.mu.Unlock()
	}
	if !cfg.Listen.IsValid() {
		cfg.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	}
	var err error
	v.Servent, err = Listen(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

// leaksNothing wants all servents of a test to end with all that they started.
func leaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			require.True(t, time.Now().Before(deadline), "goroutines are left")
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// until waits for an effect that the servent has told or will tell.
func until[E any](t testing.TB, v *served, is func(E) bool) (found E) {
	t.Helper()
	require.Eventually(t, func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, e := range v.told {
			if n, ok := e.(spec.Notify); ok {
				if event, ok := n.Event.(E); ok && is(event) {
					found = event
					return true
				}
			}
			if d, ok := e.(E); ok && is(d) {
				found = d
				return true
			}
		}
		return false
	}, 10*time.Second, 2*time.Millisecond, "%T", found)
	return found
}

func every[E any](E) bool { return true }

// content is a file of some blocks that is not all alike.
func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*i>>9 ^ i)
	}
	return b
}

// share makes a folder with one file.
func share(t testing.TB, name string, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	return dir
}

// quick has servents notice things within a test.
func quick(mode gnutella.Mode, deflate bool) gnutella.Config {
	return gnutella.Config{Mode: mode, Deflate: deflate, Maintain: 100 * time.Millisecond}
}

// joins connects a servent to others, and waits until it is.
func (v *served) joins(t testing.TB, others ...*served) {
	t.Helper()
	var addrs []netip.AddrPort
	for _, o := range others {
		addrs = append(addrs, o.Addr())
	}
	require.NoError(t, v.Do(gnutella.Connect{Op: 1, Addrs: addrs}))
	for _, o := range others {
		until(t, v, func(c gnutella.Connected) bool { return c.Remote == o.Addr() })
	}
}

// finds searches until there is a hit: tables have to travel first.
func (v *served) finds(t testing.TB, text string) gnutella.Hit {
	t.Helper()
	var hit gnutella.Hit
	require.Eventually(t, func() bool {
		require.NoError(t, v.Do(gnutella.Search{Op: 2, Text: text}))
		time.Sleep(100 * time.Millisecond)
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, e := range v.told {
			if n, ok := e.(spec.Notify); ok {
				if h, ok := n.Event.(gnutella.Hit); ok {
					hit = h
					return true
				}
			}
		}
		return false
	}, 15*time.Second, time.Millisecond)
	return hit
}

// A leaf finds a file of another that cannot be reached, through two ultrapeers, and
// fetches it by push, with and without compression. GN-PU-06, GN-PU-24, GN-HS-24
func TestFetchFromBehindAFirewall(t *testing.T) {
	leaksNothing(t)
	for _, deflate := range []bool{true, false} {
		want := content(300_000)
		u1 := serve(t, Config{Node: quick(gnutella.Ultrapeer, deflate)})
		u2 := serve(t, Config{Node: quick(gnutella.Ultrapeer, deflate)})
		u2.joins(t, u1)
		hidden := quick(gnutella.Leaf, deflate)
		hidden.Firewalled = true
		sharer := serve(t, Config{Node: hidden, Share: share(t, "a rare song.mp3", want)})
		sharer.joins(t, u2)
		inbox := t.TempDir()
		leaf := serve(t, Config{Node: quick(gnutella.Leaf, deflate), Downloads: inbox})
		leaf.joins(t, u1)

		hit := leaf.finds(t, "song rare")
		require.True(t, hit.Push)
		require.Equal(t, sharer.Addr(), hit.Addr)
		require.Len(t, hit.Results, 1)
		require.Equal(t, urn.Sum(want).SHA1, hit.Results[0].SHA1)
		require.NoError(t, leaf.Fetch(9, hit.Results[0], []gnutella.Hit{hit}))
		done := until(t, leaf, func(d spec.Done) bool { return d.Op == 9 })
		require.NoError(t, done.Err)
		saved := done.Result.(Saved)
		assert.True(t, saved.Verified)
		assert.Equal(t, "a rare song.mp3", saved.Name)
		got, err := os.ReadFile(filepath.Join(inbox, saved.Name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got))
		assert.Zero(t, sharer.Stats().Accepted, "the firewall let somebody in")
		until(t, sharer, every[transfer.Uploaded])
	}
}

// Hits of a file that is far away come by datagram, at the ports of the streams, and a
// servent behind a firewall takes none. GN-VE-05, GN-VE-06
func TestHitsOutOfBand(t *testing.T) {
	leaksNothing(t)
	node := func(mode gnutella.Mode) gnutella.Config {
		cfg := quick(mode, false)
		cfg.OutOfBand, cfg.OnlyGiven = true, true // nobody comes nearer
		return cfg
	}
	u1, u2 := serve(t, Config{Node: node(gnutella.Ultrapeer)}), serve(t, Config{Node: node(gnutella.Ultrapeer)})
	u2.joins(t, u1)
	u3 := serve(t, Config{Node: node(gnutella.Ultrapeer)})
	u3.joins(t, u2)
	sharer := serve(t, Config{Node: node(gnutella.Leaf), Share: share(t, "a rare song.mp3", content(5000))})
	sharer.joins(t, u3)
	leaf := serve(t, Config{Node: node(gnutella.Leaf)})
	leaf.joins(t, u1)
	require.Equal(t, sharer.Addr(), leaf.finds(t, "song rare").Addr)
	require.NotZero(t, sharer.Stats().Datagrams.Sent)
	require.NotZero(t, leaf.Stats().Datagrams.Received)

	hidden := node(gnutella.Leaf)
	hidden.Firewalled = true
	v := serve(t, Config{Node: hidden})
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(v.Addr()))
	require.NoError(t, err, "the firewall has a hole")
	require.NoError(t, conn.Close())
}

// What turns out to be something else leaves nothing, whoever named it; what fails
// at once, too.
func TestWhatIsWrongIsNotSaved(t *testing.T) {
	leaksNothing(t)
	inbox := t.TempDir()
	v := serve(t, Config{Node: quick(gnutella.Flat, false), Downloads: inbox,
		Transfer: transfer.Config{RetryAfter: 10 * time.Millisecond}})
	other := serve(t, Config{Node: quick(gnutella.Flat, false), Share: share(t, "song", content(5000))})
	lie := gnutella.Found{Index: 0, Size: 5000, Name: "../song", SHA1: urn.SHA1{1}}
	require.NoError(t, v.Fetch(1, lie, []gnutella.Hit{{Addr: other.Addr(), Results: []gnutella.Found{lie}}}))
	require.ErrorIs(t, v.Fetch(1, lie, nil), errTwice)
	require.Error(t, until(t, v, func(d spec.Done) bool { return d.Op == 1 }).Err)
	require.NoError(t, v.Fetch(2, lie, nil))
	require.ErrorIs(t, until(t, v, func(d spec.Done) bool { return d.Op == 2 }).Err, transfer.ErrNoSource)
	require.Error(t, v.Fetch(3, gnutella.Found{Size: 1 << 31}, nil))
	require.ErrorIs(t, other.Fetch(3, lie, nil), errNoInbox)
	entries, err := os.ReadDir(inbox)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// A servent that ends leaves no half of a file.
func TestCloseRemovesWhatIsNotComplete(t *testing.T) {
	leaksNothing(t)
	inbox := t.TempDir()
	v, err := Listen(Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Downloads: inbox})
	require.NoError(t, err)
	nobody := gnutella.Found{Size: 9, Name: "x", SHA1: urn.SHA1{1}}
	hit := gnutella.Hit{Addr: netip.MustParseAddrPort("127.0.0.1:1"), Results: []gnutella.Found{nobody}}
	require.NoError(t, v.Fetch(1, nobody, []gnutella.Hit{hit}))
	require.NoError(t, v.Close())
	require.NoError(t, v.Close())
	entries, err := os.ReadDir(inbox)
	require.NoError(t, err)
	assert.Empty(t, entries)
	require.Error(t, v.Fetch(2, nobody, nil))
}

func TestListenRefuses(t *testing.T) {
	good := netip.MustParseAddrPort("127.0.0.1:0")
	taken := serve(t, Config{})
	long := strings.Repeat("x", 100)
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":      {Config{}, "want an IPv4 address"},
		"any address":     {Config{Listen: netip.MustParseAddrPort("0.0.0.0:0")}, "want an IPv4 address"},
		"IPv6":            {Config{Listen: netip.MustParseAddrPort("[::1]:0")}, "want an IPv4 address"},
		"a taken port":    {Config{Listen: taken.Addr()}, "in use"},
		"a bad node":      {Config{Listen: good, Node: gnutella.Config{UserAgent: long}}, "UserAgent"},
		"no folder":       {Config{Listen: good, Share: filepath.Join(t.TempDir(), "x")}, "no such file"},
		"no inbox":        {Config{Listen: good, Downloads: filepath.Join(t.TempDir(), "x")}, "no such file"},
		"a bad transfer":  {Config{Listen: good, Transfer: transfer.Config{Block: -1}}, "Block"},
		"a strange fault": {Config{Listen: good, Share: os.DevNull}, "not a directory"},
	} {
		_, err := Listen(c.cfg)
		require.ErrorContains(t, err, c.want, name)
	}
}

// Storage that is not there, or is not what it was, is an error.
func TestStorage(t *testing.T) {
	dir := share(t, "song", content(100))
	f, library, err := openFiles(dir, t.TempDir())
	require.NoError(t, err)
	defer f.close()
	song := gnutella.File{Index: 0, Size: 100, Name: "song", SHA1: urn.Sum(content(100)).SHA1}
	require.Equal(t, []gnutella.File{song}, library.Files())
	b := make([]byte, 10)
	require.NoError(t, f.Load(0, 90, b))
	require.Equal(t, content(100)[90:], b)
	require.Error(t, f.Load(0, 91, b))
	require.ErrorIs(t, f.Load(7, 0, b), errNoPiece)
	require.ErrorIs(t, f.Store(0, 0, b), errNoPiece, "a shared file is not written to")
	piece, err := f.begin(1, gnutella.Found{Size: 10, SHA1: urn.Sum(b).SHA1})
	require.NoError(t, err)
	require.Equal(t, int32(1), piece)
	require.ErrorContains(t, f.Store(piece, 1, b), "byte 11")
	ok, err := f.Verify(piece)
	require.False(t, ok)
	require.NoError(t, err)
	require.NoError(t, f.Store(piece, 0, b))
	ok, err = f.Verify(piece)
	require.True(t, ok)
	require.NoError(t, err)
	require.NoError(t, f.Load(piece, 0, b))
	_, err = f.Verify(0)
	require.ErrorIs(t, err, errNoPiece)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "song"), []byte("another"), 0o644))
	require.ErrorContains(t, f.Load(0, 0, b[:1]), "changed")
}
