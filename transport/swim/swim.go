// Package swim runs a member of a SWIM cluster on real sockets: one for
// datagrams and one for streams, at the same port, as memberlist has them.
package swim

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gossip/swim"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// Config says who takes part, and where.
type Config struct {
	Listen netip.AddrPort // for UDP and TCP; port 0 takes one that is free for both

	// Node is the member. Its Addr becomes that of the sockets, and its Seed is
	// drawn from the system's randomness: nonces come of it, too.
	Node swim.Config

	// Format is how the cluster writes its messages. What it adds to a packet comes out
	// of Node.PacketSize.
	Format wire.Format

	// Observe, if set, is shown every Notify, Done and Drop, as
	// [transport.TCPConfig] says.
	Observe func(now time.Duration, e spec.Effect)
}

// maxConns leaves streams that are being closed room beside the 128 that the
// machine opens or takes by default.
const maxConns = 256

// Member is one member of a cluster. Its methods may be called from any
// goroutine. Commands go to Do; Close ends it at once: a Leave has to come
// before, and its Done.
type Member struct{ *transport.TCP }

// Listen binds the sockets and starts the member, which knows nobody yet: a
// [swim.Join] changes that. The error is about the configuration, the sockets, or
// the randomness of the system.
func Listen(cfg Config) (*Member, error) {
	if err := cfg.Format.Check(); err != nil {
		return nil, err
	}
	if _, err := rand.Read(cfg.Node.Seed[:]); err != nil {
		return nil, err
	}
	streams, packets, err := transport.ListenBoth(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("swim: %w", err)
	}
	cfg.Node.PacketSize -= cfg.Format.Overhead()
	cfg.Node.Addr = streams.Addr().(*net.TCPAddr).AddrPort()
	node, err := swim.New(cfg.Node, 0)
	if err != nil {
		return nil, errors.Join(err, streams.Close(), packets.Close())
	}
	format := cfg.Format
	return &Member{transport.ServeTCP(streams, transport.TCPConfig{
		Machine: node, Codec: format.Stream(), Datagrams: packets, DatagramCodec: &format,
		Observe: cfg.Observe, MaxConns: maxConns,
		OpenTimeout: cfg.Node.StreamTimeout, WriteTimeout: cfg.Node.StreamTimeout,
	})}, nil
}

// Members are those that the member knows, itself among them, the dead and those
// that left for as long as they are remembered.
func (m *Member) Members() []swim.Member {
	machine, _ := m.Snapshot()
	return machine.(*swim.Node).Members()
}
