package flush

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/internal/retry"
)

// Flusher makes commits durable, all that wait at once, with one session. What it acknowledges must have begun after the
// session did: a flush on a new connection after a crash, or on the old primary after a fail-over, says nothing about a
// commit before that. So it is never mended; when its session breaks, another flusher takes over for new transactions.
type Flusher struct {
	config      *pgx.ConnConfig
	conn        *pgx.Conn
	PID         uint32 // its backend
	ServerStart string // see [ServerStart]

	stat *stat

	unreplicated bool // the last flush's warning that it did not wait for the standby; the goroutine's own

	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
	wake   chan struct{} // somebody waits

	mu      sync.Mutex
	waiting []chan<- error
	broken  error
	flushed time.Time // when the last flush ended
}

// idle is how long a session may lie unused before it has to show that it is alive. To find that out with a commit in
// hand would mean to look for the commit's outcome.
const idle = time.Second

// ServerStart is an SQL expression of when the server started, as a text that no setting changes: DateStyle changes a time's.
const ServerStart = "CAST(EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()) AS pg_catalog.text)"

// ErrOtherServer is that the flusher says nothing about a transaction, since that runs on another server.
var ErrOtherServer = errors.New("the pool and the flusher are connected to different servers, or there was a restart between")

var (
	errPooler = errors.New("the flusher's connection goes through a pooler, which may give it another backend at any time: " +
		"give it a direct one, by WithFlusherConfig")
	errFsyncOff = errors.New("fsync is off, and so nothing that the server commits is durable; turn it on, " +
		"or accept that by WithFsyncOff")
	errForgotten = errors.New("the server does not know of it: the network has lost the connection")
	errStandby   = errors.New("the server is a standby")
)

// plainSession has no default of the role or the database hold a flush up, or end the session: a serializable, deferrable transaction
// would wait for those that write. And its warnings are sent.
const plainSession = `SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
	SET default_transaction_deferrable = off; SET statement_timeout = 0; SET lock_timeout = 0;
	SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
	SET client_min_messages = notice`

// connect connects, checks the server, and starts the goroutine.
func connect(ctx context.Context, pool Pool, options Options, counts *stat) (*Flusher, error) {
	f := &Flusher{stat: counts, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	connected := false
	defer func() { // also when a hook of the pool's panics
		if !connected && f.conn != nil {
			_ = f.conn.Close(ctx)
		}
	}()
	if err := f.connect(ctx, pool, options); err != nil {
		if f.conn != nil && f.conn.IsClosed() && ctx.Err() == nil { // it broke, and no transaction has begun
			err = fmt.Errorf("%w: %w", retry.ErrLost, err)
		}
		return nil, fmt.Errorf("gapless: the group committer's connection for flushes: %w", client.Granting(err))
	}
	connected = true
	counts.connections.Add(1)
	ctx, f.cancel = context.WithCancel(context.Background()) // a tracer's spans of flushes are no part of this call's
	go f.run(ctx)
	return f, nil
}

func (f *Flusher) connect(ctx context.Context, pool Pool, options Options) (err error) {
	var config *pgx.ConnConfig
	if options.Config != nil {
		config = options.Config.Copy()
	} else if config, err = pool.Config(ctx); err != nil {
		return err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "gapless flusher"
	}
	users := config.OnNotice
	config.OnNotice = func(conn *pgconn.PgConn, notice *pgconn.Notice) {
		if notice.Routine == "SyncRepWaitForLSN" {
			f.unreplicated = true
		}
		if users != nil {
			users(conn, notice)
		}
	}
	f.config = config
	if f.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	if options.Config == nil && pool.AfterConnect != nil {
		if err := pool.AfterConnect(ctx, f.conn); err != nil {
			return err
		}
	}
	if _, err := f.conn.Exec(ctx, plainSession); err != nil {
		return err
	}
	var fsync, standby bool
	err = f.conn.QueryRow(ctx, `
		SELECT
			pg_catalog.pg_backend_pid(),
			`+ServerStart+`,
			pg_catalog.current_setting('fsync') OPERATOR(pg_catalog.=) 'on',
			pg_catalog.pg_is_in_recovery(),
			CASE WHEN pg_catalog.current_setting('transaction_timeout', true) OPERATOR(pg_catalog.<>) '0' THEN pg_catalog.set_config('transaction_timeout', '0', false) END`,
	).Scan(&f.PID, &f.ServerStart, &fsync, &standby, nil)
	switch {
	case err != nil:
		return err
	case standby:
		return errStandby
	case !fsync && !options.FsyncOff:
		return errFsyncOff
	case f.PID != f.conn.PgConn().PID():
		return errPooler
	}
	f.flushed = time.Now()
	return f.flush(ctx) // which also shows that the role may
}

// run flushes while somebody waits.
func (f *Flusher) run(ctx context.Context) {
	defer close(f.done)
	for {
		select {
		case <-ctx.Done():
			f.Fail(ErrClosed)
			return
		case <-f.wake:
		}
		f.mu.Lock()
		committed := f.waiting
		f.waiting = nil
		f.mu.Unlock()
		began := time.Now()
		err := Apart(func() error { return f.flushWatched(ctx) }) // with the user's hooks
		if err == nil {
			f.stat.flushed(time.Since(began))
		}
		for _, waiter := range committed {
			waiter <- err
		}
		f.mu.Lock()
		f.flushed = time.Now()
		f.mu.Unlock()
		if err != nil {
			f.Fail(err)
			return
		}
	}
}

// flush returns nil when everything that had committed before is durable, and replicated if commits are.
func (f *Flusher) flush(ctx context.Context) error {
	for {
		f.unreplicated = false
		var pid uint32
		if err := f.conn.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid() FROM gapless.flush_gapless()").Scan(&pid); err != nil {
			return err
		}
		if pid != f.PID {
			return errPooler
		}
		if !f.unreplicated {
			return nil
		}
	}
}

