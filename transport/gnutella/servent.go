// Package gnutella runs a Gnutella servent on real sockets: the machine of package
// gnutella/servent over TCP, the files of a folder, and a folder for downloads.
package gnutella

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/servent"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// Config says who takes part, where, and with what.
type Config struct {
	// Listen is where others reach the servent, over IPv4; port 0 takes a free one.
	// Streams are dialled from its address. If Node.Firewalled nobody is accepted.
	Listen netip.AddrPort

	// Node is the servent. Its Addr becomes that of the socket, its Library that of
	// Share, and its Seed is drawn from the system's randomness. If Node.OutOfBand and not
	// Node.Firewalled, the servent takes datagrams at the port of Listen as well.
	Node gnutella.Config
	// Transfer says how files are moved.
	Transfer transfer.Config

	Share     string // folder whose files are shared; "": nothing is
	Downloads string // folder for what is fetched; "": nothing can be

	// Observe, if set, is shown every Notify, Done and Drop, as
	// [transport.TCPConfig] says. The result of a Fetch is [Saved].
	Observe func(now time.Duration, e spec.Effect)
}

// Saved is the result of a Fetch: the file lies in the folder for downloads.
type Saved struct {
	transfer.Downloaded
	Name string // that it got there
}

const (
	// maxConns leaves streams of transfers, and those that are being closed, room
	// beside the 78 of an ultrapeer.
	maxConns = 512
	// maxSendQueue is several times what the machine writes ahead on one stream.
	maxSendQueue = 4 << 20
)

// Servent is one that takes part. Commands of [servent.Node] go to Do, but for
// downloads, which are Fetch's.
type Servent struct {
	*transport.TCP
	files   *files
	library *gnutella.Library
	addr    netip.AddrPort
	observe func(now time.Duration, e spec.Effect)
}

// Listen hashes the files of the folder, binds the socket and starts the servent,
// which knows nobody yet: a [gnutella.Connect] changes that. The error is about the
// configuration, the folders, the socket, or the randomness of the system.
func Listen(cfg Config) (*Servent, error) {
	if ip := cfg.Listen.Addr(); !ip.Is4() || ip.IsUnspecified() {
		return nil, fmt.Errorf("gnutella: listening on %v, want an IPv4 address that others can reach", cfg.Listen)
	}
	if _, err := rand.Read(cfg.Node.Seed[:]); err != nil {
		return nil, err
	}
	files, library, err := openFiles(cfg.Share, cfg.Downloads)
	if err != nil {
		return nil, err
	}
	cfg.Node.Library = library
	s := &Servent{files: files, library: library, observe: cfg.Observe}
	if err := s.listen(cfg); err != nil {
		return nil, errors.Join(err, files.close())
	}
	return s, nil
}

// listen binds the sockets, and starts the machine.
func (s *Servent) listen(cfg Config) error {
	l, packets, err := bind(cfg)
	if err != nil {
		return fmt.Errorf("gnutella: %w", err)
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	cfg.Node.Addr = s.addr
	node, err := servent.New(servent.Config{Node: cfg.Node, Transfer: cfg.Transfer}, 0)
	if err != nil {
		if packets != nil {
			err = errors.Join(err, packets.Close())
		}
		return errors.Join(err, l.Close())
	}
	if cfg.Node.Firewalled {
		if err := l.Close(); err != nil { // its port refuses from now on
			return fmt.Errorf("gnutella: %w", err)
		}
		l = nil
	}
	s.TCP = transport.ServeTCP(l, transport.TCPConfig{
		Machine: node, Codec: servent.Codec{}, Datagrams: packets, DatagramCodec: wire.DatagramCodec{},
		Storage: s.files, Observe: s.see,
		Bind: cfg.Listen.Addr(), MaxConns: maxConns, MaxSendQueue: maxSendQueue,
	})
	return nil
}

// bind takes the port, for datagrams only if the machine will send some.
//
// GN-VE-05
func bind(cfg Config) (l *net.TCPListener, packets *net.UDPConn, err error) {
	if cfg.Node.OutOfBand && !cfg.Node.Firewalled {
		return transport.ListenBoth(cfg.Listen)
	}
	l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(cfg.Listen))
	return l, nil, err
}

// Addr is what the servent tells others of where it is: also behind a firewall, where
// nobody is accepted.
func (s *Servent) Addr() netip.AddrPort { return s.addr }

// Shared are the files that others can find.
func (s *Servent) Shared() []gnutella.File { return s.library.Files() }

// Skipped says what of the folder is not shared, and why.
func (s *Servent) Skipped() []error {
	if s.files.shared == nil {
		return nil
	}
	return s.files.shared.Skipped
}

// Fetch begins to download what hits have found, from all of them that have it. It
// ends in a Done of op, which no other command under way may have. The file gets its
// name when it is complete and, if its hash is known, verified. With an error nothing
// has begun.
func (s *Servent) Fetch(op spec.OpID, want gnutella.Found, hits []gnutella.Hit) error {
	piece, err := s.files.begin(op, want)
	if err != nil {
		return err
	}
	err = s.Do(servent.Fetch{Op: op, Piece: piece, Want: want, Hits: hits})
	if err != nil {
		if d, ok := s.files.end(op); ok {
			err = errors.Join(err, d.Discard())
		}
	}
	return err
}

// see names what was downloaded, and shows the application what happens.
func (s *Servent) see(now time.Duration, e spec.Effect) {
	if done, ok := e.(spec.Done); ok {
		if d, ok := s.files.end(done.Op); ok {
			e = d.done(done)
		}
	}
	if s.observe != nil {
		s.observe(now, e)
	}
}

// done keeps a download or discards it.
func (d *download) done(done spec.Done) spec.Done {
	result, ok := done.Result.(transfer.Downloaded)
	if done.Err != nil || !ok {
		done.Err = errors.Join(done.Err, d.Discard())
		return done
	}
	saved := Saved{Downloaded: result}
	saved.Name, done.Err = d.Keep(d.want.Name)
	if done.Result = saved; done.Err != nil {
		done.Result = nil
	}
	return done
}

// Close ends the servent at once, and removes what is not complete. A
// [gnutella.Shutdown] before it says Bye to the others.
func (s *Servent) Close() error {
	s.TCP.Close()
	return s.files.close()
}
