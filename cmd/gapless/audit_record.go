package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
)

// auditRecord is a line of `audits`.
type auditRecord struct {
	Ordinal     int64     `json:"ordinal"`
	RecordedAt  time.Time `json:"recorded_at"`
	RecordedBy  string    `json:"recorded_by"`
	RecordedAs  *string   `json:"recorded_as"`
	TXID        int64     `json:"txid"`
	Name        *string   `json:"name"`
	Pattern     *string   `json:"pattern"`
	Table       *string   `json:"table"`
	Column      *string   `json:"column"`
	Note        *string   `json:"note"`
	Series      int64     `json:"series"`
	Documents   int64     `json:"documents"`
	Findings    int64     `json:"findings"`
	Unexplained int64     `json:"unexplained"`
	NotRead     int64     `json:"not_read"`
	New         int64     `json:"new"`
	Result      string    `json:"result"`
	Digest      string    `json:"digest"`
	Intact      bool      `json:"intact"`
}

func newAuditRecord(r gapless.AuditRecord) auditRecord {
	return auditRecord{
		r.Ordinal, r.RecordedAt.UTC(), r.RecordedBy, given(r.RecordedAs), r.Txid,
		given(r.Name), given(r.Pattern), given(r.TableName), given(r.ColumnName), given(r.Note),
		r.Series, r.Documents, r.Findings, r.Unexplained, r.NotRead, r.NewFindings, r.Result, hex.EncodeToString(r.Digest), r.Intact,
	}
}

// scope is what was audited, for people.
func (r *auditRecord) scope() string {
	var scope []string
	if r.Name != nil {
		scope = append(scope, cell(*r.Name))
	}
	if r.Pattern != nil {
		scope = append(scope, "like "+cell(*r.Pattern))
	}
	if r.Table != nil {
		column := cell(*r.Table)
		if r.Column != nil {
			column += "." + cell(*r.Column)
		}
		scope = append(scope, column)
	}
	if scope == nil {
		return "all"
	}
	return strings.Join(scope, ", ")
}

func (a *app) newAudits() *cobra.Command {
	return a.jsonFlag(a.command(&cobra.Command{
		Use:     "audits",
		Example: "  gapless audits",
		Short:   "List the audits that were recorded",
		Long: "List the audits that `gapless audit --record` has recorded: when, who, what, and with which result. A record is\n" +
			"intact if nothing of it was changed since, and it follows the one before. Exit code 1 if one is not.",
	}, nil, func(ctx context.Context, _ []string) error {
		records, err := read(ctx, a, func(tx pgx.Tx) ([]gapless.AuditRecord, error) { return gapless.Audits(ctx, tx) })
		if err != nil {
			return err
		}
		return a.printAudits(records)
	}))
}

func (a *app) printAudits(records []gapless.AuditRecord) error {
	lines := make([]auditRecord, 0, len(records))
	rows := [][]string{{"RECORD", "RECORDED", "BY", "AUDITED", "RESULT", "DOCUMENTS", "FINDINGS", "NOT EXPLAINED", "NEW", "INTACT", "NOTE"}}
	var changed []string
	for _, record := range records {
		r := newAuditRecord(record)
		lines = append(lines, r)
		by := cell(r.RecordedBy)
		if r.RecordedAs != nil {
			by += " (role " + cell(*r.RecordedAs) + ")"
		}
		rows = append(rows, []string{
			thousands(r.Ordinal), moment(r.RecordedAt), by, r.scope(), r.Result, thousands(r.Documents), thousands(r.Findings),
			thousands(r.Unexplained), thousands(r.New), yesNo(r.Intact), optional(r.Note),
		})
		if !r.Intact {
			changed = append(changed, thousands(r.Ordinal))
		}
	}
	if err := a.printTable(lines, []int{0, 5, 6, 7, 8}, rows, "no audit was recorded"); err != nil {
		return err
	}
	if changed != nil {
		return &failure{
			code: exitFailure, message: fmt.Sprintf("%s not intact: record%s %s", count(len(changed), "record"), plural(len(changed)), strings.Join(changed, ", ")),
			hint: "it was changed by a superuser or the schema's owner, or the one before it was; a backup has what it was",
		}
	}
	if len(lines) > 0 && !a.json {
		a.note("all intact; the digest of the last one is %s", lines[len(lines)-1].Digest)
	}
	return nil
}
