// Package isolation says what two concurrent transactions do to each other: for every pair of operations, at every
// isolation level, who waits, who fails and with which SQLSTATE, and what is there in the end.
//
// It is a package of tests. A table of operations (operations_test.go) makes the specs in specs/, which PostgreSQL's own
// isolation tester runs; what it prints is compared with expected/; and RESULTS.md is that as tables, for people.
//
//	make isolation
//
// runs the specs. Plain "go test" needs no tester: it checks that specs, expected output and tables belong together, and
// that what is expected keeps the promises. After a change that is meant, write them anew:
//
//	GAPLESS_ISOLATIONTESTER=$(test/isolation/install) go test ./test/isolation -update
package isolation
