package pooler_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
)

// Tests have a database of their own each (NewCopy): which sessions are in it is their subject.
func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }
