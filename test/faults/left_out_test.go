package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMakeTortureSaysWhatItLeavesOut gives the script machines that lack one thing or the other. Where Debian's sh is dash,
// it is run by that.
func TestMakeTortureSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../left-out")
	require.NoError(t, err)
	const (
		root, nobody = "testdata/id", "echo" // which echoes its arguments
		host         = "full disks, clocks that jump, no more memory, and PgBouncer"
		stack        = "the second stack (apt-get install python3-psycopg2)"
	)
	for _, machine := range []struct {
		name, id string
		programs []string
		says     string
		host     string
	}{
		{"everything", root, []string{"faketime", "pgbouncer", "python3"}, "", "-host\n"},
		{"no root", nobody, []string{"faketime", "pgbouncer", "python3"}, "left out here: " + host + " (be root)\n", ""},
		{"no faketime", root, []string{"pgbouncer", "python3"}, "left out here: " + host + " (apt-get install faketime)\n", ""},
		{"no PgBouncer", root, []string{"faketime", "python3"}, "left out here: " + host + " (apt-get install pgbouncer)\n", ""},
		{"no psycopg2", root, []string{"faketime", "pgbouncer"}, "left out here: " + stack + "\n", "-host\n"},
		{"nothing", nobody, nil, "left out here: " + host + " (be root, and apt-get install faketime pgbouncer); " + stack + "\n", ""},
	} {
		t.Run(machine.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			// Links, since what is written now, and held open by whatever is forked now, cannot be run.
			link := func(name, program string) {
				place, err := exec.LookPath(program)
				require.NoError(t, err)
				place, err = filepath.Abs(place)
				require.NoError(t, err)
				require.NoError(t, os.Symlink(place, filepath.Join(folder, name)))
			}
			link("id", machine.id)
			for _, name := range machine.programs {
				link(name, "true")
			}
			for argument, want := range map[string]string{"": machine.says, "-host": machine.host} {
				cmd := exec.CommandContext(t.Context(), "/bin/sh", script, argument)
				cmd.Env = []string{"PATH=" + folder, "DEBIAN_PYTHON=python3"}
				output, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", output)
				require.Equal(t, want, string(output), argument)
			}
		})
	}
}
