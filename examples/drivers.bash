# shellcheck shell=bash
# Where the examples' drivers are: sourced by install and run.

# Where install unpacks Debian's node-pg when apt-get cannot install it.
DRIVERS_DIR=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gapless-examples

# The JavaScript packages unpacked there, and those that Debian installs. node itself finds those of
# `npm install pg`, in examples/node/node_modules, and prefers them.
export NODE_PATH=${NODE_PATH:+$NODE_PATH:}$DRIVERS_DIR/usr/share/nodejs:/usr/share/nodejs

# Prints the python3 that has these modules. Debian's packages are for Debian's python3, which need not be the first in
# PATH.
python_with() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}
python_with_driver() { python_with psycopg2; }
python_with_django() { python_with django,psycopg2; }

# Succeeds when node finds pg from where the example is.
node_has_driver() {
    (cd "$(dirname "${BASH_SOURCE[0]}")/node" && node -e 'require("pg")' 2>/dev/null)
}

# TypeORM and its pg, which npm installs there, or in examples/node-typeorm/node_modules.
TYPEORM_DIR=$DRIVERS_DIR/node-typeorm
typeorm() { NODE_PATH=$TYPEORM_DIR/node_modules node "$@"; }
typeorm_has_driver() {
    (cd "$(dirname "${BASH_SOURCE[0]}")/node-typeorm" && typeorm -e 'require("typeorm"); require("pg")' 2>/dev/null)
}

# Likewise Drizzle and its pg.
DRIZZLE_DIR=$DRIVERS_DIR/node-drizzle
drizzle() { NODE_PATH=$DRIZZLE_DIR/node_modules node "$@"; }
drizzle_has_driver() {
    (cd "$(dirname "${BASH_SOURCE[0]}")/node-drizzle" && drizzle -e 'require("drizzle-orm"); require("pg")' 2>/dev/null)
}

# The examples, two of them only where npm is there.
EXAMPLES=(python django node php java ruby perl)
if command -v npm >/dev/null; then
    EXAMPLES+=(node-typeorm node-drizzle)
fi

# Succeeds when php has Eloquent, Composer's or Debian's, and pdo_pgsql.
php_has_driver() {
    local autoload
    autoload=$(dirname "${BASH_SOURCE[0]}")/php/vendor/autoload.php
    [ -e "$autoload" ] || autoload=Illuminate/Database/autoload.php
    # shellcheck disable=SC2016 # PHP's variable
    php -r 'require $argv[1]; exit(extension_loaded("pdo_pgsql") ? 0 : 1);' "$autoload" >/dev/null 2>&1
}

# The driver of Debian's package, and a JDK, since the example is run from its source.
POSTGRESQL_JAR=/usr/share/java/postgresql.jar
java_has_driver() {
    [ -e "$POSTGRESQL_JAR" ] && javac -version >/dev/null 2>&1
}

# Succeeds when ruby has ActiveRecord and pg.
ruby_has_driver() {
    ruby -e 'require "active_record"; require "pg"' 2>/dev/null
}

# Succeeds when perl has DBD::Pg.
perl_has_driver() {
    perl -MDBD::Pg -e 1 2>/dev/null
}
