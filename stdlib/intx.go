package stdlib

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/flush"
	"github.com/pggapless/gapless/internal/retry"
)

// TxBeginner is where [InTx] begins its transactions: a [*sql.DB], a [*sql.Conn], or what embeds one of them, as sqlx's and
// bun's DB and Conn do. Of gorm's DB give what its method DB returns. What embeds neither is refused. With a single connection, a
// transaction that was lost together with it is not run again.
type TxBeginner interface {
	PingContext(ctx context.Context) error
}

// InTx runs fn in a transaction, commits it, and runs it again when PostgreSQL asks for that; see [gapless.InTx]. The
// transaction is rolled back when ctx ends, as [sql.DB.BeginTx] says.
//
// The connections have to be those of pgx's driver, or of one that wraps it and shows what it wraps, as otelsql's does: by a method
// Raw() driver.Conn, or since it embeds its driver.Conn. With any other driver InTx could not tell what was committed, and refuses it
// before BEGIN. A [*sql.Conn] that is in a transaction already is refused as well.
//
// Libraries that make their transaction of a [*sql.Tx] take fn's: sqlx.Tx{Tx: tx}; bun's queries by Conn(tx); gorm's Session with a
// Context of its own and a Statement.ConnPool of tx.
//
// Some things differ from [gapless.InTx]. A session that is read-only by default costs a round trip more. Marking the transaction, so
// that its outcome can be found when the answer to COMMIT is lost, costs a round trip of its own. database/sql hides the warning that
// a synchronous standby was not waited for, and that fn ended the transaction by SQL and began another, by COMMIT AND CHAIN or ROLLBACK
// AND CHAIN, or by a COMMIT or ROLLBACK and a BEGIN: InTx returns nil then, though what fn did before may be rolled back.
//
// fn must not call tx.Commit or tx.Rollback. InTx cannot refuse tx.Commit, as [gapless.InTx] does: it commits what fn did
// so far, and InTx returns an error.
//
// The transaction is begun on the [*sql.DB] or [*sql.Conn] that conn embeds: not by a BeginTx of its own.
func InTx(ctx context.Context, conn TxBeginner, fn func(tx *sql.Tx) error, opts ...gapless.TxOption) error {
	from, err := sourceOf(conn)
	if err != nil {
		return err
	}
	options := retry.NewOptions(opts)
	return retry.Run(ctx, options, func(watch *retry.Watch) error {
		_, err := from.run(ctx, options.Isolation, nil, watch, fn)
		return err
	})
}

// marked is a transaction that can be found again when the answer to its COMMIT is lost.
type marked struct {
	token    uuid.UUID
	txid     int64
	resolved bool // it is known to be committed and durable

	config *pgx.ConnConfig // of its connection, if that is not a pool's: the outcome is asked for on another one
}

// run runs fn in a transaction once, commits it, and gives its connection back. With a flusher the commit is not durable yet.
func (from source) run(
	ctx context.Context, level pgx.TxIsoLevel, by *flush.Flusher, watch *retry.Watch, fn func(tx *sql.Tx) error,
) (t marked, err error) {
	isolation, err := isolationLevel(level)
	if err != nil {
		return t, err
	}
	began := watch.Now()
	tx, on, release, err := from.begin(ctx, isolation)
	if err != nil {
		watch.Tell(retry.Began, began, err)
		return t, client.Errorf("beginning the transaction: %w", err)
	}
	defer release()
	// Also when fn panics. The error to return is the cause, never the rollback's.
	defer tx.Rollback()
	t.token = uuid.New()
	if from.pool == nil {
		t.config = configOf(on)
	}
	var serverStart string
	err = tx.QueryRowContext(ctx, "SELECT gapless.mark_gapless($1), "+flush.ServerStart+`,
		CASE WHEN $2 THEN pg_catalog.set_config('synchronous_commit', 'off', true) ELSE `+retry.Durable+" END",
		t.token, by != nil).Scan(&t.txid, &serverStart, new(any))
	if err != nil {
		watch.Tell(retry.Began, began, err)
		return t, client.Errorf("beginning the transaction: %w", client.Granting(from.orLost(ctx, on, err)))
	}
	if by != nil && serverStart != by.ServerStart {
		by.Fail(flush.ErrOtherServer)
		return t, fmt.Errorf("gapless: beginning the transaction: %w: %w", retry.ErrLost, flush.ErrOtherServer)
	}

	from.nested.Within(func() { // the observers, too, may call InTx
		watch.Tell(retry.Began, began, nil)
		began = watch.Now()
		err = fn(tx)
		watch.Tell(retry.Worked, began, err)
	})
	if err != nil {
		if look(on, (*pgconn.PgConn).TxStatus) == 'I' && committed(ctx, on, t) {
			return t, fmt.Errorf("gapless: fn committed the transaction itself: %w; and returned: %w", sql.ErrTxDone, retry.Final(err))
		}
		return t, retry.RolledBack(err)
	}
	// Here it is certain that COMMIT is not sent; of the same error from Commit it is not.
	if err := retry.Ended(ctx); err != nil {
		return t, fmt.Errorf("gapless: not committed: %w", err)
	}
	if look(on, (*pgconn.PgConn).IsClosed) {
		return t, errors.New("gapless: not committed: the connection broke before, and fn did not return the error")
	}
	if look(on, (*pgconn.PgConn).TxStatus) == 'I' {
		return t, fmt.Errorf("gapless: fn ended the transaction itself, by COMMIT or ROLLBACK: %w", sql.ErrTxDone)
	}
	began = watch.Now()
	err = tx.Commit()
	from.nested.Within(func() { watch.Tell(retry.Sent, began, err) })
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, sql.ErrTxDone):
		return t, fmt.Errorf("gapless: fn ended the transaction itself, by COMMIT or ROLLBACK, or ctx did: %w", err)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return t, fmt.Errorf("gapless: fn returned nil after a failed statement: %w", err)
	case retry.Answered(err) && !retry.Late(err) && !retry.Doubtful(err):
		return t, retry.NotCommitted(err)
	}
	release() // the outcome is asked for on another one, and there may be no more than that
	t.resolved = true
	return t, from.resolve(ctx, t, watch, err)
}

