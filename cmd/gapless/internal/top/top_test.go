package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }

const invoices = `
	CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint NOT NULL UNIQUE);
	SELECT gapless.attach_gapless('invoices', 'number', name => $$ 'invoice' $$);
	INSERT INTO invoices DEFAULT VALUES`

const insert = "INSERT INTO invoices DEFAULT VALUES RETURNING number"

// options are those of a run against a database.
func options(url string) Options {
	return Options{
		Connect:  func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, url) },
		Explain:  error.Error,
		Interval: 50 * time.Millisecond,
		Out:      io.Discard, Err: io.Discard,
		Environ: []string{"TERM=xterm-256color"},
	}
}

// terminal is one at which somebody works.
type terminal struct {
	t      *testing.T
	screen *vt.SafeEmulator
	keys   io.Writer
	done   chan error
}

// open runs it on a terminal of 120 columns and 30 lines.
func open(t *testing.T, o Options) *terminal {
	t.Helper()
	outside, inside, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(outside, &pty.Winsize{Cols: 120, Rows: 30}))
	o.In, o.Out = inside, inside
	s := &terminal{t: t, screen: vt.NewSafeEmulator(120, 30), keys: outside, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	shown, answered := make(chan struct{}), make(chan struct{})
	go func() { defer close(shown); _, _ = io.Copy(s.screen, outside) }()
	go func() { defer close(answered); _, _ = io.Copy(outside, s.screen) }() // what a terminal answers when it is asked what it can
	ended := make(chan struct{})
	go func() { defer close(ended); s.done <- Run(ctx, o); _ = inside.Close() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		<-shown
		_ = s.screen.InputPipe().(io.Closer).Close() // Close of the emulator itself is no other goroutine's to call
		<-answered
		_ = outside.Close()
	})
	return s
}

// text is the screen, and then the same in one line, since what is said may be on two.
func (s *terminal) text() string {
	text := ansi.Strip(s.screen.Render())
	return text + "\n" + strings.Join(strings.Fields(text), " ")
}

func (s *terminal) press(keys string) {
	s.t.Helper()
	_, err := io.WriteString(s.keys, keys)
	require.NoError(s.t, err)
}

// awaits blocks until the screen matches.
func (s *terminal) awaits(pattern string, args ...any) {
	s.t.Helper()
	match := regexp.MustCompile(fmt.Sprintf(pattern, args...))
	for end := time.Now().Add(sqltest.Eventually); !match.MatchString(s.text()); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-s.done:
			require.FailNow(s.t, "it has ended", "%v\n%s", err, s.text())
		default:
		}
		if time.Now().After(end) {
			require.FailNow(s.t, "not shown", "%s\n%s", match, s.text())
		}
	}
}

// lacks blocks until the screen has no such text.
func (s *terminal) lacks(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return !strings.Contains(s.text(), text) }, sqltest.Eventually, 5*time.Millisecond)
}

// leaves quits.
func (s *terminal) leaves() {
	s.t.Helper()
	s.press("q")
	require.NoError(s.t, <-s.done)
}

func named(application string) func(*pgx.ConnConfig) {
	return func(c *pgx.ConnConfig) { c.RuntimeParams["application_name"] = application }
}

// queue has so many wait for the series, one behind the other, each for a number.
func queue(t *testing.T, d *pgtest.Database, observer sqltest.Session, count int) (pids []uint32, numbers []<-chan sqltest.Result[int64]) {
	t.Helper()
	for i := range count {
		s := sqltest.Connect(t, d, named(fmt.Sprintf("shop-%d", i+1)))
		numbers = append(numbers, s.LaterNumber(insert))
		sqltest.AwaitWaiter(t, observer, s.PID())
		pids = append(pids, s.PID())
	}
	return pids, numbers
}

