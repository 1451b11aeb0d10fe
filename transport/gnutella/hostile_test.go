package gnutella

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// dial connects to a servent as a stranger.
func dial(t testing.TB, v *served) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", v.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn.(*net.TCPConn)
}

// answers reads what comes until the end, which has to come.
func answers(t testing.TB, conn net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is not closed: %q", b)
	return string(b)
}

// friend has shaken hands, and compresses what it sends from then on if it says so.
func friend(t testing.TB, v *served, deflates bool) *net.TCPConn {
	t.Helper()
	conn := dial(t, v)
	hello := "GNUTELLA CONNECT/0.6\r\nUser-Agent: test\r\nX-Ultrapeer: True\r\n\r\n"
	third := "GNUTELLA/0.6 200 OK\r\n"
	if deflates {
		third += "Content-Encoding: deflate\r\n"
	}
	_, err := io.WriteString(conn, hello)
	require.NoError(t, err)
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(b[:n]), "GNUTELLA/0.6 200 "), "%q", b[:n])
	_, err = io.WriteString(conn, third+"\r\n")
	require.NoError(t, err)
	return conn
}

// bomb is a zlib stream of many equal bytes.
func bomb(b byte, size int) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(bytes.Repeat([]byte{b}, size)) // to memory
	_ = w.Close()
	return out.Bytes()
}

