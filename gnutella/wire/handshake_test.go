package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
)

// decodeAll reads a whole stream.
func decodeAll(stream string) (messages []spec.Message, err error) {
	d := Codec{}.Decoder()
	for b := []byte(stream); ; {
		m, n, err := d.Decode(b)
		if n == 0 || err != nil {
			return messages, err
		}
		messages, b = append(messages, m), b[n:]
	}
}

const ping = "\x00\x11\x22\x33\x44\x55\x66\x77\xff\x99\xaa\xbb\xcc\xdd\xee\x00\x00\x01\x00\x00\x00\x00\x00"

// GN-HS-01, GN-HS-02, GN-HS-03, GN-HS-04, GN-HS-10, GN-HS-12, GN-HS-13.
func TestHandshakes(t *testing.T) {
	for stream, want := range map[string]string{
		"GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\nGNUTELLA/0.6 200 OK\r\n\r\n" + ping: "connect 0.6 1, status 200, Ping",
		"GNUTELLA CONNECT/0.6\n\nGNUTELLA/0.6 200 fine by me\n\n" + ping:                  "connect 0.6 0, status 200, Ping",
		"GNUTELLA CONNECT/0.7\r\n\r\nGNUTELLA/0.6 503 No\r\n\r\n":                         "connect 0.7 0, status 503",
		"GNUTELLA CONNECT/0.4\n\n" + ping:                                                 "connect 0.4 0, Ping",
		"GNUTELLA CONNECT/0.4\r\n\r\n" + ping:                                             "connect 0.4 0, Ping",
		"GNUTELLA OK\n\n" + ping:                                                          "status 200, Ping",
		"GNUTELLA/0.6 200\r\n\r\n" + ping:                                                 "status 200, Ping",
		"GNUTELLA/0.6 503 Busy\r\nX-Try: 1.2.3.4:6346\r\n\r\n":                            "status 503",
	} {
		messages, err := decodeAll(stream)
		require.NoError(t, err, "%q", stream)
		var got []string
		for _, m := range messages {
			switch m := m.(type) {
			case Connect:
				got = append(got, fmt.Sprintf("connect %v %d", m.Version, len(m.Headers)))
			case Status:
				got = append(got, fmt.Sprintf("status %d", m.Code))
			case Descriptor:
				got = append(got, m.Type.String())
			}
		}
		assert.Equal(t, want, strings.Join(got, ", "), "%q", stream)
	}
}

func TestHandshakesAreWritten(t *testing.T) {
	for want, m := range map[string]spec.Message{
		"GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n": Connect{V06(), Headers{{"User-Agent", "x"}}},
		"GNUTELLA CONNECT/0.4\n\n":                      Connect{V04(), Headers{{"never", "written"}}},
		"GNUTELLA OK\n\n":                               Status{Old: true},
		"GNUTELLA/0.6 503 Busy\r\n\r\n":                 Status{Code: Busy, Phrase: "Busy"},
	} {
		b, err := Codec{}.AppendMessage(nil, m)
		require.NoError(t, err)
		assert.Equal(t, want, string(b))
	}
	for _, m := range []spec.Message{
		Connect{V06(), Headers{{"a b", ""}}}, Connect{V06(), Headers{{"a", "b\r\nc"}}}, Connect{V06(), Headers{{"", ""}}},
		Connect{V06(), make(Headers, MaxHeaders+1)}, Status{Code: 99}, Status{Code: 200, Phrase: "a\nb"},
	} {
		b, err := Codec{}.AppendMessage([]byte("before"), m)
		assert.ErrorIs(t, err, ErrMalformed)
		assert.Equal(t, "before", string(b))
	}
}

// GN-HS-07, GN-HS-08, GN-HS-09, GN-HS-17: folded, repeated, in any order and case.
func TestHeaders(t *testing.T) {
	messages, err := decodeAll("GNUTELLA CONNECT/0.6\r\nx-try:1.1.1.1:1 ,2.2.2.2:2,\r\n\t3.3.3.3:3\r\n" +
		"x-ULTRAPEER:  tRUE \r\nX-Try: 4.4.4.4:4\r\nX-Empty:\r\n\r\n")
	require.NoError(t, err)
	h := messages[0].(Connect).Headers
	try, ok := h.Get("X-Try")
	assert.True(t, ok)
	assert.Equal(t, "1.1.1.1:1 ,2.2.2.2:2, 3.3.3.3:3, 4.4.4.4:4", try)
	assert.True(t, h.Lists("X-Ultrapeer", "true"))
	assert.True(t, h.Lists("X-Try", "2.2.2.2:2"))
	assert.False(t, h.Lists("X-Try", "2.2.2.2"))
	_, ok = h.Get("X-Empty")
	assert.True(t, ok)
	_, ok = h.Get("X-Missing")
	assert.False(t, ok)
}

func TestHandshakesRefused(t *testing.T) {
	for stream, want := range map[string]string{
		"GNUTELLA/0.6 200 O\rK\r\n\r\n":                                         "CR within a line",
		"GET / HTTP/1.1\r\n\r\n":                                                "opens no step of a handshake (GN-HS-01)",
		"\r\n\r\n":                                                              "an empty line comes first",
		"GNUTELLA CONNECT/0.x\r\n\r\n":                                          `the version "0.x"`,
		"GNUTELLA CONNECT/300.6\r\n\r\n":                                        `the version "300.6"`,
		"GNUTELLA/0.6 OK\r\n\r\n":                                               "the status line",
		"GNUTELLA/0.6 1000 x\r\n\r\n":                                           "the status line",
		"GNUTELLA/0.6\r\n\r\n":                                                  "the status line",
		"GNUTELLA/0.6 200 OK\r\nno colon\r\n\r\n":                               `offset 21: "no colon" is no header`,
		"GNUTELLA/0.6 200 OK\r\n: empty\r\n\r\n":                                "is no header",
		"GNUTELLA/0.6 200 OK\r\n folded\r\n\r\n":                                "is no header",
		"GNUTELLA OK\n\nGNUTELLA OK\n\n" + strings.Repeat("\xff", 40):           "a payload of",
		"GNUTELLA/0.6 200 OK\r\n" + strings.Repeat("a: b\r\n", 65) + "\r\n":     "more than 64 headers",
		"GNUTELLA CONNECT/0.6\r\n\r\nGNUTELLA CONNECT/0.6\r\n\r\n":              "opens no step",
		"GNUTELLA CONNECT/0.6\r\n\r\nGNUTELLA OK\n\n":                           "opens no step",
		"GNUTELLA CONNECT/0.6\r\n" + strings.Repeat("x", MaxHandshake):          "no empty line within 8192 bytes",
		"GNUTELLA CONNECT/0.6\r\n" + strings.Repeat("a: b\r\n", MaxHandshake/6): "no empty line within 8192 bytes",
		"GNUTELLA/0.6 503 Busy\r\n\r\n" + ping:                                  "23 bytes after a refusal (GN-HS-05)",
	} {
		_, err := decodeAll(stream)
		assert.ErrorIs(t, err, ErrMalformed, "%.60q", stream)
		assert.ErrorContains(t, err, want)
	}
}
