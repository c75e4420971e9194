package sqltest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// Defaults are settings that a role or a database can have as its defaults.
type Defaults map[string]string

// OddDefaults are defaults under which every client does the same.
var OddDefaults = map[string]Defaults{
	"repeatable read":       {"default_transaction_isolation": "repeatable read"},
	"serializable":          {"default_transaction_isolation": "serializable"},
	"read-only":             {"default_transaction_read_only": "on"},
	"deferrable":            deferrable,
	"a search_path":         {"search_path": hidden},
	"a DateStyle":           dated,
	"no search_path":        {"search_path": ""},
	"a statement_timeout":   {"statement_timeout": "5s"},
	"a lock_timeout":        {"lock_timeout": "5s"},
	"idle timeouts":         {"idle_in_transaction_session_timeout": "5s", "idle_session_timeout": "5s"},
	"a transaction_timeout": {"transaction_timeout": "5s"},
	"a role":                {"role": "another"},
	"everything": {
		"default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "default_transaction_deferrable": "on",
		"search_path": hidden, "statement_timeout": "5s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "5s",
		"idle_session_timeout": "5s", "transaction_timeout": "5s", "role": "another", "DateStyle": "German", "IntervalStyle": "sql_standard",
	},
}

var deferrable = Defaults{
	"default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "default_transaction_deferrable": "on",
}

var dated = Defaults{"DateStyle": "SQL, DMY", "IntervalStyle": "sql_standard"}

// hidden is a search_path whose first schema hides functions and operators of PostgreSQL's.
const hidden = "hidden, pg_catalog"

// Set makes them the defaults of a database, for sessions to come. The role is one that is granted what applications are.
func (d Defaults) Set(t *testing.T, database *pgtest.Database) {
	t.Helper()
	s := Connect(t, database)
	alter := "ALTER DATABASE " + pgx.Identifier{database.Name}.Sanitize()
	var settings []string
	for name, value := range d {
		if name == "transaction_timeout" && s.Number("SELECT current_setting('server_version_num')::int") < 170000 {
			continue
		}
		switch value {
		case "another":
			value, _ = Role(t, database, value)
			s.Do("SELECT gapless.grant_gapless($1)", value)
			s.Do("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + pgx.Identifier{value}.Sanitize())
			value = "'" + value + "'"
		case hidden:
			s.Do("CREATE SCHEMA hidden")
			s.Do("GRANT USAGE ON SCHEMA hidden TO PUBLIC")
			for _, function := range []string{"set_config(text, text, boolean)", "current_setting(text)", "current_setting(text, boolean)", "current_database()"} {
				s.Do("CREATE FUNCTION hidden." + function + " RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'this one is not meant'; END $$")
			}
			for _, operator := range []string{"=", "<>"} {
				s.Do(`CREATE FUNCTION hidden."` + operator + `"(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'this one is not meant'; END $$`)
				s.Do("CREATE OPERATOR hidden." + operator + ` (FUNCTION = hidden."` + operator + `", LEFTARG = text, RIGHTARG = text)`)
			}
		default:
			value = "'" + value + "'"
		}
		settings = append(settings, " SET "+name+" TO "+value)
	}
	t.Cleanup(func() {
		_, err := s.Exec(context.WithoutCancel(t.Context()), alter+" RESET ALL")
		require.NoError(t, err)
	})
	for _, setting := range settings { // when this needs no other session any more
		s.Do(alter + setting)
	}
}