func TestWhoHoldsASeriesIsTerminatedAfterAsking(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	holder := sqltest.Connect(t, d, named("billing"))
	holder.Do("BEGIN")
	require.EqualValues(t, 2, holder.Number(insert))
	waiters, numbers := queue(t, d, s, 3)

	top := open(t, options(d.URL))
	top.awaits(`> invoice +1 +\S+ +3 +\S+ %d +\S+ idle in transaction +billing`, holder.PID())
	top.press("\r")
	top.awaits(`(?s)> holds +%[1]d +- +billing.*idle in transaction.* 1 +%[2]d +%[1]d +shop-1.* 2 +%[3]d +%[2]d +shop-2.* 3 +%[4]d +%[3]d +shop-3`,
		holder.PID(), waiters[0], waiters[1], waiters[2])
	top.awaits("(?m)^%d: %s", holder.PID(), regexp.QuoteMeta(insert))

	top.press("x")
	top.awaits(`terminate pid %d of app billing, user \S+, holding invoice for \S+ y/N`, holder.PID())
	top.press("n")
	top.awaits("not terminated")
	require.EqualValues(t, 2, holder.Number("SELECT max(number) FROM invoices"), "it is alive")

	top.press("x")
	top.awaits(`terminate pid %d`, holder.PID())
	top.press("y")
	top.awaits("pid %d is terminated: its numbers go to the next", holder.PID())
	for i, number := range numbers {
		got := <-number
		require.NoError(t, got.Err)
		require.EqualValues(t, 2+i, got.Value)
	}
	require.Zero(t, s.Number("SELECT count(*) FROM gapless.audit_gapless()"))
	top.awaits("nobody holds it or waits for it")
	top.press("\x1b")
	top.awaits(`> invoice +4 `)
	top.leaves()
}

func TestAHolderThatWaitsItselfIsShownBehindItsBlocker(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	s.Do("CREATE TABLE customers (id bigint)")
	blocker, holder := sqltest.Connect(t, d, named("migration")), sqltest.Connect(t, d, named("billing"))
	blocker.Do("BEGIN")
	blocker.Do("LOCK TABLE customers")
	holder.Do("BEGIN")
	holder.Number(insert)
	held := holder.LaterNumber("SELECT count(*) FROM customers")
	sqltest.AwaitWaiter(t, s, holder.PID())
	_, numbers := queue(t, d, s, 1)

	top := open(t, options(d.URL))
	top.awaits(`> invoice .* %d +\S+ waits for %d +billing`, holder.PID(), blocker.PID())
	top.press("\r")
	top.awaits(`(?s)> blocks +%[1]d +- +migration.* holds +%[2]d +%[1]d +billing .* 1 +\d+ +%[2]d +shop-1 `, blocker.PID(), holder.PID())
	top.press("xy")
	top.awaits("pid %d is terminated", blocker.PID())
	require.NoError(t, (<-held).Err)
	holder.Do("ROLLBACK")
	require.EqualValues(t, 2, (<-numbers[0]).Value)
	top.leaves()
}

func TestNobodyIsTerminatedWhoseTransactionHasEndedSinceTheQuestion(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	s.Do("BEGIN")
	s.Number(insert)
	top := open(t, options(d.URL))
	top.awaits(`> invoice .* %d `, s.PID())
	top.press("x")
	top.awaits(`terminate pid %d`, s.PID())
	s.Do("COMMIT")
	s.Do("BEGIN")
	require.EqualValues(t, 3, s.Number(insert))
	top.press("y")
	top.awaits("nobody was terminated: pid %d has ended that transaction meanwhile", s.PID())
	s.Do("COMMIT")
	top.leaves()
}

func TestWithReadOnlyNobodyIsTerminated(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	s.Do("BEGIN")
	s.Number(insert)
	o := options(d.URL)
	o.ReadOnly = true
	top := open(t, o)
	top.awaits(`> invoice .* %d `, s.PID())
	top.press("x")
	top.awaits("nobody is terminated with --read-only")
	top.press("y")
	s.Do("COMMIT")
	top.leaves()
}

