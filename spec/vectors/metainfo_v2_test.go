package vectors

import (
	"strings"
)

// tree is a version 2 torrent: its info dictionary and its piece layers.
type tree struct{ info, layers dict }

// v2 is a torrent of one file tree.
func v2(name string, pieceLength int, files ...data) tree {
	t := tree{dict{"file tree": dict{}, "meta version": 2, "name": name, "piece length": pieceLength}, dict{}}
	for _, f := range files {
		t.put(f, pieceLength)
	}
	return t
}

// data is a file with its content.
type data struct {
	path    []string
	content string
	factor  int // of the pattern that the content is, in the vectors of make
}

func (t tree) put(f data, pieceLength int) {
	properties := dict{"length": len(f.content)}
	if f.content != "" {
		layer, root := merkle(f.content, pieceLength)
		properties["pieces root"] = root
		if len(f.content) > pieceLength {
			t.layers[root] = strings.Join(layer, "")
		}
	}
	folder := t.info["file tree"].(dict)
	for _, name := range f.path[:len(f.path)-1] {
		if folder[name] == nil {
			folder[name] = dict{}
		}
		folder = folder[name].(dict)
	}
	folder[f.path[len(f.path)-1]] = dict{"": properties}
}

// top is the torrent around the info dictionary.
func (t tree) top() dict { return dict{"announce": tracker, "info": t.info, "piece layers": t.layers} }

func (c *torrents) tree(slug, outcome string, t tree, more ...any) {
	c.parse(slug, outcome, benc(t.top()), t.info, more...)
}

// sole is the tree of one small file, with changes to its info dictionary.
func sole(changes ...any) tree {
	t := v2("file.txt", block, data{path: []string{"file.txt"}, content: small})
	return tree{t.info.with(changes...), t.layers}
}

// version2 is what the info dictionary of version 2 must say.
func (c *torrents) version2() {
	at := func(path ...string) []string { return path }
	c.in("v2/hash", "BEP52-META-008", "BEP52-META-001")
	c.tree("single-file", "accept", sole(), "name", "file.txt", "length", len(small), "piece_length", block,
		"files", list{list{list{"file.txt"}, len(small)}})
	c.tree("folder", "accept", v2("folder", block, data{path: at("a", "b.txt"), content: small},
		data{path: at("c.txt"), content: "c"}), "length", len(small)+1,
		"files", list{list{list{"a", "b.txt"}, len(small)}, list{list{"c.txt"}, 1}})
	c.tree("several-pieces", "accept", v2("f", block, data{path: at("f"), content: content(3*block + 1)}),
		"length", 3*block+1)
	c.tree("several-blocks-in-a-piece", "accept", v2("f", 2*block, data{path: at("f"), content: content(5*block + 7)}))
	c.tree("piece-of-64-KiB", "accept", v2("f", 4*block, data{path: at("f"), content: content(4 * block)}))
	c.tree("513-pieces", "accept", v2("f", block, data{path: at("f"), content: content(513 * block)}),
		"length", 513*block, "note", "one more than the hashes of one request")
	c.tree("unknown-keys", "accept", sole("source", "SITE", "x", list{1}))
	c.in("v2/files-of-every-size", "BEP52-META-003", "BEP52-META-004", "BEP52-META-002")
	c.tree("empty-file", "accept", v2("folder", block, data{path: at("a"), content: ""}, data{path: at("b"),
		content: small}), "length", len(small))
	c.tree("one-byte", "accept", v2("f", block, data{path: at("f"), content: "x"}))
	c.tree("one-block", "accept", v2("f", block, data{path: at("f"), content: content(block)}))
	c.tree("one-block-and-a-byte", "accept", v2("f", block, data{path: at("f"), content: content(block + 1)}))
	c.tree("three-blocks-of-a-larger-piece", "accept", v2("f", 8*block, data{path: at("f"), content: content(3 * block)}))
	c.tree("identical-files", "accept", v2("folder", block, data{path: at("a"), content: content(3 * block)},
		data{path: at("b"), content: content(3 * block)}), "length", 6*block, "note", "they share a root and a layer")

	c.in("v2/unknown-version-is-refused", "BEP52-META-005")
	for slug, v := range ordered("3", 3, "1", 1, "0", 0, "negative", -2, "over-64-bits", raw("i18446744073709551618e"),
		"a-string", "2") {
		c.tree(slug, "refuse", sole("meta version", v))
	}
	c.in("v2/piece-length", "BEP52-META-001")
	for slug, v := range ordered("not-a-power-of-two", 3*block, "8-KiB", block/2, "1", 1, "zero", 0, "negative", -block,
		"missing", nil, "a-string", "16384", "over-64-bits", raw("i18446744073709568000e")) {
		c.tree(slug, "refuse", sole("piece length", v))
	}
	c.in("v2/required", "BEP52-META-001")
	c.tree("without-file-tree", "refuse", sole("file tree", nil))
	c.tree("file-tree-is-a-list", "refuse", sole("file tree", list{}))
	c.tree("file-tree-is-empty", "refuse", sole("file tree", dict{}))
	c.tree("without-name", "refuse", sole("name", nil))
}

