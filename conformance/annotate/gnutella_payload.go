package annotate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// payload appends the fields of a payload. One that its reader refuses is a single
// field.
func (s *servent) payload(d wire.Descriptor) {
	end := s.at + len(d.Payload)
	if err := readPayload(d); err != nil {
		s.refuse(end, "payload", rule{meaning: "payload", clause: aboutDescriptor(d.Type).clause}, err)
		return
	}
	switch d.Type {
	case wire.TypePing:
		s.block(end, "GN-PG-01")
	case wire.TypePong:
		s.port("GN-PG-02")
		s.address("GN-PG-02")
		s.number32("files", rule{meaning: "files that it shares", clause: "GN-PG-09"})
		s.number32("kilobytes", rule{meaning: "and how large they are together", clause: "GN-PG-09"})
		s.block(end, "GN-PG-02")
	case wire.TypeBye:
		s.number16("code", rule{meaning: "200 the user's, 400 a fault of the other, 500 an own one", clause: "GN-BY-08"})
		s.text("text", end, rule{meaning: "why", clause: "GN-BY-01"})
	case wire.TypeQRP:
		s.route(d.Payload)
	case wire.TypeVendor, wire.TypeStandardVendor:
		s.take(4, 1, "vendor", readable(d.Payload[:4]), rule{meaning: "whose message it is", clause: "GN-VE-01"}, "")
		s.number16("selector", rule{meaning: "which", clause: "GN-VE-01"})
		s.number16("version", rule{meaning: "its version", clause: "GN-VE-01"})
	case wire.TypePush:
		s.guid("servent_id", rule{meaning: "who is to dial", clause: "GN-PU-02"})
		s.number32("index", rule{meaning: "the file", clause: "GN-PU-01"})
		s.address("GN-PU-01")
		s.port("GN-PU-01")
		s.block(end, "GN-PU-01")
	case wire.TypeQuery:
		s.query(d.Payload, end)
	case wire.TypeQueryHit:
		s.hit(d.Payload, end)
	}
	if s.at < end {
		s.take(end-s.at, 1, "data", readable(s.message[s.at:end]), rule{meaning: "data"}, "")
	}
}

// readPayload asks the reader of a payload.
func readPayload(d wire.Descriptor) (err error) {
	switch d.Type {
	case wire.TypePong:
		_, err = wire.ParsePong(d.Payload)
	case wire.TypeBye:
		_, err = wire.ParseBye(d.Payload)
	case wire.TypeQRP:
		_, err = qrp.Parse(d.Payload)
	case wire.TypeVendor, wire.TypeStandardVendor:
		_, err = wire.ParseVendorMessage(d.Payload)
	case wire.TypePush:
		_, err = wire.ParsePush(d.Payload)
	case wire.TypeQuery:
		_, err = wire.ParseQuery(d.Payload)
	case wire.TypeQueryHit:
		_, err = wire.ParseQueryHit(d.Payload)
	}
	return err
}

// query appends the flags, the text and the extensions of a query.
func (s *servent) query(b []byte, end int) {
	flags := wire.QueryFlags(binary.BigEndian.Uint16(b))
	about := rule{meaning: "flags", clause: "GN-QY-12"}
	value := queryFlags(flags)
	if !flags.Has(wire.QueryMarked) {
		about.meaning, value = "least speed in kbit/s", fmt.Sprint(binary.LittleEndian.Uint16(b))
	}
	s.take(2, 1, "flags", value, about, "")
	s.text("text", end, rule{meaning: "words that the name has to have", clause: "GN-QY-06"})
	if end > s.at && s.message[s.at] != ggep.Magic && s.message[end-1] == 0 {
		end-- // some end their extensions so (GN-QY-11)
	}
	s.extensions(end, 1, "extension")
}

