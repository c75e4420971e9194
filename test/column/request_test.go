package column_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgproxy"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

// TestTheSameRequestTwiceGetsTheSameNumber has clients send the same requests at once, and again whenever the connection was cut: before
// COMMIT, or before its answer. It is the recipe of docs/cookbook.md.
func TestTheSameRequestTwiceGetsTheSameNumber(t *testing.T) {
	t.Parallel()
	const requests, clients = 12, 3
	for kind, column := range map[string]struct{ number, options string }{
		"early": {"bigint", ""}, "at commit": {"bigint", ", at_commit => true"},
		"a text": {"text", ", format => $$ 'R' || value $$"}, "a text at commit": {"text", ", format => $$ 'R' || value $$, at_commit => true"},
	} {
		for action, conflict := range map[string]string{"update": "DO UPDATE SET request = excluded.request", "nothing": "DO NOTHING"} {
			for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.Serializable} {
				t.Run(fmt.Sprintf("%s, %s, %s", kind, action, level), func(t *testing.T) {
					t.Parallel()
					database := pgtest.New(t)
					s := sqltest.Connect(t, database)
					s.Do("CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, request int NOT NULL UNIQUE, number " + column.number + " UNIQUE)")
					s.Do("SELECT gapless.attach_gapless('invoices', 'number', $$ 'invoice' $$" + column.options + ")")
					proxy := pgproxy.New(t, database.URL)
					var commits, cuts atomic.Int32
					proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
						if m.Type == 'Q' && m.SQL() == "commit" && commits.Add(1)%3 == 0 || m.Tag() == "COMMIT" && commits.Add(1)%3 == 0 {
							cuts.Add(1)
							return pgproxy.Cut
						}
						return pgproxy.Forward
					})
					send := func(request int) (number string, err error) {
						conn, err := pgx.Connect(t.Context(), proxy.URL())
						if err != nil {
							return "", err
						}
						defer conn.Close(t.Context())
						tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
						if err != nil {
							return "", err
						}
						if _, err := tx.Exec(t.Context(), "INSERT INTO invoices (request) VALUES ($1) ON CONFLICT (request) "+conflict, request); err != nil {
							return "", err
						}
						if err := tx.Commit(t.Context()); err != nil {
							return "", err
						}
						err = conn.QueryRow(t.Context(), "SELECT number::text FROM invoices WHERE request = $1", request).Scan(&number)
						return number, err
					}
					var got [clients][requests]string
					var running sync.WaitGroup
					for client := range clients {
						running.Go(func() {
							for i := range requests {
								request := (i + client) % requests
								for got[client][request] == "" {
									number, err := send(request)
									var refused *pgconn.PgError
									if errors.As(err, &refused) && refused.Code != "40001" {
										t.Errorf("request %d: %v", request, err)
										return
									}
									if err == nil {
										got[client][request] = number
									}
								}
							}
						})
					}
					running.Wait()
					require.Positive(t, cuts.Load())
					for client := range clients {
						require.Equal(t, got[0], got[client])
					}
					require.EqualValues(t, requests, s.Number("SELECT max(regexp_replace(number::text, '^R', '')::bigint) FROM invoices"))
					require.EqualValues(t, requests, s.Number("SELECT count(number) FROM invoices"))
					sqltest.RequireSound(s)
				})
			}
		}
	}
}
