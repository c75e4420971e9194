package security_test

// Whoever means harm: what each role can reach, what code of others runs and with whose rights, what text can do, and what
// one role can cost the others. docs/security.md is the summary, and names these tests.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// loginAs is a session of a role, as if it had logged in: with no way back to who connected.
func loginAs(t *testing.T, database *pgtest.Database, quoted string) sqltest.Session {
	t.Helper()
	s := sqltest.Connect(t, database)
	s.Do("SET SESSION AUTHORIZATION " + quoted)
	return s
}

// attemptOn is something that a role may want to do with an object. Its label is what lists of allowed attempts have.
type attemptOn struct{ label, statement string }

// attemptsOnAll has every attempt on every object, from the catalog: whatever is new is tried, too.
func attemptsOnAll(owner sqltest.Session, quoted string) (attempts []attemptOn) {
	list := func(query string) {
		for _, text := range sqltest.Texts(owner, query) {
			label, statement, _ := strings.Cut(text, "\n")
			attempts = append(attempts, attemptOn{label, strings.ReplaceAll(statement, "~me~", quoted)})
		}
	}
	list(`
		SELECT concat_ws(' ', v.verb, c.oid::regclass) || e'\n' || format(v.statement, c.oid::regclass, first.column_name, key.columns, key.definitions)
		FROM pg_class AS c
		LEFT JOIN LATERAL (
			SELECT quote_ident(a.attname) AS column_name FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = 1
		) AS first ON true
		LEFT JOIN LATERAL (
			SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.i) AS columns,
				string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.i) AS definitions
			FROM pg_index AS i
			CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, i)
			JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
			WHERE i.indrelid = c.oid AND i.indisprimary
		) AS key ON true
		JOIN (
			VALUES
				('r p f v m S', 'SELECT', 'SELECT * FROM %1$s'),
				('r p v', 'lock rows of', 'SELECT FROM %1$s FOR UPDATE'),
				('r p f v', 'INSERT', 'INSERT INTO %1$s DEFAULT VALUES'),
				('r p f v', 'UPDATE', 'UPDATE %1$s SET %2$s = DEFAULT'),
				('r p f v', 'DELETE', 'DELETE FROM %1$s'),
				('r p f', 'TRUNCATE', 'TRUNCATE %1$s'),
				('r p v', 'lock for writing', 'LOCK TABLE %1$s IN ROW EXCLUSIVE MODE'),
				('r p v', 'lock', 'LOCK TABLE %1$s IN ACCESS EXCLUSIVE MODE'),
				('r p', 'reference', 'CREATE UNLOGGED TABLE mine.r (%4$s, FOREIGN KEY (%3$s) REFERENCES %1$s (%3$s))'),
				('r p f', 'make a trigger of', 'CREATE TRIGGER mine BEFORE INSERT ON %1$s FOR EACH ROW EXECUTE FUNCTION mine.fire()'),
				('v', 'make a trigger of', 'CREATE TRIGGER mine INSTEAD OF INSERT ON %1$s FOR EACH ROW EXECUTE FUNCTION mine.fire()'),
				('r p f', 'disable triggers of', 'ALTER TABLE %1$s DISABLE TRIGGER ALL'),
				('r p v', 'make a rule of', 'CREATE RULE mine AS ON INSERT TO %1$s DO INSTEAD NOTHING'),
				('r p', 'make a policy of', 'CREATE POLICY mine ON %1$s'),
				('r p m', 'make an index of', 'CREATE INDEX ON %1$s (%2$s)'),
				('r f', 'inherit from', 'CREATE TABLE mine.child () INHERITS (%1$s)'),
				('p', 'be a part of', 'CREATE TABLE mine.child PARTITION OF %1$s DEFAULT'),
				('r p f', 'alter', 'ALTER TABLE %1$s ADD COLUMN mine integer'),
				('r p f v m S', 'move', 'ALTER TABLE %1$s SET SCHEMA mine'),
				('r p f v m S', 'take over', 'ALTER TABLE %1$s OWNER TO ~me~'),
				('r p', 'comment on', 'COMMENT ON TABLE %1$s IS ''mine'''),
				('r p', 'rebuild', 'REINDEX TABLE %1$s'),
				('r p', 'drop', 'DROP TABLE %1$s CASCADE'),
				('r p f v m S', 'grant', 'GRANT ALL ON %1$s TO ~me~'),
				('v', 'replace', 'CREATE OR REPLACE VIEW %1$s AS SELECT 1'),
				('v', 'comment on', 'COMMENT ON VIEW %1$s IS ''mine'''),
				('v', 'drop', 'DROP VIEW %1$s CASCADE'),
				('m', 'refresh', 'REFRESH MATERIALIZED VIEW %1$s'),
				('m', 'drop', 'DROP MATERIALIZED VIEW %1$s'),
				('f', 'drop', 'DROP FOREIGN TABLE %1$s'),
				('S', 'take from', 'SELECT nextval(''%1$s'')'),
				('S', 'set', 'SELECT setval(''%1$s'', 7)'),
				('S', 'alter', 'ALTER SEQUENCE %1$s RESTART'),
				('S', 'own', 'ALTER SEQUENCE %1$s OWNED BY mine.t.number'),
				('S', 'drop', 'DROP SEQUENCE %1$s'),
				('i I', 'alter', 'ALTER INDEX %1$s RENAME TO mine'),
				('i I', 'rebuild', 'REINDEX INDEX %1$s'),
				('i I', 'drop', 'DROP INDEX %1$s')
		) AS v (kinds, verb, statement) ON c.relkind::text = ANY (string_to_array(v.kinds, ' ')) AND (v.verb <> 'reference' OR key.columns IS NOT NULL)
		WHERE c.relnamespace = 'gapless'::regnamespace
		ORDER BY 1`)
	list(`
		SELECT concat_ws(' ', v.verb, p.oid::regproc) || e'\n' || format(v.statement, p.oid::regprocedure, p.oid::regproc, arguments.list)
		FROM pg_proc AS p
		CROSS JOIN LATERAL (
			SELECT string_agg('NULL::' || format_type(u.type, NULL), ', ' ORDER BY u.i) AS list FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (type, i)
		) AS arguments
		JOIN (
			VALUES
				('call', 'SELECT %2$s(%3$s)'),
				('alter', 'ALTER FUNCTION %1$s COST 7'),
				('unsecure', 'ALTER FUNCTION %1$s SECURITY INVOKER'),
				('set in', 'ALTER FUNCTION %1$s SET search_path = mine'),
				('move', 'ALTER FUNCTION %1$s SET SCHEMA mine'),
				('take over', 'ALTER FUNCTION %1$s OWNER TO ~me~'),
				('comment on', 'COMMENT ON FUNCTION %1$s IS ''mine'''),
				('grant', 'GRANT ALL ON FUNCTION %1$s TO ~me~'),
				('overload', 'CREATE FUNCTION %2$s(mine.t) RETURNS integer LANGUAGE sql AS ''SELECT 1'''),
				('drop', 'DROP FUNCTION %1$s'),
				('fire', 'CREATE TRIGGER fire BEFORE INSERT ON mine.t FOR EACH ROW EXECUTE FUNCTION %2$s()')
		) AS v (verb, statement) ON v.verb <> 'fire' OR p.prorettype = 'trigger'::regtype
		WHERE p.pronamespace = 'gapless'::regnamespace OR p.proname LIKE 'bills\_number\_gapless%'
		ORDER BY 1`)
	list(`
		SELECT concat_ws(' ', v.verb, CASE WHEN c.relkind <> 'c' THEN 'row type' END, t.oid::regtype) || e'\n' || format(v.statement, t.oid::regtype)
		FROM pg_type AS t
		CROSS JOIN (
			VALUES
				('use', 'CREATE TABLE mine.r (k %1$s)'),
				('alter', 'ALTER TYPE %1$s RENAME TO mine'),
				('move', 'ALTER TYPE %1$s SET SCHEMA mine'),
				('take over', 'ALTER TYPE %1$s OWNER TO ~me~'),
				('comment on', 'COMMENT ON TYPE %1$s IS ''mine'''),
				('grant', 'GRANT ALL ON TYPE %1$s TO ~me~'),
				('drop', 'DROP TYPE %1$s CASCADE')
		) AS v (verb, statement)
		LEFT JOIN pg_class AS c ON c.oid = t.typrelid
		WHERE t.typnamespace = 'gapless'::regnamespace AND t.typcategory <> 'A' AND (v.verb = 'use' OR coalesce(c.relkind, 'c') = 'c')
		ORDER BY 1`)
	list(`
		SELECT v.verb || e' the schema\n' || v.statement
		FROM (
			VALUES
				('make a table in', 'CREATE TABLE gapless.mine ()'),
				('make a view in', 'CREATE VIEW gapless.mine AS SELECT 1'),
				('make a function in', 'CREATE FUNCTION gapless.mine() RETURNS integer LANGUAGE sql AS ''SELECT 1'''),
				('make a type in', 'CREATE TYPE gapless.mine AS ENUM ()'),
				('make an operator in', 'CREATE OPERATOR gapless.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)'),
				('rename', 'ALTER SCHEMA gapless RENAME TO another'),
				('take over', 'ALTER SCHEMA gapless OWNER TO ~me~'),
				('comment on', 'COMMENT ON SCHEMA gapless IS ''mine'''),
				('grant', 'GRANT ALL ON SCHEMA gapless TO ~me~'),
				('change the defaults of', format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA gapless GRANT ALL ON TABLES TO PUBLIC', current_user)),
				('become the owner of', format('SET ROLE %I', current_user)),
				('switch off triggers for', 'SET session_replication_role = replica'),
				('stop counting for', 'SET track_counts = off'),
				('drop', 'DROP SCHEMA gapless CASCADE')
		) AS v (verb, statement)`)
	return attempts
}

// makeOtherKinds makes objects of the kinds that the schema does not have yet, so that it is known that these are tried, too.
const makeOtherKinds = `
	CREATE SEQUENCE gapless.another_sequence;
	CREATE MATERIALIZED VIEW gapless.another_view AS SELECT 1 AS a;
	CREATE TYPE gapless.another_type AS (a integer);
	CREATE DOMAIN gapless.another_domain AS integer;
	CREATE TABLE gapless.another_table (a integer PRIMARY KEY) PARTITION BY LIST (a);
	CREATE FOREIGN DATA WRAPPER another;
	CREATE SERVER another FOREIGN DATA WRAPPER another;
	CREATE FOREIGN TABLE gapless.another_foreign (a integer) SERVER another;
	REVOKE ALL ON TYPE gapless.another_type, gapless.another_domain FROM PUBLIC`

