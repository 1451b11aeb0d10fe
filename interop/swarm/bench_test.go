package swarm_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

var mebibytes = flag.Int64("mebibytes", 1024, "what BenchmarkDownload downloads")

// BenchmarkDownload measures how long a client takes for 1 GiB from one seeder
// over loopback, from its start until it says that all is there, the processor
// time it used until then, and the most memory that it had:
//
//	TMPDIR=/dev/shm go test ./interop/swarm -run '^$' -bench Download -benchtime 1x -count 3
//
// The seeder is libtorrent, found through a tracker. With TMPDIR in memory it is
// the clients that are measured, not the disk. All clients run in one
// network, one after the other.
func BenchmarkDownload(b *testing.B) {
	var seeder client
	for _, c := range clients() {
		if c.name == "libtorrent" {
			seeder = c
		}
	}
	needs(b, seeder)
	content := makeContent(b, metainfo.Plan{PieceLength: 1 << 20}, *mebibytes<<20)
	withTracker(b, content, readMeta(b, content), startTracker(b))
	at := nextAddress()
	s := seeder.start(b, content.torrent, content.dir, at, "allow")
	awaitPeer(b, s, content, at, "allow")
	content.awaitWord(b, s, content.dir, "done")

	b.Run("p2pspec", func(b *testing.B) {
		download(b, content, "complete", func(dir string) *process {
			return ours(b, "leecher", content.torrent, dir, nextAddress())
		})
	})
	for _, c := range clients() {
		b.Run(c.name, func(b *testing.B) {
			needs(b, c)
			download(b, content, "done", func(dir string) *process {
				return c.start(b, content.torrent, dir, nextAddress(), "allow")
			})
		})
	}
}

// download measures one client, whose output has a word when it is done.
func download(b *testing.B, c content, word string, start func(dir string) *process) {
	var wall, cpu time.Duration
	var peak float64
	for range b.N {
		dir := b.TempDir()
		began := time.Now()
		p := start(dir)
		c.awaitWord(b, p, dir, word)
		wall += time.Since(began)
		used, most := usage(b, p.cmd.Process.Pid)
		cpu, peak = cpu+used, max(peak, most)
		p.stop(os.Kill)
		if reason := c.differs(dir); reason != "" {
			b.Fatal(reason)
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op") // it would include the comparison
	b.ReportMetric(wall.Seconds()/float64(b.N), "wall-s")
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s")
	b.ReportMetric(peak, "peak-MiB")
}

// awaitWord waits until a client says a word, or has made the file that says
// that it is done.
func (c content) awaitWord(b *testing.B, p *process, dir, word string) {
	b.Helper()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if strings.Contains(p.output(), word) {
			return
		}
		if _, err := os.Stat(filepath.Join(dir, "done")); err == nil {
			return
		}
		if time.Since(start) > 2*time.Minute {
			b.Fatalf("%s is not done: %s\n%s", p.name, c.differs(dir), p.output())
		}
	}
}

// usage is the processor time of a process, and the most memory that was its
// own at a time, in MiB. Both are the system's words about it.
func usage(b *testing.B, pid int) (cpu time.Duration, peak float64) {
	b.Helper()
	if runtime.GOOS != "linux" {
		b.Skip("the figures are those of Linux's /proc")
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	const perSecond = 100 // USER_HZ, of every Linux
	_, fields, _ := bytes.Cut(stat, []byte(") "))
	for _, i := range []int{11, 12} { // utime and stime
		n, err := strconv.Atoi(strings.Fields(string(fields))[i])
		if err != nil {
			b.Fatal(err)
		}
		cpu += time.Duration(n) * time.Second / perSecond
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, hwm, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(hwm)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return cpu, kib / 1024
}
