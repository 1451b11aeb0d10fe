package annotate

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/gnutella/ggep"
	"github.com/p2pspec/p2pspec/gnutella/qrp"
	"github.com/p2pspec/p2pspec/gnutella/wire"
	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/catalogue"
	"github.com/p2pspec/p2pspec/transport/deflate"
)

// overlayExample is a stream, with what the field at a path says.
type overlayExample struct{ stream, path, value, clause, problem string }

func (e overlayExample) check(t *testing.T, annotate func([]byte) ([]Field, error)) {
	t.Helper()
	fields, err := annotate([]byte(e.stream))
	covers(t, []byte(e.stream), fields)
	found := false
	for _, f := range fields {
		if f.Clause != "" {
			_, known := catalogue.Lookup(f.Clause)
			require.True(t, known, f.Clause)
		}
		if f.Path != e.path || found {
			continue
		}
		found = true
		require.Equal(t, e.value, f.Value, e.path)
		require.Equal(t, e.clause, f.Clause, e.path)
		require.Contains(t, f.Problem, e.problem, e.path)
		require.Equal(t, e.problem == "", f.Problem == "", "%s: %s", e.path, f.Problem)
	}
	require.True(t, found, "%q: no field at %s in %v", e.stream, e.path, fields)
	if e.problem == "" {
		require.NoError(t, err, "%q", e.stream)
	}
}

