package vectors

import (
	"strings"
	"testing"
)

// TestMagnetsAreDerived makes magnet.json.
func TestMagnetsAreDerived(t *testing.T) {
	c := magnets{corpus{file: File{
		Protocol: "magnet", Documents: []string{"BEP 9", "BEP 53"},
		About: "Magnet links. The name of a vector begins with the behaviour that it belongs to.",
		Operations: map[string]string{
			"parse": "Read the link, or refuse it, as outcome says. Of a link that is read, every expectation " +
				"holds that is given.",
		},
		Fields: map[string]Field{
			"uri": {Text, "the link"},
			"outcome": {Text, "accept: it names a torrent; refuse: it names none; either: it may be refused, but " +
				"what is read is what is expected"},
			"info_hash":    {Hex, "20 bytes, version 1"},
			"info_hash_v2": {Hex, "32 bytes, version 2"},
			"name":         {Text, "dn, unescaped"},
			"trackers":     {Tree, "tr, unescaped, each a tier of its own"},
			"web_seeds":    {Tree, "ws, unescaped"},
			"peers":        {Tree, "x.pe, those that are host:port"},
			"selected":     {Tree, "the file indices of so, in order"},
		},
	}}}
	c.hashes()
	c.parameters()
	c.selections()
	c.hold(t)
}

// magnets is the corpus of magnet.json.
type magnets struct{ corpus }

const (
	cd     = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	named  = "magnet:?xt=urn:btih:" + cd
	lt     = "libtorrent test_magnet.cpp"
	refsV2 = "libtorrent reference torrent"
)

// of adds a link; expectations are fields with their values in turn.
func (c *magnets) of(slug, outcome, source, uri string, expect ...any) {
	e := values{"outcome": outcome}
	for i := 0; i < len(expect); i += 2 {
		e[expect[i].(string)] = field(expect[i+1])
	}
	c.add(slug, "parse", source, values{"uri": uri}, e, "")
}

