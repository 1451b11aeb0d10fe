package vectors

import "strings"

// paths are names that lead elsewhere, and ones that only look as if.
func (c *torrents) paths() {
	inFolder := func(path ...string) dict { return multi(file(5, "a.txt"), file(7, path...)) }
	named := func(name string) dict { return singleOf(name, small) }

	c.in("paths/parent-folder", "BEP03-META-013")
	c.either("first", inFolder("..", "evil"))
	c.either("second", inFolder("sub", "..", "..", "evil"))
	c.either("last", inFolder("sub", ".."))
	c.either("alone", inFolder(".."))
	c.either("name-of-a-file", named(".."))
	c.either("name-of-a-folder", multi(file(5, "a.txt")).with("name", ".."))

	c.in("paths/absolute", "BEP03-META-013")
	c.either("first", inFolder("/etc", "evil"))
	c.either("root", inFolder("/", "evil"))
	c.either("empty-first", inFolder("", "etc", "evil"))
	c.either("name-of-a-file", named("/etc/evil"))
	c.either("name-of-a-folder", multi(file(5, "a.txt")).with("name", "/etc"))

	c.in("paths/separators", "BEP03-META-013")
	c.either("slashes-and-dots", inFolder("sub/../../evil"))
	c.either("slash", inFolder("sub/evil"))
	c.either("backslashes-and-dots", inFolder("..\\..\\evil"))
	c.either("name-of-a-file", named("../evil"))
	c.either("name-with-backslashes", named("..\\evil"))
	c.either("drive", inFolder("C:\\evil"))

	c.in("paths/empty-or-dot", "BEP03-META-013", "BEP03-META-012")
	c.either("empty-element", inFolder("sub", "", "b.txt"))
	c.either("only-an-empty-element", inFolder(""))
	c.either("dot-element", inFolder("sub", ".", "b.txt"))
	c.either("only-a-dot", inFolder("."))
	c.either("empty-name", named(""))
	c.either("dot-as-name", multi(file(5, "a.txt")).with("name", "."))

	c.in("paths/nul-byte", "BEP03-META-013")
	c.either("in-an-element", inFolder("b.txt\x00.exe"))
	c.either("alone", inFolder("\x00"))
	c.either("in-the-name", named("b.txt\x00.exe"))

	c.in("paths/twice-the-same", "BEP03-META-013")
	c.either("two-files", multi(file(5, "a.txt"), file(7, "a.txt")))
	c.either("not-neighbours", multi(file(5, "a.txt"), file(7, "b.txt"), file(9, "a.txt")))
	c.either("in-a-folder", multi(file(5, "sub", "a.txt"), file(7, "sub", "a.txt")))
	c.either("a-file-as-a-folder", multi(file(5, "a"), file(7, "a", "b.txt")))
	c.either("a-folder-as-a-file", multi(file(7, "a", "b.txt"), file(5, "a")))

	c.in("paths/odd-but-legal", "BEP03-META-002", "BEP03-META-013")
	keep := func(slug string, path ...string) {
		elements := list{}
		for _, p := range path {
			elements = append(elements, p)
		}
		c.accept(slug, inFolder(path...), "length", 12, "files", list{list{list{"a.txt"}, 5}, list{elements, 7}})
	}
	keep("blanks", "a folder", "two  words.txt")
	keep("three-dots", "...", "b.txt")
	keep("dots-before-a-name", "..b.txt")
	keep("dots-inside-a-name", "b..txt")
	keep("hidden-file", ".hidden")
	keep("ten-folders", "1", "2", "3", "4", "5", "6", "7", "8", "9", "b.txt")
	keep("percent-escapes", "%2e%2e", "%2Fetc")
	keep("tilde", "~", "b.txt")
	keep("option", "-rf", "--help")
	c.accept("utf-8", inFolder("Ünïcödé", "日本語.txt"), "length", 12)
	c.accept("name-of-dots-and-letters", named("..file..txt"), "name", "..file..txt")
	c.accept("element-of-255-bytes", inFolder(strings.Repeat("x", 251)+".txt"), "length", 12)
	c.accept("names-that-differ-in-case", multi(file(5, "A.txt"), file(7, "a.txt")), "length", 12)
	c.accept("file-beside-a-folder-that-begins-alike", multi(file(5, "a", "b"), file(7, "a.b")), "length", 12)

	c.in("paths/not-utf-8", "BEP03-META-002")
	c.either("latin-1", inFolder("\xdcml\xe4ut.txt"))
	c.either("latin-1-name", named("\xdcml\xe4ut.txt"))
	c.either("overlong-dots", inFolder("\xc0\xae\xc0\xae", "evil"))
}

