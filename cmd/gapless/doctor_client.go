package main

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ofConnection looks at the way to the server, and at the session as it was given.
func ofConnection(ctx context.Context, conn *pgx.Conn) ([]complaint, error) {
	pid, err := backendOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	if pid == conn.PgConn().PID() {
		return nil, nil
	}
	found, err := leakedSettings(ctx, conn)
	if err != nil {
		return nil, err
	}
	way, err := poolerMode(ctx, conn, pid)
	return append(found, complaint{
		"notice", "pooler", conn.Config().Host, "the connection goes through a pooler, in " + way,
		"Give a GroupCommitter's flusher a direct connection (WithFlusherConfig), and run tern on one.",
	}), err
}

// backendOf is the backend of a transaction of its own.
func backendOf(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	return readOn(ctx, conn, func(tx pgx.Tx) (pid uint32, err error) {
		err = tx.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
		return pid, err
	})
}

// poolerPatience is for how long a second connection may wait for a backend.
const poolerPatience = 2 * time.Second

// poolerMode finds out whether a second client gets the backend that the first one has between its transactions, or the first one
// another backend then.
func poolerMode(ctx context.Context, conn *pgx.Conn, pid uint32) (string, error) {
	const keeps = "session mode, or it has no other client now"
	within, cancel := context.WithTimeout(ctx, poolerPatience)
	defer cancel()
	second, err := pgx.ConnectConfig(within, conn.Config())
	if err != nil {
		return keeps, ctx.Err() // it waits until a client goes
	}
	defer func() { _ = second.Close(context.WithoutCancel(ctx)) }()
	tx, err := second.Begin(within)
	if err != nil {
		return keeps, ctx.Err()
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // else the pooler would close its connection
	var others uint32
	if err := tx.QueryRow(within, "SELECT pg_catalog.pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&others); err != nil {
		return keeps, ctx.Err()
	}
	if others != pid {
		after, err := backendOf(within, conn)
		if err != nil || after == pid {
			return keeps, ctx.Err()
		}
	}
	return "transaction mode", nil
}

// leakedSettings are those that the session had when it was given: a pooler sets some itself, and the others are another client's.
func leakedSettings(ctx context.Context, conn *pgx.Conn) ([]complaint, error) {
	rows, err := conn.Query(ctx, `
		SELECT s.name, s.setting
		FROM pg_catalog.pg_settings AS s
		WHERE s.source = 'session'
			AND s.name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'standard_conforming_strings')
		ORDER BY s.name`, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	type setting struct{ name, value string }
	settings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s setting, err error) {
		err = row.Scan(&s.name, &s.value)
		return s, err
	})
	found := make([]complaint, 0, len(settings))
	for _, s := range settings {
		severity := "warning"
		if s.name == "session_replication_role" || s.name == "synchronous_commit" || s.name == "track_counts" {
			severity = "critical"
		}
		found = append(found, complaint{
			severity, "setting_leaked", s.name, "a session of the pooler began with " + s.name + " at '" + strings.ReplaceAll(s.value, "'", "''") + "', which another client has left there",
			"Have the clients use SET LOCAL, or ALTER ROLE ... SET; and have the pooler reset its connections, or reconnect (in PgBouncer: RECONNECT).",
		})
	}
	return found, err
}
