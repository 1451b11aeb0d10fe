package tracker

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/p2pspec/p2pspec/spec"
)

// Action says what a packet of BEP 15 is about.
type Action uint32

// The actions. A tracker answers with the action of the request, or with
// ActionError.
const (
	ActionConnect  Action = 0
	ActionAnnounce Action = 1
	ActionScrape   Action = 2
	ActionError    Action = 3
)

const (
	protocolID = 0x41727101980 // BEP15-UDP-001

	// MaxPacket bounds the packets that are read and sent, in bytes: what
	// crosses common networks in one piece.
	MaxPacket = 1472

	headerSize   = 16 // of a request
	announceSize = 98 // without options
	statsSize    = 12 // of a torrent in a scrape response

	// maxURLData bounds the joined URLData options, in bytes: a packet's room.
	maxURLData = MaxPacket - announceSize
)

// Request is a packet from a peer to a tracker. Which fields count depends on
// the Action.
type Request struct {
	Action      Action
	Transaction uint32
	Connection  uint64 // not of a connect

	Announce AnnounceRequest // of an announce
	URLData  string          // of an announce: path and query of the tracker's URL (BEP 41)
	Hashes   []Hash          // of a scrape
}

// Response is a packet from a tracker to a peer. Which fields count depends on
// the Action.
type Response struct {
	Action      Action
	Transaction uint32

	Connection        uint64        // of a connect
	Interval          uint32        // of an announce: seconds
	Leechers, Seeders uint32        // of an announce
	Peers             []byte        // of an announce: see ParseCompactPeers
	Stats             []ScrapeStats // of a scrape, in the order of the request
	Message           string        // of an error
}

// IsMessage makes it a spec.Message.
func (*Request) IsMessage() {}

// IsMessage makes it a spec.Message.
func (*Response) IsMessage() {}

// ServerCodec reads requests and writes responses.
type ServerCodec struct{}

// ClientCodec writes requests and reads responses.
type ClientCodec struct{}

// AppendMessage appends a *Response.
func (ServerCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if r, ok := m.(*Response); ok {
		return AppendResponse(b, r)
	}
	return b, fmt.Errorf("tracker: a server does not send a %T", m)
}