// around is all that stands beside info.
func (c *torrents) around() {
	s := single()
	of := func(slug, outcome string, top dict, more ...any) {
		c.parse(slug, outcome, benc(dict{"announce": tracker, "info": s}.with(flat(top)...)), s, more...)
	}
	a, b := "http://a.example/announce", "udp://b.example:6969"
	c.in("trackers/tiers", "BEP12-MULTI-001", "BEP12-MULTI-002")
	of("one-tier", "accept", dict{"announce-list": list{list{a}}}, "trackers", list{list{a}})
	of("two-tiers", "accept", dict{"announce-list": list{list{a}, list{b}}}, "trackers", list{list{a}, list{b}})
	of("two-in-a-tier", "accept", dict{"announce-list": list{list{a, b}}}, "trackers", list{list{a, b}},
		"note", "a reader shuffles a tier, so that its order says nothing")
	of("announce-alone", "accept", dict{}, "trackers", list{list{tracker}})
	c.in("trackers/empty-list-falls-back", "BEP12-MULTI-005")
	of("empty-list", "accept", dict{"announce-list": list{}}, "trackers", list{list{tracker}})
	of("empty-tier", "accept", dict{"announce-list": list{list{}}}, "trackers", list{list{tracker}})
	of("empty-url", "accept", dict{"announce-list": list{list{""}}}, "trackers", list{list{tracker}})
	of("empty-tier-first", "accept", dict{"announce-list": list{list{}, list{a}}}, "trackers", list{list{a}})
	c.in("trackers/none", "BEP05-META-001", "BEP03-META-001")
	of("nodes", "accept", dict{"announce": nil, "nodes": list{list{"127.0.0.1", 6881}, list{"router.example", 6882}}},
		"trackers", list{}, "nodes", list{"127.0.0.1:6881", "router.example:6882"})
	of("neither", "accept", dict{"announce": nil}, "trackers", list{})

	w := "http://seed.example/file.txt"
	c.in("web-seeds/string-or-list", "BEP19-WEB-001")
	of("string", "accept", dict{"url-list": w}, "web_seeds", list{w})
	of("list-of-one", "accept", dict{"url-list": list{w}}, "web_seeds", list{w})
	of("list-of-two", "accept", dict{"url-list": list{w, "http://other.example/"}},
		"web_seeds", list{w, "http://other.example/"})
	of("empty-string", "accept", dict{"url-list": ""}, "web_seeds", list{})
	of("empty-list", "accept", dict{"url-list": list{}}, "web_seeds", list{})

	c.in("around/unknown-keys", "BEP03-META-001")
	of("ordinary", "accept", dict{"comment": "a comment", "created by": "p2pspec", "creation date": 1700000000,
		"encoding": "UTF-8"})
	of("unknown", "accept", dict{"x_extra": dict{"deep": list{1, "two"}}, "publisher": "somebody"})
	of("date-before-1970", "accept", dict{"creation date": -1})
	c.in("around/wrong-types", "BEP03-META-001")
	of("date-as-text", "either", dict{"creation date": "2026-01-01"})
	of("comment-as-integer", "either", dict{"comment": 5})
	of("announce-as-integer", "either", dict{"announce": 5})
	of("announce-list-as-string", "either", dict{"announce-list": tracker})
	of("tier-as-string", "either", dict{"announce-list": list{tracker}})
	of("url-list-of-integers", "either", dict{"url-list": list{5}})
	of("nodes-of-strings", "either", dict{"nodes": list{"127.0.0.1:6881"}})
	of("node-without-port", "either", dict{"nodes": list{list{"127.0.0.1"}}})
	of("node-with-a-large-port", "either", dict{"nodes": list{list{"127.0.0.1", 70000}}})

	c.in("private/flag", "BEP27-PRIV-001")
	c.accept("one", s.with("private", 1), "private", true)
	c.accept("zero", s.with("private", 0), "private", false)
	c.accept("absent", s, "private", false)
	of("outside-info", "accept", dict{"private": 1}, "private", false)
}

