package pg

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// Statement is a statement, and the rows or the error that it gives; nothing is said of it where rows is empty.
type Statement struct {
	SQL  string
	Rows []string
}

// RequireStatements takes the statements from a Markdown text, which has some.
func RequireStatements(t *testing.T, text string) []Statement {
	t.Helper()
	found, err := Statements(text)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

// Statements takes the statements from the blocks of SQL in a Markdown text. A statement ends with a line that
// ends with a semicolon, perhaps before a comment, outside of $$.
func Statements(text string) (found []Statement, err error) {
	var (
		blocks = regexp.MustCompile("(?sm)^```sql\n(.*?)^```$")
		result = regexp.MustCompile(`^-- => (.+)$`)
		end    = regexp.MustCompile(`;(\s*--.*)?$`)
		dollar = regexp.MustCompile(`\$[a-z]*\$`)
		said   = regexp.MustCompile(`--\s*=>`)
		rows   int
	)
	for _, block := range blocks.FindAllStringSubmatch(text, -1) {
		var statement, quote string
		var ended bool
		for _, line := range strings.Split(block[1], "\n") {
			if row := result.FindStringSubmatch(line); row != nil && ended {
				found[len(found)-1].Rows = append(found[len(found)-1].Rows, row[1])
				rows++
				continue
			}
			if strings.TrimSpace(line) == "" && statement == "" {
				continue
			}
			ended = false
			statement += line + "\n"
			for _, mark := range dollar.FindAllString(line, -1) {
				switch quote {
				case "":
					quote = mark
				case mark:
					quote = ""
				}
			}
			if quote == "" && end.MatchString(line) {
				found = append(found, Statement{SQL: statement})
				statement, ended = "", true
			}
		}
		if regexp.MustCompile(`(?m)^\s*[^-\s]`).MatchString(statement) {
			return found, fmt.Errorf("this statement does not end: %s", statement)
		}
	}
	if all := len(said.FindAllString(text, -1)); all != rows {
		return found, fmt.Errorf("%d results are written down, and %d of them would be compared", all, rows)
	}
	return found, nil
}

// Check runs the statement and compares what it gives.
func (d Statement) Check(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, d.SQL).ReadAll()
	var got []string
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && len(d.Rows) > 0:
		got = []string{"ERROR " + refused.Code}
	case err != nil:
		return fmt.Errorf("%w: %s", err, d.SQL)
	case len(d.Rows) == 0:
		return nil
	default:
		for _, row := range results[len(results)-1].Rows {
			columns := make([]string, len(row))
			for i, column := range row {
				if columns[i] = string(column); column == nil {
					columns[i] = "NULL"
				}
			}
			got = append(got, strings.Join(columns, " | "))
		}
		if got == nil {
			got = []string{"(no rows)"}
		}
	}
	if !slices.Equal(d.Rows, got) {
		return fmt.Errorf("documented:\n%s\nand it gave (%w):\n%s\n%s", strings.Join(d.Rows, "\n"), err, strings.Join(got, "\n"), d.SQL)
	}
	return nil
}

// RunDocumented runs statements one after the other in one session, where the roles are of which they speak.
func RunDocumented(t *testing.T, database *pgtest.Database, statements []Statement) {
	t.Helper()
	RunPasted(t, database, statements, true)
}

// RunPasted runs statements one after the other in one session. The roles of which they speak get names of their own, since
// roles belong to the whole server. If rolesAreThere, they are made before; else a statement has to.
func RunPasted(t *testing.T, database *pgtest.Database, statements []Statement, rolesAreThere bool) {
	t.Helper()
	names := map[string]string{}
	mention := regexp.MustCompile(`'(app|billing)'|\b(app|billing)\b`)
	conn := sqltest.Connect(t, database).PgConn()
	for _, statement := range statements {
		makes := regexp.MustCompile(`^CREATE ROLE (app|billing)\b`).FindStringSubmatch(statement.SQL)
		statement.SQL = mention.ReplaceAllStringFunc(statement.SQL, func(word string) string {
			known := strings.Trim(word, "'")
			switch {
			case names[known] != "":
			case makes != nil && makes[1] == known:
				names[known] = database.Name + " " + known
				t.Cleanup(func() { sqltest.DropRole(t, database, pgx.Identifier{names[known]}.Sanitize()) })
			default:
				require.True(t, rolesAreThere, "nobody has made role %s", known)
				names[known], _ = sqltest.Role(t, database, known)
			}
			if known != word {
				return "'" + names[known] + "'"
			}
			return pgx.Identifier{names[known]}.Sanitize()
		})
		require.NoError(t, statement.Check(t.Context(), conn))
	}
}
