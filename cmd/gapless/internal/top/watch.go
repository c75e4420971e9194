package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Watch writes lines, until ctx ends or there were so many intervals: the server, then each series that has moved, is held or
// is waited for. The first come after one interval, since a rate is between two readings.
func Watch(ctx context.Context, o Options) error {
	r := newReader(o.Connect)
	defer r.close()
	if _, err := r.read(ctx, nil, ""); err != nil {
		return err
	}
	aside := &session{connect: o.Connect}
	defer aside.close()
	var doctor visits
	if !o.JSON {
		if _, err := fmt.Fprintln(o.Out, plainLine("TIME", "RATE/S", "LAST", "WAIT", "LONGEST", "AGE", "HOLDER", "NAME", "APPLICATION", "USER", "STATE")); err != nil {
			return err
		}
	}
	failed := 0
	for done := 0; o.Count == 0 || done < o.Count; {
		wait := o.Interval
		if failed > 0 {
			wait = max(wait, backoff(failed))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		s, err := r.read(ctx, nil, "")
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failed++
			text := o.Explain(err)
			if _, ok := errors.AsType[lostError](err); ok {
				text = lost(o.Explain, err, max(o.Interval, backoff(failed)))
			}
			fmt.Fprintln(o.Err, "gapless: "+text)
			continue
		}
		failed = 0
		done++
		if doctor.see(s, time.Now()) {
			doctor.found, _ = aside.doctor(ctx) // it is not known then
			doctor.at, doctor.changed = time.Now(), false
		}
		if o.JSON {
			err = writeJSON(o.Out, s, doctor)
		} else {
			err = writePlain(o.Out, s, doctor)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plainLine has the columns that never change, and the texts that may hold spaces last.
func plainLine(cells ...any) string {
	return strings.TrimRight(fmt.Sprintf("%-20s %9s %12s %5v %8s %7s %-12s %-24s %-16s %-12s %s", cells...), " ")
}

func writePlain(w io.Writer, s sample, doctor visits) error {
	at := s.At.UTC().Format(time.RFC3339)
	words := serverWords(s.Server)
	if s.Server.Standby {
		words = append(words, "standby, "+optional(s.Server.Lag)+" behind; holders are seen on the primary alone")
	}
	if !s.Server.SeesAll {
		words = append(words, "sessions of other roles are hidden: that takes pg_read_all_stats")
	}
	words = append(words, doctor.words(time.Now())...)
	lines := []string{fmt.Sprintf("%-20s # %s", at, strings.Join(words, "  "))}
	for _, one := range s.sorted(0, alive) {
		h, holder, state := person{}, "-", "-"
		if len(one.Holders) > 0 {
			h = one.Holders[0]
			holder, state = clean(h.who()), clean(h.does())
		}
		lines = append(lines, plainLine(at, perS(one.Rate), number(one.Last), len(one.Waiters), optional(one.longest()), optional(h.Age), holder,
			clean(one.Name), or(h.Application), or(h.User), state))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// What programs get: a line of JSON for each interval. What is not known is null.
type (
	jsonSample struct {
		At       time.Time     `json:"at"`
		Server   jsonServer    `json:"server"`
		Findings []jsonFinding `json:"findings,omitempty"` // of the doctor
		FoundAt  *time.Time    `json:"findings_at,omitempty"`
		Series   []jsonSeries  `json:"series"`
	}
	jsonServer struct {
		Database    string        `json:"database"`
		PostgreSQL  string        `json:"postgresql"`
		Standby     bool          `json:"standby"`
		Lag         *float64      `json:"lag_seconds,omitempty"`
		SeesAll     bool          `json:"sees_all_sessions"`
		Sessions    int           `json:"sessions"`
		Most        int           `json:"max_connections"`
		Commits     *float64      `json:"commits_per_second"`
		Rollbacks   *float64      `json:"rollbacks_per_second"`
		Flushes     *float64      `json:"wal_flushes_per_second"`
		FlushSource string        `json:"wal_flushes_of"`
		Standbys    []jsonStandby `json:"standbys,omitempty"`
	}
	jsonStandby struct {
		Name  string   `json:"name"`
		State string   `json:"state"`
		Sync  string   `json:"sync_state"`
		Lag   *float64 `json:"lag_seconds"`
		Bytes *int64   `json:"lag_bytes"`
	}
	jsonFinding struct {
		Severity string `json:"severity"`
		Count    int64  `json:"count"`
	}
	jsonSeries struct {
		Name    string       `json:"name"`
		Last    *int64       `json:"last_value"`
		Rate    *float64     `json:"per_second"`
		Waiters int          `json:"waiters"`
		Longest *float64     `json:"longest_wait_seconds"`
		Holders []jsonHolder `json:"holders"`
	}
	jsonHolder struct {
		PID         int32    `json:"pid,omitempty"`
		Prepared    string   `json:"prepared_as,omitempty"`
		Application string   `json:"application_name"`
		User        string   `json:"user_name"`
		Age         *float64 `json:"transaction_age_seconds"`
		State       string   `json:"state"`
		Query       string   `json:"query"`
	}
)

func writeJSON(w io.Writer, s sample, doctor visits) error {
	v := s.Server
	line := jsonSample{At: s.At, Series: []jsonSeries{}, Server: jsonServer{
		v.Database, v.Version, v.Standby, inSeconds(v.Lag), v.SeesAll, v.Sessions, v.Most, v.Commits, v.Rollbacks, v.Flushes, v.FlushSource, nil,
	}}
	for _, one := range v.Standbys {
		line.Server.Standbys = append(line.Server.Standbys, jsonStandby{one.Name, one.State, one.Sync, inSeconds(one.Lag), one.Bytes})
	}
	if doctor.found != nil {
		line.FoundAt = &doctor.at
	}
	for _, f := range doctor.found {
		line.Findings = append(line.Findings, jsonFinding(f))
	}
	for _, one := range s.sorted(0, alive) {
		holders := []jsonHolder{}
		for _, h := range one.Holders {
			holders = append(holders, jsonHolder{h.PID, h.Prepared, h.Application, h.User, inSeconds(h.Age), h.does(), h.Query})
		}
		line.Series = append(line.Series, jsonSeries{one.Name, one.Last, one.Rate, len(one.Waiters), inSeconds(one.longest()), holders})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(line)
}

func inSeconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}
