package gnutella

import (
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/gnutella/wire"
)

// headers judges how the target reads the headers of a handshake.
var headers = []Case{
	{
		ID: "gnutella06/headers/unknown-ones-are-ignored", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-06"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "the same handshake without them, and a ping of TTL 1 on each link",
		Explain: "Headers that no document has are among those of the first step. The target must accept as " +
			"it does without them.",
		Causes: []string{"headers are looked up in a list, and others refused"},
		Kills:  []string{"refuses-unknown-headers"},
		Run: func(t *T) {
			Meet(t, Equal()).Control()
			taken(t, "a handshake with headers that nobody knows", func(p *Peer) {
				p.Greet(Equal().With("X-Nonsense-Tester", "1").With("Zebra", "a, b; c=\"d\""))
			})
		},
	},
	{
		ID: "gnutella06/headers/folded", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-07"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "'Accept-Encoding:' goes on in the next line, which begins with a tab. It must be read as " +
			"one header: an answer that compresses shows it. Who compresses for nobody must accept, and no more " +
			"can be told of it.",
		Causes: []string{"every line is taken for a header of its own"},
		Kills:  []string{"reads-no-folded-headers"},
		Run: func(t *T) {
			if !offered(t, "Accept-Encoding:\r\n\tdeflate\r\n", "a folded header") {
				t.Unsupportedf(compressesForNobody)
			}
		},
	},
	{
		ID: "gnutella06/headers/repeated", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-08"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "'Accept-Encoding: gzip' and 'Accept-Encoding: deflate' are two lines, and mean the same as one " +
			"with both values. A target that compresses for 'deflate' alone must compress now; who compresses for " +
			"nobody must accept, and no more can be told of it.",
		Causes: []string{"of lines with one name the first counts, or the last"},
		Kills:  []string{"first-of-repeated-headers"},
		Run: func(t *T) {
			last := offered(t, "Accept-Encoding: gzip\r\nAccept-Encoding: deflate\r\n", "two lines of one header")
			first := offered(t, "Accept-Encoding: deflate\r\nAccept-Encoding: gzip\r\n",
				"two lines of one header, the other way round")
			if !last || !first {
				t.Unsupportedf(compressesForNobody)
			}
		},
	},
	{
		ID: "gnutella06/headers/any-order-and-case", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-09"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link, and queries are passed on to another ultrapeer",
		Explain: "'aCCEPT-eNCODING:deflate' comes before all others, without a blank behind the colon: it " +
			"must be read as the usual form, which an answer that compresses shows. 'x-ultrapeer: tRUE' comes " +
			"last: it must be taken as 'X-Ultrapeer: True'. A target that is an ultrapeer passes on to it what it " +
			"passes on to one that said so as usual, and nothing else: a query with TTL 1 goes to leaves alone.",
		Causes: []string{"names are compared with their case", "a blank is expected behind the colon",
			"the value is compared with its case: who says tRUE is taken for a leaf"}, Within: time.Minute,
		Kills: []string{
			"case-of-names-counts", "case-of-values-counts", "roles-in-another-case-are-leaves",
		},
		Run: func(t *T) {
			shown := offered(t, "aCCEPT-eNCODING:deflate\r\n", "a name in another case")
			p := taken(t, "a handshake with 'x-ultrapeer: tRUE'", func(p *Peer) {
				p.Greet(append(Equal().Without("X-Ultrapeer"), wire.Header{Name: "x-ultrapeer", Value: "tRUE"}))
			})
			if p.Answer.Headers.Lists("X-Ultrapeer", "true") {
				p.isUltrapeer("who says 'x-ultrapeer: tRUE'")
			} else {
				t.Observef("the target does not say that it is an ultrapeer: that it accepts 'tRUE' was judged alone")
			}
			if !shown {
				t.Unsupportedf(compressesForNobody)
			}
		},
	},
	{
		ID: "gnutella06/headers/remote-ip", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-40"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "Remote-IP tells a peer the address that it is seen at. Where the answer has it, it must be the " +
			"address that the harness has dialled from.",
		Causes: []string{"the servent's own address is told"},
		Kills:  []string{"remote-ip-is-its-own"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Control()
			v, ok := p.Answer.Headers.Get("Remote-IP")
			if !ok {
				t.Unsupportedf("the target sends no Remote-IP")
			}
			if v != p.Local().Addr().String() {
				t.Mismatch("Remote-IP", v, p.Local().Addr().String())
			}
		},
	},
	{
		ID: "gnutella06/headers/user-agent", Rev: 1, Since: "0.2.0", Level: conformance.Should,
		Requirements: []string{"GN-HS-18"}, Role: conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "Where HTTP has a header for what a servent has to say, that one should be used: the name of " +
			"the program is in User-Agent.",
		Causes: []string{"the name is left out, or in a header of its own"},
		Kills:  []string{"no-user-agent"},
		Run: func(t *T) {
			p := Meet(t, Equal())
			p.Control()
			if v, _ := p.Answer.Headers.Get("User-Agent"); v == "" {
				t.Mismatch("User-Agent", v, "the name and version of the program")
			}
		},
	},
	{
		ID: "gnutella06/headers/versions-are-numbers", Rev: 2, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-20", "GN-HS-21", "GN-HS-22", "GN-HS-23", "GN-HS-34", "GN-HS-35", "GN-HS-38"},
		Role:         conformance.Servent, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "Pong-Caching, Bye-Packet, GGEP, Vendor-Message, X-Query-Routing, X-Ultrapeer-Query-Routing and " +
			"X-Dynamic-Querying tell the version of what the target understands. Those that it sends must be a " +
			"major and a minor number with a dot between them. Which of them come is left to the target; one that " +
			"sends none shows nothing.",
		Causes: []string{"a value such as True, or no value"},
		Kills:  []string{"pong-caching-true"},
		Run: func(t *T) {
			p := Meet(t, Equal().With("Vendor-Message", "0.1").With("X-Query-Routing", "0.1"))
			p.Control()
			sent := 0
			for _, name := range []string{"Pong-Caching", "Bye-Packet", "GGEP", "Vendor-Message", "X-Query-Routing",
				"X-Ultrapeer-Query-Routing", "X-Dynamic-Querying"} {
				v, ok := p.Answer.Headers.Get(name)
				major, minor, dot := strings.Cut(v, ".")
				_, errA := strconv.ParseUint(major, 10, 16)
				_, errB := strconv.ParseUint(minor, 10, 16)
				switch {
				case !ok:
					t.Observef("the target sends no %s", name)
				case !dot || errA != nil || errB != nil:
					t.Mismatch(name, v, "a version such as 0.1")
				default:
					sent++
				}
			}
			if sent == 0 {
				t.Unsupportedf("the target sends none of these headers")
			}
		},
	},
	{
		ID: "gnutella06/headers/ultrapeer-says-so", Rev: 1, Since: "0.2.0", Level: conformance.Must,
		Requirements: []string{"GN-HS-29", "GN-HS-36", "GN-HS-37"}, Role: conformance.Ultrapeer, Kind: conformance.Reply,
		Control: "a ping of TTL 1 is answered on the same link",
		Explain: "The answer of an ultrapeer says 'X-Ultrapeer: True'. X-Max-TTL, if it comes, is 1 to 4, " +
			"and X-Degree at least 15.",
		Causes: []string{"the role is told only when it dials", "a limit is taken from the days of flooding"},
		Kills:  []string{"degree-of-4", "max-ttl-of-7", "tells-no-role"},
		Run: func(t *T) {
			p := Meet(t, Equal().With("X-Query-Routing", "0.1"))
			p.Control()
			if !p.Answer.Headers.Lists("X-Ultrapeer", "true") {
				v, _ := p.Answer.Headers.Get("X-Ultrapeer")
				t.Mismatch("X-Ultrapeer", v, "True")
			}
			within(t, p.Answer.Headers, "X-Max-TTL", 1, 4)
			within(t, p.Answer.Headers, "X-Degree", 15, 1<<16)
		},
	},
}

