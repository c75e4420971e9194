//go:build unix

package pgtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// processes maps every process that runs to its parent, or to -1 where that is 0. A zombie does not run.
func processes() (map[int]int, error) {
	if all := processesOfProc(); len(all) > 0 {
		return all, nil
	}
	return processesOfPs() // not every Unix has /proc, and not every Linux ps
}

func processesOfProc() map[int]int {
	all := make(map[int]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	for _, stat := range stats {
		content, err := os.ReadFile(stat) //nolint:gosec // of the kernel
		if err != nil {
			continue // it has ended
		}
		addStat(all, content)
	}
	return all
}

// addStat takes what a file /proc/17/stat has: 17 (a name (with anything)) S 1 …
func addStat(all map[int]int, content []byte) {
	pid, _, _ := bytes.Cut(content, []byte(" "))
	add(all, string(pid)+" "+string(content[bytes.LastIndexByte(content, ')')+1:]))
}

func processesOfPs() (map[int]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "state=", "-o", "ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes: %w", err)
	}
	all := make(map[int]int)
	for line := range strings.Lines(string(out)) {
		add(all, line)
	}
	return all, nil
}

// add takes a process, its state and its parent from a line, unless it is a zombie (Z) or about to be gone (X).
func add(all map[int]int, line string) {
	fields := strings.Fields(line)
	if len(fields) < 3 || strings.ContainsAny(fields[1][:1], "ZX") {
		return
	}
	pid, _ := strconv.Atoi(fields[0])
	parent, _ := strconv.Atoi(fields[2])
	if parent == 0 {
		parent = -1
	}
	all[pid] = parent
}

// runs reports whether a process is there, and is no zombie.
func runs(pid int) (bool, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		all := make(map[int]int)
		addStat(all, content)
		return all[pid] != 0, nil
	}
	if _, missing := os.Stat("/proc/self/stat"); missing == nil {
		return false, nil
	}
	all, err := processes()
	return all[pid] != 0, err
}

// descendants are the children of a process, theirs, and so on.
func descendants(ancestor int) (map[int]bool, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	found := make(map[int]bool)
	for grown := true; grown; {
		grown = false
		for pid, parent := range all {
			if !found[pid] && (parent == ancestor || found[parent]) {
				found[pid], grown = true, true
			}
		}
	}
	return found, nil
}
