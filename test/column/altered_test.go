package column_test

// What is done to a table after its column was attached: it is right, or refused with what to do, or the view
// gapless.columns says it.

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/test/pg"
)

// createAltered makes a table numbered early, one at commit, and a partitioned one numbered %s, with two rows each; and one
// that may become a partition.
const createAltered = `
	CREATE SCHEMA other;
	CREATE TABLE early (id int PRIMARY KEY, tenant text DEFAULT 'a', memo text, number bigint);
	CREATE UNIQUE INDEX early_number ON early (tenant, number) WHERE number IS NOT NULL;
	CREATE TABLE late (LIKE early INCLUDING ALL);
	CREATE TABLE parted (id int, tenant text DEFAULT 'a', memo text, number bigint, region text DEFAULT 'north', PRIMARY KEY (id, region), UNIQUE (tenant, number, region)) PARTITION BY LIST (region);
	CREATE TABLE north PARTITION OF parted FOR VALUES IN ('north');
	CREATE TABLE south PARTITION OF parted FOR VALUES IN ('south');
	CREATE TABLE joining (LIKE parted INCLUDING DEFAULTS);
	SELECT gapless.attach_gapless('early', 'number', name => $$ 'early/' || NEW.tenant $$),
		gapless.attach_gapless('late', 'number', name => $$ 'late/' || NEW.tenant $$, at_commit => true),
		gapless.attach_gapless('parted', 'number', name => $$ 'parted/' || NEW.tenant $$, at_commit => %s);
	INSERT INTO early VALUES (1), (2);
	INSERT INTO late VALUES (1), (2);
	INSERT INTO parted VALUES (1), (2)`

const attachLate = "SELECT gapless.attach_gapless('late', 'number', name => $$ 'late/' || NEW.tenant $$, at_commit => true)"

type alteration struct {
	statements string   // each of which may be refused
	refused    string   // with these SQLSTATEs
	rows       string   // a query's, after it
	want       []string // ids and numbers
	faults     []string
	findings   []string // how they begin
}

