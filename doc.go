// Package gapless allocates numbers without holes in PostgreSQL, for invoices, cases, receipts: everything an auditor
// counts.
//
// PostgreSQL's own sequences leave a hole whenever a transaction rolls back. A gapless sequence allocates inside the
// caller's transaction, so its numbers roll back with it:
//
//	var Cases = gapless.NewSequence("case")
//
//	err := gapless.InTx(ctx, pool, func(tx pgx.Tx) error {
//		number, err := Cases.Next(ctx, tx)
//		if err != nil {
//			return err
//		}
//		_, err = tx.Exec(ctx, "INSERT INTO cases (number, title) VALUES ($1, $2)", number, "Smith v. Jones")
//		return err
//	})
//
// # What it promises
//
// For one sequence, at every moment, the values in committed transactions are contiguous: no hole, no double. They
// are committed in their order: a transaction that can see a value can see every one before it. A rollback, of a
// transaction or of a savepoint, gives its values back. This holds after a crash, under every isolation level, and
// for every client of the SQL functions.
//
// It holds for rows that are written in the transaction that allocated their number. So allocation takes a [pgx.Tx]
// and never a pool: in autocommit, a number whose row is not written is lost, and that does not compile here.
//
// # What it costs
//
// Transactions that take from the same sequence run one after the other, from the allocation to the commit. Allocate
// late, commit soon, and give each series that needs no common order a sequence of its own: distinct sequences never
// wait for each other. [Sequence.TryNext] does not wait.
//
// # Commits
//
// [InTx] retries what PostgreSQL asks to be retried. When the answer to COMMIT is lost, it finds out what became of
// the transaction, instead of guessing: a guess could issue two invoices for one order.
//
// One sequence commits one flush at a time, since the lock is held until the commit is durable. A [GroupCommitter]
// gives the lock up earlier, and acknowledges many commits with one flush. [CommitBatch] sends the last statements
// together with COMMIT, so that the lock is held for no round trip.
//
// # What is to be seen
//
// A tracer of pgx (otelpgx, tracelog) sees the statements, BEGIN and COMMIT included, as it sees pgx's own. [WithObserver] is told
// what they are for: the wait for a sequence, the work, the commit, the flush, each retry. [WithLogger] logs that, and
// [GroupCommitter.Stat] counts.
//
// # Columns that number themselves
//
// [Attach] lets a column of a table number itself, and so does [Ensure] in a program that attaches at every start. From
// then on an INSERT is all that is needed, from any stack, and its RETURNING has the number. A row that does not arrive
// takes none. A number cannot be written by hand, changed, or lost by a DELETE. [Sequence.Void] cancels a number with a
// reason, and [Audit] returns what the journal and the rows do not agree in, explained or not.
//
// # Errors
//
// What is returned says by [errors.Is] what happened: [ErrLocked], [ErrWritten], [ErrDeleted] and others, in errors of this
// package's calls, and in those that [InTx] and [GroupCommitter.Send] return, whatever statement raised them. [Classify] is for
// transactions of your own.
//
// # The database
//
// The work is done by functions in schema gapless, which package migrate installs. This package adds no rule: every
// method is one generated query, in package db.
//
// For [database/sql], and whatever is built on it, see package stdlib.
package gapless
