package gapless_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestCallbacksShareNoTypesWithAnybody has callbacks read enums, in all that can have one in it, while others read them on the same
// connection. -race looks for what they share; without it, what a callback has read shows in the connection's own codec.
func TestCallbacksShareNoTypesWithAnybody(t *testing.T) {
	t.Parallel()
	s, _, database := newInvoices(t, 1)
	s.Do(`CREATE TYPE mood AS ENUM ('glad', 'sad');
		CREATE DOMAIN mood_domain AS mood;
		CREATE TYPE mood_range AS RANGE (subtype = mood, multirange_type_name = mood_multirange);
		CREATE TYPE mood_pair AS (a mood, b mood[])`)
	var codec *pgtype.EnumCodec
	pool := database.Pool(t, func(config *pgxpool.Config) {
		config.MaxConns = 1
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			types, err := conn.LoadTypes(ctx, []string{"mood", "_mood", "mood_domain", "mood_range", "mood_pair", "_mood_pair"})
			if err != nil {
				return err
			}
			conn.TypeMap().RegisterTypes(types)
			multirange, err := conn.LoadType(ctx, "mood_multirange")
			if err != nil {
				return err
			}
			conn.TypeMap().RegisterType(multirange)
			known, _ := conn.TypeMap().TypeForName("mood")
			codec = known.Codec.(*pgtype.EnumCodec)
			return nil
		}
	})
	maps := func(rows pgx.Rows) error { _, err := pgx.CollectRows(rows, pgx.RowToMap); return err }
	into := func(target func() any) func(pgx.Rows) error {
		return func(rows pgx.Rows) error {
			rows.Next()
			defer rows.Close()
			return rows.Scan(target())
		}
	}
	kinds := map[string]struct {
		sql  string
		read func(pgx.Rows) error
	}{
		"a map":         {"SELECT 'glad'::mood AS a", maps},
		"a domain":      {"SELECT 'glad'::mood_domain AS a", maps},
		"an array":      {"SELECT ARRAY['glad', 'sad']::mood[] AS a", maps},
		"a range":       {"SELECT mood_range('glad', 'sad') AS a", maps},
		"a multirange":  {"SELECT mood_multirange(mood_range('glad', 'sad')) AS a", maps},
		"a composite":   {"SELECT ROW('glad', ARRAY['sad'])::mood_pair AS a", maps},
		"composites":    {"SELECT ARRAY[ROW('glad', ARRAY['sad'])::mood_pair] AS a", maps},
		"a record":      {"SELECT ROW('glad'::mood, ROW('sad'::mood)) AS a", maps},
		"any":           {"SELECT 'glad'::mood", into(func() any { return new(any) })},
		"a string":      {"SELECT 'glad'::mood", into(func() any { return new(string) })},
		"a pgtype.Text": {"SELECT 'glad'::mood", into(func() any { return new(pgtype.Text) })},
		"[]string":      {"SELECT ARRAY['glad', 'sad']::mood[]", into(func() any { return new([]string) })},
	}
	committer := sqltest.NewGroupCommitter(t, pool)
	var all sync.WaitGroup
	var failures [4]error
	for name, kind := range kinds {
		send := func() error {
			batch, query := batchOf(kind.sql)
			query.Query(kind.read)
			return committer.Send(t.Context(), batch)
		}
		inTx := func() error {
			return gapless.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				sqltest.CommitBatch(tx).Queue(kind.sql).Query(kind.read)
				return nil
			})
		}
		require.NoError(t, errors.Join(send(), inTx()), name)
		require.Equal(t, &pgtype.EnumCodec{}, codec, name)
		others := func() error {
			rows, err := pool.Query(t.Context(), kind.sql)
			if err != nil {
				return err
			}
			return kind.read(rows)
		}
		for i, call := range []func() error{send, send, inTx, others} {
			all.Go(func() { failures[i] = errors.Join(failures[i], call()) })
		}
		all.Wait()
		require.NoError(t, errors.Join(failures[:]...), name)
		pool.Reset()
	}
}
