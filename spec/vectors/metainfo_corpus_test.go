package vectors

import (
	"crypto/sha1"
	"crypto/sha256"
	"strings"
	"testing"
)

// TestMetainfoIsDerived makes metainfo.json.
func TestMetainfoIsDerived(t *testing.T) {
	c := torrents{corpus{file: File{
		Protocol: "metainfo", Documents: []string{"BEP 3", "BEP 12", "BEP 19", "BEP 27", "BEP 47", "BEP 52"},
		About: "Torrents: right ones, ones that deployed software makes although no document allows them, and " +
			"hostile ones. The name of a vector begins with the behaviour that it belongs to.",
		Operations: map[string]string{
			"info-hash": "Compute the info hash from the raw bytes of the info dictionary, and the piece hashes " +
				"from the content.",
			"parse": "Read the torrent, or refuse it, as outcome says. Of a torrent that is read, every " +
				"expectation holds that is given; and no path leads out of the torrent's folder, whether " +
				"unsafe elements are renamed, dropped or refused.",
			"make": "Make a torrent of the content, with no keys but those that the input asks for. Its info " +
				"dictionary is the one given, in canonical form.",
		},
		Fields: metainfoFields(),
	}}}
	c.infoHashes()
	c.hashes()
	c.bencoding()
	c.required()
	c.numbers()
	c.piecesKey()
	c.files()
	c.paths()
	c.around()
	c.attributes()
	c.version2()
	c.trees()
	c.layers()
	c.hybrids()
	c.makes()
	c.hold(t)
}

func metainfoFields() map[string]Field {
	return map[string]Field{
		"info":      {Hex, "the raw info dictionary"},
		"content":   {Hex, "the files joined in order"},
		"info_hash": {Hex, "version 1: SHA-1 of the raw info dictionary, 20 bytes"},
		"info_hash_v2": {Hex, "version 2: SHA-256 of the raw info dictionary, 32 bytes; programs may print or " +
			"return its first 20 bytes as well"},
		"pieces":  {HexList, "SHA-1 of each piece"},
		"torrent": {Hex, "the file"},
		"outcome": {Text, "accept: it is read; refuse: it is refused, cleanly; either: it may be refused, but " +
			"what is read is what is expected; one: as either, and of two info hashes one alone may be taken"},
		"name":         {Text, "info.name"},
		"piece_length": {Int, "in bytes"},
		"length":       {Int, "bytes of all files without padding files"},
		"files": {Tree, "each file but padding files as [path, length]; a path is a list of elements below " +
			"the torrent's folder, of a single file its name"},
		"pads":       {Int, "how many padding files there are"},
		"private":    {Bool, "only peers of the tracker are allowed"},
		"trackers":   {Tree, "the tiers to announce to"},
		"web_seeds":  {Tree, "the URLs of url-list"},
		"nodes":      {Tree, "the first contacts as host:port"},
		"executable": {Tree, "the paths, joined by slashes, of the files with that attribute"},
		"hidden":     {Tree, "the paths, joined by slashes, of the files with that attribute"},
		"links":      {Tree, "each symbolic link as [path, target]"},
		"version":    {Text, "v1, v2 or hybrid"},
		"folder":     {Bool, "the files lie in a folder called name; otherwise name is that of the file"},
		"data": {Tree, "each file as [path, length, factor], in the order of the torrent; its byte i is " +
			"factor * (7i + 13[i/256] + [i/16384]) mod 256, where [ ] rounds down"},
		"announce": {Text, "the tracker"},
	}
}

// torrents is the corpus of metainfo.json.
type torrents struct{ corpus }

// The content of most torrents, and its tracker.
const (
	tracker = "http://tracker.example/announce"
	small   = "content of a small file\n"
)

// single is a version 1 info dictionary of one file of one piece.
func single() dict { return singleOf("file.txt", small) }

func singleOf(name, content string) dict {
	return dict{"length": len(content), "name": name, "piece length": block, "pieces": sha1Pieces(content, block)}
}

