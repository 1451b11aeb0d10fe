package bittorrent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
)

// Builtin is how to make the reference peer, or a mutant of it. The zero value
// is the peer as it is.
type Builtin struct {
	// Configure changes the peer's configuration.
	Configure func(*core.Config)
	// Wrap puts a machine around the peer, which sees all inputs and effects.
	Wrap func(spec.Machine) spec.Machine
	// Codec replaces the wire format.
	Codec spec.StreamCodec
	// Storage replaces what the peer keeps its pieces in.
	Storage func(*Memory) conformance.Storage
}

// Memory keeps the pieces of a torrent, as a file store would.
type Memory struct {
	Info *metainfo.Info // nil until the metadata is known
	Data []byte         // the address space, padding included
}

// errRange is the answer to a driver that asks for what does not exist.
var errRange = errors.New("outside of the torrent")

func (m *Memory) span(piece, begin, length int32) ([]byte, error) {
	if m.Info == nil || int(piece) >= m.Info.Pieces() || int64(begin)+int64(length) > m.Info.PieceSize(int(piece)) {
		return nil, errRange
	}
	at := int64(piece)*m.Info.PieceLength + int64(begin)
	return m.Data[at : at+int64(length)], nil
}

// Load reads.
func (m *Memory) Load(piece, begin, length int32) ([]byte, error) {
	b, err := m.span(piece, begin, length)
	return bytes.Clone(b), err
}

// Store writes.
func (m *Memory) Store(piece, begin int32, data []byte) error {
	b, err := m.span(piece, begin, int32(len(data)))
	copy(b, data)
	return err
}

// Verify hashes.
func (m *Memory) Verify(piece int32) (bool, error) {
	b, err := m.span(piece, 0, int32(m.Info.PieceSize(int(piece))))
	return err == nil && m.Info.VerifyPiece(int(piece), b), err
}

// adopt makes room for the content of a torrent, and finds what is there
// already, as files by their paths.
func (m *Memory) adopt(info *metainfo.Info, files map[string][]byte) (have []byte) {
	m.Info, m.Data = info, make([]byte, info.TotalLength())
	for i, f := range info.Files {
		if !f.Pad {
			copy(m.Data[f.Offset:f.Offset+f.Length], files[joined(info.FilePath(i))])
		}
	}
	b := bits(info.Pieces(), func(i int) bool {
		ok, _ := m.Verify(int32(i))
		return ok
	})
	return b.Data
}

// The address of the peer on a virtual network.
var virtualAddr = netip.MustParseAddrPort("127.0.0.1:6881")

// Virtual is the reference peer on virtual time.
type Virtual struct{ Builtin }

// Identity names the reference peer.
func (Virtual) Identity() conformance.Identity {
	return conformance.Identity{Name: "p2pspec", How: "built-in, virtual time"}
}

// Can tells that the peer can do what a case of a peer may need.
func (Virtual) Can(n conformance.Need) (bool, string) {
	switch n {
	case conformance.NeedFresh, conformance.NeedClock, conformance.NeedAddresses,
		conformance.NeedMagnet, conformance.NeedFiles:
		return true, ""
	}
	return false, "the built-in peer has no " + string(n)
}

// Learns is how a leecher of this package finds the peers of the harness.
func (Virtual) Learns() conformance.PeerSource { return conformance.FromCommand }

// PerCase is true: every case gets its own network and peer.
func (Virtual) PerCase() bool { return true }

// Network makes a network at time zero.
func (Virtual) Network() (conformance.Network, error) { return conformance.NewVirtualNetwork(), nil }

// Start places a peer on the network.
func (v Virtual) Start(
	_ context.Context, n conformance.Network, opt conformance.StartOptions,
) (conformance.Instance, error) {
	net := n.(*conformance.VirtualNetwork)
	i := &virtualInstance{net: net}
	cfg, err := i.config(opt)
	if err != nil {
		return nil, err
	}
	if v.Configure != nil {
		v.Configure(&cfg)
	}
	node, err := core.New(cfg, net.Now())
	if err != nil {
		return nil, err
	}
	i.host = &conformance.MachineHost{
		Machine: node, Streams: wire.Codec{}, Storage: &i.store, OnEffect: i.observe,
	}
	if v.Wrap != nil {
		i.host.Machine = v.Wrap(node)
	}
	if v.Codec != nil {
		i.host.Streams = v.Codec
	}
	if v.Storage != nil {
		i.host.Storage = v.Storage(&i.store)
	}
	net.Attach(i.host, virtualAddr)
	i.tell(core.AddPeers{Source: core.FromUser, Addrs: opt.Peers})
	return i, nil
}

type virtualInstance struct {
	net   *conformance.VirtualNetwork
	host  *conformance.MachineHost
	store Memory
	files map[string][]byte
}

// config is what a peer is started with.
func (i *virtualInstance) config(opt conformance.StartOptions) (core.Config, error) {
	cfg := core.Config{ListenPort: virtualAddr.Port()}
	i.files = opt.Files
	if opt.Magnet != "" {
		m, err := metainfo.ParseMagnet(opt.Magnet)
		if err != nil {
			return cfg, fmt.Errorf("magnet: %w", err)
		}
		cfg.InfoHash, cfg.InfoHashV2 = m.InfoHash, m.InfoHashV2
		return cfg, nil
	}
	t, err := metainfo.Parse(opt.Torrent, metainfo.Options{Lenient: true})
	if err != nil {
		return cfg, fmt.Errorf("torrent: %w", err)
	}
	cfg.Info, cfg.Have = t.Info, i.store.adopt(t.Info, i.files)
	return cfg, nil
}

func (i *virtualInstance) tell(in spec.Input) {
	i.net.Emit(i.host, i.host.Apply(i.net.Now(), in, nil))
}

// observe serves what the machine asks of its driver beyond the network.
func (i *virtualInstance) observe(_ time.Duration, e spec.Effect) {
	notify, ok := e.(spec.Notify)
	if !ok {
		return
	}
	if m, ok := notify.Event.(core.MetadataReceived); ok {
		if info, err := metainfo.ParseInfo(m.Info, metainfo.Options{Lenient: true}); err == nil {
			i.store.adopt(info, i.files)
		}
	}
}

func (i *virtualInstance) Addr() netip.AddrPort  { return virtualAddr }
func (i *virtualInstance) Addr6() netip.AddrPort { return netip.AddrPort{} }
func (i *virtualInstance) Exited() error         { return nil }

// ReadFile is what the peer has stored of a file.
func (i *virtualInstance) ReadFile(name string) ([]byte, error) {
	if i.store.Info == nil {
		return nil, fs.ErrNotExist
	}
	b, ok := (&Content{Info: i.store.Info, Data: i.store.Data}).Files()[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (i *virtualInstance) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}

func (i *virtualInstance) Stop() error {
	i.net.Detach(i.host)
	return nil
}
