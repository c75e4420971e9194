package column_test

// No setting decides: whatever a session has set, each function gives the same.

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// leftOut are settings, or categories of them, that are not tried, and why.
var leftOut = []struct{ pattern, why string }{
	{`^Reporting and Logging `, "what the server writes into its log"},
	{`^(Statistics|Write-Ahead Log|Replication|Autovacuum|Vacuuming|Connections and Authentication|File Locations|Preset Options|Process Title)`, "what no function returns depends on them"},
	{`^Resource Usage / (Asynchronous|Cost-Based|Disk|I/O|Background)`, "likewise"},
	{`^Developer Options: (debug_|trace_|log_|ignore_|zero_|wal_|send_|jit_|backtrace|allow_in_place|optimize_|restrict_|post_)`, "for damaged data, and for those who change the server"},
	{`: shared_preload|_preload_libraries|dynamic_library_path|extension_destdir|extension_control_path|^Customized Options: (?:[^p]|p[^l])`, "which libraries a session loads"},
	{`: exit_on_error$`, "ends the session with the first refusal"},
	{`: session_replication_role$`, "switches triggers off, for superusers: docs/security.md"},
	{`: track_counts$`, "refused, by 55000 gapless_uncounted"},
	{`: max_stack_depth$`, "too little is an error, 54001"},
	{`: transaction_(isolation|read_only|deferrable|timeout)$`, "of one transaction; docs/sql.md has the isolation levels"},
	{`: client_connection_check_interval$`, "of the connection"},
	{`: (application_name|update_process_title|temp_file_limit)$`, "names and limits"},
	{`: default_tablespace$`, "PostgreSQL's own, for partitioned tables"},
	{`: restrict_nonsystem_relation_kind$`, "forbids views"},
	{`: lc_messages$`, "PostgreSQL's own messages"},
	{`: io_|_io_`, "how the server reads its files"},
}

// oddValues are those of settings that are neither on or off, nor one of a list, nor a number.
var oddValues = map[string][]string{
	"DateStyle":                   {"Postgres, MDY", "SQL, DMY", "German, YMD"},
	"TimeZone":                    {"Pacific/Kiritimati", "America/St_Johns"},
	"client_encoding":             {"LATIN1", "SQL_ASCII", "SJIS"},
	"default_table_access_method": {"heap"},
	"default_text_search_config":  {"simple", "german"},
	"lc_monetary":                 {"C", "POSIX"},
	"lc_numeric":                  {"C", "POSIX"},
	"lc_time":                     {"C", "POSIX"},
	"plpgsql.extra_errors":        {"all", "shadowed_variables", "strict_multi_assignment", "too_many_rows"},
	"plpgsql.extra_warnings":      {"all"},
	"search_path":                 {"", "pg_temp", "gapless", "gapless, pg_catalog, public"},
	"temp_tablespaces":            {"pg_default"},
	"timezone_abbreviations":      {"Australia", "India"},
	"event_source":                {},
	"createrole_self_grant":       {"set, inherit"},
	"debug_io_direct":             {},
}

