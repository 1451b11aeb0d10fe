package napster

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/spec"
)

// Type says what a message is. Numbers below are the protocol's.
type Type uint16

// The message types. Those that go both ways are named for what the client means.
const (
	TypeLoginError  Type = 0   // text; the login failed
	TypeLogin       Type = 2   // Login
	TypeLoginAck    Type = 3   // the address that was given at registration
	TypeNewUser     Type = 6   // NewUser: registers and logs in
	TypeNickCheck   Type = 7   // nick
	TypeNickFree    Type = 8   // empty
	TypeNickTaken   Type = 9   // empty
	TypeNickInvalid Type = 10  // empty
	TypeShare       Type = 100 // File
	TypeUnshare     Type = 102 // file name
	TypeSearch      Type = 200 // Search
	TypeResult      Type = 201 // Result
	TypeResultEnd   Type = 202 // empty
	TypeGet         Type = 203 // Request
	TypeGetAck      Type = 204 // Ack
	TypeGetError    Type = 206 // Request that cannot be met
	TypeNotOnline   Type = 210 // nick; in answer to a browse
	TypeBrowse      Type = 211 // nick
	TypeBrowseItem  Type = 212 // Listing
	TypeBrowseEnd   Type = 213 // nick
	TypeStats       Type = 214 // Stats; empty from a client
	TypeResume      Type = 215 // Resume
	TypeResumeMatch Type = 216 // Match
	TypeResumeEnd   Type = 217 // empty
	TypeDownStart   Type = 218 // empty
	TypeDownEnd     Type = 219 // empty
	TypeUpStart     Type = 220 // empty
	TypeUpEnd       Type = 221 // empty
	TypeError       Type = 404 // text
	TypePush        Type = 500 // Request to somebody behind a firewall
	TypePushAck     Type = 501 // Ack, to the uploader: where to connect to
	TypeSpeed       Type = 600 // nick
	TypeSpeedAck    Type = 601 // Speed
	TypeWhois       Type = 603 // nick
	TypeWhoisAck    Type = 604 // Whois
	TypeWhowas      Type = 605 // Whowas
	TypeUpload      Type = 607 // Request, to the uploader
	TypeUploadAck   Type = 608 // Request that the uploader agrees to
	TypeMOTD        Type = 621 // a line of text; empty from a client
	TypePing        Type = 751 // nick
	TypePong        Type = 752 // nick
)

// String is the number: it is what the field's documents say.
func (t Type) String() string { return fmt.Sprintf("message %d", uint16(t)) }

// Message is one message, to or from a server.
type Message struct {
	Type Type
	Text string // without a terminator; its form follows from Type
}

func (Message) IsMessage() {}

const (
	headerSize = 4
	// MaxText bounds the text of a message. The length field could say 65,535; no
	// message of the protocol is near this, and OpenNap has the same limit.
	MaxText = 2048
)

// Codec is the stream between a client and a server, in either direction: length
// of the text, type, both little-endian, and the text.
//
// NP-FR-01, NP-FR-02.
type Codec struct{}

var _ spec.StreamCodec = Codec{}

// AppendMessage appends a [Message]. With an error b is returned as it was: the
// text is too long or has a NUL.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	msg, ok := m.(Message)
	if !ok {
		return b, fmt.Errorf("napster: %T is no Message", m)
	}
	if err := checkText(msg); err != nil {
		return b, err
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(msg.Text)))
	b = binary.LittleEndian.AppendUint16(b, uint16(msg.Type))
	return append(b, msg.Text...), nil
}

// Decoder returns the reader of one direction of a stream.
func (Codec) Decoder() spec.Decoder { return decoder{} }

// decoder remembers nothing: every message stands for itself.
type decoder struct{}

func (decoder) Decode(b []byte) (spec.Message, int, error) {
	if len(b) < headerSize {
		return nil, 0, nil
	}
	n := int(binary.LittleEndian.Uint16(b))
	m := Message{Type: Type(binary.LittleEndian.Uint16(b[2:]))}
	if n > MaxText {
		return nil, 0, malformed(m.Type, "length", "%d bytes, at most %d", n, MaxText)
	}
	if len(b) < headerSize+n {
		return nil, 0, nil
	}
	m.Text = string(b[headerSize : headerSize+n])
	if err := checkText(m); err != nil {
		return nil, 0, err
	}
	return m, headerSize + n, nil
}

func checkText(m Message) error {
	if len(m.Text) > MaxText {
		return malformed(m.Type, "length", "%d bytes, at most %d", len(m.Text), MaxText)
	}
	if i := strings.IndexByte(m.Text, 0); i >= 0 {
		return malformed(m.Type, "text", "a NUL at byte %d", i)
	}
	return nil
}
