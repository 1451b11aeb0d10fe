package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/spec/catalogue"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func equal(a, b any) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}))
}

// clauseOf is the clause of an error or fault, which the catalogue must have.
func clauseOf(t testing.TB, err error) string {
	t.Helper()
	var refused *Error
	if err == nil || reflect.ValueOf(err).IsNil() || !errors.As(err, &refused) {
		return ""
	}
	if _, ok := catalogue.Lookup(refused.Clause); !ok {
		t.Errorf("%v cites what is not in the catalogue", err)
	}
	return refused.Clause
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	file, err := vectors.Load("extension")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		if v.Name == name {
			return v.Input.Bytes("payload")
		}
	}
	t.Fatalf("no vector %s", name)
	return nil
}

// TestPublishedHandshakes: BEP10-EXT-004, -006, -007
func TestPublishedHandshakes(t *testing.T) {
	for name, want := range map[string]ExtensionHandshake{
		"handshake/published": {
			M:    []Extension{{"LT_metadata", 1}, {"\xb5T_PEX", 2}},
			Port: 6881, Version: "\xc2\xb5Torrent 1.2",
		},
		"handshake/disable":            {M: []Extension{{"LT_metadata", 0}}},
		"handshake/metadata-size-zero": {M: []Extension{{ExtMetadata, 9}, {ExtPex, 11}}},
		"handshake/empty":              {},
	} {
		payload := vector(t, name)
		got, err := ParseExtensionHandshake(payload)
		if diff := equal(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if name == "handshake/metadata-size-zero" {
			continue // it is written without the size
		}
		if b := got.Append(nil); string(b) != string(payload) {
			t.Errorf("%s is written as %q", name, b)
		}
	}
}

// TestLenientHandshakes: what is no value of its key is passed over, and said.
// BEP10-EXT-005, -010 to -013, BEP09-META-009, BEP21-PART-001
func TestLenientHandshakes(t *testing.T) {
	ip4, ip6 := netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("2001:db8::1")
	raw6 := string(ip6.AsSlice())
	for _, c := range []struct {
		payload string
		want    ExtensionHandshake
		clause  string
	}{
		{"d4:ipv44:\x01\x02\x03\x044:ipv616:" + raw6 + "6:yourip16:" + raw6 + "e",
			ExtensionHandshake{IPv4: ip4, IPv6: ip6, YourIP: ip6}, ""},
		{"d6:yourip4:\x01\x02\x03\x04e", ExtensionHandshake{YourIP: ip4}, ""},
		{"d6:yourip5:\x01\x02\x03\x04\x05e", ExtensionHandshake{}, "BEP10-EXT-012"},
		{"d4:ipv416:" + raw6 + "e", ExtensionHandshake{}, "BEP10-EXT-012"},
		{"d4:ipv64:\x01\x02\x03\x04e", ExtensionHandshake{}, "BEP10-EXT-012"},
		{"d1:v1:x1:pi1e1:md1:b2:101:ai300e1:ci4eee", // unsorted, an id of text and one too large
			ExtensionHandshake{M: []Extension{{"c", 4}}, Port: 1, Version: "x"}, "BEP10-EXT-006"},
		{"d1:md1:ai-1eee", ExtensionHandshake{}, "BEP10-EXT-006"},
		{"d1:md1:ai3e1:bi3e1:ci0e1:di0eee", ExtensionHandshake{
			M: []Extension{{"a", 3}, {"b", 3}, {"c", 0}, {"d", 0}}}, "BEP10-EXT-006"},
		{"d1:md1:ai0e1:bi0eee", ExtensionHandshake{M: []Extension{{"a", 0}, {"b", 0}}}, ""},
		{"d1:mi3ee", ExtensionHandshake{}, "BEP10-EXT-004"},
		{"d1:pi65536e4:reqqi250ee", ExtensionHandshake{Reqq: 250}, "BEP10-EXT-011"},
		{"d4:reqqi2147483648ee", ExtensionHandshake{}, "BEP10-EXT-010"},
		{"d1:vi3ee", ExtensionHandshake{}, "BEP10-EXT-012"},
		{"d13:metadata_sizei-1ee", ExtensionHandshake{}, "BEP09-META-009"},
		{"d13:metadata_sizei99999999999999999999ee", ExtensionHandshake{}, "BEP09-META-009"},
		{"d13:metadata_sizei31235ee", ExtensionHandshake{MetadataSize: 31235}, ""},
		{"d11:upload_onlyi0ee", ExtensionHandshake{HasUploadOnly: true}, ""},
		{"d11:upload_onlyi1ee", ExtensionHandshake{HasUploadOnly: true, UploadOnly: true}, ""},
		{"d11:upload_only0:e", ExtensionHandshake{}, "BEP21-PART-001"},
		{"d3:newd1:xi1ee1:ei0ee trailing", ExtensionHandshake{
			Other: []RawEntry{{"e", []byte("i0e")}, {"new", []byte("d1:xi1ee")}}}, ""},
	} {
		got, err := ParseExtensionHandshake([]byte(c.payload))
		if err != nil {
			t.Errorf("%q: %v", c.payload, err)
		}
		if clause := clauseOf(t, got.Fault); clause != c.clause {
			t.Errorf("%q: fault %v, want %q", c.payload, got.Fault, c.clause)
		}
		got.Fault = nil
		if diff := equal(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.payload, diff)
		}
	}
	for _, payload := range []string{"", "le", "i1e", "d", "d1:m", "garbage"} {
		if h, err := ParseExtensionHandshake([]byte(payload)); clauseOf(t, err) != "BEP10-EXT-004" {
			t.Errorf("%q is read as %+v, %v", payload, h, err)
		}
	}
}