func TestAPreparedTransactionIsToBeDecided(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	s.Do("BEGIN")
	s.Number(insert)
	s.Do("PREPARE TRANSACTION '" + d.Name + "'")
	_, numbers := queue(t, d, s, 1)
	top := open(t, options(d.URL))
	top.awaits(`> invoice .* %.15s\S* +\S+ prepared`, d.Name)
	top.press("\r")
	top.awaits(`(?s)> holds +\S+ +- .* prepared.* 1 +\d+ +\S+ shop-1 `)
	top.press("x")
	top.awaits(`A prepared transaction is decided, not terminated(?s:.*)ROLLBACK PREPARED\s+'%s'`, d.Name)
	s.Do("ROLLBACK PREPARED '" + d.Name + "'")
	require.EqualValues(t, 2, (<-numbers[0]).Value)
	top.awaits("nobody holds it or waits for it")
	top.leaves()
}

func TestTheDoctorsFindingsAreCounted(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	s.Do("ALTER TABLE invoices DISABLE TRIGGER USER")
	critical := s.Number("SELECT count(*) FROM gapless.doctor WHERE severity = 'critical'")
	require.Positive(t, critical)
	top := open(t, options(d.URL))
	top.awaits(`doctor \d+s ago: %d critical`, critical)
	top.leaves()

	role, _ := sqltest.Role(t, d, "top")
	aside := &session{connect: as(t, d, role)}
	defer aside.close()
	found, err := aside.doctor(t.Context())
	require.Error(t, err) // it may not use the schema
	require.Nil(t, found)
}

// as connects as another role.
func as(t *testing.T, d *pgtest.Database, role string) func(context.Context) (*pgx.Conn, error) {
	t.Helper()
	return func(ctx context.Context) (*pgx.Conn, error) {
		config, err := pgx.ParseConfig(d.URL)
		if err != nil {
			return nil, err
		}
		config.User = role
		return pgx.ConnectConfig(ctx, config)
	}
}

func TestARoleThatMayNotIsToldWhatItTakes(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do(invoices)
	role, quoted := sqltest.Role(t, d, "top")
	s.Do("SELECT gapless.grant_gapless($1::name)", role)
	s.Do("BEGIN")
	s.Number(insert)

	o := options(d.URL)
	o.Connect = as(t, d, role)
	top := open(t, o)
	top.awaits("sessions of other roles are hidden: that takes pg_read_all_stats")
	top.awaits(`> invoice .* %d +- hidden`, s.PID())
	top.press("x")
	top.awaits("pid %d cannot be told from a later session .* pg_read_all_stats", s.PID())

	sqltest.Connect(t, d).Do("GRANT pg_read_all_stats TO " + quoted)
	top.awaits(`> invoice .* %d +\S+ idle in transaction`, s.PID())
	top.lacks("hidden")
	top.press("x")
	top.awaits("terminate pid %d", s.PID())
	top.press("y")
	top.awaits("pid %d was not terminated: .*pg_signal_backend", s.PID())
	s.Do("COMMIT")
	top.leaves()
}

func TestARestartOfTheServerIsSurvived(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	d := server.NewDatabase(t)
	sqltest.ConnectTo(t, d.URL).Do(invoices)
	top := open(t, options(d.URL))
	top.awaits("> invoice +1 ")
	server.StopImmediate(t)
	top.awaits("no connection: .*trying again in")
	require.Contains(t, top.text(), "> invoice ", "what was seen last")
	server.Start(t)
	sqltest.ConnectTo(t, d.URL).Do(insert)
	top.awaits("> invoice +2 ")
	top.lacks("no connection")
	top.leaves()
}

func TestAStandbySaysSo(t *testing.T) {
	t.Parallel()
	primary := pgtest.NewServer(t)
	if !primary.CanHaveStandby() {
		t.Skip("a standby needs a server that was started from programs, with pg_basebackup next to them")
	}
	d := primary.NewDatabase(t)
	s := sqltest.ConnectTo(t, d.URL)
	s.Do(invoices)
	standby := pgtest.NewStandby(t, primary)
	onPrimary := open(t, options(d.URL))
	onPrimary.awaits(`standby standby_\w+: async`)
	onPrimary.leaves()

	top := open(t, options(standby.Replica(t, d).URL))
	top.awaits("standby, .* behind")
	top.awaits("a standby: holders and waiters are seen on the primary alone")
	s.Do(insert)
	top.awaits("> invoice +2 ")
	top.leaves()
}

