# What the checks of migration tools share. A check defines
#
#     migration NUMBER    makes a migration of the SQL on standard input, in the folder $migrations
#     up                  runs what is missing, in the database $url
#     applied             prints how many were
#
# shellcheck shell=bash disable=SC2030,SC2031,SC2034
set -euo pipefail
root=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
work=$(mktemp -d)
failed=0

end() {
    while read -r name; do
        psql --no-psqlrc -q -d "$GAPLESS_DATABASE_URL" -c "DROP DATABASE IF EXISTS $name WITH (FORCE)"
    done <"$work/databases"
    rm -rf "$work"
} 2>/dev/null
trap end EXIT
touch "$work/databases"

# library NAME PROGRAM: the version of a program that is built of a Go module
library() { printf 'library\t%s\t%s\n' "$1" "$(go version -m "$2" | awk '$1 == "mod" { print $3 }')"; }

# tried WHAT COMMAND ...: runs a command with an empty database, and an empty folder for migrations
tried() {
    local what=$1 status
    shift
    set +e
    (
        set -e
        name=migrated_$$_$(wc -l <"$work/databases")
        echo "$name" >>"$work/databases"
        psql --no-psqlrc -q -d "$GAPLESS_DATABASE_URL" -c "CREATE DATABASE $name"
        url=$(sed -E "s|^(postgres(ql)?://[^/]*)/[^?]*|\1/$name|" <<<"$GAPLESS_DATABASE_URL")
        migrations=$work/$name
        mkdir "$migrations"
        "$@"
    ) >"$work/log" 2>&1
    status=$?
    set -e
    if [ "$status" = 0 ]; then
        printf 'ok\t%s\n' "$what"
    else
        failed=1
        printf 'FAIL\t%s\t%s\n' "$what" "$(tail -n 20 "$work/log" | tr -s '\n\t ' ' ' | tail -c 1000)"
    fi
}

# gives SQL WANTED: what a statement gives
gives() {
    local seen
    seen=$(psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -d "$url" -c "$1")
    [ "$seen" = "$2" ] || { echo "$1 gives $seen, and not $2"; return 1; }
}

# refused TEXT COMMAND ...: fails, and says so
refused() {
    local text=$1
    shift
    if "$@" >"$work/refused" 2>&1; then
        echo "not refused: $*"
        return 1
    fi
    grep -qi -- "$text" "$work/refused" || { cat "$work/refused"; return 1; }
}

gapless() { cat "$root/sql/gapless.sql"; }

# A table that is named without its schema, which needs the settings that were there before.
table() { echo "CREATE TABLE $1 (id int PRIMARY KEY, number bigint UNIQUE);"; }

invoices="$(table invoices)
CREATE FUNCTION attach() RETURNS void LANGUAGE sql AS \$sql\$
    SELECT gapless.attach_gapless('invoices', 'number', name => \$\$ 'invoice' \$\$);
\$sql\$;
SELECT attach();"

numbered() { gives "INSERT INTO invoices (id) VALUES ($1) RETURNING number" "$1"; }

installs() {
    gapless | migration 1
    echo "$invoices" | migration 2
    up
    numbered 1
    gapless | migration 3
    up
    numbered 2
    up
    gives "SELECT count(*) FROM gapless.audit_gapless()" 0
    [ "$(applied)" = 3 ]
}

installs_over() {
    gapless | psql --no-psqlrc -q -v ON_ERROR_STOP=1 -d "$url"
    psql --no-psqlrc -q -v ON_ERROR_STOP=1 -d "$url" -c "$invoices"
    numbered 1
    gapless | migration 1
    up
    numbered 2
    [ "$(applied)" = 1 ]
}

installs_with_more() {
    { gapless; echo "$invoices"; } | migration 1
    up
    numbered 1
}

fails() {
    { gapless; echo 'SELECT 1 / 0;'; } | migration 1
    refused 'division by zero' up
    gives "SELECT to_regnamespace('gapless') IS NULL" t
}

all_of() {
    tried 'sql/gapless.sql as a migration, a table in the next, and sql/gapless.sql again' installs
    tried 'over an install by psql' installs_over
    tried 'sql/gapless.sql, a table and its function in one migration' installs_with_more
    tried 'an error after sql/gapless.sql, in its migration, takes all of it back' fails
}
