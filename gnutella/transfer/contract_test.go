package transfer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/check"
)

func addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(113 + i>>8), byte(i)}), 6346)
}

// contractConfig is small, so that every limit is reached.
func contractConfig(seed uint64) Config {
	return Config{
		Files: []File{
			{Index: 1, Size: 100, Name: "alpha one.txt", SHA1: urn.SHA1{1}}, {Index: 7, Size: 9, Name: "no hash"},
			{Index: 3, Name: "empty", SHA1: urn.SHA1{3}},
		},
		Addr: addr(99), ServentID: wire.GUID{9, byte(seed)}, Uploads: 1, Queue: 2, Conns: 8, Downloads: 3,
		Sources: 4, Alternates: 3, Block: 16, Window: 1 + int(seed%3)*20, HeadTimeout: 20 * time.Second,
	}
}

func contractNew(seed uint64, now time.Duration) spec.Machine {
	n, err := New(contractConfig(seed), now)
	if err != nil {
		panic(err)
	}
	return n
}

func TestContract(t *testing.T) {
	bound := contractConfig(0)
	check.Run(t, check.Subject{
		New: contractNew, Input: contractInput, StreamCodec: Codec{},
		MaxEffects: func(spec.Input) int { return bound.MaxEffects() },
		Seeds:      16, Steps: 600, MaxGap: 3 * time.Second, Golden: "testdata/contract.golden",
		NotState: map[string]string{"cfg": "it never changes", "now": "instants are relative to it"},
		Shared:   map[string]string{"cfg": "it never changes"},
	})
}

// contractInput plays the application, the storage, and hosts of which some are
// honest.
func contractInput(g *check.Gen) spec.Input {
	if g.Below(2) == 0 {
		if in := contractAnswer(g, contractAsked(g)); in != nil {
			return in
		}
	}
	if g.Op%4 == 0 {
		return spec.Opened{Conn: -spec.Conn(g.Op / 4), Remote: addr(20 + int(g.Below(20)))}
	}
	if g.Op/100%2 == 0 {
		return contractServe(g)
	}
	switch g.Below(16) {
	case 0, 1:
		return contractDownload(g)
	case 2:
		return Cancel{Op: g.Op, Task: g.Op - spec.OpID(g.Below(20))}
	case 3:
		return NoPush{wire.GUID{byte(g.Below(4))}}
	case 4:
		return spec.Got{Conn: contractConn(g), Msg: Giv{uint32(g.Below(9)), wire.GUID{byte(g.Below(4))}, "x"}}
	case 5:
		return spec.Closed{Conn: contractConn(g)}
	}
	for i := len(g.Asked) - 1; i >= 0; i-- {
		w, ok := g.Asked[i].(spec.Write)
		if _, asks := w.Msg.(Request); ok && asks && g.Below(4) > 0 {
			return spec.Got{Conn: w.Conn, Msg: Body{make([]byte, 1+g.Below(60))}}
		}
	}
	return spec.Wake{}
}

// contractServe is what those do who ask.
func contractServe(g *check.Gen) spec.Input {
	switch g.Below(10) {
	case 0:
		return Offer{Op: g.Op, To: addr(int(g.Below(9))), Index: uint32(g.Below(5)),
			Name: []string{"alpha one.txt", "", "a\nb"}[g.Below(3)]}
	case 1, 2:
		return Relayed{Conn: contractConn(g), OK: g.Below(2) == 0}
	case 4:
		return spec.Drained{Conn: contractConn(g)}
	case 5:
		if g.Below(3) == 0 {
			return spec.Closed{Conn: contractConn(g)}
		}
	}
	return spec.Got{Conn: contractConn(g), Msg: contractRequest(g)}
}

// contractAsked is what is to be answered: mostly the latest.
func contractAsked(g *check.Gen) spec.Effect {
	for i := len(g.Asked) - 1; i >= 0; i-- {
		if _, ok := g.Asked[i].(spec.Close); !ok && g.Below(3) > 0 {
			return g.Asked[i]
		}
	}
	return nil
}

func contractDownload(g *check.Gen) spec.Input {
	d := Download{
		Op: g.Op, Piece: int32(g.Below(9)), SHA1: urn.SHA1{byte(g.Below(2)) * 5},
		Size: []uint32{0, 100, 100, 100, MaxSize + 1}[g.Below(5)],
	}
	if g.Below(5) == 0 {
		d.Have = uint32(g.Below(101))
	}
	for range g.Below(5) {
		d.Sources = append(d.Sources, Source{
			Addr: addr(int(g.Below(9))), Index: uint32(g.Below(9)), Name: []string{"a b", "", "c"}[g.Below(3)],
			ServentID: wire.GUID{byte(g.Below(4))}, Push: g.Below(3) == 0,
		})
	}
	return d
}

// contractConn is one that was accepted lately, or the first that was dialled.
func contractConn(g *check.Gen) spec.Conn {
	if g.Below(16) == 0 {
		return 1
	}
	return -1 - spec.Conn(g.Op/4) + spec.Conn(g.Below(6))
}

