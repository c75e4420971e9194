package stdlib

import "github.com/pggapless/gapless/db"

// Statements is what package gapless is given for conn.
func Statements(conn DBTX) db.DBTX { return on(conn) }
