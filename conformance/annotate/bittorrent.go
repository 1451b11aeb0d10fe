package annotate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// BitTorrent annotates what one peer sends another: messages of the peer wire
// protocol, with or without the handshake in front. Paths begin with the number
// of the message: "0.handshake.info_hash", "2.request.begin".
//
// The error is the *[wire.Error] of a message that a reader refuses; the fields
// are returned as well, and the last one is the rest of the stream. There are
// none for an empty stream.
func BitTorrent(stream []byte) ([]Field, error) {
	if len(stream) == 0 {
		return nil, errors.New("there are no bytes")
	}
	s := &peerStream{walker: walker{message: stream}}
	codec := wire.Codec{Limits: wire.Limits{MaxBlock: wire.TolerantMaxBlock}}
	decoder := codec.MessageDecoder()
	if stream[0] == handshakeStart {
		decoder = codec.Decoder()
	}
	for s.at < len(stream) {
		m, n, err := decoder.Decode(stream[s.at:])
		switch {
		case err != nil:
			s.refused(err)
			return s.fields, err
		case n == 0:
			s.incomplete()
			return s.fields, nil
		}
		s.annotate(m, n)
		s.number++
	}
	return s.fields, nil
}

// handshakeStart is the first byte of a handshake. A message that begins with
// it is too long by far.
const handshakeStart = 19

// peerStream collects the fields of one direction of a connection.
type peerStream struct {
	walker
	at     int    // offset of the next field
	number int    // of the message
	prefix string // of the paths of its fields
}

func (s *peerStream) annotate(m spec.Message, n int) {
	switch m := m.(type) {
	case *wire.Handshake:
		s.prefix = fmt.Sprintf("%d.handshake", s.number)
		s.handshake(m)
	case *wire.Hashes:
		s.head(m.Type, n)
		s.hashes(m)
	case *wire.Message:
		s.head(m.Type, n)
		s.payload(m)
	}
}

// take appends the field of the next size bytes, below the message's head.
func (s *peerStream) take(size int, name, value string, r rule, problem string) {
	s.add(s.at, s.at+size, 1, s.prefix+"."+name, value, r, problem)
	s.at += size
}

func (s *peerStream) handshake(h *wire.Handshake) {
	identifies := rule{meaning: "handshake: length and name of the protocol", clause: "BEP03-PEER-001"}
	s.add(s.at, s.at+20, 0, s.prefix, readable(s.message[1:20]), identifies, "")
	s.at += 20
	s.take(8, "reserved", offers(h), rule{meaning: "what the sender supports", clause: "BEP03-PEER-008"}, "")
	s.take(20, "info_hash", hexadecimal(h.InfoHash[:]),
		rule{meaning: "the torrent", clause: "BEP03-PEER-002"}, "")
	value := readable(h.PeerID[:])
	if c := wire.ParsePeerID(h.PeerID); c.Style != wire.StyleNone {
		value = fmt.Sprintf("%s %s: %s", c.Code, c.Version, value)
	}
	s.take(20, "peer_id", value, rule{meaning: "the sender", clause: "BEP20-ID-001"}, "")
}

