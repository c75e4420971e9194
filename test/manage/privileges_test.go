package manage_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/sqltest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

// TestAnApplicationRoleCanDoWhatItShouldAndNothingElse tries every function, table and view, before the grant, after
// it, and after it was revoked.
func TestAnApplicationRoleCanDoWhatItShouldAndNothingElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	owner, app := sqltest.Connect(t, database), sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "app")
	owner.Do("SELECT gapless.next_gapless('a')")
	app.Do("SET ROLE " + quoted)

	allowed := []string{
		"SELECT gapless.next_gapless('a')",
		"SELECT gapless.next_gapless('a', nowait => true)",
		"SELECT gapless.next_gapless('of its own')",
		"SELECT gapless.next_gapless_batch('a', 3, 1, 5)",
		"SELECT gapless.last_gapless('a')",
		"SELECT gapless.peek_gapless('a')",
		"SELECT gapless.mark_gapless('00000000-0000-0000-0000-000000000001')",
		"SELECT gapless.outcome_gapless('00000000-0000-0000-0000-000000000001', 3)",
		"SELECT gapless.flush_gapless()",
		"SELECT * FROM gapless.sequences",
		"SELECT * FROM gapless.ranges",
		"SELECT * FROM gapless.holders",
		"SELECT * FROM gapless.columns",
	}
	refused := []string{
		"SELECT gapless.delete_gapless('a')",
		"SELECT gapless.adopt_gapless('a', 1000)",
		"SELECT gapless.prune_gapless('a', now())",
		"SELECT gapless.grant_gapless('" + name + "')",
		"SELECT gapless.revoke_gapless('" + name + "')",
		"SELECT gapless.lock_sequence('a', false)",
		"SELECT gapless.lock_or_make_sequence('a', false)",
		"SELECT gapless.newest_run('a')",
		"SELECT gapless.lock_sequence_by_writing('a')",
		"SELECT gapless.check_name('a')",
		"SELECT gapless.check_reset('a', 1, 2)",
		"SELECT gapless.check_not_rewritten()",
		"SELECT gapless.value_after(1, 1, 1)",
		"SELECT gapless.raise_locked('a')",
		"SELECT gapless.raise_stale('a')",
		"SELECT gapless.raise_exhausted('a', 1)",
		"SELECT gapless.check_role('a')",
		"SELECT gapless.outcome_here('00000000-0000-4000-8000-000000000000', '{}')",
		"SELECT gapless.outcome_on_nodes('00000000-0000-4000-8000-000000000000', 1, 'lost')",
		"SELECT gapless.on_node('localhost', 5432, 'SELECT 1')",
		"SELECT gapless.node_answers('SELECT 1')",
		"SELECT gapless.on_nodes('SELECT 1')",
		"SELECT gapless.shard_tables()",
		"SELECT gapless.on_workers('SELECT 1')",
		"SELECT gapless.shard_of('a')",
		"SELECT gapless.node_sequences()",
		"SELECT gapless.node_columns()",
		"SELECT gapless.node_holders()",
		"SELECT gapless.node_audit()",
		"SELECT gapless.doctor_nodes()",
		"SELECT gapless.attach_shards()",
		"SELECT gapless.node_shards()",
		"SELECT gapless.shard_attach('a', 'b', '{}', 'public', 1, 1, 1, '[]', '{}')",
		"SELECT gapless.shard_attach_table('pg_class', 'relname', '{}', false, 'public', 'hash')",
		"SELECT gapless.shard_bring('pg_class', 'relname', '{}', 'public', 1, NULL)",
		"SELECT gapless.shard_coordinator()",
		"SELECT gapless.shard_gather('pg_class', 'relname', '{}', 'public', 1)",
		"SELECT gapless.shard_unguard('pg_class', 'relname')",
		"SELECT gapless.shard_forget_stale('relname', 1, 1, 'a', 1)",
		"SELECT gapless.shard_free('[]')",
		"SELECT gapless.shard_keyed('[]', 'a')",
		"SELECT gapless.shard_known('pg_class', 'a', 1, '[]', '{}')",
		"SELECT gapless.shard_lacks('journal', '[]')",
		"SELECT gapless.shard_leave_names('a', 1, 1, 'relname', '[]', 'b', 2)",
		"SELECT gapless.shard_names('a', 1, 1, 'relname')",
		"SELECT gapless.shard_origins('pg_class', 'relname', '{}', 'public', 1, NULL)",
		"SELECT gapless.shard_check_session()",
		"SELECT gapless.shard_check_table('pg_class', 'relname', '{}', false, 'hash', 'public')",
		"SELECT gapless.shard_copy('a', 1, 'b', 2, '[]', 'c')",
		"SELECT gapless.shard_detach('a', 'b')",
		"SELECT gapless.shard_detach_all('pg_class', 'relname')",
		"SELECT gapless.shard_detach_table('pg_class', 'relname')",
		"SELECT gapless.shard_digest('[]')",
		"SELECT gapless.shard_guard()",
		"SELECT gapless.shard_guard_table('pg_class', 'relname', '{}', 'public')",
		"SELECT gapless.shard_guards()",
		"SELECT gapless.shard_check_placed('pg_class', '[]', NULL)",
		"SELECT gapless.shard_hold('pg_class')",
		"SELECT gapless.shard_unplaced()",
		"SELECT gapless.shard_has('a', 1, 'b', 2, '[]')",
		"SELECT gapless.shard_wait_less()",
		"SELECT gapless.shard_bound('[]')",
		"SELECT gapless.shard_unbind('[]')",
		"SELECT gapless.shard_tell('pg_class', '{}')",
		"SELECT gapless.column_lock_briefly('{a}')",
		"SELECT gapless.shard_hand_over(1, 'a', '[]', 'pg_class')",
		"SELECT gapless.shard_leave('pg_class', 'relname', 1)",
		"SELECT gapless.shard_list('pg_class', 'relname')",
		"SELECT gapless.shard_named('pg_class', '1', 'public')",
		"SELECT gapless.shard_note('pg_class', 'relname', 1, 1, 1, '[]')",
		"SELECT gapless.shard_notes(1, 'relname')",
		"SELECT gapless.shard_owned(1, 'relname', '[]')",
		"SELECT gapless.shard_page('journal', '[]', NULL, 1)",
		"SELECT gapless.shard_pages('a', 1, '[]')",
		"SELECT gapless.shard_places('pg_class')",
		"SELECT gapless.shard_release(1, 'relname', '[]', NULL)",
		"SELECT gapless.shard_series('pg_class', 'relname')",
		"SELECT gapless.shard_take('journal', '[]', 'pg_class')",
		"SELECT gapless.check_not_attached('a')",
		"SELECT gapless.attached_column('pg_class', 'relname')",
		"SELECT gapless.attach_gapless('pg_class', 'relname', 'a')",
		"SELECT gapless.detach_gapless('pg_class', 'relname')",
		"SELECT gapless.guard_partitions()",
		"SELECT gapless.guard_new_partitions()",
		"SELECT gapless.void_gapless('a', 1, 'because')",
		"SELECT gapless.void_gapless_batch('a', 1, 2, 'because')",
		"SELECT gapless.close_gapless('a', 'because')",
		"SELECT gapless.open_gapless('a', 'because')",
		"SELECT gapless.forward_gapless('a', 1000, 'because')",
		"SELECT gapless.range_gapless('a', 1000, 2000, 'because')",
		"SELECT gapless.withdraw_gapless('a', 1000, 'because')",
		"SELECT gapless.range_pass('a')",
		"SELECT gapless.range_take('a', 1, NULL)",
		"SELECT gapless.range_left('a')",
		"SELECT gapless.raise_range('a')",
		"SELECT gapless.check_unreset('a', 1)",
		"SELECT gapless.check_not_stale('a')",
		"SELECT gapless.column_step('a', 1, 1)",
		"SELECT * FROM gapless.number_range",
		"INSERT INTO gapless.number_range (name, first_value, last_value, reason) VALUES ('a', 1, 9, 'because')",
		"SELECT gapless.check_reason('a', 'because')",
		"SELECT gapless.decide('a', 'closed', 1, 1, 'because')",
		"SELECT gapless.move_forward('a', 1000, true)",
		"SELECT gapless.go_live_gapless('a', 'because')",
		"SELECT gapless.check_not_live('a')",
		"SELECT gapless.archive_gapless('a', 1, 'because')",
		"SELECT gapless.forget_note('a')",
		"SELECT gapless.begin_at('a', 1)",
		"SELECT gapless.last_run('a')",
		"SELECT gapless.raise_closed('a')",
		"SELECT gapless.raise_void(NULL)",
		"SELECT * FROM gapless.decision",
		"INSERT INTO gapless.decision (name, ordinal, kind, reason) VALUES ('a', 1, 'opened', 'because')",
		"SELECT gapless.audit_gapless()",
		"SELECT gapless.audit_numbers('{a}')",
		"SELECT gapless.audit_journal('{a}', 1, false)",
		"SELECT gapless.audit_columns()",
		"SELECT gapless.head_of('gapless.model'::regclass, 'number')",
		"SELECT gapless.audit_failed_columns(NULL, NULL)",
		"SELECT gapless.audit_reader('gapless.model_rows'::regproc, 'gapless.model'::regclass)",
		"SELECT * FROM gapless.former",
		"DELETE FROM gapless.former",
		"SELECT gapless.record_audit_gapless()",
		"SELECT gapless.finding_key('a', NULL, 'hole', 1, 1, NULL, false)",
		"SELECT gapless.refuse_append_only()",
		"SELECT gapless.ignore_version()",
		"SELECT * FROM gapless.audits",
		"SELECT * FROM gapless.audit_record",
		"INSERT INTO gapless.audit_record VALUES (1, '{}', '')",
		"SELECT * FROM gapless.recorded_finding",
		"INSERT INTO gapless.recorded_finding VALUES (gen_random_uuid(), 1)",
		"SELECT gapless.drop_links('a')",
		"SELECT * FROM gapless.void",
		"INSERT INTO gapless.void (name, value, ordinal, reason) VALUES ('a', 1, 1, 'because')",
		"SELECT * FROM gapless.guard",
		"SELECT * FROM gapless.dropped",
		"SELECT * FROM gapless.member",
		"SELECT * FROM gapless.kept",
		"SELECT * FROM gapless.attachment",
		"SELECT * FROM gapless.fault",
		"SELECT * FROM gapless.doctor",
		"SELECT * FROM gapless.doctor_activity",
		"SELECT * FROM gapless.doctor_cluster",
		"SELECT * FROM gapless.doctor_columns",
		"SELECT * FROM gapless.doctor_given",
		"SELECT * FROM gapless.doctor_installation",
		"SELECT * FROM gapless.doctor_installed",
		"SELECT * FROM gapless.doctor_object",
		"SELECT * FROM gapless.doctor_privileges",
		"SELECT * FROM gapless.doctor_series",
		"SELECT * FROM gapless.doctor_server",
		"SELECT * FROM gapless.doctor_setting",
		"INSERT INTO gapless.waiting (attachment, keys, numbers) VALUES (1, '{}', '{1}')",
		"DELETE FROM gapless.waiting",
		"SELECT * FROM gapless.known_text",
		"SELECT * FROM gapless.shard",
		"INSERT INTO gapless.known_text (name, number) VALUES ('a', '1')",
		"SELECT * FROM gapless.link",
		"INSERT INTO gapless.link VALUES ('a', 1, '')",
		"SELECT * FROM gapless.model",
		"INSERT INTO gapless.model VALUES (1)",
		"CREATE TRIGGER t BEFORE INSERT ON gapless.model EXECUTE FUNCTION gapless.model_keep()",
		"SELECT * FROM gapless.moving",
		"DELETE FROM gapless.moving",
		"SELECT * FROM gapless.sequence_lock",
		"SELECT name FROM gapless.sequence_lock FOR UPDATE",
		"SELECT * FROM gapless.journal",
		"INSERT INTO gapless.sequence_lock (name) VALUES ('b')",
		"UPDATE gapless.sequence_lock SET name = 'b'",
		"DELETE FROM gapless.sequence_lock",
		"INSERT INTO gapless.journal (name, ordinal, first_value, last_value) VALUES ('a', 99, 99, 99)",
		"UPDATE gapless.journal SET last_value = 99",
		"DELETE FROM gapless.journal",
		"TRUNCATE gapless.sequence_lock",
		"TRUNCATE gapless.journal",
		"DO $$ BEGIN LOCK TABLE gapless.sequence_lock IN ROW EXCLUSIVE MODE; END $$",
		"CREATE TABLE gapless.mine ()",
		"CREATE FUNCTION gapless.next_gapless() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
		"ALTER FUNCTION gapless.next_gapless SECURITY INVOKER",
		"CREATE OR REPLACE VIEW gapless.sequences AS SELECT 1",
		"DROP TABLE gapless.journal",
		"DROP SCHEMA gapless CASCADE",
		"ALTER TABLE gapless.journal DISABLE TRIGGER ALL",
		"COMMENT ON SCHEMA gapless IS 'mine'",
		"SELECT version FROM gapless.schema_version", "SELECT gapless.version_gapless()", "SELECT gapless.reset_gapless('%test%')",
		"DO $$ BEGIN PERFORM gapless.delete_gapless('a'); END $$",
	}
	// What attached columns need has a rule and no list: whatever its name says is theirs is refused.
	refused = append(refused, sqltest.Texts(owner, `
		SELECT format('SELECT gapless.%I(%s)', p.proname, (SELECT string_agg('NULL::' || a.type::regtype, ', ' ORDER BY a.i) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, i)))
		FROM pg_proc AS p
		WHERE p.pronamespace = 'gapless'::regnamespace AND p.proname ~ '^(column|model)_|^refuse_(waiting|assigned|moving)'`)...)
	// Whatever is in the schema stands in one of the lists.
	for _, object := range sqltest.Texts(owner, `
		SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace
		UNION SELECT relname FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind IN ('r', 'v')`) {
		require.Condition(t, func() bool {
			for _, statement := range append(allowed, refused...) {
				if containsWord(statement, object) {
					return true
				}
			}
			return false
		}, "no statement tries %s", object)
	}

	refuseAll := func(statements []string) {
		for _, statement := range statements {
			app.Refuse("42501", statement)
		}
	}
	refuseAll(allowed)
	refuseAll(refused)

	owner.Do("SELECT gapless.grant_gapless($1)", name)
	app.Refuse("55000", "DELETE FROM gapless.sequences") // no view is updatable, for whomever
	app.Refuse("55000", "DELETE FROM gapless.holders")
	before := sqltest.Texts(owner, "SELECT a::text FROM gapless.journal AS a ORDER BY 1")
	refuseAll(refused)
	require.Equal(t, before, sqltest.Texts(owner, "SELECT a::text FROM gapless.journal AS a ORDER BY 1"))
	for _, statement := range allowed {
		app.Do(statement)
	}
	require.Contains(t, sqltest.Texts(owner, "SELECT DISTINCT allocated_as FROM gapless.journal WHERE allocated_as IS NOT NULL"), name)

	// What damages numbering is granted one by one.
	owner.Do("GRANT EXECUTE ON FUNCTION gapless.delete_gapless TO " + quoted)
	app.Do("SELECT gapless.delete_gapless('of its own')")

	// A role that may call the granting functions still cannot hand out what it does not own.
	owner.Do("GRANT EXECUTE ON FUNCTION gapless.grant_gapless, gapless.check_role, gapless.on_workers TO " + quoted)
	stranger, _ := sqltest.Role(t, database, "stranger")
	app.Do("SELECT gapless.grant_gapless('" + stranger + "')") // PostgreSQL warns that no privileges were granted
	require.False(t, *sqltest.Value[bool](owner, "SELECT has_schema_privilege($1, 'gapless', 'USAGE')", stranger))
	require.False(t, *sqltest.Value[bool](owner, "SELECT has_function_privilege($1, 'gapless.next_gapless(text, bigint, bigint, boolean)', 'EXECUTE')", stranger))

	owner.Do("SELECT gapless.revoke_gapless($1)", name)
	refuseAll(allowed)
	refuseAll(refused)
	require.ElementsMatch(t, []string{"check_role", "delete_gapless", "grant_gapless", "on_workers", "waiting"}, sqltest.Texts(owner, `
		SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND has_function_privilege($1, oid, 'EXECUTE')
		UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege($1, oid, 'SELECT')
		UNION ALL SELECT 'schema' WHERE has_schema_privilege($1, 'gapless', 'USAGE')`, name), "what was granted by hand stays")
}

