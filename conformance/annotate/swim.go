package annotate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/p2pspec/p2pspec/gossip/wire"
)

// Swim annotates what one member sends another in memberlist's format: a packet, or
// one message of a stream. Layers that hide others, compression and encryption, are
// one field each; of a compression that field names what is inside.
//
// The error is the *[wire.Fault] of a reader in whose cluster the label is right; the
// fields are returned as well. Of what is encrypted nothing is judged.
func Swim(message []byte) ([]Field, error) {
	if len(message) == 0 {
		return nil, errors.New("there are no bytes")
	}
	s := &member{walker: walker{message: message}}
	s.label()
	if s.at < len(message) {
		s.sealed = s.any(len(message), 0, "")
	}
	if s.at < len(message) {
		s.rest(len(message), 0, "trailing", rule{meaning: "bytes behind the message", clause: "GO-WF-02"})
	}
	if s.sealed {
		return s.fields, nil
	}
	return s.fields, s.judge()
}

// judge asks the reader of packets, and the one of streams if that one refuses.
func (s *member) judge() error {
	label, _, _ := wire.SplitLabel(s.message)
	format := &wire.Format{Label: label}
	_, err := format.ParseMessage(s.message)
	if err == nil {
		return nil
	}
	m, n, streamErr := format.Stream().Decoder().Decode(s.message)
	if frame, ok := m.(wire.Frame); ok && streamErr == nil && n > 0 && frame.Fault == nil {
		return nil
	}
	return err
}

// member collects the fields of what a member sends.
type member struct {
	walker
	at     int  // offset of the next field
	sealed bool // what follows is encrypted
}

// take appends the field of the next size bytes, or of those that are left.
func (s *member) take(size, end, depth int, path, value string, r rule, problem string) {
	if size > end-s.at {
		size, problem = end-s.at, "truncated"
	}
	s.add(s.at, s.at+size, depth, path, value, r, problem)
	s.at += size
}

func (s *member) rest(end, depth int, path string, r rule) {
	s.take(end-s.at, end, depth, path, readable(s.message[s.at:end]), r, "")
}

func (s *member) label() {
	if wire.Type(s.message[0]) != wire.TypeLabel {
		return
	}
	r := rule{meaning: "label: the cluster's name", clause: "GO-WF-15"}
	label, rest, err := wire.SplitLabel(s.message)
	if err != nil {
		s.rest(len(s.message), 0, "label", r)
		return
	}
	s.take(len(s.message)-len(rest), len(s.message), 0, "label", readable([]byte(label)), r, "")
}

// any appends what s.message[s.at:end] holds, and says whether it is encrypted.
func (s *member) any(end, depth int, path string) (sealed bool) {
	b := s.message[s.at:end]
	switch t := wire.Type(b[0]); t {
	case wire.TypeCRC:
		problem := ""
		if _, err := wire.CheckCRC(b); err != nil {
			problem = "it is of something else"
		}
		s.take(5, end, depth, join(path, []byte("checksum")), hexadecimal(b[1:min(5, len(b))]),
			rule{meaning: "CRC-32 of all that follows", clause: "GO-WF-12"}, problem)
		if s.at < end {
			return s.any(end, depth, path)
		}
	case wire.TypeCompound:
		s.compound(end, depth, path)
	case wire.TypeEncrypt:
		value := ""
		if len(b) >= 5 {
			value = fmt.Sprintf("%d bytes", binary.BigEndian.Uint32(b[1:]))
		}
		s.take(5, end, depth, "encryption", value,
			rule{meaning: "encrypted message on a stream: its length", clause: "GO-WF-14"}, "")
		s.cipher(end, depth)
		return true
	case wire.TypePing, wire.TypeIndirectPing: // or the version of an encryption
		if h, ok := wire.ReadHead(b[1:]); path == "" && (!ok || h.Kind != wire.KindMap) && len(b) >= 29 {
			s.cipher(end, depth)
			return true
		}
		s.plain(t, end, depth, path)
	default:
		s.plain(t, end, depth, path)
	}
	return false
}

// cipher appends an encrypted message. GO-WF-13
func (s *member) cipher(end, depth int) {
	if s.at == end {
		return
	}
	version := rule{meaning: "version of the encryption: 0 pads, 1 does not", clause: "GO-WF-13"}
	s.take(1, end, depth, "version", fmt.Sprint(s.message[s.at]), version, "")
	nonce := s.message[s.at:min(s.at+12, end)]
	s.take(12, end, depth, "nonce", hexadecimal(nonce), rule{meaning: "nonce", clause: "GO-WF-13"}, "")
	text := max(0, end-s.at-16)
	s.take(text, end, depth, "ciphertext", fmt.Sprintf("%d bytes", text),
		rule{meaning: "AES-GCM, bound to the label", clause: "GO-WF-13"}, "")
	s.take(16, end, depth, "tag", hexadecimal(s.message[s.at:end]), rule{meaning: "tag", clause: "GO-WF-13"}, "")
}

