package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestASeriesIsClosedOpenedAndForwardedWithAReason(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Zero(t, on(t, d, "next", "bill", "--count", "20").code)
	require.Equal(t, prints("sequence \"bill\": 3 to 18 are void\n"), on(t, d, "void", "bill", "3", "--to", "18", "--reason", "the roll was torn"))
	require.Equal(t, object{"name": "bill", "value": 19.0, "to": 20.0, "reason": "r"}, parsed[object](t, on(t, d, "void", "bill", "19", "--to", "20", "--reason", "r", "--json")))
	require.Contains(t, on(t, d, "void", "bill", "1", "--to", "4", "--reason", "r").stderr, "gapless: sequence \"bill\": 3 is void already\n")

	require.Equal(t, prints("sequence \"bill\" goes on after 99\n"), on(t, d, "forward", "bill", "99", "--reason", "used by the tills"))
	require.Equal(t, prints("sequence \"bill\" is closed; its last number is 99\n"), on(t, d, "close", "bill", "--reason", "audited"))
	require.Equal(t, prints("sequence \"unused\" is closed; it has no number\n"), on(t, d, "close", "unused", "--reason", "audited"))
	o := on(t, d, "next", "bill")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `^gapless: sequence "bill" is closed: \S+ closed it at .*: audited\n`, o.stderr)
	require.Regexp(t, `^NAME    LAST  ISSUED  LAST ALLOCATED              CLOSED  ATTACHED TO
bill      99      20  \S+ \S+ \S+  yes     -
unused     -       0  -                           yes     -
$`, on(t, d, "list").stdout)

	page := filepath.Join(t.TempDir(), "audit.html")
	o = on(t, d, "audit", "--html", page)
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `(?m)^bill +- +closed +99  yes +closed: audited \(`, o.stdout)
	require.Regexp(t, `(?m)^bill +- +hole +21-99  yes +forwarded: used by the tills \(`, o.stdout)
	require.Regexp(t, `(?m)^unused +- +closed +-  yes +closed: audited \(`, o.stdout)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), `<bdi>unused</bdi></th><td role="cell" data-label="Numbers"><span><bdi class="n">none yet</bdi>`)
	require.Contains(t, string(text), "<h3 id=\"closed-explained\">Closed series</h3>")

	require.Equal(t, object{"name": "bill", "reason": "r"}, parsed[object](t, on(t, d, "open", "bill", "--reason", "r", "--json")))
	require.Equal(t, prints("100\n"), on(t, d, "next", "bill"))
	require.Equal(t, prints("sequence \"new\" goes on after 1233\n"), on(t, d, "forward", "new", "1233", "--reason", "the paper forms begin there"))
	require.Zero(t, on(t, d, "next", "new", "--count", "3").code)
	require.Zero(t, on(t, d, "audit", "new", "--html", page).code)
	text, err = os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "<h3 id=\"start-explained\">Where a series starts</h3>")
	require.Equal(t, exitFailure, on(t, d, "open", "bill", "--reason", "r").code)

	require.Equal(t, prints("sequence \"new\" is live; its last test number was 1236\n"), on(t, d, "go-live", "new", "--reason", "the tests are over"))
	require.Equal(t, object{"name": "other", "reason": "r"}, parsed[object](t, on(t, d, "go-live", "other", "--reason", "r", "--json")))
	o = on(t, d, "audit", "new", "--html", page)
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `(?m)^new +- +live +1234-1236  yes +live: the tests are over \(`, o.stdout)
	text, err = os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "<h3 id=\"live-explained\">End of a test</h3>")
	require.Equal(t, prints("1\n"), on(t, d, "next", "new"))
	o = on(t, d, "go-live", "new", "--reason", "r")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `^gapless: sequence "new" is live: it never begins again\n`, o.stderr)
	require.Equal(t, exitUsage, on(t, d, "close", "bill").code)
}

