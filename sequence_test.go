package gapless_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/stdlib"
)

// TestEveryExecMode is what poolers need: they forbid some of pgx's ways to run a statement.
func TestEveryExecMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			conn := pgtest.New(t).Conn(t, func(config *pgx.ConnConfig) {
				config.DefaultQueryExecMode = mode
				config.RuntimeParams["search_path"] = ""
			})
			require.NoError(t, gapless.InTx(t.Context(), conn, func(tx pgx.Tx) error {
				sqltest.CallEverything(t, tx)
				return nil
			}))
		})
	}
}

func TestEveryCallWorksUnderAHostileSearchPath(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := sqltest.Connect(t, database)
	// Whatever stands before pg_catalog on the path gives other results, were it used.
	s.Do(`CREATE SCHEMA evil`)
	s.Do(`CREATE TABLE evil.sequence_lock (name text)`)
	s.Do(`CREATE TABLE evil.journal (name text)`)
	s.Do(`CREATE FUNCTION evil.octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT 0'`)
	s.Do(`CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '-infinity'::timestamptz$$`)
	s.Do(`CREATE FUNCTION evil.generate_series(bigint, bigint) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT 666::bigint'`)
	s.Do(`CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$`)
	s.Do(`CREATE FUNCTION evil.plus(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint'`)
	s.Do(`CREATE OPERATOR evil.+ (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = evil.plus)`)
	s.Do(`CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'`)
	s.Do(`CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same)`)
	for _, path := range []string{"evil, pg_catalog", "", "pg_temp, evil, pg_catalog", "gapless, evil, pg_catalog"} {
		conn := database.Conn(t, func(config *pgx.ConnConfig) { config.RuntimeParams["search_path"] = path })
		require.NoError(t, gapless.InTx(t.Context(), conn, func(tx pgx.Tx) error {
			sqltest.CallEverything(t, tx)
			return nil
		}), path)
	}
}

func TestDjangoSequencesClassOverTheGoClient(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(t *testing.T, ctx context.Context, tx pgx.Tx){
		"defaults": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			seq := gapless.NewSequence("default")
			sqltest.RequireLast(t, tx, seq, 0, false)
			sqltest.RequireNext(t, tx, seq, 1)
			sqltest.RequireLast(t, tx, seq, 1, true)
			sqltest.RequireNext(t, tx, seq, 2)
			sqltest.RequireLast(t, tx, seq, 2, true)
			sqltest.RequireDelete(t, tx, seq, true)
			sqltest.RequireLast(t, tx, seq, 0, false)
			sqltest.RequireDelete(t, tx, seq, false)
			sqltest.RequireLast(t, tx, seq, 0, false)
		},
		"sequence name": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			cases, invoices := gapless.NewSequence("cases"), gapless.NewSequence("invoices")
			sqltest.RequireNext(t, tx, cases, 1, 2)
			sqltest.RequireLast(t, tx, invoices, 0, false)
			sqltest.RequireNext(t, tx, invoices, 1, 2)
			sqltest.RequireDelete(t, tx, cases, true)
			sqltest.RequireLast(t, tx, cases, 0, false)
			sqltest.RequireLast(t, tx, invoices, 2, true)
		},
		"initial value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			sqltest.RequireNext(t, tx, gapless.NewSequence("customers", gapless.WithInitial(1000)), 1000, 1001)
		},
		"reset value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			sqltest.RequireNext(t, tx, gapless.NewSequence("reference", gapless.WithReset(3)), 1, 2, 1, 2)
		},
		"reset value smaller than initial value": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			_, err := gapless.NewSequence("error", gapless.WithInitial(1), gapless.WithReset(1)).Next(ctx, tx)
			require.ErrorIs(t, err, gapless.ErrInvalid)
		},
		"batch": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			seq := gapless.NewSequence("reference")
			for _, want := range [][]int64{{1, 2, 3}, {4, 5, 6}, {7}, nil, {8, 9}} {
				values, err := seq.NextBatch(ctx, tx, int64(len(want)))
				require.NoError(t, err)
				require.Equal(t, want, values)
			}
			sqltest.RequireNext(t, tx, seq, 10)
		},
		"initial value 0": func(t *testing.T, ctx context.Context, tx pgx.Tx) {
			sqltest.RequireNext(t, tx, gapless.NewSequence("zero", gapless.WithInitial(0)), 0, 1, 2, 3, 4)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx, err := sqltest.NewPool(t).Begin(t.Context())
			require.NoError(t, err)
			defer tx.Rollback(context.WithoutCancel(t.Context()))
			run(t, t.Context(), tx)
		})
	}
}

// TestASequencePrintsAsItsName is for logs and messages of users, who print what they have.
func TestASequencePrintsAsItsName(t *testing.T) {
	t.Parallel()
	for _, seq := range []interface {
		fmt.Stringer
		Name() string
	}{
		gapless.NewSequence("invoice/7", gapless.WithInitial(1000), gapless.WithReset(9999)),
		stdlib.NewSequence("invoice/7", gapless.WithInitial(1000)),
	} {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			require.Equal(t, "invoice/7", fmt.Sprintf(verb, seq))
		}
		require.Equal(t, "{Of:invoice/7}", fmt.Sprintf("%+v", struct{ Of fmt.Stringer }{seq}))
		for want, handler := range map[string]func(io.Writer) slog.Handler{
			"sequence=invoice/7":     func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
			`"sequence":"invoice/7"`: func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		} {
			var log strings.Builder
			slog.New(handler(&log)).Info("numbered", "sequence", seq)
			require.Contains(t, log.String(), want)
		}
	}
}
