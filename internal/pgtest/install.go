package pgtest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pggapless/gapless/sql"
)

const asVariable = "GAPLESS_TEST_AS"

// Install installs schema gapless in the database of that URL, as sql/gapless.sql does; it is what most packages give [Main]. Where
// GAPLESS_TEST_AS is "extension", CREATE EXTENSION does it. A server that is started from programs then has its files.
func Install(ctx context.Context, url string) error {
	extension, err := asExtension()
	if err != nil {
		return err
	}
	script := "CREATE EXTENSION gapless"
	if !extension {
		if script, err = sql.Script(); err != nil {
			return err
		}
	}
	return execute(ctx, url, script)
}

func asExtension() (bool, error) {
	switch as := os.Getenv(asVariable); as {
	case "", "extension":
		return as != "", nil
	default:
		return false, fmt.Errorf("%s is %q, and can be extension", asVariable, as)
	}
}

// tarOf is a file without a name, to be read from its beginning.
func tarOf(files map[string]string) (*os.File, error) {
	file, err := os.CreateTemp("", "gapless-extension-*.tar")
	if err != nil {
		return nil, err
	}
	err = os.Remove(file.Name())
	archive := tar.NewWriter(file)
	for name, text := range files {
		failed := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		_, written := io.WriteString(archive, text)
		err = errors.Join(err, failed, written)
	}
	err = errors.Join(err, archive.Close())
	_, failed := file.Seek(0, io.SeekStart)
	if err = errors.Join(err, failed); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
