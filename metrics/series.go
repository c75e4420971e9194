package metrics

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// seriesState is what is known of all series.
type seriesState struct {
	all     map[string]oneSeries
	issued  int64   // what was issued in all of them: never less than before
	due     int     // those for which a range is due
	horizon *string // what was read last; nil: nothing is known
}

// update takes what was read: all series, or those that may have changed. It returns those in which something happened.
func (s *seriesState) update(rows []oneSeries, whole bool) (changed []oneSeries) {
	before := s.all
	if whole || before == nil {
		s.all = make(map[string]oneSeries, len(rows))
	}
	for _, row := range rows {
		last, known := before[row.Name]
		if !known || row.Issued != last.Issued || value(row.Last) != value(last.Last) || row.isDue() {
			changed = append(changed, row)
		}
		if more := row.Issued - last.Issued; more >= 0 {
			s.issued += more
		} else { // it was deleted, and began anew
			s.issued += row.Issued
		}
		s.all[row.Name] = row
	}
	s.due = 0
	for _, row := range s.all {
		if row.isDue() {
			s.due++
		}
	}
	return changed
}

func (s oneSeries) isDue() bool { return s.Due != nil && *s.Due }

func (s oneSeries) send(send sender) {
	name := label(s.Name)
	send.counter(seriesIssued, float64(s.Issued), name)
	if s.Last != nil {
		send.gauge(seriesLast, *s.Last, name)
	}
	if s.Left != nil {
		send.gauge(seriesLeft, float64(*s.Left), name)
		send.gauge(seriesDue, truth(s.isDue()), name)
	}
	if s.Until != nil {
		send.gauge(seriesUntil, *s.Until, name)
	}
}

// label is a name as a label's value, which is UTF-8; a database may have another encoding, or none.
func label(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// idle is how long nothing happens in a series before another one may get its place.
const idle = time.Hour

// shown are the series that have metrics of their own.
type shown struct {
	limit  int
	since  map[string]time.Time // when something happened in it last
	oldest string               // the one that would make room; "" where that is to be found out
}

// update gives places to the series in which something happened.
func (s *shown) update(changed []oneSeries, whole bool, now time.Time, all map[string]oneSeries) {
	if s.since == nil {
		s.since = map[string]time.Time{}
	}
	s.oldest = ""
	if whole {
		for name := range s.since {
			if _, there := all[name]; !there {
				delete(s.since, name)
			}
		}
	}
	slices.SortFunc(changed, func(a, b oneSeries) int {
		return cmp.Or(cmp.Compare(truth(b.isDue()), truth(a.isDue())), cmp.Compare(value(b.Last), value(a.Last)), cmp.Compare(a.Name, b.Name))
	})
	for _, row := range changed {
		when := time.UnixMicro(int64(value(row.Last) * 1e6))
		if !whole {
			when = now
		}
		s.give(row, when, now, all)
	}
}

// use tells that a series is held or waited for.
func (s *shown) use(name string, now time.Time, all map[string]oneSeries) {
	if row, ok := all[name]; ok {
		s.give(row, now, now, all)
	}
}

// give gives a series a place, if there is one for it.
func (s *shown) give(row oneSeries, when, now time.Time, all map[string]oneSeries) {
	if !row.Labelled || s.limit <= 0 {
		return
	}
	if had, is := s.since[row.Name]; is {
		if when.After(had) {
			s.set(row.Name, when)
		}
		return
	}
	if len(s.since) >= s.limit && !s.free(row, when, now, all) {
		return
	}
	s.set(row.Name, when)
}

func (s *shown) set(name string, when time.Time) {
	s.since[name] = when
	s.oldest = ""
}

// free takes the place of the series in which nothing has happened for longest: where a range is due at once.
func (s *shown) free(row oneSeries, when, now time.Time, all map[string]oneSeries) bool {
	if s.oldest == "" {
		for name, since := range s.since {
			if !all[name].isDue() && (s.oldest == "" || cmp.Or(since.Compare(s.since[s.oldest]), cmp.Compare(name, s.oldest)) < 0) {
				s.oldest = name
			}
		}
	}
	last, there := s.since[s.oldest]
	if !there || !row.isDue() && (now.Sub(last) < idle || now.Sub(when) >= idle) {
		return false
	}
	delete(s.since, s.oldest)
	s.oldest = ""
	return true
}
