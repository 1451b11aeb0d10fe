package tracker

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/bittorrent/tracker"
	"github.com/p2pspec/p2pspec/conformance"
)

// AnswerWithin is how long a case waits for an answer over HTTP.
const AnswerWithin = 5 * time.Second

// Params are the keys of a query. Strings are percent-escaped; a value of type
// raw is not; nil leaves its key out, which is how a case takes away what a
// builder has put in.
type Params = map[string]any

// raw is a value that is escaped already, or that must not be.
type raw string

// Ask announces over HTTP, for a torrent of which 1000 bytes are missing, and
// returns whatever comes.
func (p *Peer) Ask(h Hash, over Params) *Reply {
	return p.Get("/announce?"+p.query(h, over), "announce")
}

// AskMalformed is Ask with a query that is wrong on purpose; the note says how.
func (p *Peer) AskMalformed(note string, h Hash, over Params) *Reply {
	return p.GetMalformed("/announce?"+p.query(h, over), note)
}

// Announce is Ask for a request that has to be served. Anything else ends the
// case.
func (p *Peer) Announce(h Hash, over Params) *Reply {
	r := p.Ask(h, over)
	p.served(r)
	return r
}

// Seed and Leave announce a peer that has it all, and one that goes.
func (p *Peer) Seed(h Hash) *Reply { return p.Announce(h, Params{"left": "0"}) }

// Leave announces that the peer goes.
func (p *Peer) Leave(h Hash) *Reply {
	return p.Announce(h, Params{"event": "stopped", "numwant": "0"})
}

// Scrape asks for the numbers of torrents over HTTP. A target that has no
// scrape ends the case as unsupported.
func (p *Peer) Scrape(hashes ...Hash) *Reply {
	r := p.AskScrape(hashes...)
	if r.Status == http.StatusNotFound || r.Status == http.StatusNotImplemented {
		p.t.Unsupportedf("/scrape is answered by status %d", r.Status)
	}
	p.served(r)
	return r
}

// AskScrape is Scrape that returns whatever comes.
func (p *Peer) AskScrape(hashes ...Hash) *Reply { return p.Get(scrapeTarget(hashes...), "scrape") }

func scrapeTarget(hashes ...Hash) string {
	parts := make([]string, len(hashes))
	for i, h := range hashes {
		parts[i] = "info_hash=" + escape(string(h[:]))
	}
	return "/scrape?" + strings.Join(parts, "&")
}

// query is that of a common announce with some keys replaced.
func (p *Peer) query(h Hash, over Params) string {
	q := Params{
		"info_hash": string(h[:]), "peer_id": string(p.ID[:]), "port": strconv.Itoa(int(p.Port)),
		"uploaded": "0", "downloaded": "0", "left": "1000", "compact": "1",
		"key": fmt.Sprintf("%08x", p.Key),
	}
	maps.Copy(q, over)
	return encode(q)
}

// encode writes the keys in alphabetical order.
func encode(q Params) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(q)) {
		switch v := q[k].(type) {
		case string:
			parts = append(parts, k+"="+escape(v))
		case raw:
			parts = append(parts, k+"="+string(v))
		}
	}
	return strings.Join(parts, "&")
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Get sends a GET request for a path and query that a correct peer may send.
func (p *Peer) Get(target, note string) *Reply {
	return p.exchange(func(s *conformance.Stream) { s.Write(p.request(target), note) }, note)
}

// GetMalformed sends one that is wrong on purpose.
func (p *Peer) GetMalformed(target, note string) *Reply {
	return p.exchange(func(s *conformance.Stream) { s.WriteMalformed(p.request(target), note) }, note)
}

func (p *Peer) request(target string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %v\r\nUser-Agent: p2pspec\r\nConnection: close\r\n\r\n",
		p.at(target), p.target())
}

// at is a path and query at the target whose announce URL is another than
// /announce: the query joins what the URL has, and the scrape is where BEP 48
// has it. A URL without one ends the case.
func (p *Peer) at(target string) string {
	announce, ok := p.t.Announce()
	if !ok {
		return target
	}
	path, query, _ := strings.Cut(target, "?")
	base := announce
	if path == "/scrape" {
		if base, ok = tracker.ScrapeURL(base); !ok {
			p.t.Unsupportedf("by BEP 48 a tracker at %s has no scrape", announce)
		}
	}
	return string(tracker.AppendRequestURL(nil, base, []byte(query)))
}

// exchange connects, sends and reads one answer. A target without HTTP ends
// the case.
func (p *Peer) exchange(send func(*conformance.Stream), what string) *Reply {
	s := p.t.DialFrom(netip.AddrPortFrom(p.IP(), 0), p.target())
	if !s.Opened() {
		p.withoutHTTP()
	}
	defer s.Close()
	began := p.t.Now()
	send(s)
	return p.read(s, what, began)
}

// read waits for one HTTP response.
func (p *Peer) read(s *conformance.Stream, what string, began time.Duration) *Reply {
	r := &Reply{t: p.t, What: what}
	p.t.Until(func() bool { return r.parse(s.Buffered(), s.Ended()) || s.Ended() }, p.patience)
	r.Got = slices.Clone(s.Buffered())
	r.RTT = p.t.Now() - began
	s.Discard(r.size)
	if r.isTracker() {
		p.t.Earn()
		p.t.RTT(r.RTT)
	}
	return r
}

// parse reads a whole response and reports whether there was one.
func (r *Reply) parse(b []byte, ended bool) bool {
	if r.Status != 0 {
		return true
	}
	reader := bufio.NewReader(bytes.NewReader(b))
	h, err := http.ReadResponse(reader, nil)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(h.Body)
	if err != nil || h.ContentLength < 0 && len(h.TransferEncoding) == 0 && !ended {
		return false // more has to come, or only the end tells how much
	}
	r.Status, r.Header, r.Body = h.StatusCode, h.Header, body
	r.size = len(b) - reader.Buffered()
	r.Value, r.fault = bencode.Parse(body, bencode.Options{Lenient: true})
	return true
}

// hasHTTP reports whether the target accepts connections.
func (p *Peer) hasHTTP() bool {
	s := p.t.DialFrom(netip.AddrPortFrom(p.IP(), 0), p.target())
	defer s.Close()
	return s.Opened()
}

// withoutHTTP ends the case: a target that answers over UDP says by a closed
// port that it has no HTTP.
func (p *Peer) withoutHTTP() {
	if p.AskConnect().Kind == Answered {
		p.t.Unsupportedf("the target refuses connections and answers over UDP: it has no HTTP")
	}
	p.t.Inconclusivef("the target refuses connections")
}
