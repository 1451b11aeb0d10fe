package p2pspec_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The style that CONTRIBUTING.md describes, as far as a machine can hold it.
// The limits are where a reviewer no longer argues; aim for 400 lines a file
// and 100 columns.
const (
	maxFileLines = 600
	maxFuncLines = 70
	maxTestLines = 100 // of a function in a test: tables are long
	maxColumns   = 120 // a tab counts as one
)

// TestTidy holds every Go file of the module to the style.
func TestTidy(t *testing.T) {
	eachGoFile(t, func(name string) {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			return
		}
		for _, complaint := range untidy(name, string(source)) {
			t.Error(complaint)
		}
	})
}

// untidy lists what is wrong with the style of a file.
func untidy(name, source string) (complaints []string) {
	complain := func(line int, format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("%s:%d: ", name, line)+fmt.Sprintf(format, args...))
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	if err != nil {
		return []string{err.Error()}
	}
	lines := strings.Split(strings.TrimSuffix(source, "\n"), "\n")
	if len(lines) > maxFileLines {
		complain(len(lines), "the file has %d lines, at most %d", len(lines), maxFileLines)
	}
	for i, line := range lines {
		if width := utf8.RuneCountInString(line); width > maxColumns {
			complain(i+1, "%d columns, at most %d", width, maxColumns)
		}
	}
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\s*([:(]|$)`)
	for _, group := range f.Comments {
		for _, c := range group.List {
			if word := unfinished.FindString(c.Text); word != "" {
				complain(fset.Position(c.Pos()).Line, "%s: finish it or file an issue", word)
			}
		}
	}
	isTest := strings.HasSuffix(name, "_test.go")
	limit := maxFuncLines
	if isTest {
		limit = maxTestLines
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if name, ok := function(n); ok {
			line := fset.Position(n.Pos()).Line
			if lines := fset.Position(n.End()).Line - line + 1; lines > limit {
				complain(line, "%s has %d lines, at most %d", name, lines, limit)
			}
		}
		return true
	})
	for _, d := range f.Decls {
		line := fset.Position(d.Pos()).Line
		if exported := undocumented(d); exported != "" && !isTest && f.Name.Name != "main" {
			complain(line, "%s is exported and has no comment", exported)
		}
	}
	return complaints
}

// function names a node that is a function. One that does nothing but return a
// literal is a table, of which the functions inside count.
func function(n ast.Node) (name string, ok bool) {
	var body *ast.BlockStmt
	switch n := n.(type) {
	case *ast.FuncDecl:
		name, body = n.Name.Name, n.Body
	case *ast.FuncLit:
		name, body = "a function", n.Body
	}
	if body == nil {
		return "", false
	}
	if len(body.List) == 1 {
		if r, ok := body.List[0].(*ast.ReturnStmt); ok && len(r.Results) == 1 {
			_, isTable := r.Results[0].(*ast.CompositeLit)
			return name, !isTable
		}
	}
	return name, true
}

// undocumented names the first thing that a declaration exports without a
// comment. Within a group one comment above it will do, or one on each line.
func undocumented(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && isExportedReceiver(d.Recv) && !isPlain(d) {
			return d.Name.Name
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					return s.Name.Name
				}
			case *ast.ValueSpec:
				if i := slices.IndexFunc(s.Names, (*ast.Ident).IsExported); i >= 0 &&
					d.Doc == nil && s.Doc == nil && s.Comment == nil {
					return s.Names[i].Name
				}
			}
		}
	}
	return ""
}

func isExportedReceiver(recv *ast.FieldList) bool {
	if recv == nil {
		return true
	}
	t := recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, ok := t.(*ast.Ident)
	return !ok || id.IsExported()
}

// isPlain reports whether a method only makes its type a variant of a union,
// or is one that every Go reader knows.
func isPlain(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	return slices.Contains([]string{
		"IsInput", "IsEffect", "IsMessage", "IsEvent",
		"Error", "Unwrap", "Is", "String", "Len", "Less", "Swap",
		"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON",
	}, d.Name.Name)
}

// TestTidyBites shows untidy one example of each complaint.
func TestTidyBites(t *testing.T) {
	long := strings.Repeat("\t_ = 0\n", maxFuncLines)
	for _, bite := range []struct{ source, says string }{
		{"package x\n\nfunc Naked() {}\n", "x.go:3: Naked is exported and has no comment"},
		{"package x\n\ntype T int\n", "T is exported"},
		{"package x\n\nconst (\n\tA = 1 // documented\n\tB = 2\n)\n", "B is exported"},
		{"package x\n\n// T is one.\ntype T int\n\nfunc (*T) M() {}\n", "M is exported"},
		{"package x\n\nfunc f() {\n" + long + "}\n", "f has 72 lines, at most 70"},
		{"package x\n\nfunc f() []func() {\n\treturn []func(){func() {\n" + long + "}}\n}\n", "a function has 72 lines"},
		{"package x\n" + strings.Repeat("\n", maxFileLines) + "var _ = 1\n", "at most 600"},
		{"package x\n\n//" + strings.Repeat("-", maxColumns) + "\n", "122 columns"},
		{"package x\n\n// TO" + "DO: later\n", "finish it"},
		{"package x\n\nfunc {\n", "expected"},
	} {
		if got := untidy("x.go", bite.source); len(got) != 1 || !strings.Contains(got[0], bite.says) {
			t.Errorf("got %q, want %q of\n%.60s", got, bite.says, bite.source)
		}
	}
	table := strings.ReplaceAll(long, "_ = 0", "0,")
	fine := "package x\n\nfunc table() []int {\n\treturn []int{\n" + table + "}\n}\n"
	if got := untidy("x.go", fine); got != nil {
		t.Errorf("a long table: %q", got)
	}
	fine = "package x\n\n// F is fine.\nfunc F() {}\n\ntype t int\n\nfunc (t) M() {}\n"
	if got := untidy("x.go", fine); got != nil {
		t.Errorf("a fine file: %q", got)
	}
}
