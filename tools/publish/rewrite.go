package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// rewriter replaces one module path, and those below it, by another. The same
// word elsewhere, as the package's name or the command's, stays.
type rewriter struct {
	old, new, version string
	folders           map[string]bool // that hold Go files
	texts             []*regexp.Regexp
}

// newRewriter reads the old path from the tree's go.mod.
func newRewriter(dir, to, version string, files []string) (*rewriter, error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	r := &rewriter{old: modfile.ModulePath(text), new: to, version: version, folders: make(map[string]bool)}
	if r.old == "" {
		return nil, fmt.Errorf("%s/go.mod names no module", dir)
	}
	for _, file := range files {
		if path.Ext(file) == ".go" {
			r.folders[path.Dir(file)] = true
		}
	}
	// Where the path stands in a text: group 1, the path, group 2.
	old := regexp.QuoteMeta(r.old)
	for _, where := range []string{
		`(?m)((?:^|\s)require\s+)` + old + `()\s+v`,
		`(?m)((?:^|\s)replace\s+)` + old + `()\s+=>`,
		`(-require[= ]["']?)` + old + `()@`,
		`(-replace[= ]["']?)` + old + `()[=@]`,
		`(?m)(^module-path:\s+|\smodule-path:\s+)` + old + `()$`,
		`(local-prefixes:\s+\[)` + old + `()\]`,
		"(?m)(^|[\\s\"'`(=])" + old + "(/[a-z0-9_/]*[a-z0-9_])",
	} {
		r.texts = append(r.texts, regexp.MustCompile(where))
	}
	return r, nil
}

// ours replaces a module or package path if it is one of ours.
func (r *rewriter) ours(p string) (string, bool) {
	if rest, ok := strings.CutPrefix(p, r.old); ok && (rest == "" || rest[0] == '/') {
		return r.new + rest, true
	}
	return p, false
}

// file rewrites one file.
func (r *rewriter) file(name string, text []byte) ([]byte, error) {
	switch base := path.Base(name); {
	case base == "go.mod":
		return r.goMod(name, text)
	case name == "go.work":
		return r.goWork(text)
	case path.Ext(base) == ".go":
		return r.goFile(text)
	case path.Ext(base) == ".md":
		return r.markdown(text), nil
	case slices.Contains([]string{".yml", ".yaml", ".sh", ".txtar"}, path.Ext(base)) || strings.HasPrefix(name, ".ci/"):
		return r.text(text), nil
	}
	return text, nil
}

func (r *rewriter) goMod(name string, text []byte) ([]byte, error) {
	f, err := modfile.Parse(name, text, nil)
	if err != nil {
		return nil, err
	}
	if p, ok := r.ours(f.Module.Mod.Path); ok {
		if err := f.AddModuleStmt(p); err != nil {
			return nil, err
		}
	}
	for _, old := range values(f.Require) {
		p, ok := r.ours(old.Mod.Path)
		if !ok {
			continue
		}
		version := old.Mod.Version
		if r.version != "" {
			version = r.version
		}
		if err := f.DropRequire(old.Mod.Path); err != nil {
			return nil, err
		}
		f.AddNewRequire(p, version, old.Indirect)
	}
	for _, old := range values(f.Replace) {
		p, ok := r.ours(old.Old.Path)
		if !ok {
			continue
		}
		if err := f.DropReplace(old.Old.Path, old.Old.Version); err != nil {
			return nil, err
		}
		if r.version != "" {
			continue
		}
		if err := f.AddReplace(p, old.Old.Version, old.New.Path, old.New.Version); err != nil {
			return nil, err
		}
	}
	f.Cleanup()
	f.SortBlocks()
	return f.Format()
}

// values copies what dropping a line would clear.
func values[T any](list []*T) (all []T) {
	for _, v := range list {
		all = append(all, *v)
	}
	return all
}

// goWork lets the workspace find the version that the command requires in the
// tree itself, before it is there for all.
func (r *rewriter) goWork(text []byte) ([]byte, error) {
	if r.version == "" {
		return text, nil
	}
	f, err := modfile.ParseWork("go.work", text, nil)
	if err != nil {
		return nil, err
	}
	if err := f.AddReplace(r.new, r.version, "./", ""); err != nil {
		return nil, err
	}
	return modfile.Format(f.Syntax), nil
}

// goFile rewrites the strings of a Go file that are a package of ours: imports,
// and arguments such as those of go build.
func (r *rewriter) goFile(text []byte) ([]byte, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imports := make(map[*ast.BasicLit]bool)
	for _, i := range f.Imports {
		imports[i.Path] = true
	}
	var out bytes.Buffer
	done := 0
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(lit.Value)
		replaced, ok := r.ours(value)
		if err != nil || !ok || !imports[lit] && !r.isPackage(value) {
			return true
		}
		start := set.Position(lit.Pos()).Offset
		out.Write(text[done:start])
		out.WriteString(strconv.Quote(replaced))
		done = start + len(lit.Value)
		return true
	})
	if done == 0 {
		return text, nil
	}
	out.Write(text[done:])
	return format.Source(out.Bytes()) // the order of imports may have changed
}

// isPackage says whether a text can only mean a package of ours: a path below
// the module's where Go files lie.
func (r *rewriter) isPackage(p string) bool {
	rest, ok := strings.CutPrefix(p, r.old+"/")
	return ok && r.folders[rest]
}

var (
	fence       = regexp.MustCompile("(?ms)^```go\\n(.*?)^```$")
	unpublished = regexp.MustCompile(`(?s)<!-- unpublished -->.*?<!-- /unpublished -->`)
)

// markdown rewrites a document: its Go programs as Go, the rest as text. What it
// says about a path that nobody owns gives way to how to get the module.
func (r *rewriter) markdown(text []byte) []byte {
	text = unpublished.ReplaceAllLiteral(text, []byte("```sh\ngo get "+r.new+"\n```"))
	text = fence.ReplaceAllFunc(text, func(whole []byte) []byte {
		program := fence.FindSubmatch(whole)[1]
		replaced, err := r.goFile(program)
		if err != nil { // a fragment: as text, below
			return whole
		}
		return slices.Concat([]byte("```go\n"), replaced, []byte("```"))
	})
	return r.text(text)
}

// text rewrites the places of a text where the path can only be the module's.
func (r *rewriter) text(text []byte) []byte {
	for _, where := range r.texts {
		text = where.ReplaceAllFunc(text, func(whole []byte) []byte {
			at := where.FindSubmatchIndex(whole)
			before, below := whole[:at[3]], string(whole[at[4]:at[5]])
			if below != "" && !r.folders[below[1:]] {
				return whole
			}
			return slices.Concat(before, []byte(r.new), whole[at[4]:])
		})
	}
	return text
}
