package bench

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/migrate"
)

var auditedRows = flag.Int("rows", 0, "how many rows Audit reads; 0: 1,000,000 for each second of -slice")

var (
	early = contender{
		name:       "attached",
		setUp:      "SELECT gapless.attach_gapless('invoice_attached', 'number', name => $$ 'attached' $$)",
		insertNext: "INSERT INTO invoice_attached (customer) VALUES ($1)",
		gapless:    true,
	}
	atCommit = contender{
		name: "atcommit",
		setUp: `ALTER TABLE invoice_atcommit ALTER COLUMN number DROP NOT NULL;
			SELECT gapless.attach_gapless('invoice_atcommit', 'number', name => $$ 'atcommit' $$, at_commit => true)`,
		insertNext: "INSERT INTO invoice_atcommit (customer) VALUES ($1)",
		gapless:    true,
	}
	byHand, native = contenders[0], contenders[2]
)

// manyRows is for each contender an INSERT of $2 rows.
var manyRows = map[string]string{
	early.name:  "INSERT INTO invoice_attached (customer) SELECT $1 FROM generate_series(1, $2)",
	byHand.name: "INSERT INTO invoice_gapless (number, customer) SELECT gapless.next_gapless('bench'), $1 FROM generate_series(1, $2)",
	native.name: "INSERT INTO invoice_nextval (number, customer) SELECT nextval('native'), $1 FROM generate_series(1, $2)",
}