func TestManyExtensions(t *testing.T) {
	var m strings.Builder
	for i := range 2 * MaxExtensions {
		fmt.Fprintf(&m, "5:a%04di0e", i)
	}
	h, err := ParseExtensionHandshake([]byte("d1:md" + m.String() + "ee"))
	if err != nil || len(h.M) != MaxExtensions || clauseOf(t, h.Fault) != "BEP10-EXT-006" {
		t.Errorf("%d extensions, fault %v, %v", len(h.M), h.Fault, err)
	}
	if id, ok := h.Lookup("a0007"); id != 0 || !ok {
		t.Errorf("a0007 has id %d, %v", id, ok)
	}
	if id, ok := h.Lookup("b"); ok {
		t.Errorf("b has id %d", id)
	}
}

func TestExtensionHandshakesRoundTrip(t *testing.T) {
	addr := func(size int) *rapid.Generator[netip.Addr] {
		return rapid.Map(rapid.SliceOfN(rapid.Byte(), size, size), func(b []byte) netip.Addr {
			ip, _ := netip.AddrFromSlice(b)
			return ip
		})
	}
	none := rapid.Just(netip.Addr{})
	rapid.Check(t, func(t *rapid.T) {
		h := ExtensionHandshake{
			Port:         rapid.Uint16().Draw(t, "p"),
			Version:      string(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "v")),
			YourIP:       rapid.OneOf(none, addr(4), addr(16)).Draw(t, "yourip"),
			IPv4:         rapid.OneOf(none, addr(4)).Draw(t, "ipv4"),
			IPv6:         rapid.OneOf(none, addr(16)).Draw(t, "ipv6"),
			Reqq:         rapid.Int32Range(0, 1<<31-1).Draw(t, "reqq"),
			MetadataSize: rapid.Int64Range(0, 1<<62).Draw(t, "metadata_size"),
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "extensions") {
			h.M = append(h.M, Extension{string(rune('a' + i)), uint8(i)})
		}
		if h.HasUploadOnly = rapid.Bool().Draw(t, "has"); h.HasUploadOnly {
			h.UploadOnly = rapid.Bool().Draw(t, "upload_only")
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "others") {
			h.Other = append(h.Other, RawEntry{fmt.Sprintf("n%d", i), []byte("li1ee")})
		}
		b := h.Append(nil)
		if _, err := bencode.Parse(b, bencode.Options{}); err != nil {
			t.Fatalf("%q is not canonical: %v", b, err)
		}
		got, err := ParseExtensionHandshake(b)
		if diff := equal(h, got); err != nil || diff != "" {
			t.Fatalf("%q: %v %s", b, err, diff)
		}
	})
}

