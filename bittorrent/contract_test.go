package bittorrent

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// contractInfo is an info dictionary of three blocks of metadata.
func contractInfo(private bool) []byte {
	if private {
		return contractInfos[1]
	}
	return contractInfos[0]
}

var contractInfos = [2][]byte{makeContractInfo(false), makeContractInfo(true)}

func makeContractInfo(private bool) []byte {
	const pieces = 2000
	info := fmt.Appendf(nil, "d6:lengthi%de4:name1:a12:piece lengthi16384e6:pieces%d:", pieces<<14-5, 20*pieces)
	for i := range pieces {
		hash := sha1.Sum([]byte{byte(i)})
		info = append(info, hash[:]...)
	}
	if private {
		info = append(info, "7:privatei1e"...)
	}
	return append(info, 'e')
}

var contractPrivate = sha1.Sum(contractInfo(true))

// contractV2 is a seed of a torrent whose piece layer takes two requests.
var contractV2 = func() *Node {
	plan := metainfo.Plan{
		Version: metainfo.V2, Name: "a", PieceLength: 1 << 14, Files: []metainfo.File{{Length: 600 << 14}},
	}
	file, err := plan.Make(func(int, int64, []byte) error { return nil })
	if err != nil {
		panic(err)
	}
	torrent, err := metainfo.Parse(file, metainfo.Options{})
	if err != nil {
		panic(err)
	}
	n, err := New(Config{Info: torrent.Info}, 0)
	if err != nil {
		panic(err)
	}
	return n
}()

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	cfg := Config{
		InfoHash: [20]byte{7}, BlockSize: 4, MaxConns: 5, MaxHalfOpen: 2, MaxKnown: 8,
		MaxRequestsOut: 6, MaxRequestsIn: 4, MinRequestsOut: 2, MaxStoring: 8, UploadWindow: 4,
		MaxBegun: 3, UploadSlots: 2, ListenPort: 6881, DHTPort: 6881,
		ExternalIP: netip.MustParseAddr("198.51.100.1"),
		Layout:     Layout{Pieces: 6, PieceLength: 8, Short: []ShortPiece{{5, 3}}},
	}
	binary.BigEndian.PutUint64(cfg.Seed[:], seed)
	if seed < 8 {
		cfg.PeerTimeout = time.Hour
	} else {
		cfg.PeerTimeout, cfg.KeepAlive = 40*time.Second, 10*time.Second
	}
	switch seed % 16 {
	case 0, 1, 9:
		cfg.RequestTimeout, cfg.SnubAfter = 20*time.Second, 20*time.Second
		cfg.MaxRequestsOut, cfg.MinRequestsOut = 1, 1 // many share a piece
	case 2:
		cfg.Have = []byte{0b11111100}
	case 10:
		info, err := metainfo.ParseInfo(contractInfo(false), metainfo.Options{})
		if err != nil {
			panic(err)
		}
		cfg.Info, cfg.BlockSize, cfg.UploadWindow = info, 0, 1<<14
	case 3, 11:
		cfg.Have, cfg.NoFast = []byte{0b10100000}, true
	case 12: // of version 2, without its piece layer
		info, err := metainfo.ParseInfo(contractV2.raw, metainfo.Options{})
		if err != nil {
			panic(err)
		}
		cfg.Info, cfg.BlockSize = info, 0
	case 4:
		cfg.Layout.Private, cfg.NoExtended = true, true
	case 5, 6, 13, 14:
		cfg.Layout, cfg.BlockSize = Layout{}, 0
		if cfg.InfoHash = sha1.Sum(contractInfo(false)); seed%8 == 6 {
			cfg.InfoHash = contractPrivate
		}
		cfg.MaxRequestsOut, cfg.UploadWindow = 3, 1<<15
	case 7, 15:
		cfg.Have, cfg.UploadOnly, cfg.TerseHave = []byte{0b11000000}, true, true
	}
	return cfg
}

func TestContract(t *testing.T) {
	check.Run(t, contractSubject())
}

