package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless"
)

var keepPages = flag.String("pages", "", "write the sample pages into this folder, to look at them")

// theDay is when the sample was audited.
var theDay = time.Date(2026, time.January, 15, 9, 30, 12, 0, time.UTC)

// pageOf writes the page of an audit, and reads it.
func pageOf(t *testing.T, r *audit, f pageFlags, name string) string {
	t.Helper()
	var err error
	if f.language == "" {
		f.language = "en"
	}
	f.words, err = f.read()
	require.NoError(t, err)
	dir := *keepPages
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, name+".html")
	var page bytes.Buffer
	require.NoError(t, r.page(&f).write(&page))
	require.NoError(t, os.WriteFile(path, page.Bytes(), 0o600))
	return readPage(t, path)
}

// said is what a page says, without its tags.
func said(page string) string {
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, ""))
}

// summed is a row of kind series.
func summed(name, column string, first, last int64, texts [2]string, details map[string]any) gapless.Finding {
	content, err := json.Marshal(details)
	if err != nil {
		panic(err)
	}
	return gapless.Finding{
		Sequence: name, AttachedColumn: column, Kind: "series", FirstValue: first, LastValue: last, FirstText: texts[0], LastText: texts[1], Explained: true, Details: content,
	}
}

// canned is an audit of a small company, with findings of every kind.
func canned(t *testing.T, c *choice) *audit {
	t.Helper()
	r := &audit{
		database: "shop", version: "18.1", at: theDay, sessionUser: "miller", userName: "auditor", choice: c,
	}
	const invoices, notes, receipts = "public.invoices.number", "public.credit_notes.number", "public.receipts.number"
	year := map[string]any{
		"documents": 48211, "issued": 48214, "void": 2, "adopted": 0, "archived": 0, "missing": 3,
		"allocated_from": "2025-01-02T07:12:44.5+00:00", "allocated_until": "2025-12-31T16:58:03+00:00", "dated_from": "2025-01-02", "dated_until": "2025-12-31T00:00:00",
	}
	tills := map[string]any{
		"documents": 1204, "issued": 1213, "void": 8, "adopted": 4711, "archived": 0, "missing": 0,
		"allocated_from": "2025-03-01T08:00:00+00:00", "allocated_until": "2026-01-14T17:30:00+00:00",
	}
	few := map[string]any{
		"documents": 37, "issued": 37, "void": 0, "adopted": 0, "archived": 12, "missing": 0,
		"allocated_from": "2025-02-11T10:00:00Z", "allocated_until": "2025-11-20T10:00:00Z", "dated_from": "2025-02-11", "dated_until": "2025-11-20",
	}
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2025, month, day, hour, 14, 9, 0, time.UTC)
	}
	found := []gapless.Finding{
		summed("credit note/2025", notes, 1, 37, [2]string{"CN-2025-000001", "CN-2025-000037"}, few),
		summed("invoice/2025", invoices, 1, 48214, [2]string{"INV-2025-00001", "INV-2025-48214"}, year),
		summed("legacy", "", 1, 12, [2]string{}, map[string]any{"documents": nil, "issued": 12, "allocated_from": "2025-02-11T10:00:00Z", "allocated_until": "2025-02-12T10:00:00Z"}),
		summed("receipt/till-7", receipts, 4000, 5924, [2]string{}, tills),
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "hole", FirstValue: 1042, LastValue: 1042, FirstText: "INV-2025-01042", LastText: "INV-2025-01042",
			Explanation: "the journal has it, and no row", AllocatedBy: "app", AllocatedAt: at(time.February, 3, 9), Txid: 812345, Keys: []byte("[]"),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "hole", FirstValue: 2001, LastValue: 2002, FirstText: "INV-2025-02001", LastText: "INV-2025-02002",
			Explanation: "the journal has it, and no row", AllocatedBy: "app", AllocatedAs: "billing", AllocatedAt: at(time.March, 4, 11), Txid: 812999, Keys: []byte("[]"),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "double", FirstValue: 3100, LastValue: 3100, FirstText: "INV-2025-03100", LastText: "INV-2025-03100",
			Explanation: "2 rows have it", AllocatedBy: "app", AllocatedAt: at(time.April, 1, 8), Txid: 813222, Keys: []byte(`[{"id": 3377}, {"id": 90210}]`),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "changed after issue", FirstValue: 3500, LastValue: 3500, FirstText: "INV-2025-03500", LastText: "INV-2025-03500",
			Explanation: "dated 2025-04-30 00:00:00, and 2025-05-02 00:00:00 when it was issued", AllocatedBy: "app", AllocatedAt: at(time.May, 2, 8), Txid: 813500, Keys: []byte(`[{"id": 3811}]`),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "never issued", FirstValue: 99999, LastValue: 99999, FirstText: "INV-2025-99999", LastText: "INV-2025-99999",
			Explanation: "a row has it, and the journal does not", Keys: []byte(`[{"id": 90211}]`),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "void", FirstValue: 4711, LastValue: 4711, FirstText: "INV-2025-04711", LastText: "INV-2025-04711", Explained: true,
			Explanation: "void: issued to the wrong customer (see INV-2025-04712) (miller, 2025-06-30 12:00:01.25+00)", AllocatedBy: "app", AllocatedAt: at(time.June, 30, 10), Txid: 814711, Keys: []byte(`[{"id": 5001}]`),
		},
		{
			Sequence: "receipt/till-7", AttachedColumn: receipts, Kind: "hole", FirstValue: 4000, LastValue: 4710, Explained: true,
			Explanation: "adopted: given out by another system", Keys: []byte("[]"),
		},
		{
			Sequence: "receipt/till-7", AttachedColumn: receipts, Kind: "hole", FirstValue: 5001, LastValue: 5008, Explained: true,
			Explanation: "void: the roll was torn (smith, 2025-07-01 08:00:00+00)", AllocatedBy: "till", AllocatedAt: at(time.July, 1, 7), Txid: 900001, Keys: []byte("[]"),
		},
		{
			Sequence: "credit note/2025", AttachedColumn: notes, Kind: "archived", FirstValue: 1, LastValue: 12, FirstText: "CN-2025-000001", LastText: "CN-2025-000012", Explained: true,
			Explanation: "archived: kept on WORM tape 7 (12 numbers, miller, 2025-12-31 23:00:00+00)", AllocatedBy: "miller", AllocatedAt: at(time.December, 31, 23), Txid: 999001, Keys: []byte("[]"),
		},
		{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "closed", FirstValue: 48214, LastValue: 48214, Explained: true,
			Explanation: "closed: the year was audited (miller, 2026-01-02 08:00:00+00)", AllocatedBy: "miller", AllocatedAt: time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC), Txid: 999002, Keys: []byte("[]"),
		},
		{
			AttachedColumn: "public.drafts.number", Kind: kindNotRead, Unreadable: true, Keys: []byte("[]"),
			Explanation: "the column cannot be audited: it was renamed or dropped. Detach it by the name that it had, and attach it by the one that it has.",
		},
	}
	for i := range int64(24) {
		found = append(found, gapless.Finding{
			Sequence: "invoice/2025", AttachedColumn: invoices, Kind: "hole", FirstValue: 5000 + 10*i, LastValue: 5000 + 10*i,
			FirstText: fmt.Sprintf("INV-2025-%05d", 5000+10*i), LastText: fmt.Sprintf("INV-2025-%05d", 5000+10*i), Explained: true,
			Explanation: "void: printed twice (miller, 2025-08-01 12:00:01.25+00)", AllocatedBy: "app", AllocatedAt: at(time.August, 1+int(i), 10), Txid: 820000 + i, Keys: []byte("[]"),
		})
	}
	require.NoError(t, r.take(found))
	return r
}

