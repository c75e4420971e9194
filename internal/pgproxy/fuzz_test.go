package pgproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMessages has any bytes come from either end: they are messages that together are what came, or an error, and never a panic.
func FuzzMessages(f *testing.F) {
	message := func(kind byte, body string) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
	}
	f.Add(true, true, message('Q', "SELECT 1\x00"))
	f.Add(true, true, bytes.Join([][]byte{message('P', "s\x00SELECT 2\x00\x00\x00"), message('B', "p\x00s\x00"), message('E', "p\x00\x00\x00\x00\x00"), message('C', "Ss\x00"), message('B', "\x00s\x00")}, nil))
	f.Add(true, true, bytes.Join([][]byte{message('C', ""), message('C', "S"), message('C', "P"), message('Q', ""), message('P', ""), message('B', ""), message('E', "")}, nil))
	f.Add(false, true, bytes.Join([][]byte{message('C', "INSERT 0 1\x00"), message('C', "COMMIT"), message('Z', "I")}, nil))
	f.Add(true, false, []byte{0, 0, 0, 8, 4, 210, 22, 47})
	f.Add(true, false, []byte{0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add(true, true, []byte{'Q', 0, 0, 0, 3})
	f.Add(true, true, []byte("\x00\x00\x00\x00\x10\x04\xd2\x16.00000000")) // without a type, as only the first message is
	f.Add(true, true, []byte{'Q', 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, fromClient, typed bool, data []byte) {
		s := &stream{conn: new(conn), fromServer: !fromClient, statements: newStatements(), in: bufio.NewReader(bytes.NewReader(data))}
		var read []byte
		for {
			header := 4
			if typed {
				header = 5
			}
			head, _ := s.in.Peek(header)
			if len(head) == header && binary.BigEndian.Uint32(head[header-4:]) > 1<<20 && binary.BigEndian.Uint32(head[header-4:]) <= maxMessage {
				return // a whole message of that size is nothing to make here
			}
			m, raw, err := s.next(typed)
			if err != nil {
				break
			}
			require.True(t, bytes.HasSuffix(raw, m.Body))
			read = append(read, raw...)
			if m.SQL() != "" {
				require.True(t, fromClient && typed)
				require.Contains(t, string(read), m.SQL(), "it came in this message, or in one before")
			}
			if m.Tag() != "" {
				require.True(t, bytes.HasPrefix(m.Body, []byte(m.Tag())))
			}
			require.False(t, m.IsCancelRequest() && typed)
			typed = true
		}
		require.True(t, bytes.HasPrefix(data, read))
	})
}
