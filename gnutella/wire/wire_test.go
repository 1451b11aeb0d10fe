package wire

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// one reads a descriptor that is all there is, and finds that it is written as it
// was.
func one(t *testing.T, s string) Descriptor {
	b := unhex(t, s)
	d, n, err := ParseDescriptor(b)
	require.NoError(t, err)
	require.Equal(t, len(b), n)
	again, err := d.Append(nil)
	require.NoError(t, err)
	require.Equal(t, s, hex.EncodeToString(again))
	return d
}

const guid = "00112233445566" + "77ff99aabbccddee00"

// GN-HD-01, GN-HD-02, GN-HD-04, GN-HD-06, GN-PG-01, GN-PG-02.
func TestPublishedPingAndPong(t *testing.T) {
	ping := one(t, guid+"00010000000000")
	assert.Equal(t, TypePing, ping.Type)
	assert.EqualValues(t, 1, ping.TTL)
	assert.True(t, ping.GUID.Fresh())
	assert.Empty(t, ping.Payload)

	d := one(t, guid+"0101000e000000ca187f0000010100000008000000")
	pong, err := ParsePong(d.Payload)
	require.NoError(t, err)
	assert.Equal(t, Pong{Addr: netip.MustParseAddrPort("127.0.0.1:6346"), Files: 1, Kilobytes: 8, GGEP: []byte{}}, pong)
	assert.True(t, pong.Ultrapeer()) // GN-PG-10
	assert.Equal(t, d.Payload, pong.Append(nil))
}

// GN-QY-01, GN-QY-10, GN-QY-12.
func TestPublishedQuery(t *testing.T) {
	d := one(t, guid+"800300120000008000616c70686120627261766f0075726e3a")
	assert.Equal(t, []any{TypeQuery, uint8(3), uint8(0)}, []any{d.Type, d.TTL, d.Hops})
	q, err := ParseQuery(d.Payload)
	require.NoError(t, err)
	assert.Equal(t, "alpha bravo", string(q.Text))
	assert.True(t, q.Flags.Has(QueryMarked))
	assert.False(t, q.Flags.Has(QueryFirewalled))
	kind, part, rest := NextExtension(q.Extensions)
	assert.Equal(t, []any{ExtensionURN, "urn:", 0}, []any{kind, string(part), len(rest)})
	again, err := q.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, d.Payload, again)
}

// GN-QY-10, GN-QY-11, GN-QY-17: parts are separated by 1c, GGEP comes last, and a
// NUL behind the block is overlooked unless it may be GGEP's.
func TestExtensions(t *testing.T) {
	block := AppendExtension(AppendExtension(nil, []byte("URN:sha1:")), []byte("<xml/>"))
	block = AppendExtension(AppendExtension(block, []byte("whatever")), []byte("\xc3\x81A\x41\x1c"))
	payload := append([]byte("\x00\x00text\x00"), block...)
	q, err := ParseQuery(payload)
	require.NoError(t, err)
	assert.False(t, q.Flags.Has(QueryMarked))
	var kinds []ExtensionKind
	var parts []string
	for rest := q.Extensions; len(rest) > 0; {
		var kind ExtensionKind
		var part []byte
		kind, part, rest = NextExtension(rest)
		kinds, parts = append(kinds, kind), append(parts, string(part))
	}
	assert.Equal(t, []ExtensionKind{ExtensionURN, ExtensionXML, ExtensionUnknown, ExtensionGGEP}, kinds)
	assert.Equal(t, []string{"URN:sha1:", "<xml/>", "whatever", "\xc3\x81A\x41\x1c"}, parts)

	for in, want := range map[string]string{
		"\x00\x00t\x00urn:\x00": "urn:", "\x00\x00t\x00\x00": "", "\x00\x00t\x00": "",
		"\x00\x00t\x00\xc3\x81A\x41\x00": "\xc3\x81A\x41\x00",
	} {
		q, err := ParseQuery([]byte(in))
		require.NoError(t, err)
		assert.Equal(t, want, string(q.Extensions), "%q", in)
	}
}