// sound is the same audit without what is not explained.
func sound(t *testing.T, c *choice) *audit {
	t.Helper()
	r := canned(t, c)
	var kept []gapless.Finding
	for _, f := range r.findings {
		if f.Explained {
			kept = append(kept, f)
		}
	}
	r.findings = kept
	for i := range r.series {
		r.series[i].Missing = 0
	}
	return r
}

var company = pageFlags{title: "Audit of invoice numbers 2025", organisation: "Bolt Trading Ltd", period: "2025"}

func TestThePageSaysFirstWhatWasAuditedByWhomWhenAndWithWhatResult(t *testing.T) {
	t.Parallel()
	page := pageOf(t, canned(t, &choice{}), company, "en")
	for _, part := range []string{
		`<html lang="en" dir="ltr">`, "<title>Audit of invoice numbers 2025</title>", "<h1 class=\"any\">Audit of invoice numbers 2025</h1>", "<bdi>Bolt Trading Ltd</bdi>",
		"On 2026-01-15 at 09:30:12 UTC, miller (as role auditor) audited the document numbers of the database shop. 49,452 documents in 4 series were compared " +
			"with the journal of the numbers that were given out. The period of the audit is 2025. These numbers were given out from 2025-01-02 to 2026-01-14.",
		"✗ Result: not in order. 5 findings not explained, 29 findings explained.",
		`@top-left { content: "Audit of invoice numbers 2025 \0000b7  Bolt Trading Ltd"; `, `@top-right { content: "2026\00002d 01\00002d 15\00002c  09\00003a 30\00003a 12 UTC"; `,
		"No table is connected to 1 series.", "Not everything could be read: see the section “Not read”.",
		"Database serverPostgreSQL 18.1", "<dt>Selection</dt><dd>all series</dd>",
	} {
		require.Contains(t, page+said(page), part)
	}
	sections := []string{
		`id="facts"`, `id="series"`, `id="open"`, `id="not-read-open"`, `id="hole-open"`, `id="double-open"`, `id="never-issued-open"`, `id="changed-after-issue-open"`,
		`id="explained"`, `id="hole-explained"`, `id="void-explained"`, `id="archived-explained"`, `id="closed-explained"`, `id="method"`, `id="glossary"`, `id="digest"`, `id="sign"`,
	}
	at := 0
	for _, section := range sections {
		next := strings.Index(page[at:], section)
		require.Positive(t, next, section)
		at += next
	}

	page = pageOf(t, sound(t, &choice{}), company, "en-sound")
	require.Contains(t, said(page), "✓ Result: in order. Nothing is open: 29 findings, all explained below.")
	require.Contains(t, page, "<p>There are none.</p>")
	empty := &audit{database: "new", at: theDay, choice: &choice{}}
	page = pageOf(t, empty, pageFlags{}, "en-empty")
	require.Contains(t, said(page), "✓ Result: there is no series yet.")
	require.Contains(t, page, "<h1 class=\"any\">Audit of document numbers</h1>")
}

