package napster

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/p2pspec/p2pspec/spec"
)

func BenchmarkDecode(b *testing.B) {
	bytes, err := Codec{}.AppendMessage(nil, Message{TypeShare, `"a song.mp3" ` + shared})
	if err != nil {
		b.Fatal(err)
	}
	d := Codec{}.Decoder()
	b.SetBytes(int64(len(bytes)))
	for b.Loop() {
		if _, n, err := d.Decode(bytes); n != len(bytes) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseFile(b *testing.B) {
	for b.Loop() {
		if _, err := ParseFile(`"C:\Music\a song of somebody.mp3" ` + shared); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSearch is a search for two words, each of which many names have and both
// of which one has, among 200,000 files of 200 users.
func BenchmarkSearch(b *testing.B) {
	const users, files = 200, 1000
	s := newServer(b, ServerConfig{})
	step := func(in spec.Input) []spec.Effect { return s.Step(0, in, nil) }
	for u := range users + 1 {
		c := -spec.Conn(u + 1)
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(u >> 8), byte(u)}), 1)
		step(spec.Opened{Conn: c, Remote: remote})
		step(spec.Got{Conn: c, Msg: Message{TypeLogin, fmt.Sprintf(`user%d pw 1 "nap" 4`, u)}})
		for f := range files {
			if u < users {
				name := fmt.Sprintf(`"artist%d song%d.mp3" `, (u*files+f)/500, f)
				step(spec.Got{Conn: c, Msg: Message{TypeShare, name + shared}})
			}
		}
	}
	search := spec.Got{Conn: -users - 1, Msg: Message{TypeSearch, `FILENAME CONTAINS "artist7 song600"`}}
	var out []spec.Effect
	for b.Loop() {
		if out = s.Step(0, search, out[:0]); len(out) != 2 {
			b.Fatalf("%d effects, want a result and the end", len(out))
		}
	}
}
