package tracker

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func load(t *testing.T, protocol, operation string) []vectors.Vector {
	file, err := vectors.Load(protocol)
	require.NoError(t, err)
	list := file.Select(operation)
	require.NotEmpty(t, list)
	return list
}

// BEP03-TRK-013, BEP03-TRK-015, BEP03-TRK-017, BEP07-TRK-004, BEP23-COMPACT-001,
// BEP24-EXTIP-001, BEP48-SCRAPE-002
func TestReplyVectors(t *testing.T) {
	for _, v := range load(t, "tracker", "reply") {
		t.Run(v.Name, func(t *testing.T) {
			body := v.Input.Bytes("body")
			if strings.HasPrefix(v.Name, "scrape/") {
				r, err := ParseScrapeResponse(body)
				require.NoError(t, err)
				require.NotEmpty(t, r.Files)
				if v.Expect.Bool("sorted") {
					require.Equal(t, string(body), string(AppendScrapeResponse(nil, r)))
				}
				return
			}
			r, err := ParseAnnounceResponse(body)
			require.NoError(t, err)
			require.Equal(t, v.Expect.Text("failure"), r.Failure)
			if v.Expect.Has("peers") {
				var peers [][]byte
				for _, p := range r.Peers {
					peers = append(peers, AppendCompactPeer(nil, p.Addr))
				}
				require.Len(t, peers, len(v.Expect.List("peers")))
				for i, want := range v.Expect.List("peers") {
					require.Equal(t, want, peers[i])
				}
			}
			if v.Expect.Bool("sorted") {
				require.Equal(t, string(body), string(AppendAnnounceResponse(nil, r, Compact, false)))
			}
		})
	}
}

// BEP15-UDP-001 to BEP15-UDP-003, BEP15-UDP-010 to BEP15-UDP-015, BEP15-UDP-020, BEP15-UDP-021
func TestPacketVectors(t *testing.T) {
	for _, v := range load(t, "bep15", "packet") {
		t.Run(v.Name, func(t *testing.T) {
			packet, expect := v.Input.Bytes("packet"), v.Expect
			if strings.Contains(v.Name, "request") {
				r, err := ParseRequest(packet)
				require.NoError(t, err)
				b, err := AppendRequest(nil, r)
				require.NoError(t, err)
				require.Equal(t, packet, b)
				require.EqualValues(t, expect.Int("action"), r.Action)
				if a := r.Announce; r.Action == ActionAnnounce {
					require.Equal(t, expect.Bytes("info_hash"), a.InfoHash[:])
					require.Equal(t, expect.Bytes("peer_id"), a.PeerID[:])
					require.Equal(t, []int64{
						expect.Int("downloaded"), expect.Int("left"), expect.Int("uploaded"),
						expect.Int("event"), expect.Int("num_want"), expect.Int("port"),
					}, []int64{
						a.Downloaded, a.Left, a.Uploaded, int64(a.Event), int64(a.NumWant), int64(a.Port),
					})
				}
				return
			}
			r, err := ParseResponse(packet)
			require.NoError(t, err)
			b, err := AppendResponse(nil, r)
			require.NoError(t, err)
			require.Equal(t, packet, b)
			require.Equal(t, expect.Text("message"), r.Message)
			require.EqualValues(t, expect.Int("interval"), r.Interval)
			require.Equal(t, len(expect.List("scrape")), len(r.Stats))
			if list := expect.List("peers"); len(list) > 0 {
				peers, ok := ParseCompactPeers(r.Peers, len(list[0]) == compact6)
				require.True(t, ok)
				require.Equal(t, list[0], AppendCompactPeer(nil, peers[0]))
			}
		})
	}
}

// BEP41-EXT-001, BEP41-EXT-002, BEP41-EXT-003
func TestOptionVectors(t *testing.T) {
	for _, v := range load(t, "bep15", "options") {
		require.Equal(t, string(v.Expect.Bytes("url_data")), ParseOptions(v.Input.Bytes("options")), v.Name)
	}
	long := "/" + strings.Repeat("a", 299) // two options
	require.Equal(t, long, ParseOptions(appendOptions(nil, long)))
	require.Equal(t, "/a", ParseOptions([]byte("\x02\x02/a\x02\x09/b")), "cut short")
}

// BEP15-UDP-004, BEP15-UDP-005
func TestPacketsThatAreTooShortOrLong(t *testing.T) {
	for _, v := range load(t, "bep15", "packet") {
		packet := v.Input.Bytes("packet")
		if strings.Contains(v.Name, "request") {
			_, err := ParseRequest(append(packet[:len(packet):len(packet)], 0, 0, 0))
			require.NoError(t, err, v.Name)
			if v.Name != "scrape/request" {
				_, err = ParseRequest(packet[:len(packet)-1])
				require.Error(t, err, v.Name)
			}
			continue
		}
		_, err := ParseResponse(append(packet[:len(packet):len(packet)], 0, 0, 0))
		require.NoError(t, err, v.Name)
		_, err = ParseResponse(packet[:7])
		require.Error(t, err, v.Name)
	}
}

