package napster

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/spec"
)

// NP-FR-01: length and type are little-endian, and the length is the text's.
func TestFraming(t *testing.T) {
	b, err := Codec{}.AppendMessage(nil, Message{TypePing, "ab"})
	require.NoError(t, err)
	require.Equal(t, "0200ef026162", hex.EncodeToString(b))
	for n := range b {
		m, took, err := Codec{}.Decoder().Decode(b[:n])
		require.True(t, m == nil && took == 0 && err == nil, "%d bytes of a message", n)
	}
	m, took, err := Codec{}.Decoder().Decode(append(b, 9))
	require.NoError(t, err)
	require.Equal(t, len(b), took)
	require.Equal(t, Message{TypePing, "ab"}, m)
}

// NP-FR-02: a length above the limit is refused with its first four bytes.
func TestFramingRefuses(t *testing.T) {
	_, _, err := Codec{}.Decoder().Decode([]byte{0x01, 0x08, 200, 0})
	require.ErrorContains(t, err, "message 200: field length: 2049 bytes, at most 2048")
	_, _, err = Codec{}.Decoder().Decode([]byte{1, 0, 200, 0, 0})
	require.ErrorContains(t, err, "field text: a NUL at byte 0")
	for _, m := range []spec.Message{
		Message{TypeError, strings.Repeat("x", MaxText+1)}, Message{TypeError, "a\x00"}, nil,
	} {
		b, err := Codec{}.AppendMessage([]byte("before"), m)
		require.Error(t, err)
		require.Equal(t, "before", string(b))
	}
}

func sum(first byte) MD5 { return MD5{first, 15: 0xc7} }

// everyForm has a parser for each type with a form, and an example as documented.
func everyForm() map[Type]struct {
	text  string
	parse func(string) (Message, error)
} {
	type form = struct {
		text  string
		parse func(string) (Message, error)
	}
	request := func(t Type) func(string) (Message, error) {
		return func(text string) (Message, error) {
			f, err := ParseRequest(t, text)
			return f.message(t, err)
		}
	}
	ack := func(t Type) func(string) (Message, error) {
		return func(text string) (Message, error) {
			f, err := ParseAck(t, text)
			return either(f.Message(t))(err)
		}
	}
	search := `FILENAME CONTAINS "a b" MAX_RESULTS 75 LINESPEED "EQUAL TO" 10 ` +
		`BITRATE "AT LEAST" 128 FREQ "AT BEST" 44100`
	file := `"generic band - generic song.mp3" b92870e0d41bc8e698cf2f0a1ddfeac7 443332 128 44100 60`
	return map[Type]form{
		TypeLogin: {`foo badpass 6699 "nap v0.8" 3`, func(text string) (Message, error) {
			f, err := ParseLogin(text)
			return either(f.Message())(err)
		}},
		TypeNewUser: {`foo foo 6699 "nap v0.8" 3 email@here.com`, func(text string) (Message, error) {
			f, err := ParseNewUser(text)
			return either(f.Message())(err)
		}},
		TypeShare: {file, func(text string) (Message, error) {
			f, err := ParseFile(text)
			return either(f.Message())(err)
		}},
		TypeSearch: {search, func(text string) (Message, error) {
			f, err := ParseSearch(text)
			return either(f.Message())(err)
		}},
		TypeResult: {file + ` lefty 3437166285 4`, func(text string) (Message, error) {
			f, err := ParseResult(text)
			return either(f.Message())(err)
		}},
		TypeBrowseItem: {"foouser " + file, func(text string) (Message, error) {
			f, err := ParseListing(text)
			return either(f.Message())(err)
		}},
		TypeGet:       {`mred "C:\Program Files\generic cowboy song.mp3"`, request(TypeGet)},
		TypeUploadAck: {`lefty "generic band - generic song.mp3"`, request(TypeUploadAck)},
		TypeGetAck:    {`lefty 16777343 6699 "song.mp3" 10fe9e623b1962da85eea61df7ac1f69 3`, ack(TypeGetAck)},
		TypePushAck:   {`lefty 16777343 0 "song.mp3" 00000000000000000000000000000000 3`, ack(TypePushAck)},
		TypeWhoisAck: {`lefty "User" 1203 "80's " "Active" 0 0 0 3 "nap v0.8"`, func(text string) (Message, error) {
			f, err := ParseWhois(text)
			return either(f.Message())(err)
		}},
		TypeWhowas: {`lefty "User" 947304224`, func(text string) (Message, error) {
			f, err := ParseWhowas(text)
			return either(f.Message())(err)
		}},
		TypeResume: {`b92870e0d41bc8e698cf2f0a1ddfeac7 443332`, func(text string) (Message, error) {
			f, err := ParseResume(text)
			return either(f.Message())(err)
		}},
		TypeResumeMatch: {
			`lefty 16777343 6699 "a song.mp3" b92870e0d41bc8e698cf2f0a1ddfeac7 443332 3`,
			func(text string) (Message, error) {
				f, err := ParseMatch(text)
				return either(f.Message())(err)
			},
		},
		TypeSpeedAck: {`lefty 3`, func(text string) (Message, error) {
			f, err := ParseSpeed(text)
			return either(f.Message())(err)
		}},
		TypeStats: {`553 64692 254`, func(text string) (Message, error) {
			f, err := ParseStats(text)
			return f.Message(), err
		}},
	}
}