// everyFunction is a scenario: statements, each sent alone.
var everyFunction = []string{
	`CREATE TABLE public.bills (id int PRIMARY KEY, tenant text, issued date, sum numeric, number bigint UNIQUE)`,
	`CREATE TABLE public.texts (id int PRIMARY KEY, at timestamptz, status text, lasts interval, number varchar(60) UNIQUE)`,
	`CREATE TABLE public.late (id int PRIMARY KEY, tenant text, number bigint UNIQUE)`,
	`CREATE TABLE public.parts (id int PRIMARY KEY, number bigint, UNIQUE (id, number)) PARTITION BY RANGE (id)`,
	`CREATE TABLE public.part PARTITION OF public.parts DEFAULT`,
	`SELECT gapless.attach_gapless('public.bills', 'number', $$ 'bill' || CASE WHEN NEW.tenant IS NULL THEN '/none' ELSE '' END $$, chronology => $$ NEW.issued $$)`,
	`SET LOCAL TimeZone = 'Etc/UTC'`, // which attach pins
	`SET LOCAL DateStyle = 'ISO, MDY'`,
	`SET LOCAL IntervalStyle = 'postgres'`,
	`SELECT gapless.attach_gapless('public.texts', 'number', $$ 'text' $$, format => $$ to_char(NEW.at, 'YYYY-MM-DD HH24') || '/' || coalesce(NEW.lasts::text || '/', '') || value $$,
		condition => $$ NEW.status = 'issued' $$)`,
	`-- back`,
	`SELECT gapless.attach_gapless('public.late', 'number', $$ 'late' $$, at_commit => true)`,
	`SELECT gapless.attach_gapless('public.parts', 'number', $$ 'part' $$)`,
	`INSERT INTO public.bills VALUES (1, 'a', date '2026-01-02', 1.50), (2, 'a', date '2026-01-02', 2), (3, 'a', date '2026-01-03', 3) RETURNING number`,
	`INSERT INTO public.bills VALUES (9, 'a', date '2026-01-01', 1)`, // refused
	`INSERT INTO public.bills VALUES (4, 'a', date '2026-01-04', 3) RETURNING number`,
	`INSERT INTO public.bills (id, number) VALUES (5, 7)`, // refused
	`INSERT INTO public.bills VALUES (3, 'a', date '2026-01-04') ON CONFLICT (id) DO NOTHING RETURNING number`,
	`INSERT INTO public.bills VALUES (4, 'a', date '2026-01-04') ON CONFLICT (id) DO UPDATE SET sum = 4 RETURNING number`,
	`INSERT INTO public.texts VALUES (1, timestamptz '2025-12-31 23:30:00+00', 'issued', NULL), (2, timestamptz '2026-06-30 23:30:00+00', 'draft', interval '26 hours')`,
	`UPDATE public.texts SET status = 'issued' WHERE id = 2 RETURNING number`,
	`INSERT INTO public.texts VALUES (3, timestamptz '2026-06-30 23:30:00+00', 'issued', interval '1 day 2:03:04.5') RETURNING number`,
	`INSERT INTO public.late VALUES (1, 'b'), (2, 'a')`,
	`INSERT INTO public.late VALUES (3, 'c')`,
	`SET CONSTRAINTS ALL IMMEDIATE`,
	`SELECT number FROM public.late ORDER BY id`,
	`INSERT INTO public.parts VALUES (1), (2), (3) RETURNING number`,
	`UPDATE public.parts SET number = 8 WHERE id = 1`,    // refused
	`UPDATE public.bills SET tenant = NULL WHERE id = 1`, // refused
	`UPDATE public.bills SET tenant = 'b', sum = 5 WHERE id = 1 RETURNING number`,
	`DELETE FROM public.bills WHERE id = 2`, // refused, with what to call
	`DELETE FROM public.texts WHERE id = 2`, // refused, with what to call
	`SELECT gapless.void_gapless('bill', 2, 'wrong customer')`,
	`SELECT gapless.void_gapless('bill', 2, 'twice')`,  // refused
	`SELECT gapless.void_gapless('bill', 3, e' \t\n')`, // refused
	`DELETE FROM public.bills WHERE id = 2`,
	`SELECT gapless.void_gapless('text', 1, 'Storno')`,
	`DELETE FROM public.texts WHERE id = 1`,
	`TRUNCATE public.late`, // refused
	`SELECT sequence, attached_column, kind, first_value, last_value, explained, split_part(explanation, ' (', 1) FROM gapless.audit_gapless() ORDER BY 1, 2, 3, 4`,
	`SELECT gapless.next_gapless('hand', initial => 5, reset => 7) FROM pg_catalog.generate_series(1, 3)`,
	`SELECT gapless.next_gapless_batch('hand', 3, reset => 7, initial => 5)`,
	`SELECT gapless.next_gapless(NULL)`,   // refused
	`SELECT gapless.next_gapless('bill')`, // refused
	`SELECT gapless.last_gapless('hand'), gapless.peek_gapless('hand'), gapless.peek_gapless('bill'), gapless.last_gapless('none'), gapless.peek_gapless('none', initial => 3)`,
	`SELECT gapless.adopt_gapless('hand', 100)`,
	`SELECT gapless.adopt_gapless('hand', 50)`, // refused
	`SELECT gapless.next_gapless('hand')`,
	`SELECT gapless.prune_gapless('hand', timestamptz 'infinity')`,
	`SELECT name, last_value, issued, attached_column FROM gapless.sequences ORDER BY name`,
	`SELECT table_name, column_name, name, format, condition, chronology, at_commit, initial, unnumbered, partitioned, guarded, faults FROM gapless.columns ORDER BY 1`,
	`SELECT gapless.guard_partitions('public.parts')`,
	`SELECT gapless.attach_gapless('public.bills', 'number', $$ 'other' $$)`, // refused, with both definitions
	`SELECT gapless.attach_gapless('public.bills', 'number', $$ 'bill' || CASE WHEN NEW.tenant IS NULL THEN '/none' ELSE '' END $$, chronology => $$ NEW.issued $$)`,
	`SELECT gapless.detach_gapless('public.bills', 'number')`,
	`SELECT gapless.attach_gapless('public.bills', 'number', $$ 'again' $$)`,
	`INSERT INTO public.bills (id) VALUES (20) RETURNING number`,
	`SELECT gapless.delete_gapless('hand'), gapless.delete_gapless('hand')`,
	`SELECT gapless.delete_gapless('late')`, // refused
	`SELECT gapless.grant_gapless('pg_monitor')`,
	`SELECT gapless.revoke_gapless('pg_monitor')`,
	`SELECT j.name, j.ordinal, j.first_value, j.last_value, j.kind, j.texts[1], j.dated = timestamp '2026-01-03' FROM gapless.journal AS j ORDER BY 1, 2`,
	`ROLLBACK`,
	`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE`,
	`SELECT gapless.mark_gapless('6f1d2c1e-6f0a-4a57-9d07-3c1f2a1b0c9d') > 0`,
	`SELECT gapless.next_gapless('marked')`,
	`COMMIT`,
	`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE`,
	`SELECT gapless.flush_gapless(j.txid), gapless.outcome_gapless(j.token, j.txid) FROM gapless.journal AS j WHERE j.token IS NOT NULL`,
	`SELECT gapless.delete_gapless('marked')`,
	`COMMIT`,
}

