package sqltest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
)

// Session is a connection of its own, with shorthands that fail the test.
type Session struct {
	*pgx.Conn
	T   testing.TB
	Ctx context.Context
}

// Connect returns a session in the database, as [pgtest.Database.Conn] does.
func Connect(t testing.TB, database *pgtest.Database, configure ...func(*pgx.ConnConfig)) Session {
	t.Helper()
	return Session{Conn: database.Conn(t, configure...), T: t, Ctx: t.Context()}
}

// ConnectTo returns a session in the database of that URL.
func ConnectTo(t *testing.T, url string) Session {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return Session{Conn: conn, T: t, Ctx: t.Context()}
}

// HostilePath makes unqualified names fail, so that every statement of ours has to be qualified.
func HostilePath(config *pgxpool.Config) {
	config.ConnConfig.RuntimeParams["search_path"] = ""
}

// NewPool is a pool on a database of its own, without a search_path.
func NewPool(t testing.TB, configure ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return pgtest.New(t).Pool(t, append(configure, HostilePath)...)
}

// Do runs statements that must succeed.
func (s Session) Do(statement string, args ...any) {
	s.T.Helper()
	_, err := s.Exec(s.Ctx, statement, args...)
	require.NoError(s.T, err, statement)
}

// Refuse runs a statement that must fail with a SQLSTATE, and returns the error.
func (s Session) Refuse(code, statement string, args ...any) *pgconn.PgError {
	s.T.Helper()
	_, err := s.Exec(s.Ctx, statement, args...)
	require.Error(s.T, err, statement)
	return RequireCode(s.T, code, err)
}

// Try runs a statement in a transaction that is rolled back, and returns the SQLSTATE and the message, or neither.
func (s Session) Try(statement string) (code, message string) {
	s.T.Helper()
	_, err := s.PgConn().Exec(s.Ctx, "BEGIN; "+statement).ReadAll()
	s.Do("ROLLBACK")
	if err == nil {
		return "", ""
	}
	var pgErr *pgconn.PgError
	require.ErrorAs(s.T, err, &pgErr, statement)
	return pgErr.Code, pgErr.Message
}

// Value returns the one value of a query, or nil for NULL.
func Value[T any](s Session, query string, args ...any) *T {
	s.T.Helper()
	var v *T
	require.NoError(s.T, s.QueryRow(s.Ctx, query, args...).Scan(&v), query)
	return v
}

// Number returns the one number of a query, which is not NULL.
func (s Session) Number(query string, args ...any) int64 {
	s.T.Helper()
	v := Value[int64](s, query, args...)
	require.NotNil(s.T, v, query)
	return *v
}

// Values returns the one column of a query.
func Values[T any](s Session, query string, args ...any) []T {
	s.T.Helper()
	rows, err := s.Query(s.Ctx, query, args...)
	require.NoError(s.T, err, query)
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	require.NoError(s.T, err, query)
	return values
}

// Numbers is [Values] of numbers.
func (s Session) Numbers(query string, args ...any) []int64 {
	s.T.Helper()
	return Values[int64](s, query, args...)
}

// Texts is [Values] of texts.
func Texts(s Session, query string, args ...any) []string {
	s.T.Helper()
	return Values[string](s, query, args...)
}

// PID is the backend's process.
func (s Session) PID() uint32 { return s.PgConn().PID() }

// RequireCode checks that an error is one of PostgreSQL with that SQLSTATE, and returns it.
func RequireCode(t testing.TB, code string, err error) *pgconn.PgError {
	t.Helper()
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, code, pgErr.Code, "%+v", pgErr)
	return pgErr
}
