// Package sqltest has what tests that speak SQL share: sessions whose shorthands fail the test, waiting for a state, roles, and
// the ways to commit.
package sqltest
