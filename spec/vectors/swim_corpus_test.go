package vectors

import (
	"bytes"
	"compress/lzw"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestSwimIsDerived makes swim.json.
func TestSwimIsDerived(t *testing.T) {
	c := members{corpus{file: File{
		Protocol: "swim", Documents: []string{"hashicorp/memberlist v0.7.0"},
		About: "The wire format of memberlist, in which Consul, Serf and Nomad talk. What memberlist's sources " +
			"are named for was captured from it. The name of a vector begins with the behaviour that it belongs to.",
		Operations: map[string]string{
			"message": "Read one message: as it stands in a packet, or with stream as it stands on a stream. " +
				"Where valid is true every other expectation holds; where canonical is true, too, writing the " +
				"message gives the bytes again.",
			"open": "Read the datagram packet as a member with that label and those keys: where valid is true it " +
				"yields messages, in order, and has lost some if lost is true. With stream the same bytes are what " +
				"who accepted a stream reads.",
			"seal": "Write messages as one datagram, as a member with that label, key and version of the " +
				"encryption, and with a checksum if crc is true. With stream write the message at the start of a " +
				"stream that the member dialled.",
		},
		Fields: swimFields(),
	}}}
	c.messages()
	c.malformed()
	c.layers()
	c.encryption()
	c.streams()
	c.hold(t)
}

func swimFields() map[string]Field {
	return map[string]Field{
		"message":   {Hex, "the type and the body"},
		"messages":  {HexList, "each with its type and body"},
		"packet":    {Hex, "a datagram, or what is sent on a stream"},
		"stream":    {Bool, "on a stream, not in a datagram"},
		"label":     {Text, "the cluster's name; none: it has none"},
		"keys":      {HexList, "the first encrypts, each may decrypt; none: no encryption"},
		"version":   {Int, "of the encryption: 0 pads, 1 does not"},
		"nonce":     {Hex, "12 bytes for the encryption"},
		"crc":       {Bool, "whether a checksum goes with the packet"},
		"valid":     {Bool, "whether a member takes it"},
		"canonical": {Bool, "whether memberlist would write it so"},
		"lost":      {Bool, "whether a part of the compound was truncated or could not be read"},
		"type":      {Text, "ping, indirect ping, ack, nack, suspect, dead, alive, user message, push/pull, error"},
		"number":    {Int, "SeqNo or Incarnation"},
		"node":      {Text, "whom the message is about or for"},
		"from":      {Text, "From, or SourceNode"},
		"address":   {Text, "Addr or Target, as text; absent when there is none"},
		"port":      {Int, "Port"},
		"payload":   {Hex, "Meta, Payload, or the application's bytes; absent when nil"},
		"versions":  {Hex, "Vsn, if it has six bytes"},
		"flag":      {Bool, "Nack or Join"},
		"nodes":     {Int, "how many nodes a push/pull has"},
	}
}

// members is the corpus of swim.json.
type members struct{ corpus }

const captured, sourced = "captured from memberlist v0.7.0", "derived"

// signed is what is an int in memberlist, not a uint.
type signed int

// pack is the MessagePack of a value as memberlist writes it.
func pack(v any) string {
	switch v := v.(type) {
	case nil:
		return "\xc0"
	case bool:
		return map[bool]string{false: "\xc2", true: "\xc3"}[v]
	case int:
		return pack(int64(v))
	case int64:
		switch {
		case v < 1<<7:
			return string([]byte{byte(v)})
		case v < 1<<8:
			return string([]byte{0xcc, byte(v)})
		case v < 1<<16:
			return string(binary.BigEndian.AppendUint16([]byte{0xcd}, uint16(v)))
		default:
			return string(binary.BigEndian.AppendUint32([]byte{0xce}, uint32(v)))
		}
	case signed:
		switch {
		case v < 1<<7:
			return pack(int(v))
		case v < 1<<15:
			return string(binary.BigEndian.AppendUint16([]byte{0xd1}, uint16(v)))
		default:
			return string(binary.BigEndian.AppendUint32([]byte{0xd2}, uint32(v)))
		}
	case string:
		if len(v) < 32 {
			return string([]byte{0xa0 | byte(len(v))}) + v
		}
		return string(binary.BigEndian.AppendUint16([]byte{0xda}, uint16(len(v)))) + v
	case raw:
		return string(v)
	case dict:
		out := string([]byte{0x80 | byte(len(v))})
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out += pack(key) + pack(v[key])
		}
		return out
	default:
		panic(fmt.Sprintf("no MessagePack for %T", v))
	}
}

