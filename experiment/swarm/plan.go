package swarm

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport/sim"
)

// plan is what is simulated: hosts, and the torrents whose members they are.
type plan struct {
	seed     uint64
	latency  sim.Dist
	hosts    []sim.Host
	torrents []torrent
	node     bittorrent.Config // of every machine, but for what is its own

	// unit is how many bytes one byte of a machine stands for: it need not
	// carry the content about. Whatever a machine counts in bytes is in units;
	// what goes over a link or through a hash is in bytes.
	unit int64

	told    int           // other members that each is told of, by a tracker that draws them
	leave   bool          // members leave once they are complete, and come one by one
	arrival time.Duration // until then
	limit   time.Duration // when to give up
}

// torrent is one content and who has and wants it.
type torrent struct {
	size, pieceLength int64 // in bytes
	seeds, leechers   []int // hosts
	riders            []int // hosts among leechers that serve nobody
}

// pieces is the number of pieces.
func (t *torrent) pieces() int64 { return (t.size + t.pieceLength - 1) / t.pieceLength }

// layout is that of the torrent in units.
func (t *torrent) layout(unit int64) bittorrent.Layout {
	l := bittorrent.Layout{Pieces: int32(t.pieces()), PieceLength: int32(t.pieceLength / unit)}
	if last := (t.size - (t.pieces()-1)*t.pieceLength) / unit; last < int64(l.PieceLength) {
		l.Short = []bittorrent.ShortPiece{{Index: l.Pieces - 1, Length: int32(max(1, last))}}
	}
	return l
}

// member is a host's part in a torrent.
type member struct {
	host, torrent int
	wants         bool          // it had nothing at the start
	rides         bool          // it serves nobody
	here          bool          // the tracker names it to others
	since         time.Duration // when it came
	took          time.Duration // to be complete; 0: it is not yet
}

// swarm is a plan under way.
type swarm struct {
	*sim.Network
	plan
	members []member
	index   map[netip.AddrPort]int32
	left    int    // members that are not complete
	odd     uint64 // what a machine refused or banned: there should be nothing
	lastOdd spec.Effect
}

// address of a member: a host has one, and a port for each torrent.
func address(host, torrent int) netip.AddrPort {
	ip := netip.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)})
	return netip.AddrPortFrom(ip, uint16(1024+torrent))
}

// start builds the network and lets the members come.
func (p plan) start() *swarm {
	s := &swarm{plan: p, index: make(map[netip.AddrPort]int32)}
	s.Network = sim.New(sim.Config{
		Seed: seedBytes(p.seed, 0), Link: sim.Link{Latency: p.latency},
		StreamSize: s.size, Piece: s.piece,
	})
	s.OnEffect(s.observe)
	s.place()
	for t := range p.torrents {
		s.join(t)
	}
	return s
}

// place puts the members on their hosts.
func (s *swarm) place() {
	nodes := make([][]netip.AddrPort, len(s.hosts))
	for t := range s.torrents {
		for _, list := range [][]int{s.torrents[t].seeds, s.torrents[t].leechers} {
			for _, h := range list {
				nodes[h] = append(nodes[h], address(h, t))
			}
		}
	}
	for h, rates := range s.hosts {
		s.SetHost(rates, nodes[h]...)
	}
}

// join makes the members of one torrent and lets them come.
func (s *swarm) join(t int) {
	tor := &s.torrents[t]
	first := len(s.members)
	for _, h := range tor.seeds {
		s.members = append(s.members, member{host: h, torrent: t})
	}
	for i, h := range tor.leechers {
		m := member{host: h, torrent: t, wants: true, rides: slices.Contains(tor.riders, h)}
		m.since = s.arrival * time.Duration(i) / time.Duration(len(tor.leechers))
		s.members = append(s.members, m)
		s.left++
	}
	if !s.leave {
		for i := first; i < len(s.members); i++ {
			s.come(i)
		}
		for i, told := range s.graph(len(s.members) - first) {
			s.tell(first+i, told, first)
		}
		return
	}
	for i := first; i < len(s.members); i++ {
		s.At(s.members[i].since, func() {
			s.come(i)
			s.announce(i, first)
		})
	}
}

// announce asks the tracker for members who are here, now and again until the
// download ends: others leave.
func (s *swarm) announce(i, first int) {
	if m := &s.members[i]; !m.here || !m.wants || m.took > 0 {
		return
	}
	s.tell(i, s.present(i, first, s.told), first)
	s.At(s.Now()+announceInterval, func() { s.announce(i, first) })
}

// announceInterval is how soon a client asks again whose peers leave: the least
// interval that trackers commonly allow.
const announceInterval = time.Minute

// come starts the machine of a member.
func (s *swarm) come(i int) {
	m := &s.members[i]
	addr := address(m.host, m.torrent)
	cfg := s.node
	cfg.Seed = seedBytes(s.seed, uint64(i+1))
	cfg.Layout = s.torrents[m.torrent].layout(s.unit)
	binary.BigEndian.PutUint64(cfg.InfoHash[:], uint64(m.torrent+1))
	if !m.wants {
		cfg.Have = make([]byte, wire.BitfieldLen(cfg.Layout.Pieces))
		for i := range cfg.Layout.Pieces {
			cfg.Have[i/8] |= 0x80 >> (i % 8)
		}
	}
	n, err := bittorrent.New(cfg, s.Now())
	if err != nil {
		panic("swarm: " + err.Error()) // the experiments are fixed
	}
	m.here = true
	s.index[addr] = int32(i)
	if m.rides {
		s.Add(addr, &freeRider{n})
	} else {
		s.Add(addr, n)
	}
}

