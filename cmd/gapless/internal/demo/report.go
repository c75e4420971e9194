package demo

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The SQL behind holes and doubles, for people: sql/report.sql does the same for both series at once. Numbers begin at 1.
const (
	HolesSQL   = "SELECT max(number) - count(DISTINCT number) FROM invoice_…"
	DoublesSQL = "SELECT count(*) - count(DISTINCT number) FROM invoice_…"
)

// Result is what the committed rows of one series say.
type Result struct {
	Series     string  `json:"series"`
	Committed  int64   `json:"committed"`
	RolledBack int64   `json:"rolled_back"`
	Killed     int64   `json:"killed"`     // attempts whose backend was terminated, and that left no row
	Savepoints int64   `json:"savepoints"` // attempts that took a number and rolled back to a savepoint
	LookedUp   int64   `json:"looked_up"`  // attempts whose COMMIT had no answer
	First      int64   `json:"first"`
	Last       int64   `json:"last"`
	Holes      int64   `json:"holes"`
	Doubles    int64   `json:"doubles"`
	Orders     int64   `json:"orders"` // distinct orders that have an invoice
	Lost       int64   `json:"lost"`   // attempts without a row that neither rolled back nor were killed
	Leaked     int64   `json:"leaked"` // attempts with a row that rolled back
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"per_second"`
}

// Report is what the committed rows of both series say.
type Report struct {
	Gapless Result `json:"gapless"`
	Native  Result `json:"native"`
}

//go:embed sql/report.sql
var report string

// Count makes the report from the database alone.
func Count(ctx context.Context, conn *pgx.Conn) (Report, error) {
	rows, _ := conn.Query(ctx, report)
	results, err := pgx.CollectRows(rows, pgx.RowToStructByName[Result])
	if err != nil {
		return Report{}, fmt.Errorf("counting the rows: %w", err)
	}
	found := Report{Gapless: Result{Series: "gapless"}, Native: Result{Series: "native"}}
	for _, result := range results {
		switch result.Series {
		case "gapless":
			found.Gapless = result
		case "native":
			found.Native = result
		}
	}
	return found, nil
}

// Problems says what does not hold. Holes and doubles count for the gapless series only; that the numbers add up, for
// both.
func (r Report) Problems(o Options) []string {
	var problems []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	add(r.Gapless.Holes != 0, "the gapless series has %d missing", r.Gapless.Holes)
	add(r.Gapless.Doubles != 0, "the gapless series has %d doubled", r.Gapless.Doubles)
	add(r.Gapless.Committed != 0 && r.Gapless.First != 1, "the gapless series begins at %d", r.Gapless.First)
	for _, s := range []Result{r.Gapless, r.Native} {
		add(s.Committed != int64(o.Invoices), "%s: %d invoices committed instead of %d", s.Series, s.Committed, o.Invoices)
		add(s.Orders != s.Committed, "%s: %d orders have %d invoices", s.Series, s.Orders, s.Committed)
		add(s.Lost != 0, "%s: %d transactions left no row, and no trace of why", s.Series, s.Lost)
		add(s.Leaked != 0, "%s: %d transactions that rolled back left a row", s.Series, s.Leaked)
	}
	return problems
}
