package pgtest

import (
	"maps"
	"slices"
)

// arguments are the command line arguments of a server that we start. Whatever concerns durability is not among
// them, or is PostgreSQL's own default.
func arguments(layers ...map[string]string) []string {
	settings := map[string]string{
		"fsync":                     "on", // testcontainers' module turns it off
		"max_connections":           "200",
		"max_prepared_transactions": "10",   // off by default, and two-phase commit is tested
		"shared_buffers":            "32MB", // a crash has all of it given back, and touched again
		// What one session loads, each loads; what the first process has, all have. Most tests' sessions are short, and run PL/pgSQL.
		"shared_preload_libraries": "plpgsql",
		"jit":                      "off",
	}
	for _, layer := range layers {
		maps.Copy(settings, layer)
	}
	var args []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