// descriptorOf writes one with a GUID of zeros.
func descriptorOf(t wire.Type, payload string) string {
	d := wire.Descriptor{Type: t, TTL: 3, Hops: 4, Payload: []byte(payload)}
	b, err := d.Append(nil)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func hitExample() string {
	result, err := (&wire.Result{Index: 7, Size: 9, Name: []byte("a song"), Extensions: []byte("urn:sha1:x")}).Append(nil)
	if err != nil {
		panic(err)
	}
	block, err := ggep.Append(nil, []ggep.Extension{{ID: "BH"}, {ID: "ALT", Data: []byte("123456")}})
	if err != nil {
		panic(err)
	}
	h := wire.QueryHit{Count: 1, Speed: 1000, Results: result, Trailer: &wire.Trailer{
		Vendor: [4]byte([]byte("PSPC")), Flags: wire.HitFlags{}.With(wire.HitPush, true).With(wire.HitBusy, false),
		Private: append([]byte("own"), block...),
	}}
	return descriptorOf(wire.TypeQueryHit, string(h.Append(nil)))
}

// behindBlock is a hit whose extension is a GGEP block with bytes behind it.
func behindBlock() string {
	return descriptorOf(wire.TypeQueryHit, "\x01"+strings.Repeat("\x00", 18)+"a\x00\xc3\x81\x41\x40"+
		strings.Repeat("\xff", 9)+"\x00PSPC\x02\x00\x00"+strings.Repeat("\xbb", 16))
}

// privateHit is a hit without results, and with private data.
func privateHit(private string) string {
	h := wire.QueryHit{Trailer: &wire.Trailer{Vendor: [4]byte([]byte("LIME")), Private: []byte(private)}}
	return descriptorOf(wire.TypeQueryHit, string(h.Append(nil)))
}

func TestGnutellaFields(t *testing.T) {
	const hello = "GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\nX-Try: 1.2.3.4:5,\r\n 6.7.8.9:10\r\n\r\n"
	const ok = "GNUTELLA/0.6 200 OK\r\nContent-Encoding: deflate\r\n\r\n"
	ping, block := descriptorOf(wire.TypePing, ""), "\xc3\x83SCP\x41\x01"
	packed := string((&deflate.Deflater{}).Append(nil, []byte(ping+ping)))
	patch := descriptorOf(wire.TypeQRP, string(qrp.Append(nil, qrp.Patch{Seq: 1, Of: 2, EntryBits: 4, Data: []byte{9}})))
	push := descriptorOf(wire.TypePush, strings.Repeat("\xaa", 16)+"\x07\x00\x00\x00\x7f\x00\x00\x01\xca\x18")
	pong := descriptorOf(wire.TypePong, "\xca\x18\x7f\x00\x00\x01\x02\x00\x00\x00\x08\x00\x00\x00")
	giv := "GIV 7:00112233445566778899aabbccddeeff/a song\n\n"
	for _, e := range []overlayExample{
		{hello, "0.connect", `"GNUTELLA CONNECT/0.6"`, "GN-HS-01", ""},
		{hello, "0.connect.User-Agent", `"x"`, "GN-HS-07", ""},
		{hello, "0.connect.continued", `" 6.7.8.9:10"`, "GN-HS-07", ""},
		{"GNUTELLA OK\n\n" + ping, "1.ping", strings.Repeat("00", 16), "GN-PG-01", ""},
		{"GNUTELLA OK\n\n" + ping, "1.ping.hops", "4", "GN-HD-08", ""},
		{ok + packed, "1.zlib", fmt.Sprintf("%d bytes, which inflate to 46: Ping, Ping", len(packed)), "GN-HS-24", ""},
		{ok + "plain", "1.zlib", `"plain"`, "GN-HS-24", "invalid header"},
		{descriptorOf(wire.TypePing, block), "0.ping.ggep.SCP", "01", "GN-GG-02", ""},
		{descriptorOf(wire.TypePing, block[:5]), "0.ping.ggep", "\"\u00c3SCP\"", "GN-PG-01", "length"},
		{pong, "0.pong.port", "6346", "GN-PG-02", ""},
		{pong, "0.pong.ip", "127.0.0.1", "GN-PG-02", ""},
		{descriptorOf(wire.TypePong, "\xca"), "0.pong.payload", "ca", "GN-PG-02", "1 bytes"},
		{descriptorOf(wire.TypeBye, "\xc8\x00enough\x00"), "0.bye.code", "200", "GN-BY-08", ""},
		{descriptorOf(wire.TypeBye, "\xc8\x00enough\x00"), "0.bye.text", `"enough"`, "GN-BY-01", ""},
		{descriptorOf(wire.TypeQRP, "\x00\x00\x00\x01\x00\x07"), "0.route_table_update.slots", "65536", "GN-UQ-09", ""},
		{patch, "0.route_table_update.of", "2", "GN-UQ-10", ""},
		{patch, "0.route_table_update.data", "09", "", ""},
		{descriptorOf(wire.TypeVendor, "BEAR\x04\x00\x01\x00\x07"), "0.vendor.selector", "4", "GN-VE-01", ""},
		{push, "0.push.index", "7", "GN-PU-01", ""},
		{push, "0.push.port", "6346", "GN-PU-01", ""},
		{descriptorOf(wire.TypeQuery, "\xc0\x00a b\x00urn:\x1c"+block), "0.query.flags", "firewalled", "GN-QY-12", ""},
		{descriptorOf(wire.TypeQuery, "\x38\x00a b\x00urn:\x00"), "0.query.flags", "56", "GN-QY-12", ""},
		{descriptorOf(wire.TypeQuery, "\xc0\x00a b\x00urn:\x00"), "0.query.extension", `"urn:"`, "GN-QY-15", ""},
		{descriptorOf(wire.TypeQuery, "\xc0\x00a b\x00urn:\x1c"+block), "0.query.ggep.SCP", "01", "GN-GG-02", ""},
		{descriptorOf(wire.TypeQuery, "\xc0\x00a b\x00urn:"), "0.query.text", `"a b"`, "GN-QY-06", ""},
		{hitExample(), "0.queryhit.results[0].name", `"a song"`, "GN-QH-02", ""},
		{hitExample(), "0.queryhit.results[0].extension", `"urn:sha1:x"`, "GN-QY-15", ""},
		{hitExample(), "0.queryhit.flags", "push, not busy", "GN-QH-08", ""},
		{hitExample(), "0.queryhit.private", `"own"`, "GN-QH-09", ""},
		{hitExample(), "0.queryhit.ggep.ALT", `"123456"`, "GN-GG-02", ""},
		{hitExample(), "0.queryhit.servent_id", strings.Repeat("00", 16), "GN-QH-10", ""},
		{behindBlock(), "0.queryhit.ggep.A", `""`, "GN-GG-02", ""},
		{behindBlock(), "0.queryhit.results[0].extension", strings.Repeat("ff", 9), "GN-QY-10", ""},
		{behindBlock(), "0.queryhit.servent_id", strings.Repeat("bb", 16), "GN-QH-10", ""},
		{privateHit("\x01"), "0.queryhit.private", "01", "GN-QH-09", ""},
		{privateHit("<xml/>"), "0.queryhit.private", `"<xml/>"`, "GN-QH-09", ""},
		{privateHit("\xc3\x81\x41\x40z"), "0.queryhit.private", `"z"`, "GN-QH-09", ""},
		{privateHit("z"), "0.queryhit.servent_id", strings.Repeat("00", 16), "GN-QH-10", ""},
		{descriptorOf(0x55, "abc"), "0.type_0x55.data", `"abc"`, "", ""},
		{ping[:22], "0.ping", "00000000000000000000000000000000000304000000", "GN-HD-01", "22 bytes"},
		{ping[:19] + "\xff\xff\xff\xff", "0.ping", strings.Repeat("00", 17) + "0304ffffffff", "GN-HD-01", "GN-HD-15"},
		{giv, "0.giv", `"GIV 7:00112233445566778899aabbcc"… (45 bytes)`, "GN-PU-06", ""},
		{"GET /get/7/a HTTP/1.1\r\nRange: bytes=0-\r\n\r\n", "0.request.Range", `"bytes=0-"`, "GN-HS-07", ""},
		{"HTTP/1.1 200 OK\r\n\r\nthe file", "0.response.body", `"the file"`, "GN-PU-10", ""},
		{"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "0.response.header", `"no header"`, "GN-HS-07", "no colon"},
		{"GNUTELLA CONNECT/0.6\r\nX", "0.connect", `"GNUTELLA CONNECT/0.6"`, "GN-HS-01", ""},
	} {
		if strings.HasSuffix(e.stream, "\r\nX") {
			fields, err := Gnutella([]byte(e.stream))
			covers(t, []byte(e.stream), fields)
			require.ErrorContains(t, err, "no empty line")
			continue
		}
		e.check(t, Gnutella)
	}
	_, err := Gnutella(nil)
	require.Error(t, err)
}

// Whatever the bytes are, the fields are them; of what the codec has written they are
// without fault.
func TestGnutellaCoversEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := []wire.Type{
			wire.TypePing, wire.TypePong, wire.TypeBye, wire.TypeQRP, wire.TypeVendor, wire.TypePush, wire.TypeQuery,
			wire.TypeQueryHit,
		}
		var stream []byte
		for range rapid.IntRange(1, 4).Draw(t, "descriptors") {
			payload := rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\x01\x02\x1c\xc3\x83aurn:")), 0, 60).Draw(t, "payload")
			stream = append(stream, descriptorOf(rapid.SampledFrom(types).Draw(t, "type"), string(payload))...)
		}
		if rapid.Bool().Draw(t, "lines") {
			stream = append([]byte("GNUTELLA/0.6 200 OK\r\nX: y\r\n\r\n"), stream...)
		}
		stream = stream[:rapid.IntRange(1, len(stream)).Draw(t, "length")]
		fields, err := Gnutella(stream)
		covers(t, stream, fields)
		faults := 0
		for _, f := range fields {
			if f.Problem != "" {
				faults++
			}
		}
		require.Equal(t, err != nil, faults > 0, "%x: %v", stream, err)
	})
}

