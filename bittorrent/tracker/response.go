package tracker

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

const (
	// MaxResponse bounds what is read of a response in bytes: several thousand
	// peers in the List form.
	MaxResponse = 1 << 20

	// maxText bounds a failure reason or a warning that is kept, in bytes.
	maxText = 1024

	// maxInterval bounds the intervals that are believed: a peer that stayed
	// away for longer than a day would be forgotten everywhere.
	maxInterval = 24 * time.Hour

	// maxNesting is one more than a response needs.
	maxNesting = 8
)

// Sizes of a compact entry.
const (
	compact4 = 4 + 2
	compact6 = 16 + 2
)

// AppendAnnounceResponse appends an announce response with its peers in the
// given form; AnyForm is Compact. The compact form leaves out peers that are
// known by name alone, and all ids. With withoutID the list form has no ids
// either.
//
// BEP03-TRK-013, BEP03-TRK-014, BEP03-TRK-016, BEP07-TRK-004,
// BEP23-COMPACT-001, BEP24-EXTIP-001, BEP31-RETRY-001
func AppendAnnounceResponse(b []byte, r AnnounceResponse, form Form, withoutID bool) []byte {
	b = append(b, 'd')
	if r.Failure != "" {
		return append(appendFailure(b, r.Failure, r.RetryIn), 'e')
	}
	if r.Complete >= 0 {
		b = appendIntKey(b, "complete", r.Complete)
	}
	if r.ExternalIP.IsValid() {
		b = bencode.AppendString(b, "external ip")
		b = bencode.AppendBytes(b, r.ExternalIP.Unmap().AsSlice())
	}
	if r.Incomplete >= 0 {
		b = appendIntKey(b, "incomplete", r.Incomplete)
	}
	if r.Interval > 0 {
		b = appendIntKey(b, "interval", int64(r.Interval/time.Second))
	}
	if r.MinInterval > 0 {
		b = appendIntKey(b, "min interval", int64(r.MinInterval/time.Second))
	}
	if form == List {
		b = appendPeerList(bencode.AppendString(b, "peers"), r.Peers, withoutID)
	} else {
		b = appendCompactPeers(b, r.Peers)
	}
	if r.TrackerID != "" {
		b = bencode.AppendString(bencode.AppendString(b, "tracker id"), r.TrackerID)
	}
	if r.Warning != "" {
		b = bencode.AppendString(bencode.AppendString(b, "warning message"), r.Warning)
	}
	return append(b, 'e')
}

// ParseAnnounceResponse reads an announce response of either form. The error
// is a *[ParseError] or a *[bencode.SyntaxError]. Nothing in the result
// borrows from b.
//
// Deployed trackers are sloppy: keys out of order and bytes behind the
// dictionary, such as a line feed, are read over; every key but peers may be
// missing or of a wrong type, which counts as not told; entries of a list that
// are no peers are left out. A failure reason stands above all else.
//
// BEP03-TRK-015, BEP03-TRK-018, BEP03-TRK-019, BEP07-TRK-005,
// BEP23-COMPACT-004, BEP23-COMPACT-005, BEP24-EXTIP-002, BEP31-RETRY-001
func ParseAnnounceResponse(b []byte) (AnnounceResponse, error) {
	v, err := parseDict(b)
	if err != nil {
		return AnnounceResponse{}, err
	}
	if failure, retry, ok := failureOf(v); ok {
		return AnnounceResponse{Failure: failure, RetryIn: retry, Complete: -1, Incomplete: -1}, nil
	}
	r := AnnounceResponse{
		Warning:     textOf(v, "warning message"),
		Interval:    intervalOf(v, "interval"),
		MinInterval: intervalOf(v, "min interval"),
		Complete:    countOf(v, "complete", -1),
		Incomplete:  countOf(v, "incomplete", -1),
	}
	if id := bytesOf(v, "tracker id"); len(id) <= maxTrackerID {
		r.TrackerID = string(id)
	}
	if ip, ok := netip.AddrFromSlice(bytesOf(v, "external ip")); ok {
		r.ExternalIP = ip.Unmap()
	}
	if peers, ok := v.Get("peers"); ok {
		if r.Peers, err = parsePeers(peers); err != nil {
			return AnnounceResponse{}, err
		}
	}
	if peers6, ok := v.Get("peers6"); ok {
		addrs, ok := ParseCompactPeers(stringOf(peers6), true)
		if !ok || peers6.Kind() != bencode.String {
			return AnnounceResponse{}, malformed("BEP07-TRK-005", "peers6 is not a whole number of 18-byte entries")
		}
		r.Peers = appendAddrs(r.Peers, addrs)
	}
	return r, nil
}

