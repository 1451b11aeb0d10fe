// Package wire holds the fuzz targets of the peer wire protocol:
//
//	go test -fuzz FuzzStream ./fuzz/wire
//	go test -fuzz FuzzExtended ./fuzz/wire
//	go test -fuzz FuzzPeerID ./fuzz/wire
//
// Without -fuzz, go test runs the seeds: one message of each type, and the
// published vectors.
package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/catalogue"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// payloads are the extended payloads of the vectors.
func payloads(f *testing.F) (list [][]byte) {
	file, err := vectors.Load("extension")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		list = append(list, v.Input.Bytes("payload"))
	}
	return list
}

// stream is a handshake and messages of all types.
func stream(f *testing.F) (b []byte) {
	messages := []spec.Message{
		&wire.Handshake{Reserved: [8]byte{5: 0x10, 7: 0x05}},
		&wire.Message{Type: wire.KeepAlive},
		&wire.Message{Type: wire.Bitfield, Data: []byte{0xff, 0x80}},
		&wire.Message{Type: wire.Piece, Index: 1, Begin: 2, Data: []byte("block")},
		&wire.Hashes{Type: wire.HashRequest, Count: 2},
		&wire.Hashes{Type: wire.HashesMessage, Count: 2, ProofLayers: 1, Hashes: make([]byte, 96)},
		&wire.Hashes{Type: wire.HashReject, Count: 2},
		&wire.Message{Type: 99, Data: []byte("unassigned")},
	}
	for t := wire.Choke; t <= wire.Extended; t++ {
		if t != wire.Bitfield && t != wire.Piece {
			messages = append(messages, &wire.Message{Type: t, Index: 7, Length: 16 << 10})
		}
	}
	for _, p := range payloads(f) {
		messages = append(messages, &wire.Message{Type: wire.Extended, ExtID: 3, Data: p})
	}
	for _, m := range messages {
		var err error
		if b, err = (wire.Codec{}).AppendMessage(b, m); err != nil {
			f.Fatal(err)
		}
	}
	return b
}

// FuzzStream: no stream makes the decoder panic or take more than there is. It
// says the same of a prefix as of the whole, up to where the prefix ends; what
// it accepts is written again as it was; and it waits only for what is no
// longer than the limits allow.
func FuzzStream(f *testing.F) {
	all := stream(f)
	f.Add(all, uint16(9), int32(0))
	f.Add(all[:80], uint16(0), int32(9))
	f.Add(append(bytes.Clone(all[:wire.HandshakeLen]), 0xff, 0xff, 0xff, 0xff), uint16(70), int32(1313))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, pieces int32) {
		codec := wire.Codec{Limits: wire.Limits{
			Pieces: pieces, MaxPieces: 1000, MaxBlock: 100, MaxExtended: 200, MaxUnknown: 50, MaxHashes: 4,
		}}
		whole, parts := codec.Decoder(), codec.Decoder()
		prefix := min(int(cut), len(b))
		for at := 0; ; {
			m, n, err := whole.Decode(b[at:])
			if again, k, early := parts.Decode(b[at:max(at, prefix)]); early != nil && err == nil ||
				k != 0 && (k != n || !cmp.Equal(m, again)) {
				t.Fatalf("at %d: %d, %v; of %d bytes alone %d, %v", at, n, err, prefix, k, early)
			} else if k == 0 && n != 0 {
				parts.Decode(b[at:])
			}
			if checkRefusal(t, err); err != nil {
				return
			}
			if n == 0 {
				longest := 1000
				if pieces > 0 {
					longest = max(longest, 1+4+int(wire.BitfieldLen(pieces)))
				}
				if len(b)-at > longest {
					t.Fatalf("%d bytes wait for more", len(b)-at)
				}
				return
			}
			if n > len(b)-at {
				t.Fatalf("%d bytes are taken of %d", n, len(b)-at)
			}
			if out, err := codec.AppendMessage(nil, m); err != nil || !bytes.Equal(out, b[at:at+n]) {
				t.Fatalf("%x is written as %x, %v", b[at:at+n], out, err)
			}
			at += n
		}
	})
}

// FuzzExtended: no payload makes a reader panic. What is read is written as
// canonical bytes, which read as the same, without a fault.
func FuzzExtended(f *testing.F) {
	for _, p := range payloads(f) {
		f.Add(p)
	}
	f.Add([]byte("d1:v1:x1:pi1e1:md1:b2:101:ai300e1:ci4eee"))
	f.Add([]byte("d5:added12:\x7f\x00\x00\x01\x55\xaa\x01\x02\x03\x04\x00\x007:added.f1:\x01e"))
	f.Add([]byte{0, 0, 1, 2, 3, 4, 0x1a, 0xe1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := wire.ParseExtensionHandshake(b)
		if checkRefusal(t, err); err == nil {
			h.Fault = nil
			again, err := wire.ParseExtensionHandshake(h.Append(nil))
			compare(t, h, again, err)
		}
		m, err := wire.ParseMetadata(b)
		if checkRefusal(t, err); err == nil && m.Type >= 0 && m.Type <= wire.MetadataReject {
			again, err := wire.ParseMetadata(m.Append(nil))
			compare(t, m, again, err)
		}
		p, err := wire.ParsePex(b)
		if checkRefusal(t, err); err == nil {
			once := p.Append(nil)
			again, err := wire.ParsePex(once)
			if twice := again.Append(nil); err != nil || !bytes.Equal(once, twice) || again.Fault != nil {
				t.Fatalf("%q is written again as %q, %v, %v", once, twice, again.Fault, err)
			}
			if _, err := bencode.Parse(once, bencode.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		hp, err := wire.ParseHolepunch(b)
		if checkRefusal(t, err); err == nil {
			again, err := wire.ParseHolepunch(hp.Append(nil))
			compare(t, hp, again, err)
		}
	})
}

// FuzzPeerID: any 20 bytes are a peer id, and one of Azureus' style can be
// made of its parts.
func FuzzPeerID(f *testing.F) {
	for _, id := range []string{
		"-TR300Z-w4bd4mkebkbi", "T03I-----abcdefghijk", "A2-1-36-0-abcdefghij", "--------------------",
	} {
		f.Add([]byte(id))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 20 {
			return
		}
		id := [20]byte(b)
		c := wire.ParsePeerID(id)
		if (c.Style == wire.StyleNone) != (c.Code == "" && c.Version == "") {
			t.Fatalf("%q is %+v", b, c)
		}
		again, err := wire.NewPeerID(string(b[:8]), [12]byte(b[8:]))
		if azureus := c.Style == wire.StyleAzureus; azureus != (err == nil) || azureus && again != id {
			t.Fatalf("%q is %+v, and made again %q, %v", b, c, again, err)
		}
	})
}

// checkRefusal wants an error to cite a clause of the catalogue.
func checkRefusal(t *testing.T, err error) {
	var refused *wire.Error
	if err == nil {
		return
	}
	if !errors.As(err, &refused) {
		t.Fatalf("%v is no *wire.Error", err)
	}
	if _, ok := catalogue.Lookup(refused.Clause); !ok || refused.What == "" {
		t.Fatalf("%v cites nothing", err)
	}
}

func compare(t *testing.T, want, got any, err error) {
	t.Helper()
	equate := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})}
	if diff := cmp.Diff(want, got, equate); err != nil || diff != "" {
		t.Fatalf("read again: %v %s", err, diff)
	}
}
