package gnutella

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/urn"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// queries judges what the target finds among what it shares.
var queries = []Case{
	{
		ID: "gnutella06/query/all-words-in-any-case", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-06"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for two words of a shared file is answered",
		Explain: "The words may come in any order and case, and with other characters than blanks between them: " +
			"'BRAVO alpha' and 'bravo-testfile' should find 'alpha bravo testfile.txt'. 'alpha' with a word that " +
			"it does not have should find nothing.",
		Causes: []string{"the text is looked for as a whole", "one word of the text is enough"},
		Kills:  []string{"case-of-words-counts", "one-word-is-enough", "splits-at-blanks"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			for _, text := range []string{"BRAVO alpha", "bravo-testfile"} {
				if a := AskAlone(t, NewQuery(t, text, 2, 0)); a == nil || a.Named(FileAlpha) == nil {
					t.Failf("a query for %q does not find %q", text, FileAlpha)
				}
			}
			findsNothing(t, "alpha "+word(t), "a query for a word that no shared file has, beside one that one has")
		},
	},
	{
		ID: "gnutella06/query/nothing-to-look-for", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-07"}, Role: conformance.Servent, Kind: conformance.Silence,
		Control: "queries for words of shared files are answered before and after",
		Explain: "A query with an empty text, and one with words of one letter alone, should be ignored.",
		Causes:  []string{"every name contains the empty text", "letters are looked for within names"},
		Kills:   []string{"finds-all-for-nothing"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			findsNothing(t, "", "a query with an empty text")
			findsNothing(t, "a b", "a query for words of one letter")
			p.Finds("delta echo", FileDelta)
		},
	},
	{
		ID: "gnutella06/query/four-blanks-list-all", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for words of a shared file is answered",
		Explain: "A query with TTL 1, hops 0 and a text of four blanks asks a neighbour for all that it " +
			"shares. The hits should list the three files.",
		Causes: []string{"the rule is not known", "the text is trimmed first"},
		Kills: []string{
			"finds-all-for-nothing", "forwards-ttl-1", "lists-nothing", "one-word-is-enough",
		},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			p = Meet(t, Equal())
			a := p.Ask(NewQuery(t, "    ", 1, 0))
			if a == nil {
				t.Failf("a query of four blanks is not answered")
			}
			t.Wait(t.SilenceWait()) // there may be several hits
			var listed []string
			for _, r := range p.Log {
				if r.Type != wire.TypeQueryHit || r.GUID != a.GUID {
					continue
				}
				h, err := wire.ParseQueryHit(r.Payload)
				for rest := h.Results; err == nil && len(rest) > 0; {
					var result wire.Result
					result, rest, err = wire.NextResult(rest)
					listed = append(listed, string(result.Name))
				}
			}
			for _, name := range names(Shared()) {
				if !slices.Contains(listed, name) {
					t.Mismatch("the files that are listed", strings.Join(listed, ", "), strings.Join(names(Shared()), ", "))
				}
			}
		},
	},
	{
		ID: "gnutella06/query/unknown-extensions-are-ignored", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QY-10", "GN-QY-17"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same words without extensions are answered",
		Explain: "A query has 'foo:bar', metadata, and a GGEP block behind its text, with 1c between " +
			"them. What is not known is ignored: the file must be found.",
		Causes: []string{"an extension of an unknown kind makes the query malformed",
			"the text is read to the end of the payload"},
		Kills: []string{"refuses-unknown-extensions"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			q := NewQuery(t, "bravo alpha", 2, 0, "foo:bar", "<?xml version=\"1.0\"?><none/>", "\xc3\x83TST\x43abc")
			if a := AskAlone(t, q); a == nil || a.Named(FileAlpha) == nil {
				t.Failf("a query with extensions of unknown kinds is not answered")
			}
		},
	},
	{
		ID: "gnutella06/query/a-nul-behind-extensions", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-11"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same words without extensions are answered",
		Explain: "Some servents end the extensions of a query by a NUL. They should not, and are met: a " +
			"query with 'foo:bar' and a NUL should be answered as without them.",
		Causes: []string{"the NUL is taken for a part of the extension, and the query refused"},
		Kills:  []string{"refuses-a-last-nul", "refuses-unknown-extensions"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			q := NewQuery(t, "bravo testfile", 2, 0, "foo:bar")
			q.Payload = append(q.Payload, 0)
			if a := AskAlone(t, q); a == nil || a.Named(FileAlpha) == nil {
				t.Failf("a query whose extensions end in a NUL is not answered")
			}
		},
	},
	{
		ID: "gnutella06/query/flags-or-speed", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QY-12"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query with the mark of flags is answered",
		Explain: "With bit 15 the first two bytes are flags, the higher byte first: 80 00 must not be " +
			"read as a speed of 128, or 32768 kbit/s, that the target may not have. A query with 00 00, from " +
			"before there were flags, is answered or not: that is recorded.",
		Causes: []string{"the bytes are always a speed"},
		Kills:  []string{"flags-are-a-speed"},
		Run: func(t *T) {
			flags := func(text string) bool { return AskAlone(t, NewQuery(t, text, 2, 0)) != nil }
			speed := func(text string) bool {
				q := NewQuery(t, text, 2, 0)
				q.Payload[0] = 0
				return AskAlone(t, q) != nil
			}
			marked, old := flags("alpha bravo"), speed("bravo alpha")
			for tries := 1; !marked && !old && tries < scanTries; tries++ {
				t.Wait(scanPause)
				marked, old = flags("alpha bravo"), speed("bravo alpha")
			}
			switch {
			case marked:
				t.Earn()
			case !old:
				met(t)
				t.Unsupportedf("the target does not answer a query for %q, with or without flags", "alpha bravo")
			case !flags("testfile alpha"): // it may have found its files between the two
				t.Earn()
				t.Failf("a query with the mark of flags is not answered, and one with a speed of 0 is")
			}
			t.Observef("a query without the mark of flags is answered: %v", old)
		},
	},
	{
		ID: "gnutella06/query/urn-is-told-when-asked", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QY-15", "GN-QH-13"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same words without an extension are answered",
		Explain: "A query for words has 'urn:', and another 'urn:sha1:', as its extension: the asker " +
			"wants to know the urns of what is found. The file must still be found, and a urn that its result " +
			"has must be 'urn:sha1:' and the 32 digits of its content. Of a target that tells none for either " +
			"query nothing is said.",
		Causes: []string{"'urn:' is taken for a search by urn, which finds nothing",
			"the digits are not those of base 32"},
		Kills: []string{"searches-for-bare-urns", "tells-the-wrong-urn", "tells-urns-in-hex"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Finds("alpha bravo", FileAlpha)
			want, anyTold := urn.Sum(Shared()[FileAlpha]).SHA1, false
			for _, q := range [][2]string{{"bravo alpha", "urn:"}, {"testfile bravo", "urn:sha1:"}} {
				text, wish := q[0], q[1]
				a := AskAlone(t, NewQuery(t, text, 2, 0, wish))
				if a == nil || a.Named(FileAlpha) == nil {
					t.Failf("a query for words with the extension %q is not answered", wish)
				}
				got, told, err := readURN(a.Named(FileAlpha))
				switch {
				case err != nil:
					t.Mismatch("the urn of the result", err, want.String())
				case !told:
					t.Observef("the result has no urn for the extension %q", wish)
				case got != want:
					t.Mismatch("the urn of the result", got, want.String())
				}
				anyTold = anyTold || told
			}
			if !anyTold {
				t.Unsupportedf("the target tells no urn")
			}
		},
	},
	{
		ID: "gnutella06/query/by-urn", Rev: 2, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-16", "GN-QY-18"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a query for words of the file is answered",
		Explain: "Queries with an empty text and the whole urn:sha1 of a shared file: as it is written, " +
			"and in lower case. Both should find the file.",
		Causes: []string{"an empty text is refused before the extensions are read",
			"the digits are compared with their case"},
		Kills: []string{"case-of-urns-counts", "no-search-by-urn"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.tellsURNs(p.Finds("delta echo", FileDelta).Named(FileDelta), "echo delta")
			name := urn.Sum(Shared()[FileDelta]).SHA1.String()
			for _, text := range []string{name, strings.ToLower(name)} {
				if a := AskAlone(t, NewQuery(t, "", 2, 0, text)); a == nil || a.Named(FileDelta) == nil {
					t.Failf("a query for %s finds nothing", text)
				}
			}
		},
	},
	{
		ID: "gnutella06/query/no-xml-unasked", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-QY-14"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the hit itself",
		Explain: "A query whose flags do not ask for metadata. The hit must have none: its size is 0, or " +
			"is not told. Where nothing but an empty container, '{}', and NULs are in it, that is recorded.",
		Causes: []string{"metadata is sent to everybody"},
		Kills:  []string{"xml-for-all"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			a := p.Finds("alpha bravo", FileAlpha)
			if a.Trailer == nil || a.Trailer.XMLSize == 0 {
				return
			}
			size, private := int(a.Trailer.XMLSize), a.Trailer.Private
			if size > len(private) {
				t.Mismatch("the size of the metadata", size, fmt.Sprintf("%d at most, which there are", len(private)))
			}
			xml := string(bytes.TrimRight(private[len(private)-size:], "\x00"))
			coding, content, contained := strings.Cut(xml, "}")
			if xml != "" && (!contained || !strings.HasPrefix(coding, "{") || content != "") {
				t.Mismatch("the metadata", fmt.Sprintf("%q", xml), "none")
			}
			t.Observef("the hit has metadata of %d bytes with nothing in it: %q", size, xml)
		},
	},
	{
		ID: "gnutella06/query/long-ones-are-dropped", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-QY-02"}, Role: conformance.Ultrapeer, Kind: conformance.Silence,
		Control: "short queries are passed on before and after, on other links if need be",
		Explain: "A query of 5000 bytes should not be passed on: nobody types that. To close the link is accepted.",
		Causes:  []string{"the length is bounded by that of any descriptor alone"},
		Kills:   []string{"forwards-long-queries", "one-word-is-enough"},
		Run: func(t *T) {
			l, other := Between(t), met(t)
			l.Relays()
			q := NewQuery(t, word(t)+strings.Repeat(" x", 2490), 3, 0)
			l.A.Send(q)
			t.Wait(t.SilenceWait() + AnswerWithin/10)
			Line{other, l.B, t}.Relays()
			if l.B.Saw(q.Type, q.GUID) > 0 {
				t.Failf("a query of %d bytes is passed on", len(q.Payload))
			}
		},
	},
}

