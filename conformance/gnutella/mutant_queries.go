package gnutella

import (
	"bytes"
	"strings"

	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// reading changes the queries that it hears; a false loses them.
func reading(change func(q *wire.Query) bool) func(*bent) {
	return hearingType(wire.TypeQuery, func(_ *bent, _ conn, d wire.Descriptor) []message {
		q, err := wire.ParseQuery(d.Payload)
		if err != nil {
			return same(d)
		}
		if !change(&q) {
			return nil
		}
		d.Payload, _ = q.Append(nil)
		return same(d)
	})
}

// ownHits changes the hits of the servent itself.
func ownHits(change func(h *wire.QueryHit)) func(*bent) {
	return changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
		if h, err := wire.ParseQueryHit(d.Payload); err == nil && d.Hops == 0 {
			change(&h)
			d.Payload = h.Append(nil)
		}
	})
}

func queryMutants() []Mutant {
	return []Mutant{
		{Name: "case-of-words-counts", What: "words in another case than the file's are not found",
			bend: reading(func(q *wire.Query) bool { return bytes.Equal(q.Text, bytes.ToLower(q.Text)) })},
		{Name: "one-word-is-enough", What: "of the words of a query the first is looked for alone",
			bend: reading(func(q *wire.Query) bool {
				q.Text, _, _ = bytes.Cut(q.Text, []byte(" "))
				return true
			})},
		{Name: "splits-at-blanks", What: "only blanks are between words",
			bend: reading(func(q *wire.Query) bool { return !bytes.Contains(q.Text, []byte("-")) })},
		{Name: "finds-all-for-nothing", What: "a query without a word finds everything",
			bend: reading(func(q *wire.Query) bool {
				if words := strings.TrimSpace(string(q.Text)); len(words) < 4 && len(q.Extensions) == 0 {
					q.Text = []byte("alpha")
				}
				return true
			})},
		{Name: "lists-nothing", What: "four blanks are nothing to look for",
			bend: reading(func(q *wire.Query) bool { return string(q.Text) != "    " })},
		{Name: "refuses-unknown-extensions", What: "a query with an extension that it does not know is dropped",
			bend: reading(func(q *wire.Query) bool { return !bytes.Contains(q.Extensions, []byte("foo:bar")) })},
		{Name: "refuses-a-last-nul", What: "a query whose extensions end in a NUL is dropped",
			bend: losing(wire.TypeQuery, func(d wire.Descriptor) bool { return bytes.HasSuffix(d.Payload, []byte("bar\x00")) })},
		{Name: "flags-are-a-speed", What: "flags are taken for a speed that the servent does not have",
			bend: losing(wire.TypeQuery, func(d wire.Descriptor) bool { return len(d.Payload) > 0 && d.Payload[0]&0x80 != 0 })},
		{Name: "searches-for-bare-urns", What: "the wish for urns is taken for one, which no file has",
			bend: reading(func(q *wire.Query) bool {
				return string(q.Extensions) != "urn:" && string(q.Extensions) != "urn:sha1:"
			})},
		{Name: "tells-the-wrong-urn", What: "the urn in a result is that of another content",
			bend: ownHits(func(h *wire.QueryHit) {
				h.Results = bytes.Clone(h.Results)
				if i := bytes.Index(h.Results, []byte("urn:sha1:")); i >= 0 {
					h.Results[i+9] ^= 1 // A and Q, B and R, and so on
				}
			})},
		{Name: "tells-urns-in-hex", What: "the urn in a result has its digits in base 16",
			bend: ownHits(func(h *wire.QueryHit) {
				base16 := []byte("urn:sha1:" + strings.Repeat("ab", 20))
				var all []byte
				for rest := h.Results; len(rest) > 0; {
					var r wire.Result
					r, rest, _ = wire.NextResult(rest)
					if bytes.HasPrefix(r.Extensions, base16[:9]) {
						r.Extensions = base16
					}
					all, _ = r.Append(all)
				}
				h.Results = all
			})},
		{Name: "case-of-urns-counts", What: "a urn in lower case is not found",
			bend: reading(func(q *wire.Query) bool { return !lowerURN(string(q.Extensions)) })},
		{Name: "no-search-by-urn", What: "a query with an empty text is dropped",
			bend: reading(func(q *wire.Query) bool { return len(q.Text) > 0 })},
		{Name: "xml-for-all", What: "every hit has metadata",
			bend: ownHits(func(h *wire.QueryHit) {
				h.Trailer.XMLSize, h.Trailer.Private = 8, []byte("<a></a>\x00")
			})},
		{Name: "forwards-long-queries", What: "a query of any length is passed on",
			bend: spreading(wire.TypeQuery, func(d wire.Descriptor) bool { return len(d.Payload) > 4<<10 && d.TTL > 1 })},
	}
}

// lowerURN says whether a urn:sha1 has digits in lower case.
func lowerURN(s string) bool {
	digits, ok := strings.CutPrefix(s, "urn:sha1:")
	return ok && digits != strings.ToUpper(digits)
}

// answerMutants are wrong about their own hits.
func answerMutants() []Mutant {
	return []Mutant{
		{Name: "hit-with-its-own-guid", What: "the GUID of a hit is not the query's",
			bend: changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
				if d.Hops == 0 {
					d.GUID[0] ^= 1
				}
			})},
		{Name: "hit-with-ttl-1", What: "a hit goes one hop, wherever its query came from",
			bend: changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
				if d.Hops == 0 {
					d.TTL = 1
				}
			})},
		{Name: "push-as-other-flags", What: "the bits of push are placed as those of the other flags",
			bend: ownHits(func(h *wire.QueryHit) {
				push := byte(wire.HitPush)
				f := &h.Trailer.Flags
				f[0], f[1] = f[0]&^push|f[1]&push, f[1]&^push|f[0]&push
			})},
		{Name: "reserved-flags-set", What: "a reserved flag is set",
			bend: ownHits(func(h *wire.QueryHit) { h.Trailer.Flags[0] |= 0x40 })},
		{Name: "size-of-two-bytes", What: "the size in the trailer is written in two bytes",
			bend: changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
				if h, err := wire.ParseQueryHit(d.Payload); err == nil && d.Hops == 0 {
					at := 11 + len(h.Results) + 5 // behind the size's lower byte
					d.Payload = bytes.Join([][]byte{d.Payload[:at], d.Payload[at:]}, []byte{0})
				}
			})},
		{Name: "new-id-for-each-hit", What: "the servent id differs from hit to hit",
			bend: changing(wire.TypeQueryHit, func(d *wire.Descriptor) {
				d.Payload = bytes.Clone(d.Payload)
				copy(d.Payload[len(d.Payload)-16:], d.GUID[:])
			})},
		{Name: "index-is-the-place-in-the-hit", What: "results are numbered in each hit",
			bend: ownHits(func(h *wire.QueryHit) {
				var all []byte
				for rest, i := h.Results, uint32(0); len(rest) > 0; i++ {
					var r wire.Result
					r, rest, _ = wire.NextResult(rest)
					r.Index = i
					all, _ = r.Append(all)
				}
				h.Results = all
			})},
	}
}