func TestThePageHasASeriesInARow(t *testing.T) {
	t.Parallel()
	page := pageOf(t, canned(t, &choice{}), company, "en-series")
	for _, part := range []string{
		`<bdi>invoice/2025</bdi><br/><span class="soft small"><bdi>public.invoices.number</bdi></span></th>` +
			`<td role="cell" data-label="First and last number"><span><bdi class="n">INV-2025-00001</bdi><br/><bdi class="n">INV-2025-48214</bdi></span></td>` +
			`<td role="cell" class="number" data-label="Documents">48,211</td><td role="cell" class="number" data-label="Issued">48,214</td>` +
			`<td role="cell" class="number" data-label="Void">2</td><td role="cell" class="number" data-label="Adopted">0</td>` +
			`<td role="cell" class="number" data-label="Archived">0</td><td role="cell" class="number bad" data-label="Missing">3</td>` +
			`<td role="cell" data-label="Period"><span><span class="n">2025-01-02</span> <span class="n">– 2025-12-31</span><br/><span class="soft">dated</span></span></td>`,
		`<bdi>legacy</bdi><br/><span class="soft small"><bdi>journal only</bdi></span></th>` +
			`<td role="cell" data-label="First and last number"><span><bdi class="n">1</bdi><br/><bdi class="n">12</bdi></span></td><td role="cell" class="number" data-label="Documents">–</td>`,
		`data-label="Adopted">4,711</td>`, `<span class="soft">given out</span>`,
		`<th scope="row" role="rowheader">All</th><td role="cell"></td><td role="cell" class="number" data-label="Documents">49,452</td>`,
	} {
		require.Contains(t, page+said(page), part)
	}
}

