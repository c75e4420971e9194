// Package connstring changes connection strings.
package connstring

import (
	"errors"
	"net/url"
	"strings"
)

// WithDatabase is the same connection string for another database. Both of libpq's forms are understood.
func WithDatabase(address, name string) (string, error) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return strings.TrimLeft(address+" dbname="+name, " "), nil // the last one counts
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // err would show the password
	}
	query := u.Query()
	for _, key := range []string{"dbname", "database"} {
		query.Del(key)
	}
	u.Path, u.RawPath, u.RawQuery = "/"+name, "", query.Encode()
	return u.String(), nil
}
