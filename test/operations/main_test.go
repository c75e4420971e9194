package operations_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
)

// Tests have a database of their own each (NewCopy): what they do to its settings, sessions and statistics is their subject.
func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }
