package wire

import (
	"bytes"

	"github.com/p2pspec/p2pspec/spec"
)

// Codec is the stream between two servents: [Connect], [Status] and [Descriptor]
// messages.
type Codec struct{}

var _ spec.StreamCodec = Codec{}

// AppendMessage appends a message. With an error b is returned as it was.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	switch m := m.(type) {
	case Connect:
		return m.append(b)
	case Status:
		return m.append(b)
	case Descriptor:
		return m.Append(b)
	}
	return b, malformed("stream", 0, "GN-HD-01", "message type %T", m)
}

// DatagramCodec is what two servents send each other by UDP: one [Descriptor] in each
// datagram (GN-VE-06).
type DatagramCodec struct{}

var _ spec.Codec = DatagramCodec{}

// AppendMessage appends a descriptor. With an error b is returned as it was.
func (DatagramCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	d, ok := m.(Descriptor)
	if !ok {
		return b, malformed("datagram", 0, "GN-VE-06", "message type %T", m)
	}
	return d.Append(b)
}

// ParseMessage reads a datagram, from which the payload borrows.
func (DatagramCodec) ParseMessage(b []byte) (spec.Message, error) {
	d, n, err := ParseDescriptor(b)
	if err == nil && n != len(b) || n == 0 && err == nil {
		err = malformed("datagram", n, "GN-VE-06", "%d bytes, want one descriptor", len(b))
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Decoder returns the reader of one direction of a stream.
func (Codec) Decoder() spec.Decoder { return &Decoder{} }

// Decoder finds the messages in one direction of a stream.
type Decoder struct{ stage stage }

// stage is what may come next.
type stage uint8

const (
	atStart     stage = iota
	atAnswer          // after Connect: the third step
	descriptors       // the handshake is over
	refused           // a code other than 200: nothing follows
)

// Decode reads the next message.
func (d *Decoder) Decode(b []byte) (spec.Message, int, error) {
	switch d.stage {
	case descriptors:
		m, n, err := ParseDescriptor(b)
		if n == 0 || err != nil {
			return nil, 0, err
		}
		return m, n, nil
	case refused:
		if len(b) == 0 {
			return nil, 0, nil
		}
		return nil, 0, malformed("handshake", 0, "GN-HS-05", "%d bytes after a refusal", len(b))
	}
	lines, n, err := SplitHead(b)
	if n == 0 || err != nil {
		return nil, 0, err
	}
	m, err := d.step(lines)
	if err != nil {
		return nil, 0, err
	}
	return m, n, nil
}

func (d *Decoder) step(lines [][]byte) (spec.Message, error) {
	switch first := lines[0]; {
	case d.stage == atStart && bytes.HasPrefix(first, []byte(connectPrefix)):
		c, err := parseConnect(lines)
		d.stage = atAnswer
		if c.Version.Old() {
			d.stage = descriptors
		}
		return c, err
	case bytes.HasPrefix(first, []byte(statusPrefix)), d.stage == atStart && string(first) == oldAnswer:
		s, err := parseStatus(lines)
		d.stage = descriptors
		if s.Code != Accepted {
			d.stage = refused
		}
		return s, err
	default:
		return nil, malformed("handshake", 0, "GN-HS-01", "%.40q opens no step of a handshake", first)
	}
}

// SplitHead cuts off one side's lines up to the empty one, each without its end:
// CR LF, or LF alone as in 0.4 (GN-HS-13). They take n bytes, which is 0 while they
// are incomplete. HTTP messages begin in the same way.
func SplitHead(b []byte) (lines [][]byte, n int, err error) {
	window := b[:min(len(b), MaxHandshake)]
	for n < len(window) {
		end := bytes.IndexByte(window[n:], '\n')
		if end < 0 {
			break
		}
		line := bytes.TrimSuffix(window[n:n+end], []byte("\r"))
		n += end + 1
		switch {
		case len(line) == 0 && len(lines) == 0:
			return nil, 0, malformed("head", 0, "GN-HS-01", "an empty line comes first")
		case len(line) == 0:
			return lines, n, nil
		case bytes.IndexByte(line, '\r') >= 0:
			return nil, 0, malformed("head", n-end, "GN-HS-07", "CR within a line")
		}
		lines = append(lines, line)
	}
	if len(b) >= MaxHandshake {
		return nil, 0, malformed("head", MaxHandshake, "GN-HS-01", "no empty line within %d bytes", MaxHandshake)
	}
	return nil, 0, nil
}
