package gapless

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/pggapless/gapless/db"
	"github.com/pggapless/gapless/internal/client"
)

// Column is a column that is to number itself, and how. Name, Format, Condition, Chronology and Chain are SQL
// expressions over NEW, the row; docs/sql.md has each. An empty one has SQL's default.
type Column struct {
	Table  string // as SQL has it: invoices, or billing.invoices
	Column string // a bigint; or a text, with Format

	// Name gives the sequence's name: 'invoice/' || NEW.tenant_id. A constant is in quotes of its own: 'invoice'. An empty one
	// is that of the column named by SeriesOf, or else the constant 'schema.table.column'.
	Name string

	Initial    *int64 // the first number of each sequence; nil is 1
	Format     string // gives a text column's text for a number, which it calls value
	Condition  string // a row is numbered only where it holds, on INSERT or on a later UPDATE
	Chronology string // a date or timestamp that must not fall as the numbers rise
	AtCommit   bool   // number the row when its transaction commits, and hold the sequence for that long only

	// Unnumbered is a text that means no number yet, such as "/"; nil is none. NULL always means that.
	Unnumbered *string

	// MakeIndex lets unique indexes that have the number leave out rows without one, so that issuing a draft does not wait
	// for those who write its lines. Readers are locked out, too.
	MakeIndex bool

	// Chain gives each row a hash, a bytea, over what it reads of NEW, and over NEW.previous_hash, that of the row before it
	// in the series. The audit verifies it.
	Chain          string
	HashColumn     string // gets the hash; "" is hash
	PreviousColumn string // gets that of the row before; "" is previous_hash

	// Moves lets an UPDATE take a row to another sequence, by what Name reads and number = DEFAULT: it is numbered there, and
	// its number is void here.
	Moves bool

	// SeriesOf is an attached column whose series this one shares, as SQL has it: invoices.number, or billing.invoices.number.
	SeriesOf string
}

// Attach lets a column number itself. From then on an INSERT is all that is needed, from any stack, and its RETURNING
// has the number. Attach takes over the numbers that the table has, and guards them against being written, changed
// and deleted.
//
// Attach blocks while others write to the table, and locks it against writers until its transaction ends, which has to
// be READ COMMITTED. So has default_transaction_isolation where conn is in no transaction.
//
// The role of conn has to own the table. It needs EXECUTE on gapless.attach_gapless and what that calls, which the owner
// of schema gapless has, and grant_gapless does not give.
//
// Where the column is attached by the same options already, Attach mends its guards, if they are not whole. That locks
// out readers, too. [Ensure] is for programs that attach at every start.
//
// Errors: [ErrAttachedAlready], with another definition; [ErrSequenceOfColumn] where another column has a sequence of its
// rows; [ErrInvalid] for a column that cannot be attached and an expression that is wrong: HINT says what to do;
// [ErrLocked] after lock_timeout; SQLSTATE 42P01 where there is no such table.
func Attach(ctx context.Context, conn DBTX, column Column) error {
	return attach(ctx, conn, column, false)
}

// Ensure is [Attach] for programs that attach at every start. It leaves a column that is attached already as it is, locks
// nothing then, and waits for nobody. Several may call it at once. It attaches a column that is not. It needs the same
// role and isolation level as Attach, also where there is nothing to do.
//
// A column that is attached with other options is [ErrAttachedAlready], and the error names each option and both values.
// White space around an expression makes no difference, and MakeIndex is not compared. Guards that are not whole are
// [ErrNotAttached], and the error says what is wrong: [Attach] mends most of it. Other errors are those of [Attach].
func Ensure(ctx context.Context, conn DBTX, column Column) error {
	return attach(ctx, conn, column, true)
}

func attach(ctx context.Context, conn DBTX, column Column, ensure bool) error {
	err := db.New(conn).AttachGapless(ctx, db.AttachGaplessParams{
		Target: column.Table, TargetColumn: column.Column, Name: optional(column.Name), Initial: column.Initial,
		Format: optional(column.Format), Condition: optional(column.Condition), Chronology: optional(column.Chronology),
		AtCommit: column.AtCommit, Unnumbered: column.Unnumbered, MakeIndex: column.MakeIndex, Moves: column.Moves,
		Chain: optional(column.Chain), HashColumn: optional(column.HashColumn), PreviousColumn: optional(column.PreviousColumn),
		SeriesOf: optional(column.SeriesOf), Ensure: ensure,
	})
	return client.WrapColumn(column.Table, column.Column, err)
}