// TestEveryObjectIsRefusedToEveryRoleButForAShortList tries everything that SQL can do with each object of the schema, and
// with the functions that attach has made, as each kind of role. What is not in a role's list is refused with 42501, and what is
// in it is not: so the lists are short, whole and true.
func TestEveryObjectIsRefusedToEveryRoleButForAShortList(t *testing.T) {
	t.Parallel()
	allocates := []string{"use row type gapless.*", "call gapless.next_gapless", "call gapless.next_gapless_batch", "call gapless.last_gapless", "call gapless.peek_gapless",
		"call gapless.mark_gapless", "call gapless.outcome_gapless", "call gapless.flush_gapless", "SELECT gapless.sequences", "SELECT gapless.ranges", "SELECT gapless.holders", "SELECT gapless.columns",
		"SELECT gapless.waiting", "INSERT gapless.waiting"} // only his own transaction's notes, and no number
	for name, actor := range map[string]struct {
		grant   string // ~me~ is the role
		allowed []string
	}{
		"a stranger": {},
		"a role that only inserts": {
			grant: "GRANT USAGE ON SCHEMA shop TO ~me~; GRANT SELECT, INSERT, UPDATE, DELETE ON shop.bills TO ~me~",
		},
		"an application": {
			grant:   "SELECT gapless.grant_gapless('~name~')",
			allowed: allocates,
		},
		"an auditor": {
			grant:   "GRANT USAGE ON SCHEMA gapless TO ~me~; GRANT SELECT ON gapless.sequences, gapless.holders, gapless.columns, gapless.audits TO ~me~; GRANT EXECUTE ON FUNCTION gapless.audit_gapless, gapless.record_audit_gapless TO ~me~",
			allowed: []string{"use row type gapless.*", "call gapless.audit_gapless", "call gapless.record_audit_gapless", "SELECT gapless.sequences", "SELECT gapless.holders", "SELECT gapless.columns", "SELECT gapless.audits", "SELECT gapless.waiting", "INSERT gapless.waiting"},
		},
		"a manager": {
			grant: `SELECT gapless.grant_gapless('~name~'); GRANT EXECUTE ON FUNCTION
				gapless.adopt_gapless, gapless.delete_gapless, gapless.prune_gapless, gapless.void_gapless, gapless.audit_gapless,
				gapless.close_gapless, gapless.open_gapless, gapless.forward_gapless, gapless.go_live_gapless, gapless.archive_gapless, gapless.range_gapless, gapless.withdraw_gapless, gapless.void_gapless_batch TO ~me~`,
			allowed: append(slices.Clone(allocates), "call gapless.adopt_gapless", "call gapless.delete_gapless", "call gapless.prune_gapless",
				"call gapless.void_gapless", "call gapless.audit_gapless", "call gapless.close_gapless", "call gapless.open_gapless", "call gapless.forward_gapless", "call gapless.go_live_gapless", "call gapless.archive_gapless", "call gapless.range_gapless", "call gapless.withdraw_gapless", "call gapless.void_gapless_batch"),
		},
		"the owner of another table": {
			grant:   "GRANT ~tableowner~ TO ~me~",
			allowed: []string{"use row type gapless.*", "call gapless.attach_gapless", "call gapless.detach_gapless", "call gapless.guard_partitions", "call gapless.column_*", "SELECT gapless.waiting", "INSERT gapless.waiting", "* shop.bills_number_gapless*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner := sqltest.Connect(t, database)
			_, tableOwner := sqltest.Role(t, database, "tableowner")
			pg.MayAttach(owner, tableOwner)
			owner.Do("CREATE SCHEMA shop AUTHORIZATION " + tableOwner)
			shopkeeper := loginAs(t, database, tableOwner)
			shopkeeper.Do("CREATE TABLE shop.bills (tenant text, number bigint, UNIQUE (tenant, number))")
			shopkeeper.Do("SELECT gapless.attach_gapless('shop.bills', 'number', 'NEW.tenant')")
			shopkeeper.Do("INSERT INTO shop.bills VALUES ('a'), ('b'), ('a')")
			owner.Do("SELECT gapless.next_gapless('by hand')")
			owner.Do(makeOtherKinds)

			rolename, quoted := sqltest.Role(t, database, "actor")
			owner.Do(strings.NewReplacer("~me~", quoted, "~name~", rolename, "~tableowner~", tableOwner).Replace(actor.grant))
			owner.Do("CREATE SCHEMA mine AUTHORIZATION " + quoted)
			me := loginAs(t, database, quoted)
			me.Do("CREATE TABLE mine.t (number bigint)")
			me.Do("CREATE FUNCTION mine.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")

			const state = `
				SELECT a::text FROM gapless.journal AS a
				UNION ALL SELECT s::text FROM gapless.sequence_lock AS s
				UNION ALL SELECT concat_ws(' ', nspname, nspacl, nspowner) FROM pg_namespace
				UNION ALL SELECT concat_ws(' ', oid::regclass, relacl, relowner) FROM pg_class WHERE relnamespace = 'gapless'::regnamespace
				UNION ALL SELECT concat_ws(' ', oid::regprocedure, proacl, proowner, proconfig, prosecdef, procost) FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace
				UNION ALL SELECT concat_ws(' ', oid::regtype, typacl, typowner) FROM pg_type WHERE typnamespace = 'gapless'::regnamespace
				ORDER BY 1`
			before := sqltest.Texts(owner, state)
			hits := map[string]int{}
			attempts := attemptsOnAll(owner, quoted)
			require.Greater(t, len(attempts), 500)
			for _, attempt := range attempts {
				code, message := me.Try(attempt.statement)
				verb, object, _ := strings.Cut(attempt.label, " gapless.")
				listed := slices.IndexFunc(actor.allowed, func(pattern string) bool {
					matched, err := path.Match(pattern, attempt.label)
					require.NoError(t, err)
					return matched
				})
				switch {
				case listed >= 0:
					hits[actor.allowed[listed]]++
					refused := code == "42501" && (strings.HasSuffix(message, " "+object) || strings.HasSuffix(message, " schema gapless"))
					require.False(t, refused, "%s: %s", attempt.label, message)
				case strings.HasPrefix(attempt.label, "grant ") && code == "":
					// PostgreSQL says in a warning that nothing was granted: the state, below, tells.
					me.Do("BEGIN; " + attempt.statement + "; COMMIT")
				case code == "55000" && message == "foreign-data wrapper \"another\" has no handler": // asked for before the right
				case code == "55000" && slices.Contains([]string{"INSERT", "UPDATE", "DELETE"}, verb):
					require.Contains(t, message, "view", attempt.label) // that cannot be written by whomever
				default:
					require.Equal(t, "42501", code, "%s: %s (%s)", attempt.label, message, attempt.statement)
				}
			}
			for _, pattern := range actor.allowed {
				require.Positive(t, hits[pattern], "%s is in the list, and there is no such attempt", pattern)
			}
			require.Equal(t, before, sqltest.Texts(owner, state))
		})
	}
}

// allObjects is all that the schema has. Beside it there are only the row types of its tables and views, and arrays of types.
const allObjects = `	table: audit_record, decision, former, journal, known_text, link, model, moving, number_range, recorded_finding, sequence_lock, shard, void, waiting
	view: attachment, audits, columns, doctor, doctor_activity, doctor_cluster, doctor_columns, doctor_given, doctor_installation, doctor_installed, doctor_object, doctor_privileges, doctor_series, doctor_server, doctor_setting, dropped, fault, guard, holders, kept, member, ranges, schema_version, sequences
	type: journal_kind
	index: audit_record_pkey, recorded_finding_pkey, decision_pkey, former_pkey, journal_pkey, journal_txid, known_text_number, known_text_pkey, link_pkey, model_pkey, model_number_key, moving_pkey, number_range_pkey, waiting_numbers, waiting_txid, sequence_lock_pkey, shard_pkey, void_pkey, void_written
	trigger: ignore on schema_version, waiting_numbered on waiting, waiting_assigned on waiting, moving_arrived on moving, audit_record_append_only on audit_record, recorded_finding_append_only on recorded_finding
	table constraint: waiting_numbered on waiting, waiting_assigned on waiting, moving_arrived on moving, audit_record_pkey on audit_record, recorded_finding_pkey on recorded_finding
	table constraint: decision_pkey on decision, decision_kind on decision, former_pkey on former, journal_pkey on journal, moving_pkey on moving, number_range_pkey on number_range, sequence_name_length on sequence_lock
	table constraint: sequence_lock_pkey on sequence_lock, shard_pkey on shard, void_pkey on void, known_text_pkey on known_text, link_pkey on link, model_pkey on model, model_number_key on model
	function: adopt_gapless, attach_gapless, attached_column, audit_columns, audit_failed_columns, audit_gapless, audit_journal, audit_numbers, audit_reader, begin_at, check_not_attached, check_reason, close_gapless, check_not_rewritten, check_name, check_reset, check_unreset, check_not_stale, check_role
	function: column_adopt, column_check_column, column_check_expression, column_check_expressions, column_check_index, column_check_table
	function: column_check_former, column_check_guards, column_check_names, column_named, column_check_others, column_check_owner, column_callees, column_check_series, column_check_spelling, column_compare, column_series_of, column_adopt_voids, column_keep_void, column_place_voids, column_voids
	function: column_claim_sequence, column_compile, column_copy, column_date_floor, column_enter, column_enter_row, column_enter_rows
	function: column_check_chain, column_link, column_linked, column_previous, drop_links, model_chain
	function: column_entered, column_express, column_express_read, column_first_number, column_first_number_general, column_follow_move
	function: column_dismantle, head_of, column_former_guards, column_functions, column_check_partition, column_make_index, column_guard_partitions, column_has_left, column_repeated, column_is_attached, column_former_values, column_given, column_has_void_texts, column_is_void, column_is_archived, column_value, column_lock_move, column_void_moved, column_inverse, column_issued, column_sought, column_note_former, column_reclaim, column_lock_waiting
	function: column_assign, column_commits, column_end_wait, column_has_triggers, column_note_first, refuse_assigned, refuse_moving, refuse_waiting, column_take
	function: model_assign, model_confirm, model_finish, model_key, model_note, model_number, model_rest, model_single
	function: column_make_triggers, column_next_number, column_noted, column_own, column_pins, column_predicates, column_refuse, column_refuse_text
	function: column_check_shared, column_draw, column_enter_elsewhere, column_head, column_inserted, column_lock_head, column_lock_briefly, column_others
	function: column_leave, column_refuse_truncate, column_release_sequences, column_reserve, column_settle_note, column_spread, column_step, column_stem, column_take_over, column_unique_key, column_values
	function: column_warn_format, model_arrive, model_check_text, model_commit, model_dated, model_due, model_enter, model_insert, model_pending, model_issue
	function: model_keep, model_read, model_rows, model_series, model_survey, model_text, model_trial, model_update, model_wait, model_written
	function: decide, delete_gapless, detach_gapless, flush_gapless, forget_note, forward_gapless, go_live_gapless, archive_gapless, check_not_live, move_forward, grant_gapless, guard_partitions, guard_new_partitions
	function: last_gapless, last_run, lock_sequence, lock_sequence_by_writing, newest_run, mark_gapless, next_gapless, next_gapless_batch, lock_or_make_sequence, outcome_gapless, peek_gapless
	function: finding_key, record_audit_gapless, refuse_append_only
	function: node_answers, node_audit, node_columns, node_holders, node_sequences, on_node, on_nodes, on_workers, shard_of, shard_tables
	function: doctor_nodes
	function: attach_shards, shard_guard, node_shards, shard_attach, shard_coordinator, shard_gather, shard_unguard, shard_attach_table, shard_bring, shard_check_session, shard_check_table, shard_copy, shard_detach, shard_detach_all, shard_detach_table, shard_digest, shard_guard_table, shard_guards, shard_has, shard_wait_less, shard_bound, shard_unbind, shard_tell, shard_check_placed, shard_hold, shard_unplaced, shard_hand_over, column_shard_kind, shard_leave, shard_list, shard_named, shard_note, shard_notes, shard_forget_stale, shard_free, shard_keyed, shard_known, shard_lacks, shard_leave_names, shard_names, shard_origins, shard_owned, shard_page, shard_pages, shard_places, shard_release, shard_series, shard_take
	function: outcome_here, outcome_on_nodes
	function: range_gapless, range_left, range_pass, range_take, raise_range, withdraw_gapless
	function: open_gapless, prune_gapless, raise_closed, raise_exhausted, raise_locked, raise_stale, raise_void, reset_gapless, version_gapless, ignore_version, revoke_gapless, value_after, void_gapless, void_gapless_batch`

// TestEveryObjectOfTheSchemaIsOnTheListAndItsOwnersAlone reads every catalog that has a schema's objects, and those of what belongs to a
// table: nothing is there that is not on the list, and nothing but row types is anybody's but the schema's owner's.
func TestEveryObjectOfTheSchemaIsOnTheListAndItsOwnersAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	s := sqltest.Connect(t, database)
	// What is made from now on is PUBLIC's, unless it is taken from it.
	for _, kind := range []string{"TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS"} {
		s.Do("ALTER DEFAULT PRIVILEGES GRANT ALL ON " + kind + " TO PUBLIC")
	}
	require.NoError(t, pgtest.Install(t.Context(), database.URL))

	catalogs := sqltest.Texts(s, `
		SELECT format($$
				SELECT o.tableoid AS catalog, o.oid, %s AS owner, %s AS acl
				FROM pg_catalog.%I AS o
				WHERE %s$$,
			coalesce((SELECT 'o.' || a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname ~ 'owner$'), 'NULL::oid'),
			coalesce((SELECT 'o.' || a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.atttypid = 'aclitem[]'::regtype), 'NULL::aclitem[]'),
			c.relname,
			CASE
				WHEN n.attname ~ '(namespace|nspid)$' THEN format('o.%I = ''gapless''::regnamespace', n.attname)
				ELSE format('o.%I IN (SELECT r.oid FROM pg_class AS r WHERE r.relnamespace = ''gapless''::regnamespace)', n.attname)
			END)
		FROM pg_class AS c
		JOIN pg_attribute AS n ON n.attrelid = c.oid AND n.atttypid = 'oid'::regtype
			AND (n.attname ~ '(namespace|nspid)$' OR n.attname IN ('tgrelid', 'polrelid', 'ev_class', 'prrelid'))
		WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'`)
	require.GreaterOrEqual(t, len(catalogs), 20)
	s.Do("CREATE TEMP TABLE object AS SELECT i.type, split_part(i.identity, '(', 1) AS name, o.* FROM (" + strings.Join(catalogs, " UNION ALL ") + `) AS o,
		pg_identify_object(o.catalog, o.oid, 0) AS i`)
	const derived = "o.catalog = 'pg_type'::regclass AND o.oid IN (SELECT t.oid FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid WHERE t.typcategory = 'A' OR c.relkind <> 'c')"
	var list []string
	for line := range strings.Lines(allObjects) {
		kind, names, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for name := range strings.SplitSeq(names, ", ") {
			list = append(list, strings.TrimSpace(kind+" "+name))
		}
	}
	require.ElementsMatch(t, list, sqltest.Texts(s, "SELECT o.type || ' ' || replace(o.name, 'gapless.', '') FROM object AS o WHERE NOT ("+derived+`)
		AND o.type <> 'extension' AND NOT (o.type = 'rule' AND o.name LIKE '"\_RETURN" on %') AND o.oid NOT IN (SELECT c.oid FROM pg_constraint AS c WHERE c.contype = 'n')`))

	require.Empty(t, sqltest.Texts(s, "SELECT concat_ws(' ', o.type, o.name) FROM object AS o WHERE o.owner <> (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'gapless')"))
	require.Empty(t, sqltest.Texts(s, `
		SELECT concat_ws(' ', o.type, o.name, acl.privilege_type)
		FROM object AS o
		LEFT JOIN pg_class AS c ON o.catalog = 'pg_class'::regclass AND c.oid = o.oid
		CROSS JOIN LATERAL aclexplode(coalesce(o.acl, acldefault(
			CASE o.catalog::regclass::text WHEN 'pg_proc' THEN 'f' WHEN 'pg_type' THEN 'T' WHEN 'pg_class' THEN CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END END::"char", o.owner
		))) AS acl
		WHERE acl.grantee <> o.owner AND NOT (`+derived+`) AND o.name <> 'gapless.waiting'`), "PUBLIC, or anybody else")
	require.Empty(t, sqltest.Texts(s, "SELECT attrelid::regclass::text FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid IN (SELECT o.oid FROM object AS o) AND attrelid <> 'gapless.waiting'::regclass"))
	require.Equal(t, []string{"{=r/postgres}"}, sqltest.Texts(s, "SELECT DISTINCT regexp_replace(array_remove(relacl, (SELECT a FROM unnest(relacl) AS a WHERE a::text !~ '^=' LIMIT 1))::text, '/.*}', '/postgres}') FROM pg_class WHERE oid = 'gapless.waiting'::regclass"), "PUBLIC reads its own transaction's notes")
	require.Equal(t, []string{"attachment", "keys", "names"}, sqltest.Texts(s, "SELECT attname FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid = 'gapless.waiting'::regclass ORDER BY 1"), "and writes some")
	require.Empty(t, sqltest.Texts(s, "SELECT acl.privilege_type FROM pg_namespace AS n, aclexplode(n.nspacl) AS acl WHERE n.nspname = 'gapless' AND acl.grantee <> n.nspowner"))
}