// BEP09-META-002 to -007
func TestMetadata(t *testing.T) {
	for name, want := range map[string]Metadata{
		"metadata/request": {Type: MetadataRequest},
		"metadata/data":    {Type: MetadataData, TotalSize: 34256, Data: []byte("xxxxxxxx")},
		"metadata/reject":  {Type: MetadataReject},
	} {
		payload := vector(t, name)
		got, err := ParseMetadata(payload)
		if diff := equal(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if b := want.Append(nil); string(b) != string(payload) {
			t.Errorf("%s is written as %q", name, b)
		}
	}
	for _, c := range []struct {
		payload string
		want    Metadata
		clause  string
	}{
		{"d5:piecei3e8:msg_typei1ee", Metadata{Type: MetadataData, Piece: 3}, ""},
		{"d8:msg_typei0e5:piecei3eetail", Metadata{Piece: 3}, ""},
		{"d8:msg_typei7ee", Metadata{Type: 7}, ""},
		{"d8:msg_typei-1e5:piecei1ee", Metadata{Type: -1}, ""},
		{"d5:piecei3ee", Metadata{}, "BEP09-META-004"},
		{"d8:msg_type1:05:piecei3ee", Metadata{}, "BEP09-META-004"},
		{"le", Metadata{}, "BEP09-META-004"},
		{"d8:msg_typei0ee", Metadata{}, "BEP09-META-003"},
		{"d8:msg_typei0e5:piecei-1ee", Metadata{}, "BEP09-META-003"},
		{"d8:msg_typei0e5:piecei2147483648ee", Metadata{}, "BEP09-META-003"},
		{"d8:msg_typei1e5:piecei0ee" + strings.Repeat("x", MetadataBlock+1), Metadata{}, "BEP09-META-002"},
	} {
		got, err := ParseMetadata([]byte(c.payload))
		if diff := equal(c.want, got); clauseOf(t, err) != c.clause || diff != "" {
			t.Errorf("%.40q: %v %s", c.payload, err, diff)
		}
	}
}

// BEP11-PEX-007 to -010, -013
func TestPex(t *testing.T) {
	one := netip.MustParseAddrPort("127.0.0.1:21930")
	six := netip.MustParseAddrPort("[2001:db8::1]:80")
	raw6 := string(appendCompact(nil, six))
	for _, c := range []struct {
		payload string
		want    Pex
		clause  string
	}{
		{string(vector(t, "pex/one-added")),
			Pex{Added: []PexContact{{one, PexEncryption | PexOutgoing}}}, ""},
		{"d5:added6:\x7f\x00\x00\x01\x55\xaa6:added618:" + raw6 + "8:added6.f1:\x027:dropped6:\x7f\x00\x00\x01\x55\xaa" +
			"8:dropped618:" + raw6 + "e",
			Pex{Added: []PexContact{{one, 0}, {six, PexSeed}}, Dropped: []netip.AddrPort{one, six}}, ""},
		{"d5:added0:e", Pex{}, ""},
		{"de", Pex{}, "BEP11-PEX-008"},
		{"d7:added.f0:e", Pex{}, "BEP11-PEX-008"},
		{"d5:added7:12345677:dropped6:\x7f\x00\x00\x01\x55\xaae",
			Pex{Dropped: []netip.AddrPort{one}}, "BEP11-PEX-009"},
		{"d5:addedi3ee", Pex{}, "BEP11-PEX-009"},
		{"d7:dropped5:12345e", Pex{}, "BEP11-PEX-009"},
		{"d5:added12:\x7f\x00\x00\x01\x55\xaa\x01\x02\x03\x04\x00\x007:added.f1:\x01e",
			Pex{Added: []PexContact{{one, PexEncryption}}}, "BEP11-PEX-009"}, // one flag for two, and port 0
		{"d5:added6:\x01\x02\x03\x04\x00\x00e", Pex{}, "BEP11-PEX-013"},
		{"d5:added6:\x7f\x00\x00\x01\x55\xaa7:added.f2:\x01\x02e",
			Pex{Added: []PexContact{{one, PexEncryption}}}, "BEP11-PEX-009"},
	} {
		got, err := ParsePex([]byte(c.payload))
		if err != nil {
			t.Errorf("%q: %v", c.payload, err)
		}
		if clause := clauseOf(t, got.Fault); clause != c.clause {
			t.Errorf("%q: fault %v, want %q", c.payload, got.Fault, c.clause)
		}
		got.Fault = nil
		if diff := equal(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.payload, diff)
		}
	}
	if p, err := ParsePex([]byte("i1e")); clauseOf(t, err) != "BEP11-PEX-009" {
		t.Errorf("a number is read as %+v, %v", p, err)
	}
	empty := Pex{}
	if b := empty.Append(nil); string(b) != "d5:added0:e" {
		t.Errorf("no contact is written as %q", b) // BEP11-PEX-008
	}
}

