#!/usr/bin/env bash
# pgx writes and reads a uuid.UUID by way of its text, although it is 16 bytes. pgx 5.12.0, google/uuid 1.6.0.
#
# Expected: uuid.UUID is a [16]byte with another name. pgx sends a [16]byte as it is, so it sends this one so, too.
#
# What happens: uuid.UUID is a driver.Valuer and a sql.Scanner, and pgx prefers these to its kind. In the binary format
# it asks for the text, parses it, and writes 16 bytes: some 20 Go objects a parameter, where [16]byte makes 2 and
# pgtype.UUID 1. Each element of a []uuid.UUID pays that. What arrives is right; only the way is long. Convert it by
# [16]byte(id).
#
# Needs go in PATH (seen with Go 1.26); all else is fetched.
set -euo pipefail
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

reproduce() {
	cd "$work"
	export GOMODCACHE=$work/modules GOFLAGS='-mod=mod -modcacherw' GOWORK=off
	cat >go.mod <<'MOD'
module example.com/finding

go 1.24

require (
	github.com/google/uuid v1.6.0
	github.com/jackc/pgx/v5 v5.12.0
)
MOD
	cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

const binary = pgtype.BinaryFormatCode

func main() {
	m := pgtype.NewMap()
	id := uuid.MustParse("11111111-2222-4333-8444-555555555555")
	encode := func(oid uint32, value any) ([]byte, float64) {
		sent, err := m.Encode(oid, binary, value, nil)
		if err != nil {
			panic(err)
		}
		return sent, testing.AllocsPerRun(1000, func() { _, _ = m.Encode(oid, binary, value, nil) })
	}
	raw, least := encode(pgtype.UUIDOID, [16]byte(id))
	for _, value := range []any{[16]byte(id), pgtype.UUID{Bytes: id, Valid: true}, id} {
		sent, objects := encode(pgtype.UUIDOID, value)
		fmt.Printf("%T is written by %T: the same bytes: %t, 5 times the objects of [16]byte and more: %t\n",
			value, m.PlanEncode(pgtype.UUIDOID, binary, value), bytes.Equal(sent, raw), objects >= 5*least)
	}
	bare, named := make([][16]byte, 100), make([]uuid.UUID, 100)
	rawArray, leastOfArray := encode(pgtype.UUIDArrayOID, bare)
	array, objects := encode(pgtype.UUIDArrayOID, named)
	fmt.Printf("%T of 100: the same bytes: %t, 1,000 objects more: %t\n", named, bytes.Equal(array, rawArray), objects >= leastOfArray+1000)
	fmt.Printf("a *[16]byte is read by %T\n", m.PlanScan(pgtype.UUIDOID, binary, new([16]byte)))
	fmt.Printf("a *uuid.UUID is read by %T\n", m.PlanScan(pgtype.UUIDOID, binary, new(uuid.UUID)))
}
GO
	go run . 2>/dev/null
}

# What was seen.
expected=$(
	cat <<'SEEN'
[16]uint8 is written by *pgtype.wrapByte16EncodePlan: the same bytes: true, 5 times the objects of [16]byte and more: false
pgtype.UUID is written by pgtype.encodePlanUUIDCodecBinaryUUIDValuer: the same bytes: true, 5 times the objects of [16]byte and more: false
uuid.UUID is written by *pgtype.encodePlanDriverValuer: the same bytes: true, 5 times the objects of [16]byte and more: true
[]uuid.UUID of 100: the same bytes: true, 1,000 objects more: true
a *[16]byte is read by *pgtype.wrapByte16ScanPlan
a *uuid.UUID is read by *pgtype.scanPlanCodecSQLScanner
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
