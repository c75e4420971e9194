package gaplesstest

import (
	"context"
	"testing"
	"time"

	"github.com/pggapless/gapless/sql"
)

// TemplateName is the name of the template of a schema, for the role of that connection string.
func TemplateName(ctx context.Context, url string, schema ...string) (string, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer s.close()
	script, err := sql.Script()
	if err != nil {
		return "", err
	}
	return templateName(ctx, s, append([]string{script}, schema...))
}

// SweepAgain has the next New look for what was left behind.
func SweepAgain(url string) { swept.Delete(url) }

// Making and Stamp are what names have.
var (
	Making = making
	Stamp  = stamp
)

// ReleaseAfter changes how long a pool's connections are waited for.
func ReleaseAfter(t *testing.T, d time.Duration) {
	before := release
	release = d
	t.Cleanup(func() { release = before })
}
