package tracker

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	// MaxQuery bounds a query in bytes. It holds a scrape of [MaxScrape]
	// escaped hashes, and is what servers commonly allow for a request line.
	MaxQuery = 8 << 10

	// MaxScrape bounds the info-hashes of one scrape: as many as fit a UDP
	// packet of 1500 bytes. BEP15-UDP-020
	MaxScrape = 74

	// maxTrackerID bounds the tracker id in bytes; it is stored and repeated.
	maxTrackerID = 256
)

// AppendAnnounceQuery appends the query of an announce, without the question
// mark. Every byte of the info-hash and the peer id that is not a letter, a
// digit or one of -._~ is percent-escaped.
//
// BEP03-TRK-001, BEP03-TRK-002, BEP03-TRK-004, BEP07-TRK-002, BEP07-TRK-003, BEP23-COMPACT-003
func AppendAnnounceQuery(b []byte, r AnnounceRequest) []byte {
	b = appendEscaped(append(b, "info_hash="...), string(r.InfoHash[:]))
	b = appendEscaped(append(b, "&peer_id="...), string(r.PeerID[:]))
	b = strconv.AppendUint(append(b, "&port="...), uint64(r.Port), 10)
	b = strconv.AppendInt(append(b, "&uploaded="...), r.Uploaded, 10)
	b = strconv.AppendInt(append(b, "&downloaded="...), r.Downloaded, 10)
	if r.Left >= 0 {
		b = strconv.AppendInt(append(b, "&left="...), r.Left, 10)
	}
	if r.Event != None {
		b = append(append(b, "&event="...), r.Event.String()...)
	}
	switch r.Form {
	case Compact:
		b = append(b, "&compact=1"...)
	case List:
		b = append(b, "&compact=0"...)
	}
	if r.NoPeerID {
		b = append(b, "&no_peer_id=1"...)
	}
	if r.NumWant >= 0 {
		b = strconv.AppendInt(append(b, "&numwant="...), int64(r.NumWant), 10)
	}
	if r.Key != 0 {
		b = appendKey(append(b, "&key="...), r.Key)
	}
	if r.IP.IsValid() {
		b = appendEscaped(append(b, "&ip="...), r.IP.String())
	}
	if r.TrackerID != "" {
		b = appendEscaped(append(b, "&trackerid="...), r.TrackerID)
	}
	return b
}

// ParseAnnounceQuery reads the query of an announce. The error is a
// *[ParseError].
//
// Deployed clients leave things out, so these count as not said: uploaded,
// downloaded and left when they are absent, event when it is unknown, key
// when it is not a hexadecimal number of 32 bits, and ip when it is not an
// address. A plus sign reads as a blank, as in a form. Unknown keys are
// ignored; of a key that occurs twice the first counts, but two info-hashes
// are refused.
func ParseAnnounceQuery(rawQuery string) (AnnounceRequest, error) {
	r := AnnounceRequest{Left: LeftUnknown, NumWant: -1}
	seen := fieldSet(0)
	err := eachField(rawQuery, func(key, value string) error {
		f := announceField(key)
		if f == unknownField {
			return nil
		}
		if seen&(1<<f) != 0 {
			if f == infoHashField {
				return malformed("BEP03-TRK-001", "info_hash occurs twice")
			}
			return nil
		}
		seen |= 1 << f
		return r.setField(f, value)
	})
	if err != nil {
		return AnnounceRequest{}, err
	}
	for _, must := range []struct {
		f    field
		name string
	}{{infoHashField, "info_hash"}, {peerIDField, "peer_id"}, {portField, "port"}} {
		if seen&(1<<must.f) == 0 {
			return AnnounceRequest{}, malformed("BEP03-TRK-001", must.name+" is missing")
		}
	}
	return r, nil
}

// AppendScrapeQuery appends the query of a scrape, without the question mark.
// No hash asks about every torrent. BEP48-SCRAPE-002
func AppendScrapeQuery(b []byte, hashes []Hash) []byte {
	for i, h := range hashes {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(append(b, "info_hash="...), string(h[:]))
	}
	return b
}

