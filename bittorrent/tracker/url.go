package tracker

import (
	"errors"
	"strconv"
	"strings"
)

// URL is a tracker's address, taken apart as far as its protocol needs it.
type URL struct {
	Scheme string // "http", "https" or "udp", in lower case
	Host   string // a name or an address, without brackets
	Port   uint16 // 0 where an http URL does not state it
	Path   string // from the slash behind the host, with the query; may be empty
}

var errURL = errors.New("tracker: not an http, https or udp URL with a host, and for udp with a port")

// maxURL bounds a tracker's URL in bytes: what common servers take.
const maxURL = 2048

// ParseURL takes a tracker's URL apart. A fragment and a user's name and
// password are refused, as they have no meaning to a tracker.
func ParseURL(s string) (URL, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	u := URL{Scheme: strings.ToLower(scheme)}
	if !ok || len(s) > maxURL || strings.ContainsFunc(s, isNotInURL) {
		return URL{}, errURL
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, u.Path = rest[:i], rest[i:]
	}
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		host, port = authority[:i], authority[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return URL{}, errURL
		}
		u.Port = uint16(n)
	}
	u.Host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	known := u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "udp" && u.Port != 0
	if !known || u.Host == "" || strings.Contains(u.Host, ":") != strings.HasPrefix(host, "[") {
		return URL{}, errURL
	}
	return u, nil
}

// isNotInURL refuses what would end a request line or an authority early.
func isNotInURL(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' || c == '@' || c == '\\' }

// AppendRequestURL appends the announce or scrape URL with a query joined to
// what the URL already has, such as a passkey. BEP03-TRK-003
func AppendRequestURL(b []byte, url string, query []byte) []byte {
	b = append(b, url...)
	switch {
	case len(query) == 0:
		return b
	case !strings.Contains(url, "?"):
		b = append(b, '?')
	case !strings.HasSuffix(url, "?") && !strings.HasSuffix(url, "&"):
		b = append(b, '&')
	}
	return append(b, query...)
}

// ScrapeURL returns the URL at which a tracker can be scraped: "announce"
// right behind the last slash becomes "scrape". Without it the tracker has no
// scrape, whatever its path looks like. BEP48-SCRAPE-001
func ScrapeURL(announce string) (scrape string, ok bool) {
	i := strings.LastIndexByte(announce, '/') + 1
	rest, ok := strings.CutPrefix(announce[i:], "announce")
	if i == 0 || !ok {
		return "", false
	}
	return announce[:i] + "scrape" + rest, true
}
