package top

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The doctor is asked so often; sooner where a series has become held for long, or is not any more, but not sooner than the second.
const (
	doctorEvery = 30 * time.Second
	doctorRests = 5 * time.Second
)

// finding is how many findings of a severity gapless.doctor has.
type finding struct {
	Severity string
	Count    int64
}

func (f finding) String() string {
	if f.Count == 1 || f.Severity == "critical" { // which has no plural
		return fmt.Sprintf("%d %s", f.Count, clean(f.Severity))
	}
	return fmt.Sprintf("%d %ss", f.Count, clean(f.Severity))
}

// visits remember what the doctor found, and say when to ask again.
type visits struct {
	found   []finding // nil is not known
	at      time.Time
	long    []string // series that are held for long
	changed bool     // they are others than when the doctor was asked
}

// see looks at a sample, and says whether the doctor is to be asked now.
func (v *visits) see(s sample, now time.Time) bool {
	var long []string
	for _, one := range s.Series {
		if slices.ContainsFunc(one.Holders, func(h person) bool { return h.Age != nil && *h.Age > alarm }) {
			long = append(long, one.Name)
		}
	}
	slices.Sort(long)
	v.changed = v.changed || !slices.Equal(long, v.long)
	v.long = long
	since := now.Sub(v.at)
	return since >= doctorEvery || v.changed && since >= doctorRests
}

// words are what the doctor found, and how long ago; none where that is not known.
func (v *visits) words(now time.Time) []string {
	if v.found == nil {
		return nil
	}
	texts := []string{"sound"}
	if len(v.found) > 0 {
		texts = nil
	}
	for _, f := range v.found {
		texts = append(texts, f.String())
	}
	return []string{"doctor " + short(max(time.Second, now.Sub(v.at)).Truncate(time.Second)) + " ago: " + strings.Join(texts, ", ")}
}

// doctor counts what gapless.doctor finds; nil where there is no such view, or no right to it.
func (s *session) doctor(ctx context.Context) (found []finding, err error) {
	err = s.do(ctx, func(tx pgx.Tx) error {
		var may bool
		err := tx.QueryRow(ctx, "SELECT coalesce(has_table_privilege(to_regclass('gapless.doctor'), 'SELECT'), false)").Scan(&may)
		if err != nil || !may {
			return err
		}
		found = []finding{}
		rows, _ := tx.Query(ctx, "SELECT severity, count(*) FROM gapless.doctor GROUP BY severity ORDER BY array_position(ARRAY['critical', 'warning', 'notice'], severity)")
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[finding])
		return err
	})
	return found, err
}
