package wire

import (
	"encoding/binary"

	"github.com/p2pspec/p2pspec/spec"
)

// Stream is the codec of what goes over streams: [Frame] values. GO-WF-17
func (f *Format) Stream() spec.StreamCodec { return streamCodec{f} }

type streamCodec struct{ format *Format }

// AppendMessage appends a [Frame]: the label if it opens the stream, then the
// message, compressed if the format says so, however long that gets, and encrypted.
func (c streamCodec) AppendMessage(b []byte, m spec.Message) ([]byte, error) {
	frame, ok := m.(Frame)
	if !ok || frame.Msg == nil {
		return b, newFault("GO-WF-01", "stream", 0, "the message is no Frame")
	}
	whole, fault := c.format.appendFrame(b, frame)
	if fault != nil {
		return b, fault
	}
	return whole, nil
}

func (f *Format) appendFrame(b []byte, frame Frame) ([]byte, *Fault) {
	if fault := f.check(); fault != nil {
		return nil, fault
	}
	if frame.Opens && f.Label != "" { // GO-WF-15
		b = append(append(b, byte(TypeLabel), byte(len(f.Label))), f.Label...)
	}
	start := len(b)
	if len(f.Keys) > 0 {
		b = append(b, byte(TypeEncrypt), 0, 0, 0, 0, f.Version)
		b = append(b, frame.Nonce[:]...)
	}
	text := len(b)
	b, fault := appendOnStream(b, frame.Msg)
	if fault != nil {
		return nil, fault
	}
	if f.Compress {
		b = append(b[:text], AppendCompressed(nil, b[text:])...)
	}
	if len(f.Keys) > 0 {
		return f.sealFrame(b, start, text)
	}
	if len(b)-start > MaxInflated {
		return nil, newFault("GO-WF-18", "stream", 0, "a message longer than anyone reads")
	}
	return b, nil
}

// sealFrame encrypts b[text:]; the length that precedes it at b[start:] is part of
// what the encryption is bound to. GO-WF-14
func (f *Format) sealFrame(b []byte, start, text int) ([]byte, *Fault) {
	n := sealedLen(f.Version, len(b)-text)
	if n > MaxStream {
		return nil, newFault("GO-WF-14", "encryption", 0, "longer than 20 MiB")
	}
	binary.BigEndian.PutUint32(b[start+1:], uint32(n))
	return seal(b, start+streamHeadLen, f.Version, f.Keys[0], f.context(b[start:]))
}

// context is what an encrypted message on a stream is bound to.
func (f *Format) context(b []byte) []byte {
	head := b[:streamHeadLen:streamHeadLen]
	return append(head, f.Label...) // a copy, unless there is no label
}

func appendOnStream(b []byte, m Message) ([]byte, *Fault) {
	if !onStreams(m.Type()) {
		return nil, newFault("GO-WF-01", "stream", 0, "a message that has no place on streams")
	}
	if user, ok := m.(User); ok { // GO-WF-08
		if f := check(m); f != nil {
			return nil, f
		}
		b = appendInt(append(b, "\x08\x81\xaaUserMsgLen"...), uint64(len(user.Payload)))
		return append(b, user.Payload...), nil
	}
	return appendBody(b, m)
}

func onStreams(t Type) bool {
	switch t {
	case TypePing, TypeAck, TypePushPull, TypeUser, TypeError:
		return true
	}
	return false
}

// Decoder returns the reader of a new stream, in either direction. GO-WF-17
func (c streamCodec) Decoder() spec.Decoder { return &decoder{format: c.format} }

// decoder reads one direction of one stream.
type decoder struct {
	format *Format
	begun  bool   // the first message has been delivered
	extent extent // of the message that has arrived in part
	fault  *Fault // why nothing can be read any more
}

// Decode reads the first [Frame] in b. Its errors are of type [*Fault]; but what a
// member answers before it hangs up is delivered, as a Frame with that Fault, and is
// the error of the next call. GO-AE-06
func (d *decoder) Decode(b []byte) (spec.Message, int, error) {
	if d.fault == nil {
		d.fault = d.format.check()
	}
	if d.fault != nil {
		return nil, 0, d.fault
	}
	frame, n, f := d.labelled(b)
	switch {
	case f != nil:
		d.fault = f
		return nil, 0, f
	case n == 0:
		return nil, 0, nil
	}
	d.fault = frame.Fault
	d.begun, d.extent = true, extent{}
	return frame, n, nil
}

// labelled reads a frame with what precedes the first. n is zero while it has not
// all arrived.
func (d *decoder) labelled(b []byte) (frame Frame, n int, f *Fault) {
	if d.begun {
		return d.frame(b)
	}
	label, complete, f := d.label(b)
	if f != nil || !complete {
		return Frame{}, 0, f
	}
	frame, n, f = d.frame(b[label:])
	if n > 0 {
		frame.Opens = label > 0 || d.format.Label == ""
		n += label
	}
	return frame, n, f
}

