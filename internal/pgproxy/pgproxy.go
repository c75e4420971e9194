// Package pgproxy is a proxy between a PostgreSQL client and its server, for tests of what happens when the connection
// fails. It knows where the messages of the wire protocol begin and end, so that a test can say at which of them, and
// on which side of it, the connection breaks:
//
//	proxy := pgproxy.New(t, database.URL)
//	proxy.Intercept(func(m pgproxy.Message) pgproxy.Verdict {
//		if m.Tag() == "COMMIT" {
//			return pgproxy.Cut // the server has committed, and the client never hears of it
//		}
//		return pgproxy.Forward
//	})
//	conn, err := pgx.Connect(ctx, proxy.URL())
//
// There is no TLS on either side: the proxy answers a client that asks for it with no.
package pgproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy is a proxy that [New] started. Its methods can be called from several goroutines.
type Proxy struct {
	tb       testing.TB
	url      string
	listener net.Listener

	target    atomic.Pointer[target]
	intercept atomic.Pointer[func(Message) Verdict]
	refuse    atomic.Bool

	running sync.WaitGroup // what serves connections
	mu      sync.Mutex
	conns   map[*conn]bool
}

// target is where connections go to.
type target struct{ network, address string }

// New starts a proxy on a TCP port of this machine, in front of the server of a connection string, which can be on a
// unix socket. When the test ends, it cuts what is open, and waits until nothing of the proxy is left.
func New(tb testing.TB, serverURL string) *Proxy {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("pgproxy: %v", err)
	}
	p := &Proxy{tb: tb, listener: listener, conns: map[*conn]bool{}}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		p.accept()
	}()
	tb.Cleanup(func() {
		_ = listener.Close() // it fails if it is closed already
		<-accepting
		p.CutAll()
		p.running.Wait()
	})
	if p.url, err = through(serverURL, listener.Addr().(*net.TCPAddr)); err != nil {
		tb.Fatalf("pgproxy: %v", err)
	}
	p.Redirect(serverURL)
	return p
}

// URL is the connection string that New was given, but leads through the proxy.
func (p *Proxy) URL() string { return p.url }

// Intercept has f decide about every message from now on, the next ones of open connections included; nil forwards
// everything.
//
// In each direction of a connection, f gets the messages in their order, one after the other; apart from that it is
// called concurrently. While it blocks, nothing more goes in that direction, so it can delay a message; it must return
// when the test's context ends. It is not called for requests for encryption, nor any more in a connection that is cut.
func (p *Proxy) Intercept(f func(m Message) Verdict) {
	if f == nil {
		p.intercept.Store(nil)
		return
	}
	p.intercept.Store(&f)
}

// CutAll cuts every connection, as [Cut] does, those included that [Hold] and [CutClient] have left open.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.cut()
	}
}

// Refuse turns new connections away while it is true: the client sees them reset before the server has answered. Those
// that are open stay.
func (p *Proxy) Refuse(refuse bool) { p.refuse.Store(refuse) }

// Redirect leads new connections to another server, as after a fail-over. Only its address counts: the names of the
// database and the role are the client's. Requests to cancel are connections, too: they go to the new server even if
// what they are to cancel runs on the old one.
func (p *Proxy) Redirect(serverURL string) {
	p.tb.Helper()
	t, err := parse(serverURL)
	if err != nil {
		p.tb.Fatalf("pgproxy: %v", err)
	}
	p.target.Store(t)
}

func (p *Proxy) judge(m Message) Verdict {
	if f := p.intercept.Load(); f != nil {
		return (*f)(m)
	}
	return Forward
}

func (p *Proxy) accept() {
	for n := 1; ; n++ {
		client, err := p.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.tb.Errorf("pgproxy: accept: %v", err)
			}
			return
		}
		if p.refuse.Load() {
			reset(client)
			n--
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		c := &conn{proxy: p, number: n, client: client, done: ctx.Done(), cancel: cancel}
		p.mu.Lock()
		p.conns[c] = true
		p.mu.Unlock()
		t := p.target.Load()
		p.running.Go(func() {
			defer func() {
				c.close()
				p.mu.Lock()
				delete(p.conns, c)
				p.mu.Unlock()
			}()
			c.serve(ctx, *t)
		})
	}
}

// parse finds the address in a connection string.
func parse(serverURL string) (*target, error) {
	config, err := pgconn.ParseConfig(serverURL)
	if err != nil {
		return nil, err
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	plain := config.TLSConfig == nil
	for _, f := range config.Fallbacks {
		other, same := pgconn.NetworkAddress(f.Host, f.Port)
		plain = plain || f.TLSConfig == nil && other == network && same == address
	}
	if !plain {
		return nil, fmt.Errorf("the server at %s is to be reached with TLS, which the proxy does not speak", address)
	}
	return &target{network, address}, nil
}

// through is a connection string with another address. Both of libpq's forms are understood.
func through(serverURL string, proxy *net.TCPAddr) (string, error) {
	if !strings.HasPrefix(serverURL, "postgres://") && !strings.HasPrefix(serverURL, "postgresql://") {
		// the last one counts
		return fmt.Sprintf("%s host=%s port=%d sslmode=disable", serverURL, proxy.IP, proxy.Port), nil
	}
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // err would show the password
	}
	query := u.Query()
	for _, key := range []string{"host", "hostaddr", "port", "sslnegotiation"} {
		query.Del(key)
	}
	query.Set("sslmode", "disable")
	u.Host, u.RawQuery = proxy.String(), query.Encode()
	return u.String(), nil
}