func FuzzGnutella(f *testing.F) {
	for _, seed := range []string{
		hitExample(), behindBlock(), privateHit("\x01"), privateHit("<xml/>"), privateHit("\xc3\x81\x41\x40z"),
		descriptorOf(wire.TypeQuery, "\xc0\x00a b\x00\xc3\x81\x41\x40z"), "GNUTELLA CONNECT/0.6\r\nA: b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		if fields, err := Gnutella(stream); len(stream) > 0 {
			covers(t, stream, fields)
		} else {
			require.Error(t, err)
		}
	})
}

func TestGnutellaAgreesWithTheCodec(t *testing.T) {
	var b []byte
	for _, m := range []spec.Message{
		wire.Connect{Version: wire.V06(), Headers: wire.Headers{{Name: "A", Value: "b"}}},
		wire.Status{Code: 200, Phrase: "OK"}, wire.Descriptor{Type: wire.TypePing, TTL: 1},
	} {
		var err error
		b, err = wire.Codec{}.AppendMessage(b, m)
		require.NoError(t, err)
	}
	fields, err := Gnutella(b)
	require.NoError(t, err)
	covers(t, b, fields)
	var paths []string
	for _, f := range fields {
		if f.Depth == 0 {
			paths = append(paths, f.Path)
		}
	}
	require.Equal(t, []string{"0.connect", "1.status", "2.ping"}, paths)
}

