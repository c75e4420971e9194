package sqltest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
)

// InTx is gapless.InTx, the package's or a group committer's.
type InTx func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error

// Committers are the ways to commit of which the tests here demand the same.
var Committers = map[string]func(t *testing.T, pool *pgxpool.Pool) InTx{
	"one by one": func(_ *testing.T, pool *pgxpool.Pool) InTx {
		return func(ctx context.Context, fn func(tx pgx.Tx) error, opts ...gapless.TxOption) error {
			return gapless.InTx(ctx, pool, fn, opts...)
		}
	},
	"in groups": func(t *testing.T, pool *pgxpool.Pool) InTx { return NewGroupCommitter(t, pool).InTx },
}

// NewGroupCommitter is one that the test closes.
func NewGroupCommitter(t *testing.T, pool *pgxpool.Pool, opts ...gapless.GroupOption) *gapless.GroupCommitter {
	t.Helper()
	committer, err := gapless.NewGroupCommitter(t.Context(), pool, opts...)
	require.NoError(t, err)
	t.Cleanup(committer.Close)
	return committer
}

// SlowCommit has COMMIT wait in a deferred trigger for a lock that the test has.
func SlowCommit(t *testing.T, observer Session, database *pgtest.Database) (lock Session) {
	t.Helper()
	observer.Do("CREATE TABLE slow (done boolean)")
	observer.Do(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(1); RETURN NULL; END $$`)
	observer.Do(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)
	lock = Connect(t, database)
	lock.Do("SELECT pg_advisory_lock(1)")
	return lock
}

// Slow is the statement that has a transaction wait at its COMMIT: see [SlowCommit].
const Slow = "INSERT INTO public.slow VALUES (true)"

// NewIdleServer starts a server that flushes only what it is told to, as long as little is written.
func NewIdleServer(t *testing.T) *pgtest.OwnServer {
	t.Helper()
	return pgtest.NewServer(t, pgtest.WithSettings(map[string]string{"wal_writer_delay": "10s", "autovacuum": "off"}))
}

// CommitBatch is gapless.CommitBatch of a transaction that has one.
func CommitBatch(tx pgx.Tx) *pgx.Batch {
	batch, err := gapless.CommitBatch(tx)
	if err != nil {
		panic(err)
	}
	return batch
}
