// Package napster drives the machines of package gnutella/napster: the server with
// the index, and a client, which also moves files from and to other clients.
package napster

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/napster"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/transport"
)

// ServerConfig says what serves, and where.
type ServerConfig struct {
	Listen netip.AddrPort // port 0 takes a free one
	Server napster.ServerConfig

	// Observe, if set, is shown every Notify, Done and Drop, as
	// [transport.TCPConfig] says.
	Observe func(now time.Duration, e spec.Effect)
}

const (
	// defaultLinks is how many streams a server takes that does not say.
	defaultLinks = 1024
	// closing leaves streams that are being closed room beside those that are used.
	closing = 64
	// serverQueue is what one client may leave in the server's queue, in bytes: the
	// longest browse, of 5000 files with names of a hundred bytes, twice.
	serverQueue = 2 << 20
)

// Serve binds a socket and starts a server. The error is about the configuration or
// the socket.
func Serve(cfg ServerConfig) (*transport.TCP, error) {
	machine, err := napster.NewServer(cfg.Server, 0)
	if err != nil {
		return nil, err
	}
	links := cfg.Server.MaxLinks
	if links == 0 {
		links = defaultLinks
	}
	tcp, err := transport.ListenTCP(cfg.Listen, transport.TCPConfig{
		Machine: machine, Codec: napster.Codec{}, Observe: cfg.Observe,
		MaxConns: links + closing, MaxSendQueue: serverQueue,
	})
	if err != nil {
		return nil, fmt.Errorf("napster: %w", err)
	}
	return tcp, nil
}
