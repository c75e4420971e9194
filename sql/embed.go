// Package sql embeds the migrations of schema gapless.
//
// Programs run them with package migrate; this package is for tools that read them.
package sql

import (
	"embed"
	"io/fs"
)

//go:embed schema
var files embed.FS

// Migrations returns the tern migrations of sql/schema, with their snapshots of sql/functions.
func Migrations() fs.FS {
	migrations, err := fs.Sub(files, "schema")
	if err != nil {
		panic(err) // "schema" is a valid path, the only thing that fs.Sub checks
	}
	return migrations
}