// alterations are all to a table whose newest number is 2.
var alterations = map[string]alteration{
	"SET SCHEMA": {
		"ALTER TABLE early SET SCHEMA other; INSERT INTO other.early VALUES (3); DELETE FROM other.early", "23001",
		"other.early", []string{"1 1", "2 2", "3 3"},
		[]string{"the table was renamed: the column that was attached is public.early.number"},
		[]string{"other.early.number not read: the column cannot be read"},
	},
	"SET SCHEMA, at commit": {
		"ALTER TABLE late SET SCHEMA other; INSERT INTO other.late VALUES (3); INSERT INTO other.late VALUES (4), (5)", "55000 55000",
		"other.late", []string{"1 1", "2 2"},
		[]string{"the table was renamed: the column that was attached is public.late.number"},
		[]string{"other.late.number not read: the column cannot be read"},
	},
	"SET SCHEMA of a table with rows that wait": {
		"BEGIN; INSERT INTO late VALUES (3); ALTER TABLE late SET SCHEMA other; COMMIT", "55000",
		"late", []string{"1 1", "2 2"}, nil, nil,
	},
	"RENAME TO, and another table of the name": {
		"ALTER TABLE early RENAME TO former; CREATE TABLE early (LIKE former INCLUDING ALL); INSERT INTO former VALUES (3); INSERT INTO early VALUES (3)", "",
		"former", []string{"1 1", "2 2", "3 3"},
		[]string{"the table was renamed: the column that was attached is public.early.number"}, nil,
	},
	"RENAME TO, and another table of the name, at commit": {
		"ALTER TABLE late RENAME TO former; CREATE TABLE late (LIKE former INCLUDING ALL); INSERT INTO former VALUES (3); INSERT INTO late VALUES (3)", "55000",
		"former", []string{"1 1", "2 2"},
		[]string{"the table was renamed: the column that was attached is public.late.number"}, nil,
	},
	"INHERIT": {
		"CREATE TABLE parent (LIKE early); ALTER TABLE early INHERIT parent; DELETE FROM parent WHERE id = 1; UPDATE parent SET number = 7; TRUNCATE parent; INSERT INTO early VALUES (3); ALTER TABLE early NO INHERIT parent; INSERT INTO early VALUES (4)",
		"23001 428C9 23001", "early", []string{"1 1", "2 2", "3 3", "4 4"}, nil, nil,
	},
	"INHERIT of an heir": {
		"CREATE TABLE heir (LIKE early); ALTER TABLE heir INHERIT early; INSERT INTO heir VALUES (3, 'a'), (4, 'a'); UPDATE heir SET number = 2 WHERE id = 4; INSERT INTO early VALUES (5)", "",
		"ONLY early", []string{"1 1", "2 2", "5 3"}, nil,
		[]string{"early/a double: 2 rows have it"},
	},
	"ATTACH PARTITION of a row without a number": {
		"INSERT INTO joining VALUES (9, 'a', '', NULL, 'east'); ALTER TABLE parted ATTACH PARTITION joining FOR VALUES IN ('east'); UPDATE parted SET memo = 'seen' WHERE id = 9", "",
		"parted", []string{"1 1", "2 2", "9 3"}, []string{"partition public.joining has no guards of its own"}, nil,
	},
	"ATTACH PARTITION of a number that was issued": {
		"INSERT INTO joining VALUES (9, 'a', '', 1, 'east'); ALTER TABLE parted ATTACH PARTITION joining FOR VALUES IN ('east'); INSERT INTO parted VALUES (3); DELETE FROM parted WHERE id = 9", "23001",
		"parted", []string{"1 1", "2 2", "3 3", "9 1"}, []string{"partition public.joining has no guards of its own"},
		[]string{"parted/a double: 2 rows have it"},
	},
	"ATTACH PARTITION of a number that was not issued": {
		"INSERT INTO joining VALUES (9, 'a', '', 7, 'east'); ALTER TABLE parted ATTACH PARTITION joining FOR VALUES IN ('east'); INSERT INTO parted VALUES (3); SELECT gapless.guard_partitions()", "",
		"parted", []string{"1 1", "2 2", "3 3", "9 7"}, nil,
		[]string{"parted/a never issued: a row has it"},
	},
	"DETACH PARTITION, and ATTACH": {
		"ALTER TABLE parted DETACH PARTITION north; ALTER TABLE parted ATTACH PARTITION north FOR VALUES IN ('north'); INSERT INTO parted VALUES (3)", "",
		"parted", []string{"1 1", "2 2", "3 3"}, nil, nil,
	},
	"DISABLE TRIGGER": {
		`ALTER TABLE early DISABLE TRIGGER "~gapless_insert_number"; INSERT INTO early VALUES (3)`, "",
		"early", []string{"1 1", "2 2", "3 "}, []string{"disabled on table public.early: trigger ~gapless_insert_number"}, nil,
	},
	"ENABLE REPLICA TRIGGER": {
		`ALTER TABLE early ENABLE REPLICA TRIGGER "~gapless_insert_number"; INSERT INTO early VALUES (3)`, "",
		"early", []string{"1 1", "2 2", "3 "}, []string{"enabled for replicas alone on table public.early: trigger ~gapless_insert_number"}, nil,
	},
	"DISABLE TRIGGER of a table with rows that wait": {
		"BEGIN; INSERT INTO late VALUES (3); ALTER TABLE late DISABLE TRIGGER USER", "55006", "late", []string{"1 1", "2 2"}, nil, nil,
	},
	"session_replication_role, when a row is numbered": {
		"BEGIN; INSERT INTO late VALUES (3); SET LOCAL session_replication_role = replica; COMMIT", "23001", "late", []string{"1 1", "2 2"}, nil, nil,
	},
	"session_replication_role, for an INSERT": { // a superuser's, as of a subscription
		"SET session_replication_role = replica; INSERT INTO late VALUES (3); RESET session_replication_role; INSERT INTO late VALUES (4)", "",
		"late", []string{"1 1", "2 2", "3 ", "4 3"}, nil, nil,
	},
	"SET UNLOGGED": {
		"ALTER TABLE early SET UNLOGGED", "", "early", []string{"1 1", "2 2"}, []string{"table public.early is not logged, so that a crash empties it"}, nil,
	},
	"SET UNLOGGED of a partition": {
		"ALTER TABLE north SET UNLOGGED; INSERT INTO parted VALUES (3)", "42809", "parted", []string{"1 1", "2 2"}, []string{"table public.north is not logged, so that a crash empties it"}, nil,
	},
	"DROP COLUMN of another": {
		"ALTER TABLE early DROP COLUMN memo; INSERT INTO early VALUES (3); DELETE FROM early", "23001", "early", []string{"1 1", "2 2", "3 3"}, nil, nil,
	},
	"DROP COLUMN of another, at commit": {
		"ALTER TABLE late DROP COLUMN memo; INSERT INTO late VALUES (3); INSERT INTO late VALUES (4), (5)", "", "late", []string{"1 1", "2 2", "3 3", "4 4", "5 5"}, nil, nil,
	},
	"DROP COLUMN of another, partitioned": {
		"ALTER TABLE parted DROP COLUMN memo; INSERT INTO parted VALUES (3); INSERT INTO parted VALUES (4), (5)", "", "parted", []string{"1 1", "2 2", "3 3", "4 4", "5 5"}, nil, nil,
	},
	"DROP COLUMN that name reads": {
		"ALTER TABLE early DROP COLUMN tenant; INSERT INTO early VALUES (3)", "2BP01", "early", []string{"1 1", "2 2", "3 3"}, nil, nil,
	},
	"DROP COLUMN CASCADE that name reads": {
		"ALTER TABLE early DROP COLUMN tenant CASCADE; INSERT INTO early VALUES (3); UPDATE early SET number = 7; DELETE FROM early", "55000 42703 42703",
		"early", []string{"1 1", "2 2"},
		[]string{"missing on table public.early: trigger ~gapless_update_number", "no unique index of table public.early contains the column"},
		[]string{"public.early.number not read: the column cannot be read"},
	},
	"DROP TRIGGER that numbers": {
		`DROP TRIGGER "~gapless_insert_number" ON early; INSERT INTO early VALUES (3)`, "", "early", []string{"1 1", "2 2", "3 "},
		[]string{"missing on table public.early: trigger ~gapless_insert_number"},
		[]string{"public.early.number not read: the column cannot be audited"},
	},
	"DROP TRIGGER that enters": {
		`DROP TRIGGER "~gapless_enter_number" ON early; INSERT INTO early VALUES (3); INSERT INTO early VALUES (4)`, "23505", "early", []string{"1 1", "2 2", "3 3"},
		[]string{"missing on table public.early: trigger ~gapless_enter_number"}, []string{"early/a never issued: a row has it"},
	},
	"DROP TRIGGER at commit": {
		`DROP TRIGGER "~gapless_commit_number" ON late; INSERT INTO late VALUES (3), (4); DROP TRIGGER "~gapless_confirm_number" ON late; INSERT INTO late VALUES (5), (6)`, "23001",
		"late", []string{"1 1", "2 2", "3 3", "4 4"}, []string{"missing on table public.late: trigger ~gapless_commit_number, trigger ~gapless_confirm_number"}, nil,
	},
	"DROP INDEX": {
		"DROP INDEX early_number; INSERT INTO early VALUES (3)", "", "early", []string{"1 1", "2 2", "3 3"}, []string{"no unique index of table public.early contains the column"}, nil,
	},
	"ALTER TYPE of the number": {
		"ALTER TABLE early ALTER number TYPE int", "0A000", "early", []string{"1 1", "2 2"}, nil, nil,
	},
	"SET DEFAULT of the number": {
		"ALTER TABLE early ALTER number SET DEFAULT 77; INSERT INTO early VALUES (3); ALTER TABLE late ALTER number SET DEFAULT 77; INSERT INTO late VALUES (3)", "428C9 428C9",
		"early", []string{"1 1", "2 2"}, nil, nil,
	},
	"another primary key, by its column's name": {
		"ALTER TABLE late RENAME id TO former; ALTER TABLE late ADD id int; INSERT INTO late VALUES (3); INSERT INTO late VALUES (4), (5)", "55000",
		"(SELECT former AS id, number FROM late)", []string{"1 1", "2 2", "3 3"}, []string{"the primary key of table public.late is not the one with which the column was attached"}, nil,
	},
	"another primary key, by its column's name, partitioned": {
		"ALTER TABLE parted RENAME id TO former; ALTER TABLE parted ADD id int; INSERT INTO parted VALUES (3); INSERT INTO parted VALUES (4), (5); UPDATE parted SET memo = 'seen'", "55000 55000",
		"(SELECT former AS id, number FROM parted)", []string{"1 1", "2 2"}, []string{"the primary key of table public.parted is not the one with which the column was attached"}, nil,
	},
	"RENAME COLUMN of the primary key": {
		"ALTER TABLE late RENAME id TO former; INSERT INTO late VALUES (3); INSERT INTO late VALUES (4), (5)", "55000 55000",
		"(SELECT former AS id, number FROM late)", []string{"1 1", "2 2"}, []string{"the primary key of table public.late is not the one with which the column was attached"}, nil,
	},
	"no primary key": {
		"ALTER TABLE late DROP CONSTRAINT late_pkey; ALTER TABLE late ALTER id DROP NOT NULL; INSERT INTO late VALUES (NULL); INSERT INTO late VALUES (NULL), (NULL)", "55000",
		"late", []string{" 3", "1 1", "2 2"}, []string{"the primary key of table public.late is not the one with which the column was attached"}, nil,
	},
	"ALTER TYPE of the primary key": {
		"ALTER TABLE late ALTER id TYPE bigint; INSERT INTO late VALUES (5000000000); INSERT INTO late VALUES (5000000001), (5000000002)", "22003",
		"late", []string{"1 1", "2 2", "5000000000 3"}, []string{"the primary key of table public.late is not the one with which the column was attached"}, nil,
	},
	"ALTER TYPE of the primary key, and attach again": {
		"ALTER TABLE late ALTER id TYPE bigint; " + attachLate + "; INSERT INTO late VALUES (5000000001), (5000000002)", "",
		"late", []string{"1 1", "2 2", "5000000001 3", "5000000002 4"}, nil, nil,
	},
	"detach, and attach, between a transaction's rows": {
		"BEGIN; INSERT INTO late VALUES (3); SELECT gapless.detach_gapless('late', 'number'); " + attachLate + "; INSERT INTO late VALUES (4), (5); COMMIT", "",
		"late", []string{"1 1", "2 2", "3 3", "4 4", "5 5"}, nil, nil,
	},
	"detach, and rows of another table": {
		"BEGIN; INSERT INTO late VALUES (3); SELECT gapless.detach_gapless('late', 'number'); INSERT INTO parted VALUES (3); INSERT INTO late VALUES (4); COMMIT", "",
		"late", []string{"1 1", "2 2", "3 3", "4 "}, nil, nil,
	},
	"detach of another table's column": {
		"BEGIN; INSERT INTO parted VALUES (3); SELECT gapless.detach_gapless('late', 'number'); INSERT INTO parted VALUES (4); COMMIT", "",
		"parted", []string{"1 1", "2 2", "3 3", "4 4"}, nil, nil,
	},
}

func TestATableThatIsAlteredIsNumberedOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	for name, a := range alterations {
		for _, parted := range []string{"false", "true"} {
			if parted == "true" && !strings.Contains(a.statements, "parted") {
				continue
			}
			if parted == "false" && strings.Contains(name, "key, by its column's name, partitioned") {
				continue // which is for rows that are numbered at commit
			}
			t.Run(name+map[string]string{"true": ", parted at commit"}[parted], func(t *testing.T) {
				t.Parallel()
				s := sqltest.Connect(t, pgtest.New(t))
				s.Do(strings.ReplaceAll(createAltered, "%s", parted))
				var refused []string
				for _, statement := range strings.Split(a.statements, "; ") {
					_, err := s.Exec(s.Ctx, statement)
					if err == nil {
						continue
					}
					var pgErr *pgconn.PgError
					require.ErrorAs(t, err, &pgErr, statement)
					refused = append(refused, pgErr.Code)
				}
				s.Do("ROLLBACK")
				require.Equal(t, strings.Fields(a.refused), append([]string{}, refused...))
				require.Equal(t, a.want, sqltest.Texts(s, "SELECT concat(id, ' ', number) FROM "+a.rows+" AS r ORDER BY 1"))
				require.Equal(t, append([]string{}, a.faults...), append([]string{}, sqltest.Texts(s, faults)...))
				findings := sqltest.Texts(s, `SELECT concat_ws(' ', coalesce(nullif(sequence, ''), attached_column), kind) || ': ' || explanation FROM gapless.audit_gapless() WHERE NOT explained ORDER BY 1`)
				require.Len(t, findings, len(a.findings), findings)
				for i, finding := range findings {
					require.True(t, strings.HasPrefix(finding, a.findings[i]), finding)
				}
			})
		}
	}
}

