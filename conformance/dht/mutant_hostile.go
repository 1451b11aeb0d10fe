package dht

import (
	"bytes"
	"errors"
	"net/netip"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/kademlia/mainline"
)

// hostileMutants do not survive what no correct node sends.
func hostileMutants() []Mutant {
	return []Mutant{
		{Name: "crashes-on-other-protocols", What: "crashes on datagrams that are no dictionary",
			bend: reads(func(p []byte) bool { return len(p) == 0 || p[0] != 'd' })},
		{Name: "crashes-on-truncation", What: "crashes on dictionaries that end too soon",
			bend: reads(func(p []byte) bool { return len(p) > 0 && p[0] == 'd' && p[len(p)-1] != 'e' })},
		{Name: "crashes-on-broken-lengths",
			What: "crashes on strings that claim more bytes than there are",
			bend: reads(func(p []byte) bool {
				_, err := bencode.Parse(p, bencode.Options{Lenient: true})
				framed := bytes.HasPrefix(p, []byte("d")) && bytes.HasSuffix(p, []byte("e"))
				return err != nil && framed && !deep(p) && !repeated(p)
			})},
		{Name: "crashes-on-deep-nesting", What: "crashes on a hundred lists in one another",
			bend: reads(deep)},
		{Name: "crashes-on-oversized-datagrams", What: "crashes on datagrams of more than 1500 bytes",
			bend: reads(func(p []byte) bool { return len(p) > 1500 && !deep(p) })},
		{Name: "crashes-on-wrong-types", What: "crashes on messages whose y, t or q is not a string",
			bend: crashes(func(m Dict) bool {
				for _, key := range []string{"y", "t", "q"} {
					if v, ok := m[key]; ok {
						if _, text := v.(string); !text {
							return true
						}
					}
				}
				return false
			})},
		{Name: "crashes-without-arguments", What: "crashes on queries without arguments",
			bend: crashes(func(m Dict) bool { _, ok := m["a"].(Dict); return m["y"] == "q" && !ok })},
		{Name: "crashes-without-id", What: "crashes on queries without an id",
			bend: crashes(func(m Dict) bool {
				a, ok := m["a"].(Dict)
				return m["y"] == "q" && ok && a["id"] == nil
			})},
		{Name: "crashes-on-long-salt", What: "crashes on a salt of more than 64 bytes",
			bend: crashes(func(m Dict) bool {
				a, _ := m["a"].(Dict)
				salt, _ := a["salt"].(string)
				return len(salt) > mainline.MaxSalt
			})},
		{Name: "crashes-on-repeated-keys", What: "crashes on dictionaries that have a key twice",
			bend: reads(repeated)},
		{Name: "crashes-on-malformed-want", What: "crashes on a want that is no list of strings",
			bend: crashes(func(m Dict) bool {
				a, _ := m["a"].(Dict)
				want, ok := a["want"]
				list, isList := want.([]any)
				for _, e := range list {
					if _, text := e.(string); !text {
						return true
					}
				}
				return ok && !isList
			})},
		{Name: "crashes-on-malformed-nodes", What: "crashes on nodes that are not whole entries",
			bend: crashes(func(m Dict) bool {
				r, _ := m["r"].(Dict)
				s, ok := r["nodes"].(string)
				return ok && len(s)%26 != 0
			})},
		{Name: "crashes-on-malformed-errors", What: "crashes on errors whose e is not a list of two",
			bend: crashes(func(m Dict) bool {
				e, _ := m["e"].([]any)
				return m["y"] == "e" && len(e) < 2
			})},
		{Name: "crashes-on-malformed-responses", What: "crashes on responses without an id of 20 bytes",
			bend: crashes(func(m Dict) bool { _, ok := idOf(m); return m["y"] == "r" && !ok })},
		{Name: "crashes-on-long-tokens", What: "crashes on tokens of more than 64 bytes",
			bend: crashes(func(m Dict) bool {
				r, _ := m["r"].(Dict)
				s, _ := r["token"].(string)
				return len(s) > 64
			})},
		{Name: "crashes-on-keys-of-a-wrong-size", What: "crashes on public keys that are not 32 bytes",
			bend: crashes(func(m Dict) bool {
				a, _ := m["a"].(Dict)
				k, ok := a["k"].(string)
				return ok && len(k) != 32
			})},
		{Name: "odd-ids-refused", What: "refuses the id of all ones",
			bend: hearsAll("", func(b *bent, from netip.AddrPort, m Dict) Dict {
				if id, ok := idOf(m); ok && id == allOnes() {
					b.refuse(from, m, 203)
					return nil
				}
				return m
			})},
	}
}

// reads ends the client at datagrams that look like this.
func reads(when func([]byte) bool) func(*bent) {
	return func(b *bent) {
		b.read = func(p []byte) []byte {
			if when(p) {
				b.crash()
			}
			return p
		}
	}
}

// repeated reports whether a dictionary has a key twice.
func repeated(p []byte) bool {
	_, err := bencode.Parse(p, bencode.Options{Lenient: true})
	var fault *bencode.SyntaxError
	return errors.As(err, &fault) && fault.Rule == "BEP03-BENC-009"
}

// deep reports whether lists or dictionaries are opened a hundred times over.
func deep(p []byte) bool {
	lists, dicts := bytes.Repeat([]byte("l"), 100), bytes.Repeat([]byte("d1:a"), 100)
	return bytes.Contains(p, lists) || bytes.Contains(p, dicts)
}