// findsNothing fails the case if a query is answered. It is asked on a link of its
// own: some answer one query for a file on each.
func findsNothing(t *T, text, what string) {
	p, q := Meet(t, Equal()), NewQuery(t, text, 2, 0)
	defer p.Close()
	if !t.Silent(p.Control, func() { p.Send(q) }, func() bool { return p.Saw(wire.TypeQueryHit, q.GUID) > 0 }) {
		t.Failf("%s is answered", what)
	}
}

// tellsURNs ends the case as unsupported if a result has no urn, even when it is
// asked for: the target does not know HUGE, or answers no such query.
func (p *Peer) tellsURNs(r *wire.Result, text string) {
	if _, told, err := readURN(r); told || err != nil {
		return
	}
	if a := AskAlone(p.t, NewQuery(p.t, text, 2, 0, "urn:")); a != nil && a.Named(string(r.Name)) != nil {
		if _, told, err := readURN(a.Named(string(r.Name))); told || err != nil {
			return
		}
	}
	p.Control()
	p.t.Unsupportedf("the target tells no urn of %q", r.Name)
}

// urnOf is the urn:sha1 among the extensions of a result.
func urnOf(r *wire.Result) (h urn.SHA1, ok bool) {
	h, told, err := readURN(r)
	return h, told && err == nil
}