// label is the length of the label at the start of the stream. Who accepted the
// stream wants one there if the cluster has one; who dialled it gets none. So none
// is let pass here, and the frame does not open the stream. GO-WF-15
func (d *decoder) label(b []byte) (n int, complete bool, f *Fault) {
	n, complete, f = labelLen(b)
	if f == nil && n > 0 && complete && string(b[2:n]) != d.format.Label {
		return 0, false, newFault("GO-WF-15", "label", 0, "of another cluster")
	}
	return n, complete, f
}

// frame reads what follows the label. n is zero while it has not all arrived.
func (d *decoder) frame(b []byte) (frame Frame, n int, f *Fault) {
	if len(b) == 0 {
		return Frame{}, 0, nil
	}
	switch t := Type(b[0]); {
	case t == TypeEncrypt:
		return d.encrypted(b)
	case len(d.format.Keys) > 0:
		return Frame{Fault: newFault("GO-WF-14", "stream", 0, "not encrypted, though there is a key")}, len(b), nil
	default:
		if f := d.extent.advance(b); f != nil || !d.extent.complete {
			return Frame{}, 0, f
		}
		n = d.extent.at
		frame, f = d.open(b[:n])
		return frame, n, f
	}
}

// GO-WF-14
func (d *decoder) encrypted(b []byte) (frame Frame, n int, f *Fault) {
	if len(d.format.Keys) == 0 {
		return Frame{Fault: newFault("GO-WF-14", "stream", 0, "encrypted, though there is no key")}, len(b), nil
	}
	if len(b) < streamHeadLen {
		return Frame{}, 0, nil
	}
	length := binary.BigEndian.Uint32(b[1:])
	if length > MaxStream {
		return Frame{Fault: newFault("GO-WF-14", "stream", 1, "encrypted, and longer than 20 MiB")}, len(b), nil
	}
	n = streamHeadLen + int(length)
	if len(b) < n {
		return Frame{}, 0, nil
	}
	text, f := decrypt(b[streamHeadLen:n], d.format.Keys, d.format.context(b))
	if f != nil {
		return Frame{Fault: f}, n, nil
	}
	frame, f = d.open(text)
	frame.Nonce = Nonce(b[streamHeadLen+1:])
	return frame, n, f
}

// open reads a complete message, compressed or not.
func (d *decoder) open(b []byte) (Frame, *Fault) {
	if len(b) > 0 && Type(b[0]) == TypeCompress {
		inner, f := decompress(b, MaxInflated)
		if f != nil {
			return Frame{Fault: f}, nil
		}
		b = inner
	}
	if len(b) == 0 || !onStreams(Type(b[0])) {
		return Frame{}, newFault("GO-WF-01", "stream", 0, "a type that has no place on streams")
	}
	m, _, f := parseBody(b, true)
	if f == nil && d.format.Strict {
		f = strict(b, m, appendOnStream)
	}
	return Frame{Msg: m}, f
}

// extent finds the end of a message that says its length nowhere, while it arrives.
type extent struct {
	skipper
	header   int // bytes up to the end of the first value
	user     int // bytes that follow the last value
	complete bool
}

// advance goes on in b. No message may end beyond [MaxInflated] bytes. GO-WF-07
func (e *extent) advance(b []byte) *Fault {
	if e.at == 0 {
		if t := Type(b[0]); t != TypeCompress && !onStreams(t) {
			return newFault("GO-WF-01", "stream", 0, "a type that has no place on streams")
		}
		e.skipper = skipper{at: 1, left: 1}
	}
	if reason := e.skip(b, MaxInflated); reason != "" {
		return newFault("GO-WF-18", "stream", e.at, reason)
	}
	if e.left > 0 {
		return nil
	}
	if e.header == 0 {
		e.header = e.at
		if f := e.follow(b); f != nil {
			return f
		}
		if e.left > 0 {
			return e.advance(b)
		}
	}
	if e.user > MaxInflated-e.at {
		return newFault("GO-WF-18", "stream", e.at, "a message longer than anyone reads")
	}
	if len(b) < e.at+e.user {
		return nil
	}
	e.at += e.user
	e.complete = true
	return nil
}

// follow reads in the header what else belongs to the message.
func (e *extent) follow(b []byte) *Fault {
	r := reader{b: b[:e.header], at: 1}
	switch Type(b[0]) {
	case TypePushPull:
		r.expect("push/pull", "GO-WF-18")
		h := r.pushPullHeader()
		e.left, e.user = uint64(h.nodes), h.user
	case TypeUser:
		r.expect("user message", "GO-WF-18")
		e.user = r.userHeader()
	}
	return r.fault
}
