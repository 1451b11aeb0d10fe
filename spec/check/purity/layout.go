package purity

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// specPath is the package of the contract.
const specPath = "github.com/p2pspec/p2pspec/spec"

// contract returns an interface type of package spec, or nil when the checked
// package does not use the contract.
func (p *pass) contract(name string) *types.Interface {
	if p.pkg == nil {
		return nil
	}
	for _, imported := range p.pkg.Imports() {
		if imported.Path() == specPath {
			if obj := imported.Scope().Lookup(name); obj != nil {
				return obj.Type().Underlying().(*types.Interface)
			}
		}
	}
	return nil
}

// unions wants every type switch over the inputs to say what it does with the
// rest: a default, or a case for each variant of spec and of the package.
func (p *pass) unions() {
	input := p.contract("Input")
	if input == nil {
		return
	}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSwitchStmt); ok && types.Identical(p.switched(s).Underlying(), input) {
				p.typeSwitch(s, input)
			}
			return true
		})
	}
}

// switched returns the type of the value that s looks at.
func (p *pass) switched(s *ast.TypeSwitchStmt) types.Type {
	var x ast.Expr
	switch a := s.Assign.(type) {
	case *ast.ExprStmt:
		x = a.X
	case *ast.AssignStmt:
		x = a.Rhs[0]
	}
	if t := p.info.TypeOf(x.(*ast.TypeAssertExpr).X); t != nil {
		return t
	}
	return types.Typ[types.Invalid]
}

func (p *pass) typeSwitch(s *ast.TypeSwitchStmt, input *types.Interface) {
	var cases []types.Type
	for _, c := range s.Body.List {
		list := c.(*ast.CaseClause).List
		if list == nil {
			return // a default
		}
		for _, e := range list {
			cases = append(cases, p.info.TypeOf(e))
		}
	}
	for _, variant := range p.declared() {
		t := variant.Type()
		if types.Implements(t, input) && !slices.ContainsFunc(cases, func(c types.Type) bool {
			return types.Identical(c, t)
		}) {
			p.report(s.Pos(), "union", "neither a default nor a case for the input %s", variant.Name())
		}
	}
}

// declared returns the package's own types, in order of name.
func (p *pass) declared() (list []*types.TypeName) {
	scope := p.pkg.Scope()
	for _, name := range scope.Names() {
		if t, ok := scope.Lookup(name).(*types.TypeName); ok && !t.IsAlias() && !types.IsInterface(t.Type()) {
			list = append(list, t)
		}
	}
	return list
}

// layouts checks what machines and messages consist of.
func (p *pass) layouts() {
	machine, message := p.contract("Machine"), p.contract("Message")
	if machine == nil {
		return
	}
	seen := make(map[types.Type]bool)
	for _, t := range p.declared() {
		switch {
		case types.Implements(types.NewPointer(t.Type()), machine):
			p.layout(t.Type(), "state", seen)
		case types.Implements(t.Type(), message):
			p.layout(t.Type(), "message", seen)
		}
	}
}

// layout refuses fields whose size varies with the architecture, and in state
// those that are not plain data. It follows the package's own types. Config
// is left out: it is read by people, and does not change.
func (p *pass) layout(t types.Type, rule string, seen map[types.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	named, ok := t.(*types.Named)
	if ok && (named.Obj().Pkg() != p.pkg || strings.HasSuffix(named.Obj().Name(), "Config")) {
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			p.field(f.Pos(), f.Name(), f.Type(), rule, seen)
		}
	default:
		if ok {
			p.field(named.Obj().Pos(), named.Obj().Name(), u, rule, seen)
		}
	}
}

func (p *pass) field(pos token.Pos, name string, t types.Type, rule string, seen map[types.Type]bool) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch u.Kind() {
		case types.Int, types.Uint, types.Uintptr, types.UnsafePointer:
			if _, named := t.(*types.Named); !named || t.(*types.Named).Obj().Pkg() == p.pkg {
				p.report(pos, rule, "%s is %v: its size varies with the architecture", name, t)
			}
		}
	case *types.Interface, *types.Signature, *types.Chan:
		if rule == "state" {
			p.report(pos, rule, "%s is %v: it cannot be copied or compared as data", name, t)
		}
	case *types.Pointer:
		p.layout(u.Elem(), rule, seen)
	case *types.Slice:
		p.field(pos, name, u.Elem(), rule, seen)
	case *types.Array:
		p.field(pos, name, u.Elem(), rule, seen)
	case *types.Map:
		p.field(pos, name, u.Key(), rule, seen)
		p.field(pos, name, u.Elem(), rule, seen)
	case *types.Struct:
		p.layout(t, rule, seen)
	}
}
