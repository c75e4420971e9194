package sound

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// ObserverName is the application_name of an [Observer].
const ObserverName = "observer"

// Observer looks whether numbers become visible in their order, while callers commit.
type Observer struct {
	url   atomic.Pointer[string]
	looks atomic.Int64
	torn  atomic.Pointer[string]
}

// Move has it look at that database from the next connection on; it makes one when the last one breaks.
func (o *Observer) Move(url string) { o.url.Store(&url) }

// Looks is in how many snapshots it has found nothing.
func (o *Observer) Looks() int64 { return o.looks.Load() }

// Torn is what it saw that must not be; "" if there was nothing.
func (o *Observer) Torn() string {
	if torn := o.torn.Load(); torn != nil {
		return *torn
	}
	return ""
}

// Watch looks at one snapshot after the other, until closing or ctx ends it, or something is wrong.
func (o *Observer) Watch(ctx context.Context, closing *atomic.Bool) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for !closing.Load() && ctx.Err() == nil {
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = connect(ctx, *o.url.Load()); err != nil {
				conn = nil
				time.Sleep(50 * time.Millisecond) // there is no server, and each attempt keeps it from starting
				continue
			}
		}
		began := time.Now()
		rows, _ := conn.Query(ctx, Prefix)
		torn, err := pgx.CollectRows(rows, pgx.RowTo[string])
		switch {
		case err == nil && len(torn) > 0:
			seen := strings.Join(torn, "\n")
			o.torn.CompareAndSwap(nil, &seen)
			return
		case err == nil:
			o.looks.Add(1)
		}
		time.Sleep(max(10*time.Millisecond, 4*time.Since(began))) // leaves the processors to the callers
	}
}

func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = ObserverName
	return pgx.ConnectConfig(ctx, config)
}
