package gnutella

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// FuzzStream: no stream makes the decoder panic or stand still, and each of its
// messages is read again from what is written of it.
func FuzzStream(f *testing.F) {
	ping := "\x00\x11\x22\x33\x44\x55\x66\x77\xff\x99\xaa\xbb\xcc\xdd\xee\x00\x00\x01\x00\x00\x00\x00\x00"
	f.Add([]byte("GNUTELLA CONNECT/0.6\r\nX-Try: a\r\n b\r\n\r\nGNUTELLA/0.6 200 OK\r\n\r\n" + ping))
	f.Add([]byte("GNUTELLA CONNECT/0.4\n\n" + ping))
	f.Add([]byte("GNUTELLA OK\n\n" + ping))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := wire.Codec{}.Decoder()
		for {
			m, n, err := d.Decode(b)
			if n == 0 || err != nil {
				if n != 0 {
					t.Fatalf("%d bytes of an error", n)
				}
				return
			}
			b = b[n:]
			if _, err := (wire.Codec{}).AppendMessage(nil, m); err != nil {
				t.Fatalf("%#v cannot be written: %v", m, err)
			}
		}
	})
}

// FuzzPayload: no payload makes a parser panic, and what is read is written as it
// was.
func FuzzPayload(f *testing.F) {
	for kind, payloads := range map[wire.Type][]string{
		wire.TypePong:  {"ca187f0000010100000008000000"},
		wire.TypeQuery: {"8000616c70686120627261766f0075726e3a", "0000740075726e3a1cc381414100"},
		wire.TypePush:  {"000102030405060708090a0b0c0d0e0f050000007f0000015a1b"},
		wire.TypeBye:   {"c8006279650d0a5365727665723a20740d0a0d0a00"},
		wire.TypeQueryHit: {"01ca187f0000010002000001000000150000006100004742554e023c31c38242484096005967e04b1911ff09286b" +
			"70652600"},
		wire.TypeVendor: {"424541520400010000"},
	} {
		for _, p := range payloads {
			b, err := hex.DecodeString(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(byte(kind), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		if again, ok := rewrite(wire.Type(kind), b); ok && !bytes.Equal(again, b) {
			t.Fatalf("%x\nis written as\n%x", b, again)
		}
	})
}

// rewrite reads a payload and writes it; not ok if it is refused, or is not the
// one spelling.
func rewrite(kind wire.Type, b []byte) (again []byte, ok bool) {
	switch kind {
	case wire.TypePong:
		p, err := wire.ParsePong(b)
		return p.Append(nil), err == nil
	case wire.TypeQuery:
		q, err := wire.ParseQuery(b)
		if again, _ = q.Append(nil); len(again)+1 == len(b) && b[len(b)-1] == 0 {
			return nil, false // a NUL behind the extensions
		}
		return again, err == nil
	case wire.TypePush:
		p, err := wire.ParsePush(b)
		return p.Append(nil), err == nil
	case wire.TypeBye:
		y, err := wire.ParseBye(b)
		again = y.Append(nil)
		return again, err == nil && len(again) == len(b) // nothing behind the NUL, no empty headers
	case wire.TypeQueryHit:
		h, err := wire.ParseQueryHit(b)
		if err != nil {
			return nil, false
		}
		again = h.Append(nil)
		return again, len(again) == len(b) // no open data that has no meaning
	case wire.TypeVendor:
		v, err := wire.ParseVendorMessage(b)
		return v.Append(nil), err == nil
	}
	return nil, false
}
