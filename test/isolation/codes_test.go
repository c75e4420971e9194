package isolation_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// showCodes is a port of this machine that leads to a server. The messages of errors, from there, begin with their
// SQLSTATE: "40001: could not serialize access …". The isolation tester prints nothing of an error but its message; and to
// catch it in the server would put each operation into a subtransaction, and leave the errors of COMMIT out.
func showCodes(t *testing.T, server *pgconn.Config) int {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close() // it fails if it is closed already
		running.Wait()       // the tester has ended, and so have its connections
	})
	network, address := pgconn.NetworkAddress(server.Host, server.Port)
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { forward(t, client, network, address) })
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// forward serves one connection, until both ends have closed it.
func forward(t *testing.T, client net.Conn, network, address string) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(t.Context(), network, address)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	var other sync.WaitGroup
	defer other.Wait()
	other.Go(func() {
		_, _ = io.Copy(server, client) // however it ends
		server.Close()
	})
	_ = withCodes(client, bufio.NewReader(server)) // likewise
	client.Close()
}

// withCodes forwards a server's messages.
func withCodes(client io.Writer, server *bufio.Reader) error {
	for {
		header, err := server.Peek(5) // the type, and the length without it
		if err != nil {
			return err
		}
		message := make([]byte, 1+binary.BigEndian.Uint32(header[1:]))
		if _, err := io.ReadFull(server, message); err != nil {
			return err
		}
		if message[0] == 'E' {
			var e pgproto3.ErrorResponse
			if err := e.Decode(message[5:]); err != nil {
				return err
			}
			e.Message = e.Code + ": " + e.Message
			if message, err = e.Encode(nil); err != nil {
				return err
			}
		}
		if _, err := client.Write(message); err != nil {
			return err
		}
	}
}
