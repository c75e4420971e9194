package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The test binary runs itself, with helperVariable saying how it shall end.
const helperVariable = "PGTEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "bare" { // a program, like the demo, that has no signal handler
		s, err := Start(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready", s.URL())
		select {}
	}
	Main(m, func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "CREATE TABLE prepared ()")
		return err
	})
}

// TestHelperProcess is not a test but what the other process runs.
func TestHelperProcess(t *testing.T) {
	how := os.Getenv(helperVariable)
	if how == "" {
		return
	}
	address := New(t).URL
	if strings.HasPrefix(how, "own") {
		s := NewServer(t)
		address = s.URL()
		if how == "own, killed" {
			s.Kill(t)
		}
	}
	fmt.Println("ready", address)
	switch how {
	case "panic", "own, panic":
		panic("as asked")
	case "exit":
		os.Exit(7)
	default:
		<-t.Context().Done() // until a signal or the timeout
	}
}