// tell names members to one of them, by their numbers from first on.
func (s *swarm) tell(i int, told []int, first int) {
	var addrs []netip.AddrPort
	for _, j := range told {
		addrs = append(addrs, address(s.members[first+j].host, s.members[first+j].torrent))
	}
	m := &s.members[i]
	s.Input(address(m.host, m.torrent), bittorrent.AddPeers{Addrs: addrs})
}

// present draws up to k members of a torrent who are here, but not the one who
// asks, as numbers from first on.
func (s *swarm) present(self, first, k int) []int {
	var here []int
	for i, m := range s.members[first:] {
		if m.here && first+i != self && m.torrent == s.members[self].torrent {
			here = append(here, i)
		}
	}
	s.Rand().Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
	return here[:min(k, len(here))]
}

// graph draws whom each of so many members is told of: each of told others,
// and each by as many, as from a tracker that hands out every address equally
// often. No two are told of each other.
func (s *swarm) graph(members int) [][]int {
	lists := make([][]int, members)
	linked := make(map[[2]int]bool)
	fits := func(i, j int) bool { return i != j && !linked[[2]int{i, j}] && !linked[[2]int{j, i}] }
	order := make([]int, members)
	for i := range order {
		order[i] = i
	}
	for range min(s.told, (members-1)/2) {
		s.Rand().Shuffle(members, func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i := range order {
			for try := 0; try < drawTries && !fits(i, order[i]); try++ {
				j := i + int(s.Rand().Below(uint64(members-i)))
				order[i], order[j] = order[j], order[i]
			}
			if fits(i, order[i]) {
				linked[[2]int{i, order[i]}] = true
				lists[i] = append(lists[i], order[i])
			}
		}
	}
	return lists
}

// drawTries is how often a member that fits is looked for. The few who find
// none have one connection less.
const drawTries = 20

// run ends when every member is complete, or at the limit.
func (s *swarm) run() {
	for s.left > 0 && s.Now() < s.limit && s.Step() {
	}
}

// observe notes who is complete, and what should not happen.
func (s *swarm) observe(at time.Duration, addr netip.AddrPort, e spec.Effect) {
	switch e := e.(type) {
	case spec.Drop:
		if e.Clause != lateRequest && e.Clause != secondDial {
			s.odd++
			s.lastOdd = e
		}
	case spec.Notify:
		switch e.Event.(type) {
		case bittorrent.Completed:
			m := &s.members[s.index[addr]]
			m.took = at - m.since
			s.left--
			if s.leave {
				m.here = false
				s.At(at, func() { s.Input(addr, bittorrent.Stop{}) })
			}
		case bittorrent.PeerBanned, bittorrent.PieceFailed, bittorrent.StorageFailed:
			s.odd++
			s.lastOdd = e
		}
	}
}

// Clauses of what happens in every swarm: a request crosses a choke on its way,
// and two who were told of each other dial both.
const (
	lateRequest = "BEP03-PEER-036"
	secondDial  = "BEP03-PEER-009"
)

// size is what a message weighs on a link, in bytes.
func (s *swarm) size(m spec.Message) int {
	switch m := m.(type) {
	case *wire.Handshake:
		return wire.HandshakeLen
	case *wire.Message:
		switch m.Type {
		case wire.Piece:
			return 13 + len(m.Data)*int(s.unit)
		case wire.KeepAlive:
			return 4
		case wire.Request, wire.Cancel, wire.Reject:
			return 17
		case wire.Have:
			return 9
		case wire.Extended:
			return 6 + len(m.Data)
		default:
			return 5 + len(m.Data)
		}
	}
	return sim.TypedSize
}

// piece is what there is to hash; every piece is good.
func (s *swarm) piece(addr netip.AddrPort, piece int32) (int64, bool) {
	t := &s.torrents[s.members[s.index[addr]].torrent]
	return min(t.pieceLength, t.size-int64(piece)*t.pieceLength), true
}

// freeRider is a peer that tells nobody that they may ask it for pieces.
type freeRider struct{ *bittorrent.Node }

// Step implements [spec.Machine].
func (r *freeRider) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	before := len(out)
	out = r.Node.Step(now, in, out)
	kept := slices.DeleteFunc(out[before:], func(e spec.Effect) bool {
		w, ok := e.(spec.Write)
		if !ok {
			return false
		}
		m, ok := w.Msg.(*wire.Message)
		return ok && (m.Type == wire.Unchoke || m.Type == wire.AllowedFast)
	})
	return out[:before+len(kept)]
}

// Clone implements [spec.Machine].
func (r *freeRider) Clone() spec.Machine { return &freeRider{r.Node.Clone().(*bittorrent.Node)} }

func seedBytes(seed, stream uint64) (b [32]byte) {
	binary.BigEndian.PutUint64(b[:8], seed)
	binary.BigEndian.PutUint64(b[8:16], stream)
	return b
}