// AppendScrapeResponse appends a scrape response. It sorts a copy of the
// files; of a hash that occurs twice the first counts. BEP48-SCRAPE-002,
// BEP48-SCRAPE-005
func AppendScrapeResponse(b []byte, r ScrapeResponse) []byte {
	b = append(b, 'd')
	if r.Failure != "" {
		return append(appendFailure(b, r.Failure, 0), 'e')
	}
	files := slices.Clone(r.Files)
	slices.SortStableFunc(files, func(x, y ScrapeFile) int { return bytes.Compare(x.InfoHash[:], y.InfoHash[:]) })
	files = slices.CompactFunc(files, func(x, y ScrapeFile) bool { return x.InfoHash == y.InfoHash })
	b = append(bencode.AppendString(b, "files"), 'd')
	for _, f := range files {
		b = append(bencode.AppendBytes(b, f.InfoHash[:]), 'd')
		b = appendIntKey(b, "complete", f.Complete)
		b = appendIntKey(b, "downloaded", f.Downloaded)
		b = append(appendIntKey(b, "incomplete", f.Incomplete), 'e')
	}
	return append(b, 'e', 'e')
}

// ParseScrapeResponse reads a scrape response, with the lenience of
// [ParseAnnounceResponse]; files keep the order of the response, and a number
// that is missing is 0. BEP48-SCRAPE-002
func ParseScrapeResponse(b []byte) (ScrapeResponse, error) {
	v, err := parseDict(b)
	if err != nil {
		return ScrapeResponse{}, err
	}
	if failure, _, ok := failureOf(v); ok {
		return ScrapeResponse{Failure: failure}, nil
	}
	files, ok := v.Get("files")
	if !ok || files.Kind() != bencode.Dict {
		return ScrapeResponse{}, malformed("BEP48-SCRAPE-002", "files is not a dictionary")
	}
	var r ScrapeResponse
	for key, stats := range files.Entries() {
		if len(key) != len(Hash{}) {
			return ScrapeResponse{}, malformed("BEP48-SCRAPE-002", "a key of files is not 20 bytes")
		}
		r.Files = append(r.Files, ScrapeFile{Hash(key), ScrapeStats{
			Complete:   countOf(stats, "complete", 0),
			Downloaded: countOf(stats, "downloaded", 0),
			Incomplete: countOf(stats, "incomplete", 0),
		}})
	}
	return r, nil
}