func contractSubject() check.Subject {
	return check.Subject{
		New: func(seed uint64, now time.Duration) spec.Machine {
			n, err := New(contractConfig(seed), now)
			if err != nil {
				panic(err)
			}
			switch seed % 8 {
			case 1:
				failPiece(n, now)
			case 5, 6:
				beginMetadata(n, now)
			}
			return n
		},
		Input:       contractInput,
		MaxEffects:  func(spec.Input) int { return contractConfig(0).MaxEffects() },
		StreamCodec: wire.Codec{},
		Seeds:       16,
		Steps:       400,
		MaxGap:      20 * time.Second,
		Golden:      "testdata/contract.golden",
		NotState: map[string]string{
			"cfg":     "never changes after New",
			"now":     "deadlines are relative to it",
			"info":    "follows from raw",
			"slots":   "follows from conns",
			"scratch": "scratch space",
			"others":  "scratch space",
		},
		Shared: map[string]string{
			"cfg":           "never changes after New",
			"info":          "never changes",
			"raw":           "never changes",
			"layout.Short":  "never changes",
			"meta.blocks[]": "set once",
		},
	}
}

// failPiece lets two peers share in a bad piece, which random traces seldom
// bring about.
func failPiece(n *Node, now time.Duration) {
	var todo []spec.Input
	for i := range 2 {
		c := -spec.Conn(1<<30 + i)
		h := &wire.Handshake{InfoHash: n.cfg.InfoHash, PeerID: [20]byte{200, byte(i)}}
		h.Offer(wire.FeatureFast)
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + i)}), 6881)
		todo = append(todo, spec.Opened{Conn: c, Remote: remote}, spec.Got{Conn: c, Msg: h},
			spec.Got{Conn: c, Msg: &wire.Message{Type: wire.HaveAll}},
			spec.Got{Conn: c, Msg: &wire.Message{Type: wire.Unchoke}})
	}
	for len(n.picker.retry) == 0 && len(todo) > 0 {
		for _, e := range n.Step(now, todo[0], nil) {
			switch e := e.(type) {
			case spec.Write:
				if m, ok := e.Msg.(*wire.Message); ok && m.Type == wire.Request {
					todo = append(todo, spec.Got{Conn: e.Conn, Msg: &wire.Message{
						Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: make([]byte, m.Length),
					}})
				}
			case spec.Store:
				todo = append(todo, spec.Stored{Token: e.Token})
			case spec.Verify:
				todo = append(todo, spec.Verified{Token: e.Token})
			case spec.Load:
				todo = append(todo, spec.Loaded{Token: e.Token, Data: make([]byte, e.Length)})
			}
		}
		todo = todo[1:]
	}
	for i := range 2 { // their streams began before the trace
		n.Step(now, spec.Closed{Conn: -spec.Conn(1<<30 + i)}, nil)
	}
}

// beginMetadata has a peer send one block of three and leave.
func beginMetadata(n *Node, now time.Duration) {
	const c = -spec.Conn(1 << 30)
	h := &wire.Handshake{InfoHash: n.cfg.InfoHash}
	h.Offer(wire.FeatureExtension)
	x := wire.ExtensionHandshake{M: []wire.Extension{{Name: wire.ExtMetadata, ID: 9}}, MetadataSize: 2<<14 + 1}
	d := wire.Metadata{Type: wire.MetadataData, Data: make([]byte, 1<<14)}
	n.Step(now, spec.Opened{Conn: c, Remote: netip.MustParseAddrPort("198.51.100.100:6881")}, nil)
	for _, m := range []spec.Message{
		h, &wire.Message{Type: wire.Extended, Data: x.Append(nil)},
		&wire.Message{Type: wire.Extended, ExtID: idMetadata, Data: d.Append(nil)},
	} {
		n.Step(now, spec.Got{Conn: c, Msg: m}, nil)
	}
	n.Step(now, spec.Closed{Conn: c}, nil)
}

func contractAddr(g *check.Gen) netip.AddrPort {
	i := byte(g.Below(9))
	switch i {
	case 0:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: i}), 6881)
	case 1:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 6881+uint16(g.Below(2)))
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), 6881)
}

