package bittorrent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	core "github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// Builtin is how to make the reference peer, or a mutant of it. The zero value
// is the peer as it is.
type Builtin struct {
	// Configure changes the peer's configuration.
	Configure func(*core.Config)
	// Wrap puts a machine around the peer, which sees all inputs and effects.
	Wrap func(spec.Machine) spec.Machine
	// ConfigureTrackers changes the configuration of the machine that announces
	// the torrent, WrapTrackers puts one around it, and TrackerCodec replaces the
	// format of its packets; on virtual time only.
	ConfigureTrackers func(*tracker.ClientConfig)
	WrapTrackers      func(spec.Machine) spec.Machine
	TrackerCodec      spec.Codec
	// Shaking changes the handshakes of encryption; on virtual time only.
	Shaking Shaking
	// Codec replaces the wire format.
	Codec spec.StreamCodec
	// Storage replaces what the peer keeps its pieces in.
	Storage func(*Memory) transport.Storage
}

// Targets is the peer as a target.
func (b Builtin) Targets() conformance.BuiltIn {
	return conformance.BuiltIn{
		Noun: "peer", Roles: []conformance.Role{conformance.Seeder, conformance.Leecher},
		Needs: []conformance.Need{
			conformance.NeedFresh, conformance.NeedV2, conformance.NeedMagnet, conformance.NeedFiles,
			conformance.NeedEncryption,
			conformance.NeedMaxPeers, conformance.NeedClock, conformance.NeedAddresses, conformance.NeedNeighbours,
		},
		Sockets: b.listen, Virtual: b.place,
	}
}

// Memory keeps the pieces of a torrent, as a file store would. It is safe for
// concurrent use, but for its fields.
type Memory struct {
	Info *metainfo.Info // nil until the metadata is known
	Data []byte         // the address space, padding included

	mu sync.Mutex
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
func (m *Memory) Load(piece, begin int32, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	span, err := m.span(piece, begin, int32(len(b)))
	copy(b, span)
	return err
}

// Store writes.
func (m *Memory) Store(piece, begin int32, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.span(piece, begin, int32(len(data)))
	copy(b, data)
	return err
}

// Verify hashes.
func (m *Memory) Verify(piece int32) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Info == nil {
		return false, errRange
	}
	b, err := m.span(piece, 0, int32(m.Info.PieceSize(int(piece))))
	return err == nil && m.Info.VerifyPiece(int(piece), b), err
}

// adopt makes room for the content of a torrent, and finds what is there
// already, as files by their paths.
func (m *Memory) adopt(info *metainfo.Info, files map[string][]byte) (have []byte) {
	data := make([]byte, info.TotalLength())
	for i, f := range info.Files {
		if !f.Pad {
			copy(data[f.Offset:f.Offset+f.Length], files[joined(info.FilePath(i))])
		}
	}
	m.mu.Lock()
	m.Info, m.Data = info, data
	m.mu.Unlock()
	b := bits(info.Pieces(), func(i int) bool {
		ok, _ := m.Verify(int32(i))
		return ok
	})
	return b.Data
}

// learn takes a description of the same content that has all hashes.
func (m *Memory) learn(info *metainfo.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Info = info
}

