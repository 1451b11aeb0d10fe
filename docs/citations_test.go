package docs_test

import (
	"cmp"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/p2pspec/p2pspec/spec/catalogue"
)

// citation is one mention of a requirement in a comment or a string of a Go
// file. The path is relative to the root of the module.
type citation struct {
	ID   string
	File string
	Line int
}

func (c citation) String() string { return fmt.Sprintf("%s:%d: %s", c.File, c.Line, c.ID) }

// cited finds the ids in text. It knows the families of the catalogue and any
// BEP, so that a slip in the number of a document or of a row is found too.
var cited = regexp.MustCompile(`\b(?:BEP[0-9]{2}|MSE|GN|NP|GO|KAD|CHORD)(?:-[A-Z][A-Z0-9]*)+-[0-9]{2,3}\b`)

// illustrations are the folders whose ids are examples, not citations.
func illustrations() []string { return []string{"spec/catalogue", "docs"} }

// absent ends the ids that tests use to name a row that does not exist.
const absent = "-999"

// citations scans every Go file of the module.
func citations(module fs.FS) ([]citation, error) {
	var found []citation
	err := eachGoFile(module, func(name string, src []byte) {
		found = append(found, citationsIn(name, src)...)
	})
	return found, err
}

// eachGoFile visits every Go file outside of testdata, of hidden folders and of
// illustrations, in path order.
func eachGoFile(module fs.FS, visit func(name string, src []byte)) error {
	return fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		switch {
		case d.IsDir() && (slices.Contains(illustrations(), name) || base == "testdata" ||
			base != "." && strings.HasPrefix(base, ".")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		visit(name, src)
		return nil
	})
}

func citationsIn(name string, src []byte) []citation {
	var found []citation
	eachText(src, func(line int, text string) {
		for _, at := range cited.FindAllStringIndex(text, -1) {
			id := text[at[0]:at[1]]
			if !strings.HasSuffix(id, absent) {
				found = append(found, citation{id, name, line + strings.Count(text[:at[0]], "\n")})
			}
		}
	})
	return found
}

// eachText visits the comments and the string literals of a file, as written.
func eachText(src []byte, visit func(line int, text string)) {
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return
		case token.COMMENT, token.STRING:
			visit(file.Line(pos), lit)
		}
	}
}

// files returns the files in which the id is cited and that keep accepts, in
// path order, each once.
func files(all []citation, id string, keep func(file string) bool) []string {
	var names []string
	for _, c := range all {
		if c.ID == id && keep(c.File) {
			names = append(names, c.File)
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return slices.Compact(names)
}

// isTest and isCode divide the files that cite. Cases are neither: they are
// listed by their ids.
func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

func isCode(file string) bool { return !isTest(file) && !strings.HasPrefix(file, "conformance/") }

func TestEveryCitationIsInTheCatalogue(t *testing.T) {
	for _, c := range moduleCitations(t) {
		if _, ok := catalogue.Lookup(c.ID); !ok {
			t.Errorf("%v is not in the catalogue", c)
		}
	}
}

func TestCitationsAreFoundInCommentsAndStrings(t *testing.T) {
	found, err := citations(fstest.MapFS{
		"a/a.go": {Data: []byte("package a // BEP05-RPC-001, KAD-JOIN-001\n\n" +
			"/* text\n MSE-HS-001 */ const c = `BEP99-X-001\nGN-HS-01`\n")},
		"a/a_test.go":         {Data: []byte("package a // BEP05-RPC-001\n")},
		"a/none.go":           {Data: []byte("package a // BEP05-RPC, XBEP05-RPC-001, GN-HS-999\n")},
		"a/notes.md":          {Data: []byte("BEP05-RPC-001\n")},
		"a/testdata/x.go":     {Data: []byte("package x // BEP05-RPC-001\n")},
		".git/x.go":           {Data: []byte("package x // BEP05-RPC-001\n")},
		"docs/x.go":           {Data: []byte("package x // BEP05-RPC-001\n")},
		"spec/catalogue/x.go": {Data: []byte("package x // BEP05-RPC-001\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []citation{
		{"BEP05-RPC-001", "a/a.go", 1}, {"KAD-JOIN-001", "a/a.go", 1}, {"MSE-HS-001", "a/a.go", 4},
		{"BEP99-X-001", "a/a.go", 4}, {"GN-HS-01", "a/a.go", 5}, {"BEP05-RPC-001", "a/a_test.go", 1},
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if got := files(found, "BEP05-RPC-001", isTest); !slices.Equal(got, []string{"a/a_test.go"}) {
		t.Errorf("tests: %v", got)
	}
	if got := files(found, "BEP05-RPC-001", isCode); !slices.Equal(got, []string{"a/a.go"}) {
		t.Errorf("code: %v", got)
	}
}
