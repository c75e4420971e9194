package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// suite is what [Main] prepared for [New] and [NewEmpty].
var suite struct {
	server   *Server
	template string

	examplesOnce sync.Once
	examples     *Database
	examplesErr  error
}

// Main is for TestMain. It starts one server for all tests of a package and says on stderr which, creates a
// template database, calls prepare with its URL (to install the schema; prepare can be nil), runs the tests, cleans up
// and exits the process with the tests' code. It cleans up after SIGINT and SIGTERM, too, and then exits with 130 or 143.
//
// All connections that prepare opens must be closed when it returns.
func Main(m interface{ Run() int }, prepare func(ctx context.Context, url string) error) {
	os.Exit(run(m, prepare))
}

func run(m interface{ Run() int }, prepare func(ctx context.Context, url string) error) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		sig := <-signals
		signal.Stop(signals) // the second one ends the process at once
		cancel()
		<-started
		closeSuite()
		os.Exit(128 + int(sig.(syscall.Signal)))
	}()

	err := startSuite(ctx, prepare)
	close(started)
	if ctx.Err() != nil {
		select {} // the goroutine above exits
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		closeSuite()
		return 1
	}
	code := m.Run()
	if !closeSuite() && code == 0 {
		code = 1
	}
	return code
}

func startSuite(ctx context.Context, prepare func(ctx context.Context, url string) error) error {
	server, err := Start(ctx)
	if err != nil {
		return err
	}
	suite.server = server
	fmt.Fprintln(os.Stderr, "pgtest:", server.Provider())
	template, err := server.CreateDatabase(ctx, "")
	if err != nil {
		return err
	}
	suite.template = template.Name
	if prepare != nil {
		err = prepare(ctx, template.URL)
	}
	if err == nil {
		err = pristine.learn(ctx, template.URL)
	}
	if err != nil {
		return fmt.Errorf("pgtest: prepare the template database: %w", err)
	}
	return nil
}

// closeSuite reports whether everything is gone; if not it says what.
func closeSuite() bool {
	if suite.server == nil {
		return true
	}
	if err := suite.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: clean up:", err)
		return false
	}
	return true
}

var errNoMain = errors.New("pgtest has no server for this package; call pgtest.Main from its TestMain")

// cleanup is a context for the end of a test, when tb.Context() is done already.
func cleanup(tb TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
}