func TestThePageTellsFindingsInGroupsWithWhatTheyMean(t *testing.T) {
	t.Parallel()
	page := pageOf(t, canned(t, &choice{}), company, "en-findings")
	for _, part := range []string{
		"<h3 id=\"hole-open\">Missing numbers</h3>\n<p class=\"found soft\">2 findings with 3 numbers in 1 series</p>\n<p class=\"found text\">Found: these numbers were given out, and no document has them.</p>\n<p class=\"found text\">Meaning: ",
		`<bdi class="n">INV-2025-02001</bdi> – <bdi class="n">INV-2025-02002</bdi>`, "<bdi>by app (as role billing)</bdi>", "transaction 812999", "2025-03-04, 11:14:09 UTC",
		"id=3377; id=90210", "void: issued to the wrong customer (see INV-2025-04712) (miller, 2025-06-30, 12:00:01 UTC)",
		"<bdi>(no series)</bdi>", "<bdi class=\"n\">not readable</bdi>",
		// The 24 that were voided for one reason are one row.
		`<bdi class="n">INV-2025-05000</bdi>, <bdi class="n">INV-2025-05010</bdi>, `, "<span><span class=\"n\">2025-08-01</span></span> – <span class=\"n\">2025-08-24</span><br/><bdi>by app</bdi><br/><span class=\"soft\">several transactions</span>",
	} {
		require.Contains(t, page+said(page), part)
	}
	require.Equal(t, 1, strings.Count(page, "void: printed twice"))
}

func TestThePageIsAsGoodInGerman(t *testing.T) {
	t.Parallel()
	f := company
	f.language, f.title, f.period = "de", "", ""
	page := pageOf(t, canned(t, &choice{}), f, "de")
	for _, part := range []string{
		`<html lang="de" dir="ltr">`, "<title>Prüfung der Belegnummern</title>",
		"Am 15.01.2026 um 09:30:12 UTC hat miller (in der Rolle auditor) die Belegnummern der Datenbank shop geprüft. Mit dem Journal der vergebenen Nummern verglichen: 49.452 Belege in 4 Nummernkreisen.",
		"✗ Ergebnis: nicht in Ordnung. 5 Befunde ohne Begründung, 29 Befunde mit Begründung.",
		"Befund: Diese Nummern wurden vergeben, und kein Beleg trägt sie.", "das Journal hat sie, und keine Zeile", "2 Zeilen haben sie",
		"storniert: issued to the wrong customer (see INV-2025-04712) (miller, 30.06.2025, 12:00:01 UTC)", "archiviert: kept on WORM tape 7 (12 Nummern, miller, 31.12.2025, 23:00:00 UTC)",
		"Datum 2025-04-30 00:00:00, bei der Vergabe 2025-05-02 00:00:00",
	} {
		require.Contains(t, page+said(page), part)
	}
	// What is left of English is what the database's owner has written, and what the server says of a column.
	english := pageOf(t, canned(t, &choice{}), company, "en-for-de")
	require.NotEqual(t, english, page)
	for _, word := range []string{"Series", "Found", "Meaning", "number", "given out", "journal has", "Glossary", " the journal"} {
		require.NotContains(t, strings.ReplaceAll(page, "class=\"number", ""), ">"+word, word)
	}
	require.NotContains(t, page, "the journal has")
}

func TestThePageSaysWhatWasChosen(t *testing.T) {
	t.Parallel()
	day := func(month time.Month, day int) time.Time { return time.Date(2025, month, day, 0, 0, 0, 0, time.UTC) }
	c := &choice{like: "invoice/%", unexplained: true, sinceLast: true, from: day(time.March, 1), until: day(time.March, 31)}
	page := pageOf(t, canned(t, c), pageFlags{}, "en-choice")
	require.Contains(t, said(page), "The period of the audit is 2025-03-01 to 2025-03-31.")
	require.Contains(t, said(page), "the series with names like invoice/%; numbers given out from 2025-03-01 to 2025-03-31; only findings that are not explained; only findings that are new since the last recorded audit")
	require.Contains(t, said(page), "This page is a selection. Outside of it there are 32 findings, of which 3 not explained.")
	require.Contains(t, said(page), "INV-2025-02001")
	require.Contains(t, said(page), "INV-2025-99999", "nobody knows when it was, so it may be of the period")
	require.NotContains(t, page, "INV-2025-01042")
	require.NotContains(t, page, "<bdi>legacy</bdi>")
}

