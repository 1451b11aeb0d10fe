package gnutella

import (
	"bytes"
	"fmt"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// Frame cuts the transcript of a stream into blocks of lines and descriptors. What
// is neither, as a compressed stream or a file, is shown as it came.
func Frame(_ *conformance.Stream, _ int64, b []byte) (n int, decoded any) {
	if isText(b) {
		return frameLines(b)
	}
	d, n, err := wire.ParseDescriptor(b)
	switch {
	case err != nil, d.GUID == (wire.GUID{}) && d.TTL == 0:
		return len(b), nil
	case n == 0:
		return 0, nil
	}
	return n, describe(&d)
}

// isText reports that lines begin here: of a handshake, of HTTP or of GIV.
func isText(b []byte) bool {
	for _, prefix := range []string{"GNUTELLA", "HTTP/", "GET ", "HEAD ", "GIV "} {
		if bytes.HasPrefix(b, []byte(prefix)[:min(len(b), len(prefix))]) {
			return true
		}
	}
	return false
}

// frameLines shows a block up to its empty line.
func frameLines(b []byte) (n int, decoded any) {
	for _, end := range []string{"\r\n\r\n", "\n\n", "\n\r\n"} {
		if i := bytes.Index(b, []byte(end)); i >= 0 && (n == 0 || i+len(end) < n) {
			n = i + len(end)
		}
	}
	if n == 0 {
		return 0, nil
	}
	var lines []string
	for line := range bytes.SplitSeq(bytes.TrimRight(b[:n], "\r\n"), []byte("\n")) {
		lines = append(lines, fmt.Sprintf("%.200s", bytes.TrimRight(line, "\r")))
	}
	return n, map[string]any{"message": "lines", "lines": lines}
}

// Decode renders a descriptor of a compressed stream for the transcript.
func Decode(b []byte) any {
	d, n, err := wire.ParseDescriptor(b)
	if n == 0 || err != nil {
		return nil
	}
	return describe(&d)
}

// describe renders one descriptor for the transcript.
func describe(d *wire.Descriptor) any {
	fields := map[string]any{
		"message": d.Type.String(), "guid": fmt.Sprintf("%x", d.GUID[:]), "ttl": d.TTL, "hops": d.Hops,
		"bytes": len(d.Payload),
	}
	if err := describePayload(d, fields); err != nil {
		fields["why"] = err.Error()
	}
	return fields
}

func describePayload(d *wire.Descriptor, fields map[string]any) error {
	switch d.Type {
	case wire.TypePong:
		p, err := wire.ParsePong(d.Payload)
		fields["addr"], fields["files"], fields["kilobytes"] = p.Addr.String(), p.Files, p.Kilobytes
		return err
	case wire.TypeQuery:
		q, err := wire.ParseQuery(d.Payload)
		fields["flags"], fields["text"] = fmt.Sprintf("%04x", uint16(q.Flags)), string(q.Text)
		fields["extensions"] = fmt.Sprintf("%q", q.Extensions)
		return err
	case wire.TypeQueryHit:
		h, err := wire.ParseQueryHit(d.Payload)
		fields["addr"], fields["count"], fields["servent"] = h.Addr.String(), h.Count, fmt.Sprintf("%x", h.ServentID[:])
		fields["results"] = fmt.Sprintf("%q", h.Results)
		return err
	case wire.TypePush:
		p, err := wire.ParsePush(d.Payload)
		fields["addr"], fields["index"], fields["servent"] = p.Addr.String(), p.Index, fmt.Sprintf("%x", p.ServentID[:])
		return err
	case wire.TypeBye:
		y, err := wire.ParseBye(d.Payload)
		fields["code"], fields["text"] = y.Code, string(y.Text)
		return err
	case wire.TypeVendor, wire.TypeStandardVendor:
		v, err := wire.ParseVendorMessage(d.Payload)
		fields["vendor"] = fmt.Sprintf("%q/%dv%d", v.Vendor[:], v.Selector, v.Version)
		return err
	}
	return nil
}

// LintStream refuses what a correct servent may not send, by the word of the
// verified codec.
func LintStream(_ *conformance.Stream, _ int64, b []byte) error {
	if isText(b) && !bytes.HasPrefix(b, []byte("GNUTELLA")) {
		return nil // of a transfer
	}
	if bytes.HasPrefix(b, []byte("GNUTELLA")) {
		_, n, err := wire.Codec{}.Decoder().Decode(b)
		if err == nil && n < len(b) {
			err = fmt.Errorf("%d bytes beside the lines of a handshake", len(b)-n)
		}
		return err
	}
	for len(b) > 0 {
		d, n, err := wire.ParseDescriptor(b)
		if err == nil {
			err = describePayload(&d, map[string]any{})
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("a part of a descriptor")
		}
		b = b[n:]
	}
	return nil
}