// makeRan makes public.ran(), which notes the role with whose rights it runs: as a lock, which neither a rollback nor a
// read-only transaction undoes.
func makeRan(owner sqltest.Session) {
	owner.T.Helper()
	owner.Do(`CREATE FUNCTION public.ran() RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
		BEGIN
			PERFORM pg_advisory_lock(4711, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user)::integer);
			RETURN true;
		END $$`)
}

// whoRan has the roles with whose rights it ran in a session, and forgets them.
func whoRan(observer, s sqltest.Session) []string {
	observer.T.Helper()
	ran := sqltest.Texts(observer, `
		SELECT r.rolname::text
		FROM pg_locks AS l
		JOIN pg_roles AS r ON r.oid = l.objid
		WHERE l.locktype = 'advisory' AND l.classid = 4711 AND l.pid = $1
		ORDER BY 1`, s.PID())
	s.Do("SELECT pg_catalog.pg_advisory_unlock_all()")
	return ran
}

// makeEvil makes schema evil, owned by a role: every operator and function that gapless uses, and more that would suit its
// operands better, and types of the names that it uses.
const makeEvil = `
DO $do$
DECLARE
	item    record;
	made    integer := 0;
	body    CONSTANT text := 'LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN PERFORM public.ran(); RAISE EXCEPTION ''hijacked''; END $$';
	numbers CONSTANT text[] := '{bigint,integer,smallint,numeric}';
	strings CONSTANT text[] := '{text,name,varchar,text[],name[],bigint[],smallint[],timestamp[]}';
	others  CONSTANT text[] := '{boolean,oid,regclass,regtype,"char",timestamp,timestamptz,uuid,tid,xid8,numrange,nummultirange,gapless.journal_kind}';
BEGIN
	FOR item IN
		SELECT l AS left_type, r AS right_type, operators, result
		FROM (
			VALUES
				('{=,<>,<,<=,>,>=}'::text[], numbers || strings || others, 'boolean'),
				('{+,-,*,/,%,&,<<}', numbers, 'bigint'),
				('{||}', strings || others || numbers, 'text'),
				('{~,!~,~*,!~*,~~,!~~,~~*}', strings, 'boolean'),
				('{+,-,*}', '{numrange,nummultirange}', 'nummultirange')
		) AS v (operators, types, result)
		CROSS JOIN LATERAL unnest(types) AS l
		CROSS JOIN LATERAL unnest(types) AS r
		WHERE l = r OR result <> 'boolean' OR NOT (l = ANY (others) AND r = ANY (others))
	LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION evil.%I(%s, %s) RETURNS %s %s', 'operator ' || item.result, item.left_type, item.right_type, item.result, body);
		FOR i IN 1..cardinality(item.operators) LOOP
			EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.%I)',
				item.operators[i], item.left_type, item.right_type, 'operator ' || item.result);
			made := made + 1;
		END LOOP;
	END LOOP;

	FOR item IN
		SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
		FROM pg_proc AS p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace
			AND p.proname IN (
				SELECT m[1]
				FROM pg_proc AS g, regexp_matches(g.prosrc, '\m([a-z_][a-z0-9_]*)\s*\(', 'g') AS m
				WHERE g.pronamespace = 'gapless'::regnamespace
			)
			AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::regtype[]) AS u WHERE u::text IN ('internal', 'cstring', '"any"'))
			AND p.prorettype::regtype::text NOT IN ('internal', 'cstring')
			AND p.prokind <> 'p' AND pg_get_function_identity_arguments(p.oid) !~ 'ORDER BY|pg_ddl_command'
		UNION
		SELECT v.* FROM (VALUES
			('count', '', 'bigint'), ('format', 'text, text', 'text'), ('format', 'text, text, text', 'text'), ('format', 'text, regclass, name', 'text'),
			('format', 'text, name', 'text'), ('format', 'text, regclass', 'text'), ('format', 'text, bigint, integer', 'text'), ('concat_ws', 'text, text, text', 'text'),
			('next_gapless', 'text', 'bigint'), ('check_name', 'text', 'void'), ('value_after', 'bigint, bigint, bigint', 'bigint')
		) AS v
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s %s', item.proname, item.arguments, item.result, body);
		made := made + 1;
	END LOOP;

	FOR item IN
		SELECT t.typname
		FROM pg_type AS t
		WHERE t.typnamespace = 'pg_catalog'::regnamespace
			AND t.typname IN ('text', 'name', 'regclass', 'regtype', 'regproc', 'regprocedure', 'uuid', 'oid', 'timestamptz', 'tid', 'xid8', 'numrange', 'refcursor', 'int8', 'bool')
	LOOP
		EXECUTE format('CREATE DOMAIN evil.%1$I AS pg_catalog.%1$I CHECK (public.ran())', item.typname);
		made := made + 1;
	END LOOP;
	CREATE DOMAIN evil.record AS pg_catalog.text CHECK (public.ran());
	ASSERT made > 2000, made;
END $do$`

// everyKind makes tables that number themselves in every way: as texts, with a mark for what is not numbered yet, by dates,
// in chains, at commit, in partitions.
const everyKind = `
	CREATE TABLE documents (
		id integer PRIMARY KEY, tenant text NOT NULL, draft boolean NOT NULL DEFAULT false, day date NOT NULL DEFAULT '2026-01-01',
		early varchar NOT NULL DEFAULT '/', late text NOT NULL DEFAULT '/', linked bigint, hash bytea, previous_hash bytea, moved bigint UNIQUE
	);
	CREATE UNIQUE INDEX ON documents (early) WHERE early <> '/';
	CREATE UNIQUE INDEX ON documents (late) WHERE late <> '/';
	CREATE UNIQUE INDEX ON documents (tenant, linked);
	SELECT
		gapless.attach_gapless('documents', 'early', name => $$ 'early ' || NEW.tenant $$, format => $$ 'E-' || NEW.tenant || '-' || value $$,
			condition => 'NOT NEW.draft', chronology => 'NEW.day', unnumbered => '/'),
		gapless.attach_gapless('documents', 'late', name => $$ 'late ' || NEW.tenant $$, format => $$ 'L-' || NEW.tenant || '-' || value $$,
			condition => 'NOT NEW.draft', unnumbered => '/', at_commit => true),
		gapless.attach_gapless('documents', 'linked', name => $$ 'linked ' || NEW.tenant $$, chain => $$ sha256(coalesce(NEW.previous_hash, '') || convert_to(NEW.tenant, 'UTF8')) $$),
		gapless.attach_gapless('documents', 'moved', name => $$ 'moved' $$);
	CREATE TABLE days (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, note text, early text, late text, PRIMARY KEY (day, id), UNIQUE (day, early), UNIQUE (day, late))
		PARTITION BY RANGE (day);
	CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
	CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
	CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
	SELECT
		gapless.attach_gapless('days', 'early', name => $$ 'day ' || NEW.day $$, format => $$ 'D' || value $$),
		gapless.attach_gapless('days', 'late', name => $$ 'late day ' || NEW.day $$, format => $$ 'D' || value $$, at_commit => true)`

// TestAFunctionThatPinsNoSearchPathQualifiesWhatItUses reads those that run with their owner's rights, gapless' and
// what attach_gapless makes.
func TestAFunctionThatPinsNoSearchPathQualifiesWhatItUses(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE parts (id bigint GENERATED ALWAYS AS IDENTITY, tenant text, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) PARTITION BY LIST (tenant)")
	s.Do(everyKind)
	unqualified := regexp.MustCompile(`(?i)\bnullif\b|\bis\s+(not\s+)?distinct\b|\b(not\s+)?in\s*\(|\b(i?like|similar|between)\b|[-+*/<>=~!@#%^&|]+`)
	harmless := strings.NewReplacer(":=", "", "=>", "")
	read := 0
	for _, function := range sqltest.Texts(s, `
		SELECT concat_ws(e'\n', p.oid::regprocedure, p.prosrc)
		FROM pg_proc AS p
		JOIN pg_language AS l ON l.oid = p.prolang
		WHERE p.prosecdef AND l.lanname = 'plpgsql'
			AND (p.pronamespace = 'public'::regnamespace OR p.pronamespace = 'gapless'::regnamespace AND p.proname NOT LIKE 'model\_%')
			AND array_to_string(p.proconfig, ' ') LIKE '%search_path=%' IS NOT TRUE`) {
		read++
		name, body, _ := strings.Cut(function, "\n")
		body = regexp.MustCompile(`--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|OPERATOR\((?:pg_catalog|"pg_catalog")\.[^)]*\)`).ReplaceAllString(body, " ")
		body = regexp.MustCompile(`#variable_conflict|\bSET \w+ =|\bAS \w+ \(`).ReplaceAllString(body, "")
		require.Empty(t, regexp.MustCompile(`(?m)(?:::\s*|^\s+\w+\s+(?:CONSTANT\s+)?)(?:text|name|oid|record|regclass|tid|xid|jsonb|uuid)\b`).FindAllString(body, -1), "types, %s", name)
		require.Empty(t, unqualified.FindAllString(harmless.Replace(body), -1), "%s\n%s", name, body)
		for _, call := range regexp.MustCompile(`(?i)([a-z_][\w.]*)\s*\(`).FindAllStringSubmatch(body, -1) {
			if word := strings.ToLower(call[1]); !strings.Contains(word, ".") {
				require.Contains(t, []string{"coalesce", "greatest", "when", "if", "elsif", "and", "or", "not", "values", "return", "from", "then", "else"}, word, name)
			}
		}
	}
	require.Greater(t, read, 6)
}

