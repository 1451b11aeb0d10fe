package gnutella

import (
	"net/netip"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/servent"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

// portCommand is one of those of the overlay, or a Fetch.
func portCommand(op spec.OpID, which byte) spec.Input {
	switch which % 5 {
	case 0:
		return gnutella.Connect{Op: op, Addrs: []netip.AddrPort{someAddr(which)}}
	case 1:
		return gnutella.Search{Op: op, Text: "alpha"}
	case 2:
		return gnutella.Push{Op: op, ServentID: wire.GUID{which & 3}}
	case 3:
		return gnutella.Shutdown{Op: op}
	}
	found := gnutella.Found{Index: 1, Size: 5, Name: "x", SHA1: urn.SHA1{1}}
	hit := gnutella.Hit{
		Addr: someAddr(which), ServentID: wire.GUID{3}, Push: which&8 > 0, Results: []gnutella.Found{found},
	}
	return servent.Fetch{Op: op, Piece: 5, Want: found, Hits: []gnutella.Hit{hit}}
}

// FuzzPort: the same for both protocols on one port.
func FuzzPort(f *testing.F) {
	for _, s := range transferScripts() {
		f.Add(s)
	}
	push := (&wire.Push{ServentID: wire.GUID{1}, Addr: someAddr(1)}).Append(nil)
	descriptor, err := (&wire.Descriptor{Type: wire.TypePush, TTL: 3, Payload: push}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(script([]byte{stepAccept}, saying(128, "GNUTELLA CONNECT/0.6\r\n\r\n"),
		saying(128, "GNUTELLA/0.6 200 OK\r\n\r\n"),
		saying(128, string(descriptor)), saying(128, fuzzedGet), []byte{stepWake}))
	f.Add(script([]byte{stepCommand, 0, stepAnswer, 0}, saying(1, "GNUTELLA/0.6 200 OK\r\n\r\n"),
		[]byte{stepCommand, 1, stepCommand, 4, stepCommand, 14, stepWake, stepCommand, 3}))
	f.Add(script([]byte{stepCommand, 0, stepAnswer, 0}, saying(1, "HTTP/1.1 200 OK\r\n\r\n"),
		[]byte{stepOffer, 1, stepAnswer, 0},
		saying(2, "GNUTELLA/0.6 200 OK\r\n\r\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		lib, err := gnutella.NewLibrary([]gnutella.File{{Index: 1, Size: 100, Name: "alpha", SHA1: urn.SHA1{1}}})
		if err != nil {
			t.Fatal(err)
		}
		cfg := servent.Config{
			Node: gnutella.Config{
				Mode: gnutella.Mode(len(b) % 3), Addr: someAddr(99), Library: lib, Peers: 3, Handshakes: 3, MaxSeen: 30,
				QRPSlots: 64, QueueBytes: 1024,
			},
			Transfer: transfer.Config{Uploads: 1, Queue: 2, Conns: 4, Downloads: 2, Sources: 3, Block: 64},
		}
		n, err := servent.New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		p := &player{Script: check.NewScript(t, b), codec: servent.Codec{}, streams: map[spec.Conn]*reader{}}
		p.Machine, p.MaxEffects, p.command = n, cfg.MaxEffects(), portCommand
		p.Play(p.step)
		p.Drain(p.see)
	})
}