func (r Request) message(t Type, err error) (Message, error) { return either(r.Message(t))(err) }

// either prefers the error of the parser to that of the writer.
func either(m Message, written error) func(error) (Message, error) {
	return func(read error) (Message, error) {
		if read != nil {
			return Message{}, read
		}
		return m, written
	}
}

// NP-LG-01, NP-LG-02, NP-SH-01, NP-SE-01, NP-SE-04, NP-BR-01, NP-DL-01, NP-DL-03, NP-WH-01, NP-WH-02, NP-WH-03,
// NP-RS-01 and NP-ST-01:
// every form is read and written as the document has it.
func TestForms(t *testing.T) {
	for kind, form := range everyForm() {
		m, err := form.parse(form.text)
		require.NoError(t, err, form.text)
		require.Equal(t, Message{kind, form.text}, m)
		for n := range form.text {
			if m, err := form.parse(form.text[:n]); err != nil {
				var syntax *SyntaxError
				require.ErrorAs(t, err, &syntax)
				require.Equal(t, kind, syntax.Type)
				require.NotEmpty(t, syntax.Field)
			} else if kind != TypeSearch {
				require.Equal(t, form.text[:n], m.Text) // a shorter number
			}
		}
		if kind != TypeWhoisAck { // moderators see more
			_, err = form.parse(form.text + ` "more"`)
			require.Error(t, err, kind)
		}
	}
}

