package stdio_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/transport/stdio"
)

func TestParse(t *testing.T) {
	m, err := stdio.Parse([]byte(`{"id":3,"src":"c0","dest":"n1","body":{"type":"read","msg_id":7,"key":[1]}}`))
	require.NoError(t, err)
	assert.Equal(t, "c0 n1 read 7", fmt.Sprint(m.Src, " ", m.Dest, " ", m.Body.Type, " ", *m.Body.MsgID))
	assert.Nil(t, m.Body.InReplyTo)
	assert.Equal(t, []any{1.0}, m.Body.Fields()["key"])
}

// Each line that is no message is refused with the rule that it breaks.
func TestParseNamesTheRule(t *testing.T) {
	for line, rule := range map[string]stdio.Rule{
		``:           stdio.RuleObject,
		`null`:       stdio.RuleObject,
		`[1]`:        stdio.RuleObject,
		`{"src":"a"`: stdio.RuleObject,
		`{"src":"a","dest":"b","body":{"type":"x"}} {}`:                            stdio.RuleObject,
		`{"src":"a","dest":"b"}`:                                                   stdio.RuleEnvelope,
		`{"src":"a","dest":"b","body":{"type":"x"},"at":1}`:                        stdio.RuleEnvelope,
		`{"src":"","dest":"b","body":{"type":"x"}}`:                                stdio.RuleNames,
		`{"src":"a","dest":2,"body":{"type":"x"}}`:                                 stdio.RuleNames,
		`{"src":"a","dest":null,"body":{"type":"x"}}`:                              stdio.RuleNames,
		`{"src":"a","dest":"b","body":[]}`:                                         stdio.RuleBody,
		`{"src":"a","dest":"b","body":null}`:                                       stdio.RuleBody,
		`{"src":"a","dest":"b","body":{"type":""}}`:                                stdio.RuleBody,
		`{"src":"a","dest":"b","body":{"msg_id":1}}`:                               stdio.RuleBody,
		`{"src":"a","dest":"b","body":{"type":"x","msg_id":"1"}}`:                  stdio.RuleNumbers,
		`{"src":"a","dest":"b","body":{"type":"x","in_reply_to":1.5}}`:             stdio.RuleNumbers,
		`{"src":"a","dest":"b","body":{"type":"x","msg_id":99999999999999999999}}`: stdio.RuleNumbers,
	} {
		_, err := stdio.Parse([]byte(line))
		var wrong *stdio.LineError
		if assert.ErrorAs(t, err, &wrong, line) {
			assert.Equal(t, rule, wrong.Rule, line)
			assert.Equal(t, line, wrong.Text)
		}
	}
}

// What is appended is read back, and no line makes the reader panic.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, dest := rapid.StringN(1, 20, -1).Draw(t, "src"), rapid.StringN(1, 20, -1).Draw(t, "dest")
		typ, id := rapid.StringN(1, 20, -1).Draw(t, "type"), rapid.Int64().Draw(t, "id")
		line := stdio.Append(nil, src, dest, map[string]any{"type": typ, "msg_id": id})
		m, err := stdio.Parse(line)
		if err != nil || m.Src != src || m.Dest != dest || m.Body.Type != typ || *m.Body.MsgID != id {
			t.Fatalf("%s: %v %+v", line, err, m)
		}
		_, _ = stdio.Parse(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	})
}

// Lines come out as they went in, however they are cut on their way.
func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", stdio.MaxLine+1)
	for text, want := range map[string][]string{
		"":               nil,
		"a\n\n  \nb\r\n": {"a", "b\r"},
		"a\nb":           {"a", "! " + string(stdio.RuleEnd)},
		long + "\nb\n":   {"! " + string(stdio.RuleLength), "b"},
		long + long:      {"! " + string(stdio.RuleLength)},
		strings.Repeat("x", stdio.MaxLine) + "\n": {strings.Repeat("x", stdio.MaxLine)},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), &slowly{text}} {
			var got []string
			err := stdio.ReadLines(r, func(line []byte, wrong *stdio.LineError) bool {
				if wrong != nil {
					line = []byte("! " + string(wrong.Rule))
				}
				got = append(got, string(line))
				return true
			})
			assert.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
}

// slowly yields some thousand bytes at a time.
type slowly struct{ rest string }

func (s *slowly) Read(b []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 4099)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestReadLinesTellsOfABrokenStream(t *testing.T) {
	broken := errors.New("broken")
	err := stdio.ReadLines(io.MultiReader(strings.NewReader("a\n"), errReader{broken}),
		func([]byte, *stdio.LineError) bool { return true })
	assert.ErrorIs(t, err, broken)
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestDefinite(t *testing.T) {
	for code, definite := range map[int]bool{
		stdio.Timeout: false, stdio.Crash: false, stdio.NotSupported: true, stdio.KeyDoesNotExist: true, 1000: false,
	} {
		assert.Equal(t, definite, stdio.Definite(code), code)
	}
}
