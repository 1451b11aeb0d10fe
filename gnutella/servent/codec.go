package servent

import (
	"bytes"

	"github.com/p2pspec/p2pspec/gnutella/transfer"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
)

// Codec is what may come and go on a servent's port: the messages of
// [wire.Codec] and of [transfer.Codec].
type Codec struct{}

var _ spec.StreamCodec = Codec{}

// AppendMessage appends a message. With an error b is returned as it was.
func (Codec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	if ownerOf(m) == ofFiles {
		return transfer.Codec{}.AppendMessage(b, m)
	}
	return wire.Codec{}.AppendMessage(b, m)
}

// Decoder returns the reader of one direction of a stream.
func (Codec) Decoder() spec.Decoder { return &Decoder{} }

// Decoder finds the messages in one direction of a stream, which is of the protocol
// that its first bytes are of.
type Decoder struct{ of spec.Decoder }

// hello begins a handshake, and nothing of HTTP (GN-HS-01, GN-HS-02).
const hello = "GNUTELLA"

// Decode reads the next message.
func (d *Decoder) Decode(b []byte) (spec.Message, int, error) {
	if d.of == nil {
		begin := b[:min(len(b), len(hello))]
		switch {
		case !bytes.HasPrefix([]byte(hello), begin):
			d.of = transfer.Codec{}.Decoder()
		case len(begin) < len(hello):
			return nil, 0, nil
		default:
			d.of = wire.Codec{}.Decoder()
		}
	}
	return d.of.Decode(b)
}