// NP-TX-01, NP-TX-02: errors name the field.
func TestTextErrors(t *testing.T) {
	for _, bad := range []struct {
		err  error
		says string
	}{
		{second(ParseLogin(`foo`)), "message 2: field password: missing"},
		{second(ParseLogin(`foo pw 65536 "c" 1`)), `field port: "65536" is no number of 0 to 65535`},
		{second(ParseLogin(`foo pw 1 c 1`)), "field client-info: no quote opens it"},
		{second(ParseLogin(`foo pw 1 "c 1`)), "field client-info: no quote closes it"},
		{second(ParseLogin(`foo pw 1 "c"1`)), "no blank follows its closing quote"},
		{second(ParseLogin(`foo pw 1 "c" 11`)), `field link-type: "11" is no number of 0 to 10`},
		{second(ParseLogin(`foo p"w 1 "c" 1`)), "field password: a quote at byte 1"},
		{second(ParseLogin(`foo pw +1 "c" 1`)), "field port"},
		{second(ParseLogin("a\x7f pw 1 \"c\" 1")), "field nick: a control character at byte 1"},
		{second(ParseLogin(strings.Repeat("n", 20) + ` pw 1 "c" 1`)), "a nick of 20 characters, want 1 to 19"},
		{second(ParseFile(`"a" 00 1 1 1 1`)), `field md5: "00" is no MD5 sum`},
		{second(ParseFile(`"" 0 1 1 1 1`)), `field filename: empty`},
		{second(ParseFile("\"a\tb\" 0 1 1 1 1")), `field filename: a control character at byte 1`},
		{second(ParseSearch(`FILENAME CONTAINS "a "quoted" string" MAX_RESULTS 100`)), "no blank follows its closing quote"},
		{second(ParseSearch(`FILENAME IS "a"`)), `"IS" follows, want CONTAINS`},
		{second(ParseSearch(`FREQ "AT ODDS" 1`)), "field FREQ"},
		{second(ParseSearch(`BITRATE "AT LEAST" 1 BITRATE "AT LEAST" 2`)), "field BITRATE: stands twice"},
		{second(ParseSearch(`COLOUR 1`)), "field clause"},
		{second(ParseRequest(TypeGet, `foo "a" b`)), "message 203: field end"},
	} {
		require.ErrorContains(t, bad.err, bad.says)
	}
	_, err := Login{Nick: "a", Password: "b c", Client: "d"}.Message()
	require.Error(t, err)
	_, err = File{Name: `a" 1 2 3`}.Message()
	require.Error(t, err)
	_, err = Login{Nick: "a", Password: "b 1", Client: `x" 1 "y`}.Message()
	require.Error(t, err)
}

func second[T any](_ T, err error) error { return err }

// What other clients write is read as well.
func TestTolerance(t *testing.T) {
	q, err := ParseSearch(`max_results 200 filename contains "x" FILENAME CONTAINS "y" BITRATE "AT MOST" "128"`)
	require.NoError(t, err)
	require.Equal(t, Search{Words: "x y", Max: 200, Bitrate: Condition{AtBest, 128}}, q)
	f, err := ParseFile(`"a" b92870e0d41bc8e698cf2f0a1ddfeac7-443332 1 2 3 4`)
	require.NoError(t, err)
	require.Equal(t, "b92870e0d41bc8e698cf2f0a1ddfeac7", f.MD5.String())
	f, err = ParseFile(`" a" b92870e0d41bc8e698cf2f0a1ddfeac7 1 2 3 4`)
	require.NoError(t, err, "though nobody could take it back")
	require.Error(t, CheckFileName(f.Name))
	_, err = f.Message()
	require.NoError(t, err, "what was read can be said to others")
	name, err := ParseFileName(`C:\a b.mp3`)
	require.NoError(t, err)
	require.Equal(t, `C:\a b.mp3`, name)
	r, err := ParseRequest(TypeUpload, `foo "a b" 4`)
	require.NoError(t, err)
	require.Equal(t, Request{"foo", "a b"}, r)
	a, err := ParseAck(TypeGetAck, `foo 16777343 0 "a b" firewallerror 4`)
	require.NoError(t, err)
	require.Equal(t, Ack{"foo", netip.MustParseAddrPort("127.0.0.1:0"), "a b", MD5{}, 4}, a)
	l, err := ParseLogin(`a b 1 "c" 2 77`)
	require.NoError(t, err)
	require.Equal(t, uint32(77), l.Build)
}

// NP-TX-03: an address is the number that a little-endian memory shows.
func TestDecimalAddr(t *testing.T) {
	require.Equal(t, uint32(16777343), DecimalAddr(netip.MustParseAddr("127.0.0.1")))
	require.Equal(t, uint32(16777343), DecimalAddr(netip.MustParseAddr("::ffff:127.0.0.1")))
	require.Equal(t, "127.0.0.1", AddrOfDecimal(16777343).String())
}

// NP-SE-03: words, and nothing but words, count.
func TestWords(t *testing.T) {
	require.Equal(t, []string{"c01", "don't", "mp3", "song", "ünder"}, Words(`C01\Don't-SONG (song).mp3_ÜNDER`))
	require.Empty(t, Words(` -_. "`))
}