// ParseScrapeQuery reads the info-hashes of a scrape: all of them, in order
// (BEP 48). The error is a *[ParseError].
func ParseScrapeQuery(rawQuery string) ([]Hash, error) {
	var hashes []Hash
	err := eachField(rawQuery, func(key, value string) error {
		if key != "info_hash" {
			return nil
		}
		if len(value) != len(Hash{}) {
			return malformed("BEP48-SCRAPE-005", "info_hash is not 20 bytes")
		}
		if len(hashes) == MaxScrape {
			return malformed("BEP48-SCRAPE-005", "more than 74 info_hash keys")
		}
		hashes = append(hashes, Hash([]byte(value)))
		return nil
	})
	return hashes, err
}

// field names a key of an announce query.
type field uint8

type fieldSet uint32

const (
	unknownField field = iota
	infoHashField
	peerIDField
	portField
	uploadedField
	downloadedField
	leftField
	eventField
	compactField
	noPeerIDField
	numWantField
	keyField
	ipField
	trackerIDField
)

func announceField(key string) field {
	switch key {
	case "info_hash":
		return infoHashField
	case "peer_id":
		return peerIDField
	case "port":
		return portField
	case "uploaded":
		return uploadedField
	case "downloaded":
		return downloadedField
	case "left":
		return leftField
	case "event":
		return eventField
	case "compact":
		return compactField
	case "no_peer_id":
		return noPeerIDField
	case "numwant":
		return numWantField
	case "key":
		return keyField
	case "ip":
		return ipField
	case "trackerid":
		return trackerIDField
	default:
		return unknownField
	}
}

func (r *AnnounceRequest) setField(f field, value string) (err error) {
	switch f {
	case infoHashField:
		if len(value) != len(r.InfoHash) {
			return malformed("BEP03-TRK-002", "info_hash is not 20 bytes")
		}
		copy(r.InfoHash[:], value)
	case peerIDField:
		if len(value) != len(r.PeerID) {
			return malformed("BEP03-TRK-002", "peer_id is not 20 bytes")
		}
		copy(r.PeerID[:], value)
	case portField:
		port, err := strconv.ParseUint(value, 10, 16)
		if err != nil || port == 0 {
			return malformed("BEP03-TRK-001", "port is not a number from 1 to 65535")
		}
		r.Port = uint16(port)
	case uploadedField:
		r.Uploaded, err = parseCount("uploaded", value)
	case downloadedField:
		r.Downloaded, err = parseCount("downloaded", value)
	case leftField:
		r.Left, err = parseCount("left", value)
	case eventField:
		r.Event = parseEvent(value)
	case compactField:
		r.Form = Compact
		if value == "0" {
			r.Form = List
		}
	case noPeerIDField:
		r.NoPeerID = value == "1"
	case numWantField:
		r.NumWant = parseNumWant(value)
	case keyField:
		key, _ := strconv.ParseUint(value, 16, 32)
		r.Key = uint32(key)
	case ipField:
		ip, _ := netip.ParseAddr(value)
		r.IP = ip.WithZone("").Unmap()
	case trackerIDField:
		r.TrackerID = value[:min(len(value), maxTrackerID)]
	}
	return err
}

// parseCount reads a number of bytes. BEP03-TRK-004
func parseCount(key, value string) (int64, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, malformed("BEP03-TRK-004", key+" is not a decimal number")
	}
	return int64(n), nil
}

// parseEvent knows the three events; others are those of later documents,
// such as BEP 21, which a regular announce stands for.
func parseEvent(value string) Event {
	for _, e := range [...]Event{Completed, Started, Stopped} {
		if value == e.String() {
			return e
		}
	}
	return None
}

func parseNumWant(value string) int32 {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return -1
	}
	return int32(n)
}

// eachField calls f with every key and value of a query, unescaped.
func eachField(rawQuery string, f func(key, value string) error) error {
	if len(rawQuery) > MaxQuery {
		return malformed("BEP03-TRK-001", "the query exceeds 8192 bytes")
	}
	for len(rawQuery) > 0 {
		var part string
		part, rawQuery, _ = strings.Cut(rawQuery, "&")
		if part == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(part, "=")
		key, ok := unescape(rawKey)
		value, valueOK := unescape(rawValue)
		if !ok || !valueOK {
			return malformed("BEP03-TRK-002", "a percent sign is not followed by two hexadecimal digits")
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// appendEscaped percent-escapes all but the unreserved characters of RFC 3986,
// which nobody reads in another way. BEP03-TRK-002
func appendEscaped(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// unescape undoes appendEscaped, and reads + as a blank.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			b = append(b, byte(n))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

// appendKey writes a key as eight hexadecimal digits.
func appendKey(b []byte, key uint32) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[key>>shift&15])
	}
	return b
}
