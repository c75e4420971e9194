package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pageFile is a file that is there as a whole or not at all: it is written beside its place, and then moved there.
type pageFile struct {
	path string
	file *os.File
}

// newPageFile opens a temporary file in the folder of path.
func newPageFile(path string) (*pageFile, error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // /dev/stdout would be gone
		return nil, usage(path+" is there, and is not a file", "give --html the name of a file")
	default:
		if path, err = filepath.EvalSymlinks(path); err != nil { // so that a link stays one
			return nil, err
		}
	}
	temporary := filepath.Join(filepath.Dir(path), ".gapless-"+rand.Text()+".tmp")
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // the umask decides, as for any file that a program is told to write
	if err != nil {
		return nil, err
	}
	return &pageFile{path, file}, nil
}

// keep writes the file, and moves it to its place.
func (p *pageFile) keep(write func(io.Writer) error) error {
	buffer := bufio.NewWriter(p.file)
	if err := write(buffer); err != nil {
		return err
	}
	if err := errors.Join(buffer.Flush(), p.file.Sync(), p.file.Close()); err != nil {
		return err
	}
	return os.Rename(p.file.Name(), p.path)
}

// discard takes away what was not kept.
func (p *pageFile) discard() {
	_ = p.file.Close()           // keep may have closed it,
	_ = os.Remove(p.file.Name()) // and have moved it
}