// What a packet cannot mean is read as not said.
func TestOddFieldsOfPackets(t *testing.T) {
	b, err := AppendRequest(nil, &Request{Action: ActionAnnounce, Announce: AnnounceRequest{Port: 1, Event: Stopped + 1}})
	require.NoError(t, err)
	for _, at := range []int{56, 64, 72, 92} { // downloaded, left, uploaded, num_want
		b[at] |= 0x80
	}
	r, err := ParseRequest(b)
	require.NoError(t, err)
	require.Equal(t, AnnounceRequest{Port: 1, Left: LeftUnknown, NumWant: -1}, r.Announce)
	for _, retry := range []string{"i0e", "i-1e", "1:0", "4:soon", "le"} {
		r, err := ParseAnnounceResponse([]byte("d14:failure reason2:no8:retry in" + retry + "e"))
		require.NoError(t, err)
		require.Zero(t, r.RetryIn, retry)
	}
}

func drawHash(t *rapid.T, name string) (h [20]byte) {
	copy(h[:], rapid.SliceOfN(rapid.SampledFrom([]byte("\x00 +%&=?#a9-._~\x7f\x80\xff")), 20, 20).Draw(t, name))
	return h
}

func drawAnnounce(t *rapid.T) AnnounceRequest {
	return AnnounceRequest{
		InfoHash:   drawHash(t, "info hash"),
		PeerID:     drawHash(t, "peer id"),
		Port:       rapid.Uint16Min(1).Draw(t, "port"),
		Uploaded:   rapid.Int64Min(0).Draw(t, "uploaded"),
		Downloaded: rapid.Int64Min(0).Draw(t, "downloaded"),
		Left:       rapid.Int64Min(-1).Draw(t, "left"),
		Event:      rapid.SampledFrom([]Event{None, Completed, Started, Stopped}).Draw(t, "event"),
		NumWant:    rapid.Int32Min(-1).Draw(t, "num want"),
		Key:        rapid.Uint32().Draw(t, "key"),
		IP:         rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("192.0.2.7")}).Draw(t, "ip"),
	}
}

// BEP03-TRK-001, BEP03-TRK-002, BEP03-TRK-004, BEP07-TRK-002: deviations 48 and 55 of
// the field are what this would find.
func TestAnnouncesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawAnnounce(t)
		packet := &Request{
			Action: ActionAnnounce, Transaction: 7, Connection: 9, Announce: want,
			URLData: rapid.SampledFrom([]string{"", "/a", "/" + strings.Repeat("b", 600)}).Draw(t, "data"),
		}
		b, err := AppendRequest(nil, packet)
		require.NoError(t, err)
		read, err := ParseRequest(b)
		require.NoError(t, err)
		require.Equal(t, packet, read)

		want.Form = rapid.SampledFrom([]Form{AnyForm, Compact, List}).Draw(t, "form")
		want.NoPeerID = rapid.Bool().Draw(t, "no peer id")
		want.TrackerID = rapid.SampledFrom([]string{"", "a b&c"}).Draw(t, "tracker id")
		got, err := ParseAnnounceQuery(string(AppendAnnounceQuery(nil, want)))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// BEP03-TRK-002: byte by byte.
func TestEscaping(t *testing.T) {
	r := AnnounceRequest{Port: 1, NumWant: -1, Left: LeftUnknown}
	copy(r.InfoHash[:], "\x00 +%&a9-._~\xff/;=?#:@!")
	query := string(AppendAnnounceQuery(nil, r))
	require.True(t, strings.HasPrefix(query,
		"info_hash=%00%20%2B%25%26a9-._~%FF%2F%3B%3D%3F%23%3A%40%21&peer_id=%00%00"), query)
}