// NP-MS-01.
func TestMeta(t *testing.T) {
	a := netip.MustParseAddrPort("208.184.216.223:8888")
	require.Equal(t, "208.184.216.223:8888\n", string(AppendMeta(nil, a)))
	for _, line := range []string{"208.184.216.223:8888\n", "208.184.216.223:8888\r\n", "208.184.216.223:8888"} {
		got, err := ParseMeta(line)
		require.NoError(t, err)
		require.Equal(t, a, got)
	}
	for _, line := range []string{
		"", "busy\n", "127.0.0.1:0\n", "[::1]:1\n", "1.2.3.4:5\n\n", "1.2.3.4:000000000000000000005\n",
	} {
		_, err := ParseMeta(line)
		require.ErrorContains(t, err, "meta server", line)
	}
}

// NP-SH-03: the sum is over the first 299,008 bytes.
func TestSum(t *testing.T) {
	b := make([]byte, HashedBytes+1)
	long := Sum(b)
	b[HashedBytes] = 1
	require.Equal(t, long, Sum(b))
	b[HashedBytes-1] = 1
	require.NotEqual(t, long, Sum(b))
	require.Equal(t, "d41d8cd98f00b204e9800998ecf8427e", Sum(nil).String())
}

// NP-CC-01, NP-CC-02, NP-CC-03: an offer is read however it is cut.
func TestOffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Offer{
			rapid.SampledFrom([]Verb{Download, Upload}).Draw(t, "verb"), rapid.StringMatching("[a-z]{1,19}").Draw(t, "nick"),
			rapid.StringMatching(`[ -!#-~]{1,40}`).Draw(t, "name"), rapid.Int64Range(0, 1<<63-1).Draw(t, "number"),
		}
		b, err := AppendOffer([]byte{Greeting}, o)
		require.NoError(t, err)
		text := string(b[1:])
		got, complete, err := ParseOffer(text)
		require.True(t, complete && err == nil)
		require.Equal(t, o, got)
		short := text[:strings.LastIndexByte(text, ' ')+1]
		for n := range len(short) + 1 {
			_, complete, err = ParseOffer(short[:n])
			require.True(t, !complete && err == nil, short[:n])
		}
	})
	for _, bad := range []string{
		"PUT", `GETé "c" 1`, `SENDa "c" x`, `GETa b "c" 1`, `GETa "" 1`, "GET" + strings.Repeat("x", MaxOffer),
	} {
		_, _, err := ParseOffer(bad)
		require.Error(t, err, bad)
	}
	_, err := AppendOffer(nil, Offer{Download, "a", `b"c`, 0})
	require.Error(t, err)
	_, err = AppendOffer(nil, Offer{Download, "a", `b`, -1})
	require.Error(t, err)
}

// NP-CC-02, NP-CC-04: a size ends where the data begins.
func TestNumber(t *testing.T) {
	for _, c := range []struct {
		text     string
		expected int64
		number   int64
		n        int
	}{
		{"12345\xff\xfb", 0, 12345, 5}, {"123451", 12345, 12345, 5}, {"12", 12345, 0, 0}, {"", 0, 0, 0},
		{"0", 0, 0, 0}, {"INVALID", 0, 0, 0}, {"FILE", 7, 0, 0}, {string(AppendNumber(nil, 7)) + "x", 9, 7, 1},
	} {
		number, n, err := ParseNumber(c.text, c.expected)
		require.NoError(t, err, c.text)
		require.Equal(t, c.number, number, c.text)
		require.Equal(t, c.n, n, c.text)
	}
	for text, want := range map[string]error{"INVALID REQUEST": ErrInvalidRequest, "FILE NOT SHARED": ErrNotShared} {
		_, _, err := ParseNumber(text, 3)
		require.True(t, errors.Is(err, want))
	}
	for _, bad := range []string{"x", "12345678901234567890", "9999999999999999999x"} {
		_, _, err := ParseNumber(bad, 0)
		require.Error(t, err, bad)
	}
}
