package stdlib

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/client"
	"github.com/pggapless/gapless/stdlib/internal/db"
)

// Attach lets a column number itself; see [gapless.Attach].
func Attach(ctx context.Context, conn DBTX, column gapless.Column) error {
	params := db.AttachGaplessParams{
		Target: column.Table, TargetColumn: column.Column, Name: text(column.Name), Initial: null(column.Initial),
		Format: text(column.Format), Condition: text(column.Condition), Chronology: text(column.Chronology),
		AtCommit: column.AtCommit, MakeIndex: column.MakeIndex, Moves: column.Moves,
		Chain: text(column.Chain), HashColumn: text(column.HashColumn), PreviousColumn: text(column.PreviousColumn), SeriesOf: text(column.SeriesOf),
	}
	if column.Unnumbered != nil {
		params.Unnumbered = sql.NullString{String: *column.Unnumbered, Valid: true}
	}
	if err := db.New(conn).AttachGapless(ctx, params); err != nil {
		return fmt.Errorf("gapless: attach %s.%s: %w", column.Table, column.Column, err)
	}
	return nil
}

// text is NULL for the empty text.
func text(value string) sql.NullString { return sql.NullString{String: value, Valid: value != ""} }

// Detach ends what [Attach] began; see [gapless.Detach].
func Detach(ctx context.Context, conn DBTX, table, column string) error {
	err := db.New(conn).DetachGapless(ctx, db.DetachGaplessParams{Target: table, TargetColumn: column})
	if err != nil {
		return fmt.Errorf("gapless: detach %s.%s: %w", table, column, err)
	}
	return nil
}

// GuardPartitions guards the partitions of a table that were made since [Attach], and returns their names; see
// [gapless.GuardPartitions].
func GuardPartitions(ctx context.Context, conn DBTX, table string) ([]string, error) {
	partitions, err := db.New(conn).GuardPartitions(ctx, text(table))
	if err != nil {
		return nil, fmt.Errorf("gapless: guard the partitions of %s: %w", table, err)
	}
	return partitions, nil
}

// Void notes that an issued number was cancelled, and why; see [gapless.Sequence.Void].
func (s Sequence) Void(ctx context.Context, tx *sql.Tx, value int64, reason string) error {
	err := db.New(tx).VoidGapless(ctx, db.VoidGaplessParams{Name: s.args.Name, Value: value, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// Audit compares the journal, the attached columns and the voids of every sequence; see [gapless.Audit].
func Audit(ctx context.Context, conn DBTX) ([]gapless.Finding, error) {
	findings, err := audit(ctx, conn, sql.NullString{})
	if err != nil {
		return nil, fmt.Errorf("gapless: audit: %w", err)
	}
	return findings, nil
}

// Audit is [Audit] of one sequence.
func (s Sequence) Audit(ctx context.Context, conn DBTX) ([]gapless.Finding, error) {
	findings, err := audit(ctx, conn, sql.NullString{String: s.args.Name, Valid: true})
	return findings, client.Wrap(s.args.Name, err)
}

func audit(ctx context.Context, conn DBTX, name sql.NullString) ([]gapless.Finding, error) {
	rows, err := db.New(conn).Audit(ctx, db.AuditParams{Name: name})
	if err != nil {
		return nil, err
	}
	return found(rows)
}

func found(rows []db.AuditRow) ([]gapless.Finding, error) {
	findings := make([]gapless.Finding, len(rows))
	for i, row := range rows {
		findings[i] = gapless.Finding{
			Sequence: row.Sequence, AttachedColumn: row.AttachedColumn, Kind: row.Kind, FirstValue: row.FirstValue, LastValue: row.LastValue,
			Unreadable: row.Unreadable, Explained: row.Explained, Explanation: row.Explanation,
			AllocatedBy: row.AllocatedBy, AllocatedAs: row.AllocatedAs, Txid: row.Txid,
			FirstText: row.FirstText, LastText: row.LastText, Keys: row.Keys, Details: row.Details,
		}
		if err := errors.Join(json.Unmarshal(row.AllocatedAt, &findings[i].AllocatedAt), json.Unmarshal(row.RecordedAt, &findings[i].RecordedAt)); err != nil {
			return nil, err
		}
	}
	return findings, nil
}

// RecordAudit is [Audit], and a record of it; see [gapless.RecordAudit].
func RecordAudit(ctx context.Context, conn DBTX, note string) ([]gapless.Finding, error) {
	findings, err := recordAudit(ctx, conn, sql.NullString{}, note)
	if err != nil {
		return nil, fmt.Errorf("gapless: record an audit: %w", err)
	}
	return findings, nil
}

// RecordAudit is [RecordAudit] of one sequence.
func (s Sequence) RecordAudit(ctx context.Context, conn DBTX, note string) ([]gapless.Finding, error) {
	findings, err := recordAudit(ctx, conn, sql.NullString{String: s.args.Name, Valid: true}, note)
	return findings, client.Wrap(s.args.Name, err)
}

func recordAudit(ctx context.Context, conn DBTX, name sql.NullString, note string) ([]gapless.Finding, error) {
	recorded, err := db.New(conn).RecordAudit(ctx, db.RecordAuditParams{Name: name, Note: sql.NullString{String: note, Valid: note != ""}})
	if err != nil {
		return nil, err
	}
	rows := make([]db.AuditRow, len(recorded))
	for i, row := range recorded {
		rows[i] = db.AuditRow(row)
	}
	return found(rows)
}

// Audits returns the audits that were recorded, in their order; see [gapless.Audits].
func Audits(ctx context.Context, conn DBTX) ([]gapless.AuditRecord, error) {
	rows, err := db.New(conn).Audits(ctx)
	if err != nil {
		return nil, fmt.Errorf("gapless: audits: %w", err)
	}
	records := make([]gapless.AuditRecord, len(rows))
	for i, row := range rows {
		records[i] = gapless.AuditRecord{
			Ordinal: row.Ordinal, RecordedBy: row.RecordedBy, RecordedAs: row.RecordedAs, Txid: row.Txid,
			Name: row.Name, Pattern: row.Pattern, TableName: row.TableName, ColumnName: row.ColumnName, Note: row.Note,
			Series: row.Series, Documents: row.Documents, Findings: row.Findings, Unexplained: row.Unexplained, NotRead: row.NotRead,
			NewFindings: row.NewFindings, Result: row.Result, Digest: row.Digest, Intact: row.Intact,
		}
		if err := json.Unmarshal(row.RecordedAt, &records[i].RecordedAt); err != nil {
			return nil, err
		}
	}
	return records, nil
}
