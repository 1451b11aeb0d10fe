// Package torrent runs one torrent on real sockets: the peer of package
// bittorrent over TCP, its files, the encryption of its streams, and what finds
// other peers: trackers, the DHT, a magnet link, or the caller.
//
// [Start] returns at once. What takes long happens behind it: the metadata of a
// magnet link is fetched, the files that are there are checked, and then the
// torrent is shared until [Torrent.Close].
package torrent

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/bittorrent/mse"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
	"github.com/p2pspec/p2pspec/transport/storage"
	transporttracker "github.com/p2pspec/p2pspec/transport/tracker"
)

// Config says what is shared, and how. Torrent or Magnet must be set.
type Config struct {
	Torrent *metainfo.Torrent
	Magnet  *metainfo.Magnet
	Dir     string // the folder of downloads, in which the torrent's name lies

	Listen     netip.AddrPort // port 0 takes a free one; the DHT has the same number
	Encryption mse.Policy

	Peers      []netip.AddrPort // to begin with
	Trackers   []string         // beside those of the torrent or link
	DHT        bool             // take part in the DHT, unless the torrent is private
	Bootstrap  []netip.AddrPort // first contacts there
	UploadOnly bool             // fetch nothing

	// Observe, if set, is told what happens: the events of package bittorrent
	// and those of this one. It should return soon, and must not call Close.
	Observe func(spec.Event)
}

// Ready says that the metadata is known and the files are checked.
type Ready struct {
	Info *metainfo.Info
	Held int32 // pieces that were there
}

// IsEvent makes it a spec.Event.
func (Ready) IsEvent() {}

// Status is how far a torrent is.
type Status struct {
	Pieces, Held      int32  // Pieces is 0 while the metadata is not known
	Length            int64  // of all pieces, in bytes
	Received, Sent    uint64 // bytes on streams
	Conns             int    // streams, those being opened or closed included
	Accepted, Dialled uint64 // streams so far
}

// Torrent is one torrent that is being shared. Its methods may be called from
// any goroutine.
type Torrent struct {
	cfg      Config
	peerID   [20]byte
	hash     [20]byte // the name of the torrent everywhere
	listener *net.TCPListener
	local    netip.AddrPort
	workers  sync.WaitGroup

	stop     chan struct{} // closed by Close
	stopOnce sync.Once
	received chan metadata // holds what peers sent: at most the two of fetch
	complete chan struct{} // closed when all is there
	failed   chan struct{} // closed after err is set
	failOnce sync.Once
	err      error

	ready     atomic.Bool // the files are there
	held      atomic.Int32
	announcer *transporttracker.Announcer // of run's goroutine; nil: there is no tracker

	mu    sync.Mutex // guards what follows
	info  *metainfo.Info
	tcp   *transport.TCP // of the machine under way; nil while files are checked
	known []bittorrent.AddPeers
	dht   *dht // nil: no part in it
}

// maxKnown bounds what is remembered of addresses for the machine that follows
// the fetching of metadata.
const maxKnown = 64

// Start begins to share a torrent. The error is about the configuration, the
// socket, or the randomness of the system.
func Start(cfg Config) (*Torrent, error) {
	t := &Torrent{
		cfg:  cfg,
		stop: make(chan struct{}), received: make(chan metadata, 2),
		complete: make(chan struct{}), failed: make(chan struct{}),
	}
	switch {
	case cfg.Torrent != nil:
		t.hash = cfg.Torrent.Info.Hash20()
	case cfg.Magnet == nil:
		return nil, errors.New("torrent: neither a torrent nor a magnet link")
	case cfg.Magnet.HasV1:
		t.hash = cfg.Magnet.InfoHash
	default:
		t.hash = [20]byte(cfg.Magnet.InfoHashV2[:])
	}
	var random [12]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	t.peerID = newPeerID(random)
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(cfg.Listen))
	if err != nil {
		return nil, fmt.Errorf("torrent: %w", err)
	}
	t.listener = l
	t.local = unmapped(l.Addr().(*net.TCPAddr).AddrPort())
	t.AddPeers(bittorrent.FromUser, cfg.Peers)
	t.workers.Go(t.run)
	return t, nil
}

// newPeerID is the own, of the Azureus style.
func newPeerID(random [12]byte) (id [20]byte) {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	copy(id[:], "-PS0001-")
	for i, b := range random {
		id[8+i] = digits[b%byte(len(digits))]
	}
	return id
}

// LocalAddr is the address of the listener.
func (t *Torrent) LocalAddr() netip.AddrPort { return t.local }

// Complete is closed when every piece is stored and verified.
func (t *Torrent) Complete() <-chan struct{} { return t.complete }

// Failed is closed when the torrent cannot go on, for the reason that Err
// gives: a disk that is full, files that cannot be written, metadata that
// makes no sense. What was verified stays. Close is still to be called.
func (t *Torrent) Failed() <-chan struct{} { return t.failed }

// Err is why the torrent cannot go on, once Failed is closed, and nil before.
func (t *Torrent) Err() error {
	select {
	case <-t.failed:
		return t.err
	default:
		return nil
	}
}