// trees are file trees that are none.
func (c *torrents) trees() {
	_, root := merkle(small, block)
	properties := dict{"length": len(small), "pieces root": root}
	of := func(slug, outcome string, files any, more ...any) {
		c.tree(slug, outcome, sole("file tree", files), more...)
	}
	one := func(d dict) dict { return dict{"file.txt": dict{"": d}} }
	c.in("v2/file-tree", "BEP52-META-004")
	of("root-is-a-file", "refuse", dict{"": properties})
	of("file-with-siblings", "refuse", dict{"file.txt": dict{"": properties, "other": dict{"": properties}}})
	of("entry-is-a-string", "refuse", dict{"file.txt": "x"})
	of("entry-is-an-integer", "refuse", dict{"file.txt": 24})
	of("properties-are-a-string", "refuse", dict{"file.txt": dict{"": "x"}})
	of("without-length", "refuse", one(properties.with("length", nil)))
	of("length-is-a-string", "refuse", one(properties.with("length", "24")))
	of("negative-length", "refuse", one(properties.with("length", -24)))
	of("length-over-64-bits", "refuse", one(properties.with("length", raw("i18446744073709551640e"))))
	of("length-of-2-to-62", "refuse", one(properties.with("length", raw("i4611686018427387904e"))))

	c.in("v2/pieces-root", "BEP52-META-003")
	of("missing", "refuse", one(properties.with("pieces root", nil)))
	of("31-bytes", "refuse", one(properties.with("pieces root", root[:31])))
	of("33-bytes", "refuse", one(properties.with("pieces root", root+"x")))
	of("20-bytes", "refuse", one(properties.with("pieces root", root[:20])))
	of("empty", "refuse", one(properties.with("pieces root", "")))
	of("an-integer", "refuse", one(properties.with("pieces root", 5)))
	c.in("v2/root-of-zeros", "BEP52-META-003")
	of("32-zeros", "refuse", one(properties.with("pieces root", strings.Repeat("\x00", 32))))

	c.in("v2/unsafe-paths", "BEP52-META-007")
	unsafe := func(slug string, path ...string) {
		c.tree(slug, "either", v2("folder", block, data{path: path, content: small},
			data{path: []string{"z"}, content: "z"}))
	}
	unsafe("parent-folder", "..", "evil")
	unsafe("parent-folder-inside", "sub", "..", "evil")
	unsafe("dot", ".", "evil")
	unsafe("slash", "sub/../../evil")
	unsafe("absolute", "/etc/evil")
	unsafe("backslash", "..\\evil")
	unsafe("nul-byte", "evil\x00.txt")
	c.tree("name", "either", sole("name", ".."))

	c.in("v2/order-of-the-tree", "BEP03-BENC-008")
	of("unsorted", "either", pairs{"z", dict{"": properties}, "a", dict{"": properties}},
		"note", "the order numbers the pieces, so that a reader that sorts would read another torrent")

	c.in("v2/attributes", "BEP47-PAD-001")
	of("executable", "accept", one(properties.with("attr", "x")), "executable", list{"file.txt"})
	of("both", "accept", one(properties.with("attr", "hx")), "executable", list{"file.txt"}, "hidden", list{"file.txt"})
	of("unknown-letters", "accept", one(properties.with("attr", "Zq")), "executable", list{})
}