// TestLinesForPrograms reads the lines of two intervals.
func TestLinesForPrograms(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d, named("the billing"))
	s.Do(invoices)
	s.Do("SELECT gapless.next_gapless('idle')")
	s.Do("BEGIN")
	s.Number(insert)
	_, numbers := queue(t, d, sqltest.Connect(t, d), 2)

	var out strings.Builder
	o := options(d.URL)
	o.Out, o.Count = &out, 2
	require.NoError(t, Watch(t.Context(), o))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 5, out.String())
	require.Regexp(t, `^TIME +RATE/S +LAST +WAIT +LONGEST +AGE HOLDER +NAME +APPLICATION +USER +STATE$`, lines[0])
	for i := 1; i < 5; i += 2 {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ # commits \S+/s  rollbacks \S+/s  WAL flushes `, lines[i])
		require.Regexp(t, fmt.Sprintf(`^\S+Z +0 +1 +2 +\S+s +\S+s %d +invoice +the billing +\S+ +idle in transaction$`, s.PID()), lines[i+1])
		require.Equal(t, strings.Index(lines[0], "NAME"), strings.Index(lines[i+1], "invoice"))
	}

	out.Reset()
	o.JSON = true
	require.NoError(t, Watch(t.Context(), o))
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	for range 2 {
		var line jsonSample
		require.NoError(t, decoder.Decode(&line))
		require.Len(t, line.Series, 1)
		one := line.Series[0]
		require.Equal(t, "invoice", one.Name)
		require.EqualValues(t, 1, *one.Last)
		require.Zero(t, *one.Rate)
		require.Equal(t, 2, one.Waiters)
		require.Positive(t, *one.Longest)
		require.EqualValues(t, s.PID(), one.Holders[0].PID)
		require.Equal(t, "idle in transaction", one.Holders[0].State)
		require.Equal(t, d.Name, line.Server.Database)
		require.Positive(t, line.Server.Most)
	}
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	s.Do("COMMIT")
	for _, number := range numbers {
		require.NoError(t, (<-number).Err)
	}
}

// TestOfManySeriesOnlyThoseThatMoveAreReadAgain is what keeps it cheap.
func TestOfManySeriesOnlyThoseThatMoveAreReadAgain(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	s := sqltest.Connect(t, d)
	s.Do("SELECT gapless.next_gapless('series/' || i) FROM generate_series(1, 300) AS i")
	r := newReader(options(d.URL).Connect)
	defer r.close()
	read := func() sample {
		t.Helper()
		found, err := r.read(t.Context(), []string{"series/1"}, "")
		require.NoError(t, err)
		require.Len(t, found.Series, 300)
		return found
	}
	read()
	require.Equal(t, 300, r.rows)
	r.all = time.Now().Add(time.Hour) // until when all are not read again
	s.Do("DO $$ BEGIN FOR i IN 1..1001 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
	read()

	const few = 20 // others use the server, too
	read()
	require.Less(t, r.rows, few)
	s.Do("SELECT gapless.next_gapless_batch('series/200', 5)")
	found := read()
	require.Less(t, r.rows, few)
	require.EqualValues(t, 6, *found.Series["series/200"].Last)
	require.Positive(t, *found.Series["series/200"].Rate)
	require.Zero(t, *read().Series["series/200"].Rate)

	// A transaction that has been under way for long, and so is below what the journal is read from.
	s.Do("BEGIN")
	s.Do("SELECT gapless.next_gapless('series/250')")
	require.Len(t, read().Series["series/250"].Holders, 1)
	s.Do("COMMIT")
	require.EqualValues(t, 2, *read().Series["series/250"].Last)

	// Without a right to the journal, all are read in a while.
	role, _ := sqltest.Role(t, d, "app")
	s.Do("SELECT gapless.grant_gapless($1::name)", role)
	r = newReader(as(t, d, role))
	defer r.close()
	read()
	require.False(t, r.journal)
	r.all = time.Now().Add(time.Hour)
	s.Do("SELECT gapless.next_gapless('series/100')")
	require.EqualValues(t, 1, *read().Series["series/100"].Last)
	r.all = time.Now()
	require.EqualValues(t, 2, *read().Series["series/100"].Last)
}
