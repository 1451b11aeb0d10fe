package swarm_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/transport/torrent"
	trackers "github.com/p2pspec/p2pspec/transport/tracker"
)

// TestMixedSwarm has the reference peer and four real clients download from
// one seed, over links that lose and break, and from one another. The seed
// leaves once every piece has been seen with somebody else. One more peer says
// that it has everything, and what it sends is wrong. In the end all have the
// same bytes.
func TestMixedSwarm(t *testing.T) {
	var members []client
	for _, c := range clients() {
		if c.name != "webtorrent" {
			needs(t, c)
			members = append(members, c)
		}
	}
	// Nobody tells the seed of others, which it would dial past its bad links.
	plan := metainfo.Plan{PieceLength: 64 << 10, Private: true}
	content := makeContent(t, plan, 9_000_000, 1, 3_000_000, 70_000)
	meta := readMeta(t, content)
	announce := startTracker(t)
	meta = withTracker(t, content, meta, announce)

	census := newCensus(meta.Info.Pieces())
	poisoner := startPoisoner(t, meta.Info)
	var dirs []string
	var processes []*process
	var links []netip.AddrPort
	join := func(p *process, dir string, at netip.AddrPort) {
		awaitPeer(t, p, content, at, "allow")
		dirs, processes = append(dirs, dir), append(processes, p)
		go census.watch(at, meta.Info)
		go poisoner.dial(at)
		links = append(links, startLink(t, at))
	}
	for _, c := range members {
		dir, at := t.TempDir(), nextAddress()
		join(c.start(t, content.torrent, dir, at, "allow", poisoner.at.String()), dir, at)
	}
	dir, at := t.TempDir(), nextAddress()
	join(ours(t, "leecher", content.torrent, dir, at, "--peer", poisoner.at.String()), dir, at)

	seed, err := torrent.Start(torrent.Config{
		Torrent: &metainfo.Torrent{Info: meta.Info}, Dir: content.dir, UploadOnly: true,
		Listen: nextAddress(), Peers: links, Encryption: mse.Allowed,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	start := time.Now()
	for census.missing() > 0 {
		if time.Since(start) > mixedPatience {
			for _, p := range processes {
				t.Logf("%s said:\n%s", p.name, p.output())
			}
			t.Fatalf("after %v %d pieces are with nobody but the seed: %+v", mixedPatience,
				census.missing(), seed.Status())
		}
		time.Sleep(20 * time.Millisecond)
	}
	sent := seed.Status().Sent
	seed.Close()
	t.Logf("the seed left after %v; it had sent %.2f copies", time.Since(start).Round(time.Millisecond),
		float64(sent)/float64(meta.Info.TotalLength()))
	for i, dir := range dirs {
		content.await(t, dir, mixedPatience, processes[i])
		t.Logf("%s is complete after %v", processes[i].name, time.Since(start).Round(time.Millisecond))
	}
	if poisoner.sent() == 0 {
		t.Error("nobody took anything of the poisoner")
	}
	end(t, processes[len(processes)-1])
}

// mixedPatience bounds each half of the mixed swarm. The clients look for whom
// to serve every 10 seconds, and wait longer before they dial again.
const mixedPatience = 3 * time.Minute

func readMeta(t testing.TB, c content) *metainfo.Torrent {
	t.Helper()
	b, err := os.ReadFile(c.torrent)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metainfo.Parse(b, metainfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

// withTracker writes the torrent anew, with a tracker.
func withTracker(t testing.TB, c content, meta *metainfo.Torrent, url string) *metainfo.Torrent {
	t.Helper()
	b := fmt.Appendf(nil, "d8:announce%d:%s4:info%se", len(url), url, meta.Info.Raw())
	if err := os.WriteFile(c.torrent, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return readMeta(t, c)
}

// startTracker returns the announce URL of a tracker that wants to be asked
// often.
func startTracker(t testing.TB) string {
	t.Helper()
	machine, err := tracker.NewServer(tracker.ServerConfig{Interval: 5 * time.Second, PeerLife: time.Hour}, 0)
	if err != nil {
		t.Fatal(err)
	}
	server, err := trackers.Listen(netip.MustParseAddrPort("127.0.0.1:0"), trackers.ServerConfig{Machine: machine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return fmt.Sprintf("http://%v/announce", server.Addr())
}

// The links to the seed.
const (
	linkRate    = 2 << 20                // bytes a second
	lossOdds    = 50                     // one segment in so many is sent again,
	lossDelay   = 200 * time.Millisecond // so much later
	breakOdds   = 10000                  // one in so many breaks the stream
	segmentSize = 1460
)

// startLink forwards streams to a peer, as a lossy network would: segments
// come late, or break the stream.
func startLink(t testing.TB, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	at := nextAddress()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := dialerFrom(at.Addr())
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := d.Dial("tcp", to.String())
			if err != nil {
				near.Close()
				continue
			}
			go forward(near, far)
			go forward(far, near)
		}
	}()
	return at
}

func forward(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, segmentSize)
	for {
		n, err := from.Read(b)
		if n > 0 {
			switch {
			case rand.IntN(breakOdds) == 0:
				return
			case rand.IntN(lossOdds) == 0:
				time.Sleep(lossDelay)
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
			time.Sleep(time.Duration(n) * time.Second / linkRate)
		}
		if err != nil {
			return
		}
	}
}

// census counts the pieces that are with somebody.
type census struct {
	mu    sync.Mutex
	lacks int
	seen  []bool
}

func newCensus(pieces int) *census { return &census{lacks: pieces, seen: make([]bool, pieces)} }

func (c *census) missing() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lacks
}

func (c *census) add(piece int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if piece < len(c.seen) && !c.seen[piece] {
		c.seen[piece] = true
		c.lacks--
	}
}

// watch asks a peer what it has, again and again: some do not tell a peer that
// has nothing of theirs.
func (c *census) watch(at netip.AddrPort, info *metainfo.Info) {
	for id := 0; c.missing() > 0; id++ {
		conn, err := visitor.Dial("tcp", at.String())
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // ends the talk below
		_ = talk(conn, info, fmt.Sprintf("-XX0000-census%06d", id), nil, func(m *wire.Message) []*wire.Message {
			switch m.Type {
			case wire.Have:
				c.add(int(m.Index))
			case wire.HaveAll:
				for i := range info.Pieces() {
					c.add(i)
				}
			case wire.Bitfield:
				for i := range info.Pieces() {
					if m.Data[i/8]&(0x80>>(i%8)) != 0 {
						c.add(i)
					}
				}
			}
			return nil
		})
		conn.Close()
	}
}

// poisoner is a peer that serves garbage.
type poisoner struct {
	at   netip.AddrPort
	info *metainfo.Info

	mu     sync.Mutex
	blocks int
}

func startPoisoner(t testing.TB, info *metainfo.Info) *poisoner {
	t.Helper()
	p := &poisoner{at: nextAddress(), info: info}
	l, err := net.Listen("tcp", p.at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *poisoner) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blocks
}

func (p *poisoner) dial(to netip.AddrPort) {
	d := dialerFrom(p.at.Addr())
	if conn, err := d.Dial("tcp", to.String()); err == nil {
		p.serve(conn)
	}
}

func dialerFrom(a netip.Addr) *net.Dialer {
	return &net.Dialer{Timeout: time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))}
}

// serve says that everything is here, and sends zeros.
func (p *poisoner) serve(conn net.Conn) {
	defer conn.Close()
	full := make([]byte, wire.BitfieldLen(int32(p.info.Pieces())))
	for i := range p.info.Pieces() {
		full[i/8] |= 0x80 >> (i % 8)
	}
	greeting := []*wire.Message{{Type: wire.Bitfield, Data: full}, {Type: wire.Unchoke}}
	_ = talk(conn, p.info, "-XX0000-poisonerpois", greeting, func(m *wire.Message) []*wire.Message {
		if m.Type != wire.Request || m.Length > wire.DefaultMaxBlock {
			return nil
		}
		p.mu.Lock()
		p.blocks++
		p.mu.Unlock()
		return []*wire.Message{{Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: make([]byte, m.Length)}}
	})
}

// talk shakes hands, says its greeting and answers messages until the stream
// ends.
func talk(
	conn net.Conn, info *metainfo.Info, id string, greeting []*wire.Message,
	answer func(*wire.Message) []*wire.Message,
) error {
	codec := wire.Codec{Limits: wire.Limits{Pieces: int32(info.Pieces())}}
	out, err := codec.AppendMessage(nil, &wire.Handshake{InfoHash: info.Hash20(), PeerID: [20]byte([]byte(id))})
	for _, m := range greeting {
		if err == nil {
			out, err = codec.AppendMessage(out, m)
		}
	}
	decoder, b, have := codec.Decoder(), make([]byte, 1<<17), 0
	for err == nil {
		if len(out) > 0 {
			if _, err = conn.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		n, err := conn.Read(b[have:])
		if err != nil {
			return err
		}
		have += n
		used := 0
		for {
			m, n, err := decoder.Decode(b[used:have])
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			used += n
			if m, ok := m.(*wire.Message); ok {
				for _, reply := range answer(m) {
					if out, err = codec.AppendMessage(out, reply); err != nil {
						return err
					}
				}
			}
		}
		have = copy(b, b[used:have])
		if have == len(b) {
			return io.ErrShortBuffer
		}
	}
	return err
}
