package p2pspec_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/p2pspec/p2pspec"

// layer says what the packages of a pattern may import besides the standard
// library: folders of this module, and modules of others by their path. A
// pattern that ends in /... covers what is below.
type layer struct {
	pattern string
	imports string
}

// allCores are the protocols, for those who use every one.
const allCores = "bittorrent/... chord/... gnutella/... gossip/... kademlia/... "

// layers is the import graph. Arrows point down only: cmd → conformance →
// transport → cores → spec. Do not change it to make a build pass; a new arrow
// is a decision.
func layers() []layer {
	return []layer{
		{"spec", ""},
		{"spec/catalogue", ""},
		{"spec/vectors", ""},
		{"spec/check", "spec"},
		{"spec/check/purity", ""},
		{"spec/explore", "spec"},
		{"spec/models/...", "spec/models/..."},

		{"bittorrent/bencode", ""},
		{"bittorrent/metainfo", "bittorrent/bencode"},
		{"bittorrent/mse", ""},
		{"bittorrent/tracker", "spec bittorrent/bencode"},
		{"bittorrent/wire", "spec bittorrent/bencode"},
		{"bittorrent", "spec bittorrent/bencode bittorrent/metainfo bittorrent/wire"},
		{"chord", "spec"},
		{"gnutella", "spec gnutella/ggep gnutella/qrp gnutella/urn gnutella/wire"},
		{"gnutella/election", ""},
		{"gnutella/ggep", ""},
		{"gnutella/napster", "spec"},
		{"gnutella/qrp", ""},
		{"gnutella/servent", "spec gnutella gnutella/transfer gnutella/urn gnutella/wire"},
		{"gnutella/transfer", "spec gnutella/urn gnutella/wire"},
		{"gnutella/urn", ""},
		{"gnutella/wire", "spec"},
		{"gossip/crdt", ""},
		{"gossip/epidemic", "spec"},
		{"gossip/hyparview", "spec"},
		{"gossip/plumtree", "spec gossip/hyparview"},
		{"gossip/wire", "spec"},
		{"gossip/swim", "spec gossip/wire"},
		{"kademlia", "spec"},
		{"kademlia/mainline", "spec kademlia bittorrent/bencode"},

		{"transport", "spec transport/deflate"},
		{"transport/deflate", ""},
		{"transport/folder", ""},
		{"transport/sim", "spec"},
		{"transport/stdio", ""},
		{"transport/storage", "bittorrent/metainfo"},
		{"transport/tracker", "spec bittorrent/tracker transport"},
		{"transport/gnutella", "spec gnutella/... transport transport/folder"},
		{"transport/napster", "spec gnutella/napster transport transport/folder"},
		{"transport/swim", "spec gossip/wire gossip/swim transport"},
		{"transport/torrent", "spec bittorrent/... kademlia/... transport/..."},

		{"experiment/...", allCores + "spec/... transport/sim experiment/... " +
			"gonum.org/v1/plot github.com/guptarohit/asciigraph github.com/jedib0t/go-pretty/v6"},
		{"conformance/...", allCores + "spec/... transport/... conformance/... " +
			"github.com/anishathalye/porcupine github.com/pelletier/go-toml/v2 github.com/fatih/color " +
			"github.com/jedib0t/go-pretty/v6"},
		{"cmd/...", allCores + "spec/... transport/... conformance/... experiment/... " +
			"cmd/... github.com/spf13/cobra github.com/mattn/go-isatty github.com/fatih/color github.com/jedib0t/go-pretty/v6"},

		{"docs/exercises/go/...", "docs/exercises/go/overlay"}, // to be copied by learners

		// These hold tests alone.
		{".", ""},
		{"docs/...", ""},
		{"fuzz/...", ""},
		{"interop/...", ""},
	}
}

// testImports says what the tests of a package may import besides what the
// package itself may: first for all, then for those that sit on top.
func testImports(dir string) string {
	const all = "spec/... transport/sim " +
		"pgregory.net/rapid github.com/google/go-cmp github.com/stretchr/testify github.com/anishathalye/porcupine"
	top, _, _ := strings.Cut(dir, "/")
	switch top {
	case ".", "docs", "fuzz", "interop", "conformance", "cmd":
		return all + " " + allCores + "transport/... conformance/... cmd/... experiment/..."
	default:
		return all
	}
}

// TestImportGraph holds every file of the module against layers.
func TestImportGraph(t *testing.T) {
	eachGoFile(t, func(name string) {
		dir := filepath.ToSlash(filepath.Dir(name))
		i := slices.IndexFunc(layers(), func(l layer) bool { return matches(l.pattern, dir) })
		if i < 0 {
			t.Errorf("%s: its folder is in no layer; decide what it may import", name)
			return
		}
		allowed := layers()[i].imports
		if strings.HasSuffix(name, "_test.go") {
			allowed += " " + dir + " " + testImports(dir)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		for _, s := range f.Imports {
			path, err := strconv.Unquote(s.Path.Value)
			if err != nil || !mayImport(allowed, path) {
				t.Errorf("%s imports %s, which its layer may not (%v)", name, path, err)
			}
		}
	})
}

// mayImport reports whether a list of folders and modules covers a path. A
// path whose first element has no dot belongs to the standard library.
func mayImport(allowed, path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return path != "C"
	}
	own, isOwn := strings.CutPrefix(path, modulePath+"/")
	return slices.ContainsFunc(strings.Fields(allowed), func(a string) bool {
		if isOwn {
			return matches(a, own)
		}
		return path == a || strings.HasPrefix(path, a+"/")
	})
}

func matches(pattern, dir string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return dir == base || deep && strings.HasPrefix(dir, base+"/")
}

// TestImportGraphBites asks for arrows that must not be.
func TestImportGraphBites(t *testing.T) {
	for _, bad := range []struct{ dir, path string }{
		{"kademlia", modulePath + "/transport/sim"},
		{"kademlia", modulePath + "/kademlia/mainline"},
		{"kademlia", "pgregory.net/rapid"},
		{"spec", modulePath + "/spec/vectors"},
		{"transport", modulePath + "/conformance"},
		{"conformance/dht", modulePath + "/cmd/p2pspec"},
		{"conformance/dht", "github.com/spf13/cobra"},
		{"cmd/p2pspec", "C"},
	} {
		for _, l := range layers() {
			if matches(l.pattern, bad.dir) && mayImport(l.imports, bad.path) {
				t.Errorf("%s may import %s", bad.dir, bad.path)
			}
		}
	}
	if mayImport(testImports("kademlia"), modulePath+"/conformance") {
		t.Error("the tests of a core may import conformance")
	}
}

// eachGoFile calls f with every Go file of the module, by its path from the
// root. Nested modules and test data are not part of it.
func eachGoFile(t *testing.T, f func(name string)) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") {
			files++
			f(name)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d Go files, %v", files, err)
	}
}