// shown is what messages show as the session does: times, and names in their quotes.
var shown = regexp.MustCompile(`voided it at .*?: |: \S.* after [^,]*|"`)

// transcript runs the scenario in a session of its own. Each refusal goes back to a savepoint.
func transcript(t *testing.T, database *pgtest.Database, settings map[string]string) (lines []string) {
	t.Helper()
	conn := database.Conn(t)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	run := func(statement string) (string, error) {
		results, err := conn.PgConn().Exec(t.Context(), statement).ReadAll()
		if err != nil {
			return "", err
		}
		var text strings.Builder
		for _, result := range results {
			for _, row := range result.Rows {
				fmt.Fprintf(&text, " %s", row)
			}
		}
		return text.String(), nil
	}
	_, err := run("LOAD 'plpgsql'; SET lc_messages = 'C'")
	require.NoError(t, err)
	for setting, value := range settings {
		if _, err := conn.Exec(t.Context(), "SELECT pg_catalog.set_config($1, $2, false)", setting, value); err != nil { // this server cannot
			t.Log("not tried:", setting, value, err)
			delete(settings, setting)
		}
	}
	_, err = run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE")
	require.NoError(t, err)
	for _, statement := range everyFunction {
		if statement == "-- back" {
			for setting, value := range settings {
				_, err := conn.Exec(t.Context(), "SELECT pg_catalog.set_config($1, $2, true)", setting, value)
				require.NoError(t, err)
			}
			continue
		}
		inside := statement != "ROLLBACK" && statement != "COMMIT" && !strings.HasPrefix(statement, "BEGIN")
		if inside {
			_, err = run("SAVEPOINT s")
			require.NoError(t, err)
		}
		answer, err := run(statement)
		if err != nil {
			var refused *pgconn.PgError
			if !errors.As(err, &refused) {
				return append(lines, statement+": "+err.Error())
			}
			answer = fmt.Sprintf(" %s %s, %s, %s, %s", refused.Code, refused.Message, refused.Detail, refused.Hint, refused.ConstraintName)
			if _, err = run("ROLLBACK TO s"); err != nil {
				return append(lines, statement+": "+answer)
			}
		}
		lines = append(lines, statement+" =>"+shown.ReplaceAllString(answer, ""))
	}
	return lines
}

