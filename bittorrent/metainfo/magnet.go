package metainfo

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MaxMagnet is the length limit of a magnet link in bytes: dozens of trackers
// fit many times.
const MaxMagnet = 64 << 10

// Magnet is a link that names a torrent. BEP 9 §magnet URI format
type Magnet struct {
	// HasV1 and HasV2 say which info-hashes are there: at least one.
	HasV1, HasV2 bool
	InfoHash     [20]byte
	InfoHashV2   [32]byte
	Name         string   // dn
	Length       int64    // xl, in bytes; 0 if absent
	Trackers     []string // tr
	WebSeeds     []string // ws
	// Peers (x.pe) are host:port, with brackets around an IPv6 address.
	// BEP09-MAGNET-003
	Peers []string
	// Select (so) is the files to download, in order and without overlap; nil
	// means all. BEP53-SO-001
	Select []Range
}

// Range is the file indices from First to Last, inclusive.
type Range struct{ First, Last int32 }

// Selects reports whether the file with the given index is to be downloaded.
func (m *Magnet) Selects(file int) bool {
	return m.Select == nil || slices.ContainsFunc(m.Select, func(r Range) bool {
		return int(r.First) <= file && file <= int(r.Last)
	})
}

// ParseMagnet reads a magnet link. The error is an *[Error]. Parameters that
// are not known, and values of others than xt that make no sense, are ignored;
// keys may have any case, and a number behind them, as in tr.1.
func ParseMagnet(link string) (*Magnet, error) {
	const scheme, rule = "magnet:?", "BEP09-MAGNET-001"
	if len(link) > MaxMagnet {
		return nil, fault("magnet", rule, "%d bytes exceed the limit of %d", len(link), MaxMagnet)
	}
	if len(link) < len(scheme) || !strings.EqualFold(link[:len(scheme)], scheme) {
		return nil, fault("magnet", rule, "it does not begin with %s", scheme)
	}
	m := &Magnet{}
	for parameter := range strings.SplitSeq(link[len(scheme):], "&") {
		key, value, _ := strings.Cut(parameter, "=")
		if key = parameterName(key); key == "dn" {
			value = strings.ReplaceAll(value, "+", " ") // as forms write it
		}
		text, ok := unescape(value)
		switch {
		case key == "xt" && !ok:
			return nil, fault("xt", rule, "%.80q has a percent sign that escapes nothing", value)
		case key == "xt":
			if err := m.topic(text); err != nil {
				return nil, err
			}
		case ok:
			m.parameter(key, text)
		}
	}
	if !m.HasV1 && !m.HasV2 {
		return nil, fault("xt", rule, "no urn:btih or urn:btmh names a torrent")
	}
	m.Select = merge(m.Select)
	return m, nil
}

// parameterName is a key in lower case, without the number that some append.
func parameterName(key string) string {
	key = strings.ToLower(key)
	if name, number, ok := strings.Cut(key, "."); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return name
	}
	return key
}

// topic reads a value of xt. Topics of other networks are ignored.
func (m *Magnet) topic(urn string) error {
	const btih, btmh = "urn:btih:", "urn:btmh:"
	switch {
	case len(urn) >= len(btih) && strings.EqualFold(urn[:len(btih)], btih):
		hash, ok := decodeHash(urn[len(btih):])
		if !ok {
			return fault("xt", "BEP09-MAGNET-001", "%.80q is neither 40 hexadecimal digits nor 32 of base32", urn)
		}
		if m.HasV1 && m.InfoHash != hash {
			return fault("xt", "BEP09-MAGNET-001", "%.80q is the second info-hash of version 1", urn)
		}
		m.InfoHash, m.HasV1 = hash, true
	case len(urn) >= len(btmh) && strings.EqualFold(urn[:len(btmh)], btmh):
		const sha256Tag = "\x12\x20" // multihash: SHA2-256, 32 bytes
		b, err := hex.DecodeString(urn[len(btmh):])
		if err != nil || len(b) != 2+32 || string(b[:2]) != sha256Tag {
			return fault("xt", "BEP09-MAGNET-004", "%.90q is not 1220 and 64 hexadecimal digits", urn)
		}
		if hash := [32]byte(b[2:]); m.HasV2 && m.InfoHashV2 != hash {
			return fault("xt", "BEP09-MAGNET-004", "%.90q is the second info-hash of version 2", urn)
		}
		m.InfoHashV2, m.HasV2 = [32]byte(b[2:]), true
	}
	return nil
}

