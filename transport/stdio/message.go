package stdio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Message is one line: who sends what to whom.
type Message struct {
	Src, Dest string
	Body      Body
}

// Body is the object in the middle of a message, with the keys that the
// protocol reserves read out of it.
type Body struct {
	Type      string
	MsgID     *int64 // names a request; nil where no answer is awaited
	InReplyTo *int64 // the request that this answers; nil in a request
	Raw       []byte // the whole object
}

// Decode reads the fields of the body into v, as [json.Unmarshal] does.
func (b Body) Decode(v any) error { return json.Unmarshal(b.Raw, v) }

// Fields are the fields of the body by name; numbers are float64.
func (b Body) Fields() map[string]any {
	var fields map[string]any
	_ = json.Unmarshal(b.Raw, &fields) // it was read before
	return fields
}

// Rule is a rule of the protocol that a line can break.
type Rule string

// The rules of lines.
const (
	RuleObject   Rule = "each line of stdout is one JSON object and nothing else; logs go to stderr"
	RuleEnvelope Rule = "a message has the keys src, dest and body, and no other"
	RuleNames    Rule = "src and dest are texts, and not empty"
	RuleBody     Rule = "body is an object whose type is a text that is not empty"
	RuleNumbers  Rule = "body.msg_id and body.in_reply_to are integers"
	RuleLength   Rule = "a line has at most 1 MiB"
	RuleEnd      Rule = "each line ends with a line feed, and is flushed"
)

// LineError tells which rule a line breaks.
type LineError struct {
	Rule Rule
	Text string // the line, or its beginning
	Err  error  // what exactly is wrong; may be nil
}

// lineShown is how much of a bad line is quoted.
const lineShown = 200

func (e *LineError) Error() string {
	s := string(e.Rule)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; the line is " + strconv.Quote(e.Text)
}

// Causes are the usual mistakes behind such a line, most likely first.
func (e *LineError) Causes() []string {
	switch e.Rule {
	case RuleObject:
		return []string{"the program prints to stdout what belongs on stderr", "two lines are written at once by two threads"}
	case RuleLength:
		return []string{"the line feed at the end of the message is missing"}
	case RuleEnd:
		return []string{"the program ended while it wrote", "stdout is not flushed"}
	case RuleBody:
		return []string{"the fields of the body stand beside it"}
	}
	return nil
}

func (e *LineError) Unwrap() error { return e.Err }

func broken(rule Rule, line []byte, err error) *LineError {
	text := line[:min(len(line), lineShown)]
	return &LineError{Rule: rule, Text: string(text), Err: err}
}

// Parse reads one line. A key "id" beside the others is allowed, as Maelstrom
// itself sends one. The error is a *[LineError].
func Parse(line []byte) (Message, error) {
	var env map[string]json.RawMessage
	if err := json.Unmarshal(line, &env); err != nil || env == nil {
		return Message{}, broken(RuleObject, line, nil)
	}
	for key := range env {
		switch key {
		case "id", "src", "dest", "body":
		default:
			return Message{}, broken(RuleEnvelope, line, fmt.Errorf("it has the key %q", key))
		}
	}
	if env["src"] == nil || env["dest"] == nil || env["body"] == nil {
		return Message{}, broken(RuleEnvelope, line, nil)
	}
	var m Message
	if json.Unmarshal(env["src"], &m.Src) != nil || json.Unmarshal(env["dest"], &m.Dest) != nil ||
		m.Src == "" || m.Dest == "" {
		return Message{}, broken(RuleNames, line, nil)
	}
	body, lineErr := parseBody(env["body"])
	if lineErr != nil {
		lineErr.Text = broken("", line, nil).Text
		return Message{}, lineErr
	}
	m.Body = body
	return m, nil
}

func parseBody(raw []byte) (Body, *LineError) {
	var keys struct {
		Type      *string         `json:"type"`
		MsgID     json.RawMessage `json:"msg_id"`
		InReplyTo json.RawMessage `json:"in_reply_to"`
	}
	if err := json.Unmarshal(raw, &keys); err != nil || keys.Type == nil || *keys.Type == "" {
		return Body{}, &LineError{Rule: RuleBody}
	}
	b := Body{Type: *keys.Type, Raw: bytes.Clone(raw)}
	for _, key := range []struct {
		raw []byte
		to  **int64
	}{{keys.MsgID, &b.MsgID}, {keys.InReplyTo, &b.InReplyTo}} {
		if key.raw == nil {
			continue
		}
		if err := json.Unmarshal(key.raw, key.to); err != nil {
			return Body{}, &LineError{Rule: RuleNumbers, Err: fmt.Errorf("%s is none", key.raw)}
		}
	}
	return b, nil
}

// Append appends the line of a message whose body is v, a struct or a map with
// the reserved keys in it, or JSON as it is. It panics on what JSON cannot carry.
func Append(b []byte, src, dest string, v any) []byte {
	body, ok := v.(json.RawMessage)
	if !ok {
		body = encode(v)
	}
	b = append(append(b, `{"src":`...), encode(src)...)
	b = append(append(b, `,"dest":`...), encode(dest)...)
	b = append(append(b, `,"body":`...), body...)
	return append(b, '}')
}

// Request is the body of a request; Answer that of the answer to one. The
// reserved keys come first, so that a reader finds them.
func Request(typ string, msgID int64, fields map[string]any) json.RawMessage {
	return body(typ, "msg_id", msgID, fields)
}

// Answer is described at [Request].
func Answer(typ string, inReplyTo int64, fields map[string]any) json.RawMessage {
	return body(typ, "in_reply_to", inReplyTo, fields)
}

func body(typ, key string, id int64, fields map[string]any) json.RawMessage {
	b := append([]byte(`{"type":`), encode(typ)...)
	b = strconv.AppendInt(append(b, `,"`+key+`":`...), id, 10)
	if len(fields) > 0 {
		b = append(append(b, ','), encode(fields)[1:]...)
		return b
	}
	return append(b, '}')
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("stdio: " + err.Error())
	}
	return b
}

// MaxLine bounds a line: a reply with thousands of values fits many times.
const MaxLine = 1 << 20

// ReadLines reads lines until r ends and hands each over without its end, or
// what is wrong with it: one that is too long, and a last one that has no end.
// Empty lines are left out. It stops when f returns false, and returns the error
// of r where that is not its end. A line is f's to keep.
func ReadLines(r io.Reader, f func(line []byte, err *LineError) bool) error {
	buf := make([]byte, 0, 4<<10)
	room := make([]byte, 64<<10)
	skipping := false
	for {
		n, err := r.Read(room)
		for part := room[:n]; len(part) > 0; {
			end := bytes.IndexByte(part, '\n')
			line := part
			if end >= 0 {
				line = part[:end]
			}
			if !skipping {
				buf = append(buf, line[:min(len(line), MaxLine+1-len(buf))]...)
			}
			if len(buf) > MaxLine {
				skipping = true
				if !f(nil, broken(RuleLength, buf, nil)) {
					return nil
				}
				buf = buf[:0]
			}
			if end < 0 {
				break
			}
			if !skipping && len(bytes.TrimSpace(buf)) > 0 && !f(bytes.Clone(buf), nil) {
				return nil
			}
			buf, skipping, part = buf[:0], false, part[end+1:]
		}
		if err == nil {
			continue
		}
		if len(bytes.TrimSpace(buf)) > 0 {
			f(nil, broken(RuleEnd, buf, nil))
		}
		if err == io.EOF {
			return nil
		}
		return err
	}
}
