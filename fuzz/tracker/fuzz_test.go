// Package tracker holds the fuzz targets of what peers and trackers say to each
// other:
//
//	go test -fuzz FuzzQuery ./fuzz/tracker
//	go test -fuzz FuzzResponse ./fuzz/tracker
//	go test -fuzz FuzzPacket ./fuzz/tracker
//	go test -fuzz FuzzURL ./fuzz/tracker
//	go test -fuzz FuzzServer ./fuzz/tracker
//
// Without -fuzz, go test runs the seeds: the published vectors, and what real
// trackers were seen to write.
package tracker

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// inputs are the inputs of the published vectors of one operation.
func inputs(f *testing.F, protocol, operation, field string) (all [][]byte) {
	file, err := vectors.Load(protocol)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Select(operation) {
		all = append(all, v.Input.Bytes(field))
	}
	return all
}

// differs compares addresses as such.
func differs(a, b any) string {
	return cmp.Diff(a, b, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty())
}

// FuzzQuery: no query makes the parsers panic. A refusal names its clause; what
// is accepted reads the same after it was written.
func FuzzQuery(f *testing.F) {
	good := tracker.AppendAnnounceQuery(nil, tracker.AnnounceRequest{Port: 6881, Left: 5, Event: tracker.Started, Key: 7})
	f.Add(string(good))
	f.Add("info_hash=%9C%D9i%8A%F5Uu%1A%91%86%AE%06lW%EA%21W%235%E0&peer_id=aaaaaaaaaaaaaaaaaaaa&port=6881&left=0")
	f.Add("info_hash=" + strings.Repeat("+", 20) + "&info_hash=" + strings.Repeat("%2B", 20))
	f.Add("compact=0&no_peer_id=1&numwant=-1&event=paused&key=zz&ip=::1%25eth0&trackerid=%00&&=&%")
	f.Fuzz(func(t *testing.T, query string) {
		r, err := tracker.ParseAnnounceQuery(query)
		if hasClause(t, err) {
			again, err := tracker.ParseAnnounceQuery(string(tracker.AppendAnnounceQuery(nil, r)))
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			if diff := differs(r, again); diff != "" {
				t.Fatal(diff)
			}
		}
		hashes, err := tracker.ParseScrapeQuery(query)
		if hasClause(t, err) {
			again, err := tracker.ParseScrapeQuery(string(tracker.AppendScrapeQuery(nil, hashes)))
			if diff := differs(hashes, again); diff != "" || err != nil {
				t.Fatal(diff, err)
			}
		}
	})
}

// hasClause reports whether there is no error; one that has no clause fails.
func hasClause(t *testing.T, err error) bool {
	var fault *tracker.ParseError
	var syntax *bencode.SyntaxError
	switch {
	case err == nil:
		return true
	case errors.As(err, &fault) && fault.Clause != "" && fault.What != "":
	case errors.As(err, &syntax):
	default:
		t.Fatalf("%#v names no clause", err)
	}
	return false
}

// FuzzResponse: no body makes the parsers panic. What is accepted is written in
// canonical bencoding, and reads the same then.
func FuzzResponse(f *testing.F) {
	for _, body := range inputs(f, "tracker", "reply", "body") {
		f.Add(body)
	}
	f.Add([]byte("d8:completei1e10:downloadedi0e10:incompletei0e8:intervali1655e12:min intervali827e" +
		"5:peers6:\x7f@\xb1\x01\x05\x05e"))
	f.Add([]byte("d14:failure reason2:no8:retry in5:nevere\n"))
	f.Add([]byte("d5:peersld2:ip4:host7:peer id1:x4:porti99eed2:ip2:::4:porti1eei1eee"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := tracker.ParseAnnounceResponse(body); hasClause(t, err) {
			written := tracker.AppendAnnounceResponse(nil, r, tracker.List, false)
			if _, err := bencode.Parse(written, bencode.Options{}); err != nil {
				t.Fatalf("%q: %v", written, err)
			}
			again, err := tracker.ParseAnnounceResponse(written)
			if diff := differs(r, again); diff != "" || err != nil {
				t.Fatal(diff, err)
			}
		}
		if r, err := tracker.ParseScrapeResponse(body); hasClause(t, err) {
			written := tracker.AppendScrapeResponse(nil, r)
			again, err := tracker.ParseScrapeResponse(written)
			if err != nil || len(again.Files) > len(r.Files) || again.Failure != r.Failure {
				t.Fatalf("%q: %+v, %v", written, again, err)
			}
			if twice := tracker.AppendScrapeResponse(nil, again); !bytes.Equal(written, twice) {
				t.Fatalf("%q and then %q", written, twice)
			}
		}
	})
}

// FuzzPacket: no packet makes the parsers panic. What is accepted reads the same
// after it was written, and its first bytes are those that came.
func FuzzPacket(f *testing.F) {
	for _, p := range inputs(f, "bep15", "packet", "packet") {
		f.Add(p)
		f.Add(p[:len(p)-1])
		for _, options := range inputs(f, "bep15", "options", "options") {
			f.Add(append(bytes.Clone(p), options...))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if r, err := tracker.ParseRequest(p); hasClause(t, err) {
			b, err := tracker.AppendRequest(nil, r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			again, err := tracker.ParseRequest(b)
			if diff := differs(r, again); diff != "" || err != nil {
				t.Fatal(diff, err)
			}
			if !bytes.Equal(b[:16], p[:16]) {
				t.Fatalf("%x became %x", p[:16], b[:16])
			}
		}
		if r, err := tracker.ParseResponse(p); hasClause(t, err) {
			b, err := tracker.AppendResponse(nil, r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			if !bytes.HasPrefix(p, b) {
				t.Fatalf("%x became %x", p, b)
			}
		}
	})
}

// FuzzURL: no URL makes the parsers panic, and none that is accepted can end a
// request line early. The scrape URL differs in the one word.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"http://example.com/announce.php?passkey=1", "udp://[2001:db8::1]:6969/announce", "udp://h:0", "http://h?x",
		"http://example.com/announce?x=2/4", "announce", "HTTPS://u@h#f", "http://h/a b\r\nX: y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := tracker.ParseURL(s); err == nil {
			if u.Host == "" || strings.ContainsAny(s, " \r\n") || u.Scheme == "udp" && u.Port == 0 {
				t.Fatalf("%q: %+v", s, u)
			}
			joined := string(tracker.AppendRequestURL(nil, s, []byte("q=1")))
			if again, err := tracker.ParseURL(joined); len(s) < 2000 && (err != nil || again.Host != u.Host) {
				t.Fatalf("%q: %+v, %v", joined, again, err)
			}
		}
		if scrape, ok := tracker.ScrapeURL(s); ok {
			i := strings.LastIndex(scrape, "/scrape")
			if i < 0 || scrape[:i]+"/announce"+scrape[i+len("/scrape"):] != s {
				t.Fatalf("%q became %q", s, scrape)
			}
		}
	})
}