// TestNothingOnASessionsSearchPathRunsWithinGapless calls every public function in sessions in which an attacker's
// operators, functions, types and temporary tables come first: as an application, and as the schema's owner who was lured there.
func TestNothingOnASessionsSearchPathRunsWithinGapless(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	makeRan(owner)
	_, attacker := sqltest.Role(t, database, "attacker")
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	owner.Do("CREATE SCHEMA evil AUTHORIZATION " + attacker)
	owner.Do("GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT USAGE ON TYPE gapless.journal_kind TO " + attacker + "; GRANT USAGE ON SCHEMA gapless TO " + attacker)
	owner.Do("SET ROLE " + attacker)
	owner.Do(makeEvil)
	owner.Do("RESET ROLE")
	owner.Do("CREATE TABLE numbered (id integer PRIMARY KEY, tenant text, late text, number bigint, UNIQUE (tenant, number), later bigint, UNIQUE (late, later))")
	owner.Do("SELECT gapless.attach_gapless('numbered', 'number', 'NEW.tenant', condition => 'NEW.id > 0')")
	owner.Do("SELECT gapless.attach_gapless('numbered', 'later', 'NEW.late', at_commit => true)")
	owner.Do("CREATE TABLE parts (id bigint GENERATED ALWAYS AS IDENTITY, tenant text, number bigint, PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) PARTITION BY LIST (tenant)")
	owner.Do("SELECT gapless.attach_gapless('parts', 'number', 'NEW.tenant', at_commit => true)")
	owner.Do("CREATE TABLE attached (tenant text, number bigint, UNIQUE (tenant, number))")
	owner.Do(everyKind)
	owner.Do("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON numbered, parts, documents, days TO " + app)
	temporary := sqltest.Texts(owner, `
		SELECT DISTINCT m[1] FROM pg_proc AS p, regexp_matches(p.prosrc, '\mpg_catalog\.(pg_[a-z_]+)\M(?!\()', 'g') AS m
		WHERE p.pronamespace = 'gapless'::regnamespace AND to_regclass('pg_catalog.' || m[1]) IS NOT NULL
		UNION SELECT relname FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind IN ('r', 'v')`)
	require.Greater(t, len(temporary), 12)

	// $p is another one for each session.
	calls := map[string][]string{
		"next_gapless":         {"SELECT gapless.next_gapless('$p')", "SELECT gapless.next_gapless('$p', 1, 5, true)", "SELECT gapless.next_gapless('$p new', nowait => true)"},
		"next_gapless_batch":   {"SELECT gapless.next_gapless_batch('$p', 3)", "SELECT gapless.next_gapless_batch('$p', 7, 1, 3, true)"},
		"last_gapless":         {"SELECT gapless.last_gapless('$p')"},
		"peek_gapless":         {"SELECT gapless.peek_gapless('$p', 1, 9)", "SELECT gapless.peek_gapless('none')"},
		"mark_gapless":         {"SELECT gapless.mark_gapless('00000000-0000-0000-0000-000000000001')"},
		"outcome_gapless":      {"SELECT gapless.outcome_gapless('00000000-0000-0000-0000-000000000001', 3)"},
		"flush_gapless":        {"SELECT gapless.flush_gapless()"},
		"adopt_gapless":        {"SELECT gapless.adopt_gapless('$p adopted', 7)", "SELECT gapless.adopt_gapless('$p adopted', 9)"},
		"void_gapless":         {"SELECT gapless.next_gapless('$p void')", "SELECT gapless.void_gapless('$p void', 1, 'because')"},
		"void_gapless_batch":   {"SELECT gapless.next_gapless('$p void')", "SELECT gapless.void_gapless_batch('$p void', 2, 2, 'because')"},
		"forward_gapless":      {"SELECT gapless.forward_gapless('$p forward', 7, 'because')", "SELECT gapless.forward_gapless('$p forward', 9, 'because')"},
		"close_gapless":        {"SELECT gapless.close_gapless('$p forward', 'because')"},
		"open_gapless":         {"SELECT gapless.open_gapless('$p forward', 'because')"},
		"go_live_gapless":      {"SELECT gapless.go_live_gapless('$p forward', 'because')"},
		"range_gapless":        {"SELECT gapless.range_gapless('$p range', 1, 3, 'because', '2099-12-31', warn_percent => 5, warn_days => 3)", "SELECT gapless.next_gapless_batch('$p range', 2)", "SELECT gapless.range_gapless('$p range', 11, 13, 'because')", "SELECT gapless.next_gapless_batch('$p range', 2)"},
		"withdraw_gapless":     {"SELECT gapless.withdraw_gapless('$p range', 11, 'because')"},
		"prune_gapless":        {"SELECT gapless.prune_gapless('$p', 'infinity')"},
		"audit_gapless":        {"SELECT gapless.audit_gapless()", "SELECT gapless.audit_gapless('$p')"},
		"record_audit_gapless": {"SELECT gapless.record_audit_gapless()", "SELECT gapless.record_audit_gapless(pattern => '$p%')"},
		"attach_gapless":       {"SELECT gapless.attach_gapless('public.attached', 'number', 'NEW.tenant')", "INSERT INTO public.attached VALUES ('$p attached'), ('$p attached')"},
		"guard_partitions":     {"CREATE TABLE public.\"$p\" PARTITION OF public.parts FOR VALUES IN ('$p')", "SELECT gapless.guard_partitions()"},
		"guard_new_partitions": {"SELECT gapless.guard_new_partitions()", "CREATE TABLE public.\"$p 2\" PARTITION OF public.parts FOR VALUES IN ('$p 2')",
			"SELECT gapless.guard_new_partitions(false)"},
		"archive_gapless": {"SELECT gapless.archive_gapless('$p attached', 2, 'because')"},
		"detach_gapless":  {"SELECT gapless.detach_gapless('public.attached', 'number')"},
		"grant_gapless":   {"SELECT gapless.grant_gapless('$app')"},
		"revoke_gapless":  {"SELECT gapless.revoke_gapless('$app')", "SELECT gapless.grant_gapless('$app')"},
		"version_gapless": {"SELECT gapless.version_gapless()"},
		"reset_gapless":   {"SELECT gapless.reset_gapless(pg_catalog.current_database()::pg_catalog.text, '{$p reset}')"},
		"delete_gapless":  {"SELECT gapless.delete_gapless('$p')", "SELECT gapless.delete_gapless('$p', true)"},
	}
	order := []string{"next_gapless", "next_gapless_batch", "last_gapless", "peek_gapless", "mark_gapless", "outcome_gapless", "flush_gapless", "adopt_gapless",
		"void_gapless", "void_gapless_batch", "forward_gapless", "close_gapless", "open_gapless", "go_live_gapless", "range_gapless", "withdraw_gapless", "prune_gapless", "attach_gapless", "archive_gapless", "audit_gapless", "record_audit_gapless", "guard_partitions", "guard_new_partitions", "detach_gapless", "grant_gapless", "revoke_gapless", "version_gapless", "reset_gapless", "delete_gapless"}
	require.ElementsMatch(t, order, sqltest.Texts(owner, "SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname ~ '_gapless(_batch)?$|^guard_'"))

	for i, searchPath := range []string{"evil", "evil, pg_catalog", "pg_temp, evil, pg_catalog", "gapless, evil, pg_catalog, public"} {
		for _, who := range []string{"app", "owner"} {
			s := sqltest.Connect(t, database)
			if who == "app" {
				s.Do("SET SESSION AUTHORIZATION " + app)
			}
			for _, name := range temporary {
				s.Do("CREATE TEMP VIEW " + name + " AS SELECT public.ran() AS name, public.ran() AS oid")
			}
			for _, name := range []string{"text", "name", "regclass", "uuid", "oid"} {
				s.Do("CREATE DOMAIN pg_temp." + name + " AS pg_catalog." + name + " CHECK (public.ran())")
			}
			s.Do("CREATE DOMAIN pg_temp.record AS pg_catalog.text CHECK (public.ran())")
			s.Do("SET search_path = " + searchPath)
			prefix := fmt.Sprintf("%s %d", who, i)
			for _, name := range order {
				for _, call := range calls[name] {
					call = strings.NewReplacer("$p", prefix, "$app", appName).Replace(call)
					if strings.Contains(call, "attach_gapless") {
						s.Do("SET search_path = public") // its expressions mean what they mean there
					}
					_, err := s.Exec(t.Context(), call)
					s.Do("SET search_path = " + searchPath)
					var pgErr *pgconn.PgError
					if err != nil && who == "app" && errors.As(err, &pgErr) {
						require.Equal(t, "42501", pgErr.Code, "%s under %s: %+v", call, searchPath, pgErr)
						err = nil
					}
					require.NoError(t, err, "%s under %s", call, searchPath)
					require.Empty(t, whoRan(owner, s), "%s under %s", call, searchPath)
				}
			}
			id := 10*i + map[string]int{"app": 1, "owner": 2}[who]
			for _, statement := range []string{
				fmt.Sprintf("INSERT INTO public.numbered (id, tenant, late) VALUES (%d, 'a', 'l'), (-%d, 'b', 'm'), (%d, 'b', 'm')", id, id, id+5),
				"UPDATE public.numbered SET tenant = tenant",
				"INSERT INTO public.parts (tenant) VALUES ('part a'), ('part b')",
				"INSERT INTO public.documents (id, tenant) VALUES " + fmt.Sprintf("(%d, 'a'), (%d, 'a')", 10*id, 10*id+1),
				fmt.Sprintf("INSERT INTO public.documents (id, tenant, draft) VALUES (%d, 'b', true)", 10*id+2),
				fmt.Sprintf("INSERT INTO public.documents (id, tenant) VALUES (%d, 'c')", 10*id+3),
				fmt.Sprintf("INSERT INTO public.documents (id, tenant) VALUES (%d, 'c') ON CONFLICT (id) DO UPDATE SET tenant = EXCLUDED.tenant", 10*id+3),
				fmt.Sprintf("UPDATE public.documents SET draft = false WHERE id OPERATOR(pg_catalog.=) %d", 10*id+2),
				"INSERT INTO public.days (day, note) VALUES ('2026-01-01', 'x'), ('2026-07-01', 'x')",
				"UPDATE public.days SET note = 'y'",
				"SELECT * FROM gapless.sequences",
				"SELECT * FROM gapless.holders",
			} {
				s.Do(statement)
			}
			for code, statements := range map[string][]string{
				"23001": {"DELETE FROM public.numbered", "TRUNCATE public.numbered", "UPDATE public.numbered SET late = 'another'"},
				"428C9": {"UPDATE public.numbered SET number = 99", "INSERT INTO public.numbered (id, tenant, late, number) VALUES (99, 'a', 'l', 99)"},
			} {
				for _, statement := range statements {
					s.Refuse(code, statement)
				}
			}
			require.Empty(t, whoRan(owner, s), "rows, under %s", searchPath)

			// Were it found, it would run.
			if strings.Contains(searchPath, "evil, pg_catalog") {
				for _, statement := range []string{
					"SELECT 'a'::pg_catalog.text || 'b'::pg_catalog.text", "SELECT 1::bigint = 1::integer", "SELECT octet_length('x'::pg_catalog.text)", "SELECT 'x'::text",
				} {
					_, err := s.Exec(t.Context(), statement)
					require.True(t, err != nil || strings.HasSuffix(statement, "::text"), statement)
					require.Len(t, whoRan(owner, s), 1, "%s under %s", statement, searchPath)
				}
			}
			s.Do("DISCARD TEMP") // now, and not while its role is dropped
		}
	}
	require.Empty(t, sqltest.Texts(owner, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"))
}

// TestCodeOfACallersTypesRunsAsTheCaller has an argument that is cast to text by the caller's own function.
func TestCodeOfACallersTypesRunsAsTheCaller(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	makeRan(owner)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	owner.Do("CREATE SCHEMA mine AUTHORIZATION " + app)
	s := loginAs(t, database, app)
	s.Do("CREATE TYPE mine.t AS (x text)")
	s.Do("CREATE FUNCTION mine.text(mine.t) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN ($1).x; END $$")
	s.Do("CREATE CAST (mine.t AS text) WITH FUNCTION mine.text(mine.t) AS IMPLICIT")
	require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless(row('a')::mine.t)"))
	require.Equal(t, []string{appName}, whoRan(owner, s))
}

// newHostile is a role that owns schema h with tables a and b, whose columns it has attached, and which have a row each.
func newHostile(t *testing.T, database *pgtest.Database) (owner, hostile sqltest.Session, name string) {
	t.Helper()
	owner = sqltest.Connect(t, database)
	makeRan(owner)
	name, quoted := sqltest.Role(t, database, "hostile")
	pg.MayAttach(owner, quoted)
	owner.Do("CREATE SCHEMA h AUTHORIZATION " + quoted)
	hostile = loginAs(t, database, quoted)
	for _, table := range []string{"a", "b"} {
		hostile.Do("CREATE TABLE h." + table + " (d date, number bigint UNIQUE)")
		hostile.Do("SELECT gapless.attach_gapless('h." + table + "', 'number', '''h" + table + "''', chronology => 'NEW.d')")
		hostile.Do("INSERT INTO h." + table + " VALUES ('2026-01-01')")
	}
	return owner, hostile, name
}

// TestNothingOnATableOwnersSearchPathRunsWithTheSchemasOwnersRights calls what numbers columns, where it runs with the rights of the
// schema's owner, as a role that may attach, with operators, functions and types of its own first on the path.
func TestNothingOnATableOwnersSearchPathRunsWithTheSchemasOwnersRights(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, hostile, name := newHostile(t, database)
	quoted := pgx.Identifier{name}.Sanitize()
	owner.Do("CREATE SCHEMA evil AUTHORIZATION " + quoted)
	owner.Do("GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT USAGE ON TYPE gapless.journal_kind TO " + quoted)
	hostile.Do(makeEvil)
	hostile.Do("CREATE TABLE h.c (number bigint, hash bytea, previous_hash bytea)")
	attachment := strconv.FormatInt(owner.Number("SELECT max(attachment) FROM gapless.journal WHERE name = 'ha'"), 10)
	calls := map[string][]string{
		"column_first_number": {
			"SELECT gapless.column_first_number('h.a', 'number', 'ha', 1, 'x', 0)", "SELECT gapless.column_first_number('h.a', 'number', 'new', 1, NULL, 0)",
		},
		"column_first_number_general": {"SELECT gapless.column_first_number_general('h.a', 'number', 'new', 1, 'x', 0)"},
		"column_enter_row": {
			"SELECT gapless.column_enter_row($a, 'ha', 2, 'two', '2026-01-02', 'x')",
		},
		"column_link": {"SELECT gapless.column_link('h.a', 'number', 'ha', 2, 'two')"},
		"column_previous": {
			"SELECT gapless.column_previous('h.a', 'number', 'ha', 2), gapless.column_previous('h.a', 'number', 'none', 2)",
			"SELECT gapless.column_link('h.a', 'number', 'ha', 2, 'two'), gapless.column_previous('h.a', 'number', 'ha', 2)",
		},
		"column_enter":             {"SELECT gapless.column_enter('h.a', 'number', 1, $a, 'ha', 2, 'two', '2026-01-01')"},
		"column_enter_rows":        {"SELECT gapless.column_enter_rows('h.a', 'number', 1, $a, '{ha,ha}', '{2,3}', '{two,three}', '{2026-01-01,2026-01-02}')"},
		"column_values":            {"SELECT gapless.column_values('h.a', 'number', 1, '{ha}')"},
		"column_date_floor":        {"SELECT gapless.column_date_floor('ha')"},
		"column_entered":           {"SELECT gapless.column_entered('ha', 'one', NULL), gapless.column_entered('ha', NULL, 1)"},
		"column_issued":            {"SELECT gapless.column_issued('h.a', 'number')"},
		"column_former_values":     {"SELECT gapless.column_former_values('{ha}')"},
		"column_given":             {"SELECT gapless.column_given('h.a', 'number', 'ha', '1', true, true)"},
		"column_has_void_texts":    {"SELECT gapless.column_has_void_texts('h.a', 'number')"},
		"column_reserve":           {"SELECT gapless.column_reserve('h.a', 'number', 'new', 1)"},
		"column_step":              {"SELECT gapless.column_step('ha', 1, 1, true)"},
		"column_refuse_text":       {"DO $do$ BEGIN PERFORM gapless.column_refuse_text('cut', 'h.a', 'number', 'ha', 1, 'one'); EXCEPTION WHEN invalid_parameter_value THEN NULL; END $do$"},
		"column_follow_move":       {"SELECT gapless.column_follow_move('leave', 'ha', '1', NULL), gapless.column_follow_move('arrive', 'ha', '1', NULL), gapless.column_follow_move('arrived', 'ha', '1', NULL)"},
		"column_lock_waiting":      {"INSERT INTO gapless.waiting (attachment, names, keys) VALUES (1, '{new,ha}', '{}')", "SELECT gapless.column_lock_waiting()", "SELECT gapless.column_end_wait(1)"},
		"column_lock_briefly":      {"SELECT gapless.column_lock_briefly('{new,ha}')"},
		"column_end_wait":          {"SELECT gapless.column_end_wait($a)"},
		"column_value":             {"SELECT gapless.column_value('ha', 'one', 1), gapless.column_value('ha', 'two', NULL)"},
		"column_is_archived":       {"SELECT gapless.column_is_archived('ha', 'one', 1), gapless.column_is_archived('ha', NULL, 2)"},
		"column_linked":            {"SELECT gapless.column_linked('ha', 1, ''), gapless.column_linked('ha', NULL, 'x')"},
		"column_lock_move":         {"SELECT gapless.column_lock_move('ha', 'new'), gapless.column_lock_move('new', 'ha')"},
		"column_void_moved":        {"SELECT gapless.column_void_moved('h.a', 'number', 'ha', 'one', 1, '{}', 'new', 'one')"},
		"column_take":              {"SELECT gapless.column_take('h.a', 'number', 1, '{ha,ha}')"},
		"column_assign":            {"SELECT gapless.column_assign($a, '{}', '{1}', '{1}'::bigint[]), gapless.column_end_wait($a)"},
		"column_commits":           {"SELECT gapless.column_commits($a, 'ha', 1)"},
		"column_is_void":           {"SELECT gapless.column_is_void('ha', '1', NULL), gapless.column_is_void('ha', NULL, 1)"},
		"column_adopt":             {"SELECT gapless.column_adopt('h.a', 'number', '{adopted}', '{7}', '{NULL}', '{adopted}', '{old}')"},
		"column_release_sequences": {"SELECT gapless.column_release_sequences('h.a', 'number')"},
		"column_note_former":       {"SELECT gapless.column_note_former('h.a', 'number')"},
		"column_reclaim":           {"SELECT gapless.column_reclaim('h.a', 'number', 'name', 1)"},
		"column_compare":           {"SELECT gapless.column_compare('h.a', 'number', '{h}', '{\"name\": \"one\", \"series_of\": \"a.number\"}')"},
		"column_check_former":      {"SELECT gapless.column_check_former('h.a', 'number')"},
		"column_callees":           {"SELECT gapless.column_callees('h.a', 'number')"},
		"column_check_series":      {"SELECT gapless.column_check_series('h.a', 'number', 'ha', 'one', 1)"},
		"column_keep_void":         {"SELECT gapless.column_keep_void('h.a', 'number', 'ha', '1', NULL, '{}')"},
		"column_voids":             {"SELECT gapless.column_voids('h.a', 'number')"},
		"column_adopt_voids":       {"SELECT gapless.column_adopt_voids('h.a', 'number', '{ha}', '{ha}', '{1}')"},
		"column_check_chain":       {"SELECT gapless.column_check_chain('h.c', 'number', 'hash', 'previous_hash', true)"},
		"column_check_others":      {"SELECT gapless.column_check_others('h.a', 'number', '{}')"},
		"column_check_shared":      {"SELECT gapless.column_check_shared('h.a', 'number')"},
		"column_draw":              {"SELECT gapless.column_draw('h.b', 'number', 'h.a', 'number')"},
		"column_head":              {"SELECT gapless.column_head('h.b', 'other', 'h.a.number', '{h}', 1, true, false, false)"},
		"column_inserted":          {"SELECT gapless.column_inserted('h.a', 'number')"},
		"column_others":            {"SELECT gapless.column_others('h.a', 'number')"},
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(calls)),
		sqltest.Texts(owner, `SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname LIKE 'column\_%' AND prosecdef`))
	for _, searchPath := range []string{"evil", "evil, pg_catalog", "pg_temp, evil, pg_catalog", "gapless, evil, pg_catalog, public"} {
		for _, isolation := range []string{"READ COMMITTED", "REPEATABLE READ"} {
			s := sqltest.ConnectTo(t, database.URL) // which has no plan yet
			s.Do("SET SESSION AUTHORIZATION " + quoted)
			s.Do("CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (public.ran())")
			s.Do("SET search_path = " + searchPath)
			for function, statements := range calls {
				for _, statement := range statements {
					s.Do("BEGIN ISOLATION LEVEL " + isolation)
					s.Do(strings.ReplaceAll(statement, "$a", attachment))
					s.Do("ROLLBACK")
					require.Empty(t, whoRan(owner, s), "%s: %s under %s", function, statement, searchPath)
				}
			}
			s.Do("DISCARD TEMP")
		}
	}
}

// TestTheReaderOfAChainNeverRunsAsTheAuditor has it replaced by the table's owner. Where it is not one that attach made, it is not called.
func TestTheReaderOfAChainNeverRunsAsTheAuditor(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, hostile, _ := newHostile(t, database)
	me := *sqltest.Value[string](owner, "SELECT current_user::text")
	hostile.Do("CREATE TABLE h.c (number bigint UNIQUE, hash bytea, previous_hash bytea)")
	hostile.Do("SELECT gapless.attach_gapless('h.c', 'number', '''hc''', chain => 'sha256(coalesce(NEW.previous_hash, ''''))')")
	hostile.Do("INSERT INTO h.c DEFAULT VALUES")
	for rights, finding := range map[string]int64{"SECURITY DEFINER": 0, "SECURITY INVOKER": 1} {
		hostile.Do("CREATE OR REPLACE FUNCTION h.c_number_gapless_links(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS SETOF record LANGUAGE plpgsql STABLE " + rights +
			" AS $$ BEGIN PERFORM public.ran(), set_config('search_path', 'h, pg_catalog', false); END $$")
		auditor := sqltest.Connect(t, database)
		require.Equal(t, finding, auditor.Number("SELECT count(*) FROM gapless.audit_gapless('hc') WHERE explanation LIKE '%function h.c_number_gapless_links() is not the one%'"), rights)
		require.NotEqual(t, "h, pg_catalog", *sqltest.Value[string](auditor, "SHOW search_path"))
		require.NotContains(t, whoRan(owner, auditor), me, rights)
	}
}

// TestWhatAnAuditRunsOfATableOwnersIsUndone has a table's owner put code in the place of the function that attach made. The
// audit runs it, with its owner's rights; it must not reach those of the auditor by what it leaves behind: another function
// altered, a trigger for the end of the transaction, a cursor, a search_path.
func TestWhatAnAuditRunsOfATableOwnersIsUndone(t *testing.T) {
	t.Parallel()
	const (
		replace = `CREATE OR REPLACE FUNCTION h.%s_number_gapless_rows(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
			BEGIN PERFORM h.%s(); RETURN QUERY SELECT 'h%[1]s'::text, 1::bigint, '1'::text, '2026-02-02'::timestamp; END $$`
		control = "SELECT * FROM h.a_number_gapless_rows() AS r (series text, value bigint, number text, dated timestamp)"
	)
	for name, attack := range map[string]struct {
		body   string
		finish string // what makes use of it, after the function was called without an audit
	}{
		"it turns another function to its caller's rights":    {"ALTER FUNCTION h.b_number_gapless_rows SECURITY INVOKER", strings.ReplaceAll(control, "h.a_", "h.b_")},
		"it turns itself to its caller's rights":              {"ALTER FUNCTION h.a_number_gapless_rows SECURITY INVOKER; PERFORM public.ran()", control},
		"it leaves a trigger for the end of the transaction":  {"INSERT INTO h.deferred VALUES (1)", ""},
		"it leaves a cursor for the end of the transaction":   {"EXECUTE 'DECLARE left_behind CURSOR WITH HOLD FOR SELECT public.ran()'", ""},
		"it leaves its schema on the session's search_path":   {"PERFORM set_config('search_path', 'h, pg_catalog', false)", "SELECT lower('X')"},
		"it leaves its schema on the transaction's own path":  {"PERFORM set_config('search_path', 'h, pg_catalog', true)", "SELECT lower('X')"},
		"it makes a table that hides another":                 {"EXECUTE 'CREATE TEMP VIEW hidden AS SELECT public.ran() AS x'", "SELECT x FROM hidden"},
		"it writes into its table, which has a trigger there": {"INSERT INTO h.a (d) VALUES ('2026-03-03')", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner, hostile, hostileName := newHostile(t, database)
			me := *sqltest.Value[string](owner, "SELECT current_user::text")
			hostile.Do("CREATE FUNCTION h.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN NULL; END $$")
			hostile.Do("CREATE TABLE h.deferred (x integer)")
			for _, table := range []string{"a", "deferred"} {
				hostile.Do("CREATE CONSTRAINT TRIGGER evil AFTER INSERT ON h." + table + " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION h.fire()")
			}
			hostile.Do("CREATE FUNCTION h.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN $1; END $$")
			// What the audit itself uses, once it has called the owner's function.
			hostile.Do("CREATE FUNCTION h.starts_with(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN true; END $$")
			hostile.Do("CREATE FUNCTION h.unnest(oid[]) RETURNS SETOF oid LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN QUERY SELECT pg_catalog.unnest($1); END $$")
			for _, operand := range []string{"text", "oid", "name", "regclass"} {
				hostile.Do(strings.ReplaceAll("CREATE FUNCTION h.same(~, ~) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN true; END $$", "~", operand))
				hostile.Do(strings.ReplaceAll("CREATE OPERATOR h.= (LEFTARG = ~, RIGHTARG = ~, FUNCTION = h.same)", "~", operand))
			}
			hostile.Do("CREATE FUNCTION h.attack() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN " + attack.body + "; END $$")
			hostile.Do("CREATE FUNCTION h.ran() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM public.ran(); END $$")
			hostile.Do(fmt.Sprintf(replace, "a", "attack"))
			hostile.Do(fmt.Sprintf(replace, "b", "ran"))
			hostile.Do("GRANT USAGE ON SCHEMA h TO PUBLIC; GRANT EXECUTE ON FUNCTION h.a_number_gapless_rows, h.b_number_gapless_rows TO PUBLIC")

			for _, transaction := range []bool{true, false} {
				auditor := sqltest.Connect(t, database)
				searchPath := *sqltest.Value[string](auditor, "SHOW search_path")
				if transaction {
					auditor.Do("BEGIN")
				}
				require.NotEmpty(t, sqltest.Texts(auditor, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"), "it does not agree with the journal")
				require.Equal(t, searchPath, *sqltest.Value[string](auditor, "SHOW search_path"))
				auditor.Do("SELECT lower('X')")
				require.Empty(t, sqltest.Texts(auditor, "SELECT name FROM pg_cursors WHERE is_holdable"))
				if transaction {
					auditor.Do("CREATE TEMP TABLE writable ()") // its transaction is as it was
					auditor.Do("COMMIT")
				}
				require.NotContains(t, whoRan(owner, auditor), me)
				require.Equal(t, []string{"true", "true"}, sqltest.Texts(owner, "SELECT prosecdef::text FROM pg_proc WHERE proname LIKE '%\\_number\\_gapless\\_rows'"))
			}

			// Whoever calls such a function as any other is caught.
			lured := sqltest.Connect(t, database)
			lured.Do("BEGIN")
			lured.Do(control)
			if attack.finish != "" {
				lured.Do(attack.finish)
			}
			lured.Do("COMMIT")
			ran := whoRan(owner, lured)
			lured.Do("DISCARD TEMP")
			if strings.HasPrefix(attack.body, "INSERT") && owner.Number("SELECT current_setting('server_version_num')::bigint") >= 180000 {
				require.Equal(t, []string{hostileName}, ran, "since PostgreSQL 18 a trigger runs as who queued it")
				return
			}
			require.Contains(t, ran, me, "the attack is one (%s)", hostileName)
		})
	}
}

// TestAnAuditRunsNoFunctionThatWasAlteredMeanwhile has the owner alter a second function while the audit is in a first one.
func TestAnAuditRunsNoFunctionThatWasAlteredMeanwhile(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, hostile, hostileName := newHostile(t, database)
	gate := sqltest.Connect(t, database)
	hostile.Do(`CREATE FUNCTION h.wait() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1); END $$`)
	for _, table := range []string{"a", "b"} {
		hostile.Do(fmt.Sprintf(`CREATE OR REPLACE FUNCTION h.%s_number_gapless_rows(names text[] DEFAULT NULL, keyed boolean DEFAULT false, seed bigint DEFAULT NULL) RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
			BEGIN PERFORM h.wait(), public.ran(); RETURN QUERY SELECT 'h%[1]s'::text, 1::bigint, '1'::text, '2026-01-01'::timestamp; END $$`, table))
	}
	gate.Do("SELECT pg_advisory_lock(1)")
	auditor := sqltest.Connect(t, database)
	done := sqltest.Later(func() ([]string, error) {
		rows, err := auditor.Query(auditor.Ctx, "SELECT attached_column FROM gapless.audit_gapless() WHERE NOT explained")
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	})
	sqltest.AwaitWaiter(t, owner, auditor.PID())
	hostile.Do("ALTER FUNCTION h.a_number_gapless_rows SECURITY INVOKER")
	hostile.Do("ALTER FUNCTION h.b_number_gapless_rows SECURITY INVOKER")
	gate.Do("SELECT pg_advisory_unlock(1)")
	r := <-done
	require.NoError(t, r.Err)
	require.NotEmpty(t, r.Value, "one of them cannot be read")
	require.Equal(t, []string{hostileName}, whoRan(owner, auditor))
}

// TestAHostileTableRunsNothingWithTheRightsOfWhoManages has a table whose default, domain, cast, triggers and expressions all
// run code of its owner's. PostgreSQL runs a table's defaults and triggers as whoever inserts; nothing of it runs as who attaches
// nothing and inserts nothing, but audits, voids, prunes and looks.
func TestAHostileTableRunsNothingWithTheRightsOfWhoManages(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	makeRan(owner)
	hostileName, quoted := sqltest.Role(t, database, "hostile")
	appName, app := sqltest.Role(t, database, "app")
	pg.MayAttach(owner, quoted)
	owner.Do("CREATE SCHEMA h AUTHORIZATION " + quoted)
	hostile := loginAs(t, database, quoted)
	for _, statement := range []string{
		"CREATE FUNCTION h.ran() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.ran(); RETURN true; END $$",
		"CREATE DOMAIN h.tenant AS text CHECK (h.ran())",
		"CREATE TYPE h.pair AS (x text)",
		"CREATE FUNCTION h.pair(h.pair) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.ran(); RETURN ($1).x; END $$",
		"CREATE CAST (h.pair AS text) WITH FUNCTION h.pair(h.pair) AS IMPLICIT",
		"CREATE FUNCTION h.label(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.ran(); RETURN $1; END $$",
		"CREATE FUNCTION h.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN NEW; END $$",
		`CREATE TABLE h.bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant h.tenant, pair h.pair DEFAULT row('p'), d date DEFAULT '2026-01-01',
			note boolean DEFAULT h.ran(), number text, number_too bigint UNIQUE, UNIQUE (tenant, pair, number))`,
		"CREATE TRIGGER a BEFORE INSERT OR UPDATE ON h.bills FOR EACH ROW EXECUTE FUNCTION h.fire()",
		"CREATE CONSTRAINT TRIGGER z AFTER INSERT OR UPDATE OR DELETE ON h.bills DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION h.fire()",
		"INSERT INTO h.bills (tenant, number) VALUES ('a', 'a-1'), ('a', 'a-2')",
		`SELECT gapless.attach_gapless('h.bills', 'number', $$ h.label(NEW.tenant) || NEW.pair::text $$, format => $$ h.label(NEW.tenant) || '-' || value $$,
			condition => 'h.ran()', chronology => 'NEW.d')`,
		"SELECT gapless.attach_gapless('h.bills', 'number_too', $$ 'too' $$, condition => 'h.ran()')",
	} {
		hostile.Do(statement)
	}
	require.Equal(t, []string{hostileName}, whoRan(owner, hostile))

	// Who inserts runs the table's own defaults, domains and triggers, as in every PostgreSQL; the expressions run as the owner.
	hostile.Do("GRANT USAGE ON SCHEMA h TO " + app + "; GRANT INSERT, SELECT ON h.bills TO " + app)
	inserter := loginAs(t, database, app)
	inserter.Do("INSERT INTO h.bills (tenant) VALUES ('a'), ('b')")
	require.ElementsMatch(t, []string{appName, hostileName}, whoRan(owner, inserter))

	manager := sqltest.Connect(t, database) // a superuser
	manager.Do("SELECT * FROM gapless.sequences")
	manager.Do("SELECT * FROM gapless.holders")
	manager.Do("SELECT gapless.last_gapless(name), gapless.peek_gapless(name) FROM gapless.sequences")
	manager.Do("SELECT gapless.void_gapless('ap', 3, 'because')")
	manager.Do("SELECT gapless.prune_gapless(name, 'infinity') FROM gapless.sequences")
	manager.Refuse("2BP01", "SELECT gapless.delete_gapless('ap')")
	manager.Refuse("55000", "SELECT gapless.adopt_gapless('ap', 100)")
	require.Empty(t, whoRan(owner, manager))
	manager.Do("BEGIN")
	manager.Do("SELECT * FROM gapless.audit_gapless()")
	manager.Do("COMMIT")
	require.Equal(t, []string{hostileName}, whoRan(owner, manager), "the expressions, and as their owner")
	manager.Do("SELECT gapless.detach_gapless('h.bills', 'number')")
	require.Equal(t, []string{hostileName}, whoRan(owner, manager), "the audit, likewise")
}

// TestWhoAttachesTheTableOfAnotherRunsNothingOfIts has a superuser attach a table whose owner has a cast run, while the numbers that
// are there are read: with its owner's rights, and without leaving anything that would run with the superuser's.
func TestWhoAttachesTheTableOfAnotherRunsNothingOfIts(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]struct{ body, code string }{
		"it turns the function to its caller's rights":       {"EXECUTE 'ALTER FUNCTION h.bills_number_gapless_rows SECURITY INVOKER'", "25006"},
		"it leaves a trigger for the end of the transaction": {"INSERT INTO h.deferred VALUES (1)", "25006"},
		"it leaves its schema on the session's search_path":  {"PERFORM set_config('search_path', 'h, pg_catalog', false)", ""},
		"it does nothing else":                               {"NULL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			owner := sqltest.Connect(t, database)
			makeRan(owner)
			me := *sqltest.Value[string](owner, "SELECT current_user::text")
			hostileName, quoted := sqltest.Role(t, database, "hostile")
			pg.MayAttach(owner, quoted)
			owner.Do("CREATE SCHEMA h AUTHORIZATION " + quoted)
			hostile := loginAs(t, database, quoted)
			for _, statement := range []string{
				"CREATE FUNCTION h.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN NULL; END $$",
				"CREATE TABLE h.deferred (x integer)",
				"CREATE CONSTRAINT TRIGGER evil AFTER INSERT ON h.deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION h.fire()",
				"CREATE FUNCTION h.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN $1; END $$",
				"CREATE FUNCTION h.attack() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM public.ran(); " + attack.body + "; END $$",
				"CREATE TYPE h.pair AS (x text)",
				"CREATE FUNCTION h.pair(h.pair) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM h.attack(); RETURN ($1).x; END $$",
				"CREATE CAST (h.pair AS text) WITH FUNCTION h.pair(h.pair) AS IMPLICIT",
				"CREATE TABLE h.bills (pair h.pair, number bigint, UNIQUE (pair, number))",
				"INSERT INTO h.bills VALUES (row('a'), 1), (row('a'), 2)",
			} {
				hostile.Do(statement)
			}
			attacher := sqltest.Connect(t, database)
			searchPath := *sqltest.Value[string](attacher, "SHOW search_path")
			attacher.Do("BEGIN")
			_, err := attacher.Exec(t.Context(), "SELECT gapless.attach_gapless('h.bills', 'number', 'NEW.pair')")
			if attack.code != "" {
				sqltest.RequireCode(t, attack.code, err) // nothing can be written there
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, attack.code == "", err == nil)
			_, err = attacher.Exec(t.Context(), "COMMIT")
			require.NoError(t, err)
			require.Equal(t, searchPath, *sqltest.Value[string](attacher, "SHOW search_path"))
			attacher.Do("SELECT lower('X')")
			ran := whoRan(owner, attacher)
			require.Contains(t, ran, hostileName)
			require.NotContains(t, ran, me)
		})
	}
}