// contractInput plays the driver, and peers of every kind.
func contractInput(g *check.Gen) spec.Input {
	switch g.Below(32) {
	case 0:
		return contractCommand(g)
	case 1:
		return spec.Opened{Conn: -spec.Conn(g.Op), Remote: contractAddr(g)}
	case 2, 3, 4, 5:
		return contractHandshake(g, -spec.Conn(uint64(g.Op)-1-g.Below(12)))
	}
	open := answerable(g.Asked)
	if len(open) == 0 {
		return contractCommand(g)
	}
	if i := slices.IndexFunc(open, begins); i >= 0 && g.Below(2) == 0 {
		if d, ok := open[i].(spec.Dial); ok {
			return spec.Opened{Conn: d.Conn, Remote: d.To}
		}
		return contractAnswer(g, open[i].(spec.Write))
	}
	for _, e := range slices.Backward(open[max(0, len(open)-8):]) {
		if w, ok := e.(spec.Write); ok && w.Msg != nil && g.Below(2) == 0 {
			if h, ok := w.Msg.(*wire.Hashes); ok && h.Type == wire.HashRequest {
				return contractAnswer(g, w)
			}
		}
		if w, ok := e.(spec.Write); ok && wantsMetadata(w) && g.Below(2) == 0 {
			return spec.Got{Conn: w.Conn, Msg: contractExtended(g, w.Msg.(*wire.Message))}
		}
	}
	last := 1 + g.Below(uint64(min(len(open), 24))) // the latest above all
	switch e := open[len(open)-1-int(g.Below(last))].(type) {
	case spec.Dial:
		if g.Below(32) == 0 {
			return spec.Closed{Conn: e.Conn, Err: errors.New("refused")}
		}
		return spec.Opened{Conn: e.Conn, Remote: e.To}
	case spec.Write:
		return contractAnswer(g, e)
	case spec.Load:
		if g.Below(16) == 0 {
			return spec.Loaded{Token: e.Token, Err: errors.New("unreadable")}
		}
		return spec.Loaded{Token: e.Token, Data: make([]byte, e.Length)}
	case spec.Store:
		if g.Below(64) == 0 {
			return spec.Stored{Token: e.Token, Err: errors.New("disk full")}
		}
		return spec.Stored{Token: e.Token}
	case spec.Verify:
		if g.Below(3) == 0 {
			return spec.Verified{Token: e.Token, Err: errors.New("unreadable")}
		}
		return spec.Verified{Token: e.Token, OK: g.Below(3) == 0}
	}
	return spec.Wake{}
}

// wantsMetadata says whether a message asks for a block of metadata.
func wantsMetadata(e spec.Effect) bool {
	w, _ := e.(spec.Write)
	m, ok := w.Msg.(*wire.Message)
	if !ok || m.Type != wire.Extended || m.ExtID != 9 {
		return false
	}
	d, err := wire.ParseMetadata(m.Data)
	return err == nil && d.Type == wire.MetadataRequest
}

// begins says whether an effect waits for the begin of a conversation.
func begins(e spec.Effect) bool {
	if w, ok := e.(spec.Write); ok {
		_, ok = w.Msg.(*wire.Handshake)
		return ok
	}
	_, ok := e.(spec.Dial)
	return ok
}

// answerable leaves out what was asked of streams that have ended, and dials,
// handshakes and requests that were answered.
func answerable(asked []spec.Effect) (open []spec.Effect) {
	ended, dialled := map[spec.Conn]bool{}, map[spec.Conn]bool{}
	stored := map[[2]int32]bool{}
	for _, e := range slices.Backward(asked) {
		switch e := e.(type) {
		case spec.Close:
			ended[e.Conn] = true
		case spec.Dial:
			if !ended[e.Conn] && !dialled[e.Conn] {
				open = append(open, e)
			}
		case spec.Write:
			_, shakes := e.Msg.(*wire.Handshake)
			m, _ := e.Msg.(*wire.Message)
			answered := m != nil && m.Type == wire.Request && stored[[2]int32{int32(m.Index), int32(m.Begin)}]
			if !ended[e.Conn] && !answered && !(shakes && dialled[e.Conn]) {
				open = append(open, e)
			}
			dialled[e.Conn] = true
		case spec.Store:
			stored[[2]int32{e.Piece, e.Begin}] = true
			open = append(open, e)
		default:
			open = append(open, e)
		}
	}
	slices.Reverse(open)
	return open
}