func body(kind byte, v any) string { return string([]byte{kind}) + pack(v) }

const home, sixVersions = "\x7f\x00\x00\x01", "\x01\x05\x02\x00\x00\x00"

// message adds one; expectations are fields with their values in turn.
func (c *members) message(slug, source, message string, expect ...any) {
	c.of(slug, source, values{"message": hexed(message)}, values{"valid": true, "canonical": true}, expect...)
}

// loose adds one that memberlist reads, and writes otherwise.
func (c *members) loose(slug, message string, expect ...any) {
	c.of(slug, sourced, values{"message": hexed(message)}, values{"valid": true, "canonical": false}, expect...)
}

func (c *members) refuse(slug, message string) {
	c.add(slug, "message", sourced, values{"message": hexed(message)}, values{"valid": false}, "")
}

func (c *members) of(slug, source string, input, e values, expect ...any) {
	for i := 0; i < len(expect); i += 2 {
		e[expect[i].(string)] = expect[i+1]
	}
	c.add(slug, "message", source, input, e, "")
}

func ping(n int64) string { return body(0, dict{"Node": "target", "SeqNo": n}) }
func nack(n int) string   { return body(11, dict{"SeqNo": n}) }

func (c *members) messages() {
	alive := dict{"Addr": home, "Incarnation": 1, "Meta": nil, "Node": "target", "Port": 7946, "Vsn": sixVersions}
	c.in("message/ping", "GO-WF-01", "GO-WF-02", "GO-WF-03")
	c.message("plain", captured, ping(42), "type", "ping", "number", 42, "node", "target", "from", "")
	c.message("with its source", captured, body(0, dict{"Node": "target", "SeqNo": 43, "SourceAddr": home,
		"SourceNode": "tester", "SourcePort": 9001}), "type", "ping", "number", 43, "from", "tester")
	for _, n := range []int64{0, 127, 128, 255, 256, 65535, 65536, 1<<32 - 1} {
		c.message(fmt.Sprintf("number %d", n), sourced, ping(n), "type", "ping", "number", n)
	}
	c.in("message/indirect-ping", "GO-WF-04")
	c.message("with nack", captured, body(1, dict{"Nack": true, "Node": "ghost", "Port": 9999, "SeqNo": 77,
		"Target": home}), "type", "indirect ping", "number", 77, "node", "ghost", "address", "127.0.0.1",
		"port", 9999, "flag", true)
	c.in("message/ack", "GO-WF-05")
	c.message("without a payload", captured, body(2, dict{"Payload": nil, "SeqNo": 45}),
		"type", "ack", "number", 45)
	c.message("with a payload", sourced, body(2, dict{"Payload": "xyz", "SeqNo": 1}), "payload", hexed("xyz"))
	c.message("with an empty payload", sourced, body(2, dict{"Payload": "", "SeqNo": 1}), "payload", "")
	c.message("nack", captured, nack(77), "type", "nack", "number", 77)
	c.in("message/accusation", "GO-WF-06")
	c.message("suspect", captured, body(3, dict{"From": "tester", "Incarnation": 1, "Node": "target"}),
		"type", "suspect", "number", 1, "node", "target", "from", "tester")
	c.message("dead", sourced, body(5, dict{"From": "target", "Incarnation": 300, "Node": "target"}),
		"type", "dead", "number", 300, "node", "target", "from", "target")
	c.in("message/alive", "GO-WF-06")
	c.message("plain", captured, body(4, alive), "type", "alive", "number", 1, "node", "target",
		"address", "127.0.0.1", "port", 7946, "versions", hexed(sixVersions))
	c.message("with metadata", sourced, body(4, alive.with("Meta", strings.Repeat("m", 512))),
		"payload", strings.Repeat("6d", 512))
	c.message("with empty metadata", sourced, body(4, alive.with("Meta", "")), "payload", "")
	c.message("IPv6", sourced, body(4, alive.with("Addr", "\xfd"+strings.Repeat("\x00", 14)+"\x01")),
		"address", "fd00::1")
	c.message("a long name", sourced, body(4, alive.with("Node", strings.Repeat("n", 40))),
		"node", strings.Repeat("n", 40))
	c.in("message/user", "GO-WF-08")
	c.message("in a packet", sourced, "\x08hello", "type", "user message", "payload", hexed("hello"))
}

