package swarm

import (
	"encoding/binary"
	"net/netip"
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

	told  int           // other members that each is told of, by a tracker that draws them
	leave bool          // members leave once they are complete
	limit time.Duration // when to give up
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
	wants         bool
	done          time.Duration // when it was complete; 0: not yet
}

// swarm is a plan under way.
type swarm struct {
	*sim.Network
	plan
	members []member
	index   map[netip.AddrPort]int32
	left    int    // members that are not complete
	odd     uint64 // messages that a machine refused: there should be none
	lastOdd spec.Effect
}

// address of a member: a host has one, and a port for each torrent.
func address(host, torrent int) netip.AddrPort {
	ip := netip.AddrFrom4([4]byte{10, byte(host >> 16), byte(host >> 8), byte(host)})
	return netip.AddrPortFrom(ip, uint16(1024+torrent))
}

// start builds the network, with every member present and told of others.
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

// join starts the machines of one torrent and tells them of each other.
func (s *swarm) join(t int) {
	tor := &s.torrents[t]
	first := len(s.members)
	cfg := s.node
	cfg.Layout = tor.layout(s.unit)
	binary.BigEndian.PutUint64(cfg.InfoHash[:], uint64(t+1))
	full := make([]byte, wire.BitfieldLen(cfg.Layout.Pieces))
	for i := range cfg.Layout.Pieces {
		full[i/8] |= 0x80 >> (i % 8)
	}
	riders := make(map[int]bool)
	for _, h := range tor.riders {
		riders[h] = true
	}
	for i, h := range append(append([]int(nil), tor.seeds...), tor.leechers...) {
		own := cfg
		own.Seed = seedBytes(s.seed, uint64(len(s.members)+1))
		if i < len(tor.seeds) {
			own.Have = full
		}
		n, err := bittorrent.New(own, s.Now())
		if err != nil {
			panic("swarm: " + err.Error()) // the presets are fixed
		}
		s.index[address(h, t)] = int32(len(s.members))
		s.members = append(s.members, member{host: h, torrent: t, wants: own.Have == nil})
		if own.Have == nil {
			s.left++
		}
		var m spec.Machine = n
		if riders[h] {
			m = &freeRider{n}
		}
		s.Add(address(h, t), m)
	}
	members := s.members[first:]
	for i, told := range s.graph(len(members)) {
		var addrs []netip.AddrPort
		for _, j := range told {
			addrs = append(addrs, address(members[j].host, t))
		}
		s.Input(address(members[i].host, t), bittorrent.AddPeers{Addrs: addrs})
	}
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
		s.odd++
		s.lastOdd = e
	case spec.Notify:
		switch e.Event.(type) {
		case bittorrent.Completed:
			s.members[s.index[addr]].done = at
			s.left--
			if s.leave {
				s.At(at, func() { s.Input(addr, bittorrent.Stop{}) })
			}
		case bittorrent.PeerBanned, bittorrent.PieceFailed, bittorrent.StorageFailed:
			s.odd++
			s.lastOdd = e
		}
	}
}

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

// freeRider is a peer that never hears that others are interested, and so
// serves nobody.
type freeRider struct{ *bittorrent.Node }

// Step implements [spec.Machine].
func (r *freeRider) Step(now time.Duration, in spec.Input, out []spec.Effect) []spec.Effect {
	if got, ok := in.(spec.Got); ok {
		if m, ok := got.Msg.(*wire.Message); ok && m.Type == wire.Interested {
			in = spec.Wake{}
		}
	}
	return r.Node.Step(now, in, out)
}

// Clone implements [spec.Machine].
func (r *freeRider) Clone() spec.Machine { return &freeRider{r.Node.Clone().(*bittorrent.Node)} }

func seedBytes(seed, stream uint64) (b [32]byte) {
	binary.BigEndian.PutUint64(b[:8], seed)
	binary.BigEndian.PutUint64(b[8:16], stream)
	return b
}
