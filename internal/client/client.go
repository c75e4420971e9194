// Package client is what package gapless and package stdlib share: a sequence's arguments, and what an error means.
package client

// Arguments are what every call for a sequence sends. A nil pointer is SQL's default.
type Arguments struct {
	Name    string
	Initial *int64
	Reset   *int64
}