func TestNoSettingOfASessionDecidesWhatAFunctionGives(t *testing.T) {
	t.Parallel()
	database := pgtest.NewCopy(t)
	s := sqltest.Connect(t, database)
	s.Do("LOAD 'plpgsql'")
	want := transcript(t, database, nil)
	var refused []string
	for _, line := range want {
		if code := regexp.MustCompile(` => ([0-9A-Z]{5}) [a-z]`).FindStringSubmatch(line); code != nil {
			refused = append(refused, code[1])
		}
	}
	require.Equal(t, strings.Fields("23514 428C9 428C9 23001 23001 23001 55000 22023 23001 22004 55000 55000 42710 2BP01"), refused, strings.Join(want, "\n"))

	const together = 6 // settings of a session, so that there are not a hundred
	var variants []map[string]string
	numbers := map[string]map[string]string{}
	var unknown []string
	rows, err := s.Query(s.Ctx, `SELECT name, setting, category, vartype, enumvals, min_val, max_val FROM pg_settings WHERE context IN ('user', 'superuser') ORDER BY name`)
	require.NoError(t, err)
settings:
	for rows.Next() {
		var name, current, category, kind string
		var enumerated []string
		var lowest, highest *string
		require.NoError(t, rows.Scan(&name, &current, &category, &kind, &enumerated, &lowest, &highest))
		for _, out := range leftOut {
			if regexp.MustCompile(out.pattern).MatchString(category + ": " + name) {
				continue settings
			}
		}
		values, known := oddValues[name]
		switch kind {
		case "bool":
			values = []string{"on", "off"}
			if strings.HasPrefix(category, "Query Tuning") { // all plans at once
				if numbers[category] == nil {
					numbers[category] = map[string]string{}
				}
				numbers[category][name] = map[string]string{"on": "off", "off": "on"}[current]
				continue
			}
		case "enum":
			values = enumerated
		case "integer", "real": // a category's at once, by their initials
			if kind == "real" && len(*highest) > 10 { // an infinite cost is that of every plan, and any is taken
				*highest = "1e9"
			}
			for _, value := range []string{*lowest, *highest} {
				if s := category + map[bool]string{true: " <", false: " >"}[value == *lowest] + name[:1]; numbers[s] == nil {
					numbers[s] = map[string]string{name: value}
				} else {
					numbers[s][name] = value
				}
			}
			continue
		default:
			if !known {
				unknown = append(unknown, name)
			}
		}
		for _, value := range values {
			if value == current {
				continue
			}
			if i := slices.IndexFunc(variants, func(v map[string]string) bool { return len(v) < together && v[name] == "" }); i >= 0 {
				variants[i][name] = value
			} else {
				variants = append(variants, map[string]string{name: value})
			}
		}
	}
	for _, numbers := range numbers {
		variants = append(variants, numbers)
	}
	require.NoError(t, rows.Err())
	require.Empty(t, unknown, "which values are odd?")
	require.Greater(t, len(variants), 30)

	const sessions = 4
	for i := range sessions {
		t.Run(fmt.Sprintf("part %d", i), func(t *testing.T) {
			t.Parallel()
			own := pgtest.NewCopy(t)
			for k := i; k < len(variants); k += sessions {
				got := transcript(t, own, variants[k])
				for j := range want {
					if j >= len(got) || got[j] != want[j] {
						t.Errorf("%v:\n%s\nand by default:\n%s", variants[k], append(got, make([]string, len(want))...)[j], want[j])
						break
					}
				}
			}
		})
	}
}
