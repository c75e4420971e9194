package pgproxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bufferSize = 32 << 10
	maxStartup = 10_000      // as in the server
	maxMessage = 1<<30 - 1   // as in the server
	patience   = time.Second // for an end that does not read what was forwarded before a cut
)

var errMalformed = errors.New("no message of the protocol")

// conn is a client's connection, and the one to the server that belongs to it.
type conn struct {
	proxy  *Proxy
	number int
	client net.Conn
	done   <-chan struct{} // closed with the connection
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	server net.Conn // nil until there is one

	severed atomic.Bool // by a verdict: what is still read is thrown away
}

// serve forwards in both directions, until both have ended.
func (c *conn) serve(ctx context.Context, t target) {
	server, err := new(net.Dialer).DialContext(ctx, t.network, t.address)
	if err != nil || !c.attach(server) {
		c.cut()
		return
	}
	toServer := &stream{conn: c, src: c.client, dst: server, statements: newStatements()}
	toClient := &stream{conn: c, src: server, dst: c.client, fromServer: true}
	var other sync.WaitGroup
	defer other.Wait()
	other.Go(toServer.run)
	toClient.run()
}

// attach reports whether the connection is still open.
func (c *conn) attach(server net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		server.Close()
		return false
	}
	c.server = server
	return true
}

// cut closes both sides at once. Where that can be, the ends see a reset.
func (c *conn) cut() { c.end(reset) }

// close closes both sides in the orderly way.
func (c *conn) close() { c.end(func(nc net.Conn) { nc.Close() }) }

func (c *conn) end(how func(net.Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.cancel()
	how(c.client)
	if c.server != nil {
		how(c.server)
	}
}

func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it fails if the connection is gone already
	}
	nc.Close()
}

// finish tells an end that nothing more comes. It gets what was sent before, which closing could take from it.
func finish(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it fails if the connection is gone already
	}
}

// stream is one direction of a connection.
type stream struct {
	*conn
	src, dst   net.Conn
	fromServer bool
	statements statements // of the client's direction

	in  *bufio.Reader
	out []byte // what is forwarded and not sent yet
}

func (s *stream) run() {
	s.in = bufio.NewReaderSize(s.src, bufferSize)
	begun := s.fromServer // the client's first message has no type
	for {
		m, raw, err := s.next(begun)
		if err != nil {
			s.lost(err)
			return
		}
		if !begun && (code(m.Body) == sslRequest || code(m.Body) == gssRequest) {
			if _, err := s.src.Write([]byte{'N'}); err != nil {
				s.lost(err)
				return
			}
			continue
		}
		begun = true
		if s.severed.Load() {
			s.discard()
			return
		}
		if verdict := s.proxy.judge(m); !s.obey(verdict, raw) {
			return
		}
	}
}

// next reads a message. It sends what is to be sent before it may have to wait: a burst goes out as one.
func (s *stream) next(typed bool) (m Message, raw []byte, err error) {
	m = Message{Conn: s.number, FromServer: s.fromServer}
	header, least, most := 4, 8, maxStartup
	if typed {
		header, least, most = 5, 4, maxMessage
	}
	if err := s.await(header); err != nil {
		return m, nil, err
	}
	head, err := s.in.Peek(header)
	if err != nil {
		return m, nil, err
	}
	length := int(binary.BigEndian.Uint32(head[header-4:]))
	if length < least || length > most || typed && head[0] == 0 {
		return m, nil, fmt.Errorf("%w begins with %q", errMalformed, head)
	}
	raw = make([]byte, header-4+length)
	if err := s.await(len(raw)); err != nil {
		return m, nil, err
	}
	if _, err := io.ReadFull(s.in, raw); err != nil {
		return m, nil, err
	}
	m.Body = raw[header:]
	if typed {
		m.Type = raw[0]
	}
	if typed && !s.fromServer {
		m.sql = s.statements.sql(m.Type, m.Body)
	}
	return m, raw, nil
}

// await sends what is to be sent unless so many bytes are there already.
func (s *stream) await(size int) error {
	if s.in.Buffered() >= size && len(s.out) < bufferSize {
		return nil
	}
	return s.send()
}

func (s *stream) send() error {
	if len(s.out) == 0 || s.severed.Load() {
		return nil
	}
	return s.flush()
}

func (s *stream) flush() error {
	_, err := s.dst.Write(s.out)
	s.out = s.out[:0]
	return err
}

// obey reports whether the stream goes on.
func (s *stream) obey(verdict Verdict, raw []byte) bool {
	switch verdict {
	case Forward, Hold, TimeOutAfter:
		if s.severed.Load() {
			s.discard()
			return false
		}
	default: // it cuts, unless the other direction was first
		if !s.severed.CompareAndSwap(false, true) {
			s.discard()
			return false
		}
	}

	switch verdict {
	case Forward:
		s.out = append(s.out, raw...)
		return true
	case TimeOutAfter:
		s.out = append(s.out, raw...)
		s.out = append(s.out, timedOut...)
		if raw[0] == 'Z' {
			s.out = append(s.out, raw...)
		}
		return true
	case Hold:
		if err := s.send(); err != nil {
			s.lost(err)
			return false
		}
		<-s.done
	case Cut:
		s.flushSoon()
		s.cut()
	case CutAfter:
		s.out = append(s.out, raw...)
		reset(s.src) // now, so that neither direction waits for the sender
		if err := s.flush(); err != nil {
			s.cut()
			return false
		}
		finish(s.dst) // the other direction reads it to its end
	case CutClient:
		s.flushSoon()
		reset(s.client)
		s.discard()
	case CutClientAfter:
		s.out = append(s.out, raw...)
		s.flushWithoutClient()
		s.discard()
	default:
		s.proxy.tb.Errorf("pgproxy: there is no %v", verdict)
		s.cut()
	}
	return false
}

// timedOut is an ErrorResponse.
var timedOut = func() []byte {
	body := "SERROR\x00VERROR\x00C57014\x00Mcanceling statement due to statement timeout\x00\x00"
	return append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(4+len(body))), body...)
}()

// flushSoon sends what was forwarded before a cut, which does not wait for long.
func (s *stream) flushSoon() {
	if len(s.out) > 0 && s.dst.SetWriteDeadline(time.Now().Add(patience)) == nil {
		_ = s.flush() // what cannot be sent now is cut off
	}
}

// flushWithoutClient sends the last that is forwarded, and ends the client's side.
func (s *stream) flushWithoutClient() {
	if !s.fromServer {
		reset(s.client)
		if err := s.flush(); err != nil {
			s.cut() // the server has gone
		}
		return
	}
	if err := s.flush(); err != nil {
		reset(s.client)
		return
	}
	finish(s.client) // the other direction reads it to its end
}

// discard reads to the end and throws it away, so that the sender is not kept waiting.
func (s *stream) discard() {
	_, _ = io.Copy(io.Discard, s.src) // however it ends
}

// lost passes on that one of the ends has gone.
func (s *stream) lost(err error) {
	switch {
	case s.severed.Load():
		s.discard()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		finish(s.dst)
	default:
		if errors.Is(err, errMalformed) {
			s.proxy.tb.Errorf("pgproxy: connection %d, from the server: %t: %v", s.number, s.fromServer, err)
		}
		s.cut()
	}
}