// read is what is stored of a file.
func (m *Memory) read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Info == nil {
		return nil, fs.ErrNotExist
	}
	b, ok := (&Content{Info: m.Info, Data: m.Data}).Files()[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

// running is one instance of the peer, whatever drives it.
type running struct {
	node    *core.Node
	seed    [32]byte
	tiers   [][]string  // of trackers
	private atomic.Bool // the torrent is
	report  func()      // tells the trackers' client how far the download is; may be nil
	machine spec.Machine
	codec   spec.StreamCodec
	storage transport.Storage
	policy  mse.Policy // of encryption
	store   Memory
	files   map[string][]byte // what it finds in its folder
	linked  []netip.AddrPort  // peers of a magnet link
}

func (b Builtin) new(opt conformance.StartOptions, cfg core.Config, now time.Duration) (*running, error) {
	r := &running{files: opt.Files, codec: wire.Codec{}, policy: policyOf(opt.Encryption)}
	if err := r.share(opt, &cfg); err != nil {
		return nil, err
	}
	for _, u := range opt.Trackers {
		r.tiers = append(r.tiers, []string{u})
	}
	cfg.MaxConns = opt.MaxPeers
	if b.Configure != nil {
		b.Configure(&cfg)
	}
	r.seed = cfg.Seed
	var err error
	if r.node, err = core.New(cfg, now); err != nil {
		return nil, err
	}
	r.machine, r.storage = r.node, &r.store
	if b.Wrap != nil {
		r.machine = b.Wrap(r.node)
	}
	if b.Codec != nil {
		r.codec = b.Codec
	}
	if b.Storage != nil {
		r.storage = b.Storage(&r.store)
	}
	return r, nil
}

// policyOf is the policy that a case asks for. The peer encrypts nothing unless
// it is told to, so that all other cases see its bytes as they are.
func policyOf(e conformance.Encryption) mse.Policy {
	switch e {
	case conformance.EncryptionPreferred:
		return mse.Preferred
	case conformance.EncryptionRequired:
		return mse.Required
	default:
		return mse.Disabled
	}
}

// share takes what the peer is to share into its configuration.
func (r *running) share(opt conformance.StartOptions, cfg *core.Config) error {
	if opt.Magnet != "" {
		m, err := metainfo.ParseMagnet(opt.Magnet)
		if err != nil {
			return fmt.Errorf("magnet: %w", err)
		}
		cfg.InfoHash, cfg.InfoHashV2 = m.InfoHash, m.InfoHashV2
		for _, u := range m.Trackers {
			r.tiers = append(r.tiers, []string{u})
		}
		for _, p := range m.Peers {
			if at, err := netip.ParseAddrPort(p); err == nil {
				r.linked = append(r.linked, at)
			}
		}
		return nil
	}
	t, err := metainfo.Parse(opt.Torrent, metainfo.Options{Lenient: true})
	if err != nil {
		return fmt.Errorf("torrent: %w", err)
	}
	cfg.Info, cfg.Have = t.Info, r.store.adopt(t.Info, r.files)
	r.tiers = t.Trackers()
	r.private.Store(t.Info.Private)
	return nil
}

// observe serves what the machine asks of its driver beyond the network.
func (r *running) observe(_ time.Duration, e spec.Effect) {
	notify, ok := e.(spec.Notify)
	if !ok {
		return
	}
	switch e := notify.Event.(type) {
	case core.MetadataReceived:
		if info, err := metainfo.ParseInfo(e.Info, metainfo.Options{Lenient: true}); err == nil {
			r.private.Store(info.Private)
			r.store.adopt(info, r.files)
		}
	case core.LayersReceived:
		r.store.learn(e.Info)
	case core.PieceVerified, core.Completed:
		if r.report != nil {
			r.report()
		}
	}
}

// heard is what the peer has to do about an answer of its trackers.
func (r *running) heard(e spec.Event) []spec.Input {
	var in []spec.Input
	if a, ok := e.(tracker.Announced); ok && a.Switched && r.private.Load() {
		in = append(in, core.DropPeers{})
	}
	if addrs := addresses(e); len(addrs) > 0 {
		in = append(in, core.AddPeers{Source: core.FromTracker, Addrs: addrs})
	}
	return in
}

// ReadFile is what the peer has stored of a file.
func (r *running) ReadFile(name string) ([]byte, error) { return r.store.read(name) }

func (r *running) Addr6() netip.AddrPort { return netip.AddrPort{} }

func (r *running) Do(conformance.Command) (*conformance.Pending, error) {
	return nil, conformance.ErrUnsupported
}
