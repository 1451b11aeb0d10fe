package gnutella

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// httpPush judges what comes of a push.
var httpPush = []Case{
	{
		ID: "gnutella-http/push/dials-and-gives", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-02", "GN-PU-06"}, Role: conformance.Servent, Kind: conformance.Behaviour,
		Control: "a ping of TTL 1 on the link of the push is answered",
		Explain: "A push with the target's servent id, as its hit has told it, names an address. The target must " +
			"dial it, and " +
			"say GIV, the index, its servent id in 32 hexadecimal digits, and a name, with LF LF behind.",
		Causes: []string{"pushes are passed on, and never acted upon", "the id of the push is not compared as bytes",
			"the line ends in CR LF"},
		Kills: []string{
			"broadcasts-stray-pushes", "givs-end-in-cr-lf", "givs-have-another-id", "new-id-for-each-hit",
			"pushes-are-never-acted-upon", "routes-pushes-by-guid",
		},
		Run: func(t *T) {
			s, p := pushed(t)
			p.push(s.Servent, s.Index)
			g := p.gives()
			if g == nil {
				p.Control()
				t.Failf("the target does not dial and say GIV within %v of a push", CallWithin)
			}
			if g.ServentID != s.Servent {
				t.Mismatch("the servent id of the GIV", fmt.Sprintf("%x", g.ServentID), fmt.Sprintf("%x", s.Servent))
			}
			if g.Index != s.Index {
				t.Mismatch("the index of the GIV", fmt.Sprint(g.Index), fmt.Sprint(s.Index))
			}
			p.Control()
		},
	},
	{
		ID: "gnutella-http/push/serves-the-file", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-06", "GN-PU-10"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "On the stream of the GIV the file that was pushed is asked for, by index: it must come.",
		Causes:  []string{"the stream is not read after the GIV"},
		Kills:   []string{"deaf-behind-a-giv"},
		Run:     func(t *T) { givesFile(t, FileAlpha) },
	},
	{
		ID: "gnutella-http/push/serves-any-file", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-PU-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: served,
		Explain: "On the stream of a GIV for one file another is asked for: it must come as well.",
		Causes:  []string{"the stream is bound to the file of the push"},
		Kills:   []string{"deaf-behind-a-giv", "givs-are-for-one-file"},
		Run:     func(t *T) { givesFile(t, FileDelta) },
	},
	{
		ID: "gnutella-http/push/for-another-servent", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-PU-02"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "the target dials for a push with its own servent id, before and after",
		Explain: "A push with the servent id of nobody, to an address of its own: the target must not dial it.",
		Causes:  []string{"the servent id is not compared"},
		Within:  time.Minute,
		Kills:   []string{"pushes-are-for-anybody"},
		Run: func(t *T) {
			s, p := pushed(t)
			_, stranger := pushed(t)
			control := func() time.Duration {
				began := t.Now()
				p.push(s.Servent, s.Index)
				if p.gives() == nil {
					t.Inconclusivef("the target does not dial for a push with its own servent id")
				}
				t.Earn()
				return t.Now() - began
			}
			called := func() bool { return len(stranger.calls) > 0 }
			if !t.Silent(control, func() { stranger.push(NewGUID(t), s.Index) }, called) {
				t.Failf("the target dials for a push that is for another servent")
			}
		},
	},
}

// pusher is a peer with an address at which it is dialled because of its pushes.
type pusher struct {
	*Peer
	at    *conformance.Listener
	calls []*Web
	taken int
}

// pushed is a file of the target's, and a peer that may have it pushed.
func pushed(t *T) (*Share, *pusher) {
	s := Offered(t, FileAlpha)
	p := &pusher{Peer: Meet(t, Equal())}
	p.at = t.ListenAt(netip.AddrPortFrom(p.Local().Addr(), 0), func(c *conformance.Stream) {
		p.calls = append(p.calls, &Web{c, t})
	})
	p.Control()
	return s, p
}

func (p *pusher) push(servent wire.GUID, index uint32) {
	m := wire.Push{ServentID: servent, Index: index, Addr: p.at.Addr()}
	p.Send(wire.Descriptor{GUID: NewGUID(p.t), Type: wire.TypePush, TTL: 3, Payload: m.Append(nil)})
}

// next is the next call of the target, or nil.
func (p *pusher) next() *Web {
	if !p.t.Until(func() bool { return len(p.calls) > p.taken }, CallWithin) {
		return nil
	}
	p.taken++
	return p.calls[p.taken-1]
}

// gives is the GIV of the next call, or nil.
func (p *pusher) gives() *transfer.Giv {
	w := p.next()
	if w == nil {
		return nil
	}
	return w.giv()
}

func (w *Web) giv() (g *transfer.Giv) {
	w.t.Until(func() bool {
		b := w.Buffered()
		end := bytes.Index(b, []byte("\n\n"))
		if end < 0 {
			return w.Ended()
		}
		m, n, err := transfer.Codec{}.Decoder().Decode(b[:end+2])
		giv, ok := m.(transfer.Giv)
		if err != nil || !ok || n != end+2 || strings.Contains(giv.Name, "\r") {
			w.t.Failf("the target has dialled and says %.80q, which is no GIV", b)
		}
		w.Discard(n)
		g = &giv
		return true
	}, AnswerWithin)
	return g
}

// givesFile asks for a file on the stream of a GIV for the first.
func givesFile(t *T, name string) {
	_, p := pushed(t)
	asked := Offered(t, name)
	asked.Control()
	first := Offered(t, FileAlpha)
	p.push(first.Servent, first.Index)
	w := p.next()
	if w == nil || w.giv() == nil {
		t.Inconclusivef("the target does not dial and say GIV within %v of a push", CallWithin)
	}
	asked.Is(w.Ask("GET "+asked.Path()+" HTTP/1.1"), w, 200, 0, len(asked.Data))
}