// flat is the entries of a dictionary as changes of another.
func flat(d dict) (turns []any) {
	for key, value := range d {
		turns = append(turns, key, value)
	}
	return turns
}

// attributes are those of BEP 47.
func (c *torrents) attributes() {
	attr := func(flags string, f dict) dict { return f.with("attr", flags) }
	pad := func(length int) dict { return attr("p", file(length, ".pad", "x")) }
	c.in("attributes/letters", "BEP47-PAD-001")
	of := func(slug, flags string, more ...any) {
		c.accept(slug, multi(file(5, "a"), attr(flags, file(7, "b"))), append(more, "length", 12)...)
	}
	of("executable", "x", "executable", list{"b"}, "hidden", list{})
	of("hidden", "h", "executable", list{}, "hidden", list{"b"})
	of("both", "hx", "executable", list{"b"}, "hidden", list{"b"})
	of("both-the-other-way-round", "xh", "executable", list{"b"}, "hidden", list{"b"})
	of("unknown-letters", "qxZ9", "executable", list{"b"}, "hidden", list{})
	of("empty", "", "executable", list{}, "hidden", list{})
	c.accept("single-file", attr("x", single()), "executable", list{"file.txt"})

	c.in("padding/is-no-content", "BEP47-PAD-001", "BEP47-PAD-002")
	c.accept("between-two-files", multi(file(5, "a"), pad(block-5), file(7, "b")), "length", 12, "pads", 1,
		"files", list{list{list{"a"}, 5}, list{list{"b"}, 7}})
	c.accept("behind-the-last", multi(file(5, "a"), pad(block-5)), "length", 5, "pads", 1)
	c.accept("with-unknown-letters", multi(file(5, "a"), pad(block-5).with("attr", "zpq"), file(7, "b")),
		"length", 12, "pads", 1)
	c.accept("not-aligned", multi(file(5, "a"), pad(3), file(7, "b")), "length", 12, "pads", 1)
	c.in("padding/needs-no-path", "BEP47-PAD-003")
	c.accept("missing", multi(file(5, "a"), pad(block-5).with("path", nil), file(7, "b")), "length", 12, "pads", 1)
	c.in("padding/paths-may-repeat", "BEP47-PAD-003")
	c.accept("same-length", multi(file(5, "a"), pad(block-5), file(5, "b"), pad(block-5), file(7, "c")),
		"length", 17, "pads", 2)

	link := func(path, target list) dict {
		return dict{"attr": "l", "length": 0, "path": path, "symlink path": target}
	}
	c.in("links/inside-the-torrent", "BEP47-PAD-004")
	c.accept("to-a-file", multi(file(5, "sub", "a"), link(list{"b"}, list{"sub", "a"})), "length", 5,
		"links", list{list{list{"b"}, list{"sub", "a"}}})
	c.accept("without-length", multi(file(5, "sub", "a"), link(list{"b"}, list{"sub", "a"}).with("length", nil)),
		"length", 5)
	c.in("links/out-of-the-torrent", "BEP47-PAD-004")
	out := func(slug string, target list) { c.either(slug, multi(file(5, "a"), link(list{"b"}, target))) }
	out("parent", list{"..", "evil"})
	out("parent-of-a-folder", list{"sub", "..", "..", "evil"})
	out("absolute", list{"/etc", "passwd"})
	out("separators", list{"../../evil"})
	out("empty-first", list{"", "etc", "passwd"})
}