// BEP03-TRK-014
func TestMalformedQueries(t *testing.T) {
	good := string(AppendAnnounceQuery(nil, AnnounceRequest{Port: 1, Left: 5}))
	_, err := ParseAnnounceQuery(good)
	require.NoError(t, err)
	hash := good[:strings.Index(good, "&")]
	for name, query := range map[string]string{
		"empty":              "",
		"no hash":            strings.TrimPrefix(good, hash+"&"),
		"hash cut short":     strings.Replace(good, "info_hash=%00", "info_hash=", 1),
		"hash in hex":        strings.Replace(good, hash, "info_hash="+strings.Repeat("ab", 20), 1),
		"two hashes":         good + "&" + hash,
		"no peer id":         strings.Replace(good, "peer_id", "peer", 1),
		"peer id too long":   strings.Replace(good, "peer_id=", "peer_id=x", 1),
		"no port":            strings.Replace(good, "port", "porp", 1),
		"port 0":             strings.Replace(good, "port=1", "port=0", 1),
		"port 65536":         strings.Replace(good, "port=1", "port=65536", 1),
		"port -1":            strings.Replace(good, "port=1", "port=-1", 1),
		"left is a word":     strings.Replace(good, "left=5", "left=all", 1),
		"left is negative":   strings.Replace(good, "left=5", "left=-5", 1),
		"left has 65 bits":   strings.Replace(good, "left=5", "left=18446744073709551616", 1),
		"downloaded is hex":  strings.Replace(good, "downloaded=0", "downloaded=0x1", 1),
		"percent at the end": good + "&x=%",
		"percent and no hex": good + "&x=%zz",
		"percent and sign":   good + "&x=%+1",
		"far too long":       good + "&x=" + strings.Repeat("y", MaxQuery),
	} {
		_, err := ParseAnnounceQuery(query)
		var fault *ParseError
		require.ErrorAs(t, err, &fault, name)
		require.NotEmpty(t, fault.Clause, name)
	}
	r, err := ParseAnnounceQuery(strings.Replace(good, "&left=5", "&event=paused&numwant=x&ip=name", 1) + "&port=9&&")
	require.NoError(t, err)
	require.Equal(t, LeftUnknown, r.Left)
	require.EqualValues(t, []any{None, int32(-1), uint16(1)}, []any{r.Event, r.NumWant, r.Port})
}

// BEP48-SCRAPE-002, BEP48-SCRAPE-005
func TestScrapeQueries(t *testing.T) {
	hashes := make([]Hash, MaxScrape)
	for i := range hashes {
		hashes[i][3] = byte(i)
	}
	got, err := ParseScrapeQuery("passkey=1&" + string(AppendScrapeQuery(nil, hashes)))
	require.NoError(t, err)
	require.Equal(t, hashes, got)
	_, err = ParseScrapeQuery(string(AppendScrapeQuery(nil, append(hashes, Hash{}))))
	require.Error(t, err)
	_, err = ParseScrapeQuery("info_hash=abc")
	require.ErrorContains(t, err, "20 bytes")
	got, err = ParseScrapeQuery("")
	require.NoError(t, err)
	require.Empty(t, got)
}

// BEP48-SCRAPE-001: the examples of BEP 48.
func TestScrapeURLs(t *testing.T) {
	for announce, want := range map[string]string{
		"http://example.com/announce":          "http://example.com/scrape",
		"http://example.com/x/announce":        "http://example.com/x/scrape",
		"http://example.com/announce.php":      "http://example.com/scrape.php",
		"http://example.com/a":                 "",
		"http://example.com/announce?x2%0644":  "http://example.com/scrape?x2%0644",
		"http://example.com/announce?x=2/4":    "",
		"http://example.com/x%064announce":     "",
		"http://example.com/announce?passk=12": "http://example.com/scrape?passk=12",
		"announce":                             "",
	} {
		got, ok := ScrapeURL(announce)
		require.Equal(t, want, got, announce)
		require.Equal(t, want != "", ok, announce)
	}
}

// BEP03-TRK-003: the passkey stays (deviation 49).
func TestRequestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://h/announce":         "http://h/announce?q=1",
		"http://h/announce?":        "http://h/announce?q=1",
		"http://h/announce?pass=k":  "http://h/announce?pass=k&q=1",
		"http://h/announce?pass=k&": "http://h/announce?pass=k&q=1",
	} {
		require.Equal(t, want, string(AppendRequestURL(nil, url, []byte("q=1"))))
	}
	require.Equal(t, "http://h/scrape", string(AppendRequestURL(nil, "http://h/scrape", nil)))
}

func TestURLs(t *testing.T) {
	for s, want := range map[string]URL{
		"http://h/announce?p=1":     {"http", "h", 0, "/announce?p=1"},
		"HTTP://h:80":               {"http", "h", 80, ""},
		"https://h?x=:1":            {"https", "h", 0, "?x=:1"},
		"udp://[2001:db8::1]:6969/": {"udp", "2001:db8::1", 6969, "/"},
		"udp://h:1/a?b":             {"udp", "h", 1, "/a?b"},
		"udp://h":                   {}, "udp://h:0": {}, "udp://:1": {}, "ftp://h/": {}, "h": {}, "": {},
		"http://h:x/": {}, "http://u:p@h/": {}, "http://h/a b": {}, "http://h/\r\nX: y": {},
		"http://2001:db8::1/": {}, "http://[h]/": {}, "udp://h:65536": {},
	} {
		got, err := ParseURL(s)
		require.Equal(t, want, got, s)
		require.Equal(t, want == URL{}, err != nil, s)
	}
}

