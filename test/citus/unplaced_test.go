package citus_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/citustest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// What is decided of a series before its first number is of a shard only if somebody says of which.

var decisions = map[string]string{
	"a range":     "SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')",
	"an adoption": "SELECT gapless.adopt_gapless('invoice/1', 4999)",
	"a closing":   "SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office'), gapless.close_gapless('invoice/1', 'sold')",
}

// TestNoShardIsAttachedElsewhereUntilItIsSaidWhoseADecisionIs refuses its writes, and loses nothing of the decision.
func TestNoShardIsAttachedElsewhereUntilItIsSaidWhoseADecisionIs(t *testing.T) {
	t.Parallel()
	for name, decision := range decisions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := citustest.New(t)
			s := invoices(t, cluster)
			p := placeOf(t, cluster, s, "invoices", 1)
			p.node.Connect(t).Do(decision)
			unplaced := "warning series_unplaced node " + node(p.node)
			require.Equal(t, []string{unplaced}, sick(s))

			move(t, cluster, s, "invoices", 1, "block_writes")
			refused := s.Refuse("55000", attachShards)
			require.Contains(t, refused.Message, `shards of table public.invoices were moved, and nobody knows whether sequences of `)
			require.Contains(t, refused.Message, `"invoice/1"`)
			require.Contains(t, refused.Hint, "get_shard_id_for_distribution_column")
			refuses(t, s, 1)

			s.Do("SELECT * FROM gapless.attach_shards('invoices', jsonb_build_object('invoice/1', $1::bigint))", p.shard)
			require.Empty(t, sick(s))
			for range 2 { // it is the shard's own now
				move(t, cluster, s, "invoices", 1, "block_writes")
				require.Len(t, sqltest.Texts(s, attachShards), 1)
				require.Empty(t, sick(s))
			}
			_, err := p.other.Connect(t).Exec(t.Context(), "SELECT gapless.open_gapless('invoice/1', 'it is not')")
			require.Equal(t, name == "a closing", err == nil, err)
			require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
			sound(t, cluster)
		})
	}
}

// TestADecisionIsSaidBeforeAnyShardMoves, also where it was made on another node than that of the shard.
func TestADecisionIsSaidBeforeAnyShardMoves(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	for tenant, maker := range cluster.Nodes() {
		p := placeOf(t, cluster, s, "invoices", tenant)
		series := fmt.Sprintf("invoice/%d", tenant)
		maker.Connect(t).Do("SELECT gapless.range_gapless($1, 5000, 6000, 'tax office')", series)
		require.Contains(t, sick(s), "warning series_unplaced node "+node(maker))
		s.Do("SELECT * FROM gapless.attach_shards('invoices', jsonb_build_object($1::text, $2::bigint))", series, p.shard)
		require.Empty(t, sick(s), node(maker))
		require.Equal(t, []string{node(p.node)}, sqltest.Texts(s, "SELECT nodename || ':' || nodeport FROM gapless.node_sequences() WHERE name = $1", series), node(maker))
		require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES ($1) RETURNING number", tenant))
	}
	sound(t, cluster)
}