// multi is a version 1 info dictionary of files in a folder.
func multi(files ...dict) dict {
	length := 0
	entries := list{}
	for _, f := range files {
		n, _ := f["length"].(int)
		length += n
		entries = append(entries, f)
	}
	return dict{
		"files": entries, "name": "folder", "piece length": block,
		"pieces": sha1Pieces(strings.Repeat("\x00", length), block),
	}
}

// file is an entry of files; its content is zeros.
func file(length int, path ...string) dict {
	elements := list{}
	for _, p := range path {
		elements = append(elements, p)
	}
	return dict{"length": length, "path": elements}
}

// torrent is a whole file around the info dictionary.
func torrent(info any) string { return benc(dict{"announce": tracker, "info": info}) }

// accept, refuse and either add a vector of a torrent that announces to
// tracker and has nothing else around its info dictionary.
func (c *torrents) accept(slug string, info any, more ...any) {
	c.parse(slug, "accept", torrent(info), info, more...)
}

func (c *torrents) either(slug string, info any, more ...any) {
	c.parse(slug, "either", torrent(info), info, more...)
}

func (c *torrents) refuse(slug string, info any) { c.parse(slug, "refuse", torrent(info), nil) }

// parse adds a vector. The info hashes expected are those of info, by the
// versions that its keys tell; more are fields with their values in turn, and
// a note under the key "note".
func (c *torrents) parse(slug, outcome, bytes string, info any, more ...any) {
	expect := values{"outcome": outcome}
	if outcome != "refuse" {
		encoded := benc(info)
		if strings.Contains(encoded, "6:pieces") {
			hash := sha1.Sum([]byte(encoded))
			expect["info_hash"] = hexed(string(hash[:]))
		}
		if strings.Contains(encoded, "12:meta version") {
			hash := sha256.Sum256([]byte(encoded))
			expect["info_hash_v2"] = hexed(string(hash[:]))
		}
	}
	note := ""
	for i := 0; i < len(more); i += 2 {
		if more[i] == "note" {
			note = more[i+1].(string)
		} else {
			expect[more[i].(string)] = field(more[i+1])
		}
	}
	c.add(slug, "parse", "derived", values{"torrent": hexed(bytes)}, expect, note)
}

// infoHashes are the published info dictionary and two beside it.
func (c *torrents) infoHashes() {
	numbers := dict{
		"files": list{file(1, "1.txt"), file(2, "2.txt"), file(3, "3.txt")}, "name": "numbers",
		"piece length": block, "pieces": sha1Pieces("122333", block),
	}
	of := func(slug, source string, info any, content, note string) {
		hash, piece := sha1.Sum([]byte(benc(info))), sha1.Sum([]byte(content))
		c.add(slug, "info-hash", source, values{"info": hexed(benc(info)), "content": hexed(content)},
			values{"info_hash": hexed(string(hash[:])), "pieces": list{hexed(string(piece[:]))}}, note)
	}
	c.in("info-hash", "BEP03-META-014", "BEP03-META-007")
	of("numbers", "webtorrent-fixtures numbers.torrent", numbers, "122333", "three files, 1, 22 and 333, in one piece")
	c.in("info-hash", "BEP03-META-014", "BEP03-META-015")
	x := singleOf("x", "x")
	of("unsorted-keys", "derived", pairs{
		"length", 1, "piece length", block, "name", "x", "pieces", x["pieces"],
	}, "x", "the hash is of the bytes as they are; a reader may refuse them, but not hash others")
	c.in("info-hash", "BEP03-META-016")
	of("unknown-key", "derived", x.with("source", "tracker"), "x", "")
}

