// Package sql embeds the migrations of schema gapless.
//
// Programs run them with package migrate; this package is for tools that read them.
package sql

import (
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A checkout's snapshot of the functions is a link to them until a release makes it a copy. Links are not embedded.
//
//go:embed schema functions
var files embed.FS

//go:embed definitions.sql
var definitions string

//go:embed uninstall.sql
var uninstall string

// Uninstall returns an SQL statement that takes gapless away: sql/uninstall.sql. It detaches every column, and drops the schema. Rows
// and their numbers stay, but not what gapless keeps of them. In a database without gapless it does nothing.
//
// It raises, and changes nothing: 42501 (insufficient_privilege) for a role that owns neither the schema nor an attached table, and
// 2BP01 (dependent_objects_still_exist) where something else needs the schema, such as a column's default, a view, or a table that is in it.
func Uninstall() string { return uninstall }

// Migrations returns the tern migrations of sql/schema, with their snapshots of sql/functions.
func Migrations() fs.FS {
	schema, err := fs.Sub(files, "schema")
	functions, err2 := fs.Sub(files, "functions")
	newest, err3 := newestSnapshot(schema)
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err) // none of them depends on anything but what is embedded
	}
	if info, err := fs.Stat(schema, newest); err == nil && info.IsDir() {
		return schema
	}
	return migrations{schema: schema, functions: functions, link: newest}
}

// newestSnapshot returns the folder that the newest migration of functions installs.
func newestSnapshot(schema fs.FS) (string, error) {
	names, err := fs.Glob(schema, "*_install_functions.sql")
	if err != nil || len(names) == 0 {
		return "", errors.Join(err, errors.New("no migration installs the functions"))
	}
	number, _, _ := strings.Cut(names[len(names)-1], "_")
	return path.Join("snapshots", number), nil
}

// migrations is a schema in which the folder link is the functions.
type migrations struct {
	schema, functions fs.FS
	link              string
}

// Open opens a file of the schema, or of the functions below the link.
func (m migrations) Open(name string) (fs.File, error) {
	fsys, name := m.find(name)
	return fsys.Open(name)
}

// ReadDir lists the link, too, as a folder, so that the migrations can be walked and copied.
func (m migrations) ReadDir(name string) ([]fs.DirEntry, error) {
	fsys, within := m.find(name)
	entries, err := fs.ReadDir(fsys, within)
	if err != nil || name != path.Dir(m.link) {
		return entries, err
	}
	functions, err := fs.Stat(m.functions, ".")
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(m.link) }) // where git makes a file of a link
	entries = append(entries, fs.FileInfoToDirEntry(renamed{functions, path.Base(m.link)}))
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// find returns where a file is, and its name there.
func (m migrations) find(name string) (fs.FS, string) {
	if within, ok := strings.CutPrefix(name+"/", m.link+"/"); ok {
		return m.functions, path.Clean(within)
	}
	return m.schema, name
}

type renamed struct {
	fs.FileInfo
	name string
}

// Name is the link's.
func (r renamed) Name() string { return r.name }
