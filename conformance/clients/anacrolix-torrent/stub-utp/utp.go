// Package utp has the names that anacrolix/torrent imports of its uTP module,
// which the module proxy does not have, and makes no socket: for clients with
// ClientConfig.DisableUTP.
package utp

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// Default is an implementation.
const Default = "none"

var errNone = errors.New("utp: there is none")

// FirewallCallback decides about inbound connections.
type FirewallCallback func(net.Addr) bool

// Option configures a socket.
type Option func()

// WithLogger has no effect.
func WithLogger(*slog.Logger) Option { return func() {} }

// Socket is never made.
type Socket interface {
	net.PacketConn
	Accept() (net.Conn, error)
	Addr() net.Addr
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	SetFirewallCallback(FirewallCallback)
}

// NewSocket fails.
func NewSocket(network, addr string, opts ...Option) (Socket, error) { return nil, errNone }

// NewSocketFromPacketConn fails.
func NewSocketFromPacketConn(net.PacketConn, ...Option) (Socket, error) { return nil, errNone }
