package gossip

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/p2pspec/p2pspec/gossip/crdt"
	"github.com/p2pspec/p2pspec/gossip/wire"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// wireSeeds adds what the vectors hold under a name.
func wireSeeds(f *testing.F, field string) {
	file, err := vectors.Load("swim")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		for _, values := range []vectors.Values{v.Input, v.Expect} {
			if values.Has(field) {
				f.Add(values.Bytes(field))
			}
		}
	}
}

func wireFormats() []*wire.Format {
	key := []byte(strings.Repeat("k", 16))
	return []*wire.Format{
		{}, {Strict: true}, {Compress: true}, {Label: "blue"}, {Keys: [][]byte{key}, Version: 1},
		{Label: "blue", Keys: [][]byte{[]byte(strings.Repeat("o", 32)), key}},
	}
}

// faulty says that an error is none, or a fault with its clause.
func faulty(t *testing.T, err error) bool {
	var fault *wire.Fault
	if err != nil && (!errors.As(err, &fault) || fault.Clause == "" || fault.Reason == "" || fault.At < 0) {
		t.Errorf("%v is no fault with a clause", err)
	}
	return err != nil
}

// FuzzWirePacket: no datagram makes the parser panic or give more than its limits;
// what it reads is written, and read again as the same bytes. GO-WF-16
func FuzzWirePacket(f *testing.F) {
	wireSeeds(f, "packet")
	wireSeeds(f, "message")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range wireFormats() {
			m, err := format.ParseMessage(b)
			if faulty(t, err) {
				continue
			}
			p := m.(wire.Packet)
			if len(p.Parts) == 0 || len(p.Parts) > wire.MaxMessages || len(p.Faults) > wire.MaxFaults {
				t.Fatalf("%d messages, %d faults", len(p.Parts), len(p.Faults))
			}
			for _, fault := range p.Faults {
				faulty(t, fault)
			}
			p.Parts = p.Parts[:min(len(p.Parts), wire.MaxParts)]
			p.Faults = nil
			first, err := format.AppendMessage(nil, p)
			if faulty(t, err) {
				continue // a user message may be longer than a part
			}
			again, err := format.ParseMessage(first)
			if err != nil {
				t.Fatalf("%+v, read from %x, is written %x, which is refused: %v", p, b, first, err)
			}
			if second, err := format.AppendMessage(nil, again); err != nil || !bytes.Equal(first, second) {
				t.Fatalf("%x is written again as %x, %v", first, second, err)
			}
			if len(p.Parts) == 1 && format.Strict && !p.CRC && wire.Type(b[0]) != wire.TypeCompound &&
				wire.Type(b[0]) != wire.TypeCompress && !bytes.Equal(first, b) {
				t.Fatalf("%x passes as strict, though it is written %x", b, first)
			}
		}
	})
}

// FuzzWireStream: however the bytes are cut, the decoder gives the same frames and
// takes the same bytes; what it reads is written again. GO-WF-17
func FuzzWireStream(f *testing.F) {
	wireSeeds(f, "packet")
	wireSeeds(f, "message")
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 1<<12)]
		for _, format := range wireFormats() {
			whole, used := frames(t, format, b, len(b))
			cut, cutUsed := frames(t, format, b, 1)
			if used != cutUsed || len(whole) != len(cut) {
				t.Fatalf("%d frames in %d bytes at once, %d in %d byte by byte", len(whole), used, len(cut), cutUsed)
			}
			for i := range whole {
				if !bytes.Equal(whole[i], cut[i]) {
					t.Fatalf("frame %d is %x at once, %x byte by byte", i, whole[i], cut[i])
				}
			}
		}
	})
}

// frames decodes b, of which chunk bytes arrive at a time, and writes each frame again.
func frames(t *testing.T, format *wire.Format, b []byte, chunk int) (written [][]byte, used int) {
	codec := format.Stream()
	decoder := codec.Decoder()
	for arrived := 0; ; {
		m, n, err := decoder.Decode(b[used:arrived])
		if faulty(t, err) {
			return written, used
		}
		if n == 0 {
			if arrived == len(b) {
				return written, used
			}
			arrived = min(len(b), arrived+chunk)
			continue
		}
		frame := m.(wire.Frame)
		if frame.Fault != nil {
			return append(written, []byte(frame.Fault.Clause)), 0 // it takes what is there
		}
		used += n
		again, err := codec.AppendMessage(nil, frame)
		if err != nil {
			t.Fatalf("%+v was read, and cannot be written: %v", frame, err)
		}
		written = append(written, again)
	}
}

// FuzzWireLayers: no layer panics; what each opens it can close again.
func FuzzWireLayers(f *testing.F) {
	wireSeeds(f, "packet")
	f.Fuzz(func(t *testing.T, b []byte) {
		if parts, lost, err := wire.SplitCompound(b); !faulty(t, err) && lost == 0 {
			again, err := wire.AppendCompound(nil, parts...)
			if err != nil || !bytes.Equal(again[1:], b[1:len(again)]) {
				t.Errorf("%x splits, and is put together as %x, %v", b, again, err)
			}
		}
		if label, rest, err := wire.SplitLabel(b); !faulty(t, err) {
			again, err := wire.AppendLabel(nil, label)
			if err != nil || !bytes.Equal(append(again, rest...), b) {
				t.Errorf("%x is labelled %q", b, label)
			}
		}
		if m, err := wire.CheckCRC(b); !faulty(t, err) && !bytes.Equal(wire.AppendCRC(nil, m)[1:], b[1:]) {
			t.Errorf("%x has another checksum", b)
		}
		if len(b) > 0 {
			if m, err := wire.Decompress(b); !faulty(t, err) {
				again, err := wire.Decompress(wire.AppendCompressed(nil, m))
				if err != nil || !bytes.Equal(again, m) {
					t.Errorf("%x is not what it was compressed from, %x, %v", again, m, err)
				}
			}
		}
		_, err := wire.Decrypt(b, wireFormats()[4].Keys, nil)
		faulty(t, err)
	})
}

// FuzzCRDT: no bytes make a parser panic, and what it accepts has that one encoding.
func FuzzCRDT(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x01\x01a\x05"))
	f.Add([]byte("\x01\x01a\x05\x00"))
	f.Add([]byte("\x02\x00\x01b"))
	f.Add([]byte("\x02\x01j\x01\x01a\x00\x01k\x02\x01a\x01\x01v"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again [][]byte
		if c, err := crdt.ParseGCounter(b); err == nil {
			again = append(again, c.AppendState(nil))
		}
		if c, err := crdt.ParsePNCounter(b); err == nil {
			again = append(again, c.AppendState(nil))
		}
		if s, err := crdt.ParseGSet(b); err == nil {
			again = append(again, s.AppendState(nil))
		}
		if m, err := crdt.ParseLWWMap(b); err == nil {
			again = append(again, m.AppendState(nil))
		}
		for _, a := range again {
			if !bytes.Equal(a, b) {
				t.Errorf("%x is read, and written %x", b, a)
			}
		}
	})
}