// optional is NULL for the zero value.
func optional[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// Detach ends what [Attach] began. The numbers stay, and [Sequence.Next] may take from the column's sequences again.
//
// Detach blocks while others use the table, and locks it until its transaction ends, which has to be READ COMMITTED. It
// returns [ErrNotAttached] where the column is not attached, or was renamed since.
//
// The role of conn has to own the table. It needs EXECUTE on gapless.detach_gapless and what that calls, which
// grant_gapless does not give.
func Detach(ctx context.Context, conn DBTX, table, column string) error {
	err := db.New(conn).DetachGapless(ctx, db.DetachGaplessParams{Target: table, TargetColumn: column})
	return client.WrapColumn(table, column, err)
}

// GuardPartitions guards the partitions of a table that were made or attached since [Attach], and returns their names.
// Until then they number their rows, but can be truncated, and are left without guards when they are detached. Call it
// in the transaction that makes a partition.
//
// GuardPartitions blocks while others write to these partitions, and locks them against writers until its transaction
// ends. It returns [ErrNotAttached] where no column of the table is attached.
//
// The role of conn has to own the table. It needs EXECUTE on gapless.guard_partitions and what that calls, which
// grant_gapless does not give.
func GuardPartitions(ctx context.Context, conn DBTX, table string) ([]string, error) {
	partitions, err := db.New(conn).GuardPartitions(ctx, &table)
	if err != nil {
		return nil, client.WrapCall("the partitions of "+table, err)
	}
	return partitions, nil
}

// Void notes that an issued number was cancelled, and why. It is never issued again; its row may be kept, or be
// deleted from then on. It blocks as [Sequence.Next] does. A number that was not issued or is void already, and an
// empty reason, are [ErrInvalid].
//
// It needs EXECUTE on gapless.void_gapless, which grant_gapless does not give.
func (s Sequence) Void(ctx context.Context, tx pgx.Tx, value int64, reason string) error {
	err := db.New(tx).VoidGapless(ctx, db.VoidGaplessParams{Name: s.args.Name, Value: value, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// VoidBatch is [Sequence.Void] of each number from first to last, all or none. Where one was not issued or is void
// already, the error names the first such number.
//
// It needs EXECUTE on gapless.void_gapless_batch, which grant_gapless does not give.
func (s Sequence) VoidBatch(ctx context.Context, tx pgx.Tx, first, last int64, reason string) error {
	_, err := db.New(tx).VoidGaplessBatch(ctx, db.VoidGaplessBatchParams{Name: s.args.Name, First: first, Last: last, Reason: reason})
	return client.Wrap(s.args.Name, err)
}

// Audit compares the journal, the attached columns and the voids of every sequence. It returns a [Finding] for each
// hole, double, number that was never issued or was changed after issue, and void, and for each [Sequence.Close],
// [Sequence.Open], [Sequence.Forward], [Sequence.GoLive] and [Sequence.Archive]. Numbering is sound if each of them
// is Explained. It reads one snapshot, and waits for nobody.
//
// It needs EXECUTE on gapless.audit_gapless, which grant_gapless does not give.
func Audit(ctx context.Context, conn DBTX) ([]Finding, error) {
	findings, err := audit(ctx, conn, db.AuditParams{})
	if err != nil {
		return nil, client.WrapCall("audit", err)
	}
	return findings, nil
}

// Audit is [Audit] of one sequence.
func (s Sequence) Audit(ctx context.Context, conn DBTX) ([]Finding, error) {
	findings, err := audit(ctx, conn, db.AuditParams{Name: &s.args.Name})
	return findings, client.Wrap(s.args.Name, err)
}

func audit(ctx context.Context, conn DBTX, params db.AuditParams) ([]Finding, error) {
	rows, err := db.New(conn).Audit(ctx, params)
	findings := make([]Finding, len(rows))
	for i, row := range rows {
		findings[i] = Finding(row)
	}
	return findings, err
}

// RecordAudit is [Audit], and a record of it: who audited what, when, and with which result. note is what there is to say
// of it, or empty. A [Finding] whose RecordedAt is zero is new: no record before had it. [Audits] has the records.
//
// The record is there when the transaction commits. RecordAudit blocks while another audit is being recorded, and no one
// else. Above READ COMMITTED it fails with SQLSTATE 40001 where another one was recorded since the snapshot, which [InTx]
// retries; in a read-only transaction it fails.
//
// It needs EXECUTE on gapless.record_audit_gapless, which grant_gapless does not give.
func RecordAudit(ctx context.Context, conn DBTX, note string) ([]Finding, error) {
	findings, err := recordAudit(ctx, conn, db.RecordAuditParams{Note: optional(note)})
	if err != nil {
		return nil, client.WrapCall("record an audit", err)
	}
	return findings, nil
}

// RecordAudit is [RecordAudit] of one sequence.
func (s Sequence) RecordAudit(ctx context.Context, conn DBTX, note string) ([]Finding, error) {
	findings, err := recordAudit(ctx, conn, db.RecordAuditParams{Name: &s.args.Name, Note: optional(note)})
	return findings, client.Wrap(s.args.Name, err)
}

func recordAudit(ctx context.Context, conn DBTX, params db.RecordAuditParams) ([]Finding, error) {
	rows, err := db.New(conn).RecordAudit(ctx, params)
	findings := make([]Finding, len(rows))
	for i, row := range rows {
		findings[i] = Finding(row)
	}
	return findings, err
}

// Audits returns the audits that were recorded, in their order. One that is not Intact was changed behind the triggers'
// back, or the one before it was.
//
// It needs SELECT on gapless.audits, which grant_gapless does not give.
func Audits(ctx context.Context, conn DBTX) ([]AuditRecord, error) {
	rows, err := db.New(conn).Audits(ctx)
	if err != nil {
		return nil, client.WrapCall("audits", err)
	}
	records := make([]AuditRecord, len(rows))
	for i, row := range rows {
		records[i] = AuditRecord(row)
	}
	return records, nil
}