// compound appends the head of a compound and every part that is there. GO-WF-10
func (s *member) compound(end, depth int, path string) {
	r := rule{meaning: "compound: how many messages", clause: "GO-WF-10"}
	b := s.message[s.at:end]
	path = join(path, []byte("compound"))
	parts, lost, err := wire.SplitCompound(b)
	if err != nil {
		s.take(len(b), end, depth, path, readable(b[1:]), r, "truncated")
		return
	}
	var lengths []string
	for i := range len(parts) + lost {
		lengths = append(lengths, fmt.Sprint(binary.BigEndian.Uint16(b[2+2*i:])))
	}
	problem := ""
	if lost > 0 {
		problem = fmt.Sprintf("the last %d are truncated", lost)
	}
	s.take(2, end, depth, path, fmt.Sprint(len(parts)+lost), r, problem)
	s.take(2*len(lengths), end, depth, path+".lengths", strings.Join(lengths, " "),
		rule{meaning: "their lengths", clause: "GO-WF-10"}, "")
	for i, part := range parts {
		partEnd, at := s.at+len(part), fmt.Sprintf("%s[%d]", path, i)
		if len(part) > 0 {
			s.any(partEnd, depth+1, at)
		}
		if s.at < partEnd {
			s.rest(partEnd, depth+1, at+".trailing", rule{meaning: "bytes behind the message", clause: "GO-WF-02"})
		}
	}
	if s.at < end {
		s.rest(end, depth+1, path+".truncated", rule{meaning: "the beginning of a message", clause: "GO-WF-10"})
	}
}

// plain appends a message that contains no other, or hides it.
func (s *member) plain(t wire.Type, end, depth int, path string) {
	name := strings.NewReplacer(" ", "_", "/", "_").Replace(t.String())
	path = join(path, []byte(name))
	r := aboutMember(t)
	if r.clause == "" {
		s.take(1, end, depth, path, fmt.Sprint(byte(t)), rule{meaning: "type", clause: "GO-WF-01"}, "no such type")
		return
	}
	s.take(1, end, depth, path, fmt.Sprint(byte(t)), r, "")
	switch t {
	case wire.TypeUser:
		s.user(end, depth+1, path)
	case wire.TypePushPull:
		s.pushPull(end, depth+1, path)
	default:
		s.body(t, end, depth+1, path)
	}
}

// user appends the payload, behind its length if it has one, as on streams. GO-WF-08
func (s *member) user(end, depth int, path string) {
	format := &wire.Format{}
	_, n, err := format.Stream().Decoder().Decode(s.message[s.at-1 : end])
	if err == nil && n == end-s.at+1 {
		s.body(wire.TypeUser, end, depth, path)
	}
	s.rest(end, depth, path+".payload", rule{meaning: "for the application", clause: "GO-WF-08"})
}

// pushPull appends the header, the nodes and the state of the application. GO-WF-07
func (s *member) pushPull(end, depth int, path string) {
	header := s.body(wire.TypePushPull, end, depth, path)
	for i := range header["Nodes"] {
		if s.at == end {
			return
		}
		s.body(wire.TypeAlive, end, depth, fmt.Sprintf("%s.nodes[%d]", path, i))
	}
	if user := header["UserStateLen"]; user > 0 && s.at < end {
		size := int(min(user, uint64(end-s.at)))
		s.take(size, end, depth, path+".user", readable(s.message[s.at:s.at+size]),
			rule{meaning: "state of the application", clause: "GO-WF-07"}, "")
	}
}

// body appends a map with its entries, and returns those that are numbers.
func (s *member) body(t wire.Type, end, depth int, path string) map[string]uint64 {
	numbers := make(map[string]uint64)
	h, ok := wire.ReadHead(s.message[s.at:end])
	if !ok || h.Kind != wire.KindMap {
		s.rest(end, depth, path+".body", rule{meaning: "the body", clause: "GO-WF-02"})
		s.fields[len(s.fields)-1].Problem = "no map"
		return numbers
	}
	fields := rule{meaning: "fields", clause: "GO-WF-02"}
	s.take(h.Size, end, depth, path+".body", fmt.Sprintf("map of %d", h.Value), fields, "")
	for range h.Value {
		start := s.at
		key, _, keyOK := s.value(end)
		v, head, ok := s.value(end)
		if !keyOK || !ok {
			s.at = start
			break
		}
		r, value := memberField(t, string(key), head, v)
		numbers[string(key)] = head.Value
		size := s.at - start
		s.at = start
		s.take(size, end, depth+1, join(path, key), value, r, "")
	}
	return numbers
}

