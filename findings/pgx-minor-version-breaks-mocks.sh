#!/usr/bin/env bash
# A new minor version of pgx stops pgxmock, which requires an older one, from compiling. pgx 5.10 to 5.12, pgxmock 4.9.0.
#
# Expected: what compiles with a v5 of pgx compiles with each later v5, so `go get -u` of a program's driver is safe.
#
# What happens: pgx adds methods to interfaces that others implement: Rows.TypeMap in 5.11, BatchResults.Tx in 5.12. Its
# minor versions break each mock and wrapper of them that does not embed the interface; pgxmock does not compile.
#
# Needs go in PATH (seen with Go 1.26); all else is fetched.
set -euo pipefail
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

reproduce() {
	cd "$work"
	export GOMODCACHE=$work/modules GOFLAGS='-mod=mod -modcacherw' GOWORK=off
	cat >main.go <<'GO'
package main

import "github.com/pashagolub/pgxmock/v4"

func main() { _, _ = pgxmock.NewConn() }
GO
	for version in 5.10.0 5.11.0 5.12.0; do
		cat >go.mod <<MOD
module example.com/finding

go 1.24

require (
	github.com/jackc/pgx/v5 v$version
	github.com/pashagolub/pgxmock/v4 v4.9.0
)
MOD
		echo "== pgx $version"
		if go build -gcflags=-e -o program . 2>log; then
			echo 'it compiles'
		else
			grep -o 'does not implement pgx[.].*' log | sort -u
		fi
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== pgx 5.10.0
it compiles
== pgx 5.11.0
does not implement pgx.Rows (missing method TypeMap)
== pgx 5.12.0
does not implement pgx.BatchResults (missing method Tx)
does not implement pgx.Rows (missing method TypeMap)
SEEN
)

sed -n '2,/^set /s/^#\( \|$\)//p' "$0"
echo
seen=$(reproduce)
echo "$seen"
echo
if ! diff <(echo "$expected") <(echo "$seen"); then
	echo 'This is no longer what was seen (<), but something else (>).'
	exit 1
fi
echo 'Seen again.'