// What breaks the rules of a stream ends it at once, and takes no memory with it;
// others go on being served. GN-HD-15, GN-HS-01, GN-HS-07, GN-HS-24, GN-UQ-09
func TestHostileStreams(t *testing.T) {
	leaksNothing(t)
	v := serve(t, Config{Node: quick(gnutella.Ultrapeer, true)})
	header := func(t wire.Type, size uint32) string {
		b := append(bytes.Repeat([]byte{7}, 16), byte(t), 1, 0)
		return string(binary.LittleEndian.AppendUint32(b, size))
	}
	packed := func(s string) string {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		_, _ = io.WriteString(w, s) // to memory
		_ = w.Flush()
		return out.String()
	}
	for name, c := range map[string]struct {
		said    string
		deflate bool
		fresh   bool // without a handshake
	}{
		"a payload of 4 GB":            {said: header(wire.TypeQuery, 1<<32-1)},
		"a payload of 64 KB and one":   {said: header(wire.TypeQueryHit, wire.MaxPayload+1)},
		"the same, compressed":         {said: packed(header(wire.TypeQuery, 1<<31)), deflate: true},
		"a bomb of large payloads":     {said: string(bomb(0xff, 64<<20)), deflate: true},
		"what does not inflate":        {said: "GNUTELLA", deflate: true},
		"a patch before its reset":     {said: header(wire.TypeQRP, 6) + "\x01\x01\x01\x00\x04\x00"},
		"a flood of headers":           {said: "GNUTELLA CONNECT/0.6\r\n" + strings.Repeat("X: y\r\n", 100_000), fresh: true},
		"a header without an end":      {said: "GNUTELLA CONNECT/0.6\r\nX: " + strings.Repeat("y", 1<<20), fresh: true},
		"a flood of HTTP headers":      {said: "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 100_000), fresh: true},
		"an HTTP line without an end":  {said: "GET /" + strings.Repeat("y", 1<<20), fresh: true},
		"a GIV without an end":         {said: "GIV " + strings.Repeat("1", 1<<20), fresh: true},
		"neither protocol":             {said: "SSH-2.0-OpenSSH\r\n" + strings.Repeat("y", 1<<20), fresh: true},
		"HTTP after a handshake":       {said: "GET /get/0/x HTTP/1.1\r\n\r\n" + strings.Repeat("y", 1<<20)},
		"an answer that nobody waited": {said: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", fresh: true},
		"a push that nobody asked for": {said: "GIV 0:00112233445566778899aabbccddeeff/x\n\n", fresh: true},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var conn *net.TCPConn
		if c.fresh {
			conn = dial(t, v)
		} else {
			conn = friend(t, v, c.deflate)
		}
		_, _ = io.WriteString(conn, c.said) // it may be closed meanwhile
		_, err := io.Copy(io.Discard, conn)
		require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%s: it is not closed", name)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), name)
		conn.Close()
	}
	good := serve(t, Config{Node: quick(gnutella.Ultrapeer, true)})
	good.joins(t, v)
}

// Strangers who say nothing, or say it slowly, keep nobody out for long. GN-HS-16
func TestSlowHandshakes(t *testing.T) {
	leaksNothing(t)
	cfg := quick(gnutella.Ultrapeer, false)
	cfg.Handshakes, cfg.HandshakeTimeout = 4, 300*time.Millisecond
	v := serve(t, Config{Node: cfg})
	var slow []net.Conn
	for i := range 50 {
		conn := dial(t, v)
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GNUTELLA CONNECT/0.6\r\nX: ") // it may be closed
		}
		slow = append(slow, conn)
	}
	started := time.Now()
	for _, conn := range slow {
		answers(t, conn)
	}
	assert.Less(t, time.Since(started), 3*time.Second)
	require.Eventually(t, func() bool { return v.Stats().Open == 0 }, 5*time.Second, time.Millisecond)
	good := serve(t, Config{Node: quick(gnutella.Ultrapeer, false)})
	good.joins(t, v)
}

// No path leads out of what is shared. GN-PU-10, GN-PU-20
func TestPathsLeadNowhereElse(t *testing.T) {
	leaksNothing(t)
	outer := t.TempDir()
	dir := filepath.Join(outer, "shared")
	require.NoError(t, os.Mkdir(dir, 0o755))
	const secret = "the secret"
	require.NoError(t, os.WriteFile(filepath.Join(outer, "secret"), []byte(secret), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "song"), []byte("la la la"), 0o644))
	require.NoError(t, os.Symlink(filepath.Join(outer, "secret"), filepath.Join(dir, "link")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hidden"), []byte(secret), 0o644))
	v := serve(t, Config{Node: quick(gnutella.Flat, false), Share: dir})
	get := func(target string) string {
		conn := dial(t, v)
		_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", target)
		require.NoError(t, err)
		return answers(t, conn)
	}
	require.Contains(t, get("/get/0/song"), "la la la")
	for _, target := range []string{
		"/get/0/../secret", "/get/0/..%2fsecret", "/get/0/%2e%2e/secret", "/get/0/..\\secret", "/get/0/link", "/get/1/link",
		"/get/0/.hidden", "/../secret", "/secret", "//etc/passwd", "/get/-1/song", "/get/99999999999/song", "/get/0/song%00",
		"/get/0//etc/passwd", filepath.Join(outer, "secret"), "/uri-res/N2R?file:///etc/passwd", "/uri-res/N2R?../secret",
		"/uri-res/N2R?urn:sha1:" + strings.Repeat("A", 32), "/get/0/" + strings.Repeat("../", 200) + "etc/passwd",
		"file:///etc/passwd", "*",
	} {
		got := get(target)
		require.NotContains(t, got, secret, target)
		require.NotContains(t, got, "root:", target)
		if got != "" {
			require.Regexp(t, `^HTTP/1\.[01] 4\d\d `, got, target)
		}
	}
}

// A source that sends too much, too little or for ever is left, and what it sent is
// not kept.
func TestHostileSources(t *testing.T) {
	leaksNothing(t)
	inbox := t.TempDir()
	v := serve(t, Config{Node: quick(gnutella.Flat, false), Downloads: inbox,
		Transfer: transfer.Config{RetryAfter: 10 * time.Millisecond, StallTimeout: 200 * time.Millisecond}})
	var op spec.OpID = 10
	for name, answer := range map[string]string{
		"another length":         "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
		"less than it said":      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1234",
		"another file":           "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678",
		"more than it said":      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678" + strings.Repeat("9", 1<<20),
		"a length of 2^63":       "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n",
		"a flood of headers":     "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100_000),
		"no HTTP":                strings.Repeat("x", 1<<20),
		"another range":          "HTTP/1.1 206 OK\r\nContent-Length: 8\r\nContent-Range: bytes 5-12/13\r\n\r\n12345678",
		"nothing":                "",
		"an answer to a servent": "GNUTELLA/0.6 200 OK\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, answer)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
		op++
		want := gnutella.Found{Size: 8, Name: "song"}
		want.SHA1[0] = 1
		hit := gnutella.Hit{Addr: l.Addr().(*net.TCPAddr).AddrPort(), Results: []gnutella.Found{want}}
		require.NoError(t, v.Fetch(op, want, []gnutella.Hit{hit}))
		require.Error(t, until(t, v, func(d spec.Done) bool { return d.Op == op }).Err, name)
		require.NoError(t, l.Close())
	}
	entries, err := os.ReadDir(inbox)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