// readURN is the same, with what is wrong about a urn:sha1. Urns of other kinds are gone
// past, but for a urn:bitprint, which has that of the first.
func readURN(r *wire.Result) (h urn.SHA1, told bool, err error) {
	for rest := r.Extensions; len(rest) > 0; {
		var kind wire.ExtensionKind
		var part []byte
		if kind, part, rest = wire.NextExtension(rest); kind != wire.ExtensionURN {
			continue
		}
		h, err := urn.Parse(string(part))
		if err == nil || strings.HasPrefix(strings.ToLower(string(part)), "urn:sha1:") {
			return h, err == nil, err
		}
	}
	return h, false, nil
}

// judgeHit holds the target's answer to its layout, and to the query.
func judgeHit(t *T, p *Peer) *Answer {
	p.Control()
	var q wire.Descriptor
	var asked []wire.GUID // the answer to one may come behind the next
	var r *Received
	for _, text := range []string{"alpha bravo", "bravo alpha", "testfile alpha"} { // it may look through its files
		q = NewQuery(t, text, 1, 2)
		asked = append(asked, q.GUID)
		p.Send(q)
		if r = p.AwaitType(AnswerWithin, wire.TypeQueryHit); r != nil {
			break
		}
	}
	if r == nil {
		p.Control()
		t.Unsupportedf("the target does not answer a query for %q: it does not share %q", "alpha bravo", FileAlpha)
	}
	h, err := wire.ParseQueryHit(r.Payload)
	if err != nil {
		t.Failf("the target's hit is none: %v", err)
	}
	a := &Answer{Received: r, QueryHit: h}
	for rest := h.Results; len(rest) > 0; {
		var result wire.Result
		if result, rest, err = wire.NextResult(rest); err != nil {
			t.Failf("a result of the target's is none: %v", err)
		}
		a.Results = append(a.Results, result)
	}
	found := a.Named(FileAlpha)
	switch {
	case !slices.Contains(asked, r.GUID):
		t.Mismatch("the GUID of the hit", fmt.Sprintf("%x", r.GUID), "that of a query")
	case r.Hops != 0:
		t.Mismatch("the hops of the target's own hit", r.Hops, "0")
	case r.TTL < q.Hops:
		t.Mismatch("the TTL of a hit for a query that made 2 hops", r.TTL, "2 at least")
	case found == nil:
		t.Mismatch("the results", fmt.Sprintf("%q", h.Results), FileAlpha)
	case found.Size != sizeAlpha:
		t.Mismatch("the size in the result", found.Size, fmt.Sprint(sizeAlpha))
	}
	if r.TTL != q.Hops {
		t.Observef("the TTL of a hit for a query that made 2 hops is %d", r.TTL)
	}
	addressOf(t, "the hit", h.Addr)
	t.Earn()
	return a
}

