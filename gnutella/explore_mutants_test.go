package gnutella

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/explore"
)

// flaw is what a mutant does wrong.
type flaw string

const (
	forgetful  flaw = "forgets the queries that it has seen"
	latestWay  flaw = "answers by the way that a duplicate came"
	answersAll flaw = "answers duplicates"
	echoes     flaw = "floods to the sender, too"
	floodsHits flaw = "floods hits"
	floodsPush flaw = "floods pushes"
	keepsTTL   flaw = "does not count down the TTL"
	takesAll   flaw = "takes the hits of others for its own"
	panics     flaw = "forgets all routes when a stream ends"
	losesPush  flaw = "remembers no servents"
	staysHome  flaw = "passes on no query"
)

// bent steps the servent as one of the flaw does.
func (b *bare) bent(now time.Duration, in spec.Input) []spec.Effect {
	got, _ := in.(spec.Got)
	d, _ := got.Msg.(wire.Descriptor)
	key := seenKey{d.Type, d.GUID}
	isQuery := d.Type == wire.TypeQuery && got.Msg != nil
	_, seen := b.seen.find(key)
	switch {
	case b.flaw == forgetful && isQuery:
		b.seen = newRoutes(b.cfg.Seed)
	case b.flaw == latestWay && isQuery && seen:
		b.seen.put(key, got.Conn, b.cfg.MaxSeen)
	}
	out := b.Node.Step(now, in, nil)
	switch _, closed := in.(spec.Closed); {
	case b.flaw == panics && closed:
		b.seen = newRoutes(b.cfg.Seed)
	case b.flaw == losesPush:
		b.servents = newRoutes(b.cfg.Seed)
	case b.flaw == answersAll && isQuery && seen:
		out = append(out, b.Clone().(*bare).answerTo(got, d)...)
	case b.flaw == takesAll && d.Type == wire.TypeQueryHit:
		h, _ := wire.ParseQueryHit(d.Payload)
		out = append(out, spec.Notify{Event: hitEvent(&d, &h)})
	}
	return b.bentEffects(got, d, out)
}

// answerTo is what the servent would answer if it had not seen the query.
func (b *bare) answerTo(got spec.Got, d wire.Descriptor) []spec.Effect {
	b.seen = newRoutes(b.cfg.Seed)
	return slices.DeleteFunc(b.Node.Step(0, got, nil), func(e spec.Effect) bool {
		w, _ := e.(spec.Write)
		m, ok := w.Msg.(wire.Descriptor)
		return !ok || m.Type != wire.TypeQueryHit
	})
}

func (b *bare) bentEffects(got spec.Got, d wire.Descriptor, out []spec.Effect) (bent []spec.Effect) {
	floods := map[flaw]wire.Type{floodsHits: wire.TypeQueryHit, floodsPush: wire.TypePush}
	for _, e := range out {
		w, ok := e.(spec.Write)
		m, isDescriptor := w.Msg.(wire.Descriptor)
		relayed := ok && isDescriptor && m.Type == d.Type && m.GUID == d.GUID && got.Msg != nil
		typ, isFlood := floods[b.flaw]
		switch {
		case !relayed:
		case isFlood && m.Type == typ:
			for _, l := range b.links {
				if l.conn != got.Conn && l.conn != w.Conn {
					bent = append(bent, spec.Write{Conn: l.conn, Msg: m})
				}
			}
		case b.flaw == echoes && m.Type == wire.TypeQuery:
			bent = append(bent, spec.Write{Conn: got.Conn, Msg: m})
		case b.flaw == keepsTTL:
			m.TTL = d.TTL
			e = spec.Write{Conn: w.Conn, Msg: m}
		case b.flaw == staysHome && m.Type == wire.TypeQuery:
			continue
		}
		bent = append(bent, e)
	}
	return bent
}

// Each mutant breaks a property, the one that is named.
func TestExploreCatchesMutants(t *testing.T) {
	flood := scope{nodes: 3, links: triangle(), origins: []int{0}, ttl: 7}
	push := scope{nodes: 4, links: line(), origins: []int{0}, push: true, ttl: 7}
	cut := scope{nodes: 4, links: square(), origins: []int{0}, cuts: 1, ttl: 7}
	far := scope{nodes: 4, links: append(line(), [2]int{1, 3}), origins: []int{0}, ttl: 7}
	star := scope{nodes: 4, links: [][2]int{{0, 1}, {1, 2}, {1, 3}}, origins: []int{0}, push: true, ttl: 7}
	for _, c := range []struct {
		flaw  flaw
		scope scope
		want  string
	}{
		{forgetful, flood, "a query visits once"},
		{latestWay, cut, "hits come back"},
		{answersAll, flood, "hits reach the origin alone"},
		{echoes, flood, "nothing goes back"},
		{floodsHits, far, "hits and pushes have one way"},
		{floodsPush, star, "hits and pushes have one way"},
		{keepsTTL, flood, "TTL and hops do not rise"},
		{takesAll, push, "hits reach the origin alone"},
		{panics, cut, "a query visits once"},
		{losesPush, push, "a push arrives"},
		{staysHome, push, "a query visits all"},
	} {
		c.scope.flaw = c.flaw
		r, err := explore.Run(c.scope.config(t))
		t.Logf("%s: %v", c.flaw, r)
		var v *explore.Violation
		require.ErrorAs(t, err, &v, string(c.flaw))
		require.Equal(t, c.want, v.Name, string(c.flaw))
	}
}