// Status is how far the torrent is.
func (t *Torrent) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{Held: t.held.Load()}
	if t.info != nil {
		s.Pieces, s.Length = int32(t.info.Pieces()), t.info.ContentLength()
	}
	if t.tcp != nil {
		stats := t.tcp.Stats()
		s.Received, s.Sent, s.Conns = stats.ReceivedBytes, stats.SentBytes, stats.Open
		s.Accepted, s.Dialled = stats.Accepted, stats.Dialled
	}
	return s
}

// AddPeers makes addresses known to the torrent.
func (t *Torrent) AddPeers(source bittorrent.Source, addrs []netip.AddrPort) {
	for part := range slices.Chunk(addrs, bittorrent.MaxAddrs) {
		add := bittorrent.AddPeers{Source: source, Addrs: slices.Clone(part)}
		t.mu.Lock()
		if t.info == nil || t.tcp == nil {
			t.known = append(t.known, add)
			t.known = t.known[max(0, len(t.known)-maxKnown):]
		}
		if t.tcp != nil {
			// A machine that has 16384 commands waiting has peers enough.
			_ = t.tcp.Do(add)
		}
		t.mu.Unlock()
	}
}

// Close ends everything in good order and waits for it: trackers are told,
// streams are flushed, what is being stored is. It may be called twice.
func (t *Torrent) Close() {
	t.stopOnce.Do(func() { close(t.stop) })
	t.workers.Wait()
}

// run is the life of the torrent.
func (t *Torrent) run() {
	defer t.listener.Close()
	defer t.closeFinders()
	info, ok := t.metadata()
	if !ok {
		return
	}
	store, err := storage.Open(t.cfg.Dir, info, storage.Options{ReadOnly: t.cfg.UploadOnly})
	if err != nil {
		t.fail(err)
		return
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.fail(err)
		}
	}()
	if err := t.share(info, store); err != nil {
		t.fail(err)
	}
}

// share runs the machine that has the metadata until the end.
func (t *Torrent) share(info *metainfo.Info, store *storage.Store) error {
	cfg := bittorrent.Config{Info: info, Have: store.Have(), UploadOnly: t.cfg.UploadOnly}
	node, err := t.newNode(cfg)
	if err != nil {
		return err
	}
	held, complete := node.Held(), node.Complete() // the node is the driver's from here on
	t.held.Store(held)
	t.ready.Store(true)
	t.observe(Ready{info, held})
	t.serve(t.listener, node, info, store)
	if complete {
		t.allThere()
	}
	t.find(info)
	t.attend()
	t.closeFinders()
	t.leave()
	return nil
}

// attend keeps trackers informed until the end.
func (t *Torrent) attend() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	complete := t.complete
	for {
		select {
		case <-complete:
			complete = nil
			t.report()
		case <-tick.C:
			t.report()
		case <-t.stop:
			return
		}
	}
}

// newNode fills in what is the same for every machine of the torrent.
func (t *Torrent) newNode(cfg bittorrent.Config) (*bittorrent.Node, error) {
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		return nil, err
	}
	cfg.PeerID, cfg.InfoHash = t.peerID, t.hash
	cfg.ExternalIP, cfg.ListenPort = t.address(), t.local.Port() // BEP40-PRIO-001
	if t.cfg.DHT {
		cfg.DHTPort = t.local.Port()
	}
	return bittorrent.New(cfg, 0)
}

// address is the one by which others know us; zero if we listen at all that there
// are.
func (t *Torrent) address() (a netip.Addr) {
	if a = t.local.Addr(); a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// serve starts a machine on a listener, which it then owns, and tells it the
// addresses that are known.
func (t *Torrent) serve(l *net.TCPListener, node *bittorrent.Node, info *metainfo.Info, s transport.Storage) {
	limits := wire.Limits{Pieces: node.Layout().Pieces}
	bind := t.address()
	layer := &encryption{policy: t.cfg.Encryption, skey: t.hash, bind: bind}
	tcp := transport.ServeTCP(l, transport.TCPConfig{
		Machine: node, Codec: wire.Codec{Limits: limits}, Storage: s, Wrap: layer.wrap, Bind: bind,
		Observe: t.performed,
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tcp, t.info = tcp, info
	for _, add := range t.known {
		_ = tcp.Do(add) // a new machine has room
	}
}

// leave ends the machine under way.
func (t *Torrent) leave() {
	t.mu.Lock()
	tcp := t.tcp
	t.tcp = nil
	t.mu.Unlock()
	_ = tcp.Do(bittorrent.Stop{}) // where there is no room, Close does what it can
	tcp.Close()
}

// allThere tells everybody that nothing is missing.
func (t *Torrent) allThere() {
	close(t.complete)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dht != nil {
		t.dht.completed()
	}
}

func (t *Torrent) fail(err error) {
	t.failOnce.Do(func() {
		t.err = err
		close(t.failed)
	})
}

func (t *Torrent) observe(e spec.Event) {
	if t.cfg.Observe != nil {
		t.cfg.Observe(e)
	}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
