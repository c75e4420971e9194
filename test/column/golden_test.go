package column_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

var update = flag.Bool("update", false, "write what attach_gapless makes into testdata")

// TestAttachWritesWhatIsInTestdata compares the functions and triggers of each kind of column. Of an SQL-standard function
// it takes the head alone: releases print its body differently.
func TestAttachWritesWhatIsInTestdata(t *testing.T) {
	t.Parallel()
	for _, text := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			for _, partitioned := range []bool{false, true} {
				words := []string{map[bool]string{false: "bigint", true: "text"}[text]}
				if partitioned {
					words = append(words, "partitioned")
				}
				if late {
					words = append(words, "at commit")
				}
				for _, chained := range []bool{false, true} {
					if chained && (text != late || late != partitioned) {
						continue // the least and the most have all that a chain adds
					}
					if chained {
						words = append(words, "chain")
					}
					name := strings.Join(words, " ")
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						s := sqltest.Connect(t, pgtest.New(t))
						s.Do("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'")
						s.Do("CREATE TABLE invoices (id bigint, tenant text, issued_on date, issued boolean NOT NULL DEFAULT true, number " + words[0] + map[bool]string{true: ", hash bytea, previous_hash bytea"}[chained] + ", PRIMARY KEY (id, tenant), UNIQUE (tenant, number))" +
							map[bool]string{true: " PARTITION BY LIST (tenant); CREATE TABLE invoices_a PARTITION OF invoices FOR VALUES IN ('a')"}[partitioned])
						options := fmt.Sprint("at_commit => ", late)
						if text {
							options += ", format => $$ 'R' || to_char(NEW.issued_on, 'YY') || lpad(value::text, 5, '0') $$, condition => 'NEW.issued', chronology => 'NEW.issued_on', unnumbered => '/'"
						}
						if chained {
							options += ", chain => $$ sha256(convert_to(concat_ws('|', NEW.number, encode(NEW.previous_hash, 'hex')), 'UTF8')) $$"
						}
						s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$, " + options + ")")
						s.Do("INSERT INTO invoices VALUES (1, 'a', '2026-01-01')")
						made := strings.Join(sqltest.Texts(s, `
						(SELECT CASE
							WHEN p.prosqlbody IS NULL THEN btrim(pg_get_functiondef(p.oid), e'\n')
							ELSE format('%s RETURNS %s', p.oid::regprocedure, p.prorettype::regtype)
						END || e';\n'
						FROM pg_proc AS p
						WHERE p.proname LIKE 'invoices\_number\_gapless%'
						ORDER BY p.proname COLLATE "C")
						UNION ALL
						(SELECT pg_get_triggerdef(t.oid) || ';' FROM pg_trigger AS t WHERE t.tgname LIKE '~gapless%' AND t.tgparentid = 0 ORDER BY t.tgrelid::regclass::text, t.tgname)`), "\n") + "\n"
						attachment := *sqltest.Value[string](s, "SELECT DISTINCT attachment::text FROM gapless.journal")
						made = strings.ReplaceAll(made, attachment, "1234567890")
						if note := regexp.MustCompile(`column_note_(\d+)`).FindStringSubmatch(made); note != nil {
							made = strings.ReplaceAll(made, note[1], "2345678901")
						}
						file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".sql")
						if *update {
							require.NoError(t, os.MkdirAll("testdata", 0o755))
							require.NoError(t, os.WriteFile(file, []byte(made), 0o644))
						}
						committed, err := os.ReadFile(file)
						require.NoError(t, err)
						require.Equal(t, string(committed), made, "run go test ./test/column -run Testdata -update")
					})
				}
			}
		}
	}
}
