// Package pg has what the tests of SQL share: tables with columns that number themselves, what must hold of them, and the
// statements of the documents.
package pg
