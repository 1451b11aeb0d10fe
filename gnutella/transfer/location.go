package transfer

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// The headers of HUGE, and the short form that later servents use.
const (
	contentHeader  = "X-Gnutella-Content-URN"
	locationHeader = "X-Gnutella-Alternate-Location"
	shortHeader    = "X-Alt"
)

// locationsIn lists who else has a file, by what headers say. Only addresses that
// are numbers are taken, and only locations that name the file by its content: who
// cannot serve it by that is of no use to others. What follows a location, such as
// a date, is ignored, and so is what cannot be read, or is beyond the reach of the
// one who says so.
//
// GN-PU-23, GN-PG-15.
func locationsIn(h wire.Headers, sha1 urn.SHA1, by netip.Addr) (list []netip.AddrPort) {
	long, _ := h.Get(locationHeader)
	for _, text := range strings.Split(long, ",") {
		word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		host, isURL := cutPrefixFold(word, "http://")
		at := strings.IndexByte(host, '/')
		if !isURL || at < 0 {
			continue
		}
		if t, ok, _ := parseTarget(host[at:]); !ok || !t.byHash || t.sha1 != sha1 {
			continue
		}
		list = appendLocation(list, host[:at], httpPort)
	}
	short, _ := h.Get(shortHeader)
	for _, text := range strings.Split(short, ",") {
		list = appendLocation(list, strings.TrimSpace(text), gnutellaPort)
	}
	return slices.DeleteFunc(list, func(a netip.AddrPort) bool { return isBeyond(by, a.Addr()) })
}

// isBeyond says whether an address is in a private network and another host is not:
// it could not use that address, and cannot know it.
//
// GN-PG-15.
func isBeyond(host, a netip.Addr) bool { return private(a) && !private(host) }

func private(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }

// The ports of locations that name none: of a URL, and of the short form.
const (
	httpPort     = 80
	gnutellaPort = 6346
)

func appendLocation(list []netip.AddrPort, text string, port uint16) []netip.AddrPort {
	a, err := netip.ParseAddrPort(text)
	if ip, noPort := netip.ParseAddr(text); noPort == nil {
		a, err = netip.AddrPortFrom(ip, port), nil
	}
	if err != nil || !a.Addr().Is4() || a.Port() == 0 || a.Addr().IsUnspecified() {
		return list
	}
	return append(list, a)
}

// locationsText is a header's value: the latest locations, but those of the one who
// is told, or beyond his reach.
func locationsText(sha1 urn.SHA1, list []netip.AddrPort, to netip.Addr) string {
	var told []string
	for _, a := range slices.Backward(list) {
		if a.Addr() != to && !isBeyond(to, a.Addr()) && len(told) < maxTold {
			told = append(told, "http://"+a.String()+n2rPrefix+sha1.String())
		}
	}
	return strings.Join(told, ", ")
}

// learn remembers the locations of a shared file that a request of a host names.
func (n *Node) learn(place int32, h wire.Headers, by netip.Addr) {
	sha1 := n.cfg.Files[place].SHA1
	if sha1 == (urn.SHA1{}) {
		return
	}
	list := n.locations[place]
	for _, a := range locationsIn(h, sha1, by) {
		if a == n.cfg.Addr {
			continue
		}
		list = slices.DeleteFunc(list, func(o netip.AddrPort) bool { return o == a })
		list = append(list[max(0, len(list)-n.cfg.Alternates+1):], a)
	}
	n.locations[place] = list
}
