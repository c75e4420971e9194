// Package connstring changes connection strings.
package connstring

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// WithDatabase is the same connection string for another database. Both of libpq's forms are understood.
func WithDatabase(address, name string) (string, error) {
	if !isURL(address) {
		return strings.TrimLeft(address+" dbname="+name, " "), nil // the last one counts
	}
	return change(address, []string{"dbname", "database"}, func(u *url.URL) { u.Path, u.RawPath = "/"+name, "" })
}

// WithHost is the same connection string for another server.
func WithHost(address, host string, port uint16) (string, error) {
	if !isURL(address) {
		return strings.TrimLeft(address+" host="+host+" port="+strconv.Itoa(int(port)), " "), nil
	}
	return change(address, []string{"host", "hostaddr", "port"}, func(u *url.URL) { u.Host = net.JoinHostPort(host, strconv.Itoa(int(port))) })
}

func isURL(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// change leaves out the parameters that would come before what is changed.
func change(address string, parameters []string, to func(*url.URL)) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // err would show the password
	}
	query := u.Query()
	for _, key := range parameters {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	to(u)
	return u.String(), nil
}
