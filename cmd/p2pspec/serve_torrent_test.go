package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
)

// shared runs serve seeder or serve leecher until the end of the test, or of
// the command.
func shared(t *testing.T, args ...string) (out *buffer, stop func() conformance.ExitCode) {
	t.Helper()
	out = &buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{in: strings.NewReader(""), out: out, err: out}
	ended := make(chan conformance.ExitCode, 1)
	go func() { ended <- a.run(ctx, append([]string{"serve"}, args...)) }()
	stop = func() conformance.ExitCode {
		cancel()
		return <-ended
	}
	t.Cleanup(cancel)
	return out, stop
}

// TestServeTorrent makes a torrent of a folder, seeds it, and downloads it.
func TestServeTorrent(t *testing.T) {
	dir := t.TempDir()
	content := filepath.Join(dir, "content", "inside")
	if err := os.MkdirAll(content, 0o755); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // never fails
	for i, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(content, name), data[i*1000:], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"--private", "--v2", "--hybrid"} {
		torrent := filepath.Join(dir, "x"+version+".torrent")
		out, errs, code := p2pspec(t, "make", filepath.Join(dir, "content"), "-o", torrent, version)
		if code != conformance.ExitMet || !strings.Contains(out, "info-hash") {
			t.Fatalf("make %s: exit %d\n%s%s", version, code, errs, out)
		}
		seeder, stop := shared(t, "seeder", torrent, "--dir", dir, "--listen", "127.0.0.1:0")
		waitFor(t, func() bool { // the two may come in either order
			return strings.Contains(seeder.String(), "pieces are there") && listens.MatchString(seeder.String())
		}, seeder)
		addr := listens.FindStringSubmatch(seeder.String())[1]
		into := t.TempDir()
		out, errs, code = p2pspec(t, "serve", "leecher", torrent, "--dir", into, "--peer", addr, "--once")
		if code != conformance.ExitMet || !strings.Contains(out, "complete: ") {
			t.Fatalf("leecher of %s: exit %d\n%s%s", version, code, errs, out)
		}
		for i, name := range []string{"a", "b"} {
			got, err := os.ReadFile(filepath.Join(into, "content", "inside", name))
			if err != nil || !bytes.Equal(got, data[i*1000:]) {
				t.Errorf("%s: %s has %d bytes, %v", version, name, len(got), err)
			}
		}
		if code := stop(); code != conformance.ExitMet {
			t.Errorf("seeder: exit %d\n%s", code, seeder)
		}
	}
	torrent := filepath.Join(dir, "x--v2.torrent")
	t.Run("a seeder needs everything", func(t *testing.T) {
		_, errs, code := p2pspec(t, "serve", "seeder", torrent, "--dir", t.TempDir())
		if code != conformance.ExitUsage && code != conformance.ExitHarness {
			t.Errorf("exit %d\n%s", code, errs)
		}
	})
	t.Run("an interrupted leecher", func(t *testing.T) {
		leecher, stop := shared(t, "leecher", torrent, "--dir", t.TempDir(), "--once")
		waitFor(t, func() bool { return strings.Contains(leecher.String(), "0 of ") }, leecher)
		if code := stop(); code != conformance.ExitUnmet {
			t.Errorf("exit %d\n%s", code, leecher)
		}
	})
}

func TestServeTorrentRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.torrent")
	if err := os.WriteFile(bad, []byte("d4:infod4:name1:xee"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"give one torrent", []string{"serve", "leecher"}},
		{"no such file", []string{"serve", "leecher", "nowhere.torrent"}},
		{"info.", []string{"serve", "leecher", bad}},
		{"magnet", []string{"serve", "leecher", "magnet:?dn=x"}},
		{"does not say what the content is", []string{"serve", "seeder",
			"magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"}},
		{"--encryption", []string{"serve", "leecher", "--encryption", "maybe",
			"magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"}},
		{"--peer", []string{"serve", "leecher", "--peer", "nobody",
			"magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"}},
		{"give one of --v2 and --hybrid", []string{"make", bad, "--v2", "--hybrid"}},
		{"no such file", []string{"make", "nowhere"}},
	} {
		started := time.Now()
		_, errs, code := p2pspec(t, c.args...)
		if code != conformance.ExitUsage || !strings.Contains(errs, c.want) || time.Since(started) > 5*time.Second {
			t.Errorf("%q: exit %d: %s", c.args, code, errs)
		}
	}
}