// textArguments has each argument of a public function that is a text of some kind; ~ is what it is given. Tables bills and texts are there.
var textArguments = map[string]string{
	"next_gapless name":                  "SELECT gapless.next_gapless(~)",
	"next_gapless_batch name":            "SELECT gapless.next_gapless_batch(~, 2)",
	"last_gapless name":                  "SELECT gapless.last_gapless(~)",
	"peek_gapless name":                  "SELECT gapless.peek_gapless(~)",
	"delete_gapless name":                "SELECT gapless.delete_gapless(~)",
	"adopt_gapless name":                 "SELECT gapless.adopt_gapless(~, 7)",
	"void_gapless name":                  "SELECT gapless.void_gapless(~, 1, 'because')",
	"void_gapless reason":                "SELECT gapless.void_gapless('known', 1, ~)",
	"void_gapless number":                "SELECT gapless.void_gapless('known', NULL, 'because', ~)",
	"void_gapless_batch name":            "SELECT gapless.void_gapless_batch(~, 1, 1, 'because')",
	"void_gapless_batch reason":          "SELECT gapless.void_gapless_batch('known', 1, 1, ~)",
	"close_gapless name":                 "SELECT gapless.close_gapless(~, 'because')",
	"close_gapless reason":               "SELECT gapless.close_gapless('known', ~)",
	"open_gapless name":                  "SELECT gapless.open_gapless(~, 'because')",
	"open_gapless reason":                "SELECT gapless.open_gapless('closed', ~)",
	"forward_gapless name":               "SELECT gapless.forward_gapless(~, 7, 'because')",
	"go_live_gapless name":               "SELECT gapless.go_live_gapless(~, 'because')",
	"go_live_gapless reason":             "SELECT gapless.go_live_gapless('known', ~)",
	"archive_gapless name":               "SELECT gapless.archive_gapless(~, 1, 'because')",
	"archive_gapless reason":             "SELECT gapless.archive_gapless('archived', 1, ~)",
	"forward_gapless reason":             "SELECT gapless.forward_gapless('known', 7, ~)",
	"audit_gapless name":                 "SELECT gapless.audit_gapless(~)",
	"audit_gapless pattern":              "SELECT gapless.audit_gapless(pattern => ~)",
	"audit_gapless target":               "SELECT gapless.audit_gapless(target => (~)::text::regclass)",
	"audit_gapless target_column":        "SELECT gapless.audit_gapless(target => 'bills', target_column => (~)::text::name)",
	"record_audit_gapless name":          "SELECT gapless.record_audit_gapless(~)",
	"record_audit_gapless pattern":       "SELECT gapless.record_audit_gapless(pattern => ~)",
	"record_audit_gapless target":        "SELECT gapless.record_audit_gapless(target => (~)::text::regclass)",
	"record_audit_gapless target_column": "SELECT gapless.record_audit_gapless(target => 'bills', target_column => (~)::text::name)",
	"record_audit_gapless note":          "SELECT gapless.record_audit_gapless('known', note => ~)",
	"prune_gapless name":                 "SELECT gapless.prune_gapless(~, 'infinity')",
	"grant_gapless role":                 "SELECT gapless.grant_gapless((~)::text::name)",
	"revoke_gapless role":                "SELECT gapless.revoke_gapless((~)::text::name)",
	"attach_gapless target":              "SELECT gapless.attach_gapless((~)::text::regclass, 'number', 'NEW.tenant')",
	"attach_gapless target_column":       "SELECT gapless.attach_gapless('texts', (~)::text::name, 'NEW.tenant')",
	"attach_gapless name":                "SELECT gapless.attach_gapless('texts', 'number', name => ~, format => 'value')",
	"attach_gapless format":              "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => ~)",
	"attach_gapless condition":           "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', condition => ~)",
	"attach_gapless chronology":          "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', chronology => ~)",
	"attach_gapless unnumbered":          "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', unnumbered => ~)",
	"attach_gapless series_of":           "SELECT gapless.attach_gapless('texts', 'number', format => 'value', series_of => ~)",
	"detach_gapless target":              "SELECT gapless.detach_gapless((~)::text::regclass, 'number')",
	"guard_partitions target":            "SELECT gapless.guard_partitions((~)::text::regclass)",
	"detach_gapless target_column":       "SELECT gapless.detach_gapless('bills', (~)::text::name)",
	"attach_gapless chain":               "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', chain => ~)",
	"attach_gapless hash_column":         "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', chain => 'NEW.previous_hash', hash_column => ~)",
	"attach_gapless previous_column":     "SELECT gapless.attach_gapless('texts', 'number', name => 'NEW.tenant', format => 'value', chain => 'NEW.previous_hash', previous_column => ~)",
	"range_gapless name":                 "SELECT gapless.range_gapless(~, 7, 9, 'because')",
	"range_gapless reason":               "SELECT gapless.range_gapless('known', 7, 9, ~)",
	"range_gapless time_zone":            "SELECT gapless.range_gapless('known', 7, 9, 'because', '2099-12-31', ~)",
	"reset_gapless databases":            "SELECT gapless.reset_gapless(~)",
	"reset_gapless names":                "SELECT gapless.reset_gapless(current_database(), ARRAY[~])",
	"withdraw_gapless name":              "SELECT gapless.withdraw_gapless(~, 7, 'because')",
	"withdraw_gapless reason":            "SELECT gapless.withdraw_gapless('bounded', 7, ~)",
}

