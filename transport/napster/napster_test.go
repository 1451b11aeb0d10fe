package napster

import (
	"bytes"
	"fmt"
	"io"
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

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

func loopback() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:0") }

// leaksNothing wants all that a test has started to end with it.
func leaksNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			require.True(t, time.Now().Before(deadline), "goroutines are left")
			time.Sleep(5 * time.Millisecond)
		}
	})
}

func serve(t *testing.T) *transport.TCP {
	t.Helper()
	s, err := Serve(ServerConfig{Listen: loopback(), Server: napster.ServerConfig{MOTD: []string{"welcome"}}})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// user is a client under way, with what it has told.
type user struct {
	*Client
	nick string
	ops  spec.OpID

	mu   sync.Mutex
	told []spec.Effect
}

// enter runs a client that has logged in.
func enter(t *testing.T, server *transport.TCP, nick string, change func(*ClientConfig)) *user {
	t.Helper()
	u := &user{nick: nick}
	cfg := ClientConfig{
		Listen: loopback(), Downloads: t.TempDir(),
		Client: napster.ClientConfig{Server: server.LocalAddr(), User: napster.NewUser{
			Login: napster.Login{Nick: nick, Password: "x", Client: "test", Link: 5},
		}},
		Observe: func(_ time.Duration, e spec.Effect) {
			u.mu.Lock()
			u.told = append(u.told, e)
			u.mu.Unlock()
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	u.Client, err = NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, u.Close()) })
	require.NoError(t, u.do(t, func(op spec.OpID) spec.Input { return napster.Enter{Op: op} }).Err)
	return u
}

// do performs a command and waits for its end.
func (u *user) do(t *testing.T, command func(spec.OpID) spec.Input) spec.Done {
	t.Helper()
	u.ops++
	op := u.ops
	require.NoError(t, u.Do(command(op)))
	return until(t, u, func(d spec.Done) bool { return d.Op == op })
}

// until waits for what the client has told or will tell.
func until[E any](t *testing.T, u *user, is func(E) bool) (found E) {
	t.Helper()
	require.Eventually(t, func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		for _, e := range u.told {
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
	}, 10*time.Second, time.Millisecond, "%T", found)
	return found
}

// find searches until there is a result: what is shared takes a moment to get there.
func (u *user) find(t *testing.T, words string) (found napster.Result) {
	t.Helper()
	require.Eventually(t, func() bool {
		d := u.do(t, func(op spec.OpID) spec.Input {
			return napster.Find{Op: op, Search: napster.Search{Words: words}}
		})
		results := d.Result.(napster.Found).Results
		if len(results) > 0 {
			found = results[0]
		}
		return len(results) > 0
	}, 10*time.Second, 5*time.Millisecond)
	return found
}

// fetch downloads a result, and waits.
func (u *user) fetch(t *testing.T, r napster.Result) Fetched {
	t.Helper()
	u.ops++
	op := u.ops
	require.NoError(t, u.Fetch(op, r))
	return until(t, u, func(f Fetched) bool { return f.Op == op })
}

func shares(t *testing.T, files map[string][]byte) func(*ClientConfig) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	return func(c *ClientConfig) { c.Share = dir }
}

// A file comes from another, whichever of the two can be reached, and is what the
// index has promised. NP-CC-02, NP-CC-03, NP-FW-01, NP-SH-03
func TestFilesGoFromClientToClient(t *testing.T) {
	leaksNothing(t)
	server := serve(t)
	files := map[string][]byte{
		"a long song.mp3": bytes.Repeat([]byte("tune "), 100_000), "7 digits.txt": []byte("123456 and more"), "void.txt": {},
	}
	for _, firewalled := range []bool{false, true} {
		nick := map[bool]string{false: "open", true: "hidden"}[firewalled]
		share := shares(t, files)
		joe := enter(t, server, nick, func(c *ClientConfig) {
			share(c)
			if firewalled {
				c.Listen = netip.AddrPort{}
			}
		})
		ann := enter(t, server, "ann"+nick, nil)
		for words, name := range map[string]string{
			"song": "a long song.mp3", "digits": "7 digits.txt", "void": "void.txt",
		} {
			found := ann.find(t, words)
			require.Equal(t, nick, found.Nick)
			f := ann.fetch(t, found)
			require.NoError(t, f.Err, name)
			require.Equal(t, int64(len(files[name])), f.Size)
			require.True(t, f.Verified)
			got, err := os.ReadFile(filepath.Join(ann.cfg.Downloads, f.Name))
			require.NoError(t, err)
			require.True(t, bytes.Equal(files[name], got), name)
			require.NoError(t, until(t, joe, func(s Served) bool { return s.Name == name }).Err)
		}
		require.NoError(t, joe.do(t, func(op spec.OpID) spec.Input { return napster.Quit{Op: op} }).Err)
	}
}