func TestWhatWasNotReadIsNeverSound(t *testing.T) {
	t.Parallel()
	again := gapless.Finding{AttachedColumn: "public.x.n", Kind: kindNotRead, Unreadable: true, Explained: true, Explanation: "detached or dropped meanwhile: audit it in a new transaction"}
	never := gapless.Finding{Sequence: "a", Kind: kindNotRead, Unreadable: true, Explanation: "the column cannot be read: gone"}
	void := gapless.Finding{Sequence: "a", Kind: "void", FirstValue: 1, LastValue: 1, Explained: true}
	hole := gapless.Finding{Sequence: "a", Kind: "hole", FirstValue: 1, LastValue: 1}
	for _, c := range []struct {
		findings         []gapless.Finding
		verdict          verdict
		summary, onePage string
	}{
		{nil, verdictSound, "no finding in 0 sequences", "✓ Result: there is no series yet."},
		{[]gapless.Finding{void}, verdictExplained, "every finding explained: 1 finding in 0 sequences", "✓ Result: in order. Nothing is open: 1 finding, all explained below."},
		{[]gapless.Finding{void, again}, verdictAgain, "incomplete: 1 finding in 0 sequences; 1 could not be read", "✗ Result: incomplete. Tables were changed while the audit ran. Please audit again."},
		{[]gapless.Finding{never, again}, verdictNotRead, "incomplete: 0 findings in 0 sequences; 2 could not be read", "✗ Result: incomplete. Not everything could be read"},
		{[]gapless.Finding{again, never}, verdictNotRead, "incomplete: 0 findings in 0 sequences; 2 could not be read", "✗ Result: incomplete. Not everything could be read"},
		{[]gapless.Finding{never, hole}, verdictUnexplained, "1 not explained of 1 finding in 0 sequences; 1 could not be read", "Not everything could be read: see the section"},
	} {
		// Not even a choice of what is not explained leaves it out.
		r := &audit{at: theDay, choice: &choice{}}
		require.NoError(t, r.take(c.findings))
		require.Equal(t, c.verdict, r.verdict(), c.summary)
		require.Equal(t, c.verdict == verdictSound || c.verdict == verdictExplained, r.verdict().sound(), c.summary)
		require.Equal(t, c.summary, r.summary())
		require.Contains(t, said(pageOf(t, r, pageFlags{}, "verdict-"+strings.ReplaceAll(string(c.verdict), " ", "-"))), c.onePage)
	}
	r := &audit{at: theDay, choice: &choice{unexplained: true}}
	require.NoError(t, r.take([]gapless.Finding{void, again}))
	require.Equal(t, verdictAgain, r.verdict())
	require.Equal(t, tally{Findings: 1}, r.leftOut)

	// Nor does one of what is new, where an audit has recorded it; and what is left out is not in order.
	never.RecordedAt, hole.RecordedAt = theDay, theDay
	r = &audit{at: theDay, choice: &choice{sinceLast: true}}
	require.NoError(t, r.take([]gapless.Finding{never, hole}))
	require.Equal(t, verdictNotRead, r.verdict())
	r = &audit{at: theDay, choice: &choice{sinceLast: true}}
	require.NoError(t, r.take([]gapless.Finding{hole}))
	require.Contains(t, said(pageOf(t, r, pageFlags{}, "verdict-selection")), "✗ Result: nothing is open in this selection. Outside of it there are open findings.")
}

func TestAPageOf50000FindingsIsSmall(t *testing.T) {
	t.Parallel()
	many := func(finding func(i int64) gapless.Finding) *audit {
		r := &audit{database: "large", at: theDay, choice: &choice{}}
		found := make([]gapless.Finding, 0, 50_000)
		for i := int64(1); i <= 50_000; i++ {
			found = append(found, finding(i))
		}
		require.NoError(t, r.take(found))
		return r
	}
	text := func(i int64) string { return fmt.Sprintf("INV-2025-%08d", i) }
	const column = "public.invoices.number"
	for name, r := range map[string]*audit{
		"of one series": many(func(i int64) gapless.Finding {
			return gapless.Finding{
				Sequence: "invoice/2025", AttachedColumn: column, Kind: "hole", FirstValue: 10 * i, LastValue: 10 * i, FirstText: text(10 * i), LastText: text(10 * i),
				Explanation: "the journal has it, and no row", AllocatedBy: "app", AllocatedAt: theDay.Add(time.Duration(i) * time.Second), Txid: i,
			}
		}),
		"of one series, with as many reasons": many(func(i int64) gapless.Finding {
			return gapless.Finding{
				Sequence: "invoice/2025", AttachedColumn: column, Kind: "void", FirstValue: 10 * i, LastValue: 10 * i, FirstText: text(10 * i), LastText: text(10 * i), Explained: true,
				Explanation: fmt.Sprintf("void: %s %d (miller, 2025-06-30 12:00:01+00)", strings.Repeat("a long reason ", 10), i), AllocatedBy: "app", AllocatedAt: theDay, Txid: i,
				Keys: []byte(fmt.Sprintf(`[{"id": %d}]`, i)),
			}
		}),
		"of as many series": many(func(i int64) gapless.Finding {
			name := fmt.Sprintf("%s/%d", strings.Repeat("tenant", 10), i)
			return gapless.Finding{
				Sequence: name, AttachedColumn: column, Kind: "hole", FirstValue: 1, LastValue: i, FirstText: text(1), LastText: text(i),
				Explanation: "the journal has it, and no row", AllocatedBy: "app", AllocatedAt: theDay, Txid: i,
			}
		}),
		"and as many series": many(func(i int64) gapless.Finding {
			return summed(fmt.Sprintf("%s/%d", strings.Repeat("tenant", 10), i), column, 1, i, [2]string{text(1), text(i)}, map[string]any{
				"documents": i, "issued": i, "missing": i % 2, "allocated_from": "2025-01-02T07:12:44.5+00:00", "allocated_until": "2025-12-31T16:58:03+00:00",
			})
		}),
	} {
		page := pageOf(t, r, company, "large "+name)
		require.Less(t, len(page), 5_000_000/4, name)
		if len(r.findings) > 0 {
			require.Contains(t, said(page), "50,000 findings", name)
		} else {
			require.Contains(t, said(page), "… and 49,000 series more, 24,000 of them with missing numbers")
		}
	}
}