// hashes is what the info hash is taken of.
func (c *torrents) hashes() {
	c.in("hash/of-the-raw-info", "BEP03-META-014")
	c.accept("single-file", single(), "name", "file.txt", "length", len(small), "piece_length", block,
		"files", list{list{list{"file.txt"}, len(small)}})
	c.accept("several-pieces", singleOf("three.bin", content(2*block+1)), "length", 2*block+1)
	c.accept("folder", multi(file(5, "a.txt"), file(7, "sub", "b.txt")), "name", "folder", "length", 12,
		"files", list{list{list{"a.txt"}, 5}, list{list{"sub", "b.txt"}, 7}})
	c.accept("one-file-in-a-folder", multi(file(5, "a.txt")), "files", list{list{list{"a.txt"}, 5}})
	c.accept("empty-file-among-others", multi(file(5, "a.txt"), file(0, "empty"), file(7, "b.txt")), "length", 12)
	c.accept("piece-length-not-a-power-of-two", single().with("piece length", 20000), "piece_length", 20000)

	c.in("hash/unknown-keys-count", "BEP03-META-016", "BEP03-BENC-010")
	c.accept("source", single().with("source", "SITE"))
	c.accept("nested", single().with("x_extra", dict{"deep": list{1, "two", dict{"": ""}}}))
	c.accept("name.utf-8", single().with("name.utf-8", "file.txt"))
	c.accept("empty-key", single().with("", "empty"))
	c.accept("binary-key", single().with("\xff\x00\xfe", "binary"))
	c.accept("in-a-file-entry", multi(file(5, "a.txt").with("mtime", 1700000000, "md5sum", strings.Repeat("0", 32))))

	c.in("hash/never-of-a-re-encoding", "BEP03-META-014", "BEP03-META-015")
	s := single()
	unsorted := pairs{"name", "file.txt", "length", len(small), "pieces", s["pieces"], "piece length", block}
	c.either("unsorted-keys", unsorted, "note", "as bencode.py and some sites made them")
	unsortedFile := pairs{"path", list{"a"}, "length", len(small)}
	c.either("unsorted-keys-of-a-file", s.with("files", list{unsortedFile}, "length", nil))
	c.either("leading-zero-in-an-integer", s.with("length", raw("i024e")))
	c.either("negative-zero", s.with("x", raw("i-0e")))
	c.either("leading-zero-in-a-length", s.with("name", raw("08:file.txt")))

	c.in("hash/unsorted-around-info", "BEP03-META-014", "BEP03-META-015")
	c.parse("info-before-announce", "either", benc(pairs{"info", s, "announce", tracker}), s)
	c.parse("created-by-first", "either", benc(pairs{"created by", "x", "announce", tracker, "info", s}), s)

	c.in("hash/of-the-right-info", "BEP03-META-014")
	decoy := singleOf("decoy", "decoy")
	c.parse("the-word-in-a-comment", "accept",
		benc(dict{"announce": tracker, "comment": "4:info" + benc(decoy), "info": s}), s, "name", "file.txt")
	c.parse("the-key-in-another-dictionary", "accept",
		benc(dict{"announce": tracker, "azureus_properties": dict{"info": decoy}, "info": s}), s, "name", "file.txt")
	c.accept("the-key-inside-info", s.with("info", decoy), "name", "file.txt")
}