func (c *magnets) hashes() {
	const h, mixed = "info_hash", "d2354010a3ca4ade5b7427bb093a62a3899ff381"
	c.in("magnet/hex", "BEP09-MAGNET-001")
	c.of("lower-case", "accept", lt, named, h, cd)
	c.of("upper-case", "accept", "derived", "magnet:?xt=urn:btih:"+strings.ToUpper(mixed), h, mixed)
	c.of("mixed-case", "accept", "derived", "magnet:?xt=urn:btih:"+strings.ToUpper(mixed[:20])+mixed[20:], h, mixed)
	c.in("magnet/escapes", "BEP09-MAGNET-001")
	c.of("colons", "accept", lt, "magnet:?xt=urn%3Abtih%3A"+cd, h, cd)
	c.of("a-digit", "accept", lt, "magnet:?xt=urn:btih:"+cd[:39]+"%64", h, cd)
	c.in("magnet/base32", "BEP09-MAGNET-002")
	c.of("upper-case", "accept", lt, "magnet:?xt=urn:btih:MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC", h,
		"6162616261626162616261626162616261626162")
	c.of("of-hex", "accept", "transmission", "magnet:?xt=urn:btih:2I2UAEFDZJFN4W3UE65QSOTCUOEZ744B", h, mixed)
	c.in("magnet/base32-in-lower-case", "BEP09-MAGNET-002")
	c.of("lower-case", "accept", "aria2 issue 492", "magnet:?xt=urn:btih:4qf3dxhtmsfhzbnvnzopiepbgzt5bcon", h,
		"e40bb1dcf3648a7c85b56e5cf411e13667d089cd")
	c.of("mixed-case", "accept", "derived", "magnet:?xt=urn:btih:4qf3dxhtmsfhzbnvNZOPIEPBGZT5BCON", h,
		"e40bb1dcf3648a7c85b56e5cf411e13667d089cd")
	const v2, hash2 = "info_hash_v2", "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
	c.in("magnet/v2", "BEP09-MAGNET-004")
	c.of("reference", "accept", refsV2, "magnet:?xt=urn:btmh:1220"+hash2+"&dn=bittorrent-v2-test",
		v2, hash2, "name", "bittorrent-v2-test")
	c.of("upper-case", "accept", "derived", "magnet:?xt=urn:btmh:1220"+strings.ToUpper(hash2), v2, hash2)
	c.in("magnet/hybrid", "BEP09-MAGNET-004")
	const hybrid1 = "631a31dd0a46257d5078c0dee4e66e26f73e42ac"
	const hybrid2 = "d8dd32ac93357c368556af3ac1d95c9d76bd0dff6fa9833ecdac3d53134efabb"
	c.of("reference", "accept", refsV2, "magnet:?xt=urn:btih:"+hybrid1+"&xt=urn:btmh:1220"+hybrid2+
		"&dn=bittorrent-v1-v2-hybrid-test", h, hybrid1, v2, hybrid2, "name", "bittorrent-v1-v2-hybrid-test")
	c.of("v2-first", "accept", "derived", "magnet:?xt=urn:btmh:1220"+hybrid2+"&xt=urn:btih:"+hybrid1,
		h, hybrid1, v2, hybrid2)

	c.in("magnet/names-no-torrent", "BEP09-MAGNET-001")
	c.of("no-parameter", "refuse", "derived", "magnet:?")
	c.of("no-xt", "refuse", lt, "magnet:?dn=foo")
	c.of("short", "refuse", lt, "magnet:?xt=urn:btih:abababab")
	c.of("empty", "refuse", "derived", "magnet:?xt=urn:btih:")
	c.of("39-digits", "refuse", "derived", "magnet:?xt=urn:btih:"+cd[:39])
	c.of("41-digits", "refuse", "derived", "magnet:?xt=urn:btih:"+cd+"c")
	c.of("not-hex", "refuse", lt, "magnet:?xt=urn:btih:"+strings.Repeat("z", 40))
	c.of("not-base32", "refuse", "derived", "magnet:?xt=urn:btih:1FRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC")
	c.of("leading-space", "refuse", lt, "magnet:?xt=urn:btih: "+cd)
	c.of("bad-escape", "refuse", lt, "magnet:?xt=urn%%3A"+cd)
	c.of("other-scheme", "refuse", "derived", "http://tracker.example/?xt=urn:btih:"+cd)
	c.in("magnet/other-networks", "BEP09-MAGNET-001")
	c.of("sha1", "refuse", "parse-torrent tests", "magnet:?xt=urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB")
	c.of("tiger", "refuse", "parse-torrent tests", "magnet:?xt=urn:tree:tiger:7N5OAMRNGMSSEUE3ORHOKWN4WWIQ5X4EBOOTLJY")
	c.of("ed2k", "refuse", "parse-torrent tests", "magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1")
	c.of("ed2k-beside-btih", "accept", "derived",
		"magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1&xt=urn:btih:"+cd, h, cd)
	c.in("magnet/malformed-multihash", "BEP09-MAGNET-004")
	c.of("short", "refuse", lt, "magnet:?xt=urn:btmh:1220caf1")
	c.of("another-function", "refuse", lt, "magnet:?xt=urn:btmh:1221"+strings.Repeat("ab", 32))
	c.of("untagged", "refuse", "derived", "magnet:?xt=urn:btmh:"+hash2)
	c.of("not-hex", "refuse", "derived", "magnet:?xt=urn:btmh:1220"+strings.Repeat("zz", 32))
}