// malformed are messages that memberlist reads leniently, or not at all.
func (c *members) malformed() {
	c.in("lenient/fields", "GO-WF-02")
	c.loose("unknown", body(11, dict{"SeqNo": 5, "X": raw("\x93\x01\xc0\xa1y")}), "number", 5)
	c.loose("missing", "\x00\x80", "number", 0, "node", "")
	c.loose("nil for a body", "\x00\xc0", "number", 0)
	c.loose("out of order", "\x00\x82\xa5SeqNo\x05\xa4Node\xa1a", "number", 5, "node", "a")
	c.loose("twice", "\x0b\x82\xa5SeqNo\x04\xa5SeqNo\x05", "number", 5)
	c.loose("nil for a name", "\x00\x82\xa4Node\xc0\xa5SeqNo\x05", "number", 5, "node", "")
	c.loose("behind the body", nack(5)+"\xff", "number", 5)
	c.in("lenient/values", "GO-WF-02")
	c.loose("a long number", "\x0b\x81\xa5SeqNo\xcf\x00\x00\x00\x00\x00\x00\x00\x05", "number", 5)
	c.loose("a signed number", "\x0b\x81\xa5SeqNo\xd1\x00\x05", "number", 5)
	c.loose("a new string", "\x00\x82\xa4Node\xd9\x01a\xa5SeqNo\x05", "node", "a")
	c.loose("new bytes", "\x02\x82\xa7Payload\xc4\x01a\xa5SeqNo\x05", "payload", "61")
	c.in("refused/values", "GO-WF-02")
	c.refuse("a negative number", "\x0b\x81\xa5SeqNo\xff")
	c.refuse("a number of 33 bits", "\x0b\x81\xa5SeqNo\xcf\x00\x00\x00\x01\x00\x00\x00\x00")
	c.refuse("a string for a number", "\x0b\x81\xa5SeqNo\xa15")
	c.refuse("a number for a string", "\x00\x81\xa4Node\x05")
	c.refuse("a port of 17 bits", "\x04\x81\xa4Port\xce\x00\x01\x00\x00")
	c.in("refused/bodies", "GO-WF-01", "GO-WF-02")
	c.refuse("nothing", "")
	c.refuse("an unknown type", "\x63\x80")
	c.refuse("no body", "\x0b")
	c.refuse("no map", "\x0b\x05")
	c.refuse("a lying count", "\x0b\xdf\xff\xff\xff\xff")
	c.refuse("truncated", nack(5)[:5])
	c.refuse("a byte that begins no value", "\x0b\x81\xa1x\xc1")
}

func compoundOf(parts ...string) string {
	out := []byte{7, byte(len(parts))}
	for _, p := range parts {
		out = binary.BigEndian.AppendUint16(out, uint16(len(p)))
	}
	return string(out) + strings.Join(parts, "")
}

func checksummed(s string) string {
	return string(binary.BigEndian.AppendUint32([]byte{12}, crc32.ChecksumIEEE([]byte(s)))) + s
}

func compressed(s string) string {
	var out bytes.Buffer
	w := lzw.NewWriter(&out, lzw.LSB, 8)
	if _, err := w.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return body(9, dict{"Algo": 0, "Buf": out.String()})
}

func labelled(label, s string) string { return "\xf4" + string([]byte{byte(len(label))}) + label + s }

func hexes(messages []string) []string {
	out := make([]string, 0, len(messages))
	for _, m := range messages {
		out = append(out, hexed(m))
	}
	return out
}

// open adds a packet and the messages that it yields; none refuse it.
func (c *members) open(slug, packet string, settings values, messages ...string) {
	input, expect := values{"packet": hexed(packet)}, values{"valid": len(messages) > 0}
	maps.Copy(input, settings)
	if len(messages) > 0 {
		expect["messages"], expect["lost"] = hexes(messages), false
	}
	c.add(slug, "open", sourced, input, expect, "")
}

func (c *members) lossy(slug, packet string, messages ...string) {
	c.add(slug, "open", sourced, values{"packet": hexed(packet)},
		values{"valid": true, "messages": hexes(messages), "lost": true}, "")
}

func (c *members) seal(slug, packet string, settings values, messages ...string) {
	input := values{"messages": hexes(messages)}
	maps.Copy(input, settings)
	c.add(slug, "seal", sourced, input, values{"packet": hexed(packet)}, "")
}