func contractCommand(g *check.Gen) spec.Input {
	switch g.Below(12) {
	case 0:
		return DropPiece{Op: g.Op, Piece: int32(g.Below(7))}
	case 1, 2, 3:
		return Start{Op: g.Op}
	case 4:
		if g.Below(4) == 0 {
			return DropPeers{Op: g.Op}
		}
		return Start{Op: g.Op}
	case 5:
		if g.Below(4) == 0 {
			return Stop{Op: g.Op}
		}
		return Start{Op: g.Op}
	default:
		return AddPeers{
			Op: g.Op, Source: Source(g.Below(5)),
			Addrs: []netip.AddrPort{contractAddr(g), contractAddr(g), contractAddr(g)},
		}
	}
}

func contractHandshake(g *check.Gen, c spec.Conn) spec.Input {
	h := &wire.Handshake{InfoHash: [20]byte{7}, PeerID: [20]byte{byte(g.Below(60))}}
	if g.Below(8) > 0 {
		h.Offer(wire.FeatureFast)
	}
	if g.Below(8) > 0 {
		h.Offer(wire.FeatureExtension)
		h.Offer(wire.FeatureDHT)
	}
	if g.Below(64) == 0 {
		h.InfoHash[0]++
	}
	return spec.Got{Conn: c, Msg: h}
}

// contractAnswer answers what was written to a peer, or says something else.
func contractAnswer(g *check.Gen, e spec.Write) spec.Input {
	if h, ok := e.Msg.(*wire.Handshake); ok && g.Below(4) > 0 {
		in := contractHandshake(g, e.Conn).(spec.Got)
		in.Msg.(*wire.Handshake).InfoHash = h.InfoHash
		return in
	}
	if h, ok := e.Msg.(*wire.Hashes); ok && h.Type == wire.HashRequest && g.Below(1+uint64(h.Index)/16) == 0 {
		answer := *h
		answer.Type, answer.Hashes = wire.HashesMessage, contractV2.prove(&conn{}, h)
		if g.Below(4) == 0 || answer.Hashes == nil {
			answer.Type, answer.Hashes = wire.HashReject, nil
		}
		return spec.Got{Conn: e.Conn, Msg: &answer}
	}
	switch g.Below(100) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return spec.Drained{Conn: e.Conn}
	case 8:
		return spec.Closed{Conn: e.Conn}
	case 9:
		return contractHandshake(g, e.Conn)
	case 10:
		return spec.Got{Conn: e.Conn, Msg: &wire.Hashes{
			Type: wire.HashRequest + wire.Type(g.Below(3)*g.Below(2)*g.Below(2)), Count: 2,
			PiecesRoot: contractV2.info.Files[0].PiecesRoot, ProofLayers: uint32(g.Below(12)),
		}}
	}
	if m, ok := e.Msg.(*wire.Message); ok && g.Below(4) > 0 {
		switch m.Type {
		case wire.Request:
			if g.Below(6) == 0 {
				return spec.Got{Conn: e.Conn, Msg: request(wire.Reject, blockOf(m))}
			}
			data := make([]byte, m.Length)
			data[0] = byte(g.Below(2))
			return spec.Got{Conn: e.Conn, Msg: &wire.Message{
				Type: wire.Piece, Index: m.Index, Begin: m.Begin, Data: data,
			}}
		case wire.Extended:
			return spec.Got{Conn: e.Conn, Msg: contractExtended(g, m)}
		case wire.Bitfield, wire.HaveAll, wire.HaveNone:
			if g.Below(2) == 0 {
				return spec.Got{Conn: e.Conn, Msg: &wire.Message{Type: wire.HaveNone}}
			}
			return spec.Got{Conn: e.Conn, Msg: &wire.Message{Type: wire.Bitfield, Data: []byte{0b00010100}}}
		}
	}
	return spec.Got{Conn: e.Conn, Msg: contractMessage(g)}
}