// TestASequenceOfNoShardIsSaidToBe one, and stays where it is.
func TestASequenceOfNoShardIsSaidToBe(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	source := p.node.Connect(t)
	source.Do("SELECT gapless.range_gapless('parcels', 5000, 6000, 'of this warehouse')")
	move(t, cluster, s, "invoices", 1, "block_writes")
	s.Refuse("55000", attachShards)
	require.Len(t, sqltest.Texts(s, `SELECT outcome FROM gapless.attach_shards(series => '{"parcels": null}')`), 1)
	require.EqualValues(t, 5000, source.Number("SELECT gapless.next_gapless('parcels')"))
	require.Equal(t, []string{"warning series_unplaced node " + node(p.node)}, sick(s))
	require.EqualValues(t, 4, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

// TestWhatIsSaidLastCounts until the first number, and nonsense is refused.
func TestWhatIsSaidLastCounts(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("CREATE TABLE bills (tenant int, number bigint)")
	s.Do("SELECT create_distributed_table('bills', 'tenant')")
	right, wrong, third := placeOf(t, cluster, s, "invoices", 1), place{}, place{}
	for tenant := 2; wrong.shard == 0 || third.shard == 0; tenant++ {
		switch p := placeOf(t, cluster, s, "invoices", tenant); {
		case p.node != right.node:
			wrong = p
		case p.shard != right.shard:
			third = p
		}
	}
	s.Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')")
	says := func(shard string) string {
		return "SELECT outcome FROM gapless.attach_shards('invoices', jsonb_build_object('invoice/1', " + shard + "))"
	}
	for series, message := range map[string]string{
		`[]`:                    "series is of type array, and has to be an object",
		`"invoice/1"`:           "series is of type string, and has to be an object",
		`null`:                  "series is of type null, and has to be an object",
		`{"invoice/1": 999999}`: `series says that sequence "invoice/1" is of shard 999999, which is none of table public.invoices`,
		`{"invoice/1": "x"}`:    `series says that sequence "invoice/1" is of shard x, which is none of table public.invoices`,
		`{"invoice/1": {"shard": 999999, "column": "no"}}`: `series says that sequence "invoice/1" is of shard 999999 and column no, which is none of table public.invoices`,
		`{"invoice/8": null}`:                              `series names sequence "invoice/8", which no node has`,
	} {
		require.Equal(t, message, s.Refuse("22023", "SELECT * FROM gapless.attach_shards('invoices', $1)", series).Message, series)
	}
	s.Refuse("22023", says("get_shard_id_for_distribution_column('bills', 1)"))
	for _, p := range []place{wrong, third, wrong, right} {
		require.Len(t, sqltest.Texts(s, says(strconv.FormatInt(p.shard, 10))), 1)
		require.Equal(t, []string{node(p.node)}, sqltest.Texts(s, "SELECT nodename || ':' || nodeport FROM gapless.node_sequences()"))
		require.Empty(t, sick(s))
	}
	s.Do(says("NULL"))
	require.Equal(t, []string{"warning series_unplaced node " + node(right.node)}, sick(s))
	require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Empty(t, sqltest.Texts(s, says(strconv.FormatInt(right.shard, 10))), "as it is")
	require.Contains(t, s.Refuse("55000", says(strconv.FormatInt(wrong.shard, 10))).Message, "it has numbers on shard")
	sound(t, cluster)
}

// TestWhatTwoNodesHaveIsNotMerged: a refused attach_shards changes nothing.
func TestWhatTwoNodesHaveIsNotMerged(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	p.node.Connect(t).Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')")
	s.Do("SELECT gapless.range_gapless('invoice/1', 100, 200, 'by mistake')")
	says := fmt.Sprintf(`SELECT outcome FROM gapless.attach_shards('invoices', '{"invoice/1": %d}')`, p.shard)
	require.Contains(t, s.Refuse("55000", says).Hint, "gapless.delete_gapless forgets a sequence on the node that is wrong")
	s.Do("SELECT gapless.delete_gapless('invoice/1')")
	require.Len(t, sqltest.Texts(s, says), 1)
	require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.EqualValues(t, 1, p.node.Connect(t).Number("SELECT count(*) FROM gapless.number_range"))
	sound(t, cluster)
}

// TestNumbersThatWereTakenByHandAreAskedFor, since a row elsewhere would get them again.
func TestNumbersThatWereTakenByHandAreAskedFor(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	source := p.node.Connect(t)
	source.Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office'), gapless.next_gapless('invoice/1')")
	source.Do("SELECT gapless.void_gapless('invoice/1', 5000, 'a test')")
	move(t, cluster, s, "invoices", 1, "block_writes")
	s.Refuse("55000", attachShards)
	require.Len(t, sqltest.Texts(s, fmt.Sprintf(`SELECT outcome FROM gapless.attach_shards('invoices', '{"invoice/1": %d}')`, p.shard)), 1)
	require.EqualValues(t, 5001, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestWhichOfSeveralColumnsASeriesIsOfIsSaid, since the shard alone does not tell.
func TestWhichOfSeveralColumnsASeriesIsOfIsSaid(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("ALTER TABLE invoices ADD credit bigint")
	s.Do("ALTER TABLE invoices ADD UNIQUE (tenant, credit)")
	s.Do("SELECT gapless.attach_gapless('invoices', 'credit', name => $$ 'credit/' || NEW.tenant $$)")
	p := placeOf(t, cluster, s, "invoices", 1)
	s.Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office'), gapless.range_gapless('credit/1', 7000, 8000, 'tax office')")
	says := func(series string) string {
		return fmt.Sprintf("SELECT outcome FROM gapless.attach_shards('invoices', '"+series+"')", p.shard, p.shard)
	}
	refused := s.Refuse("22023", says(`{"invoice/1": %d, "credit/1": %d}`))
	require.Contains(t, refused.Message, "only its shard, and the table has several attached columns")
	s.Do(says(`{"invoice/1": {"shard": %d, "column": "credit"}, "credit/1": {"shard": %d, "column": "number"}}`)) // the wrong way round
	s.Do(says(`{"invoice/1": {"shard": %d, "column": "number"}, "credit/1": {"shard": %d, "column": "credit"}}`))
	require.Empty(t, sick(s))
	move(t, cluster, s, "invoices", 1, "block_writes")
	require.Len(t, sqltest.Texts(s, attachShards), 2)
	require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.EqualValues(t, 7000, s.Number("SELECT credit FROM invoices WHERE tenant = 1"))
	sound(t, cluster)
}

// TestHalfOfACopyGivesNoNumber: what was cut off refuses rows until it is repeated.
func TestHalfOfACopyGivesNoNumber(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	s.Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')")
	pages := sqltest.Texts(s, `SELECT format('SELECT gapless.shard_take(%L, %L, %L)', g.kind, g.page, $1::text)
		FROM gapless.shard_pages($2, $3, '["invoice/1"]') WITH ORDINALITY AS g (kind, page, i) ORDER BY g.i`, "public."+p.table, cluster.Coordinator.Host, int(cluster.Coordinator.Port))
	require.Len(t, pages, 3, "a decision, the sequence, and its range")
	says := fmt.Sprintf(`SELECT outcome FROM gapless.attach_shards('invoices', '{"invoice/1": %d}')`, p.shard)
	target := p.node.Connect(t)
	for _, page := range pages[:2] {
		target.Do(page)
	}
	code, message := s.Try("INSERT INTO invoices (tenant) VALUES (1)")
	require.Equal(t, "2200H", code, message)
	require.Equal(t, []string{"attached, with 1 series from " + node(cluster.Coordinator)}, sqltest.Texts(s, says))
	require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestASeriesOfAConstantNameTakesWhatWasDecidedElsewhere, though attach has made it.
func TestASeriesOfAConstantNameTakesWhatWasDecidedElsewhere(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := cluster.Connect(t)
	s.Do("SET citus.enable_schema_based_sharding = on; CREATE SCHEMA shop")
	s.Do("CREATE TABLE shop.bills (id int PRIMARY KEY, number bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('shop.bills', 'number')")
	s.Do("SELECT gapless.range_gapless('shop.bills.number', 300, 399, 'tax office')")
	s.Do("SELECT * FROM gapless.attach_shards('shop.bills', (SELECT jsonb_build_object('shop.bills.number', shardid) FROM citus_shards WHERE table_name = 'shop.bills'::regclass))")
	require.EqualValues(t, 300, s.Number("INSERT INTO shop.bills VALUES (1) RETURNING number"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestATableIsAttachedAgainWhoseShardsMovedMeanwhile, with a warning of what nobody has said.
func TestATableIsAttachedAgainWhoseShardsMovedMeanwhile(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	p.node.Connect(t).Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'tax office')")
	s.Do("SELECT gapless.detach_gapless('invoices', 'number')")
	move(t, cluster, s, "invoices", 1, "block_writes")
	s.Do("SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice/' || NEW.tenant $$)")
	require.Equal(t, []string{"warning series_unplaced node " + node(p.node)}, sick(s))
	s.Do(fmt.Sprintf(`SELECT * FROM gapless.attach_shards('invoices', '{"invoice/1": %d}')`, p.shard))
	require.EqualValues(t, 5000, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	sound(t, cluster)
}

// TestAMoveThatWaitsIsNoDeadlock between attach_shards, which waits for a writer, and the writer behind the move.
func TestAMoveThatWaitsIsNoDeadlock(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	one, other := placeOf(t, cluster, s, "invoices", 1), place{}
	for tenant := 2; other.shard == 0; tenant++ {
		if p := placeOf(t, cluster, s, "invoices", tenant); p.node != one.node {
			other = p
		}
	}
	move(t, cluster, s, "invoices", 1, "block_writes") // now both are on one node
	one = placeOf(t, cluster, s, "invoices", 1)
	observer, holder, mover := cluster.Connect(t), one.node.Connect(t), cluster.Connect(t)
	holder.Do("BEGIN")
	holder.Do("SET LOCAL citus.enable_manual_changes_to_shards = on")
	holder.Do("LOCK TABLE " + one.table + " IN ROW EXCLUSIVE MODE") // as a writer would that came before the move
	attached := s.LaterNumber("SELECT count(*) FROM gapless.attach_shards()")
	one.node.Connect(t).AwaitBlocked(holder.PID())
	moved := mover.LaterNumber("SELECT count(*) FROM citus_move_shard_placement($1, $2, $3, $4, $5, 'block_writes')", other.shard, other.node.Host, int(other.node.Port), other.other.Host, int(other.other.Port))
	sqltest.AwaitWaiter(t, observer, mover.PID())
	result := <-attached
	sqltest.RequireCode(t, "38000", result.Err)
	require.ErrorContains(t, result.Err, "lock timeout")
	require.NoError(t, (<-moved).Err)
	holder.Do("ROLLBACK")
	s.Do(attachShards)
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestARangeThatTheShardsNodeDoesNotHaveIsFound, though the series has numbers there.
func TestARangeThatTheShardsNodeDoesNotHaveIsFound(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	s.Do("SELECT gapless.range_gapless('invoice/1', 5000, 6000, 'on the coordinator, where no row is')")
	require.Equal(t, []string{"critical series_split invoice/1"}, sick(s))
	require.Equal(t, []string{"invoice/1 split", "invoice/1 split"}, sqltest.Texts(s, "SELECT concat_ws(' ', sequence, kind) FROM gapless.node_audit() WHERE NOT explained"))
}

// TestOneTableThatCannotBeAttachedLeavesTheOthersAttached, and is named.
func TestOneTableThatCannotBeAttachedLeavesTheOthersAttached(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	for _, table := range []string{"a_bills", "b_bills", "z_bills"} {
		s.Do(fmt.Sprintf("CREATE TABLE %s (tenant int, number bigint, UNIQUE (tenant, number))", table))
		s.Do(fmt.Sprintf("SELECT create_distributed_table('%s', 'tenant', colocate_with => 'invoices')", table))
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('%s', 'number', name => $$ '%[1]s/' || NEW.tenant $$)", table))
		s.Do(fmt.Sprintf("INSERT INTO %s VALUES (1)", table))
	}
	s.Do("ALTER TABLE a_bills RENAME tenant TO customer")
	s.Do("ALTER TABLE b_bills RENAME number TO no")
	move(t, cluster, s, "invoices", 1, "block_writes") // with those that are beside it
	refused := s.Refuse("38000", attachShards)
	require.Contains(t, refused.Message, `shards of column "number" of table public.a_bills are not attached: node `)
	require.Contains(t, refused.Message, "column new.tenant does not exist")
	require.Equal(t, "Nor are all shards of public.b_bills.number.", refused.Detail)
	s.Refuse("55000", "INSERT INTO a_bills VALUES (1)")
	require.EqualValues(t, 1, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
	require.EqualValues(t, 2, s.Number("INSERT INTO z_bills (tenant) VALUES (1) RETURNING number"))

	refused = s.Refuse("55000", "SELECT * FROM gapless.attach_shards('b_bills')")
	require.Contains(t, refused.Message, "the column was renamed or dropped")
	refused = s.Refuse("55000", "SELECT gapless.detach_gapless('b_bills', 'number')")
	require.Contains(t, refused.Hint, "ALTER TABLE public.b_bills RENAME no TO number; SELECT * FROM gapless.attach_shards('public.b_bills'); then rename and detach it.")
	s.Do("ALTER TABLE public.b_bills RENAME no TO number")
	require.Len(t, sqltest.Texts(s, "SELECT outcome FROM gapless.attach_shards('public.b_bills')"), 1)
	s.Do("ALTER TABLE b_bills RENAME number TO no")
	for _, renamed := range [][2]string{{"a_bills", "'number', name => $$ 'a_bills/' || NEW.customer $$"}, {"b_bills", "'no', name => $$ 'b_bills/' || NEW.tenant $$"}} {
		s.Do(fmt.Sprintf("SELECT gapless.detach_gapless('%s', 'number')", renamed[0]))
		s.Do(fmt.Sprintf("SELECT gapless.attach_gapless('%s', %s)", renamed[0], renamed[1]))
	}
	require.EqualValues(t, 2, s.Number("INSERT INTO a_bills (customer) VALUES (1) RETURNING number"))
	require.EqualValues(t, 2, s.Number("INSERT INTO b_bills (tenant) VALUES (1) RETURNING no"))
	sound(t, cluster)
	require.Empty(t, sick(s))
}

// TestShardsDoNotMoveWhileTheyAreAttached, nor are they attached while they move.
func TestShardsDoNotMoveWhileTheyAreAttached(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := numbered(t, cluster)
	p := placeOf(t, cluster, s, "invoices", 1)
	observer, mover := cluster.Connect(t), cluster.Connect(t)
	moves := func(from, to citustest.Node) <-chan sqltest.Result[int64] {
		return mover.LaterNumber("SELECT count(*) FROM citus_move_shard_placement($1, $2, $3, $4, $5, 'block_writes')", p.shard, from.Host, int(from.Port), to.Host, int(to.Port))
	}
	s.Do("BEGIN")
	s.Do(attachShards)
	require.EqualValues(t, 4, observer.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"), "writers go on")
	done := moves(p.node, p.other)
	sqltest.AwaitWaiter(t, observer, mover.PID())
	s.Do("COMMIT")
	require.NoError(t, (<-done).Err)

	mover.Do("BEGIN")
	require.NoError(t, (<-moves(p.other, p.node)).Err)
	attached := s.LaterNumber("SELECT count(*) FROM gapless.attach_shards()")
	sqltest.AwaitWaiter(t, observer, s.PID())
	mover.Do("COMMIT")
	result := <-attached
	require.NoError(t, result.Err)
	require.EqualValues(t, 1, result.Value)
	require.Empty(t, sick(s))
	sound(t, cluster)
	require.EqualValues(t, 5, s.Number("INSERT INTO invoices (tenant) VALUES (1) RETURNING number"))
}

// TestATableThatCitusTakesOverRefusesRows, says why, and goes on when it is given back.
func TestATableThatCitusTakesOverRefusesRows(t *testing.T) {
	t.Parallel()
	cluster := citustest.New(t)
	s := invoices(t, cluster)
	s.Do("CREATE TABLE currencies (code text PRIMARY KEY)")
	s.Do("SELECT create_reference_table('currencies')")
	s.Do("CREATE TABLE receipts (number bigint, currency text, UNIQUE (number, currency))")
	attach := "SELECT gapless.attach_gapless('receipts', 'number', name => $$ 'receipt/' || coalesce(NEW.currency, '') $$)"
	s.Do(attach)
	s.Do("INSERT INTO currencies VALUES ('EUR')")
	s.Do("INSERT INTO receipts DEFAULT VALUES; INSERT INTO receipts (currency) VALUES ('EUR')")
	s.Do("ALTER TABLE receipts ADD CONSTRAINT joined FOREIGN KEY (currency) REFERENCES currencies")
	refused := s.Refuse("55000", "INSERT INTO receipts DEFAULT VALUES")
	require.Contains(t, refused.Message, "Citus has made a shard of the table")
	require.Contains(t, refused.Hint, "Then detach the column, and attach it again")
	s.Refuse("428C9", "UPDATE receipts SET number = 2")
	s.Refuse("23001", "DELETE FROM receipts")
	require.Contains(t, sick(s), "critical table_managed public.receipts")
	for _, arguments := range []string{"", "target => 'receipts'", "target => 'receipts', target_column => 'number'"} {
		require.Equal(t, []string{node(cluster.Coordinator) + ` not read public.receipts.number f the column cannot be read: column "number" of table "receipts" cannot number rows: Citus has made a shard of the table. When Citus has given it back, detach the column and attach it again`},
			sqltest.Texts(s, "SELECT concat_ws(' ', nodename || ':' || nodeport, kind, attached_column, explained, explanation) FROM gapless.node_audit("+arguments+")"), arguments)
	}
	require.NotContains(t, sqltest.Texts(s, "SELECT kind FROM gapless.audit_gapless()"), "never issued")
	s.Do("ALTER TABLE receipts DROP CONSTRAINT joined")
	s.Do("SELECT gapless.detach_gapless('receipts', 'number')")
	s.Do(attach)
	require.EqualValues(t, 2, s.Number("INSERT INTO receipts DEFAULT VALUES RETURNING number"))
	require.Empty(t, sick(s))
	sound(t, cluster)
}

// TestATableThatIsNamedLikeAShardIsNotTakenForOne where its column has lost its guards.
func TestATableThatIsNamedLikeAShardIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	s := citustest.New(t).Connect(t)
	s.Do("CREATE TABLE bills_2024 (n_2024 bigint UNIQUE)")
	s.Do("SELECT gapless.attach_gapless('bills_2024', 'n_2024')")
	s.Do(`DROP TRIGGER "~gapless_update_n_2024" ON bills_2024`)
	require.Contains(t, s.Refuse("55000", "INSERT INTO bills_2024 DEFAULT VALUES").Message, "has lost the triggers that guard its numbers")
}
