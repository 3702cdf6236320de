package atoll_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A processor without 64-bit atomic operations across processes, or with the
// bytes in the other order, must not build Atoll: it would corrupt what it shares.
func TestProcessorsAreRefused(t *testing.T) {
	const file = "refused.go"
	for arch, refused := range map[string]bool{
		"amd64": false, "arm64": false, "386": false, "riscv64": false, "loong64": false,
		"arm": true, "mips": true, "mipsle": true, "mips64": true, "ppc64": true, "s390x": true,
		"a processor not thought of yet": true,
	} {
		ctx := build.Default
		ctx.GOOS, ctx.GOARCH = "linux", arch
		p, err := ctx.ImportDir(filepath.Join("internal", "layout"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(p.GoFiles, file); got != refused {
			t.Errorf("linux on %s: refused is %v, want %v", arch, got, refused)
		}
	}
	// The file that refuses does not compile, and says where to read on.
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, filepath.Join("internal", "layout", file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	_, err = new(types.Config).Check("layout", set, []*ast.File{f}, nil)
	if err == nil || !strings.Contains(err.Error(), "see_docs_PLATFORMS_md") {
		t.Errorf("compiling %s says %v", file, err)
	}
	if !exists(filepath.Join("docs", "PLATFORMS.md")) {
		t.Error("docs/PLATFORMS.md, which it points to, is missing")
	}
}
