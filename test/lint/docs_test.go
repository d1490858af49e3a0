package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestEveryPackageIsDocumented(t *testing.T) { holds(t, "packagedocs", packagesDocumented) }

func packagesDocumented(t *tree) []string {
	documented := map[string]bool{}
	first := map[string]*file{}
	for _, f := range t.files {
		if f.test {
			continue
		}
		if first[f.dir] == nil {
			first[f.dir] = f
		}
		documented[f.dir] = documented[f.dir] || f.ast.Doc.Text() != ""
	}
	var found []string
	for dir, f := range first {
		if !documented[dir] {
			found = append(found, fmt.Sprintf("%s: package %s has no doc comment in any file", f.path, dir))
		}
	}
	return found
}

func TestEveryExportedNameIsDocumented(t *testing.T) { holds(t, "exporteddocs", namesDocumented) }

// namesDocumented asks for a comment on every exported type, function, method of an exported type, constant and
// variable, and on every field of a public struct whose name ends in Config. A comment on a group of constants counts for all.
func namesDocumented(t *tree) []string {
	var found []string
	for _, f := range t.files {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		report := func(pos token.Pos, what, name string) {
			found = append(found, fmt.Sprintf("%s: %s %s has no doc comment", t.at(f, pos), what, name))
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if name := undocumentedFunc(d); name != "" {
					report(d.Pos(), "func", name)
				}
			case *ast.GenDecl:
				undocumentedSpecs(d, report)
				if !internal(f) {
					undocumentedFields(d, report)
				}
			}
		}
	}
	return found
}

// selfEvident are methods whose meaning an interface of the standard library fixes.
var selfEvident = []string{"Error", "String", "Unwrap", "Is", "Len", "Less", "Swap", "Push", "Pop", "MarshalJSON",
	"UnmarshalJSON", "MarshalText", "UnmarshalText", "MarshalBinary", "UnmarshalBinary"}

// undocumentedFunc gives the name of an exported function or method without a comment, "" for all others.
func undocumentedFunc(d *ast.FuncDecl) string {
	if !d.Name.IsExported() || d.Doc.Text() != "" {
		return ""
	}
	if d.Recv == nil {
		return d.Name.Name
	}
	owner := receiver(d.Recv.List[0].Type)
	if !ast.IsExported(owner) || slices.Contains(selfEvident, d.Name.Name) {
		return ""
	}
	return owner + "." + d.Name.Name
}

// receiver gives the name of a receiver's type, without pointer and type parameters.
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	default:
		return ""
	}
}

func undocumentedSpecs(d *ast.GenDecl, report func(token.Pos, string, string)) {
	group := d.Doc.Text() != ""
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			alone := group && !d.Lparen.IsValid()
			if s.Name.IsExported() && !alone && s.Doc.Text() == "" && s.Comment.Text() == "" {
				report(s.Pos(), "type", s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && !group && s.Doc.Text() == "" && s.Comment.Text() == "" {
					report(name.Pos(), d.Tok.String(), name.Name)
				}
			}
		}
	}
}

// undocumentedFields looks into exported Config structs: their fields are the settings a user looks up.
func undocumentedFields(d *ast.GenDecl, report func(token.Pos, string, string)) {
	for _, spec := range d.Specs {
		s, ok := spec.(*ast.TypeSpec)
		if !ok || !s.Name.IsExported() || !strings.HasSuffix(s.Name.Name, "Config") {
			continue
		}
		fields, ok := s.Type.(*ast.StructType)
		if !ok {
			continue
		}
		above := "" // comments of the struct so far: one may speak of several fields
		for _, f := range fields.Fields.List {
			above += f.Doc.Text()
			for _, name := range f.Names {
				if name.IsExported() && f.Doc.Text() == "" && f.Comment.Text() == "" && !names(above, name.Name) {
					report(name.Pos(), "field", s.Name.Name+"."+name.Name)
				}
			}
		}
	}
}

// names tells whether a comment speaks of the name, as a word.
func names(comment, name string) bool {
	words := strings.FieldsFunc(comment, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.Contains(words, name)
}

// internal tells whether only this module can import the file's package.
func internal(f *file) bool { return slices.Contains(strings.Split(f.dir, "/"), "internal") }