// ParseMessage reads a *Request.
func (ServerCodec) ParseMessage(b []byte) (spec.Message, error) {
	r, err := ParseRequest(b)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// AppendMessage appends a *Request.
func (ClientCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if r, ok := m.(*Request); ok {
		return AppendRequest(b, r)
	}
	return b, fmt.Errorf("tracker: a client does not send a %T", m)
}

// ParseMessage reads a *Response.
func (ClientCodec) ParseMessage(b []byte) (spec.Message, error) {
	r, err := ParseResponse(b)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// AppendRequest appends a request. On error, which says what does not fit a
// packet, the result is b unchanged.
//
// BEP15-UDP-001, BEP15-UDP-003, BEP15-UDP-010 to BEP15-UDP-013
func AppendRequest(b []byte, r *Request) ([]byte, error) {
	big := binary.BigEndian
	connection := r.Connection
	if r.Action == ActionConnect {
		connection = protocolID
	}
	out := big.AppendUint64(b, connection)
	out = big.AppendUint32(out, uint32(r.Action))
	out = big.AppendUint32(out, r.Transaction)
	switch r.Action {
	case ActionConnect:
	case ActionAnnounce:
		if len(r.URLData)+2*(len(r.URLData)/255+2) > maxURLData {
			return b, fmt.Errorf("tracker: URL data of %d bytes does not fit a packet", len(r.URLData))
		}
		out = appendAnnounce(out, &r.Announce)
		out = appendOptions(out, r.URLData)
	case ActionScrape:
		if len(r.Hashes) > MaxScrape {
			return b, fmt.Errorf("tracker: a scrape of %d hashes, at most %d", len(r.Hashes), MaxScrape)
		}
		for _, h := range r.Hashes {
			out = append(out, h[:]...)
		}
	default:
		return b, fmt.Errorf("tracker: no request has action %d", r.Action)
	}
	return out, nil
}

// ParseRequest reads a request. Bytes behind what the action needs are
// ignored, as are unknown events. The error is a *[ParseError]. The result
// borrows nothing.
//
// BEP15-UDP-003, BEP15-UDP-004, BEP41-EXT-001
func ParseRequest(b []byte) (*Request, error) {
	big := binary.BigEndian
	if len(b) < headerSize {
		return nil, malformed("BEP15-UDP-001", "the packet is shorter than 16 bytes")
	}
	r := &Request{
		Connection: big.Uint64(b), Action: Action(big.Uint32(b[8:])), Transaction: big.Uint32(b[12:]),
	}
	switch r.Action {
	case ActionConnect:
		if r.Connection != protocolID {
			return nil, malformed("BEP15-UDP-001", "a connect request without the protocol id")
		}
		r.Connection = 0
	case ActionAnnounce:
		if len(b) < announceSize {
			return nil, malformed("BEP15-UDP-010", "the announce is shorter than 98 bytes")
		}
		r.Announce = parseAnnounce(b)
		r.URLData = ParseOptions(b[announceSize:])
	case ActionScrape:
		for rest := b[headerSize:]; len(rest) >= len(Hash{}) && len(r.Hashes) < MaxScrape; rest = rest[len(Hash{}):] {
			r.Hashes = append(r.Hashes, Hash(rest[:len(Hash{})]))
		}
	default:
		return nil, malformed("BEP15-UDP-003", fmt.Sprintf("no request has action %d", r.Action))
	}
	return r, nil
}

// AppendResponse appends a response. On error the result is b unchanged.
//
// BEP15-UDP-002, BEP15-UDP-014, BEP15-UDP-020, BEP15-UDP-021
func AppendResponse(b []byte, r *Response) ([]byte, error) {
	big := binary.BigEndian
	out := big.AppendUint32(b, uint32(r.Action))
	out = big.AppendUint32(out, r.Transaction)
	switch r.Action {
	case ActionConnect:
		out = big.AppendUint64(out, r.Connection)
	case ActionAnnounce:
		out = big.AppendUint32(out, r.Interval)
		out = big.AppendUint32(out, r.Leechers)
		out = big.AppendUint32(out, r.Seeders)
		out = append(out, r.Peers...)
	case ActionScrape:
		for _, s := range r.Stats {
			out = big.AppendUint32(out, clamp(s.Complete))
			out = big.AppendUint32(out, clamp(s.Downloaded))
			out = big.AppendUint32(out, clamp(s.Incomplete))
		}
	case ActionError:
		out = append(out, r.Message...)
	default:
		return b, fmt.Errorf("tracker: no response has action %d", r.Action)
	}
	return out, nil
}

// ParseResponse reads a response. Bytes behind what the action needs are
// ignored, but those of an announce may be peers. The error is a
// *[ParseError]. The result borrows nothing.
//
// BEP15-UDP-004, BEP15-UDP-005
func ParseResponse(b []byte) (*Response, error) {
	big := binary.BigEndian
	if len(b) < 8 {
		return nil, malformed("BEP15-UDP-005", "the packet is shorter than 8 bytes")
	}
	r := &Response{Action: Action(big.Uint32(b)), Transaction: big.Uint32(b[4:])}
	switch body := b[8:]; r.Action {
	case ActionConnect:
		if len(body) < 8 {
			return nil, malformed("BEP15-UDP-005", "the connect response is shorter than 16 bytes")
		}
		r.Connection = big.Uint64(body)
	case ActionAnnounce:
		if len(body) < 12 {
			return nil, malformed("BEP15-UDP-005", "the announce response is shorter than 20 bytes")
		}
		r.Interval, r.Leechers, r.Seeders = big.Uint32(body), big.Uint32(body[4:]), big.Uint32(body[8:])
		r.Peers = append([]byte(nil), body[12:]...)
	case ActionScrape:
		for ; len(body) >= statsSize; body = body[statsSize:] {
			r.Stats = append(r.Stats, ScrapeStats{
				Complete:   int64(big.Uint32(body)),
				Downloaded: int64(big.Uint32(body[4:])),
				Incomplete: int64(big.Uint32(body[8:])),
			})
		}
	case ActionError:
		r.Message = string(body[:min(len(body), maxText)])
	default:
		return nil, malformed("BEP15-UDP-005", fmt.Sprintf("no response has action %d", r.Action))
	}
	return r, nil
}

// ParseOptions reads the options behind an announce and joins the URLData
// among them. Unknown ones are skipped by their length. What is cut short ends
// the options: BEP 15 lets anything follow an announce.
//
// BEP41-EXT-001, BEP41-EXT-002, BEP41-EXT-003
func ParseOptions(b []byte) (urlData string) {
	var data []byte
	for len(b) > 0 && b[0] != optionEnd {
		if b[0] == optionNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			break
		}
		kind, value := b[0], b[2:2+int(b[1])]
		if kind == optionURLData && len(data)+len(value) <= maxURLData {
			data = append(data, value...)
		}
		b = b[2+len(value):]
	}
	return string(data)
}

// The options of BEP 41.
const (
	optionEnd     = 0
	optionNop     = 1
	optionURLData = 2
)

// appendOptions writes nothing for no data, so that trackers that check for
// 98 bytes are content.
func appendOptions(b []byte, urlData string) []byte {
	for len(urlData) > 0 {
		n := min(len(urlData), 255)
		b = append(b, optionURLData, byte(n))
		b = append(b, urlData[:n]...)
		urlData = urlData[n:]
	}
	return b
}

func appendAnnounce(b []byte, a *AnnounceRequest) []byte {
	big := binary.BigEndian
	b = append(append(b, a.InfoHash[:]...), a.PeerID[:]...)
	b = big.AppendUint64(b, uint64(a.Downloaded))
	b = big.AppendUint64(b, uint64(a.Left)) // LeftUnknown is -1
	b = big.AppendUint64(b, uint64(a.Uploaded))
	b = big.AppendUint32(b, uint32(a.Event))
	ip := [4]byte{}
	if a.IP.Is4() {
		ip = a.IP.As4()
	}
	b = append(b, ip[:]...)
	b = big.AppendUint32(b, a.Key)
	b = big.AppendUint32(b, uint32(a.NumWant))
	return big.AppendUint16(b, a.Port)
}

// parseAnnounce reads the body of an announce of at least 98 bytes. Counts
// beyond 63 bits are those of peers that do not know. BEP15-UDP-010
func parseAnnounce(b []byte) AnnounceRequest {
	big := binary.BigEndian
	a := AnnounceRequest{
		InfoHash:   Hash(b[16:36]),
		PeerID:     PeerID(b[36:56]),
		Downloaded: max(0, int64(big.Uint64(b[56:]))),
		Left:       max(LeftUnknown, int64(big.Uint64(b[64:]))),
		Uploaded:   max(0, int64(big.Uint64(b[72:]))),
		Key:        big.Uint32(b[88:]),
		NumWant:    max(-1, int32(big.Uint32(b[92:]))),
		Port:       big.Uint16(b[96:]),
	}
	if event := big.Uint32(b[80:]); event <= uint32(Stopped) {
		a.Event = Event(event)
	}
	if ip := netip.AddrFrom4([4]byte(b[84:88])); !ip.IsUnspecified() {
		a.IP = ip
	}
	return a
}

func clamp(n int64) uint32 { return uint32(max(0, min(n, 1<<32-1))) }
