package torrent

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent"
	"github.com/p2pspec/p2pspec/kademlia"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

const (
	// announceEvery is the pause between two announces to the DHT: well below
	// the half hour after which nodes forget a peer.
	announceEvery = 15 * time.Minute
	// retryAfter is the pause after an announce that found nobody, then twice
	// as long.
	retryAfter = 5 * time.Second
	// maxContacts bounds the nodes named by peers that are pinged between two
	// announces.
	maxContacts = 32
)

// The commands to the node.
const (
	opBootstrap spec.OpID = iota
	opAnnounce
	opPing
)

// dht is the torrent's part in the Mainline DHT.
type dht struct {
	socket  *transport.UDP
	hash    kademlia.ID
	port    uint16
	found   func([]netip.AddrPort)
	done    chan spec.Done // of an announce
	again   chan struct{}  // holds one when there is news for an announce
	stop    chan struct{}
	workers sync.WaitGroup

	mu       sync.Mutex // guards what follows
	seed     bool
	contacts int
}

// startDHT takes part in the DHT on the port of the listener. Where that is
// taken by others, or another family, the torrent does without.
func (t *Torrent) startDHT() {
	d := &dht{
		hash: kademlia.ID(t.hash), port: t.local.Port(),
		found: func(addrs []netip.AddrPort) { t.AddPeers(bittorrent.FromDHT, addrs) },
		done:  make(chan spec.Done, 1), again: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	cfg := mainline.Config{Families: mainline.IPv4}
	if a := t.local.Addr(); a.Is6() {
		cfg.Families = mainline.IPv6
		if a.IsUnspecified() {
			cfg.Families |= mainline.IPv4
		}
	}
	if _, err := rand.Read(cfg.Seed[:]); err != nil {
		t.fail(err)
		return
	}
	node, err := mainline.New(cfg, 0)
	if err == nil {
		d.socket, err = transport.ListenUDP(t.local, transport.UDPConfig{
			Machine: node, Codec: mainline.Codec{}, Observe: d.observe,
		})
	}
	if err != nil {
		t.observe(NoDHT{err})
		return
	}
	contacts := slices.Clone(t.cfg.Bootstrap)
	if t.cfg.Torrent != nil {
		for _, n := range t.cfg.Torrent.Nodes {
			if a, err := netip.ParseAddr(n.Host); err == nil {
				contacts = append(contacts, netip.AddrPortFrom(a, n.Port))
			}
		}
	}
	contacts = contacts[:min(len(contacts), mainline.MaxBootstrap)]
	if len(contacts) > 0 {
		_ = d.socket.Do(mainline.Bootstrap{Op: opBootstrap, Nodes: contacts}) // a new socket has room
	}
	d.workers.Go(d.run)
	t.mu.Lock()
	t.dht = d
	t.mu.Unlock()
}

// NoDHT says why the torrent does without the DHT.
type NoDHT struct{ Err error }

// IsEvent makes it a spec.Event.
func (NoDHT) IsEvent() {}

// closeDHT ends the part in the DHT, if there is one.
func (t *Torrent) closeDHT() {
	t.mu.Lock()
	d := t.dht
	t.dht = nil
	t.mu.Unlock()
	if d != nil {
		close(d.stop)
		d.workers.Wait()
		_ = d.socket.Close() // what stopped it before is of no use now
	}
}

// run announces and looks for peers, again and again.
func (d *dht) run() {
	for pause := retryAfter; ; pause = min(2*pause, announceEvery) {
		d.mu.Lock()
		seed := d.seed
		d.contacts = 0
		d.mu.Unlock()
		err := d.socket.Do(mainline.Announce{Op: opAnnounce, InfoHash: d.hash, Port: d.port, Seed: seed})
		if err == nil {
			select {
			case done := <-d.done:
				if a, ok := done.Result.(mainline.Announced); ok && len(a.Peers) > 0 {
					d.found(a.Peers)
					pause = announceEvery
				}
			case <-d.stop:
				return
			}
		}
		select {
		case <-time.After(pause):
		case <-d.again:
		case <-d.stop:
			return
		}
	}
}

func (d *dht) observe(_ time.Duration, e spec.Effect) {
	done, ok := e.(spec.Done)
	switch {
	case !ok:
	case done.Op == opAnnounce:
		d.done <- done // one is under way at a time
	case done.Err == nil:
		d.rouse()
	}
}

// rouse has the next announce come at once.
func (d *dht) rouse() {
	select {
	case d.again <- struct{}{}:
	default:
	}
}

// contact makes a node known that a peer named (BEP05-PEER-002).
func (d *dht) contact(addr netip.AddrPort) {
	d.mu.Lock()
	d.contacts++
	tooMany := d.contacts > maxContacts
	d.mu.Unlock()
	if !tooMany {
		_ = d.socket.Do(mainline.Ping{Op: opPing, Addr: addr}) // one contact among many
	}
}

// completed announces the peer as a seed from now on.
func (d *dht) completed() {
	d.mu.Lock()
	d.seed = true
	d.mu.Unlock()
	d.rouse()
}