// parameter reads any other value.
func (m *Magnet) parameter(key, value string) {
	switch key {
	case "dn":
		m.Name = value
	case "xl":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			m.Length = n
		}
	case "tr":
		m.Trackers = appendURL(m.Trackers, value)
	case "ws":
		m.WebSeeds = appendURL(m.WebSeeds, value)
	case "x.pe":
		if isHostPort(value) {
			m.Peers = append(m.Peers, value)
		}
	case "so":
		for item := range strings.SplitSeq(value, ",") {
			if r, ok := parseRange(item); ok {
				m.Select = append(m.Select, r)
			}
		}
	}
}

func appendURL(urls []string, url string) []string {
	if url = strings.TrimSpace(url); url != "" {
		urls = append(urls, url)
	}
	return urls
}

// isHostPort reports whether s is host:port. BEP09-MAGNET-003
func isHostPort(s string) bool {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Port() != 0
	}
	host, text, ok := strings.Cut(s, ":")
	port, err := strconv.ParseUint(text, 10, 16)
	isName := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
	}
	return ok && err == nil && port != 0 && host != "" &&
		strings.IndexFunc(host, func(c rune) bool { return !isName(c) }) < 0
}

// parseRange reads 5 or 6-8. What makes no sense is ignored. BEP53-SO-002
func parseRange(s string) (Range, bool) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 31)
	last, err2 := strconv.ParseUint(to, 10, 31)
	ok := err == nil && err2 == nil && first <= last && last < MaxFiles
	return Range{int32(first), int32(last)}, ok
}

// merge sorts ranges and joins those that overlap or touch.
func merge(ranges []Range) []Range {
	slices.SortStableFunc(ranges, func(a, b Range) int { return int(a.First - b.First) })
	var merged []Range
	for _, r := range ranges {
		if last := len(merged) - 1; last >= 0 && r.First <= merged[last].Last+1 {
			merged[last].Last = max(merged[last].Last, r.Last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

// String is the link in its canonical form: hexadecimal digits in lower case,
// escapes for all that is not unreserved, a colon or a slash.
func (m *Magnet) String() string {
	b := []byte("magnet:?")
	add := func(key, value string) {
		if len(b) > len("magnet:?") {
			b = append(b, '&')
		}
		b = append(append(b, key...), '=')
		b = appendEscaped(b, value)
	}
	if m.HasV1 {
		add("xt", "urn:btih:"+hex.EncodeToString(m.InfoHash[:]))
	}
	if m.HasV2 {
		add("xt", "urn:btmh:1220"+hex.EncodeToString(m.InfoHashV2[:]))
	}
	if m.Name != "" {
		add("dn", m.Name)
	}
	if m.Length > 0 {
		add("xl", strconv.FormatInt(m.Length, 10))
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"tr", m.Trackers}, {"ws", m.WebSeeds}, {"x.pe", m.Peers}} {
		for _, value := range list.values {
			add(list.key, value)
		}
	}
	if m.Select != nil {
		b = append(b, "&so="...)
		for i, r := range m.Select {
			if i > 0 {
				b = append(b, ',')
			}
			if b = strconv.AppendInt(b, int64(r.First), 10); r.Last > r.First {
				b = strconv.AppendInt(append(b, '-'), int64(r.Last), 10)
			}
		}
	}
	return string(b)
}
