package transfer

import (
	"encoding/base32"
	"net/netip"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// proxyPrefix begins a request to pass a push on to a leaf.
const proxyPrefix = "/gnutella/push-proxy?"

// relay is a push that is to be passed on.
type relay struct {
	servent wire.GUID
	index   uint32
	to      netip.AddrPort
}

// relayOf reads who is to be pushed, and where he is to dial: "ServerId=" in base 32,
// perhaps "file=" and an index, and an address in X-Node. isRelay says that a target
// is a request of this kind, ok that it is well-formed.
//
// GN-VE-08.
func relayOf(r *Request) (p relay, isRelay, ok bool) {
	query, isRelay := strings.CutPrefix(path(r.Target), proxyPrefix)
	if !isRelay {
		return p, false, false
	}
	node, _ := r.Headers.Get("X-Node")
	to, err := netip.ParseAddrPort(strings.TrimSpace(node))
	host := to.Addr()
	if p.to = to; err != nil || !host.Is4() || to.Port() == 0 || host.IsUnspecified() || host.IsMulticast() {
		return p, true, false
	}
	for _, item := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(item, "=")
		switch strings.ToLower(key) {
		case "serverid":
			p.servent, ok = serventOf(unescape(value))
		case "file":
			n, isNumber := decimal(value, 1<<32-1)
			if p.index = uint32(n); !isNumber {
				return p, true, false
			}
		}
	}
	return p, true, ok
}

// serventOf reads a servent id in base 32, of either case and with padding or not.
func serventOf(text string) (id wire.GUID, ok bool) {
	digits := strings.TrimRight(strings.ToUpper(text), "=")
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(digits)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return wire.GUID(b), true
}

// wantRelay asks the application to pass a push on. The answer waits for that.
func (n *step) wantRelay(c *conn, a *ask) {
	c.phase, c.due, c.body = relaying, n.now+n.cfg.HeadTimeout, upload{last: a.last}
	n.notify(RelayWanted{c.id, a.relay.servent, a.relay.index, a.relay.to})
}

// relayed answers a request to pass a push on: 202 if it was, 410 if nobody of that
// id is there.
//
// GN-VE-08.
func (n *step) relayed(in Relayed) {
	c := n.find(in.Conn)
	if c == nil || c.phase != relaying {
		return
	}
	code := int32(codeGone)
	if in.OK {
		code = codeAccepted
	}
	last := c.body.last
	n.respond(c, ask{last: last}, code)
	n.answered(c, last)
}
