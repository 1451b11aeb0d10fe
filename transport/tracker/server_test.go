package tracker

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec"
)

// listen starts a tracker at a free port of addr.
func listen(t testing.TB, addr string, wrap func(spec.Machine) spec.Machine) *Server {
	t.Helper()
	machine, err := tracker.NewServer(tracker.ServerConfig{}, 0)
	require.NoError(t, err)
	m := spec.Machine(machine)
	if wrap != nil {
		m = wrap(m)
	}
	s, err := Listen(netip.MustParseAddrPort(addr), ServerConfig{Machine: m})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// get fetches a path and query from a server.
func get(t testing.TB, s *Server, target string) (status int, body []byte) {
	t.Helper()
	r, err := http.Get("http://" + s.Addr().String() + target)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, body
}

func announceQuery(a tracker.AnnounceRequest) string {
	return "/announce?" + string(tracker.AppendAnnounceQuery(nil, a))
}

// exchange sends a packet and reads the answer.
func exchange(t testing.TB, conn net.Conn, r *tracker.Request) *tracker.Response {
	t.Helper()
	b, err := tracker.AppendRequest(nil, r)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write(b)
	require.NoError(t, err)
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	answer, err := tracker.ParseResponse(buf[:n])
	require.NoError(t, err)
	require.Equal(t, r.Transaction, answer.Transaction)
	return answer
}

// BEP03-TRK-013, BEP15-UDP-014, BEP23-COMPACT-002, BEP48-SCRAPE-002
func TestOneTrackerOverHTTPAndUDP(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		s := listen(t, addr, nil)
		hash := tracker.Hash{1}
		_, body := get(t, s, announceQuery(tracker.AnnounceRequest{InfoHash: hash, Port: 7001, Left: 5}))
		r, err := tracker.ParseAnnounceResponse(body)
		require.NoError(t, err)
		require.Equal(t, s.Addr().Addr(), r.ExternalIP)

		conn, err := net.Dial("udp", s.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		id := exchange(t, conn, &tracker.Request{Action: tracker.ActionConnect, Transaction: 1}).Connection
		answer := exchange(t, conn, &tracker.Request{
			Action: tracker.ActionAnnounce, Transaction: 2, Connection: id,
			Announce: tracker.AnnounceRequest{InfoHash: hash, Port: 7002, NumWant: -1},
		})
		peers, ok := tracker.ParseCompactPeers(answer.Peers, s.Addr().Addr().Is6())
		require.True(t, ok)
		require.Equal(t, []netip.AddrPort{netip.AddrPortFrom(s.Addr().Addr(), 7001)}, peers)

		_, body = get(t, s, "/scrape?"+string(tracker.AppendScrapeQuery(nil, []tracker.Hash{hash})))
		scrape, err := tracker.ParseScrapeResponse(body)
		require.NoError(t, err)
		require.Equal(t, tracker.ScrapeStats{Complete: 1, Incomplete: 1}, scrape.Files[0].ScrapeStats)
	}
}

func TestWhatIsNoRequestForATracker(t *testing.T) {
	s := listen(t, "127.0.0.1:0", nil)
	status, body := get(t, s, "/index.html")
	require.Equal(t, 404, status)
	require.True(t, strings.HasPrefix(string(body), "d14:failure reason"), "%q", body)
	status, body = get(t, s, "/announce?port=1")
	require.Equal(t, 200, status)
	require.Contains(t, string(body), "info_hash is missing")
	r, err := http.Post("http://"+s.Addr().String()+"/announce", "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
}

func TestCloseLetsNobodyWait(t *testing.T) {
	machine := &mute{ended: make(chan struct{})}
	s, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), ServerConfig{Machine: machine})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		r, err := http.Get("http://" + s.Addr().String() + "/announce?")
		if err == nil {
			err = r.Body.Close()
		}
		done <- err
	}()
	<-machine.ended
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second time")
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a caller still waits")
	}
	_, ok := s.ask(tracker.Query{})
	require.False(t, ok)
}

// mute takes queries and answers none.
type mute struct {
	ended chan struct{}
	once  sync.Once
}

func (m *mute) Step(_ time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if _, ok := in.(tracker.Query); ok {
		m.once.Do(func() { close(m.ended) })
	}
	return out
}
func (m *mute) Deadline() (time.Duration, bool) { return 0, false }
func (m *mute) Clone() spec.Machine             { return m }
func (m *mute) AppendState(b []byte) []byte     { return b }
func (m *mute) Check() error                    { return nil }

// ports are those of compact peers.
func ports(peers []netip.AddrPort) string {
	var list []uint16
	for _, p := range peers {
		list = append(list, p.Port())
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}
