package stdlib_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// without says why something of package gapless is not here.
var without = map[string]string{
	"CommitBatch":         "database/sql has no batch",
	"GroupCommitter.Send": "database/sql has no batch",
	"WithFlusherConfig":   "an option, which is used as it is",
	"WithIsolation":       "an option, which is used as it is",
}

// TestWhatPackageGaplessHasIsHereToo compares functions and methods, with their parameters and results. Those that have nothing
// of pgx's in them are used as they are, like the options and the types.
func TestWhatPackageGaplessHasIsHereToo(t *testing.T) {
	t.Parallel()
	here, there := exported(t, "."), exported(t, "..")
	needed := 0
	for name, signature := range there {
		method, _, _ := strings.Cut(name, ".")
		ofPgx := regexp.MustCompile(`pgx|DBTX|TxBeginner|GroupCommitter|Sequence\b`).MatchString(signature)
		if (!ofPgx && method != "Sequence" && method != "GroupCommitter") || method == "transaction" || without[name] != "" {
			continue
		}
		needed++
		require.Equal(t, same(signature), same(here[name]), name)
	}
	require.Greater(t, needed, 25)
	for name, signature := range here {
		require.NotContains(t, signature, "pgx", name)
		require.Contains(t, there, name, "it is here alone")
	}
	for name := range without {
		require.Contains(t, there, name, "it is not there")
		require.NotContains(t, here, name, "it is here")
	}
}

// same makes a signature of the one package one of the other.
func same(signature string) string {
	return strings.NewReplacer("*pgxpool.Pool", "POOL", "*sql.DB", "POOL", "*sql.Tx", "Tx", "pgx.Tx", "Tx", "db.DBTX", "DBTX", "gapless.", "").Replace(signature)
}

// exported are the exported functions of a package, and the exported methods, with what they take and return.
func exported(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	found := map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), folder+"/"+entry.Name(), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declared := range file.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok || !function.Name.IsExported() {
				continue
			}
			name := function.Name.Name
			if function.Recv != nil {
				of := strings.TrimPrefix(types.ExprString(function.Recv.List[0].Type), "*")
				if !ast.IsExported(of) {
					continue
				}
				name = of + "." + name
			}
			found[name] = fields(function.Type.Params) + " " + fields(function.Type.Results)
		}
	}
	return found
}

// fields are their types.
func fields(list *ast.FieldList) string {
	var all []string
	if list != nil {
		for _, field := range list.List {
			of := regexp.MustCompile(`\(\w+ (\*?\w)`).ReplaceAllString(types.ExprString(field.Type), "($1") // as func(tx pgx.Tx)
			for range max(1, len(field.Names)) {
				all = append(all, of)
			}
		}
	}
	return "(" + strings.Join(all, ", ") + ")"
}