// TestNoTextIsRunAsSQL gives every text argument of every public function what would be SQL, were it put into a statement.
// It is taken as the text that it is, or refused. What attach compiles is SQL by right: one expression, and nothing around it.
func TestNoTextIsRunAsSQL(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	s.Do("CREATE TABLE canary (alive integer); INSERT INTO canary VALUES (1)")
	s.Do("CREATE TABLE bills (tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("CREATE TABLE texts (tenant text, d date, number text, hash bytea, previous_hash bytea, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', 'NEW.tenant')")
	s.Do("SELECT gapless.next_gapless('known'), gapless.close_gapless('closed', 'because'), gapless.range_gapless('bounded', 7, 9, 'because')")
	s.Do("INSERT INTO bills VALUES ('archived')")

	var known []string
	for argument := range textArguments {
		known = append(known, argument)
	}
	require.ElementsMatch(t, known, sqltest.Texts(s, `
		SELECT concat_ws(' ', p.proname, p.proargnames[u.i])
		FROM pg_proc AS p
		CROSS JOIN LATERAL unnest(p.proargtypes::regtype[]) WITH ORDINALITY AS u (type, i)
		WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname ~ '_gapless(_batch)?$|^guard_'
			AND u.type NOT IN ('bigint'::regtype, 'integer'::regtype, 'numeric'::regtype, 'date'::regtype, 'boolean'::regtype, 'uuid'::regtype, 'timestamptz'::regtype)`), "an argument that is not tried")

	codes := map[string]int{}
	for argument, statement := range textArguments {
		s.Do("SET statement_timeout = '20s'")
		statement = strings.ReplaceAll(statement, "~", "$1")
		for _, payload := range pg.Payloads {
			s.Do("BEGIN")
			_, err := s.Exec(t.Context(), statement, payload)
			if err != nil {
				var pgErr *pgconn.PgError
				require.ErrorAs(t, err, &pgErr, "%s: %.80q", argument, payload)
				require.Contains(t, []string{
					"22004", "22023", "22025", "22P02", "2200H", "55000", "2BP01", "42704", "42710", "42703", "42702", "42601", "42602", "42P01", "42P02", "42P18", "42804", "42809", "42883", "42939",
					"3F000", "0A000", "54001",
				}, pgErr.Code, "%s: %.80q: %+v", argument, payload, pgErr)
				codes[pgErr.Code]++
			} else {
				codes["taken"]++
				require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"), "%s: %.80q", argument, payload)
				switch argument {
				case "next_gapless name", "next_gapless_batch name", "adopt_gapless name", "forward_gapless name", "close_gapless name":
					require.Equal(t, []string{payload}, sqltest.Texts(s, "SELECT name FROM gapless.sequences WHERE name NOT IN ('known', 'closed', 'bounded', 'archived', $1) OR name = $1", payload))
				case "void_gapless reason", "void_gapless_batch reason", "close_gapless reason", "forward_gapless reason", "go_live_gapless reason":
					require.Contains(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless('known')")[0], payload)
				}
			}
			s.Do("ROLLBACK")
			require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"), "%s: %.80q", argument, payload)
		}
	}
	require.Greater(t, codes["taken"], 300)
	require.Positive(t, codes["22023"])
	t.Log(codes)
}

// TestAHugeTextIsRefusedAndNotRepeated gives every text argument 1 MB. A name is refused by its length, with its beginning in the
// message; nothing says the whole of it again, to the client or into the log. Who may attach or void is trusted with more: PostgreSQL's
// parser quotes what it does not understand of an expression, and a reason may be long.
func TestAHugeTextIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE bills (tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number bigint, UNIQUE (number))")
	s.Do("CREATE TABLE texts (tenant text, d date, number text, hash bytea, previous_hash bytea, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', 'NEW.tenant')")
	s.Do("SELECT gapless.attach_gapless('late', 'number', 'NEW.tenant', at_commit => true)")
	s.Do("SELECT gapless.next_gapless('known'), gapless.close_gapless('closed', 'because'), gapless.range_gapless('bounded', 7, 9, 'because')")
	s.Do("INSERT INTO bills VALUES ('archived')")
	statements := maps.Clone(textArguments)
	statements["a row's name"] = "INSERT INTO bills (tenant) VALUES (~)"
	statements["a row's name at commit"] = "INSERT INTO late (tenant) VALUES (~)"
	for argument, statement := range statements {
		s.Do("SET statement_timeout = '20s'")
		for _, huge := range []string{strings.Repeat("x", 1<<20), strings.Repeat("é", 1<<19), strings.Repeat("(", 1<<20), strings.Repeat("%", 1<<20)} {
			s.Do("BEGIN")
			_, err := s.Exec(t.Context(), strings.ReplaceAll(statement, "~", "$1"), huge)
			s.Do("ROLLBACK")
			if strings.HasSuffix(argument, " reason") || strings.HasSuffix(argument, " pattern") || strings.HasSuffix(argument, " note") || argument == "reset_gapless names" {
				require.NoError(t, err)
				continue
			}
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr, argument)
			if slices.Contains([]string{"name", "format", "condition", "chronology", "chain"}, strings.TrimPrefix(argument, "attach_gapless ")) {
				continue
			}
			if strings.HasPrefix(argument, "record_audit_gapless ") { // whose own query stands there
				require.NotContains(t, pgErr.Where, huge[:100], argument)
				pgErr.Where = ""
			}
			said := pgErr.Message + pgErr.Detail + pgErr.Hint + pgErr.Where + pgErr.InternalQuery
			require.Less(t, len(said), 1000, "%s: %.2000s", argument, said)
			if strings.HasSuffix(argument, " name") || strings.HasPrefix(argument, "a row's") {
				require.Equal(t, "22023", pgErr.Code, argument)
				beginning := string([]rune(huge)[:40])
				require.Equal(t, `sequence "`+beginning+`": its name has 1048576 bytes, and must have 1 to 255`, pgErr.Message, argument)
			}
		}
	}
	require.Equal(t, []string{"archived", "bounded", "closed", "known"}, sqltest.Texts(s, "SELECT name FROM gapless.sequence_lock ORDER BY 1"))
}

// TestATextInARowIsOnlyAText has the payloads in the columns that a column's expressions read: whoever may INSERT chooses them.
func TestATextInARowIsOnlyAText(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	s.Do("CREATE TABLE canary (alive integer); INSERT INTO canary VALUES (1)")
	s.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number text, UNIQUE (tenant, number))")
	s.Do("CREATE TABLE late (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'b/' || NEW.tenant $$, format => $$ '№' || value || NEW.tenant $$)")
	s.Do("SELECT gapless.attach_gapless('late', 'number', $$ 'l/' || NEW.tenant $$, at_commit => true)")
	numbered := 0
	for _, payload := range pg.Payloads {
		for _, table := range []string{"bills", "late"} {
			var err error
			for range 2 {
				_, err = s.Exec(t.Context(), "INSERT INTO "+table+" (tenant) VALUES ($1), ($1), ('other')", payload)
			}
			if len(payload) > 253 {
				sqltest.RequireCode(t, "22023", err) // the name of a sequence has 255 bytes at most
				continue
			}
			if err != nil {
				require.Equal(t, "bills", table)
				sqltest.RequireCode(t, "22023", err) // a text with other digits, from which the number cannot be told
				continue
			}
			numbered++
			require.EqualValues(t, 4, s.Number("SELECT gapless.last_gapless($1)", table[:1]+"/"+payload))
		}
		require.EqualValues(t, 1, s.Number("SELECT alive FROM canary"))
	}
	require.Greater(t, numbered, len(pg.Payloads))
	require.Empty(t, sqltest.Texts(s, "SELECT explanation FROM gapless.audit_gapless() WHERE NOT explained"))
}

