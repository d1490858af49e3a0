package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestNoInitFunctions(t *testing.T) { holds(t, "init", noInit) }

func noInit(t *tree) []string {
	var found []string
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, fmt.Sprintf("%s: func init: work before main has no caller to tell its error", t.at(f, fn.Pos())))
			}
		}
	}
	return found
}

// globalExceptions may hold state for the whole process.
var globalExceptions = []exception{}

func TestPackagesHoldNoState(t *testing.T) { holds(t, "globals", noMutableGlobals) }

// noMutableGlobals reports package variables that a function of the package assigns to, counts up, deletes from or takes
// the address of, and those whose type exists to be changed (package sync). Values set once and read, such as sentinel
// errors, tables and declarations, pass; so does what go:embed fills; and so does a sync.Pool, which remembers nothing
// that anybody could see.
func noMutableGlobals(t *tree) []string {
	globals := map[string]map[string]string{} // directory, variable, where
	var found []string
	for _, f := range t.files {
		if f.test || excepted(f, globalExceptions) {
			continue
		}
		for name, spec := range packageVars(f) {
			if typeOf(spec) == "sync.Pool" {
				continue
			}
			if globals[f.dir] == nil {
				globals[f.dir] = map[string]string{}
			}
			globals[f.dir][name] = t.at(f, spec.Pos())
			if mutableType(spec) {
				found = append(found, fmt.Sprintf("%s: var %s is made to be changed: give it an owner", t.at(f, spec.Pos()), name))
			}
		}
	}
	for _, f := range t.files {
		if f.test {
			continue
		}
		for _, id := range changed(f) {
			if where, ok := globals[f.dir][id.Name]; ok {
				found = append(found, fmt.Sprintf("%s: changes the package variable %s (%s): give it an owner", t.at(f, id.Pos()), id.Name, where))
			}
		}
	}
	return found
}

func packageVars(f *file) map[string]*ast.ValueSpec {
	vars := map[string]*ast.ValueSpec{}
	for _, d := range f.ast.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, s := range group.Specs {
			spec := s.(*ast.ValueSpec)
			for _, name := range spec.Names {
				if name.Name != "_" {
					vars[name.Name] = spec
				}
			}
		}
	}
	return vars
}

// mutableType sees sync.Mutex, atomic.Int64 and their like.
func mutableType(spec *ast.ValueSpec) bool {
	name := typeOf(spec)
	return strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "atomic.")
}

// typeOf gives "package.Name" of a variable's type, as written or as the literal it starts from shows it; pointers and
// type parameters are left out. "" when it is not of that form.
func typeOf(spec *ast.ValueSpec) string {
	typed := spec.Type
	if typed == nil && len(spec.Values) == 1 {
		value := spec.Values[0]
		if u, ok := value.(*ast.UnaryExpr); ok {
			value = u.X
		}
		if lit, ok := value.(*ast.CompositeLit); ok {
			typed = lit.Type
		}
	}
	if star, ok := typed.(*ast.StarExpr); ok {
		typed = star.X
	}
	if generic, ok := typed.(*ast.IndexExpr); ok {
		typed = generic.X
	}
	sel, ok := typed.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + sel.Sel.Name
}

// changed gives the identifiers at the root of what the functions of a file change, local variables left out.
func changed(f *file) []*ast.Ident {
	var ids []*ast.Ident
	top := packageVars(f)
	add := func(x ast.Expr) {
		if id := root(x); id != nil && !local(id, top) {
			ids = append(ids, id)
		}
	}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, x := range n.Lhs {
						add(x)
					}
				}
			case *ast.IncDecStmt:
				add(n.X)
			case *ast.UnaryExpr:
				if id, ok := n.X.(*ast.Ident); ok && n.Op == token.AND {
					add(id)
				}
			case *ast.CallExpr:
				name, ok := n.Fun.(*ast.Ident)
				if ok && slices.Contains([]string{"delete", "clear"}, name.Name) && len(n.Args) > 0 {
					add(n.Args[0])
				}
			}
			return true
		})
	}
	return ids
}

// root follows fields, elements and pointers to the variable they belong to.
func root(x ast.Expr) *ast.Ident {
	for {
		switch y := x.(type) {
		case *ast.Ident:
			return y
		case *ast.SelectorExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.ParenExpr:
			x = y.X
		case *ast.SliceExpr:
			x = y.X
		default:
			return nil
		}
	}
}

// local tells whether the parser found the declaration inside a function. What it did not find at all stands in another
// file of the package.
func local(id *ast.Ident, top map[string]*ast.ValueSpec) bool {
	return id.Obj != nil && id.Obj.Decl != top[id.Name]
}