func (c *magnets) parameters() {
	const h = "info_hash"
	c.in("magnet/name", "BEP09-MAGNET-001")
	c.of("plain", "accept", "derived", named+"&dn=foobar", h, cd, "name", "foobar")
	c.of("escaped", "accept", "derived", named+"&dn=foo%20bar%26baz", h, cd, "name", "foo bar&baz")
	c.of("utf-8", "accept", "derived", named+"&dn=%C3%9Cn%C3%AFc%C3%B6de", h, cd, "name", "Ünïcöde")
	c.of("before-xt", "accept", "derived", "magnet:?dn=foobar&xt=urn:btih:"+cd, h, cd, "name", "foobar")
	c.in("magnet/key-in-any-case", "BEP09-MAGNET-001")
	c.of("upper-case", "accept", lt, "magnet:?XT=urn:btih:"+cd+"&dN=foobar", h, cd)
	c.in("magnet/unknown-parameters", "BEP09-MAGNET-001")
	c.of("junk", "accept", "transmission", named+"&empty&=", h, cd)
	c.of("unknown-key", "accept", "derived", named+"&x.unknown=5&kt=words", h, cd)
	c.of("ampersand-at-the-end", "accept", "derived", named+"&", h, cd)

	t1, t2 := "http://tracker.example/announce?key=1", "udp://tracker.example:6969"
	c.in("magnet/trackers", "BEP09-MAGNET-003")
	c.of("one", "accept", "derived", named+"&tr=http%3A%2F%2Ftracker.example%2Fannounce%3Fkey%3D1", h, cd,
		"trackers", list{list{t1}})
	c.of("two", "accept", "derived", named+"&tr=http%3A%2F%2Ftracker.example%2Fannounce%3Fkey%3D1&tr="+t2, h, cd,
		"trackers", list{list{t1}, list{t2}})
	c.of("none", "accept", "derived", named, h, cd, "trackers", list{})
	c.in("magnet/web-seeds", "BEP19-WEB-001", "BEP09-MAGNET-001")
	c.of("one", "accept", "derived", named+"&ws=http%3A%2F%2Fseed.example%2Ffile", h, cd,
		"web_seeds", list{"http://seed.example/file"})
	c.in("magnet/peers", "BEP09-MAGNET-003")
	c.of("v4", "accept", lt, named+"&x.pe=127.0.0.1:43", h, cd, "peers", list{"127.0.0.1:43"})
	c.of("v6", "accept", lt, named+"&x.pe=[::1]:45", h, cd, "peers", list{"[::1]:45"})
	c.of("v6-escaped", "accept", "derived", named+"&x.pe=%5B%3A%3A1%5D%3A45", h, cd, "peers", list{"[::1]:45"})
	c.of("host", "accept", "derived", named+"&x.pe=peer.example:6881", h, cd, "peers", list{"peer.example:6881"})
	c.of("two", "accept", "derived", named+"&x.pe=127.0.0.1:43&x.pe=10.0.0.1:44", h, cd,
		"peers", list{"127.0.0.1:43", "10.0.0.1:44"})
	c.of("bad-ones-beside", "accept", lt, named+"&x.pe=127.0.0.1:43&x.pe=<invalid1>&x.pe=<invalid2>:100&x.pe=[::1]:45",
		h, cd, "peers", list{"127.0.0.1:43", "[::1]:45"})
	c.of("port-over-65535", "accept", "derived", named+"&x.pe=127.0.0.1:65536", h, cd, "peers", list{})
}

// selections are those of so.
func (c *magnets) selections() {
	of := func(slug, source, parameters string, files ...any) {
		c.of(slug, "accept", source, named+parameters, "info_hash", cd, "selected", append(list{}, files...))
	}
	c.in("magnet/select", "BEP53-SO-001")
	of("indices-and-a-range", lt, "&so=0,2,4,6-8", 0, 2, 4, 6, 7, 8)
	of("one", "derived", "&so=3", 3)
	of("escaped-commas", "derived", "&so=0%2C2", 0, 2)
	of("range-of-one", "derived", "&so=5-5", 5)
	c.in("magnet/select-ignores-nonsense", "BEP53-SO-002")
	of("overlapping", lt, "&so=0,2-4,3-5", 0, 2, 3, 4, 5)
	of("two-parameters", lt, "&so=2-4&so=1", 1, 2, 3, 4)
	of("inverted", lt, "&so=7-4,100000000&so=10", 10)
	of("negative", lt, "&so=-4&so=1", 1)
	of("open-end", lt, "&so=3-&so=1", 1)
	of("letters", lt, "&so=a&so=1", 1)
	of("empty-entries", lt, "&so=&so=,,1", 1)
	of("huge", "derived", "&so=0,99999999999999999999,2", 0, 2)
}