// patience is how long a flush may take before the server is asked whether it is at it; and how long that may take.
const patience = 2 * time.Second

// flushWatched is flush, but given up when the server is not at it: the network can have forgotten the connection.
func (f *Flusher) flushWatched(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(patience):
			}
			if !f.atWork(ctx) {
				cancel(errForgotten)
			}
		}
	}()
	err := f.flush(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// atWork asks on another connection whether the flusher's session runs something. It may wait for a standby for as long as that takes.
func (f *Flusher) atWork(ctx context.Context) (atWork bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := Apart(func() error { // with the user's hooks
		conn, err := pgx.ConnectConfig(ctx, f.config)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		return conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
			WHERE pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4 AND state OPERATOR(pg_catalog.<>) 'idle')`, int32(f.PID)).Scan(&atWork)
	})
	var pg *pgconn.PgError
	return err == nil && atWork || errors.As(err, &pg) && pg.Code == "53300" // too_many_connections: it is there
}

// Await blocks until everything that had committed before the call is durable.
func (f *Flusher) Await(ctx context.Context) error {
	flushed := make(chan error, 1)
	f.mu.Lock()
	if f.broken != nil {
		f.mu.Unlock()
		return f.broken
	}
	f.waiting = append(f.waiting, flushed)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // it will look once more anyway
	}
	select {
	case err := <-flushed:
		return err
	case <-ctx.Done():
		return retry.Ended(ctx)
	}
}

// Fail makes the flusher acknowledge nothing any more: its waiters, and those to come, get err.
func (f *Flusher) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.broken = fmt.Errorf("gapless: the flush failed: %w", err)
	}
	for _, waiter := range f.waiting {
		waiter <- f.broken
	}
	f.waiting = nil
}

// usable reports whether the flusher can be trusted with a transaction that is about to begin.
func (f *Flusher) usable(ctx context.Context) bool {
	f.mu.Lock()
	broken, flushed := f.broken, f.flushed
	f.mu.Unlock()
	return broken == nil && (time.Since(flushed) < idle || f.Await(ctx) == nil)
}

// closeTimeout is how long a server that no longer answers may hold up the end of its connection.
const closeTimeout = 5 * time.Second

// close ends the goroutine and the connection. It can be called again.
func (f *Flusher) close() {
	f.cancel()
	<-f.done
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = f.conn.Close(ctx)
}