func (c *members) layers() {
	c.in("packet/compound", "GO-WF-10")
	c.seal("one message alone", nack(1), nil, nack(1))
	c.seal("two messages", compoundOf(nack(1), ping(2)), nil, nack(1), ping(2))
	c.open("one part", compoundOf(nack(1)), nil, nack(1))
	c.open("inside a compound", compoundOf(nack(1), compoundOf(nack(2), nack(3))), nil, nack(1), nack(2), nack(3))
	whole := compoundOf(nack(1), nack(2), nack(3))
	c.lossy("truncated in the last part", whole[:len(whole)-1], nack(1), nack(2))
	c.lossy("truncated behind the first part", whole[:8+len(nack(1))], nack(1))
	c.lossy("a part of an unknown type", compoundOf(nack(1), "\x63", nack(2)), nack(1), nack(2))
	c.open("truncated in the lengths", whole[:5], nil)
	c.open("without a count", "\x07", nil)
	c.open("of nothing", "\x07\x00", nil)
	c.in("packet/checksum", "GO-WF-12", "GO-WF-16")
	c.seal("one message", checksummed(nack(1)), values{"crc": true}, nack(1))
	c.seal("a compound", checksummed(compoundOf(nack(1), nack(2))), values{"crc": true}, nack(1), nack(2))
	c.open("wrong", "\x0c\x00\x00\x00\x00"+nack(1), nil)
	c.open("inside a compound", compoundOf(checksummed(nack(1))), nil)
	c.in("packet/compression", "GO-WF-09")
	c.open("one message", compressed(nack(1)), nil, nack(1))
	c.open("a compound", checksummed(compressed(compoundOf(nack(1), nack(2)))), nil, nack(1), nack(2))
	c.open("inside a compound", compoundOf(compressed(nack(1)), nack(2)), nil, nack(1), nack(2))
	c.open("another algorithm", body(9, dict{"Algo": 1, "Buf": "\x00"}), nil)
	c.open("not LZW", body(9, dict{"Algo": 0, "Buf": "\xff\xff"}), nil)
	c.in("packet/label", "GO-WF-15")
	c.seal("alone", labelled("blue", nack(1)), values{"label": "blue"}, nack(1))
	long := strings.Repeat("l", 255)
	c.seal("of 255 bytes", labelled(long, nack(1)), values{"label": long}, nack(1))
	c.open("missing", nack(1), values{"label": "blue"})
	c.open("another", labelled("red", nack(1)), values{"label": "blue"})
	c.open("where there is none", labelled("red", nack(1)), nil)
	c.open("empty", labelled("", nack(1)), nil)
	c.open("truncated", "\xf4\x04blu", values{"label": "blue"})
}

// sealed is AES-GCM as memberlist frames it. GO-WF-13
func sealed(version byte, key, text, context string) string {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	if version == 0 {
		n := 16 - len(text)%16
		text += strings.Repeat(string([]byte{byte(n)}), n)
	}
	nonce := []byte("unrepeatable")
	head := append([]byte{version}, nonce...)
	return string(gcm.Seal(head, nonce, []byte(text), []byte(context)))
}

func (c *members) encryption() {
	key := func(n int) string { return strings.Repeat("k", n) }
	with := func(version int, label string, keys ...string) values {
		v := values{"keys": hexes(keys), "version": version, "nonce": hexed("unrepeatable"), "label": label}
		if label == "" {
			delete(v, "label")
		}
		return v
	}
	c.in("packet/encryption", "GO-WF-13", "GO-WF-16")
	for _, n := range []int{16, 24, 32} {
		for version := range 2 {
			c.seal(fmt.Sprintf("version %d, AES-%d", version, 8*n), sealed(byte(version), key(n), nack(1), ""),
				with(version, "", key(n)), nack(1))
		}
	}
	blocks := "\x08a user message of two blocks..!!"
	c.seal("version 0, whole blocks", sealed(0, key(16), blocks[:32], ""), with(0, "", key(16)), blocks[:32])
	all := with(1, "blue", key(16))
	all["crc"] = true
	text := checksummed(compoundOf(nack(1), nack(2)))
	c.seal("with every layer", labelled("blue", sealed(1, key(16), text, "blue")), all, nack(1), nack(2))
	old := sealed(1, key(32), nack(1), "")
	keys := func(label string, keys ...string) values {
		v := with(1, label, keys...)
		delete(v, "version")
		delete(v, "nonce")
		return v
	}
	c.open("the second key", old, keys("", key(16), key(32)), nack(1))
	c.open("an unknown key", old, keys("", key(16)))
	c.open("none", nack(1), keys("", key(16)))
	c.open("bound to another label", labelled("blue", old), keys("blue", key(32)))
	c.open("truncated", old[:28], keys("", key(32)))
	c.open("an unknown version", "\x02"+old[1:], keys("", key(32)))
	c.in("packet/encryption-version-changed", "GO-WF-20")
	ack := body(2, dict{"Payload": nil, "SeqNo": 127})
	c.open("on the way", "\x00"+sealed(1, key(16), ack, "")[1:], keys("", key(16)))
}

