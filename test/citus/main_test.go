package citus_test

import (
	"testing"

	"github.com/pggapless/gapless/internal/citustest"
)

func TestMain(m *testing.M) { citustest.Main(m) }