// addressOf judges the address that the target tells of itself, and is called last: it is
// to be that where the target was dialled. One that listens on all interfaces may tell
// that of another, which the harness cannot know: with the port that was dialled it is
// recorded, and with another port nothing can be said.
func addressOf(t *T, where string, got netip.AddrPort) {
	want := t.Target()
	swapped := want.Port()<<8 | want.Port()>>8
	reversed := want.Addr().AsSlice()
	slices.Reverse(reversed)
	turned, _ := netip.AddrFromSlice(reversed) // as long as it was
	switch a := got.Addr(); {
	case got == want:
	case got.Port() == swapped && swapped != want.Port():
		t.Mismatch("the port in "+where, "the higher byte first", "the lower byte first")
	case a == want.Addr():
		t.Mismatch("the port in "+where, got.Port(), fmt.Sprint(want.Port()))
	case a == turned, a.IsUnspecified(), a.IsMulticast(), a.IsLoopback() && !want.Addr().IsLoopback():
		t.Mismatch("the address in "+where, a, want.Addr().String())
	case got.Port() != want.Port():
		t.Unsupportedf("the target tells %v in %s, and was dialled at %v", got, where, want)
	default:
		t.Observef("the target tells %v in %s, and was dialled at %v", a, where, want.Addr())
	}
}