// GN-QH-01, GN-QH-02, GN-QH-07, GN-QH-08, GN-QH-13: the hits of two live servents.
func TestCapturedHits(t *testing.T) {
	const name, urn = "alpha bravo testfile.txt", "urn:sha1:6OKYEMMEGA5MTPXCQE4QBIW2VLU5H2BQ"
	for _, c := range []struct {
		hex, vendor string
		speed, size uint32
	}{
		{"01ca187f000001100000000100000015000000616c70686120627261766f207465737466696c652e7478740075726e3a736861313a364f4b" +
			"59454d4d454741354d545058435145345142495732564c5535483242511cc30254545832e39df0a18f87f129f4a9d43dedfed9ba9e3884" +
			"b347fac2824354448af4ec650047544b47022c21c30547544b475653010102030065e3bd800000000e0705a331000383544c53406e2a31" +
			"028ccb76c9bf499a8941a27beb", "GTKG", 16, 21},
		{"01ca187f000001000200000100000015000000616c70686120627261766f207465737466696c652e7478740075726e3a736861313a364f4b" +
			"59454d4d454741354d545058435145345142495732564c553548324251004742554e023c31c38242484096005967e04b1911ff09286b70" +
			"652600", "GBUN", 512, 21},
	} {
		payload := unhex(t, c.hex)
		h, err := ParseQueryHit(payload)
		require.NoError(t, err)
		assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:6346"), h.Addr)
		assert.Equal(t, c.speed, h.Speed)
		r, rest, err := NextResult(h.Results)
		require.NoError(t, err)
		assert.Empty(t, rest)
		assert.Equal(t, []any{uint32(1), c.size, name}, []any{r.Index, r.Size, string(r.Name)})
		kind, part, more := NextExtension(r.Extensions)
		assert.Equal(t, []any{ExtensionURN, urn}, []any{kind, string(part)})
		if c.vendor == "GTKG" {
			kind, part, _ = NextExtension(more)
			assert.Equal(t, []any{ExtensionGGEP, byte(0xc3)}, []any{kind, part[0]})
		}
		require.NotNil(t, h.Trailer)
		assert.Equal(t, c.vendor, string(h.Trailer.Vendor[:]))
		set, known := h.Trailer.Flags.Get(HitGGEP)
		assert.True(t, set && known)
		set, known = h.Trailer.Flags.Get(HitBusy)
		assert.Equal(t, []bool{false, true}, []bool{set, known})
		assert.EqualValues(t, 0xc3, h.Trailer.Private[0])
		assert.Equal(t, c.hex, hex.EncodeToString(h.Append(nil)))
	}
}

// GN-QH-08: push has its bytes the other way round.
func TestHitFlags(t *testing.T) {
	var none HitFlags
	assert.Equal(t, HitFlags{0, 1}, none.With(HitPush, false))
	assert.Equal(t, HitFlags{1, 1}, none.With(HitPush, true))
	assert.Equal(t, HitFlags{4, 0}, none.With(HitBusy, true).With(HitBusy, false))
	assert.Equal(t, HitFlags{0x2c, 0x20}, none.With(HitBusy, false).With(HitUploaded, false).With(HitGGEP, true))
	for _, flag := range []HitFlag{HitPush, HitBusy, HitUploaded, HitMeasuredSpeed, HitGGEP} {
		for _, want := range []bool{true, false} {
			set, known := none.With(flag, want).Get(flag)
			assert.Equal(t, []bool{want, true}, []bool{set, known})
		}
		_, known := none.Get(flag)
		assert.False(t, known)
	}
}

// GN-PU-01, GN-BY-01, GN-BY-08, GN-BY-09, GN-VE-01, GN-VE-03, GN-VE-04.
func TestPublishedOthers(t *testing.T) {
	d := one(t, guid+"4003001a000000000102030405060708090a0b0c0d0e0f050000007f0000015a1b")
	push, err := ParsePush(d.Payload)
	require.NoError(t, err)
	assert.Equal(t, []any{uint32(5), netip.MustParseAddrPort("127.0.0.1:7002")}, []any{push.Index, push.Addr})
	assert.Equal(t, d.Payload, push.Append(nil))

	d = one(t, guid+"02010015000000c8006279650d0a5365727665723a20740d0a0d0a00")
	bye, err := ParseBye(d.Payload)
	require.NoError(t, err)
	assert.Equal(t, Bye{Code: ByeExit, Text: []byte("bye"), Headers: []byte("Server: t\r\n\r\n")}, bye)
	assert.Equal(t, d.Payload, bye.Append(nil))
	short := Bye{Code: ByeIdle, Text: []byte("idle")}
	again, err := ParseBye(short.Append(nil))
	require.NoError(t, err)
	assert.Equal(t, short, again)

	for in, want := range map[string]VendorMessage{
		"424541520400010000":                   {[4]byte([]byte("BEAR")), 4, 1, []byte{0}},
		"000000000000000001004c494d4515000100": {Data: unhex(t, "01004c494d4515000100")},
	} {
		v, err := ParseVendorMessage(unhex(t, in))
		require.NoError(t, err)
		assert.Equal(t, want, v)
		assert.Equal(t, in, hex.EncodeToString(v.Append(nil)))
	}
}

