package torrent

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/mse"
)

// encryption is the layer that a policy puts around streams, as
// transport.TCPConfig.Wrap has it.
type encryption struct {
	policy mse.Policy
	skey   mse.SKEY
	bind   netip.Addr // of the connection that a retry takes
}

// handshake is either role of package mse.
type handshake interface {
	Receive(b, out []byte) (rest, sent []byte, err error)
	Done() bool
	Result() mse.Result
}

// Encryption is the layer that a policy puts around the streams of a torrent,
// as transport.TCPConfig.Wrap has it. A retry in plaintext is dialled from bind,
// or as the system likes when that is the zero value.
func Encryption(
	policy mse.Policy, infoHash [20]byte, bind netip.Addr,
) func(ctx context.Context, conn net.Conn, outbound bool) (net.Conn, error) {
	return (&encryption{policy: policy, skey: infoHash, bind: bind}).wrap
}

// wrap agrees on the encryption of a new connection. Where that fails and the
// policy allows it, an outbound connection is replaced by a plain one.
func (e *encryption) wrap(ctx context.Context, conn net.Conn, outbound bool) (net.Conn, error) {
	provide := e.policy.Provide()
	if outbound && provide == 0 || !outbound && e.policy == mse.Disabled {
		return conn, nil
	}
	private, pad, err := secrets()
	if err != nil {
		return nil, err
	}
	if !outbound {
		h, err := mse.NewResponder(mse.ResponderConfig{
			Private: private, Pad: pad, SKEYs: []mse.SKEY{e.skey},
			Accept: e.policy.Accept(), Open: e.policy.Open(),
		})
		if err != nil {
			return nil, err
		}
		return shake(ctx, conn, h, nil)
	}
	h, err := mse.NewInitiator(mse.InitiatorConfig{
		Private: private, Pad: pad, SKEY: e.skey, Provide: provide,
	})
	if err != nil {
		return nil, err
	}
	wrapped, err := shake(ctx, conn, h, h.Start(nil))
	if err == nil || !e.policy.Retry() {
		return wrapped, err
	}
	_ = conn.Close()            // the retry begins anew: MSE-HS-015
	remote := conn.RemoteAddr() // as it was dialled
	d := net.Dialer{}
	if e.bind.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(e.bind, 0))
	}
	return d.DialContext(ctx, "tcp", remote.String())
}

// shake plays a handshake over a connection, beginning with out.
func shake(ctx context.Context, conn net.Conn, h handshake, out []byte) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	b := make([]byte, 1<<10)
	for {
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return nil, err
			}
		}
		if h.Done() {
			break
		}
		n, err := conn.Read(b)
		if err != nil {
			return nil, fmt.Errorf("torrent: during the encryption handshake: %w", err)
		}
		var rest []byte
		if rest, out, err = h.Receive(b[:n], out[:0]); err != nil {
			return nil, err
		}
		if h.Done() {
			b = rest
		}
	}
	if !stop() {
		return nil, ctx.Err() // its deadlines are set
	}
	r := h.Result()
	r.Receive.XOR(b, b)
	return &encrypted{Conn: conn, read: append(r.Payload, b...), in: r.Receive, out: r.Send}, nil
}

// secrets draws a private key and a pad.
func secrets() (private [mse.PrivateSize]byte, pad []byte, err error) {
	var b [mse.PrivateSize + 2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return private, nil, err
	}
	copy(private[:], b[:])
	private[0] |= 0x80 // never zero, and never short
	pad = make([]byte, binary.BigEndian.Uint16(b[mse.PrivateSize:])%(mse.MaxPad+1))
	_, err = rand.Read(pad)
	return private, pad, err
}

// encrypted is a connection behind an encryption handshake. The payload may be
// plain.
type encrypted struct {
	net.Conn
	read    []byte // deciphered, and not yet read
	in, out mse.Cipher
	scratch []byte
}

// Read deciphers what arrives, in b.
func (c *encrypted) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		if c.read = c.read[n:]; len(c.read) == 0 {
			c.read = nil
		}
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if c.in.Active() {
		c.in.XOR(b[:n], b[:n])
	}
	return n, err
}

// Write sends b enciphered, and leaves it as it is.
func (c *encrypted) Write(b []byte) (int, error) {
	if !c.out.Active() {
		return c.Conn.Write(b)
	}
	if cap(c.scratch) < len(b) {
		c.scratch = make([]byte, len(b))
	}
	c.out.XOR(c.scratch[:len(b)], b)
	return c.Conn.Write(c.scratch[:len(b)])
}

// CloseWrite ends this direction.
func (c *encrypted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}
