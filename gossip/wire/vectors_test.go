package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/spec"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// TestVectors plays spec/vectors/swim.json.
func TestVectors(t *testing.T) {
	file, err := vectors.Load("swim")
	require.NoError(t, err)
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			switch v.Operation {
			case "message":
				playMessage(t, v)
			case "open":
				playOpen(t, v)
			case "seal":
				playSeal(t, v)
			default:
				t.Fatalf("%s is no operation", v.Operation)
			}
		})
	}
}

// read reads what v gives: messages, and whether some are lost.
func read(f *Format, stream bool, b []byte) (messages []Message, lost bool, err error) {
	if !stream {
		m, err := f.ParseMessage(b)
		if err != nil {
			return nil, false, err
		}
		return m.(Packet).Parts, m.(Packet).Faults != nil, nil
	}
	m, n, err := f.Stream().Decoder().Decode(b)
	switch {
	case err != nil:
		return nil, false, err
	case n == 0:
		return nil, false, newFault("", "stream", 0, "incomplete")
	case m.(Frame).Fault != nil:
		return nil, false, m.(Frame).Fault
	case !m.(Frame).Opens:
		return nil, false, newFault("GO-WF-15", "stream", 0, "without a label")
	}
	return []Message{m.(Frame).Msg}, false, nil
}

func playMessage(t *testing.T, v vectors.Vector) {
	b, stream := v.Input.Bytes("message"), v.Input.Bool("stream")
	messages, _, err := read(&Format{}, stream, b)
	require.Equal(t, v.Expect.Bool("valid"), err == nil, "%v", err)
	if err != nil {
		return
	}
	holds(t, v.Expect, describe(messages[0]))
	_, _, err = read(&Format{Strict: true}, stream, b)
	require.Equal(t, v.Expect.Bool("canonical"), err == nil, "%v", err)
}

// holds wants of everything that is expected that it is so. Absent bytes are nil.
func holds(t *testing.T, expect, got vectors.Values) {
	for name, want := range expect {
		if name != "valid" && name != "canonical" {
			require.Equal(t, want, got[name], name)
		}
	}
}

// describe is a message in the words of the vectors.
func describe(m Message) vectors.Values {
	v := vectors.Values{"type": m.Type().String()}
	place := func(n NodeState) {
		v["number"], v["node"], v["port"] = int64(n.Incarnation), n.Name, int64(n.Addr.Port())
		v["address"], v["payload"] = n.Addr.Addr().String(), n.Meta
		v["versions"] = n.Versions.append(nil)[1:]
	}
	switch m := m.(type) {
	case Ping:
		v["number"], v["node"], v["from"] = int64(m.SeqNo), m.Node, m.Source.Node
	case IndirectPing:
		v["number"], v["node"], v["from"], v["flag"] = int64(m.SeqNo), m.Node, m.Source.Node, m.Nack
		v["address"], v["port"] = m.Target.Addr().String(), int64(m.Target.Port())
	case Ack:
		v["number"], v["payload"] = int64(m.SeqNo), m.Payload
	case Nack:
		v["number"] = int64(m.SeqNo)
	case Suspect:
		v["number"], v["node"], v["from"] = int64(m.Incarnation), m.Node, m.From
	case Dead:
		v["number"], v["node"], v["from"] = int64(m.Incarnation), m.Node, m.From
	case Alive:
		place(NodeState{m.Node, m.Addr, m.Meta, m.Incarnation, StateAlive, m.Versions})
	case User:
		v["payload"] = m.Payload
	case PushPull:
		v["flag"], v["nodes"], v["payload"] = m.Join, int64(len(m.Nodes)), m.User
	}
	return v
}

func formatOf(v vectors.Vector) *Format {
	return &Format{Label: v.Input.Text("label"), Keys: v.Input.List("keys"), Version: uint8(v.Input.Int("version"))}
}

func playOpen(t *testing.T, v vectors.Vector) {
	messages, lost, err := read(formatOf(v), v.Input.Bool("stream"), v.Input.Bytes("packet"))
	require.Equal(t, v.Expect.Bool("valid"), err == nil, "%v", err)
	if err == nil {
		require.Equal(t, v.Expect.List("messages"), bodies(t, messages, v.Input.Bool("stream")))
		require.Equal(t, v.Expect.Bool("lost"), lost)
	}
}

func bodies(t *testing.T, messages []Message, stream bool) (all [][]byte) {
	for _, m := range messages {
		write := appendBody
		if stream {
			write = appendOnStream
		}
		b, f := write(nil, m)
		require.Nil(t, f)
		all = append(all, b)
	}
	return all
}

// playSeal writes what the vector gives, and reads that again.
func playSeal(t *testing.T, v vectors.Vector) {
	f, stream := formatOf(v), v.Input.Bool("stream")
	p := Packet{CRC: v.Input.Bool("crc")}
	copy(p.Nonce[:], v.Input.Bytes("nonce"))
	for _, b := range v.Input.List("messages") {
		m, _, err := read(&Format{}, stream, b)
		require.NoError(t, err)
		p.Parts = append(p.Parts, m...)
	}
	var message spec.Message = p
	write := f.AppendMessage
	if stream {
		message, write = Frame{Msg: p.Parts[0], Nonce: p.Nonce, Opens: true}, f.Stream().AppendMessage
	}
	b, err := write(nil, message)
	require.NoError(t, err)
	require.Equal(t, v.Expect.Bytes("packet"), b)
	again, lost, err := read(f, stream, b)
	require.NoError(t, err)
	require.False(t, lost)
	require.Equal(t, p.Parts, again)
}