func TestPayloadsRefused(t *testing.T) {
	pong := func(b []byte) error { _, err := ParsePong(b); return err }
	query := func(b []byte) error { _, err := ParseQuery(b); return err }
	hit := func(b []byte) error { _, err := ParseQueryHit(b); return err }
	push := func(b []byte) error { _, err := ParsePush(b); return err }
	bye := func(b []byte) error { _, err := ParseBye(b); return err }
	vendor := func(b []byte) error { _, err := ParseVendorMessage(b); return err }
	fixed, id := strings.Repeat("\x01", 11), strings.Repeat("i", 16)
	for _, c := range []struct {
		parse func([]byte) error
		in    string
		want  string
	}{
		{pong, strings.Repeat("x", 13), "Pong, offset 13: 13 bytes, want at least 14 (GN-PG-02)"},
		{query, "\x00\x00", "2 bytes, want at least 3 (GN-QY-01)"},
		{query, "\x00\x00text", "no NUL ends the text"},
		{hit, strings.Repeat("x", 26), "26 bytes, want at least 27 (GN-QH-01)"},
		{hit, fixed + "1234567" + id, "a result of 7 bytes (GN-QH-02)"},
		{hit, fixed + "12345678name" + id, "no NUL ends a name"},
		{hit, fixed + "12345678name\x00urn" + id, "no NUL ends a result"},
		{hit, fixed + "12345678name\x00\x00ABC" + id, "3 bytes between results and servent (GN-QH-07)"},
		{hit, fixed + "12345678name\x00\x00ABCD\x01\x00" + id, "open data of 1 bytes"},
		{hit, fixed + "12345678name\x00\x00ABCD\x04\x00\x00" + id, "open data of 4 bytes, want at least 2, 2 are left"},
		{push, strings.Repeat("x", 25), "25 bytes, want at least 26 (GN-PU-01)"},
		{bye, "\xc8\x00", "2 bytes"},
		{bye, "", "0 bytes"},
		{bye, "\x00", "1 bytes"},
		{bye, "\xc8\x00bye", "5 bytes, want a code and a text that NUL ends"},
		{bye, strings.Repeat("x", 5000) + "\x00", "at most 4096"},
		{vendor, "BEAR123", "7 bytes, want at least 8 (GN-VE-01)"},
	} {
		err := c.parse([]byte(c.in))
		assert.ErrorIs(t, err, ErrMalformed)
		assert.ErrorContains(t, err, c.want)
	}
	// Without results the trailer may be left out, or come at once.
	assert.NoError(t, hit([]byte("\x00"+fixed[1:]+id)))
	assert.NoError(t, hit([]byte("\x00"+fixed[1:]+"ABCD\x02\x00\x00"+id)))
}

func TestAppendRefuses(t *testing.T) {
	d := Descriptor{Payload: make([]byte, MaxPayload+1)}
	_, err := d.Append(nil)
	assert.ErrorContains(t, err, "a payload of 65537 bytes")
	q := Query{Text: []byte("a\x00b")}
	_, err = q.Append(nil)
	assert.ErrorContains(t, err, "offset 3: NUL in the text")
	r := Result{Name: []byte("a"), Extensions: []byte{0}}
	_, err = r.Append(nil)
	assert.ErrorContains(t, err, "NUL in a result")
	_, err = Codec{}.AppendMessage(nil, nil)
	assert.ErrorContains(t, err, "message type <nil>")
}

// GN-HD-15: a length that cannot be is seen before the payload comes.
func TestLyingLength(t *testing.T) {
	b := unhex(t, guid+"80030001000100")
	d, n, err := ParseDescriptor(b)
	assert.Zero(t, n)
	assert.Equal(t, TypeQuery, d.Type)
	assert.ErrorContains(t, err, "Query, offset 19: a payload of 65537 bytes")
}

