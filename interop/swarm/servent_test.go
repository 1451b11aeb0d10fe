package swarm_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	described "github.com/p2pspec/p2pspec/conformance/clients"
)

const (
	serventReady = 90 * time.Second // gtk-gnutella makes a key of 3072 bits first, which may be long in coming
	fetchWithin  = 60 * time.Second
)

// TestFetchThroughServents: a leaf of ours finds, through an ultrapeer of others, the
// file of another leaf that accepts nobody, and has it pushed.
func TestFetchThroughServents(t *testing.T) {
	for _, name := range []string{"gtk-gnutella", "gnutella-bun", "limewire"} {
		t.Run(name, func(t *testing.T) {
			up := startServent(t, name, t.TempDir())
			shared, file := t.TempDir(), bytes.Repeat([]byte("from behind a wall\n"), 10_000)
			write(t, filepath.Join(shared, "golf hotel india.ogg"), file)
			serveGnutella(t, "--listen", "127.0.0.2:0", "--mode", "leaf", "--firewalled", "--share", shared,
				"--connect", up.String())
			time.Sleep(5 * time.Second) // the ultrapeer reads its table, and tells nobody
			fetch(t, up, "golf hotel", "golf hotel india.ogg", file)
		})
	}
}

// TestFetchFromServents: a leaf of ours finds and fetches what an ultrapeer of others
// shares.
func TestFetchFromServents(t *testing.T) {
	dir, file := t.TempDir(), []byte("the quick brown fox.\n")
	write(t, filepath.Join(dir, "alpha bravo testfile.txt"), file)
	up := startServent(t, "gtk-gnutella", dir)
	time.Sleep(5 * time.Second) // it hashes its files, and tells nobody
	fetch(t, up, "alpha bravo", "alpha bravo testfile.txt", file)
}

// startServent runs a described ultrapeer that shares a folder, and waits until it
// accepts connections. One that is not installed is left out: it is in no package.
func startServent(t *testing.T, name, dir string) netip.AddrPort {
	t.Helper()
	must(t, nil)
	c, err := described.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	argv, err := c.Argv()
	if err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	_ = l.Close()
	port := strconv.Itoa(int(at.Port()))
	fill := strings.NewReplacer("{ip}", at.Addr().String(), "{port}", port, "{dir}", dir, "{peer}", "")
	for i, word := range argv {
		argv[i] = fill.Replace(word)
	}
	open(t, filepath.Dir(dir), dir)
	runProgram(t, argv)
	for deadline := time.Now().Add(serventReady); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp", at.String())
		if err == nil {
			_ = conn.Close()
			return at
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// open lets a program that gives up its rights into its folder.
func open(t *testing.T, folders ...string) {
	for _, f := range folders {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func serveGnutella(t *testing.T, args ...string) {
	t.Helper()
	runProgram(t, append([]string{program, "serve", "gnutella"}, args...))
}

// runProgram starts a program that ends with the test.
func runProgram(t *testing.T, argv []string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	in, err := cmd.StdinPipe() // some end with it
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		stopped := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stopped.Stop()
		_ = in.Close()
	})
}

// fetch searches at an ultrapeer, and downloads what is found.
func fetch(t *testing.T, up netip.AddrPort, words, name string, want []byte) {
	t.Helper()
	folder := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "serve", "gnutella", "--listen", "127.0.0.3:0",
		"--connect", up.String(), "--search", words, "--download", folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came of %d, %v:\n%s", len(got), len(want), err, out)
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
