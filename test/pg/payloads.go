package pg

import "strings"

// Payloads are texts that are something else, where a text is put into a statement as it is.
var Payloads = []string{
	"'; DROP TABLE canary; --", "'); DROP TABLE canary; --", "1); DROP TABLE canary; --", `"; DROP TABLE canary; --`, `"); DROP TABLE canary; --`,
	"$$; DROP TABLE canary; $$", "$function$; DROP TABLE canary; $function$", "$query$; DROP TABLE canary; $query$", `\'; DROP TABLE canary; --`, `\`, `'`, `''`, `"`, `""`,
	"/*", "*/", "/* ' */", "--", "-- \n; DROP TABLE canary", ";", "; DROP TABLE canary", "a\nb", "a\r\n; DROP TABLE canary;", "a\tb", "%", "%s", "%I", "%L", "%1$s", "%%", "%n%n%n",
	"U&'\\0027; DROP TABLE canary'", "\\u0027", "\u02bc; DROP TABLE canary", "\uff07; DROP TABLE canary", "\u202e", "e\u0301", "\u00e9", "\u2028", "NULL", "null", "default", "public.canary", "canary",
	"$1", "${x}", "{{.}}", "<script>alert(1)</script>", "NEW.tenant", "new", "value", "*", "(SELECT 1)", "pg_sleep(600)", "gapless.sequence_lock", "~", "=x", "\x1b[2J", "\x01",
	strings.Repeat("x", 300), strings.Repeat("'", 200), strings.Repeat("é", 200), strings.Repeat("(", 100_000),
}
