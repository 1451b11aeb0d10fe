package metainfo

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/p2pspec/p2pspec/bittorrent/bencode"
)

// Parse reads a torrent. The error is an *[Error]. The Torrent borrows b.
func Parse(b []byte, opt Options) (*Torrent, error) {
	r := reader(opt)
	top, err := r.dictionary(b, "the torrent", "BEP03-META-001")
	if err != nil {
		return nil, err
	}
	var t Torrent
	var info, layers bencode.Value
	for key, v := range top.Entries() {
		var err error
		switch string(key) {
		case "announce":
			t.Announce, err = r.text(v, "announce", "BEP03-META-001")
		case "announce-list":
			t.AnnounceList, err = r.tiers(v)
		case "comment":
			t.Comment, err = r.text(v, "comment", "BEP03-META-002")
		case "created by":
			t.CreatedBy, err = r.text(v, "created by", "BEP03-META-002")
		case "creation date":
			t.CreationDate, err = r.number(v, "creation date", "BEP03-META-001")
		case "info":
			info = v
		case "nodes":
			t.Nodes, err = r.nodes(v)
		case "piece layers":
			layers = v
		case "url-list":
			t.URLList, err = r.urlList(v)
		}
		if err != nil && !r.Lenient {
			return nil, err
		}
	}
	if t.Info, err = r.info(info); err != nil {
		return nil, err
	}
	if t.Info.HasV2 {
		err = r.pieceLayers(t.Info, layers)
	}
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// ParseInfo reads an info dictionary alone, as peers give it (BEP 9). Of
// version 2 it leaves the piece layers unknown: see [Info.WithPieceLayer]. The
// error is an *[Error]. The Info borrows raw.
func ParseInfo(raw []byte, opt Options) (*Info, error) {
	r := reader(opt)
	v, err := r.dictionary(raw, "info", "BEP03-META-009")
	if err != nil {
		return nil, err
	}
	return r.info(v)
}

// reader reads as its options say.
type reader Options

// dictionary reads b, which should be one. Offsets in errors are bytes of b.
func (r reader) dictionary(b []byte, what, rule string) (bencode.Value, error) {
	v, err := bencode.Parse(b, bencode.Options{Lenient: r.Lenient})
	var syntax *bencode.SyntaxError
	if errors.As(err, &syntax) {
		return v, fault(fmt.Sprintf("byte %d", syntax.Offset), syntax.Rule, "%s", syntax.What)
	}
	if v.Kind() != bencode.Dict {
		return v, wrongType(v, what, rule, "a dictionary")
	}
	return v, nil
}

// infoKeys are the values of an info dictionary that are read.
type infoKeys struct {
	attr, fileTree, files, length, metaVersion, name bencode.Value
	pieceLength, pieces, private, symlinkPath        bencode.Value
}

func keysOf(info bencode.Value) (k infoKeys) {
	for key, v := range info.Entries() {
		switch string(key) {
		case "attr":
			k.attr = v
		case "file tree":
			k.fileTree = v
		case "files":
			k.files = v
		case "length":
			k.length = v
		case "meta version":
			k.metaVersion = v
		case "name":
			k.name = v
		case "piece length":
			k.pieceLength = v
		case "pieces":
			k.pieces = v
		case "private":
			k.private = v
		case "symlink path":
			k.symlinkPath = v
		}
	}
	return k
}

// info reads an info dictionary.
func (r reader) info(v bencode.Value) (*Info, error) {
	if v.Kind() != bencode.Dict {
		return nil, wrongType(v, "info", "BEP03-META-009", "a dictionary")
	}
	k := keysOf(v)
	in := &Info{raw: v.Raw()}
	if k.metaVersion.Kind() != bencode.Invalid { // first of all: BEP52-META-005
		if n, ok := k.metaVersion.Int64(); !ok || n != 2 {
			return nil, fault("info.meta version", "BEP52-META-005", "only version 2 is known, not %.20q",
				k.metaVersion.Raw())
		}
		in.HasV2 = true
	}
	in.HasV1 = !in.HasV2 || k.pieces.Kind() != bencode.Invalid
	if in.HasV1 {
		in.InfoHash = sha1.Sum(in.raw) // BEP03-META-014
	}
	if in.HasV2 {
		in.InfoHashV2 = sha256.Sum256(in.raw) // BEP52-META-008
	}

	var err error
	if in.Name, err = r.element(k.name); err != nil {
		return nil, at("info.name", err)
	}
	if err = r.pieceLength(in, k.pieceLength); err != nil {
		return nil, err
	}
	if err = r.private(in, k.private); err != nil {
		return nil, err
	}
	if err = r.content(in, k); err != nil {
		return nil, err
	}
	return in, nil
}

// content reads the files and the hashes of version 1.
func (r reader) content(in *Info, k infoKeys) (err error) {
	var tree []File
	if in.HasV2 {
		if tree, err = r.fileTree(in, k.fileTree); err != nil {
			return err
		}
	}
	if !in.HasV1 {
		in.Files = tree
		in.Folder = !(len(tree) == 1 && len(tree[0].Path) == 1)
	} else if err = r.files(in, k); err != nil {
		return err
	}
	if err = checkSize(in); err != nil {
		return err
	}
	if in.HasV1 {
		if err = checkPieces(in, k.pieces); err != nil {
			return err
		}
	}
	if err = checkPaths(in.Files); err != nil {
		return err
	}
	if in.HasV1 && in.HasV2 {
		err = unite(in, tree)
	}
	in.layers = make([][]byte, len(in.Files))
	return err
}

func (r reader) pieceLength(in *Info, v bencode.Value) error {
	const path = "info.piece length"
	n, ok := v.Int64()
	switch {
	case v.Kind() != bencode.Integer:
		return wrongType(v, path, "BEP03-META-009", "an integer")
	case ok && n <= 0:
		return fault(path, "BEP03-META-011", "%d is not positive", n)
	case !ok || n > MaxPieceLength:
		return fault(path, "BEP03-META-011", "%s exceeds the limit of %d", digits(v), MaxPieceLength)
	case in.HasV2 && (n < BlockSize || n&(n-1) != 0): // BEP52-META-001
		return fault(path, "BEP52-META-001", "%d is not a power of two of at least %d", n, BlockSize)
	}
	in.PieceLength = n
	return nil
}

// private reads the flag. In doubt a torrent is private: nobody can take back
// what was announced. BEP27-PRIV-001
func (r reader) private(in *Info, v bencode.Value) error {
	n, ok := v.Int64()
	if !r.Lenient && v.Kind() != bencode.Invalid && (!ok || n != 0 && n != 1) {
		return fault("info.private", "BEP27-PRIV-001", "it must be the integer 1 or 0, not %.20q", v.Raw())
	}
	in.Private = v.Kind() != bencode.Invalid && !(ok && n == 0)
	return nil
}

// checkSize holds the address space to its limits. BEP03-META-011
func checkSize(in *Info) error {
	if last := len(in.Files) - 1; last >= 0 {
		in.total = in.Files[last].Offset + in.Files[last].Length
	}
	switch {
	case in.ContentLength() == 0:
		return fault("info", "BEP03-META-009", "no file has a single byte")
	case ceilDiv(in.total, in.PieceLength) > MaxPieces:
		return fault("info", "BEP03-META-011", "%d bytes in pieces of %d exceed the limit of %d pieces",
			in.total, in.PieceLength, MaxPieces)
	}
	return nil
}

// checkPieces holds the hashes of version 1 to the size. BEP03-META-010
func checkPieces(in *Info, v bencode.Value) error {
	const path = "info.pieces"
	pieces, ok := v.Bytes()
	if !ok {
		return wrongType(v, path, "BEP03-META-009", "a string")
	}
	if len(pieces)%sha1.Size != 0 {
		return fault(path, "BEP03-META-010", "%d bytes are no multiple of %d", len(pieces), sha1.Size)
	}
	if have := len(pieces) / sha1.Size; have != in.Pieces() {
		return fault(path, "BEP03-META-010", "%d hashes, but %d bytes in pieces of %d need %d",
			have, in.total, in.PieceLength, in.Pieces())
	}
	in.pieces = pieces
	return nil
}

func (r reader) text(v bencode.Value, path, rule string) (string, error) {
	s, ok := v.Bytes()
	if !ok {
		return "", wrongType(v, path, rule, "a string")
	}
	return strings.TrimSpace(string(s)), nil
}

func (r reader) number(v bencode.Value, path, rule string) (int64, error) {
	n, ok := v.Int64()
	if !ok {
		return 0, wrongType(v, path, rule, "an integer")
	}
	return n, nil
}

// tiers reads announce-list. BEP12-MULTI-005
func (r reader) tiers(v bencode.Value) (tiers [][]string, err error) {
	const path, rule = "announce-list", "BEP12-MULTI-002"
	if v.Kind() != bencode.List {
		return nil, wrongType(v, path, rule, "a list")
	}
	n := 0
	for item := range v.Items() {
		at := fmt.Sprintf("%s[%d]", path, n)
		if item.Kind() != bencode.List {
			return nil, wrongType(item, at, rule, "a list")
		}
		tier, err := r.urls(item, at, rule)
		if err != nil {
			return nil, err
		}
		if len(tier) > 0 {
			tiers = append(tiers, tier)
		}
		if n++; n > MaxURLs {
			return nil, fault(path, rule, "more than %d tiers", MaxURLs)
		}
	}
	return tiers, nil
}

// urlList reads url-list, a string or a list of them. BEP19-WEB-001
func (r reader) urlList(v bencode.Value) ([]string, error) {
	const path, rule = "url-list", "BEP19-WEB-001"
	if v.Kind() == bencode.List {
		return r.urls(v, path, rule)
	}
	url, err := r.text(v, path, rule)
	if err != nil || url == "" {
		return nil, err
	}
	return []string{url}, nil
}

// urls reads a list of strings, without the empty ones.
func (r reader) urls(v bencode.Value, path, rule string) (urls []string, err error) {
	n := 0
	for item := range v.Items() {
		url, err := r.text(item, fmt.Sprintf("%s[%d]", path, n), rule)
		if err != nil {
			return nil, err
		}
		if url != "" {
			urls = append(urls, url)
		}
		if n++; n > MaxURLs {
			return nil, fault(path, rule, "more than %d entries", MaxURLs)
		}
	}
	return urls, nil
}

// nodes reads a list of [host, port]. BEP05-META-001
func (r reader) nodes(v bencode.Value) (nodes []HostPort, err error) {
	const path, rule = "nodes", "BEP05-META-001"
	if v.Kind() != bencode.List {
		return nil, wrongType(v, path, rule, "a list")
	}
	for item := range v.Items() {
		var pair []bencode.Value
		for part := range item.Items() {
			pair = append(pair, part)
			if len(pair) > 2 {
				break
			}
		}
		at := fmt.Sprintf("%s[%d]", path, len(nodes))
		if len(pair) != 2 {
			return nil, fault(at, rule, "it must be a list of a host and a port")
		}
		host, ok := pair[0].Bytes()
		port, isInt := pair[1].Int64()
		if !ok || len(host) == 0 || !isInt || port < 1 || port > 65535 {
			return nil, fault(at, rule, "it must be a list of a host and a port from 1 to 65535")
		}
		nodes = append(nodes, HostPort{string(host), uint16(port)})
		if len(nodes) > MaxURLs {
			return nil, fault(path, rule, "more than %d entries", MaxURLs)
		}
	}
	return nodes, nil
}
