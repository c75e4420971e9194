// Package ent is what ent generates from package schema.
package ent

//go:generate go tool ent generate --feature sql/execquery,sql/upsert ./schema