func TestNapsterFields(t *testing.T) {
	message := func(kind uint16, text string) string {
		return string([]byte{byte(len(text)), byte(len(text) >> 8), byte(kind), byte(kind >> 8)}) + text
	}
	md5 := hex.EncodeToString(bytes.Repeat([]byte{0xab}, 16))
	ack := message(204, `joe 16777343 6699 "a song.mp3" `+md5+` 10`)
	login := message(2, `joe secret 6699 "p2p spec"  10`)
	search := message(200, `FILENAME CONTAINS "a song" MAX_RESULTS 9 BITRATE "AT LEAST" 128`)
	for _, e := range []overlayExample{
		{login, "0.login", "30 bytes, type 2", "NP-FR-01", ""},
		{login, "0.login.nick", `"joe"`, "NP-LG-01", ""},
		{login, "0.login.client", `"p2p spec"`, "NP-LG-01", ""},
		{login + ack, "1.get_ack.ip", "127.0.0.1", "NP-DL-03", ""},
		{ack, "0.get_ack.name", `"a song.mp3"`, "NP-DL-03", ""},
		{search, "0.search.condition", `"FILENAME"`, "NP-SE-01", ""},
		{message(203, "joe"), "0.get.text", `"joe"`, "NP-DL-01", "filename"},
		{message(404, "no such user"), "0.error.text", `"no such user"`, "NP-ER-01", ""},
		{message(621, "welcome"), "0.motd.text", `"welcome"`, "", ""},
		{message(202, ""), "0.result_end", "0 bytes, type 202", "NP-FR-01", ""},
		{message(9999, "x"), "0.9999.text", `"x"`, "NP-ER-02", ""},
		{message(214, ""), "0.stats", "0 bytes, type 214", "NP-FR-01", ""},
		{message(214, "1 2 3"), "0.stats.gigabytes", `"3"`, "NP-ST-01", ""},
		{login[:9], "0", "1e0002006a6f652073", "NP-FR-01", "9 bytes"},
		{"\xff\xff\x02\x00", "0", "ffff0200", "NP-FR-01", "65535 bytes"},
		{`GETjoe "a song.mp3" 5`, "0.get.begin", `"5"`, "NP-CC-02", ""},
		{`SENDjoe "a song.mp3" 5`, "0.send.size", `"5"`, "NP-CC-03", ""},
	} {
		e.check(t, Napster)
	}
	for _, bad := range []string{"", `GETjoe "a song`, `SENDjoe "a" x`} {
		_, err := Napster([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestNapsterCoversEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		for range rapid.IntRange(1, 3).Draw(t, "messages") {
			kind := rapid.SampledFrom([]byte{2, 3, 6, 100, 200, 201, 203, 204, 214}).Draw(t, "type")
			text := rapid.SliceOfN(rapid.SampledFrom([]byte(`ab 1"`)), 0, 40).Draw(t, "text")
			stream = append(append(stream, byte(len(text)), 0, kind, 0), text...)
		}
		stream = stream[:rapid.IntRange(1, len(stream)).Draw(t, "length")]
		fields, err := Napster(stream)
		covers(t, stream, fields)
		faults := 0
		for _, f := range fields {
			if f.Problem != "" {
				faults++
			}
		}
		require.Equal(t, err != nil, faults > 0, "%x: %v", stream, err)
	})
}