func TestTextsOfOtherLanguages(t *testing.T) {
	t.Parallel()
	english, err := builtinTexts("en")
	require.NoError(t, err)
	german, err := builtinTexts("de")
	require.NoError(t, err)
	require.Empty(t, english.fault(german))
	require.Empty(t, german.fault(english))
	for key, text := range english {
		if words, ok := strings.CutPrefix(key, remarkKey); ok {
			require.Equal(t, placeholder.FindAllString(words, -1), placeholder.FindAllString(text, -1), key)
		} else if len(text) > 20 {
			require.NotEqual(t, text, german[key], "%s is not translated", key)
		}
	}

	write := func(change func(texts)) string {
		changed, err := builtinTexts("de")
		require.NoError(t, err)
		change(changed)
		content, err := json.Marshal(changed)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "texts.json")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	refused := func(path, why string) {
		t.Helper()
		_, err := readTexts(path)
		require.ErrorContains(t, err, why)
		require.Equal(t, exitUsage, explain(err).code)
	}
	refused(write(func(t texts) { delete(t, "title"); t["sign"] = "" }), "these texts are missing: sign; title")
	refused(write(func(t texts) { t["titel"] = "x" }), "there are no texts with these keys: titel")
	refused(write(func(t texts) { t["opening"] = "{when}" }), "these stand for nothing: {when} in opening")
	refused(write(func(t texts) { t["direction"] = "up" }), "direction must be ltr or rtl")
	refused(filepath.Join(t.TempDir(), "nosuch"), "no such file")
	path := filepath.Join(t.TempDir(), "list.json")
	require.NoError(t, os.WriteFile(path, []byte("[]"), 0o600))
	refused(path, "no JSON object of texts")

	path = write(func(t texts) { t["language"], t["title"], t["direction"] = "ar", "<b>&", "rtl" })
	page := pageOf(t, canned(t, &choice{}), pageFlags{file: path}, "other")
	require.Contains(t, page, `<html lang="ar" dir="rtl">`)
	require.Contains(t, page, "<title>&lt;b&gt;&amp;</title>")

	_, err = builtinTexts("../main")
	require.ErrorContains(t, err, `there are no texts in language "../main"`)
}

func TestEveryKindHasTexts(t *testing.T) {
	t.Parallel()
	english, err := builtinTexts("en")
	require.NoError(t, err)
	decided := "void archived start live range withdrawn closed opened"
	for _, kind := range append([]string{"other"}, kinds...) {
		for _, part := range []string{".title", ".found", ".means"} {
			if strings.Contains(decided, kind) {
				require.NotEmpty(t, english[kind+".explained"+part])
			} else {
				require.NotEmpty(t, english[kind+".open"+part])
			}
		}
	}
	r := &audit{at: theDay, choice: &choice{}, findings: []gapless.Finding{{Sequence: "a", Kind: "<new>", FirstValue: 1, LastValue: 1, Explanation: "because"}}}
	page := pageOf(t, r, pageFlags{}, "other-kind")
	require.Contains(t, page, "Other: &lt;new&gt;</h3>")
}
