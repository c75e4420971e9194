package main

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pggapless/gapless/internal/pgtest"
)

// flush is how a session's commits reach the disk.
type flush struct {
	name       string
	parameters map[string]string
}

var (
	diskFlush = flush{"the disk's own flush", map[string]string{"synchronous_commit": "on", "commit_delay": "0"}}

	// As on a cloud disk: PostgreSQL itself waits for 1 ms before each flush.
	slowFlush = flush{"1 ms flush", map[string]string{"synchronous_commit": "on", "commit_delay": "1000", "commit_siblings": "0"}}

	noFlush = flush{"asynchronous commit", map[string]string{"synchronous_commit": "off"}}
)

// stage is a database with schema gapless, the contenders' tables, and the sessions that were opened in it.
type stage struct {
	database   *pgtest.Database
	owner      *pgx.Conn // sets up and checks
	contenders []contender
	closers    []func()
}

// newStage makes a database for the contenders, each with its table.
func (b *bench) newStage(ctx context.Context, contenders ...contender) (*stage, error) {
	return b.newStageOf(ctx, "", contenders...)
}

// newStageOf does so with another build of gapless, if it gets its text.
func (b *bench) newStageOf(ctx context.Context, text string, contenders ...contender) (_ *stage, err error) {
	s := &stage{contenders: contenders}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.database, err = b.server.CreateDatabase(ctx, ""); err != nil {
		return nil, err
	}
	conns, err := s.connect(ctx, 1, diskFlush)
	if err != nil {
		return nil, err
	}
	s.owner = conns[0]
	if text == "" {
		err = pgtest.Install(ctx, s.database.URL)
	} else {
		_, err = s.owner.PgConn().Exec(ctx, text).ReadAll()
	}
	if err != nil {
		return nil, err
	}
	for _, c := range contenders {
		if err := s.exec(ctx,
			fmt.Sprintf("CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE, customer text NOT NULL)", c.table()),
			c.setUp,
		); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// exec has the owner execute statements, one after the other.
func (s *stage) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.owner.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// connect opens connections, which close closes.
func (s *stage) connect(ctx context.Context, n int, f flush) ([]*pgx.Conn, error) {
	config, err := pgx.ParseConfig(s.database.URL)
	if err != nil {
		return nil, err
	}
	maps.Copy(config.RuntimeParams, f.parameters)
	conns := make([]*pgx.Conn, n)
	for i := range conns {
		if conns[i], err = pgx.ConnectConfig(ctx, config); err != nil {
			return nil, err
		}
		s.closers = append(s.closers, func() { conns[i].Close(context.WithoutCancel(ctx)) })
	}
	return conns, nil
}

// pool opens a pool of that many connections, which close closes.
func (s *stage) pool(ctx context.Context, n int, f flush) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.database.URL)
	if err != nil {
		return nil, err
	}
	maps.Copy(config.ConnConfig.RuntimeParams, f.parameters)
	config.MaxConns = int32(n)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, pool.Close)
	return pool, nil
}

// check makes sure that what was measured has worked: the tables have the numbers that they should, and the audit finds
// nothing that is not explained.
func (s *stage) check(ctx context.Context) error {
	for _, c := range s.contenders {
		var gapless, issued bool
		err := s.owner.QueryRow(ctx, `SELECT
			count(*) > 0 AND count(DISTINCT number) = count(*) AND (NOT $1 OR (min(number), max(number)) = (1, count(*))),
			$2 = '' OR gapless.last_gapless(nullif($2, '')) = max(number)
			FROM `+c.table(), c.promises, c.sequence).Scan(&gapless, &issued)
		switch {
		case err != nil:
			return fmt.Errorf("checking %s: %w", c.label, err)
		case !gapless:
			return fmt.Errorf("%s: its numbers are not what they should be: there are holes or doubles, or no rows", c.label)
		case !issued:
			return fmt.Errorf("%s: the newest number of the journal is not that of the table", c.label)
		}
	}
	var findings int
	if err := s.owner.QueryRow(ctx, "SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained").Scan(&findings); err != nil {
		return fmt.Errorf("auditing: %w", err)
	}
	if findings > 0 {
		return fmt.Errorf("the audit has %d findings that are not explained", findings)
	}
	return nil
}

// finish checks, unless err says already that something went wrong, and drops the database.
func (s *stage) finish(ctx context.Context, err error) error {
	if err == nil {
		err = s.check(ctx)
	}
	return errors.Join(err, s.close(ctx))
}

// close closes the sessions, the last one first, and drops the database.
func (s *stage) close(ctx context.Context) error {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		s.closers[last]()
		s.closers = s.closers[:last]
	}
	if s.database == nil {
		return nil
	}
	return s.database.Drop(context.WithoutCancel(ctx))
}