// contractMessage is a message that a peer could send at any time.
func contractMessage(g *check.Gen) *wire.Message {
	m := &wire.Message{Index: uint32(g.Below(6))}
	switch g.Below(26) {
	case 0:
		m.Type = wire.Choke
	case 1, 2:
		m.Type = wire.Unchoke
	case 3, 4:
		m.Type = wire.Interested
	case 5:
		m.Type = wire.NotInterested
	case 6, 7, 8:
		m.Type = wire.Have
		m.Index += uint32(g.Below(100) / 99 * 1000)
	case 9:
		if m.Type = wire.KeepAlive; g.Below(4) == 0 {
			m.Type, m.Data = wire.Bitfield, []byte{byte(g.Below(64)) << 2}
		}
	case 10:
		if m.Type = wire.KeepAlive; g.Below(4) == 0 {
			m.Type = wire.HaveAll + wire.Type(g.Below(2))
		}
	case 11, 12, 13, 20, 21, 22, 23, 24, 25:
		m.Type, m.Begin, m.Length = wire.Request, uint32(g.Below(2)*4), 4-uint32(g.Below(4)/3)
	case 14:
		m.Type, m.Begin, m.Length = wire.Cancel, uint32(g.Below(2)*4), 4
	case 15:
		m.Type, m.Port = wire.Port, uint16(g.Below(2))
	case 16:
		m.Type = wire.AllowedFast
	case 17:
		m.Type = wire.Suggest
	case 18:
		m.Type = wire.KeepAlive
		if g.Below(20) == 0 {
			m.Type, m.Data = wire.Piece, make([]byte, 4)
		}
	default:
		return contractExtended(g, &wire.Message{})
	}
	return m
}

// contractExtended answers an extended message, or says something of its own.
func contractExtended(g *check.Gen, to *wire.Message) *wire.Message {
	m := &wire.Message{Type: wire.Extended}
	info := contractInfo(slices.ContainsFunc(g.Asked, func(e spec.Effect) bool {
		w, _ := e.(spec.Write)
		h, ok := w.Msg.(*wire.Handshake)
		return ok && h.InfoHash == contractPrivate
	}))
	if wantsMetadata(spec.Write{Msg: to}) && g.Below(4) > 0 {
		r, _ := wire.ParseMetadata(to.Data)
		d := wire.Metadata{Type: wire.MetadataData, Piece: r.Piece, TotalSize: int64(len(info))}
		if begin := int(r.Piece) << 14; begin < len(info) && g.Below(8) > 0 {
			d.Data = slices.Clone(info[begin:min(begin+1<<14, len(info))])
			d.Data[0] ^= byte(g.Below(4) / 3)
		} else {
			d.Type = wire.MetadataReject
		}
		m.ExtID, m.Data = idMetadata, d.Append(nil)
		return m
	}
	switch g.Below(8) {
	case 0:
		pex := wire.Pex{Added: []wire.PexContact{{Addr: contractAddr(g)}, {Addr: contractAddr(g)}}}
		m.ExtID, m.Data = idPEX, pex.Append(nil)
	case 1:
		m.ExtID, m.Data = idDontHave, wire.AppendDontHave(nil, uint32(g.Below(7)))
	case 2:
		m.ExtID, m.Data = idUploadOnly, wire.AppendUploadOnly(nil, g.Below(2) == 0)
	case 3, 11:
		d := wire.Metadata{Type: wire.MetadataType(g.Below(4)), Piece: int32(g.Below(3))}
		m.ExtID, m.Data = idMetadata, d.Append(nil)
	case 4:
		m.ExtID, m.Data = uint8(g.Below(256)), []byte("nonsense")
	default:
		h := wire.ExtensionHandshake{
			M: []wire.Extension{
				{Name: wire.ExtMetadata, ID: 9}, {Name: wire.ExtPex, ID: 8}, {Name: wire.ExtDontHave, ID: 7},
				{Name: wire.ExtUploadOnly, ID: uint8(g.Below(7))},
			},
			Reqq: int32(g.Below(9)), Port: uint16(6881 * g.Below(2)), MetadataSize: int64(len(info)),
		}
		if g.Below(4) == 0 {
			h.MetadataSize = int64(g.Below(1 << 15))
		}
		m.Data = h.Append(nil)
	}
	return m
}
