package servent

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

func addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 6346)
}

func contractConfig(seed uint64) Config {
	cfg := Config{
		Node: gnutella.Config{
			Mode: gnutella.Mode(seed % 3), Addr: addr(99), Peers: 5, Handshakes: 4, MaxSeen: 40, MaxHosts: 6, MaxPongs: 4,
			QRPSlots: 64, QueueBytes: 1024,
		},
		Transfer: transfer.Config{Uploads: 2, Queue: 2, Conns: 6, Downloads: 3, Sources: 4, Block: 16},
	}
	binary.BigEndian.PutUint64(cfg.Node.Seed[:], seed)
	return cfg
}

func contractNew(seed uint64, now time.Duration) spec.Machine {
	cfg := contractConfig(seed)
	l, err := gnutella.NewLibrary([]gnutella.File{{Index: 1, Size: 40, Name: "alpha bravo.txt", SHA1: urn.SHA1{1}}})
	if err != nil {
		panic(err)
	}
	cfg.Node.Library = l
	n, err := New(cfg, now)
	if err != nil {
		panic(err)
	}
	return n
}

func TestContract(t *testing.T) {
	bound := contractConfig(2)
	const own = "its own contract test holds it to this"
	parts := map[string]string{"overlay": own, "files": own, "now": "instants are relative to it"}
	check.Run(t, check.Subject{
		New: contractNew, Input: contractInput, StreamCodec: Codec{},
		MaxEffects: func(spec.Input) int { return bound.MaxEffects() },
		Seeds:      12, Steps: 500, MaxGap: 5 * time.Second, Golden: "testdata/contract.golden",
		NotState: parts, Shared: map[string]string{"overlay": own, "files": own},
	})
}

// contractInput plays the application, and hosts that want this or that.
func contractInput(g *check.Gen) spec.Input {
	if g.Op%5 == 0 {
		return spec.Opened{Conn: -spec.Conn(g.Op / 5), Remote: addr(20 + int(g.Below(20)))}
	}
	if g.Below(2) == 0 {
		for i := len(g.Asked) - 1; i >= 0; i-- {
			if in := contractAnswer(g, g.Asked[i]); in != nil && g.Below(3) > 0 {
				return in
			}
		}
	}
	switch g.Below(20) {
	case 0, 1:
		return gnutella.Connect{Op: g.Op, Addrs: []netip.AddrPort{addr(int(g.Below(9)))}}
	case 2:
		return gnutella.Search{Op: g.Op, Text: "alpha"}
	case 3:
		return gnutella.Push{Op: g.Op, ServentID: wire.GUID{byte(g.Below(4))}}
	case 4, 5:
		return contractFetch(g)
	case 6:
		return transfer.Cancel{Op: g.Op, Task: g.Op - spec.OpID(g.Below(20))}
	case 7:
		return spec.Drained{Conn: contractConn(g)}
	case 8:
		return spec.Closed{Conn: contractConn(g)}
	case 9:
		return transfer.Offer{Op: g.Op, To: addr(3), Index: 1, Name: "alpha bravo.txt"}
	}
	return spec.Got{Conn: contractConn(g), Msg: contractMessage(g)}
}

func contractFetch(g *check.Gen) Fetch {
	f := Fetch{
		Op: g.Op, Piece: int32(1 + g.Below(6)),
		Want: gnutella.Found{Size: 30, Name: "x", SHA1: urn.SHA1{byte(g.Below(2)) * 7}},
	}
	for range 1 + g.Below(3) {
		r := gnutella.Found{Index: 4, Size: 30, Name: []string{"x", "y"}[g.Below(2)], SHA1: urn.SHA1{byte(g.Below(2)) * 7}}
		f.Hits = append(f.Hits, gnutella.Hit{
			Addr: addr(40 + int(g.Below(9))), ServentID: wire.GUID{byte(g.Below(4))}, Push: g.Below(2) == 0,
			Results: []gnutella.Found{r},
		})
	}
	return f
}

// contractConn is one that was accepted lately, or one of the first dialled.
func contractConn(g *check.Gen) spec.Conn {
	if g.Below(8) == 0 {
		return 1 + spec.Conn(g.Below(40))
	}
	return -1 - spec.Conn(g.Op/5) + spec.Conn(g.Below(8))
}

func contractAnswer(g *check.Gen, asked spec.Effect) spec.Input {
	switch e := asked.(type) {
	case spec.Dial:
		if g.Below(6) == 0 {
			return spec.Closed{Conn: e.Conn, Err: errors.New("refused")}
		}
		return spec.Opened{Conn: e.Conn, Remote: e.To}
	case spec.Load:
		return spec.Loaded{Token: e.Token, Data: make([]byte, e.Length)}
	case spec.Store:
		return spec.Stored{Token: e.Token}
	case spec.Verify:
		return spec.Verified{Token: e.Token, OK: g.Below(2) == 0}
	case spec.Write:
		switch m := e.Msg.(type) {
		case wire.Connect:
			return spec.Got{Conn: e.Conn, Msg: wire.Status{Code: wire.Accepted, Old: m.Version.Old()}}
		case wire.Status:
			return spec.Got{Conn: e.Conn, Msg: wire.Status{Code: wire.Accepted}}
		case transfer.Request:
			if g.Below(3) == 0 {
				return spec.Got{Conn: e.Conn, Msg: transfer.Body{Data: make([]byte, 10+10*g.Below(3))}}
			}
			return spec.Got{Conn: e.Conn, Msg: transfer.Response{Minor: 1, Code: 200}}
		case transfer.Giv, transfer.Body:
			return spec.Drained{Conn: e.Conn}
		}
	}
	return nil
}

func contractMessage(g *check.Gen) spec.Message {
	d := wire.Descriptor{GUID: wire.GUID{byte(g.Op)}, TTL: 1}
	switch g.Below(9) {
	case 0, 1:
		return wire.Connect{Version: wire.V06(), Headers: wire.Headers{{Name: "X-Ultrapeer", Value: "True"}}}
	case 2:
		d.Type = wire.TypePing
		return d
	case 3: // a hit of nobody's query that says where a servent is, and a push for this one
		p := wire.Push{ServentID: wire.GUID{byte(g.Below(4))}, Addr: addr(1), Index: 1}
		d.Type, d.Payload = wire.TypePush, p.Append(nil)
		return d
	case 4:
		return transfer.Giv{Index: 1, ServentID: wire.GUID{byte(g.Below(4))}}
	case 5:
		return transfer.Response{Minor: 1, Code: 404}
	case 6:
		return transfer.Request{Method: "GET", Target: "/etc/passwd/..", Minor: 1}
	}
	return transfer.Request{Method: "GET", Target: "/get/1/alpha bravo.txt", Minor: uint8(g.Below(2))}
}
