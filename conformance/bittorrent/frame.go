package bittorrent

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/annotate"
	"github.com/p2pspec/p2pspec/spec"
)

// Frame cuts the transcript of a stream into handshake and messages. A stream
// to the harness's tracker begins otherwise, and is shown as it came.
func Frame(_ *conformance.Stream, at int64, b []byte) (n int, decoded any) {
	if at == 0 && b[0] != 19 {
		return len(b), nil
	}
	if at == 0 {
		if len(b) < wire.HandshakeLen {
			return 0, nil
		}
		return wire.HandshakeLen, map[string]any{
			"message":   "handshake",
			"reserved":  fmt.Sprintf("%x", b[20:28]),
			"info_hash": fmt.Sprintf("%x", b[28:48]),
			"peer_id":   fmt.Sprintf("%q", b[48:68]),
		}
	}
	if len(b) < 4 {
		return 0, nil
	}
	size := binary.BigEndian.Uint32(b)
	if uint64(len(b)) < 4+uint64(size) {
		return 0, nil
	}
	n = 4 + int(size)
	return n, describe(b[:n])
}

// describe renders one message for the transcript.
func describe(b []byte) any {
	m, _, err := messageDecoder().Decode(b)
	if err != nil {
		return map[string]any{"message": "none", "why": err.Error()}
	}
	switch m := m.(type) {
	case *wire.Hashes:
		return map[string]any{
			"message": m.Type.String(), "root": fmt.Sprintf("%x", m.PiecesRoot[:4]), "layer": m.BaseLayer,
			"index": m.Index, "count": m.Count, "proof": m.ProofLayers, "hashes": len(m.Hashes) / 32,
		}
	case *wire.Message:
		return fields(m)
	default:
		return nil
	}
}

func fields(m *wire.Message) map[string]any {
	d := map[string]any{"message": m.Type.String()}
	switch m.Type {
	case wire.Have, wire.Suggest, wire.AllowedFast:
		d["piece"] = m.Index
	case wire.Request, wire.Cancel, wire.Reject:
		d["piece"], d["begin"], d["length"] = m.Index, m.Begin, m.Length
	case wire.Piece:
		d["piece"], d["begin"], d["bytes"] = m.Index, m.Begin, len(m.Data)
	case wire.Bitfield:
		d["bytes"] = len(m.Data)
	case wire.Port:
		d["port"] = m.Port
	case wire.Extended:
		d["id"] = m.ExtID
		if v, rest := annotate.Readable(m.Data); v != nil {
			d["payload"], d["behind"] = v, len(rest)
		}
	}
	return d
}

func messageDecoder() spec.Decoder { return codec().MessageDecoder() }

// LintStream refuses what a correct peer may not send, by the word of the
// verified codec.
func LintStream(_ *conformance.Stream, at int64, b []byte) error {
	if bytes.HasPrefix(b, []byte("HTTP/")) {
		return nil // of the harness's tracker
	}
	d := codec().Decoder()
	if at > 0 {
		d = codec().MessageDecoder()
	}
	for len(b) > 0 {
		_, n, err := d.Decode(b)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("a part of a message")
		}
		b = b[n:]
	}
	return nil
}