// AppendCompactPeer appends the 6 or 18 bytes of a peer. BEP23-COMPACT-001,
// BEP15-UDP-015
func AppendCompactPeer(b []byte, a netip.AddrPort) []byte {
	b = append(b, a.Addr().Unmap().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// ParseCompactPeers reads entries of 6 bytes, or of 18 for IPv6. It reports
// whether b is a whole number of them. Entries with port 0 are left out:
// nobody listens there.
func ParseCompactPeers(b []byte, ip6 bool) (peers []netip.AddrPort, ok bool) {
	size := compact4
	if ip6 {
		size = compact6
	}
	if len(b)%size != 0 {
		return nil, false
	}
	for ; len(b) > 0; b = b[size:] {
		ip, _ := netip.AddrFromSlice(b[:size-2])
		if port := binary.BigEndian.Uint16(b[size-2:]); port != 0 {
			peers = append(peers, netip.AddrPortFrom(ip, port))
		}
	}
	return peers, true
}

func appendIntKey(b []byte, key string, n int64) []byte {
	return bencode.AppendInt(bencode.AppendString(b, key), n)
}

// appendFailure appends the keys of a refusal. "retry in" is the string
// "never" or an integer of minutes. BEP31-RETRY-001
func appendFailure(b []byte, reason string, retry RetryIn) []byte {
	b = bencode.AppendString(bencode.AppendString(b, "failure reason"), reason)
	switch {
	case retry == RetryNever:
		b = bencode.AppendString(bencode.AppendString(b, "retry in"), "never")
	case retry > 0:
		b = appendIntKey(b, "retry in", int64(retry))
	}
	return b
}

func appendPeerList(b []byte, peers []Peer, withoutID bool) []byte {
	b = append(b, 'l')
	for _, p := range peers {
		host := p.Host
		if host == "" {
			host = p.Addr.Addr().Unmap().String()
		}
		b = bencode.AppendString(append(b, 'd'), "ip")
		b = bencode.AppendString(b, host)
		if !withoutID {
			b = bencode.AppendBytes(bencode.AppendString(b, "peer id"), p.ID[:])
		}
		b = append(appendIntKey(b, "port", int64(p.Addr.Port())), 'e')
	}
	return append(b, 'e')
}

// appendCompactPeers appends peers, even when empty, and peers6 if there are
// any.
func appendCompactPeers(b []byte, peers []Peer) []byte {
	var four, six []byte
	for _, p := range peers {
		switch ip := p.Addr.Addr().Unmap(); {
		case ip.Is4():
			four = AppendCompactPeer(four, p.Addr)
		case ip.Is6():
			six = AppendCompactPeer(six, p.Addr)
		}
	}
	b = bencode.AppendBytes(bencode.AppendString(b, "peers"), four)
	if len(six) > 0 {
		b = bencode.AppendBytes(bencode.AppendString(b, "peers6"), six)
	}
	return b
}

// parseDict reads the envelope of a response.
func parseDict(b []byte) (bencode.Value, error) {
	v, err := bencode.Parse(b, bencode.Options{Lenient: true, MaxDepth: maxNesting, MaxSize: MaxResponse})
	if err != nil {
		return v, err
	}
	if v.Kind() != bencode.Dict {
		return v, malformed("BEP03-TRK-013", "the response is not a dictionary")
	}
	return v, nil
}

func failureOf(v bencode.Value) (reason string, retry RetryIn, ok bool) {
	if _, ok = v.Get("failure reason"); !ok {
		return "", 0, false
	}
	if reason = textOf(v, "failure reason"); reason == "" {
		reason = "the tracker gives no reason"
	}
	return reason, retryOf(v), true
}

// retryOf reads "retry in": an integer, or a string of one or "never".
// BEP31-RETRY-001
func retryOf(v bencode.Value) RetryIn {
	value, _ := v.Get("retry in")
	n, ok := value.Int64()
	if s, isString := value.Bytes(); isString {
		if string(s) == "never" {
			return RetryNever
		}
		parsed, err := strconv.ParseInt(string(s), 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n <= 0 {
		return 0
	}
	return RetryIn(min(n, int64(maxInterval/time.Minute)))
}

// parsePeers reads peers of either form. BEP03-TRK-019, BEP23-COMPACT-004
func parsePeers(v bencode.Value) ([]Peer, error) {
	switch v.Kind() {
	case bencode.String:
		addrs, ok := ParseCompactPeers(stringOf(v), false)
		if !ok {
			return nil, malformed("BEP23-COMPACT-005", "peers is not a whole number of 6-byte entries")
		}
		return appendAddrs(nil, addrs), nil
	case bencode.List:
		var peers []Peer
		for item := range v.Items() {
			if p, ok := parsePeer(item); ok {
				peers = append(peers, p)
			}
		}
		return peers, nil
	default:
		return nil, malformed("BEP03-TRK-019", "peers is neither a string nor a list")
	}
}

// parsePeer reads an entry of the list form. BEP03-TRK-017, BEP03-TRK-018
func parsePeer(v bencode.Value) (p Peer, ok bool) {
	host := textOf(v, "ip")
	port := countOf(v, "port", 0)
	if host == "" || len(host) > maxHost || port == 0 || port > 1<<16-1 {
		return Peer{}, false
	}
	if id := bytesOf(v, "peer id"); len(id) == len(p.ID) {
		copy(p.ID[:], id)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		p.Host = host
	}
	p.Addr = netip.AddrPortFrom(ip.WithZone("").Unmap(), uint16(port))
	return p, true
}

// maxHost is the longest DNS name.
const maxHost = 253

func appendAddrs(peers []Peer, addrs []netip.AddrPort) []Peer {
	for _, a := range addrs {
		peers = append(peers, Peer{Addr: a})
	}
	return peers
}

func stringOf(v bencode.Value) []byte {
	s, _ := v.Bytes()
	return s
}

func bytesOf(v bencode.Value, key string) []byte {
	s, _ := v.Get(key)
	return stringOf(s)
}

func textOf(v bencode.Value, key string) string {
	s := bytesOf(v, key)
	return string(s[:min(len(s), maxText)])
}

func countOf(v bencode.Value, key string, missing int64) int64 {
	n, _ := v.Get(key)
	if count, ok := n.Int64(); ok && count >= 0 {
		return count
	}
	return missing
}

func intervalOf(v bencode.Value, key string) time.Duration {
	seconds := countOf(v, key, 0)
	return time.Duration(min(seconds, int64(maxInterval/time.Second))) * time.Second
}
