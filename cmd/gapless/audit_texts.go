package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed texts
var textFiles embed.FS

// texts are what the page says in one language, by key. What is between braces stands for something.
type texts map[string]string

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// builtinTexts are those of a language that the program has.
func builtinTexts(language string) (texts, error) {
	content, err := textFiles.ReadFile("texts/" + language + ".json")
	if err != nil {
		return nil, usage(fmt.Sprintf("there are no texts in language %q", language), "there are texts in de and en; --texts takes a file of others")
	}
	var t texts
	return t, json.Unmarshal(content, &t)
}

// readTexts reads a file of texts, which must have all keys of the English one, and no other.
func readTexts(path string) (texts, error) {
	content, err := os.ReadFile(path) //nolint:gosec // a file that the user names
	if err != nil {
		return nil, usage("--texts: "+err.Error(), "")
	}
	var t texts
	if err := json.Unmarshal(content, &t); err != nil {
		return nil, usage(fmt.Sprintf("--texts: %s is no JSON object of texts: %s", path, err), "texts/en.json of cmd/gapless is the pattern")
	}
	english, err := builtinTexts("en")
	if err != nil {
		return nil, err
	}
	if fault := english.fault(t); fault != "" {
		return nil, usage(fmt.Sprintf("--texts: %s: %s", path, fault), "texts/en.json of cmd/gapless has all keys, and what each means")
	}
	return t, nil
}

// fault is what other texts lack, or have besides.
func (t texts) fault(other texts) string {
	var lacking, unknown, places []string
	for _, key := range slices.Sorted(maps.Keys(t)) {
		switch text, ok := other[key]; {
		case !ok || text == "":
			lacking = append(lacking, key)
		default:
			for _, place := range placeholder.FindAllString(text, -1) {
				if !strings.Contains(t[key]+key, place) {
					places = append(places, place+" in "+key)
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		if _, ok := t[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	switch {
	case lacking != nil:
		return "these texts are missing: " + strings.Join(lacking, "; ")
	case unknown != nil:
		return "there are no texts with these keys: " + strings.Join(unknown, "; ")
	case places != nil:
		return "these stand for nothing: " + strings.Join(places, "; ")
	case other["direction"] != "ltr" && other["direction"] != "rtl":
		return "direction must be ltr or rtl"
	}
	return ""
}

// say is a text, in which what stands between braces is replaced: names and values, by turns.
func (t texts) say(key string, values ...string) string {
	text := t[key]
	if len(values) == 0 {
		return text
	}
	for i := 0; i < len(values); i += 2 {
		values[i] = "{" + values[i] + "}"
	}
	return strings.NewReplacer(values...).Replace(text)
}

// number is a count, with its thousands apart.
func (t texts) number(n quantity) string {
	return strings.ReplaceAll(thousands(int64(n)), ",", t["format.thousands"])
}

// count is a number of something, of which the texts have one and other.
func (t texts) count(key string, n quantity) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return t.say(key+form, "n", t.number(n))
}

func (t texts) date(at time.Time) string { return at.UTC().Format(t["format.date"]) }
func (t texts) time(at time.Time) string { return at.UTC().Format(t["format.time"]) }

func (t texts) moment(at time.Time) string {
	return t.say("date_and_time", "date", t.date(at), "time", t.time(at))
}

// day is a day as SQL or JSON writes it.
func (t texts) day(stamp string) string {
	if at, err := time.Parse(time.DateOnly, dayOf(stamp)); err == nil {
		return t.date(at)
	}
	return stamp
}

// remarks translates what the database says.
type remarks struct {
	texts
	patterns []remark
}

type remark struct {
	key     string
	pattern *regexp.Regexp
}

const remarkKey = "remark: "

func (t texts) remarks() remarks {
	r := remarks{texts: t}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if text, ok := strings.CutPrefix(key, remarkKey); ok {
			// What stands between braces is as much as there can be of it: a reason may have brackets in it.
			pattern := regexp.MustCompile(`\\\{(\w+)\\\}`).ReplaceAllString(regexp.QuoteMeta(text), `(?P<$1>.*)`)
			r.patterns = append(r.patterns, remark{key, regexp.MustCompile(`^(?s:` + pattern + `)$`)})
		}
	}
	// The one that says the most first.
	slices.SortStableFunc(r.patterns, func(a, b remark) int {
		return len(placeholder.ReplaceAllString(b.key, "")) - len(placeholder.ReplaceAllString(a.key, ""))
	})
	return r
}

// of is an explanation in the page's language, or as it is where there is no text for it.
func (r remarks) of(explanation string) string {
	for _, p := range r.patterns {
		match := p.pattern.FindStringSubmatch(explanation)
		if match == nil {
			continue
		}
		var values []string
		for i, name := range p.pattern.SubexpNames()[1:] {
			value := match[i+1]
			if at, err := time.Parse("2006-01-02 15:04:05.999999-07", value); err == nil {
				value = r.moment(at)
			}
			values = append(values, name, value)
		}
		return r.say(p.key, values...)
	}
	return explanation
}