// GN-HD-03: wherever a stream is cut, the same messages come out.
func TestStreamsMayBeCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := []spec.Message{
			Connect{V06(), Headers{{"User-Agent", "p2pspec"}, {"X-Ultrapeer", "True"}}},
			Status{Code: Accepted, Phrase: "OK"},
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "descriptors") {
			payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
			messages = append(messages, Descriptor{GUID{byte(i)}, Type(payloadType(i)), 3, 4, payload})
		}
		var stream []byte
		for _, m := range messages {
			var err error
			stream, err = Codec{}.AppendMessage(stream, m)
			require.NoError(t, err)
		}
		decoder, at, end := Codec{}.Decoder(), 0, 0
		for _, want := range messages {
			for {
				m, n, err := decoder.Decode(stream[at:end:end])
				require.NoError(t, err)
				if at += n; n > 0 {
					requireSame(t, want, m)
					break
				}
				require.Less(t, end, len(stream))
				end = min(len(stream), end+rapid.IntRange(1, 60).Draw(t, "segment"))
			}
		}
		require.Equal(t, len(stream), at)
	})
}

func payloadType(i int) Type {
	return []Type{TypePing, TypePong, TypeQuery, TypeQueryHit, TypePush}[i%5]
}

func requireSame(t *rapid.T, want, got spec.Message) {
	a, err := Codec{}.AppendMessage(nil, want)
	require.NoError(t, err)
	b, err := Codec{}.AppendMessage(nil, got)
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// reread writes a descriptor, reads it, and writes its payload anew. The buffer holds
// both.
func reread(d *Descriptor, buf []byte) (payload []byte, err error) {
	b, err := d.Append(buf[:0])
	if err != nil {
		return nil, err
	}
	got, _, err := ParseDescriptor(b)
	if err != nil {
		return nil, err
	}
	out := b[len(b):]
	switch d.Type {
	case TypePong:
		p, err := ParsePong(got.Payload)
		return p.Append(out), err
	case TypeQuery:
		q, err := ParseQuery(got.Payload)
		if err != nil {
			return nil, err
		}
		return q.Append(out)
	case TypeQueryHit:
		h, err := ParseQueryHit(got.Payload)
		return h.Append(out), err
	case TypePush:
		p, err := ParsePush(got.Payload)
		return p.Append(out), err
	case TypeVendor:
		v, err := ParseVendorMessage(got.Payload)
		return v.Append(out), err
	case TypeBye:
		y, err := ParseBye(got.Payload)
		return y.Append(out), err
	}
	return append(out, got.Payload...), nil
}

// travelling is a descriptor of each type, as it is met.
func travelling(t testing.TB) (list []Descriptor) {
	for _, m := range []struct {
		typ     Type
		payload string
	}{
		{TypePing, ""},
		{TypePong, "ca187f0000010100000008000000"},
		{TypeQuery, "8000616c70686120627261766f0075726e3a"},
		{TypePush, "000102030405060708090a0b0c0d0e0f050000007f0000015a1b"},
		{TypeQueryHit, "01ca187f0000010002000001000000150000006100004742554e023c31c38242484096005967e04b1911ff0928" +
			"6b70652600"},
		{TypeVendor, "424541520400010000"},
		{TypeBye, "c8006279650d0a5365727665723a20740d0a0d0a00"},
	} {
		b, err := hex.DecodeString(m.payload)
		require.NoError(t, err)
		list = append(list, Descriptor{Type: m.typ, TTL: 3, Payload: b})
	}
	return list
}

// No allocations on the way that every descriptor takes, but for the trailer of a hit.
func TestDescriptorsTakeNoMemory(t *testing.T) {
	buf := make([]byte, 0, 512)
	for _, d := range travelling(t) {
		want := 0.0
		if d.Type == TypeQueryHit {
			want = 1
		}
		assert.Equal(t, want, testing.AllocsPerRun(100, func() {
			if b, err := reread(&d, buf); err != nil || len(b) != len(d.Payload) {
				t.Fatal(d.Type, err)
			}
		}), d.Type.String())
	}
}

// A descriptor written, read, understood and written again.
func BenchmarkDescriptor(b *testing.B) {
	buf := make([]byte, 0, 512)
	for _, d := range travelling(b) {
		b.Run(d.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := reread(&d, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
