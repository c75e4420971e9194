package gapless_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m, pgtest.Install) }