func drawPeers(t *rapid.T, names bool) (peers []Peer) {
	for range rapid.IntRange(0, 5).Draw(t, "peers") {
		ip := netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "ip")})
		if rapid.Bool().Draw(t, "IPv6") {
			ip = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: rapid.Byte().Draw(t, "ip")})
		}
		p := Peer{Addr: netip.AddrPortFrom(ip, rapid.Uint16Min(1).Draw(t, "port"))}
		if names {
			p.ID = drawHash(t, "peer id")
			if rapid.Bool().Draw(t, "name") {
				p.Host, p.Addr = "peer.example", netip.AddrPortFrom(netip.Addr{}, p.Addr.Port())
			}
		}
		peers = append(peers, p)
	}
	return peers
}

// BEP03-TRK-013, BEP03-TRK-016, BEP07-TRK-005, BEP23-COMPACT-004, BEP24-EXTIP-001, BEP31-RETRY-001
func TestResponsesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom([]Form{Compact, List}).Draw(t, "form")
		seconds := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, 86400).Draw(t, "s")) * time.Second
		})
		want := AnnounceResponse{
			Warning:  rapid.SampledFrom([]string{"", "soon"}).Draw(t, "warning"),
			Interval: seconds.Draw(t, "interval"), MinInterval: seconds.Draw(t, "min interval"),
			TrackerID: rapid.SampledFrom([]string{"", "id"}).Draw(t, "tracker id"),
			Complete:  rapid.Int64Min(-1).Draw(t, "complete"), Incomplete: rapid.Int64Min(-1).Draw(t, "incomplete"),
			Peers:      drawPeers(t, form == List),
			ExternalIP: rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("2001:db8::9")}).Draw(t, "ip"),
		}
		if rapid.Bool().Draw(t, "failure") {
			want = AnnounceResponse{
				Failure: "no", RetryIn: RetryIn(rapid.Int32Range(-1, 1440).Draw(t, "retry")), Complete: -1, Incomplete: -1,
			}
		}
		b := AppendAnnounceResponse(nil, want, form, false)
		_, err := bencode.Parse(b, bencode.Options{})
		require.NoError(t, err, "canonical")
		got, err := ParseAnnounceResponse(append(b, "\r\n"...)) // deviation 41
		require.NoError(t, err)
		if form == Compact {
			require.ElementsMatch(t, want.Peers, got.Peers) // IPv4 comes first
			want.Peers, got.Peers = nil, nil
		}
		require.Equal(t, want, got)
	})
}

// BEP03-TRK-018, BEP03-TRK-019, BEP07-TRK-005, BEP23-COMPACT-005, BEP24-EXTIP-002, BEP31-RETRY-001
func TestSloppyResponses(t *testing.T) {
	for body, peers := range map[string]int{
		"d8:intervali60ee": 0, "de": 0, "d5:peers0:8:intervali9ee": 0, "d5:peersle8:interval1:xe": 0,
		"d5:peers6:\x7f\x00\x00\x01\x00\x00e":                 0, // port 0
		"d5:peersld2:ip9:127.0.0.14:porti1eed4:porti1eee e":   -1,
		"d5:peersld2:ip9:127.0.0.14:porti1eed4:porti1eeee\n":  1,
		"d5:peersld2:ip9:127.0.0.14:porti65536eei5e1:xleee\n": 0,
		"d5:peers7:1234567e":                                  -1,
		"d6:peers619:1234567890123456789e":                    -1,
		"d5:peersi5ee":                                        -1,
		"d5:peersdee":                                         -1,
		"i5e":                                                 -1,
		"":                                                    -1,
		"<html>":                                              -1,
		"d14:failure reason119:The tracker was unable to process your request. It may be down, " +
			"overloaded, under attack or it just does not like you.12:min intervali1800e5:peers0:ee\n": -1,
	} {
		r, err := ParseAnnounceResponse([]byte(body))
		if peers < 0 {
			require.Error(t, err, body)
			continue
		}
		require.NoError(t, err, body)
		require.Len(t, r.Peers, peers, body)
	}
	r, err := ParseAnnounceResponse([]byte("d11:external ip3:abc14:failure reason0:8:retry in2:17e"))
	require.NoError(t, err)
	require.NotEmpty(t, r.Failure)
	require.EqualValues(t, []any{RetryIn(17), netip.Addr{}}, []any{r.RetryIn, r.ExternalIP})
}

func TestCompactPeersKeepTheirBytes(t *testing.T) {
	b, _ := hex.DecodeString("c00002071ae1c00002081ae2")
	peers, ok := ParseCompactPeers(b, false)
	require.True(t, ok)
	require.Equal(t, "[192.0.2.7:6881 192.0.2.8:6882]", strings.ReplaceAll(
		"["+peers[0].String()+" "+peers[1].String()+"]", "\n", ""))
	_, ok = ParseCompactPeers(b, true)
	require.False(t, ok)
}