// BenchmarkAttach has one client insert row after row, each a transaction, into a column that numbers itself.
func BenchmarkAttach(b *testing.B) {
	const rows = 20 // a turn; fewer would always find the processor's caches full of the others'
	for _, flush := range []struct {
		name       string
		parameters map[string]string
	}{{"disk", diskFlush}, {"1ms", slowFlush}, {"off", noFlush}} {
		b.Run("flush="+flush.name, func(b *testing.B) {
			compareTimes(b, flush.parameters, rows, func(ctx context.Context, conn *pgx.Conn, c contender) error {
				for range rows {
					if _, err := conn.Exec(ctx, c.insertNext, "a customer"); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// BenchmarkAttachManyRows inserts 10,000 rows with one statement.
func BenchmarkAttachManyRows(b *testing.B) {
	const rows = 10_000
	compareTimes(b, diskFlush, rows, func(ctx context.Context, conn *pgx.Conn, c contender) error {
		_, err := conn.Exec(ctx, manyRows[c.name], "a customer", rows)
		return err
	})
}

// compareTimes has an attached column, next_gapless and nextval take turns of that many rows on one connection, so that the
// machine's own ups and downs meet all of them. It reports the rows a second of each, and the attached column's time over
// the others'.
func compareTimes(b *testing.B, parameters map[string]string, rows int, turn func(context.Context, *pgx.Conn, contender) error) {
	b.Helper()
	compared := []contender{early, byHand, native}
	conn := connect(b, newDatabase(b, compared), 1, parameters)[0]
	rounds := roundsOf(b, *slice*time.Duration(len(compared)), func(length time.Duration) map[string]float64 {
		took := map[string]time.Duration{}
		turns := 0
		for begin := time.Now(); turns == 0 || time.Since(begin) < length; turns++ {
			for i := range compared {
				c := compared[(i+turns)%len(compared)]
				start := time.Now()
				require.NoError(b, turn(b.Context(), conn, c))
				took[c.name] += time.Since(start)
			}
		}
		rates := map[string]float64{}
		for name, t := range took {
			rates[name] = float64(turns*rows) / t.Seconds()
		}
		return rates
	})
	requireGapless(b, conn, compared)
	for _, other := range []contender{byHand, native} {
		rounds.report(b, "×time-of-"+other.name, func(rates map[string]float64) float64 { return rates[other.name] / rates[early.name] })
	}
}

// BenchmarkAtCommit has 64 clients insert a row of the same sequence and then work for 5 ms, in one transaction.
func BenchmarkAtCommit(b *testing.B) {
	compared := []contender{atCommit, early, native}
	insertAndWork := shape{"work", func(ctx context.Context, conn *pgx.Conn, c contender) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, c.insertNext, "a customer"); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond) // an e-mail, a PDF, a call to another system
			return nil
		})
	}}
	conns := connect(b, newDatabase(b, compared), 64, diskFlush)
	rounds := roundsOf(b, *slice, func(length time.Duration) map[string]float64 {
		rates := map[string]float64{}
		for _, c := range compared {
			rates[c.name] = rate(b, conns, insertAndWork, c, length)
		}
		return rates
	})
	requireGapless(b, conns[0], compared)
	for _, other := range []contender{early, native} {
		rounds.report(b, "×"+other.name, func(rates map[string]float64) float64 { return rates[atCommit.name] / rates[other.name] })
	}
}

// BenchmarkAudit has gapless.audit_gapless compare the journal with an attached column: 1,000 series, whose numbers were
// given out in turn, one at a time. One row has been lost.
func BenchmarkAudit(b *testing.B) {
	const series = 1_000
	rows := cmp.Or(*auditedRows, int(1e6*slice.Seconds()))
	require.GreaterOrEqual(b, rows, 2*series)
	lost := int64(rows / series / 2) // in the middle of a series
	database := pgtest.NewEmpty(b)
	conn := connect(b, database, 1, nil)[0]
	require.NoError(b, migrate.Up(b.Context(), conn))
	for _, statement := range []string{
		`CREATE TABLE invoice (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series integer NOT NULL, number bigint, customer text NOT NULL,
			UNIQUE (series, number)
		)`,
		"SELECT gapless.attach_gapless('invoice', 'number', name => $$ 'bench/' || NEW.series $$)",
		// What a million transactions leave behind, without their triggers.
		"SET session_replication_role = replica",
		fmt.Sprintf("INSERT INTO invoice (series, number, customer) SELECT i %% %[1]d, i / %[1]d + 1, 'a customer' FROM generate_series(0, %[2]d - 1) AS i", series, rows),
		"INSERT INTO gapless.sequence (name, target, target_column) SELECT DISTINCT 'bench/' || series, 'invoice'::regclass, 'number'::name FROM invoice",
		"INSERT INTO gapless.allocation (name, ordinal, first_value, last_value) SELECT 'bench/' || series, number, number, number FROM invoice ORDER BY id",
		fmt.Sprintf("DELETE FROM invoice WHERE (series, number) = (%d, %d)", series/2, lost),
		"RESET session_replication_role",
		"VACUUM (ANALYZE)", // as autovacuum would, perhaps in the middle
	} {
		_, err := conn.Exec(b.Context(), statement)
		require.NoError(b, err, statement)
	}
	type finding struct {
		Sequence, Kind string
		First, Last    int64
		Explained      bool
	}
	rounds := roundsOf(b, 0, func(time.Duration) map[string]float64 {
		begin := time.Now()
		found, err := conn.Query(b.Context(), "SELECT sequence, kind, first_value, last_value, explained FROM gapless.audit_gapless()")
		require.NoError(b, err)
		findings, err := pgx.CollectRows(found, pgx.RowToStructByPos[finding])
		took := time.Since(begin)
		require.NoError(b, err)
		require.Equal(b, []finding{{fmt.Sprintf("bench/%d", series/2), "hole", lost, lost, false}}, findings)
		return map[string]float64{"audited-rows": float64(rows) / took.Seconds()}
	})
	rounds.report(b, "s/million", func(rates map[string]float64) float64 { return 1e6 / rates["audited-rows"] })
}

// rounds are what the contenders did a second, round by round.
type rounds []map[string]float64

// roundsOf runs a round for each of the benchmark's, and reports the medians of what the contenders did a second.
func roundsOf(b *testing.B, length time.Duration, round func(length time.Duration) map[string]float64) rounds {
	b.Helper()
	round(length / 5) // warms caches and plans
	var all rounds
	for b.Loop() {
		all = append(all, round(length))
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op") // a round's length says nothing
	for name := range all[0] {
		all.report(b, name+"/s", func(rates map[string]float64) float64 { return rates[name] })
	}
	return all
}

// report reports the median over the rounds, and logs what each of them gave.
func (all rounds) report(b *testing.B, unit string, of func(rates map[string]float64) float64) {
	b.Helper()
	values := make([]float64, len(all))
	for i, rates := range all {
		values[i] = of(rates)
	}
	b.ReportMetric(median(values), unit)
	if len(all) > 1 {
		b.Logf("%-16s %.4g", unit, values)
	}
}