func queryFlags(f wire.QueryFlags) string {
	var names []string
	for _, flag := range []struct {
		bit  wire.QueryFlags
		name string
	}{
		{wire.QueryFirewalled, "firewalled"}, {wire.QueryXML, "XML"}, {wire.QueryGuidance, "leaf guidance"},
		{wire.QueryGGEPHash, "GGEP H"}, {wire.QueryOutOfBand, "out of band"},
	} {
		if f.Has(flag.bit) {
			names = append(names, flag.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// hit appends the fields of a hit.
func (s *servent) hit(b []byte, end int) {
	h, err := wire.ParseQueryHit(b)
	if err != nil {
		panic("annotate: " + err.Error()) // readPayload has read it
	}
	s.take(1, 1, "count", fmt.Sprint(h.Count), rule{meaning: "how many files", clause: "GN-QH-01"}, "")
	s.port("GN-QH-01")
	s.address("GN-QH-01")
	s.number32("speed", rule{meaning: "of its line in kbit/s", clause: "GN-QH-01"})
	for i := range h.Count {
		name := fmt.Sprintf("results[%d].", i)
		s.number32(name+"index", rule{meaning: "by which it is asked for", clause: "GN-QH-02"})
		s.number32(name+"size", rule{meaning: "in bytes", clause: "GN-QH-02"})
		s.text(name+"name", end, rule{meaning: "name of the file", clause: "GN-QH-02"})
		part := bytes.IndexByte(s.message[s.at:end], 0)
		s.extensions(s.at+part, 2, name+"extension")
		s.take(1, 1, name+"end", "", rule{meaning: "NUL ends the result", clause: "GN-QH-02"}, "")
	}
	if t := h.Trailer; t != nil {
		s.take(4, 1, "vendor", readable(t.Vendor[:]), rule{meaning: "who made the servent", clause: "GN-QH-07"}, "")
		size := int(s.message[s.at])
		s.take(1, 1, "open_data", fmt.Sprint(size), rule{meaning: "its length", clause: "GN-QH-07"}, "")
		s.take(2, 1, "flags", hitFlags(t.Flags), rule{meaning: "flags", clause: "GN-QH-08"}, "")
		if size > 2 {
			s.take(size-2, 1, "xml_size", fmt.Sprint(t.XMLSize), rule{meaning: "bytes of metadata", clause: "GN-QH-07"}, "")
		}
		at := bytes.IndexByte(t.Private, ggep.Magic)
		if at < 0 {
			at = len(t.Private)
		}
		s.private(s.at + at)
		s.block(end-len(h.ServentID), "GN-QH-09")
		s.private(end - len(h.ServentID))
	}
	s.guid("servent_id", rule{meaning: "who has them: for a push", clause: "GN-QH-10"})
}

// private appends what stands before a GGEP block of a hit, behind it, or in its place.
func (s *servent) private(end int) {
	if s.at < end {
		about := rule{meaning: "the vendor's", clause: "GN-QH-09"}
		s.take(end-s.at, 1, "private", readable(s.message[s.at:end]), about, "")
	}
}

func hitFlags(f wire.HitFlags) string {
	var names []string
	for _, flag := range []struct {
		bit  wire.HitFlag
		name string
	}{
		{wire.HitPush, "push"}, {wire.HitBusy, "busy"}, {wire.HitUploaded, "uploaded"},
		{wire.HitMeasuredSpeed, "measured speed"}, {wire.HitGGEP, "GGEP"},
	} {
		switch set, known := f.Get(flag.bit); {
		case known && set:
			names = append(names, flag.name)
		case known:
			names = append(names, "not "+flag.name)
		}
	}
	return strings.Join(names, ", ")
}

// route appends the fields of a routing table update.
func (s *servent) route(b []byte) {
	m, err := qrp.Parse(b)
	if err != nil {
		panic("annotate: " + err.Error()) // readPayload has read it
	}
	switch m := m.(type) {
	case qrp.Reset:
		s.take(1, 1, "variant", "0 RESET", rule{meaning: "a new table", clause: "GN-UQ-09"}, "")
		s.number32("slots", rule{meaning: "how many it has", clause: "GN-UQ-09"})
		s.take(1, 1, "infinity", fmt.Sprint(m.Infinity), rule{meaning: "what an empty slot holds", clause: "GN-UQ-09"}, "")
	case qrp.Patch:
		s.take(1, 1, "variant", "1 PATCH", rule{meaning: "a change of the table", clause: "GN-UQ-10"}, "")
		s.take(1, 1, "seq", fmt.Sprint(m.Seq), rule{meaning: "which part", clause: "GN-UQ-10"}, "")
		s.take(1, 1, "of", fmt.Sprint(m.Of), rule{meaning: "of how many", clause: "GN-UQ-10"}, "")
		s.take(1, 1, "compressor", fmt.Sprint(b[3]), rule{meaning: "0 none, 1 zlib over all parts", clause: "GN-UQ-11"}, "")
		s.take(1, 1, "entry_bits", fmt.Sprint(m.EntryBits), rule{meaning: "of a slot's difference", clause: "GN-UQ-13"}, "")
	}
}

// extensions appends what stands behind a text, with the bytes between the parts.
func (s *servent) extensions(end, depth int, name string) {
	for s.at < end {
		kind, part, rest := wire.NextExtension(s.message[s.at:end:end])
		if kind == wire.ExtensionGGEP {
			s.block(end, "GN-QY-10")
			if s.at < end { // a block ends with its last extension
				about := rule{meaning: "behind the block, which comes last", clause: "GN-QY-10"}
				s.take(end-s.at, depth, name, readable(s.message[s.at:end]), about, "")
			}
			return
		}
		about := rule{meaning: "an extension that is passed over", clause: "GN-QY-17"}
		switch kind {
		case wire.ExtensionURN:
			about = rule{meaning: "name of the content, or a wish for it", clause: "GN-QY-15"}
		case wire.ExtensionXML:
			about = rule{meaning: "metadata", clause: "GN-QY-10"}
		}
		size := end - s.at - len(rest)
		if len(part) == 0 {
			about = rule{meaning: "nothing", clause: "GN-QY-10"}
		}
		s.take(size, depth, name, readable(part), about, "")
	}
}

// block appends a GGEP block that may stand between here and end: an extension each.
func (s *servent) block(end int, clause string) {
	if s.at >= end || s.message[s.at] != ggep.Magic {
		return
	}
	b := s.message[s.at:end:end]
	block, _, err := ggep.Parse(b)
	if err != nil {
		s.refuse(end, "ggep", rule{meaning: "GGEP block", clause: clause}, err)
		return
	}
	s.take(1, 1, "ggep", fmt.Sprintf("block of %d", len(block)), rule{meaning: "GGEP block", clause: "GN-GG-01"}, "")
	for _, e := range block {
		about := rule{meaning: ggep.Known(e.ID), clause: "GN-GG-02"}
		s.take(extensionSize(s.message[s.at:end]), 2, "ggep."+join("", []byte(e.ID)), readable(e.Data), about, "")
	}
}

// extensionSize is the length of an extension that has been read: its flags with the
// length of its name, the name, chunks of six bits of a length, and the value.
func extensionSize(b []byte) int {
	at, size := 1+int(b[0]&0x0f), 0
	for more := true; more; at++ {
		size = size<<6 | int(b[at]&0x3f)
		more = b[at]&0x40 == 0
	}
	return at + size
}

// text appends what ends at a NUL, with that.
func (s *servent) text(name string, end int, r rule) {
	n := bytes.IndexByte(s.message[s.at:end], 0)
	s.take(n+1, 1, name, readable(s.message[s.at:s.at+n]), r, "")
}

func (s *servent) number16(name string, r rule) {
	s.take(2, 1, name, fmt.Sprint(binary.LittleEndian.Uint16(s.message[s.at:])), r, "")
}

func (s *servent) number32(name string, r rule) {
	s.take(4, 1, name, fmt.Sprint(binary.LittleEndian.Uint32(s.message[s.at:])), r, "")
}

func (s *servent) port(clause string) {
	s.number16("port", rule{meaning: "port, least byte first", clause: clause})
}

func (s *servent) address(clause string) {
	ip := netip.AddrFrom4([4]byte(s.message[s.at:]))
	s.take(4, 1, "ip", ip.String(), rule{meaning: "address, highest byte first", clause: clause}, "")
}

func (s *servent) guid(name string, r rule) {
	s.take(16, 1, name, fmt.Sprintf("%x", s.message[s.at:s.at+16]), r, "")
}