// offers names the bits of the reserved bytes that are set.
func offers(h *wire.Handshake) string {
	var names []string
	left := *h
	for _, known := range []struct {
		feature wire.Feature
		name    string
	}{
		{wire.FeatureExtension, "extension protocol"}, {wire.FeatureFast, "fast extension"},
		{wire.FeatureDHT, "DHT"}, {wire.FeatureV2, "version 2"},
	} {
		if h.Offers(known.feature) {
			names = append(names, known.name)
			left.Reserved[7-known.feature/8] &^= 1 << (known.feature % 8)
		}
	}
	if rest := binary.BigEndian.Uint64(left.Reserved[:]); rest != 0 {
		names = append(names, fmt.Sprintf("%d bits without a document", bits.OnesCount64(rest)))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// head appends the length and the id of a message.
func (s *peerStream) head(t wire.Type, n int) {
	name := strings.ReplaceAll(t.String(), " ", "_")
	if about(t).clause == unassigned {
		name = "unknown"
	}
	s.prefix = fmt.Sprintf("%d.%s", s.number, name)
	length := rule{meaning: "length of the message that follows", clause: "BEP03-PEER-011"}
	s.add(s.at, s.at+4, 0, s.prefix, fmt.Sprintf("%d bytes", n-4), length, "")
	s.at += 4
	if t != wire.KeepAlive {
		s.take(1, "id", fmt.Sprint(int16(t)), about(t), "")
	}
}

// unassigned is the clause for ids that no document assigns.
const unassigned = "BEP03-PEER-048"

// about is what a message means, and the clause for its format.
func about(t wire.Type) rule {
	switch t {
	case wire.KeepAlive:
		return rule{meaning: "keep-alive", clause: "BEP03-PEER-013"}
	case wire.Choke:
		return rule{meaning: "choke: requests are not answered", clause: "BEP03-PEER-016"}
	case wire.Unchoke:
		return rule{meaning: "unchoke: requests are answered", clause: "BEP03-PEER-016"}
	case wire.Interested:
		return rule{meaning: "interested: the receiver has pieces that the sender lacks", clause: "BEP03-PEER-027"}
	case wire.NotInterested:
		return rule{meaning: "not interested: the receiver has none", clause: "BEP03-PEER-027"}
	case wire.Have:
		return rule{meaning: "have: a piece was verified", clause: "BEP03-PEER-017"}
	case wire.Bitfield:
		return rule{meaning: "bitfield: the pieces that the sender has", clause: "BEP03-PEER-023"}
	case wire.Request:
		return rule{meaning: "request of a block", clause: "BEP03-PEER-031"}
	case wire.Piece:
		return rule{meaning: "piece: a block", clause: "BEP03-PEER-037"}
	case wire.Cancel:
		return rule{meaning: "cancel of a request", clause: "BEP03-PEER-046"}
	case wire.Port:
		return rule{meaning: "port of the sender's DHT node", clause: "BEP05-PEER-001"}
	case wire.Suggest:
		return rule{meaning: "suggest: a piece to ask for", clause: "BEP06-FAST-022"}
	case wire.HaveAll:
		return rule{meaning: "have all pieces", clause: "BEP06-FAST-002"}
	case wire.HaveNone:
		return rule{meaning: "have no piece", clause: "BEP06-FAST-002"}
	case wire.Reject:
		return rule{meaning: "reject of a request", clause: "BEP06-FAST-007"}
	case wire.AllowedFast:
		return rule{meaning: "allowed fast: a piece to ask for while choked", clause: "BEP06-FAST-018"}
	case wire.Extended:
		return rule{meaning: "extended message", clause: "BEP10-EXT-002"}
	case wire.HashRequest:
		return rule{meaning: "hash request", clause: "BEP52-PEER-004"}
	case wire.HashesMessage:
		return rule{meaning: "hashes", clause: "BEP52-PEER-005"}
	case wire.HashReject:
		return rule{meaning: "hash reject", clause: "BEP52-PEER-002"}
	default:
		return rule{meaning: "no document assigns this id: ignored", clause: unassigned}
	}
}

// payload appends what follows the id.
func (s *peerStream) payload(m *wire.Message) {
	clause := about(m.Type).clause
	number := func(name string, v uint32, meaning string) {
		s.take(4, name, fmt.Sprint(v), rule{meaning: meaning, clause: clause}, "")
	}
	switch m.Type {
	case wire.Have, wire.Suggest, wire.AllowedFast:
		number("index", m.Index, "piece")
	case wire.Request, wire.Cancel, wire.Reject:
		number("index", m.Index, "piece")
		number("begin", m.Begin, "offset in the piece, in bytes")
		s.take(4, "length", fmt.Sprint(m.Length), rule{meaning: "of the block, in bytes", clause: "BEP03-PEER-032"},
			blockLength(m.Length))
	case wire.Piece:
		number("index", m.Index, "piece")
		number("begin", m.Begin, "offset in the piece, in bytes")
		s.take(len(m.Data), "block", readable(m.Data),
			rule{meaning: fmt.Sprintf("%d bytes", len(m.Data)), clause: clause}, blockLength(uint32(len(m.Data))))
	case wire.Port:
		s.take(2, "port", fmt.Sprint(m.Port), rule{meaning: "UDP port", clause: clause}, "")
	case wire.Bitfield:
		set := 0
		for _, b := range m.Data {
			set += bits.OnesCount8(b)
		}
		s.take(len(m.Data), "bits", fmt.Sprintf("%d of %d bits are set", set, 8*len(m.Data)),
			rule{meaning: "a bit for each piece, the highest first", clause: clause}, "")
	case wire.Extended:
		s.extended(m)
	default:
		if len(m.Data) > 0 {
			s.take(len(m.Data), "payload", readable(m.Data), rule{clause: clause}, "")
		}
	}
}

func blockLength(n uint32) string {
	switch {
	case n == 0:
		return "a block has at least one byte"
	case n > wire.DefaultMaxBlock:
		return fmt.Sprintf("at most %d bytes", wire.DefaultMaxBlock)
	}
	return ""
}

func (s *peerStream) hashes(h *wire.Hashes) {
	layout := func(meaning string) rule { return rule{meaning: meaning, clause: "BEP52-PEER-004"} }
	problem := ""
	if refused := (*wire.Error)(nil); errors.As(h.Check(), &refused) {
		problem = refused.What
	}
	s.take(32, "pieces_root", hexadecimal(h.PiecesRoot[:]), layout("root of a file's tree"), "")
	s.take(4, "base_layer", fmt.Sprint(h.BaseLayer), layout("layer asked for; 0 is that of the blocks"), "")
	s.take(4, "index", fmt.Sprint(h.Index), layout("first hash asked for"), "")
	s.take(4, "count", fmt.Sprint(h.Count),
		rule{meaning: "hashes asked for", clause: "BEP52-PEER-003"}, problem)
	s.take(4, "proof_layers", fmt.Sprint(h.ProofLayers), layout("layers above to prove them by"), "")
	for i := range len(h.Hashes) / 32 {
		meaning := "hash of the base layer"
		if i >= int(h.Count) {
			meaning = "uncle hash"
		}
		s.take(32, fmt.Sprintf("hashes[%d]", i), hexadecimal(h.Hashes[32*i:32*i+32]),
			rule{meaning: meaning, clause: "BEP52-PEER-005"}, "")
	}
}

// refused appends the rest of the stream, which no reader gets into step with.
func (s *peerStream) refused(err error) {
	r := rule{meaning: "refused"}
	problem := err.Error()
	if refused := (*wire.Error)(nil); errors.As(err, &refused) {
		r.clause, problem = refused.Clause, refused.What
	}
	s.rest("refused", r, problem)
}

// incomplete appends the beginning of a message.
func (s *peerStream) incomplete() {
	problem := "the stream ends inside a message"
	left := s.message[s.at:]
	if s.number == 0 && left[0] == handshakeStart {
		problem = fmt.Sprintf("the handshake has %d bytes", wire.HandshakeLen)
	} else if len(left) >= 4 {
		problem = fmt.Sprintf("the message has %d bytes", 4+uint64(binary.BigEndian.Uint32(left)))
	}
	s.rest("incomplete", rule{meaning: "beginning of a message", clause: "BEP03-PEER-011"}, problem)
}

func (s *peerStream) rest(name string, r rule, problem string) {
	left := s.message[s.at:]
	s.add(s.at, len(s.message), 0, fmt.Sprintf("%d.%s", s.number, name), readable(left), r, problem)
	s.at = len(s.message)
}