func TestRowsOfAColumnAreArchived(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do("CREATE TABLE bills (id int PRIMARY KEY, number bigint UNIQUE); SELECT gapless.attach_gapless('bills', 'number', $$ 'bill' $$); INSERT INTO bills VALUES (1), (2), (3)")
	require.Equal(t, prints("sequence \"bill\": 2 rows up to 2 may leave\n"), on(t, d, "archive", "bill", "2", "--reason", "in the archive"))
	require.Equal(t, object{"name": "bill", "last": 3.0, "reason": "r", "archived": 3.0}, parsed[object](t, on(t, d, "archive", "bill", "3", "--reason", "r", "--json")))
	s.Do("DELETE FROM bills")
	page := filepath.Join(t.TempDir(), "audit.html")
	o := on(t, d, "audit", "--html", page)
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, `(?m)^bill +public.bills.number +archived +1-2  yes +archived: in the archive \(2 numbers, `, o.stdout)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "<h3 id=\"archived-explained\">Archived documents</h3>")
	require.Equal(t, exitUsage, on(t, d, "archive", "other", "3", "--reason", "r").code)
}

func TestASeriesIsGivenRangesAndListed(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	require.Equal(t, "no sequence has a range\n", on(t, d, "ranges").stderr)
	require.Zero(t, on(t, d, "next", "other").code)
	require.Equal(t, prints("sequence \"ncf\" has range 1 to 10; numbers left: 10\n"), on(t, d, "range", "ncf", "1", "10", "--reason", "grant 1", "--warn-percent", "20"))
	require.Zero(t, on(t, d, "next", "ncf", "--count", "8").code)
	require.Regexp(t, `(?m)^NAME +LAST +ISSUED +LAST ALLOCATED +CLOSED +ATTACHED TO +LEFT +VALID UNTIL +WARNING
ncf +8 +8 +\S+ \S+ \S+ +no +- +2 +- +yes
other +1 +1 +\S+ \S+ \S+ +no +- +- +- +-
$`, on(t, d, "list").stdout)
	require.Equal(t, object{"name": "ncf", "first": 101.0, "last": 200.0, "numbers_left": 102.0, "reason": "grant 2"},
		parsed[object](t, on(t, d, "range", "ncf", "101", "200", "--reason", "grant 2", "--valid-until", "2099-12-31", "--time-zone", "Asia/Tokyo", "--warn-left", "5", "--warn-days", "30", "--json")))
	require.Equal(t, prints("9\n10\n101\n"), on(t, d, "next", "ncf", "--count", "3"))
	require.Regexp(t, `(?m)^NAME +FIRST +LAST +STATE +LEFT +UNUSED +VALID UNTIL +REASON
ncf +1 +10 +used up +0 +0 +- +grant 1
ncf +101 +200 +current +99 +0 +2099-12-31 +grant 2
$`, on(t, d, "ranges").stdout)
	require.Regexp(t, `(?m)^ncf .* 99 +2099-12-31 +no$`, on(t, d, "list").stdout)
	require.Equal(t, []object{
		{"name": "ncf", "first_value": 1.0, "last_value": 10.0, "state": "used up", "numbers_left": 0.0, "unused": 0.0, "reason": "grant 1"},
		{"name": "ncf", "first_value": 101.0, "last_value": 200.0, "valid_until": "2099-12-31", "time_zone": "Asia/Tokyo", "state": "current", "numbers_left": 99.0, "unused": 0.0, "reason": "grant 2"},
	}, parsed[[]object](t, on(t, d, "ranges", "--json")))
	require.Equal(t, prints("sequence \"ncf\": the range from 101 is withdrawn; numbers that were not issued: 99\n"), on(t, d, "withdraw", "ncf", "101", "--reason", "cancelled"))
	o := on(t, d, "next", "ncf")
	require.Equal(t, exitFailure, o.code)
	require.Regexp(t, `^gapless: sequence "ncf": no number is left in its ranges: The last was 101 to 101: grant 2\n`, o.stderr)
	require.Equal(t, object{"name": "new", "first": 1.0, "unused": 5.0, "reason": "r"}, func() object {
		require.Zero(t, on(t, d, "range", "new", "1", "5", "--reason", "r").code)
		return parsed[object](t, on(t, d, "withdraw", "new", "1", "--reason", "r", "--json"))
	}())
	page := filepath.Join(t.TempDir(), "audit.html")
	require.Zero(t, on(t, d, "audit", "--html", page).code)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "<h3 id=\"range-explained\">Ranges of numbers</h3>")
	require.Contains(t, string(text), "<h3 id=\"withdrawn-explained\">Withdrawn ranges</h3>")
	require.Equal(t, exitUsage, on(t, d, "range", "ncf", "1", "5").code)
}