func containsWord(statement, word string) bool {
	for i := 0; i+len(word) <= len(statement); i++ {
		if statement[i:i+len(word)] == word && (i+len(word) == len(statement) || !isWord(statement[i+len(word)])) && (i == 0 || !isWord(statement[i-1])) {
			return true
		}
	}
	return false
}

func isWord(b byte) bool {
	return b == '_' || b >= 'a' && b <= 'z'
}

// TestAnOwnerWhoIsNoSuperuserCanInstallAndRunEverything has a plain role that owns a database.
func TestAnOwnerWhoIsNoSuperuserCanInstallAndRunEverything(t *testing.T) {
	t.Parallel()
	database := pgtest.NewEmpty(t)
	admin := sqltest.Connect(t, database)
	ownerName, owner := sqltest.Role(t, database, "owner")
	appName, _ := sqltest.Role(t, database, "app")
	admin.Do("ALTER DATABASE " + pgx.Identifier{database.Name}.Sanitize() + " OWNER TO " + owner)
	admin.Do("ALTER SCHEMA public OWNER TO " + owner) // as the owner of the database has it since PostgreSQL 15

	conn := sqltest.Connect(t, database, func(config *pgx.ConnConfig) { config.RuntimeParams["role"] = ownerName })
	require.Equal(t, ownerName, *sqltest.Value[string](conn, "SELECT current_user::text"))
	require.False(t, *sqltest.Value[bool](conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
	require.NoError(t, migrate.Up(t.Context(), conn.Conn))
	require.NoError(t, migrate.Up(t.Context(), conn.Conn), "again")
	conn.Do("BEGIN")
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	sqltest.CallEverything(t, tx)
	require.NoError(t, tx.Commit(t.Context()))
	conn.Do("SELECT gapless.next_gapless('a')")
	conn.Do("SELECT gapless.prune_gapless('a', 'infinity')")
	conn.Do("SELECT * FROM gapless.holders")
	conn.Do("SELECT gapless.grant_gapless($1)", appName)
	conn.Do("COMMIT")
}

// TestNothingIsGrantedToPublic reads the privileges of every object in the schema.
func TestNothingIsGrantedToPublic(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Empty(t, sqltest.Texts(s, `
		SELECT o.name || ': ' || acl.privilege_type
		FROM (
			SELECT 'schema', nspacl, 'n'::"char", nspowner FROM pg_namespace WHERE nspname = 'gapless'
			UNION ALL SELECT relname, relacl, 'r', relowner FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind IN ('r', 'v')
			UNION ALL SELECT proname, proacl, 'f', proowner FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace
			UNION ALL SELECT typname, typacl, 'T', typowner FROM pg_type WHERE typnamespace = 'gapless'::regnamespace AND typtype = 'e'
		) AS o (name, acl, kind, owner), aclexplode(coalesce(o.acl, acldefault(o.kind, o.owner))) AS acl
		WHERE acl.grantee = 0 AND o.name <> 'waiting' -- whose notes are a transaction's own
	`))
}

// TestEveryObjectHasAComment also finds functions without a pinned search_path, and what else every function has.
func TestEveryObjectHasAComment(t *testing.T) {
	t.Parallel()
	s := sqltest.Connect(t, pgtest.New(t))
	require.Empty(t, sqltest.Texts(s, `
		SELECT 'schema' WHERE obj_description('gapless'::regnamespace, 'pg_namespace') IS NULL
		UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'gapless'::regnamespace AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL
		UNION ALL SELECT c.relname || '.' || a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
			WHERE c.relnamespace = 'gapless'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
		UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'gapless'::regnamespace AND contype <> 'n' AND obj_description(oid, 'pg_constraint') IS NULL
		UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
		UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'gapless'::regnamespace AND typtype = 'e' AND obj_description(oid, 'pg_type') IS NULL`))
	// The exceptions: three take the caller's for their expressions; some run with the rights and the path of the trigger function that calls
	// them; and two with the rights of the schema's owner, and three inlined into those and others, qualify even their operators. What is stored parsed
	// looks for no name.
	require.ElementsMatch(t, []string{"attach_gapless", "column_enter_row", "column_next_number", "column_first_number", "column_leave", "column_link", "column_noted", "column_previous", "column_settle_note", "model_commit", "model_confirm", "model_number", "model_single", "newest_run", "last_run", "shard_attach", "shard_named", "value_after"}, sqltest.Texts(s, `
		SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND prosqlbody IS NULL
			AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)`))
	require.Empty(t, sqltest.Texts(s, `SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proisstrict`))
	require.Empty(t, sqltest.Texts(s, `
		SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND prosrc ~ '\mmd5\M'
		UNION ALL SELECT viewname FROM pg_views WHERE schemaname = 'gapless' AND definition ~ '\mmd5\M'`), "md5() fails where OpenSSL is in FIPS mode")
	require.Empty(t, sqltest.Texts(s, `SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace GROUP BY 1 HAVING count(*) > 1`))
	require.Equal(t, sqltest.Texts(s, `SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND prosecdef ORDER BY 1`),
		sqltest.Texts(s, `SELECT proname FROM pg_proc WHERE pronamespace = 'gapless'::regnamespace AND proname ~ '_gapless(_batch)?$'
			AND proname NOT IN ('grant_gapless', 'revoke_gapless', 'attach_gapless', 'detach_gapless', 'mark_gapless', 'reset_gapless', 'version_gapless')
			OR proname IN ('column_adopt', 'column_adopt_voids', 'column_keep_void', 'column_voids', 'column_check_others', 'column_date_floor', 'column_enter', 'column_enter_row', 'column_enter_rows', 'column_entered', 'column_assign', 'column_commits', 'column_end_wait',
				'column_check_chain', 'column_check_former', 'column_compare', 'column_former_values', 'column_given', 'column_has_void_texts', 'column_is_archived', 'column_is_void', 'column_lock_move', 'column_void_moved', 'column_value', 'column_issued', 'column_link', 'column_lock_briefly', 'column_lock_waiting', 'column_previous', 'column_take', 'column_follow_move', 'column_first_number', 'column_first_number_general',
				'column_refuse_text', 'column_release_sequences', 'column_note_former', 'column_reclaim', 'column_reserve', 'column_step', 'column_values', 'column_adopt_voids', 'column_callees', 'column_check_series', 'column_check_others', 'column_keep_void', 'column_voids', 'column_check_shared', 'column_draw', 'column_head', 'column_inserted', 'column_linked', 'column_others', 'refuse_assigned', 'refuse_moving', 'refuse_waiting',
				'doctor_nodes', 'node_audit', 'node_columns', 'node_holders', 'node_sequences')
			OR proname ~ '^model_' AND prosqlbody IS NULL AND proname NOT IN ('model_commit', 'model_key', 'model_number') -- whose copies have the table's owner's
			ORDER BY 1`), "the public functions, and those that the triggers need, run with their owner's rights")
}