// value passes the value at s.at: its bytes, without the head if these are raw.
func (s *member) value(end int) (v []byte, h wire.Head, ok bool) {
	start, left := s.at, uint64(1)
	for at := s.at; left > 0; {
		inner, ok := wire.ReadHead(s.message[at:end])
		if !ok || inner.Kind == wire.KindNone || inner.Payload > uint64(end-at-inner.Size) ||
			inner.Children > uint64(end-at) {
			return nil, h, false
		}
		if at == start {
			h = inner
		}
		at += inner.Size + int(inner.Payload)
		left += inner.Children - 1
		s.at = at
	}
	if h.Kind == wire.KindRaw {
		start += h.Size
	}
	return s.message[start:s.at], h, true
}

func aboutMember(t wire.Type) rule {
	switch t {
	case wire.TypePing:
		return rule{meaning: "ping: does the node live?", clause: "GO-WF-03"}
	case wire.TypeIndirectPing:
		return rule{meaning: "indirect ping: asks the receiver to ping for the sender", clause: "GO-WF-04"}
	case wire.TypeAck:
		return rule{meaning: "ack: answers a ping", clause: "GO-WF-05"}
	case wire.TypeNack:
		return rule{meaning: "nack: the target of an indirect ping is silent", clause: "GO-WF-05"}
	case wire.TypeError:
		return rule{meaning: "error: ends a stream", clause: "GO-WF-05"}
	case wire.TypeSuspect:
		return rule{meaning: "suspect: the node did not answer", clause: "GO-WF-06"}
	case wire.TypeDead:
		return rule{meaning: "dead: the node failed, or left", clause: "GO-WF-06"}
	case wire.TypeAlive:
		return rule{meaning: "alive: the node can be reached", clause: "GO-WF-06"}
	case wire.TypePushPull:
		return rule{meaning: "push/pull: a member's whole state", clause: "GO-WF-07"}
	case wire.TypeUser:
		return rule{meaning: "user message: the application's", clause: "GO-WF-08"}
	case wire.TypeCompress:
		return rule{meaning: "compression: another message inside", clause: "GO-WF-09"}
	}
	return rule{}
}

// memberField is what a field of a body means, and its value.
func memberField(t wire.Type, key string, h wire.Head, v []byte) (rule, string) {
	r := rule{meaning: memberMeaning(key), clause: aboutMember(t).clause}
	if r.meaning == "" {
		return rule{meaning: "a field that memberlist passes over", clause: "GO-WF-02"}, readable(v)
	}
	switch {
	case h.Kind == wire.KindUint:
		value := fmt.Sprint(h.Value)
		if key == "State" && h.Value <= uint64(wire.StateLeft) {
			value += [...]string{" alive", " suspect", " dead", " left"}[h.Value]
		}
		return r, value
	case h.Kind == wire.KindBool:
		return r, fmt.Sprint(h.Value == 1)
	case h.Kind == wire.KindNil:
		return r, "nil"
	case key == "Addr" || key == "SourceAddr" || key == "Target":
		if a, ok := netip.AddrFromSlice(v); ok {
			return r, a.String()
		}
	case key == "Vsn" && len(v) == 6:
		return r, fmt.Sprintf("protocol %d to %d, speaks %d; application %d to %d, speaks %d",
			v[0], v[1], v[2], v[3], v[4], v[5])
	case key == "Buf":
		return r, inflated(v)
	}
	return r, readable(v)
}

func memberMeaning(key string) string {
	switch key {
	case "Addr":
		return "its address"
	case "Algo":
		return "0 LZW"
	case "Buf":
		return "what is compressed"
	case "Error":
		return "why"
	case "From":
		return "who says so"
	case "Incarnation":
		return "how often the node has refuted"
	case "Join":
		return "whether the sender joins"
	case "Meta":
		return "the application's, of the node"
	case "Nack":
		return "whether a silence is to be told"
	case "Name", "Node":
		return "the node"
	case "Nodes":
		return "how many nodes follow"
	case "Payload":
		return "the application's"
	case "Port":
		return "its port"
	case "SeqNo":
		return "number, echoed in the answer"
	case "SourceAddr", "SourcePort":
		return "where the answer goes"
	case "SourceNode":
		return "who asks"
	case "State":
		return "what is believed of it"
	case "Target":
		return "whom to ping"
	case "UserMsgLen", "UserStateLen":
		return "bytes of the application that follow"
	case "Vsn":
		return "versions of the protocols"
	}
	return ""
}

// inflated names what a compression holds.
func inflated(packed []byte) string {
	compressed := binary.BigEndian.AppendUint32([]byte("\x09\x82\xa4Algo\x00\xa3Buf\xdb"), uint32(len(packed)))
	b, err := wire.Decompress(append(compressed, packed...))
	if err != nil {
		return fmt.Sprintf("%d bytes that do not inflate", len(packed))
	}
	inside := wire.Type(b[0]).String()
	if parts, _, err := wire.SplitCompound(b); err == nil && wire.Type(b[0]) == wire.TypeCompound {
		var names []string
		for _, p := range parts {
			if len(p) > 0 {
				names = append(names, wire.Type(p[0]).String())
			}
		}
		inside += " of " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("%d bytes, which inflate to %d: %s", len(packed), len(b), inside)
}
