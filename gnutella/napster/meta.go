package napster

import (
	"net/netip"
	"strings"
)

// MaxMeta bounds the line of a meta server: the longest address and port, and the
// end of the line.
const MaxMeta = len("255.255.255.255:65535\r\n")

// AppendMeta appends what a meta server tells whoever connects, before it closes:
// the address of a server.
//
// NP-MS-01.
func AppendMeta(b []byte, server netip.AddrPort) []byte { return append(server.AppendTo(b), '\n') }

// ParseMeta reads the line of a meta server. The address has the family IPv4.
func ParseMeta(line string) (netip.AddrPort, error) {
	bare := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	a, err := netip.ParseAddrPort(bare)
	switch {
	case len(line) > MaxMeta || err != nil || !a.Addr().Is4():
		return netip.AddrPort{}, malformed(0, "meta server", "%.40q is no ip:port", line)
	case a.Port() == 0:
		return netip.AddrPort{}, malformed(0, "meta server", "%.40q has port 0: no server is free", line)
	}
	return a, nil
}
