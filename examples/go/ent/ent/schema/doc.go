// Package schema is what the client of this example is generated from.
package schema
