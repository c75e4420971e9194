package pgproxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Message is a message of PostgreSQL's wire protocol.
type Message struct {
	Conn       int    // the connection that it belongs to, from 1, in the order in which the proxy accepted them
	FromServer bool   // or else from the client
	Type       byte   // 0 for what begins a connection: a startup message, or a request to cancel
	Body       []byte // what comes after type and length; not to be changed

	sql string
}

// SQL is the statement that a client's message sends (Query and Parse), binds or executes (Bind and Execute, of what
// was parsed on the same connection); "" for every other message.
func (m Message) SQL() string { return m.sql }

// Tag is the command tag of a server's CommandComplete, like COMMIT or INSERT 0 1; "" for every other message.
//
// COMMIT says that the server has committed. An INSERT outside of a transaction block has not been committed for
// certain before ReadyForQuery.
func (m Message) Tag() string {
	if !m.FromServer || m.Type != 'C' {
		return ""
	}
	tag, _ := text(m.Body)
	return tag
}

// IsCancelRequest reports whether the message asks the server to cancel what another connection runs.
//
// pgx sends one, on a new connection, whenever it loses a connection: in a test where the backend is to go on as if the
// client's machine had gone, [Cut] is the verdict on those.
func (m Message) IsCancelRequest() bool {
	return !m.FromServer && m.Type == 0 && code(m.Body) == cancelRequest
}

// Verdict says what becomes of a message, and of the connection.
type Verdict int

const (
	// Forward sends the message on.
	Forward Verdict = iota
	// Cut breaks the connection off, on both sides at once. Neither end gets this message, nor anything after it. What
	// was forwarded before has been sent, but an end that is slow to read may lose the last of it.
	Cut
	// CutAfter sends the message on, and breaks the connection off then. The receiver gets the message whole and
	// everything before it, and then the connection's end; the sender, which gets nothing any more, may see the end first.
	CutAfter
	// Hold forwards neither this message nor any after it in its direction, while both ends believe that the connection
	// is alive, even if the sender closes it. It lasts until the connection is cut, or the test ends. The other
	// direction goes on.
	Hold
	// CutClient breaks the client's side off, without forwarding the message. The server's side stays open and silent
	// until [Proxy.CutAll] or the test's end: the backend does not notice that its client has gone. What it still
	// sends is read and thrown away.
	CutClient
	// CutClientAfter sends the message on, to either end, and does then what CutClient does.
	CutClientAfter
	// TimeOutAfter sends a server's message on, and then the error of a statement_timeout that ran out when nothing was left to be
	// cancelled: PostgreSQL reports it when it next looks. After a ReadyForQuery it sends another one of those as well.
	TimeOutAfter
)

// String is the verdict's name.
func (v Verdict) String() string {
	names := [...]string{"Forward", "Cut", "CutAfter", "Hold", "CutClient", "CutClientAfter", "TimeOutAfter"}
	if v < 0 || int(v) >= len(names) {
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
	return names[v]
}

// What a client can begin a connection with, instead of the version of the protocol.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
)

// code is the code or version in a message that begins a connection.
func code(body []byte) uint32 {
	if len(body) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(body)
}

// text is a string that ends with a zero byte, and what comes after it.
func text(b []byte) (string, []byte) {
	before, after, _ := bytes.Cut(b, []byte{0})
	return string(before), after
}

// statements follows which statement is behind a client's message.
type statements struct {
	prepared, portals map[string]string // by name
}

func newStatements() statements { return statements{map[string]string{}, map[string]string{}} }

func (s statements) sql(kind byte, body []byte) (sql string) {
	switch kind {
	case 'Q':
		sql, _ = text(body)
	case 'P':
		name, rest := text(body)
		sql, _ = text(rest)
		s.prepared[name] = sql
	case 'B':
		portal, rest := text(body)
		name, _ := text(rest)
		sql = s.prepared[name]
		s.portals[portal] = sql
	case 'E':
		portal, _ := text(body)
		sql = s.portals[portal]
	case 'C':
		if name, _ := text(body[min(1, len(body)):]); len(body) > 0 && body[0] == 'S' {
			delete(s.prepared, name)
		} else {
			delete(s.portals, name)
		}
	}
	return sql
}