func TestPexIsBounded(t *testing.T) {
	many := 3 * MaxPexContacts
	row := strings.Repeat("\x01\x02\x03\x04\x05\x06", many)
	p, err := ParsePex(fmt.Appendf(nil, "d5:added%d:%s7:dropped%d:%se", len(row), row, len(row), row))
	if err != nil || len(p.Added) != MaxPexContacts || len(p.Dropped) != MaxPexContacts ||
		clauseOf(t, p.Fault) != "BEP11-PEX-007" {
		t.Errorf("%d added, %d dropped, %v, %v", len(p.Added), len(p.Dropped), p.Fault, err)
	}
}

func TestPexRoundTrips(t *testing.T) {
	contact := func(size int) *rapid.Generator[PexContact] {
		return rapid.Custom(func(t *rapid.T) PexContact {
			b := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "address")
			b[0] = 0x20 // no IPv4 address in its IPv6 form
			ip, _ := netip.AddrFromSlice(b)
			return PexContact{netip.AddrPortFrom(ip, rapid.Uint16Min(1).Draw(t, "port")),
				PexFlags(rapid.Byte().Draw(t, "flags"))}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		var p Pex
		for _, size := range []int{4, 16} {
			p.Added = append(p.Added, rapid.SliceOfN(contact(size), 0, 4).Draw(t, "added")...)
			for _, c := range rapid.SliceOfN(contact(size), 0, 4).Draw(t, "dropped") {
				p.Dropped = append(p.Dropped, c.Addr)
			}
		}
		b := p.Append(nil)
		if _, err := bencode.Parse(b, bencode.Options{}); err != nil {
			t.Fatalf("%q is not canonical: %v", b, err)
		}
		got, err := ParsePex(b)
		if diff := equal(p, got); err != nil || diff != "" {
			t.Fatalf("%q: %v %s", b, err, diff)
		}
	})
}

// BEP54-DH-001, BEP21-PART-001
func TestSmallExtensions(t *testing.T) {
	if b := AppendDontHave(nil, 0x01020304); string(b) != "\x01\x02\x03\x04" {
		t.Errorf("lt_donthave is %x", b)
	}
	if index, err := ParseDontHave([]byte{1, 2, 3, 4}); index != 0x01020304 || err != nil {
		t.Errorf("lt_donthave of %x, %v", index, err)
	}
	for _, on := range []bool{true, false} {
		if got, err := ParseUploadOnly(AppendUploadOnly(nil, on)); got != on || err != nil {
			t.Errorf("upload_only %v is read as %v, %v", on, got, err)
		}
	}
	for _, n := range []int{0, 2, 3, 5} {
		if _, err := ParseDontHave(make([]byte, n)); clauseOf(t, err) != "BEP54-DH-001" {
			t.Errorf("lt_donthave of %d bytes: %v", n, err)
		}
		if _, err := ParseUploadOnly(make([]byte, n)); clauseOf(t, err) != "BEP21-PART-001" {
			t.Errorf("upload_only of %d bytes: %v", n, err)
		}
	}
}

// BEP55-HP-002, BEP55-HP-005
func TestHolepunch(t *testing.T) {
	for _, c := range []struct {
		bytes string
		h     Holepunch
	}{
		{"00 00 01020304 1ae1 00000000",
			Holepunch{HolepunchRendezvous, netip.MustParseAddrPort("1.2.3.4:6881"), 0}},
		{"02 01 20010db8000000000000000000000001 0050 00000003",
			Holepunch{HolepunchFailed, netip.MustParseAddrPort("[2001:db8::1]:80"), HolepunchNoSupport}},
	} {
		want := unhex(t, c.bytes)
		if got := c.h.Append(nil); string(got) != string(want) {
			t.Errorf("%+v is written as %x", c.h, got)
		}
		got, err := ParseHolepunch(want)
		if err != nil || got != c.h {
			t.Errorf("%x is read as %+v, %v", want, got, err)
		}
		for n := range len(want) + 2 {
			b := binary.BigEndian.AppendUint16(want, 0)[:n]
			if _, err := ParseHolepunch(b); n != len(want) && clauseOf(t, err) != "BEP55-HP-005" {
				t.Errorf("%x: %v", b, err)
			}
		}
		want[1] = 2
		if _, err := ParseHolepunch(want); clauseOf(t, err) != "BEP55-HP-005" {
			t.Errorf("address type 2: %v", err)
		}
	}
}