// TestOneRolesManyNamesCostNobodyElseANumber has an application make names without end: it fills the disk, and nothing more. The
// journal says who it was, and the owner takes away the right and the names.
func TestOneRolesManyNamesCostNobodyElseANumber(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	s := loginAs(t, database, app)
	const many = 20_000
	s.Do("SELECT pg_backend_pid()")
	s.Do("BEGIN")
	s.Do("SELECT count(gapless.next_gapless(repeat('x', 249) || i)) FROM generate_series(100000, 99999 + $1::integer) AS i", many)
	require.EqualValues(t, 1, other.Number("SELECT gapless.next_gapless('invoice', nowait => true)"), "while it holds all of them")
	s.Do("COMMIT")
	require.EqualValues(t, 2, other.Number("SELECT gapless.next_gapless('invoice')"))
	perName := owner.Number("SELECT (pg_total_relation_size('gapless.sequence_lock') + pg_total_relation_size('gapless.journal')) / $1::integer", many)
	require.Less(t, perName, int64(2500), "bytes for a name of 255 bytes: twice in tables and twice in indexes, and who and when")
	t.Logf("%d bytes a name", perName)

	require.Equal(t, []string{appName}, sqltest.Texts(owner, "SELECT allocated_by FROM gapless.journal GROUP BY 1 HAVING count(*) > 10000"))
	owner.Do("SELECT gapless.revoke_gapless($1)", appName)
	s.Refuse("42501", "SELECT gapless.next_gapless('another')")
	require.EqualValues(t, many, owner.Number(`
		SELECT count(*) FROM (SELECT DISTINCT a.name FROM gapless.journal AS a WHERE a.allocated_by = $1) AS n WHERE gapless.delete_gapless(n.name)`, appName))
	require.Equal(t, []string{"invoice"}, sqltest.Texts(owner, "SELECT name FROM gapless.sequences"))
}

// TestALookAlikeNameIsAnotherSequence has names that people cannot tell apart: PostgreSQL and gapless do, byte by byte.
func TestALookAlikeNameIsAnotherSequence(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	names := []string{"r\u00e9sum\u00e9", "re\u0301sume\u0301", "invoice", "Invoice", "invoice ", " invoice", "inv\u043eice", "invoice\u200b", "invo\u00adice", "\ufeffinvoice", "\uff49nvoice"}
	for _, name := range names {
		require.EqualValues(t, 1, s.Number("SELECT gapless.next_gapless($1)", name))
		require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless($1 COLLATE \"C\")", name))
	}
	require.ElementsMatch(t, names, sqltest.Texts(s, "SELECT name FROM gapless.sequences"))
}

// TestAnEndlessBatchIsEndedByTheServersLimitsAndTakesNothing asks for 2^62 numbers. statement_timeout and temp_file_limit end
// it, others go on meanwhile, and no number is spent.
func TestAnEndlessBatchIsEndedByTheServersLimitsAndTakesNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	for _, batch := range []string{
		"SELECT count(*) FROM gapless.next_gapless_batch('big', 4611686018427387904)",
		"SELECT n FROM gapless.next_gapless_batch('big', 4611686018427387904) AS n LIMIT 1",
		"SELECT count(*) FROM gapless.next_gapless_batch('big', 4611686018427387904, 1, 3)", // a journal row for each pair
	} {
		s := sqltest.Connect(t, database)
		s.Do("SET temp_file_limit = '16MB'; SET work_mem = '1MB'") // a superuser's to set, for a role
		s.Do("SET SESSION AUTHORIZATION " + app)
		if !strings.Contains(batch, ", 3)") {
			s.Refuse("53400", batch)
		}
		s.Do("BEGIN")
		s.Do("SELECT gapless.next_gapless('big')")
		s.Do("SET LOCAL statement_timeout = '200ms'")
		done := sqltest.Later(func() (any, error) { return s.Exec(s.Ctx, batch) })
		require.Positive(t, other.Number("SELECT gapless.next_gapless('invoice', nowait => true)"))
		err := (<-done).Err
		var pgErr *pgconn.PgError
		require.ErrorAs(t, err, &pgErr)
		require.Contains(t, []string{"57014", "53400"}, pgErr.Code, "%+v", pgErr)
		s.Do("ROLLBACK")
		require.Nil(t, sqltest.Value[int64](owner, "SELECT gapless.last_gapless('big')"))
	}

	// The end of the range is known before anything is made.
	s := loginAs(t, database, app)
	s.Do("SET statement_timeout = '20s'")
	s.Do("SELECT gapless.next_gapless('big')")
	s.Refuse("2200H", "SELECT gapless.next_gapless_batch('big', 9223372036854775807)")
	require.EqualValues(t, 2, s.Number("SELECT gapless.next_gapless('big')"))
}

// TestALockTableThatOneRoleFillsIsFreeAgainWhenItEnds has a role mark transactions, which takes an advisory lock each, until
// the server has no more. Any role can do that, by pg_advisory_lock alone. Others get errors, and no holes.
func TestALockTableThatOneRoleFillsIsFreeAgainWhenItEnds(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"max_locks_per_transaction": "10", "max_connections": "20"}))
	database := server.NewDatabase(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	other.Do("SELECT gapless.next_gapless('invoice')")
	s := loginAs(t, database, app)
	s.Do("BEGIN")
	marks := 0
	var full *pgconn.PgError
	for full == nil {
		require.Less(t, marks, 100_000)
		if _, err := s.Exec(t.Context(), "SELECT gapless.mark_gapless(gen_random_uuid())"); err != nil {
			require.ErrorAs(t, err, &full)
		}
		marks++
	}
	require.Equal(t, "53200", full.Code)
	require.Greater(t, marks, 10*20, "all the locks that there are")
	t.Logf("%d marks", marks)
	s.Do("ROLLBACK")
	require.EqualValues(t, 2, other.Number("SELECT gapless.next_gapless('invoice')"))

	// One transaction, marked once, holds one.
	s.Do("BEGIN")
	s.Do("SELECT gapless.mark_gapless(gen_random_uuid())")
	require.EqualValues(t, 1, owner.Number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1", s.PID()))
	s.Do("ROLLBACK")
}

// TestWhoTakesTheTokenOfAnotherMakesItWaitAndNothingElse has a role that knows the token of a transaction that is not its own.
func TestWhoTakesTheTokenOfAnotherMakesItWaitAndNothingElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	victimName, victim := sqltest.Role(t, database, "victim")
	thiefName, thief := sqltest.Role(t, database, "thief")
	owner.Do("SELECT gapless.grant_gapless($1), gapless.grant_gapless($2)", victimName, thiefName)
	v, w := loginAs(t, database, victim), loginAs(t, database, thief)
	const token = "5a5a5a5a-0000-4000-8000-000000000001"
	const outcome = "SELECT gapless.outcome_gapless('" + token + "', $1)"
	v.Do("BEGIN")
	txid := v.Number("SELECT gapless.mark_gapless('" + token + "')")
	v.Do("SELECT gapless.next_gapless('a')")
	v.Do("COMMIT")

	// It learns nothing, and says nothing that is believed.
	require.Equal(t, "unknown", *sqltest.Value[string](w, outcome, txid))
	w.Do("BEGIN")
	forged := w.Number("SELECT gapless.mark_gapless('" + token + "')")
	w.Do("SELECT gapless.next_gapless('b')")

	// While it holds the lock, asking waits, as long as lock_timeout allows.
	v.Do("SET lock_timeout = '50ms'")
	v.Refuse("55P03", outcome, txid)
	w.Do("COMMIT")
	w.Do("SELECT pg_advisory_lock(uuid_hash_extended('" + token + "', 0))")
	v.Refuse("55P03", outcome, txid)
	w.Do("SELECT pg_advisory_unlock_all()")
	require.Equal(t, "committed", *sqltest.Value[string](v, outcome, txid))
	require.Equal(t, "unknown", *sqltest.Value[string](v, outcome, forged), "another's transaction is not one's own")
	require.Equal(t, "committed", *sqltest.Value[string](w, outcome, forged))

	// Nor does a lost transaction look committed because another has its token.
	v.Do("BEGIN")
	lost := v.Number("SELECT gapless.mark_gapless('" + token + "')")
	v.Do("SELECT gapless.next_gapless('a')")
	v.Do("ROLLBACK")
	require.Equal(t, "lost", *sqltest.Value[string](v, outcome, lost))
	require.EqualValues(t, 1, v.Number("SELECT gapless.last_gapless('a')"))
}

