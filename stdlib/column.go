package stdlib

import (
	"context"

	"github.com/pggapless/gapless"
)

// Attach lets a column number itself; see [gapless.Attach].
func Attach(ctx context.Context, conn DBTX, column gapless.Column) error {
	return gapless.Attach(ctx, on(conn), column)
}

// Ensure is [Attach] for programs that attach at every start; see [gapless.Ensure].
func Ensure(ctx context.Context, conn DBTX, column gapless.Column) error {
	return gapless.Ensure(ctx, on(conn), column)
}

// Detach ends what [Attach] began; see [gapless.Detach].
func Detach(ctx context.Context, conn DBTX, table, column string) error {
	return gapless.Detach(ctx, on(conn), table, column)
}

// GuardPartitions guards the partitions of a table that were made since [Attach], and returns their names; see
// [gapless.GuardPartitions].
func GuardPartitions(ctx context.Context, conn DBTX, table string) ([]string, error) {
	return gapless.GuardPartitions(ctx, on(conn), table)
}

// Void notes that an issued number was cancelled, and why; see [gapless.Sequence.Void].
func (s Sequence) Void(ctx context.Context, tx Tx, value int64, reason string) error {
	return s.sequence.Void(ctx, in(tx), value, reason)
}

// VoidBatch notes that the numbers from first to last were cancelled; see [gapless.Sequence.VoidBatch].
func (s Sequence) VoidBatch(ctx context.Context, tx Tx, first, last int64, reason string) error {
	return s.sequence.VoidBatch(ctx, in(tx), first, last, reason)
}

// Audit compares the journal, the attached columns and the voids of every sequence; see [gapless.Audit].
func Audit(ctx context.Context, conn DBTX) ([]gapless.Finding, error) {
	return gapless.Audit(ctx, on(conn))
}

// Audit is [Audit] of one sequence.
func (s Sequence) Audit(ctx context.Context, conn DBTX) ([]gapless.Finding, error) {
	return s.sequence.Audit(ctx, on(conn))
}

// RecordAudit is [Audit], and a record of it; see [gapless.RecordAudit].
func RecordAudit(ctx context.Context, conn DBTX, note string) ([]gapless.Finding, error) {
	return gapless.RecordAudit(ctx, on(conn), note)
}

// RecordAudit is [RecordAudit] of one sequence.
func (s Sequence) RecordAudit(ctx context.Context, conn DBTX, note string) ([]gapless.Finding, error) {
	return s.sequence.RecordAudit(ctx, on(conn), note)
}

// Audits returns the audits that were recorded, in their order; see [gapless.Audits].
func Audits(ctx context.Context, conn DBTX) ([]gapless.AuditRecord, error) {
	return gapless.Audits(ctx, on(conn))
}