// TestDropOwned drops what a role has been granted, and then what it owns.
func TestDropOwned(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	name, quoted := sqltest.Role(t, database, "owner")
	pg.MayAttach(s, quoted)
	s.Do("CREATE SCHEMA shop AUTHORIZATION " + quoted)
	s.Do("SET ROLE " + quoted)
	s.Do("CREATE TABLE shop.bills (id int, number bigint UNIQUE); SELECT gapless.attach_gapless('shop.bills', 'number', name => $$ 'bill' $$); INSERT INTO shop.bills VALUES (1)")
	s.Do("RESET ROLE")
	s.Do("CREATE ROLE " + quoted[:len(quoted)-1] + `2"; ALTER SCHEMA shop OWNER TO ` + quoted[:len(quoted)-1] + `2"`)
	t.Cleanup(func() { sqltest.DropRole(t, database, quoted[:len(quoted)-1]+`2"`) })
	s.Do("GRANT USAGE ON SCHEMA shop TO " + quoted)
	s.Do("DROP OWNED BY " + quoted)
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.columns"), name)
	require.Zero(t, s.Number("SELECT count(*) FROM pg_proc WHERE proname LIKE 'bills%'"))
	unexplained := sqltest.Texts(s, pg.Unexplained)
	require.Len(t, unexplained, 1)
	require.Contains(t, unexplained[0], "bill not read 1 the table was dropped")
	require.EqualValues(t, 1, s.Number("SELECT gapless.last_gapless('bill')"))
}
