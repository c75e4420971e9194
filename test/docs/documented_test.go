package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryExportedFunctionHasADocCommentAndAnExample reads the packages that users import.
func TestEveryExportedFunctionHasADocCommentAndAnExample(t *testing.T) {
	t.Parallel()
	for folder, examplesNeeded := range map[string]bool{".": true, "migrate": true, "gaplesstest": true, "stdlib": false, "metrics": false} {
		files := token.NewFileSet()
		var parsed []*ast.File
		names, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
		require.NoError(t, err)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			file, err := parser.ParseFile(files, name, text, parser.ParseComments)
			require.NoError(t, err)
			parsed = append(parsed, file)
		}
		pkg, err := doc.NewFromFiles(files, parsed, "github.com/pggapless/gapless/"+folder)
		require.NoError(t, err)
		require.NotEmpty(t, pkg.Doc)

		functions := pkg.Funcs
		for _, typ := range pkg.Types {
			require.NotEmpty(t, typ.Doc, typ.Name)
			functions = append(append(functions, typ.Funcs...), typ.Methods...)
		}
		require.NotEmpty(t, functions)
		for _, function := range functions {
			require.NotEmpty(t, function.Doc, function.Name)
			if examplesNeeded {
				require.NotEmpty(t, function.Examples, "%s.%s has no Example", pkg.Name, function.Name)
			}
		}
	}
}