// committed reports whether a transaction that has ended on that session has committed.
func committed(ctx context.Context, on *sql.Conn, t marked) (committed bool) {
	_ = on.Raw(func(conn any) error {
		of, _ := unwrap(conn)
		outcome, err := askOn(ctx, of, t)
		if committed = err == nil && outcome == retry.Committed; err != nil {
			return driver.ErrBadConn // it may be in a transaction
		}
		return nil
	})
	return committed
}

// resolve finds out what became of a transaction whose COMMIT failed with cause, or whose flush did; see [retry.Resolve].
func (from source) resolve(ctx context.Context, t marked, watch *retry.Watch, cause error) error {
	began := watch.Now()
	err := retry.Resolve(ctx, cause, func(ctx context.Context) (retry.Outcome, error) {
		if t.config == nil {
			return from.ask(ctx, t)
		}
		another, err := pgx.ConnectConfig(ctx, t.config)
		if err != nil {
			return "", err
		}
		defer func() { _ = another.Close(ctx) }()
		return askOn(ctx, another, t)
	})
	watch.Tell(retry.Resolved, began, err)
	return err
}

// ask asks on a connection of the pool.
func (from source) ask(ctx context.Context, t marked) (outcome retry.Outcome, err error) {
	on, release, err := from.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	var asked error
	err = on.Raw(func(conn any) error {
		if err := refuse(conn); err != nil {
			return err
		}
		of, _ := unwrap(conn)
		if outcome, asked = askOn(ctx, of, t); asked != nil {
			return driver.ErrBadConn // lets go of a connection that broke, or may be in a transaction
		}
		return nil
	})
	return outcome, cmp.Or(asked, err)
}

// askOn asks what became of a transaction, and makes it durable if it committed.
func askOn(ctx context.Context, conn *pgx.Conn, t marked) (retry.Outcome, error) {
	if _, err := conn.Exec(ctx, "BEGIN; "+retry.Asking); err != nil {
		return "", err
	}
	calls := db.New(conn)
	outcome, err := calls.OutcomeGapless(ctx, db.OutcomeGaplessParams{Token: t.token, Txid: t.txid})
	if err == nil && outcome == string(retry.Committed) {
		// What is visible need not be durable yet, nor replicated.
		err = calls.FlushGapless(ctx, &t.txid)
	}
	if err == nil {
		_, err = conn.Exec(ctx, "COMMIT")
	}
	return retry.Outcome(outcome), err
}

func isolationLevel(level pgx.TxIsoLevel) (sql.IsolationLevel, error) {
	switch level {
	case "":
		return sql.LevelDefault, nil
	case pgx.ReadUncommitted:
		return sql.LevelReadUncommitted, nil
	case pgx.ReadCommitted:
		return sql.LevelReadCommitted, nil
	case pgx.RepeatableRead:
		return sql.LevelRepeatableRead, nil
	case pgx.Serializable:
		return sql.LevelSerializable, nil
	}
	return 0, fmt.Errorf("gapless: no isolation level %q", level)
}