// within fails the case if a header comes and is no number in the bounds.
func within(t *T, h wire.Headers, name string, low, high int) {
	v, ok := h.Get(name)
	n, err := strconv.Atoi(v)
	switch {
	case !ok:
		t.Observef("the target sends no %s", name)
	case err != nil || n < low || n > high:
		t.Mismatch(name, v, strconv.Itoa(low)+" to "+strconv.Itoa(high))
	}
}

// compressesForNobody is why a case that looks at what is compressed shows nothing.
const compressesForNobody = "the target compresses for nobody: it does not show how it reads what offers it"

// offered shakes hands with lines that offer compression in an unusual form, and
// fails the case if the target refuses, or does not compress although it does for
// the usual form. It says whether the target does, and so shows what it has read.
func offered(t *T, lines, what string) bool {
	usual := Meet(t, Equal().With("Accept-Encoding", "deflate"))
	usual.Control()
	p := taken(t, "a handshake with "+what, func(p *Peer) {
		p.Mine = Equal().With("Accept-Encoding", "deflate") // what the lines mean
		b := encode(wire.Connect{Version: wire.V06(), Headers: wire.Headers(Equal())})
		first, rest, _ := strings.Cut(string(b), "\r\n")
		p.Write([]byte(first+"\r\n"+lines+rest), what)
	})
	shows := usual.inflate != nil
	if shows && p.inflate == nil {
		t.Mismatch("the answer to "+what, "without Content-Encoding: deflate", "compressed, as for the usual form")
	}
	usual.Close()
	p.Close()
	return shows
}

// isUltrapeer fails the case if the target, an ultrapeer, does not take the peer, which
// has told no table, for one: it gets what another one gets, and nothing that leaves
// alone do.
func (p *Peer) isUltrapeer(what string) {
	t := p.t
	l := Between(t)
	missed, asLeaf := 0, 0
	for range ultrapeerTries {
		last, far := NewQuery(t, word(t), 1, 0), NewQuery(t, word(t), 3, 0)
		l.A.Send(last, far)
		switch {
		case l.B.AwaitGUID(AnswerWithin, far.Type, far.GUID) == nil:
		case p.AwaitGUID(AnswerWithin, far.Type, far.GUID) == nil:
			missed++
		case p.Saw(last.Type, last.GUID) > 0 && l.B.Saw(last.Type, last.GUID) == 0:
			asLeaf++
		default:
			return
		}
	}
	switch {
	case missed == ultrapeerTries:
		t.Failf("queries with TTL 3, which another ultrapeer gets, do not come to %s: %s", what, p.Last())
	case asLeaf == ultrapeerTries:
		t.Failf("queries with TTL 1, which go to leaves alone, come to %s", what)
	}
	t.Inconclusivef("the target does not pass on every query with TTL 3: %s", l.B.Last())
}

// ultrapeerTries is how many queries have to pass by a peer: one may be lost.
const ultrapeerTries = 3
