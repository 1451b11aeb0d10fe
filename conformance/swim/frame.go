package swim

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gossip/wire"
)

// Label and Key are those of the cluster that a target is started into by the
// cases of labels and encryption.
const Label = "p2pspec"

// Key is 32 bytes, for AES-256.
func Key() []byte { return []byte("p2pspec: not a secret of anyone.") }

// formats are those that a message of this suite may be in.
func formats() []wire.Format {
	return []wire.Format{
		{}, {Label: Label, Keys: [][]byte{Key()}}, {Label: Label}, {Keys: [][]byte{Key()}},
	}
}

// errFormat is the answer to bytes that no format of this suite reads.
var errFormat = errors.New("no packet of any cluster of this suite")

// parsePacket reads a packet in whichever format it is.
func parsePacket(payload []byte) (p wire.Packet, err error) {
	for _, f := range formats() {
		if m, err := f.ParseMessage(payload); err == nil {
			return m.(wire.Packet), nil
		}
	}
	return wire.Packet{}, errFormat
}

// Lint reports why a payload is none that a correct member may send.
func Lint(payload []byte) error {
	_, err := parsePacket(payload)
	return err
}

// decode renders a packet for a transcript: nil unless it can be read.
func decode(payload []byte) any {
	if len(payload) > largest {
		return nil
	}
	p, err := parsePacket(payload)
	if err != nil {
		return nil
	}
	if len(p.Parts) == 1 {
		return readable(p.Parts[0])
	}
	parts := make([]any, len(p.Parts))
	for i, m := range p.Parts {
		parts[i] = readable(m)
	}
	return parts
}

// largest is more than any packet has that is worth reading by eye.
const largest = 1 << 14

// readable is a message under its name.
func readable(m wire.Message) any { return map[string]any{called(m.Type()): m} }

// called is what a type is called in a transcript.
func called(t wire.Type) string {
	switch t {
	case wire.TypePing:
		return "ping"
	case wire.TypeIndirectPing:
		return "indirect ping"
	case wire.TypeAck:
		return "ack"
	case wire.TypeNack:
		return "nack"
	case wire.TypeSuspect:
		return "suspect"
	case wire.TypeAlive:
		return "alive"
	case wire.TypeDead:
		return "dead"
	case wire.TypePushPull:
		return "push/pull"
	case wire.TypeUser:
		return "user"
	case wire.TypeError:
		return "error"
	default:
		return fmt.Sprintf("type %d", t)
	}
}

// Frame finds the first message of a stream's beginning, in whichever format.
func Frame(_ *conformance.Stream, _ int64, buf []byte) (n int, decoded any) {
	m, n, err := parseFrame(buf)
	if err != nil {
		return len(buf), nil
	}
	if n == 0 {
		return 0, nil
	}
	return n, readable(m)
}

// LintStream reports why bytes are no messages that a correct member may write.
func LintStream(_ *conformance.Stream, _ int64, b []byte) error {
	for len(b) > 0 {
		_, n, err := parseFrame(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("the message is cut off")
		}
		b = b[n:]
	}
	return nil
}

// parseFrame reads the first frame in whichever format it is; n is 0 if more has
// to come.
func parseFrame(b []byte) (m wire.Message, n int, err error) {
	more := false
	for _, f := range formats() {
		got, n, err := f.Stream().Decoder().Decode(bytes.Clone(b))
		if err == nil && n > 0 && got.(wire.Frame).Fault == nil {
			return got.(wire.Frame).Msg, n, nil
		}
		more = more || err == nil && n == 0
	}
	if more {
		return nil, 0, nil
	}
	return nil, 0, errFormat
}