// layers are piece layers that do not fit.
func (c *torrents) layers() {
	t := v2("f", block, data{path: []string{"f"}, content: content(3 * block)})
	layer, root := merkle(content(3*block), block)
	joined := strings.Join(layer, "")
	of := func(slug, outcome string, layers any) {
		c.parse(slug, outcome, benc(t.top().with("piece layers", layers)), t.info)
	}
	c.in("v2/piece-layers-must-match", "BEP52-META-006")
	of("a-bit-is-wrong", "refuse", dict{root: string(joined[0]^1) + joined[1:]})
	of("order-is-wrong", "refuse", dict{root: layer[1] + layer[0] + layer[2]})
	of("one-hash-too-few", "refuse", dict{root: joined[:64]})
	of("one-hash-too-many", "refuse", dict{root: joined + strings.Repeat("\x00", 32)})
	of("not-a-multiple-of-32", "refuse", dict{root: joined + "x"})
	of("empty", "refuse", dict{root: ""})
	of("an-integer", "refuse", dict{root: 5})
	_, above := merkle(content(3*block), 4*block)
	of("of-another-layer", "refuse", dict{root: above})
	c.in("v2/piece-layers-are-complete", "BEP52-META-006", "BEP52-META-002")
	of("absent", "refuse", nil)
	of("without-the-file", "refuse", dict{})
	of("a-list", "refuse", list{})
	c.in("v2/unknown-piece-layer", "BEP52-META-006")
	of("beside-the-right-one", "refuse", dict{root: joined, strings.Repeat("x", 32): joined})
	of("key-of-33-bytes", "refuse", dict{root: joined, root + "x": joined})
}

// hybrids describe the same content twice, or should.
func (c *torrents) hybrids() {
	a, b := data{path: []string{"a"}, content: content(block + 5)}, data{path: []string{"b"}, content: small}
	pad := dict{"attr": "p", "length": block - 5, "path": list{".pad", "16379"}}
	fa, fb := file(block+5, "a"), file(len(small), "b")
	join := func(t tree, files list, content string) tree {
		return tree{t.info.with("files", files, "pieces", sha1Pieces(content, block)), t.layers}
	}
	padded := a.content + strings.Repeat("\x00", block-5) + b.content
	tail := dict{"attr": "p", "length": block - len(small), "path": list{".pad", "x"}}
	both := v2("folder", block, a, b)

	c.in("hybrid/both-hashes", "BEP52-META-008", "BEP52-META-009")
	one := v2("f", block, data{path: []string{"f"}, content: content(block + 5)})
	c.tree("single-file", "accept", tree{one.info.with("length", block+5, "pieces",
		sha1Pieces(content(block+5), block)), one.layers}, "length", block+5)
	c.tree("padded", "accept", join(both, list{fa, pad, fb}, padded), "length", len(a.content)+len(small), "pads", 1)
	c.in("hybrid/padding-behind-the-last-file", "BEP52-META-011", "BEP52-META-009")
	c.tree("padded", "accept", join(both, list{fa, pad, fb, tail}, padded+strings.Repeat("\x00", block-len(small))),
		"length", len(a.content)+len(small), "pads", 2, "note", "as the reference maker does")
	c.tree("not-padded", "accept", join(both, list{fa, pad, fb}, padded), "length", len(a.content)+len(small))

	c.in("hybrid/must-describe-the-same", "BEP52-META-009")
	differ := func(slug string, t tree) { c.tree(slug, "one", t) }
	differ("another-name", join(both, list{fa, pad, file(len(small), "c")}, padded))
	differ("another-length", join(both, list{fa, pad, file(len(small)-1, "b")}, padded[:len(padded)-1]))
	differ("another-order", join(both, list{fb, dict{"attr": "p", "length": block - len(small),
		"path": list{".pad", "x"}}, fa}, b.content+strings.Repeat("\x00", block-len(small))+a.content))
	differ("a-file-less", join(both, list{fa}, a.content))
	differ("a-file-more", join(v2("folder", block, a), list{fa, pad, fb}, padded))
	differ("without-padding", join(both, list{fa, fb}, a.content+b.content))
	differ("padding-of-a-wrong-length", join(both, list{fa, file(block-6, ".pad", "x").with("attr", "p"), fb},
		padded[1:]))
	differ("another-single-file", tree{one.info.with("length", block+6, "pieces",
		sha1Pieces(content(block+6), block)), one.layers})
	c.in("hybrid/pieces-still-count", "BEP03-META-010", "BEP52-META-009")
	differ("pieces-too-short", tree{join(both, list{fa, pad, fb}, padded).info.with("pieces",
		strings.Repeat("\x11", 40)), both.layers})
	differ("pieces-of-21-bytes", tree{join(both, list{fa, pad, fb}, padded).info.with("pieces",
		strings.Repeat("\x11", 61)), both.layers})
}