func (c *members) streams() {
	on := func(v values) values {
		out := values{"stream": true}
		maps.Copy(out, v)
		return out
	}
	state := func(name string) string {
		return pack(dict{"Addr": home, "Incarnation": 1, "Meta": nil, "Name": name, "Port": 9001, "State": 0,
			"Vsn": sixVersions})
	}
	push := body(6, dict{"Join": true, "Nodes": signed(1), "UserStateLen": signed(0)}) + state("tester")
	c.in("stream/message", "GO-WF-07", "GO-WF-08")
	stream := func(slug, source, message string, valid bool, expect ...any) {
		e := values{"valid": valid}
		if valid {
			e["canonical"] = true
		}
		c.of(slug, source, on(values{"message": hexed(message)}), e, expect...)
	}
	stream("push/pull", captured, push, true, "type", "push/pull", "flag", true, "nodes", 1)
	stream("push/pull with a state", sourced,
		body(6, dict{"Join": false, "Nodes": signed(2), "UserStateLen": signed(5)})+state("a")+state("b")+"state", true,
		"flag", false, "nodes", 2, "payload", hexed("state"))
	stream("user message", sourced, body(8, dict{"UserMsgLen": signed(5)})+"hello", true, "type", "user message",
		"payload", hexed("hello"))
	for _, n := range []int{127, 128, 256} {
		stream(fmt.Sprintf("user message of %d bytes", n), sourced,
			body(8, dict{"UserMsgLen": signed(n)})+strings.Repeat("u", n), true, "payload", strings.Repeat("75", n))
	}
	many := ""
	for range 128 {
		many += state("n")
	}
	stream("push/pull of 128 nodes", sourced,
		body(6, dict{"Join": false, "Nodes": signed(128), "UserStateLen": signed(0)})+many, true, "nodes", 128)
	stream("error", captured, body(13, dict{"Error": "no"}), true, "type", "error")
	c.in("stream/limits", "GO-WF-18")
	stream("more than a million nodes", sourced,
		body(6, dict{"Join": false, "Nodes": signed(1<<20 + 1), "UserStateLen": signed(0)}), false)
	stream("a state of more than 20 MiB", sourced,
		body(6, dict{"Join": false, "Nodes": signed(0), "UserStateLen": signed(20<<20 + 1)}), false)
	stream("a user message of more than 20 MiB", sourced, body(8, dict{"UserMsgLen": signed(20<<20 + 1)}), false)
	c.in("stream/layers", "GO-WF-14", "GO-WF-15", "GO-WF-17")
	c.seal("a label", labelled("blue", push), on(values{"label": "blue"}), push)
	c.open("a compression", compressed(push), on(nil), push)
	key := strings.Repeat("k", 16)
	for version := range 2 {
		n := 1 + 12 + len(push) + 16
		if version == 0 {
			n += 16 - len(push)%16
		}
		head := string(binary.BigEndian.AppendUint32([]byte{10}, uint32(n)))
		settings := on(values{"label": "blue", "keys": hexes([]string{key}), "version": version,
			"nonce": hexed("unrepeatable")})
		c.seal(fmt.Sprintf("encryption of version %d", version),
			labelled("blue", head+sealed(byte(version), key, push, head+"blue")), settings, push)
	}
	keyed := on(values{"keys": hexes([]string{key})})
	c.open("encrypted, more than 20 MiB", "\x0a\x01\x40\x00\x01", keyed)
	c.open("not encrypted", push, keyed)
	c.open("encrypted without a key", "\x0a\x00\x00\x00\x1d", on(nil))
}
