package purity

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// node checks one node of the syntax tree; stack holds those around it.
func (p *pass) node(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		p.report(n.Pos(), "go", "a core has no goroutines")
	case *ast.SelectStmt:
		p.report(n.Pos(), "select", "a core has no channels")
	case *ast.ChanType:
		p.report(n.Pos(), "chan", "a core has no channels")
	case *ast.SendStmt:
		p.report(n.Pos(), "chan", "a core has no channels")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			p.report(n.Pos(), "chan", "a core has no channels")
		}
	case *ast.RangeStmt:
		p.rangeStmt(n, stack)
	case *ast.BasicLit:
		p.literal(n, stack)
	case *ast.Ident:
		p.identifier(n)
	case *ast.SelectorExpr:
		p.symbol(n, stack)
	}
}

// identifier refuses recover, print, and everything of a floating type.
func (p *pass) identifier(id *ast.Ident) {
	obj := p.info.ObjectOf(id)
	if b, ok := obj.(*types.Builtin); ok {
		switch b.Name() {
		case "recover":
			p.report(id.Pos(), "recover", "hides a bug, and half a step")
		case "print", "println":
			p.report(id.Pos(), "symbol", "%s writes to the outside", b.Name())
		}
		return
	}
	if obj != nil && obj.Type() != nil && isFloat(obj.Type()) {
		p.report(id.Pos(), "float", "%s: results may differ between architectures", id.Name)
	}
}

func (p *pass) literal(lit *ast.BasicLit, stack []ast.Node) {
	switch {
	case lit.Kind == token.FLOAT || lit.Kind == token.IMAG:
		p.report(lit.Pos(), "float", "%s: results may differ between architectures", lit.Value)
	case lit.Kind == token.STRING && strings.Contains(lit.Value, "%p") && inCallTo(p, stack, "fmt"):
		p.report(lit.Pos(), "pointer", "%%p prints an address")
	}
}

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// rangeStmt allows to go over a map only to delete from it, or to collect keys
// that the next statement sorts: everything else may depend on the order.
func (p *pass) rangeStmt(r *ast.RangeStmt, stack []ast.Node) {
	switch p.underlying(r.X).(type) {
	case *types.Chan:
		p.report(r.Pos(), "chan", "a core has no channels")
	case *types.Map:
		if !onlyDeletes(r.Body) && !p.collectsToSort(r, stack) {
			p.report(r.Pos(), "map", "the order of a map differs from run to run; range over sorted keys")
		}
	}
}

func (p *pass) underlying(e ast.Expr) types.Type {
	if t := p.info.TypeOf(e); t != nil {
		return t.Underlying()
	}
	return nil
}

func onlyDeletes(body *ast.BlockStmt) bool {
	for _, s := range body.List {
		expr, ok := s.(*ast.ExprStmt)
		if !ok {
			return false
		}
		if call, ok := expr.X.(*ast.CallExpr); !ok || !isCallOf(call, "delete") {
			return false
		}
	}
	return len(body.List) > 0
}

func isCallOf(call *ast.CallExpr, builtin string) bool {
	id, ok := call.Fun.(*ast.Ident)
	return ok && id.Name == builtin
}

// collectsToSort recognizes "for k := range m { s = append(s, k) }" right
// before slices.Sort(s) in the innermost block of stack.
func (p *pass) collectsToSort(r *ast.RangeStmt, stack []ast.Node) bool {
	block, ok := stack[len(stack)-1].(*ast.BlockStmt)
	if !ok || len(r.Body.List) != 1 {
		return false
	}
	assign, ok := r.Body.List[0].(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 || assign.Tok != token.ASSIGN {
		return false
	}
	appended, ok := assign.Rhs[0].(*ast.CallExpr)
	if !ok || !isCallOf(appended, "append") || len(appended.Args) != 2 {
		return false
	}
	list, key := types.ExprString(assign.Lhs[0]), types.ExprString(appended.Args[1])
	if r.Key == nil || types.ExprString(r.Key) != key {
		return false
	}
	next := slices.Index(block.List, ast.Stmt(r)) + 1
	if next == len(block.List) {
		return false
	}
	sorting, ok := block.List[next].(*ast.ExprStmt)
	return ok && p.calls(sorting.X, "slices", "Sort") &&
		types.ExprString(sorting.X.(*ast.CallExpr).Args[0]) == list
}

// symbol checks what is used of an imported package.
func (p *pass) symbol(sel *ast.SelectorExpr, stack []ast.Node) {
	path := p.imported(sel)
	if path == "" {
		return
	}
	name := sel.Sel.Name
	symbols, ok := p.policy[path]
	switch {
	case !ok: // the import is reported
	case symbols != nil && !slices.Contains(symbols, name):
		p.report(sel.Pos(), "symbol", "%s.%s reaches outside or is not repeatable", path, name)
	case path == "slices" && name == "SortFunc":
		p.report(sel.Pos(), "sort", "the library chooses the order of equal elements; use SortStableFunc")
	case path == "maps" && (name == "Keys" || name == "Values") && !p.sortedAtOnce(stack):
		p.report(sel.Pos(), "map", "maps.%s in map order; hand it to slices.Sorted", name)
	}
}

// imported returns the path of the package that a selector names, or "".
func (p *pass) imported(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	if pkg, ok := p.info.Uses[id].(*types.PkgName); ok {
		return pkg.Imported().Path()
	}
	return ""
}

// sortedAtOnce reports whether a function's call, the innermost of stack, is
// an argument of slices.Sorted or one of its sisters.
func (p *pass) sortedAtOnce(stack []ast.Node) bool {
	if len(stack) < 2 {
		return false
	}
	outer, ok := stack[len(stack)-2].(*ast.CallExpr)
	if !ok {
		return false
	}
	return p.calls(outer, "slices", "Sorted") || p.calls(outer, "slices", "SortedStableFunc")
}

// calls reports whether e calls the named function of a package.
func (p *pass) calls(e ast.Expr, path, name string) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok || p.imported(call.Fun) != path {
		return false
	}
	return call.Fun.(*ast.SelectorExpr).Sel.Name == name
}

func inCallTo(p *pass, stack []ast.Node, path string) bool {
	return slices.ContainsFunc(stack, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && p.imported(call.Fun) == path
	})
}
