// Package swarm_test has the reference peer download from real clients, they
// from it, and all of them from one another, and the reference member of SWIM
// take part in clusters of real ones, in a network of their own where only the
// loopback device exists. interop/setup installs the clients.
package swarm_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// inside is set in the process that runs in the network of its own.
const inside = "P2PSPEC_SWARM_NETWORK"

// program is the command under test, built once.
var program string

// outside says why the tests cannot have a network of their own.
var outside error

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		program = os.Getenv(inside)
		os.Exit(m.Run())
	}
	if flag.Parse(); !*required {
		os.Exit(m.Run())
	}
	os.Exit(enter(m))
}

// enter builds the command and runs the tests once more, in a network of their
// own. Where there is none to be had, the tests run here and say so.
func enter(m *testing.M) int {
	if out, err := exec.Command("../ns", "true").CombinedOutput(); err != nil {
		outside = fmt.Errorf("no network of its own: %w: %s", err, bytes.TrimSpace(out))
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "swarm")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built := filepath.Join(dir, "p2pspec")
	build := exec.Command("go", "build", "-o", built, "github.com/p2pspec/p2pspec/cmd/p2pspec")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the command does not build:", err)
		return 1
	}
	again := exec.Command("../ns", append([]string{"-a", "10.77.0.1/16", os.Args[0]}, os.Args[1:]...)...)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.Env = append(os.Environ(), inside+"="+built)
	var exit *exec.ExitError
	switch err := again.Run(); {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
}

// required has the tests run, and fail where a client or a network of their own is
// missing. They take minutes, of which most is waiting for others.
var required = flag.Bool("required", false, "run, and fail where a client is not installed or no network is to be had")

// needs fails the test where a program is missing, and says which.
func needs(t testing.TB, c client) {
	t.Helper()
	_, err := c.argv()
	must(t, err)
}

// must fails the test if there is a reason to, or if there is no network of its
// own.
func must(t testing.TB, reason error) {
	t.Helper()
	switch {
	case !*required:
		t.Skip("programs of others take part with -required alone")
	case outside != nil:
		t.Fatal(outside)
	case reason != nil:
		t.Fatal(reason)
	}
}

// content is a torrent and the folder that has all of it.
type content struct {
	torrent string // the file
	dir     string
	files   []metainfo.File
	root    string // the torrent's name, inside dir
}

// makeContent writes files of the given lengths and their torrent, of which
// plan has the rest.
func makeContent(t testing.TB, plan metainfo.Plan, lengths ...int64) content {
	t.Helper()
	dir := t.TempDir()
	c := content{torrent: filepath.Join(dir, "content.torrent"), dir: dir, root: "content"}
	plan.Version, plan.Name, plan.Folder = metainfo.V1, c.root, true
	random := rand.NewChaCha8([32]byte{1})
	for i, n := range lengths {
		f := metainfo.File{Path: []string{fmt.Sprintf("part %d", i/2), fmt.Sprintf("file%d", i)}, Length: n}
		name := c.path(dir, f)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, n)
		_, _ = random.Read(b) // never fails
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		plan.Files = append(plan.Files, f)
	}
	metainfo.SortFiles(plan.Files)
	c.files = plan.Files
	b, err := plan.Make(func(file int, offset int64, b []byte) error {
		f, err := os.Open(c.path(dir, plan.Files[file]))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(len(b))), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.torrent, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c content) path(dir string, f metainfo.File) string {
	return filepath.Join(append([]string{dir, c.root}, f.Path...)...)
}

// differs says how a folder differs from the content; "" when it does not.
func (c content) differs(dir string) string {
	for _, f := range c.files {
		got, err := os.Stat(c.path(dir, f))
		if errors.Is(err, fs.ErrNotExist) && f.Length == 0 {
			continue // not every client makes empty files
		}
		if err != nil {
			return err.Error()
		}
		if got.Size() != f.Length {
			return fmt.Sprintf("%s has %d of %d bytes", f.Path, got.Size(), f.Length)
		}
	}
	for _, f := range c.files {
		if f.Length == 0 {
			continue
		}
		got, err := os.ReadFile(c.path(dir, f))
		if err != nil {
			return err.Error()
		}
		want, err := os.ReadFile(c.path(c.dir, f))
		if err != nil {
			return err.Error()
		}
		if !bytes.Equal(got, want) {
			return fmt.Sprintf("%s has other bytes", f.Path)
		}
	}
	return ""
}

// copyTo returns a new folder that has the content.
func (c content) copyTo(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, c.root), os.DirFS(filepath.Join(c.dir, c.root))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// await waits until a folder has the content.
func (c content) await(t testing.TB, dir string, limit time.Duration, processes ...*process) {
	t.Helper()
	start := time.Now()
	for {
		reason := c.differs(dir)
		if reason == "" {
			return
		}
		if time.Since(start) > limit {
			for _, p := range processes {
				t.Logf("%s said:\n%s", p.name, p.output())
			}
			t.Fatalf("after %v: %s", limit, reason)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// process is a client that runs.
type process struct {
	name string
	cmd  *exec.Cmd
	exit chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// Write collects what the client says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// run starts a program that the end of the test kills.
func run(t testing.TB, name string, env []string, argv ...string) *process {
	t.Helper()
	p := prepare(t, name, env, argv...)
	p.start(t)
	return p
}

// prepare is run without the start.
func prepare(t testing.TB, name string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), exit: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "HOME="+t.TempDir()), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	return p
}

func (p *process) start(t testing.TB) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended shows in its exit code
		close(p.exit)
	}()
	t.Cleanup(func() {
		p.stop(os.Kill)
	})
}

// stop ends the program with a signal and waits for that.
func (p *process) stop(s os.Signal) (code int) {
	_ = p.cmd.Process.Signal(s) // it may have ended
	<-p.exit
	return p.cmd.ProcessState.ExitCode()
}

// awaitListener waits until somebody accepts.
func awaitListener(t testing.TB, p *process, at netip.AddrPort) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := visitor.Dial("tcp", at.String())
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-p.exit:
			t.Fatalf("%s ended:\n%s", p.name, p.output())
		default:
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s does not listen:\n%s", p.name, p.output())
		}
	}
}

// last is the number of the last address that was handed out.
var last atomic.Int32

// nextAddress is one that nobody else has: clients ban, and count, by IP. The
// port differs, too, for those that listen everywhere.
func nextAddress() netip.AddrPort {
	n := last.Add(1)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 0, byte(1 + n)}), uint16(6881+n))
}
