// Package purity finds, in the type-checked source of a core, what could make
// two runs of it differ or reach outside: goroutines, clocks, randomness, map
// order, unstable sorts, floats, mutable package variables, sizes that vary
// with the architecture. It uses the standard library alone.
//
// The rules are necessary, not sufficient; package check holds the dynamic
// twins that run the machine.
//
// A line that a rule suspects wrongly is excused by a comment on it or on the
// line above: //pure:map the sum does not depend on the order.
package purity

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Finding is one line that breaks a rule.
type Finding struct {
	Pos  token.Position
	Rule string
	Text string
}

// String is the finding as compilers print theirs.
func (f Finding) String() string { return fmt.Sprintf("%v: %s: %s", f.Pos, f.Rule, f.Text) }

// Policy says what a core may import beyond the common list. A path maps to
// the symbols that may be used of it; none means all.
type Policy map[string][]string

// common is what every core may import.
func common() Policy {
	return Policy{
		"github.com/p2pspec/p2pspec/spec": nil,

		"bytes": nil, "cmp": nil, "encoding/binary": nil, "encoding/hex": nil, "errors": nil,
		"iter": nil, "math/big": nil, "math/bits": nil, "net/netip": nil, "slices": nil,
		"strconv": nil, "strings": nil, "unicode/utf8": nil,

		"fmt": {
			"Append", "Appendf", "Errorf", "Sprint", "Sprintf",
			"Formatter", "GoStringer", "State", "Stringer",
		},
		"maps": {"Clone", "Copy", "DeleteFunc", "Equal", "EqualFunc", "Keys", "Values"},
		"math": {
			"MaxInt8", "MaxInt16", "MaxInt32", "MaxInt64", "MaxUint8", "MaxUint16", "MaxUint32", "MaxUint64",
			"MinInt8", "MinInt16", "MinInt32", "MinInt64",
		},
		"time": {"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"},
	}
}

// Checker checks packages, sharing what it has read of their imports.
type Checker struct {
	fset     *token.FileSet
	importer types.Importer
}

// NewChecker returns a Checker. It needs the go command, and a working
// directory inside the module.
func NewChecker() *Checker {
	fset := token.NewFileSet()
	return &Checker{fset, importer.ForCompiler(fset, "source", nil)}
}

// Dir checks the package in a folder, without its tests. It fails when there
// is none, or when it does not compile.
func (c *Checker) Dir(dir string, more Policy) ([]Finding, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	if len(files) == 0 {
		return nil, fmt.Errorf("purity: %s: %w", dir, fs.ErrNotExist)
	}
	return c.Files(files, more)
}

// Files checks the package that consists of the given files.
func (c *Checker) Files(files []string, more Policy) ([]Finding, error) {
	p := &pass{
		fset: c.fset, policy: common(), excused: make(map[line]bool),
		info: &types.Info{
			Types: make(map[ast.Expr]types.TypeAndValue),
			Defs:  make(map[*ast.Ident]types.Object),
			Uses:  make(map[*ast.Ident]types.Object),
		},
	}
	for path, symbols := range more {
		p.policy[path] = symbols
	}
	for _, name := range files {
		f, err := parser.ParseFile(c.fset, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	// What a core must not import need not compile, nor be read: it is reported.
	config := types.Config{
		Importer: lenient{c.importer, p.policy}, Error: func(error) {}, FakeImportC: true,
	}
	pkg, err := config.Check(p.files[0].Name.Name, c.fset, p.files, p.info)
	p.pkg = pkg
	p.run()
	if len(p.findings) == 0 && err != nil {
		return nil, err
	}
	slices.SortStableFunc(p.findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Rule, b.Rule),
		)
	})
	return slices.CompactFunc(p.findings, func(a, b Finding) bool {
		return a.Pos.Filename == b.Pos.Filename && a.Pos.Line == b.Pos.Line && a.Rule == b.Rule
	}), nil
}

// lenient imports what the policy knows.
type lenient struct {
	importer types.Importer
	policy   Policy
}

var errNotAllowed = errors.New("not on the import list")

func (l lenient) Import(path string) (*types.Package, error) {
	if _, ok := l.policy[path]; !ok {
		return nil, errNotAllowed
	}
	return l.importer.Import(path)
}

type line struct {
	file string
	line int
	rule string
}

// pass is the state of checking one package.
type pass struct {
	fset     *token.FileSet
	files    []*ast.File
	info     *types.Info
	pkg      *types.Package
	policy   Policy
	excused  map[line]bool
	findings []Finding
}

func (p *pass) run() {
	for _, f := range p.files {
		p.comments(f)
	}
	for _, f := range p.files {
		p.imports(f)
		for _, d := range f.Decls {
			p.declaration(d)
		}
		var stack []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			p.node(n, stack)
			stack = append(stack, n)
			return true
		})
	}
	p.unions()
	p.layouts()
}

func (p *pass) report(pos token.Pos, rule, format string, args ...any) {
	at := p.fset.Position(pos)
	if !p.excused[line{at.Filename, at.Line, rule}] {
		p.findings = append(p.findings, Finding{at, rule, fmt.Sprintf(format, args...)})
	}
}

// comments collects the excuses, and refuses what steers the compiler.
func (p *pass) comments(f *ast.File) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			at := p.fset.Position(c.Pos())
			if rest, ok := strings.CutPrefix(c.Text, "//pure:"); ok {
				rule, reason, _ := strings.Cut(rest, " ")
				if strings.TrimSpace(reason) == "" {
					p.report(c.Pos(), "excuse", "//pure:%s needs a reason", rule)
					continue
				}
				p.excused[line{at.Filename, at.Line, rule}] = true
				p.excused[line{at.Filename, at.Line + 1, rule}] = true
			}
			for _, directive := range []string{"//go:", "// +build", "//export"} {
				if strings.HasPrefix(c.Text, directive) {
					p.report(c.Pos(), "directive", "%s", c.Text)
				}
			}
		}
	}
}

func (p *pass) imports(f *ast.File) {
	for _, spec := range f.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if _, ok := p.policy[path]; !ok {
			p.report(spec.Pos(), "import", "%s is not on the list", path)
		}
		if spec.Name != nil && spec.Name.Name == "." {
			p.report(spec.Pos(), "import", "a dot import hides where names come from")
		}
	}
}

// declaration checks package-level declarations: no state, no start-up code.
func (p *pass) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			p.report(d.Pos(), "init", "runs before main, in an order that the reader does not see")
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && d.Tok == token.VAR {
				p.variable(v)
			}
		}
	}
}

// variable allows sentinel errors and compile-time assertions.
func (p *pass) variable(v *ast.ValueSpec) {
	for i, name := range v.Names {
		isError := strings.HasPrefix(strings.ToLower(name.Name), "err") && i < len(v.Values) &&
			p.calls(v.Values[i], "errors", "New")
		if name.Name != "_" && !isError {
			p.report(name.Pos(), "variable", "%s is package state; only Err… = errors.New is not", name.Name)
		}
	}
}
