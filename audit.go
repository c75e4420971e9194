package gapless

import (
	"encoding/json"
	"time"
)

// Finding is a range of one sequence's numbers of which [Audit] has something to say. What is NULL in SQL is empty, 0 or
// the zero time here.
type Finding struct {
	Sequence       string // empty where a column could not be read
	AttachedColumn string // the column that numbers itself from the sequence, as schema.table.column; empty: none does

	// Kind is what was found: "hole", "void", "never issued", "double", "changed after issue", "broken", "not read"; or what
	// was decided: "range", "withdrawn", "closed", "opened", "start", "live", "archived".
	Kind string

	FirstValue int64 // the first number of the range
	LastValue  int64 // its last number
	Unreadable bool  // no number is known, and both are 0

	Explained   bool   // it is as it should be: somebody has answered for it
	Explanation string // why it is explained, or what is wrong

	AllocatedBy string    // who was logged in when the numbers were allocated, or it was decided
	AllocatedAs string    // the role then, if it was chosen by SET ROLE
	AllocatedAt time.Time // when that was
	Txid        int64     // the transaction

	FirstText string // the first number as printed, of a column with a format
	LastText  string // the last number as printed

	Keys       json.RawMessage // the primary keys of rows that are wrong: an array of objects, of 20 rows at most
	RecordedAt time.Time       // when a recorded audit had the finding first; zero: none has
	Details    json.RawMessage // for the function audit_gapless with with_series alone: these calls leave it empty
}

// AuditRecord is an audit that [RecordAudit] has recorded. What is NULL in SQL is empty here.
type AuditRecord struct {
	Ordinal    int64     // the running count, from 1
	RecordedAt time.Time // when the audit began
	RecordedBy string    // who was logged in
	RecordedAs string    // the role, if it was chosen by SET ROLE
	Txid       int64     // the transaction

	Name       string // the sequence that was asked for
	Pattern    string // the pattern of names that was asked for
	TableName  string // the table that was asked for, as schema.table
	ColumnName string // its column that was asked for
	Note       string // what was said of it

	Series      int64  // how many series were compared
	Documents   int64  // how many rows have a number of them
	Findings    int64  // how many findings there were, without those of kind "not read"
	Unexplained int64  // how many of them were not explained
	NotRead     int64  // how many columns could not be read
	NewFindings int64  // how many of all were new
	Result      string // "sound"; "not explained": a finding was not; "not read": all that was read was sound

	Digest []byte // SHA-256 over the record, its findings, and the digest of the record before
	Intact bool   // the record, what it had that was new, and its place are as they were written
}