// bencoding is what no torrent may be.
func (c *torrents) bencoding() {
	c.in("bencoding/malformed-is-refused", "BEP03-BENC-001", "BEP03-BENC-002", "BEP03-BENC-006", "BEP03-BENC-007")
	whole := torrent(single())
	bad := func(slug, bytes string) { c.parse(slug, "refuse", bytes, nil) }
	bad("empty", "")
	bad("truncated", whole[:len(whole)-20])
	bad("no-end", whole[:len(whole)-1])
	bad("key-without-value", benc(pairs{"announce", tracker, "info", single(), "z"}))
	bad("integer-as-key", benc(pairs{raw("i5e"), "x", "announce", tracker, "info", single()}))
	bad("integer-without-digits", torrent(single().with("length", raw("ie"))))
	bad("integer-with-plus", torrent(single().with("length", raw("i+24e"))))
	bad("integer-with-a-point", torrent(single().with("length", raw("i2.4e"))))
	bad("integer-of-letters", torrent(single().with("length", raw("itwoe"))))
	bad("negative-string-length", torrent(single().with("name", raw("-8:file.txt"))))
	bad("html", "<html><body>404 Not Found</body></html>\n")
	bad("hex-digits", hexed(whole))

	c.in("bencoding/string-beyond-the-end", "BEP03-BENC-012")
	bad("of-a-hundred-megabytes", "d8:announce99999999:x")
	bad("of-4-gigabytes", "d8:announce4294967297:x")
	bad("over-64-bits", "d8:announce18446744073709551617:x")

	c.in("bencoding/numbers-beyond-64-bits", "BEP03-BENC-002")
	c.accept("in-an-unused-key", single().with("x", raw("i170141183460469231731687303715884105728e")))
	c.accept("negative-in-an-unused-key", single().with("x", raw("i-18446744073709551616e")))

	c.in("bencoding/deep-nesting", "BEP03-BENC-011")
	nested := func(depth int) raw { return raw(strings.Repeat("l", depth) + strings.Repeat("e", depth)) }
	c.either("of-a-thousand-lists", single().with("x", nested(1000)))
	c.either("of-twenty-thousand-lists", single().with("x", nested(20000)))
	bad("that-never-ends", "d8:announce"+strings.Repeat("l", 20000))

	c.in("bencoding/repeated-keys", "BEP03-BENC-009")
	bad("name-in-info", torrent(raw(strings.Replace(benc(single()), "4:name", "4:name5:other4:name", 1))))
	bad("length-in-info", torrent(raw(strings.Replace(benc(single()), "6:length", "6:lengthi1e6:length", 1))))
	bad("info", benc(pairs{"announce", tracker, "info", singleOf("decoy", "decoy"), "info", single()}))

	c.in("bencoding/bytes-behind", "BEP03-BENC-013")
	c.parse("newline", "either", whole+"\n", single())
	c.parse("zeros", "either", whole+strings.Repeat("\x00", 16), single())
}

// required is what a torrent must have, and its types.
func (c *torrents) required() {
	s := single()
	c.in("required/a-dictionary-with-info", "BEP03-META-001", "BEP03-META-009")
	for slug, v := range ordered("string", "torrent", "integer", 5, "list", list{s}, "empty-dictionary", dict{},
		"without-info", dict{"announce": tracker}, "info-is-a-string", dict{"announce": tracker, "info": "x"},
		"info-is-a-list", dict{"announce": tracker, "info": list{}},
		"info-is-an-integer", dict{"announce": tracker, "info": 1},
		"info-is-empty", dict{"announce": tracker, "info": dict{}}) {
		c.parse(slug, "refuse", benc(v), nil)
	}
	for _, key := range []struct{ key, slug string }{
		{"name", "name"}, {"piece length", "piece-length"}, {"pieces", "pieces"},
	} {
		c.in("required/"+key.slug, "BEP03-META-003", "BEP03-META-009")
		c.refuse("missing", s.with(key.key, nil))
		c.refuse("a-list", s.with(key.key, list{}))
		c.refuse("a-dictionary", s.with(key.key, dict{}))
		if key.slug == "piece-length" {
			c.refuse("a-string", s.with(key.key, "16384"))
		} else {
			c.refuse("an-integer", s.with(key.key, 5))
		}
	}
}

// ordered yields slugs and values in turn.
func ordered(turns ...any) func(func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for i := 0; i < len(turns); i += 2 {
			if !yield(turns[i].(string), turns[i+1]) {
				return
			}
		}
	}
}