// TestFlushingWithoutEndHoldsNobodyUp has a role call flush_gapless again and again within one transaction.
func TestFlushingWithoutEndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	s := loginAs(t, database, app)
	s.Do("BEGIN")
	s.Do("SELECT count(gapless.flush_gapless()) FROM generate_series(1, 10000)")
	require.Zero(t, owner.Number("SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype NOT IN ('virtualxid', 'transactionid', 'relation')", s.PID()))
	require.Zero(t, owner.Number(`
		SELECT count(*) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation WHERE l.pid = $1 AND c.relnamespace = 'gapless'::regnamespace`, s.PID()))
	require.EqualValues(t, 1, other.Number("SELECT gapless.next_gapless('a', nowait => true)"))
	s.Do("COMMIT")
}

// TestALieAboutWhatIsExpectedCostsTheLiarAlone has a role that may only insert, into a table that numbers at commit. By settings it
// claims that a row of another column waits, too, for the sequence of others.
func TestALieAboutWhatIsExpectedCostsTheLiarAlone(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	_, app := sqltest.Role(t, database, "app")
	owner.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE)")
	owner.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, at_commit => true)")
	owner.Do("GRANT INSERT ON bills TO " + app)
	owner.Do("SELECT gapless.next_gapless('payroll')")
	before := sqltest.Texts(owner, "SELECT a::text FROM gapless.journal AS a ORDER BY 1")
	s := loginAs(t, database, app)
	s.Do("BEGIN")
	s.Do("SELECT set_config('gapless.commit_expected', '1=payroll', true), set_config('gapless.commit_first', '{}', true)")
	s.Do("INSERT INTO bills DEFAULT VALUES")
	require.Equal(t, "gapless_waiting", s.Refuse("23001", "COMMIT").ConstraintName)
	require.Equal(t, before, sqltest.Texts(owner, "SELECT a::text FROM gapless.journal AS a ORDER BY 1"))
	require.Zero(t, owner.Number("SELECT count(*) FROM gapless.waiting"))
	require.EqualValues(t, 2, other.Number("SELECT gapless.next_gapless('payroll')"))
	s.Do("INSERT INTO bills DEFAULT VALUES")
	require.EqualValues(t, 1, owner.Number("SELECT max(number) FROM bills"))
}

// TestAForgedNoteMakesOthersWaitAndNothingElse has a role with USAGE of the schema note what it likes: lock_timeout ends that wait, and
// no number is lost or given.
func TestAForgedNoteMakesOthersWaitAndNothingElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	name, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", name)
	owner.Do("CREATE TABLE bills (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, draft boolean, number bigint UNIQUE)")
	owner.Do("SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$, condition => 'NOT NEW.draft', at_commit => true)")
	owner.Do("INSERT INTO bills (draft) VALUES (true), (false)")
	owner.Do("GRANT SELECT, INSERT ON bills TO " + app)
	owner.Do("SELECT gapless.next_gapless('payroll')")
	attachment := owner.Number("SELECT max(attachment) FROM gapless.journal WHERE name = 'bill'")
	s := loginAs(t, database, app)
	s.Do("BEGIN; INSERT INTO bills (draft) VALUES (false), (false)")
	s.Do("INSERT INTO gapless.waiting (attachment, names, keys) VALUES ($1, '{payroll}', '{{1}}')", attachment)
	s.Do("SET CONSTRAINTS ALL IMMEDIATE")
	other.Do("SET lock_timeout = '50ms'")
	other.Refuse("55P03", "SELECT gapless.next_gapless('payroll')")
	require.Equal(t, []uint32{s.PID()}, sqltest.HoldersOf(owner, "payroll", "holds"), "and the view says who it is")
	s.Do("COMMIT")
	require.Equal(t, []string{"1 ", "2 1", "3 2", "4 3"}, sqltest.Texts(owner, "SELECT concat(id, ' ', number) FROM bills ORDER BY id"))
	for _, forged := range []string{
		"INSERT INTO gapless.waiting (attachment, names, keys, numbers) VALUES (1, '{bill}', '{{1}}', '{7}')", "INSERT INTO gapless.waiting (txid, attachment, keys) VALUES (1, 1, '{}')",
		"DELETE FROM gapless.waiting", "UPDATE gapless.waiting SET numbers = '{7}'",
	} {
		s.Refuse("42501", forged)
	}
	s.Do("BEGIN; INSERT INTO gapless.waiting (attachment, names, keys) VALUES (1, '{bill}', '{{1}}')")
	s.Refuse("23001", "COMMIT")

	// A row that waits from before attach is nobody's to number who may not update it.
	owner.Do("CREATE TABLE old (id bigint PRIMARY KEY, number bigint UNIQUE); INSERT INTO old VALUES (1), (2)")
	owner.Do("SELECT gapless.attach_gapless('old', 'number', $$ 'old' $$, at_commit => true); GRANT INSERT, SELECT ON old TO " + app)
	attachment = *sqltest.Value[int64](owner, "SELECT (regexp_match(prosrc, 'attachment = ([0-9]+)'))[1]::bigint FROM pg_proc WHERE proname = 'old_number_gapless_assign'")
	s.Do("BEGIN")
	s.Do("INSERT INTO gapless.waiting (attachment, names, keys) VALUES ($1, '{old}', '{\"{1,2}\"}')", attachment)
	s.Do("INSERT INTO old VALUES (3), (4)")
	s.Do("COMMIT")
	s.Do("SELECT public.old_number_gapless_finish('old', '{\"{1,2}\"}'), public.old_number_gapless_assign('old', '{\"{1}\"}'), public.old_number_gapless_single('old', '{\"{2}\"}', '(0,2)', 'old'::regclass)")
	require.Equal(t, []string{"1 ", "2 ", "3 1", "4 2"}, sqltest.Texts(owner, "SELECT concat(id, ' ', number) FROM old ORDER BY id"))
	sqltest.RequireSound(owner)
}

// TestALieAboutTheNextNumberMakesOthersFailAndNothingElse has a role that tells the trigger the next number by a setting, and so comes
// by it without the sequence's lock.
func TestALieAboutTheNextNumberMakesOthersFailAndNothingElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	_, app := sqltest.Role(t, database, "app")
	s.Do("CREATE TABLE bills (tenant text, number bigint, UNIQUE (tenant, number))")
	s.Do("SELECT gapless.attach_gapless('bills', 'number', 'NEW.tenant')")
	s.Do("GRANT SELECT, INSERT ON bills TO " + app)
	s.Do("INSERT INTO bills VALUES ('a'), ('a')")
	note := *sqltest.Value[string](s, "SELECT (regexp_match(prosrc, 'gapless.column_note_[0-9]+'))[1] FROM pg_proc WHERE proname = 'bills_number_gapless'")
	liar := loginAs(t, database, app)
	lie := func() {
		liar.Do("BEGIN")
		liar.Do("SELECT set_config($1, '{' || 'bills'::regclass::oid || ',' || pg_stat_get_xact_tuples_inserted('bills'::regclass) || ',' || (SELECT max(number) + 1 FROM bills) || '}a', true)", note)
		liar.Do("INSERT INTO bills VALUES ('a')")
	}

	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		lie()
		honest := sqltest.Connect(t, database)
		done := honest.LaterNumber("INSERT INTO bills VALUES ('a') RETURNING number")
		sqltest.AwaitWaiter(t, s, honest.PID())
		liar.Do(end)
		var pgErr *pgconn.PgError
		if got := <-done; end == "COMMIT" {
			require.ErrorAs(t, got.Err, &pgErr)
			require.Equal(t, "23505", pgErr.Code)
			honest.Do("INSERT INTO bills VALUES ('a')")
		} else {
			require.NoError(t, got.Err)
		}
		require.Empty(t, sqltest.Texts(s, pg.Unexplained))
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, s.Numbers("SELECT number FROM bills ORDER BY 1"))

	// Behind one who has the number already, it waits, and fails itself.
	s.Do("BEGIN")
	s.Do("INSERT INTO bills VALUES ('a')")
	liar.Do("BEGIN")
	liar.Do("SELECT set_config($1, '{' || 'bills'::regclass::oid || ',' || pg_stat_get_xact_tuples_inserted('bills'::regclass) || ',6}a', true)", note)
	done := liar.LaterNumber("INSERT INTO bills VALUES ('a') RETURNING number")
	sqltest.AwaitWaiter(t, sqltest.Connect(t, database), liar.PID())
	s.Do("COMMIT")
	require.Error(t, (<-done).Err)
	require.Empty(t, sqltest.Texts(s, pg.Unexplained))
}

// TestARoleThatOnlyInsertsReachesOnlySequencesThatTheExpressionGives has a series that a column of the row chooses. Behind a
// constant prefix it cannot be a sequence that is used by hand.
func TestARoleThatOnlyInsertsReachesOnlySequencesThatTheExpressionGives(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	_, app := sqltest.Role(t, database, "app")
	owner.Do("CREATE TABLE open (series text, number bigint, UNIQUE (series, number)); CREATE TABLE prefixed (series text, number bigint, UNIQUE (series, number))")
	owner.Do("SELECT gapless.attach_gapless('open', 'number', 'NEW.series')")
	owner.Do("SELECT gapless.attach_gapless('prefixed', 'number', $$ 'prefixed/' || NEW.series $$)")
	owner.Do("GRANT INSERT ON open, prefixed TO " + app)
	owner.Do("SELECT gapless.next_gapless('payroll')")
	owner.Do("INSERT INTO open VALUES ('mine')")
	s := loginAs(t, database, app)
	s.Do("INSERT INTO prefixed VALUES ('payroll'), ('mine')")
	s.Refuse("55000", "INSERT INTO open VALUES ('prefixed/mine')") // another column's
	require.EqualValues(t, 2, owner.Number("SELECT gapless.next_gapless('payroll')"))
	s.Do("INSERT INTO open VALUES ('payroll')") // the numbers go on, in the column that it now belongs to
	owner.Refuse("55000", "SELECT gapless.next_gapless('payroll')")
	require.EqualValues(t, 3, owner.Number("SELECT number FROM open WHERE series = 'payroll'"))
}

// TestASequenceCanBeConfinedToARole has what the documentation advises where one role must not take from all sequences.
func TestASequenceCanBeConfinedToARole(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner := sqltest.Connect(t, database)
	_, app := sqltest.Role(t, database, "app")
	_, stranger := sqltest.Role(t, database, "stranger")
	owner.Do(`CREATE FUNCTION public.next_ticket() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS $$ SELECT gapless.next_gapless('ticket') $$`)
	owner.Do("REVOKE ALL ON FUNCTION public.next_ticket FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.next_ticket TO " + app)
	s := loginAs(t, database, app)
	require.EqualValues(t, 1, s.Number("SELECT public.next_ticket()"))
	s.Refuse("42501", "SELECT gapless.next_gapless('ticket')")
	s.Refuse("42501", "SELECT gapless.next_gapless('payroll')")
	loginAs(t, database, stranger).Refuse("42501", "SELECT public.next_ticket()")
	require.Equal(t, []string{database.Name + " app"}, sqltest.Texts(owner, "SELECT allocated_by FROM gapless.journal"), "the journal says who logged in")
}

// TestATimeoutEndsWhoHoldsASequenceForEver has the setting by which an operator limits how long one role can hold up the others.
func TestATimeoutEndsWhoHoldsASequenceForEver(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, other := sqltest.Connect(t, database), sqltest.Connect(t, database)
	appName, app := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.grant_gapless($1)", appName)
	s := loginAs(t, database, app)
	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless('a')")
	s.Do("SET idle_in_transaction_session_timeout = '100ms'")
	require.EqualValues(t, 1, other.Number("SELECT gapless.next_gapless('a')"), "it waits until the holder was ended, and takes its number")
	_, err := s.Exec(context.WithoutCancel(t.Context()), "COMMIT")
	require.Error(t, err)
}

// TestAttachByAnotherTrustsNoSearchPathThatTheTableOwnersFunctionsLeave has a superuser attach a column by a function of the
// table's owner, who puts a schema of his own on the session's path, where functions and operators hide PostgreSQL's.
func TestAttachByAnotherTrustsNoSearchPathThatTheTableOwnersFunctionsLeave(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, hostile, _ := newHostile(t, database)
	me := *sqltest.Value[string](owner, "SELECT current_user::text")
	hostile.Do(`CREATE FUNCTION h.series(number text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN PERFORM pg_catalog.set_config('search_path', 'h, pg_catalog', false); RETURN 'evil'; END $$`)
	hostile.Do("CREATE TABLE h.c (t text, d date, number text UNIQUE); INSERT INTO h.c VALUES ('a', '2026-01-01', '1'), ('b', '2026-01-02', NULL)")
	for _, arguments := range []string{"text[], text", "text[], text[]", "text, text"} {
		hostile.Do("CREATE FUNCTION h.array_position(" + arguments + ") RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN NULL; END $$")
	}
	hostile.Do("CREATE FUNCTION h.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN NULL; END $$")
	for _, operand := range []string{"text", "oid", "name", `"char"`} {
		hostile.Do(strings.ReplaceAll("CREATE FUNCTION h.same(~, ~) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.ran(); RETURN true; END $$", "~", operand))
		hostile.Do(strings.ReplaceAll("CREATE OPERATOR h.= (LEFTARG = ~, RIGHTARG = ~, FUNCTION = h.same)", "~", operand))
	}
	hostile.Do("GRANT USAGE ON SCHEMA h TO PUBLIC")
	for _, options := range []string{"", ", chronology => 'NEW.d'", ", condition => 'NEW.d IS NOT NULL'"} {
		attacher := sqltest.ConnectTo(t, database.URL)
		attacher.Do("BEGIN")
		attacher.Do("SELECT gapless.attach_gapless('h.c', 'number', name => 'h.series(NEW.t)', format => 'value::text'" + options + ")")
		attacher.Do("ROLLBACK")
		require.NotContains(t, whoRan(owner, attacher), me, options)
	}
}
