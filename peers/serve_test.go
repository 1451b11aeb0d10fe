package peers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	anacrolix "github.com/anacrolix/dht/v2"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/transport"
	"golang.org/x/time/rate"
)

// serveVariable names the node that the test binary becomes when it is set.
const serveVariable = "P2PSPEC_PEERS_SERVE"

func TestMain(m *testing.M) {
	switch os.Getenv(serveVariable) {
	case "":
		os.Exit(m.Run())
	case "p2pspec":
		serveOurs()
	case "anacrolix":
		serveAnacrolix()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark lets go
	os.Exit(0)
}

func serveOurs() {
	n, err := mainline.New(mainline.Config{Seed: [32]byte{1}}, 0)
	if err != nil {
		panic(err)
	}
	u, err := transport.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"),
		transport.UDPConfig{Machine: n, Codec: mainline.Codec{}})
	if err != nil {
		panic(err)
	}
	fmt.Println(u.LocalAddr())
}

func serveAnacrolix() {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	cfg := anacrolix.NewDefaultServerConfig()
	cfg.Conn, cfg.NoSecurity, cfg.WaitToReply = conn, true, true
	cfg.SendLimiter = rate.NewLimiter(rate.Inf, 1)
	cfg.StartingNodes = func() ([]anacrolix.Addr, error) { return nil, nil }
	if _, err := anacrolix.NewServer(cfg); err != nil {
		panic(err)
	}
	fmt.Println(conn.LocalAddr())
}

// BenchmarkServe asks a node in a process of its own as fast as it answers:
// eight sockets, each with sixteen queries under way. An op is one answer.
func BenchmarkServe(b *testing.B) {
	for _, node := range []string{"p2pspec", "anacrolix", "libtorrent"} {
		for query, payload := range map[string]string{"ping": pingQuery, "find_node": findNodeQuery} {
			b.Run(query+"/"+node, func(b *testing.B) {
				addr, stop, err := launch(node)
				if err != nil {
					b.Skipf("%s cannot be started here: %v", node, err)
				}
				defer stop()
				b.ResetTimer()
				lost := load(b, addr, []byte(payload), int64(b.N))
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
				b.ReportMetric(float64(lost), "lost")
			})
		}
	}
}

const (
	loadSockets = 8
	loadWindow  = 16
	lostAfter   = 200 * time.Millisecond
	startWithin = 5 * time.Second // also to stop
)

// load exchanges n queries and returns how often a window went unanswered.
func load(b *testing.B, to netip.AddrPort, payload []byte, n int64) (lost int64) {
	var left atomic.Int64
	left.Store(n)
	var gone atomic.Int64
	var wg sync.WaitGroup
	for i := range loadSockets {
		local := &net.UDPAddr{IP: net.IPv4(127, 0, byte(i), 9)}
		conn, err := net.ListenUDP("udp4", local)
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close()
			buf := make([]byte, 2048)
			for open := 0; left.Load() > 0; {
				for ; open < loadWindow; open++ {
					if _, err := conn.WriteToUDPAddrPort(payload, to); err != nil {
						b.Error(err)
						return
					}
				}
				_ = conn.SetReadDeadline(time.Now().Add(lostAfter))
				if _, _, err := conn.ReadFromUDPAddrPort(buf); err != nil {
					gone.Add(int64(open))
					open = 0
					if gone.Load() > n+10*loadWindow*loadSockets {
						b.Error("the node does not answer")
						return
					}
					continue
				}
				open--
				left.Add(-1)
			}
		})
	}
	wg.Wait()
	return gone.Load()
}

func launch(node string) (addr netip.AddrPort, stop func(), err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+node)
	if node == "libtorrent" {
		if err := exec.Command("/usr/bin/python3", "-c", "import libtorrent").Run(); err != nil {
			return addr, nil, fmt.Errorf("interop/setup installs it: %w", err)
		}
		cmd = exec.Command("/usr/bin/python3", "testdata/serve_libtorrent.py")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return addr, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return addr, nil, err
	}
	if err := cmd.Start(); err != nil {
		return addr, nil, err
	}
	late := time.AfterFunc(startWithin, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	stop = func() {
		in.Close()
		kill := time.AfterFunc(startWithin, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // its exit status says nothing about its speed
		kill.Stop()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		addr, err = netip.ParseAddrPort(line[:len(line)-1])
	}
	if err != nil {
		stop()
	}
	return addr, stop, err
}