// What cannot be had, or is not what was promised, is told of and leaves nothing.
func TestDownloadsThatFail(t *testing.T) {
	leaksNothing(t)
	server := serve(t)
	share := shares(t, map[string][]byte{"changed.txt": []byte("as it was"), "lost.txt": []byte("it is there")})
	joe := enter(t, server, "joe", share)
	ann := enter(t, server, "ann", nil)
	changed, lost := ann.find(t, "changed"), ann.find(t, "lost")
	require.NoError(t, os.WriteFile(filepath.Join(joe.cfg.Share, "changed.txt"), []byte("as it is"), 0o644))
	require.ErrorIs(t, ann.fetch(t, changed).Err, napster.ErrNotShared)
	require.NoError(t, os.Remove(filepath.Join(joe.cfg.Share, "lost.txt")))
	require.ErrorIs(t, ann.fetch(t, lost).Err, napster.ErrNotShared)

	liar, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer liar.Close()
	for _, c := range []struct {
		greeting, answer string
		size             int64
		want             string
	}{
		{"0", "", 0, "no greeting"}, {"1", "9999999999", 0, "too large"}, {"1", "30too short", 30, "unexpected EOF"},
		{"1", "11it is a lie", 11, "size or sum"}, {"1", "11it is a lie", 12, "11 bytes, and not 12"},
		{"1", "nonsense", 0, "neither a size"}, {"", "", 0, "EOF"},
		{"1", "INVALID REQUEST", 0, "INVALID REQUEST"}, {"1", strings.Repeat("1", 100), 0, "neither a size"},
	} {
		go func() {
			conn, err := liar.Accept()
			if err == nil {
				_, _ = io.WriteString(conn, c.greeting)
				if c.answer != "" {
					_, _ = conn.Read(make([]byte, 3))
					_, _ = io.WriteString(conn, c.answer)
				}
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		w := want{op: 1000, size: c.size, ack: napster.Ack{
			Name: "x", Addr: liar.Addr().(*net.TCPAddr).AddrPort(), MD5: napster.MD5{1},
		}}
		ann.mu.Lock()
		ann.told = nil
		ann.mu.Unlock()
		ann.download(w)
		require.ErrorContains(t, until(t, ann, func(f Fetched) bool { return f.Op == 1000 }).Err, c.want)
	}
	entries, err := os.ReadDir(ann.cfg.Downloads)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// Strangers at the data port get what is shared and nothing else. NP-CC-04
func TestStrangersAtTheDataPort(t *testing.T) {
	leaksNothing(t)
	server := serve(t)
	joe := enter(t, server, "joe", shares(t, map[string][]byte{"song": []byte("la la la")}))
	for said, want := range map[string]string{
		`GETann "song" 3`:                    "18la la",
		`GETann "song" 8`:                    "18",
		`GETann "song" 9`:                    "1INVALID REQUEST",
		`GETann "../song" 0`:                 "1FILE NOT SHARED",
		`GETann "/etc/passwd" 0`:             "1FILE NOT SHARED",
		`SENDann "song" 5`:                   "1INVALID REQUEST",
		"HELLO":                              "1INVALID REQUEST",
		strings.Repeat("GET", 5000):          "1INVALID REQUEST",
		`GETann "song" 99999999999999999999`: "1INVALID REQUEST",
		"":                                   "1",
	} {
		conn, err := net.Dial("tcp", joe.DataAddr().String())
		require.NoError(t, err)
		_, _ = io.WriteString(conn, said)
		_ = conn.(*net.TCPConn).CloseWrite()
		got := make([]byte, 100)
		n := 0
		for {
			m, err := conn.Read(got[n:])
			if n += m; err != nil {
				break
			}
		}
		assert.Equal(t, want, string(got[:n]), "%.30q", said)
		conn.Close()
	}
}

// Who pushes more than the index has promised is not listened to. NP-CC-03
func TestPushesOfAnotherSize(t *testing.T) {
	leaksNothing(t)
	ann := enter(t, serve(t), "ann", nil)
	w := want{op: 1000, size: 5, ack: napster.Ack{Nick: "joe", Name: "song"}}
	ann.await(w)
	conn, err := net.Dial("tcp", ann.DataAddr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, `SENDjoe "song" 2147483647`)
	require.NoError(t, err)
	f := until(t, ann, func(f Fetched) bool { return f.Op == 1000 })
	require.ErrorIs(t, f.Err, errContent)
	entries, err := os.ReadDir(ann.cfg.Downloads)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// The time of one push that has come does not end the wait for the next.
func TestOneWaitDoesNotEndAnother(t *testing.T) {
	leaksNothing(t)
	ann := enter(t, serve(t), "ann", nil)
	w := want{op: 1000, ack: napster.Ack{Nick: "joe", Name: "song"}}
	ann.await(w)
	key := keyOf("Joe", "song")
	_, ok := ann.pushed(key)
	require.True(t, ok)
	w.op = 1001
	ann.await(w)
	require.False(t, ann.expire(key, 1000))
	require.True(t, ann.expire(key, 1001))
	require.False(t, ann.expire(key, 1001))
}

// Strangers that connect and say nothing keep nobody from his own downloads.
func TestStrangersTakeNoRoomFromDownloads(t *testing.T) {
	leaksNothing(t)
	server := serve(t)
	joe := enter(t, server, "joe", shares(t, map[string][]byte{"song": []byte("la la la")}))
	ann := enter(t, server, "ann", nil)
	for range MaxTransfers {
		conn, err := net.Dial("tcp", ann.DataAddr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	found := ann.find(t, "song")
	require.Equal(t, joe.nick, found.Nick)
	require.NoError(t, ann.fetch(t, found).Err)
}

// An offer has one deadline, however slowly it comes.
func TestOffersHaveOneDeadline(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go func() {
		for _, said := range []string{"G", "E"} { // and then nothing
			_, _ = io.WriteString(b, said)
		}
	}()
	deadlines := &deadlined{Conn: a, most: 3}
	s := &stream{Conn: deadlines}
	s.offer()
	require.ErrorIs(t, s.err, os.ErrDeadlineExceeded)
	require.Len(t, deadlines.set, 3)
	assert.Equal(t, deadlines.set[0], deadlines.set[2])
}

// deadlined notes the deadlines that are set, and lets the last one be over.
type deadlined struct {
	net.Conn
	set  []time.Time
	most int
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	if d.set = append(d.set, at); len(d.set) == d.most {
		at = time.Now().Add(-time.Second)
	}
	return d.Conn.SetReadDeadline(at)
}

// However many files there are, all are shared; of one name one, and none whose name the
// protocol cannot carry. NP-SH-01
func TestManyFilesAreShared(t *testing.T) {
	leaksNothing(t)
	server := serve(t)
	files := map[string][]byte{}
	for i := range 3 * pendingShares {
		files[fmt.Sprintf("song %d", i)] = nil
	}
	share := shares(t, files)
	joe := enter(t, server, "joe", func(c *ClientConfig) {
		share(c)
		sub := filepath.Join(c.Share, "sub")
		require.NoError(t, os.Mkdir(sub, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(sub, "song 7"), []byte("another"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(sub, "tune"), []byte("a tune"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(sub, " a blank"), nil, 0o644))
	})
	require.Len(t, joe.Skipped(), 2)
	require.ErrorContains(t, joe.Skipped()[0], `" a blank" is not shared: `)
	require.ErrorContains(t, joe.Skipped()[1], "song 7")
	ann := enter(t, server, "ann", nil)
	require.NoError(t, ann.fetch(t, ann.find(t, "tune")).Err, "it has another file in its place")
	require.Eventually(t, func() bool {
		machine, _ := server.Snapshot()
		return machine.(*napster.Server).Stats().Files == 3*pendingShares+1
	}, 10*time.Second, 5*time.Millisecond)
}

func TestClientsThatCannotStart(t *testing.T) {
	good := func() ClientConfig {
		return ClientConfig{Listen: loopback(), Client: napster.ClientConfig{
			Server: netip.MustParseAddrPort("127.0.0.1:1"),
			User:   napster.NewUser{Login: napster.Login{Nick: "joe", Password: "x", Client: "test"}},
		}}
	}
	for name, spoil := range map[string]func(*ClientConfig){
		"nick":   func(c *ClientConfig) { c.Client.User.Nick = "" },
		"share":  func(c *ClientConfig) { c.Share = "/nowhere" },
		"inbox":  func(c *ClientConfig) { c.Downloads = "/nowhere" },
		"socket": func(c *ClientConfig) { c.Listen = netip.MustParseAddrPort("192.0.2.1:0") },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := NewClient(cfg)
		require.Error(t, err, name)
	}
	_, err := Serve(ServerConfig{Listen: loopback(), Server: napster.ServerConfig{MaxLinks: -1}})
	require.Error(t, err)
	_, err = Serve(ServerConfig{Listen: netip.MustParseAddrPort("192.0.2.1:0")})
	require.Error(t, err)
}