func contractAnswer(g *check.Gen, asked spec.Effect) spec.Input {
	failed := error(nil)
	if g.Below(12) == 0 {
		failed = errors.New("broken")
	}
	switch e := asked.(type) {
	case spec.Dial:
		if g.Below(5) == 0 {
			return spec.Closed{Conn: e.Conn, Err: errors.New("refused")}
		}
		return spec.Opened{Conn: e.Conn, Remote: e.To}
	case spec.Load:
		return spec.Loaded{Token: e.Token, Data: make([]byte, e.Length), Err: failed}
	case spec.Store:
		return spec.Stored{Token: e.Token, Err: failed}
	case spec.Verify:
		return spec.Verified{Token: e.Token, OK: g.Below(2) == 0, Err: failed}
	case spec.Write:
		switch m := e.Msg.(type) {
		case Request:
			return spec.Got{Conn: e.Conn, Msg: contractResponse(g, m)}
		case Giv:
			return spec.Got{Conn: e.Conn, Msg: contractRequest(g)}
		case Body:
			return spec.Drained{Conn: e.Conn}
		case Response:
			if m.Code == codeBusy {
				return spec.Got{Conn: e.Conn, Msg: contractRequest(g)}
			}
		}
	}
	return nil
}

func contractRequest(g *check.Gen) Request {
	if g.Below(3) > 0 {
		return Request{Method: "GET", Target: "/get/1/alpha one.txt", Minor: 1,
			Headers: wire.Headers{{Name: "X-Queue", Value: "0.1"}}}
	}
	r := Request{
		Method: []string{"GET", "GET", "GET", "GET", "HEAD", "POST"}[g.Below(6)], Minor: uint8(min(1, g.Below(5))),
		Target: []string{
			"/get/1/alpha one.txt", "/get/1/alpha%20one.txt", "/get/7/no hash", "/uri-res/N2R?" + urn.SHA1{1}.String(),
			"/get/3/empty", "/get/1/../../etc/passwd", "/get/9/x", "/", "http://a/get/7/no%20hash",
			"/gnutella/push-proxy?ServerId=AEBAGBAFAYDQQCIKBMGA2DQPCA&file=3", "/gnutella/push-proxy?ServerId=1",
		}[g.Below(11)],
	}
	for _, h := range []wire.Header{
		{Name: "Range", Value: fmt.Sprintf("bytes=%d-", g.Below(150))}, {Name: "Range", Value: "bytes=-5"},
		{Name: "X-Queue", Value: "0.1"}, {Name: "X-Queue", Value: "0.1"}, {Name: "X-Nonsense", Value: "1"},
		{Name: "Connection", Value: []string{"close", "Keep-Alive"}[g.Below(2)]},
		{Name: contentHeader, Value: urn.SHA1{byte(1 + g.Below(2))}.String()},
		{Name: "X-Node", Value: addr(int(g.Below(60))).String()},
		{Name: shortHeader, Value: addr(int(g.Below(60))).String()}, contractLocations(g),
	} {
		if g.Below(3) == 0 {
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}

func contractLocations(g *check.Gen) wire.Header {
	url := "http://" + addr(int(g.Below(60))).String() + "/uri-res/N2R?"
	value := url + urn.SHA1{1}.String() + " 2002-04-30, " + url + urn.SHA1{5}.String()
	return wire.Header{Name: locationHeader, Value: value}
}

// contractResponse mostly answers what was asked.
func contractResponse(g *check.Gen, m Request) Response {
	r := Response{Minor: uint8(min(1, g.Below(6))), Code: codeOK, Headers: wire.Headers{contractLocations(g)}}
	begin := 0
	if text, ranged := m.Headers.Get("Range"); ranged {
		r.Code = codePartial
		fmt.Sscanf(text, "bytes=%d-", &begin)
	}
	end := []int{100, 100, min(begin+20, 100)}[g.Below(3)]
	if r.Code == codePartial {
		r.Headers = append(r.Headers, wire.Header{Name: "Content-Range", Value: fmt.Sprintf("bytes "+
			"%d-%d/*", begin, end-1)})
	}
	switch g.Below(12) {
	case 0, 1:
		r.Code = codeBusy
		r.Headers = append(r.Headers, wire.Header{Name: "X-Queue", Value: "position=1,pollMin=20,pollMax=90"})
	case 2:
		r.Code = codeBusy
		r.Headers = append(r.Headers, wire.Header{Name: "Retry-After", Value: "90"})
	case 3:
		r.Code = []int32{100, 404, 500, 302}[g.Below(4)]
	case 4:
		r.Headers = append(r.Headers, wire.Header{Name: contentHeader, Value: urn.SHA1{8}.String()})
	}
	if g.Below(4) > 0 {
		r.Headers = append(r.Headers, wire.Header{Name: "Content-Length", Value: strconv.Itoa(end - begin)})
	}
	return r
}