// numbers are lengths that are none.
func (c *torrents) numbers() {
	s := single()
	c.in("numbers/negative-length", "BEP03-META-011")
	c.refuse("of-the-file", s.with("length", -24))
	c.refuse("of-a-file-in-a-folder", multi(file(5, "a"), file(7, "b")).with("files",
		list{file(24, "a"), file(-12, "b")}))
	c.refuse("the-least", s.with("length", raw("i-9223372036854775808e")))

	c.in("numbers/piece-length-not-positive", "BEP03-META-011")
	c.refuse("zero", s.with("piece length", 0))
	c.refuse("negative", s.with("piece length", -block))
	c.refuse("negative-with-negative-length", s.with("piece length", -block, "length", -24))

	c.in("numbers/overflow", "BEP03-META-011")
	c.refuse("length-over-64-bits", s.with("length", raw("i18446744073709551640e")))
	c.refuse("length-of-2-to-63", s.with("length", raw("i9223372036854775808e")))
	c.refuse("piece-length-over-64-bits", s.with("piece length", raw("i18446744073709568000e")))
	huge := file(0, "a").with("length", raw("i9223372036854775807e"))
	c.refuse("sum-over-63-bits", multi(file(24, "b")).with("files",
		list{huge, file(0, "b").with("length", raw("i9223372036854775807e")), file(26, "c")}))
	c.refuse("length-of-2-to-62", s.with("length", raw("i4611686018427387904e")))
}

// piecesKey is the string of hashes.
func (c *torrents) piecesKey() {
	s, hash := single(), strings.Repeat("\x11", 20)
	c.in("pieces/multiple-of-20-bytes", "BEP03-META-010", "BEP03-META-004")
	c.refuse("19-bytes", s.with("pieces", hash[:19]))
	c.refuse("21-bytes", s.with("pieces", hash+"\x11"))
	c.refuse("32-bytes", s.with("pieces", strings.Repeat("\x11", 32)))
	c.in("pieces/as-many-as-the-size-needs", "BEP03-META-010", "BEP03-META-004")
	c.refuse("none", s.with("pieces", ""))
	c.refuse("one-too-many", s.with("pieces", hash+hash))
	c.refuse("one-too-few", singleOf("file.bin", content(block+1)).with("pieces", hash))
	c.refuse("of-a-folder", multi(file(block, "a"), file(1, "b")).with("pieces", hash))
}

// files is the choice between length and files, and the entries.
func (c *torrents) files() {
	s, m := single(), multi(file(5, "a.txt"), file(7, "b.txt"))
	c.in("files/length-or-files", "BEP03-META-005", "BEP03-META-009")
	c.refuse("neither", s.with("length", nil))
	c.refuse("length-is-a-string", s.with("length", "24"))
	c.refuse("length-is-a-list", s.with("length", list{24}))
	c.refuse("files-is-a-dictionary", m.with("files", dict{"a.txt": 12}))
	c.refuse("files-is-a-string", m.with("files", "a.txt"))
	c.refuse("files-is-empty", m.with("files", list{}, "pieces", ""))
	c.in("files/not-both", "BEP03-META-005")
	c.refuse("length-and-files", m.with("length", 12))

	c.in("files/entries", "BEP03-META-006", "BEP03-META-009")
	entry := func(slug string, e any) { c.refuse(slug, m.with("files", list{e, file(12, "b.txt")})) }
	entry("not-a-dictionary", "a.txt")
	entry("without-length", dict{"path": list{"a.txt"}})
	entry("length-is-a-string", dict{"length": "0", "path": list{"a.txt"}})
	entry("without-path", dict{"length": 0})
	entry("path-is-a-string", dict{"length": 0, "path": "a.txt"})
	entry("path-is-a-dictionary", dict{"length": 0, "path": dict{}})
	entry("path-of-an-integer", dict{"length": 0, "path": list{5}})
	entry("path-of-a-list", dict{"length": 0, "path": list{list{"a.txt"}}})
	c.in("files/empty-path", "BEP03-META-012")
	entry("of-an-empty-file", dict{"length": 0, "path": list{}})
	c.refuse("of-a-file", m.with("files", list{dict{"length": 12, "path": list{}}}))
}
