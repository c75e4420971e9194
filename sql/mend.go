package sql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// object is what a step makes, and what somebody can drop.
type object struct {
	kind string // table, view, function or trigger
	name string // without the schema; a trigger's with its table
	step int32
}

var (
	creates = regexp.MustCompile(`^ *CREATE (?:OR REPLACE )?(?:UNLOGGED )?(TABLE|VIEW|FUNCTION) gapless\.(\w+)\b|` +
		`^ *CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(TRIGGER) (\w+) .* ON gapless\.(\w+)\b`)
	drops = regexp.MustCompile(`^ *DROP (TABLE|VIEW|FUNCTION) (?:IF EXISTS )?gapless\.(\w+)\b`)
)

// objects returns what a database has after a step, if it had some before.
func objects(before []object, step int32, statements string) []object {
	result := slices.Clone(before)
	for line := range strings.SplitSeq(statements, "\n") {
		if word := strings.TrimLeft(line, " "); !strings.HasPrefix(word, "CREATE ") && !strings.HasPrefix(word, "DROP ") {
			continue // as nearly all
		}
		is := func(kind, name string) func(object) bool {
			return func(o object) bool { return o.kind == strings.ToLower(kind) && o.name == name }
		}
		if dropped := drops.FindStringSubmatch(line); dropped != nil {
			result = slices.DeleteFunc(result, is(dropped[1], dropped[2]))
		} else if made := creates.FindStringSubmatch(line); made != nil {
			kind, name := made[1], made[2]
			if made[3] != "" {
				kind, name = made[3], made[4]+" ON gapless."+made[5]
			}
			if !slices.ContainsFunc(result, is(kind, name)) {
				result = append(result, object{strings.ToLower(kind), name, step})
			}
		}
	}
	return result
}

// Missing is an SQL query without parameters for what of the steps a database lacks, though it has the newest of them, since somebody
// dropped it: tables, views, functions and triggers, as a JSON array of texts such as "view gapless.sequences". Of a database that has
// a part of the steps, it gives the tables of these. It needs no right.
func Missing(steps []Step) string {
	return "SELECT COALESCE(pg_catalog.json_agg(m.object), '[]') FROM (" + missingOf(steps, "("+Version+")") + ") AS m"
}

// missingOf is a query for the same, a row each.
func missingOf(steps []Step, version string) string {
	newest, all := steps[len(steps)-1].Number, steps[len(steps)-1].objects
	names := func(kind string, step int32) string {
		var list []string
		for _, o := range all {
			if o.kind == kind && (step == 0 || o.step == step) {
				list = append(list, o.name)
			}
		}
		return "pg_catalog.unnest(CAST('{" + strings.Join(list, ",") + "}' AS pg_catalog.text[]))"
	}
	const relation = `EXISTS (
		SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) 'gapless' AND c.relname OPERATOR(pg_catalog.=) o.name AND c.relkind OPERATOR(pg_catalog.=) '%s')`
	var parts []string
	part := func(kind, from, condition, exists string) {
		parts = append(parts, fmt.Sprintf("\n\tSELECT pg_catalog.concat('%s ', %s) AS object FROM %s AS o (name)\n\tWHERE %s %s AND NOT %s",
			kind, map[bool]string{true: "o.name", false: "'gapless.', o.name"}[kind == "trigger"], from, version, condition, exists))
	}
	for _, step := range steps {
		if slices.ContainsFunc(all, func(o object) bool { return o.kind == "table" && o.step == step.Number }) {
			part("table", names("table", step.Number), fmt.Sprintf("BETWEEN %d AND %d", step.Number, newest), fmt.Sprintf(relation, "r"))
		}
	}
	now := fmt.Sprintf("OPERATOR(pg_catalog.=) %d", newest)
	part("view", names("view", 0), now, fmt.Sprintf(relation, "v"))
	part("function", names("function", 0), now, `EXISTS (
		SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) 'gapless' AND p.proname OPERATOR(pg_catalog.=) o.name)`)
	part("trigger", names("trigger", 0), now, `EXISTS (
		SELECT FROM pg_catalog.pg_trigger AS t
		JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid
		JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) 'gapless' AND pg_catalog.concat(t.tgname, ' ON gapless.', c.relname) OPERATOR(pg_catalog.=) o.name)`)
	return strings.Join(parts, "\n\tUNION ALL")
}

// unlost refuses where a table is gone, with the numbers that it had: nothing that is made here could tell them.
func unlost(steps []Step) string {
	return `    lost := ARRAY(SELECT m.object FROM (` + missingOf(steps, "version") + `) AS m);
    IF EXISTS (SELECT FROM unnest(lost) AS l (object) WHERE starts_with(l.object, 'table ')) THEN
        RAISE EXCEPTION 'tables of gapless were dropped, with what they had: %', (
            SELECT string_agg(l.object, ', ') FROM unnest(lost) AS l (object) WHERE starts_with(l.object, 'table ')
        )
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Restore them from a backup, and then run this again.',
                SCHEMA = 'gapless', CONSTRAINT = 'gapless_table_lost';
    END IF;
`
}

// What grant_gapless gives, but for USAGE on the schema.
const (
	grantedFunctions = "next_gapless,next_gapless_batch,last_gapless,peek_gapless,mark_gapless,outcome_gapless,flush_gapless"
	grantedViews     = "sequences,ranges,holders,columns"
)

// mended runs what makes the views, functions and triggers, if a condition holds, which says whether somebody dropped some of them, or
// the newest step is to be run. What the install noted of itself stays in the first case: tables and indexes, which are not made here,
// may be gone, too.
// Rights on a view go with it. Those of grant_gapless can be told by the rest of what that gives: who has all of it, gets them again.
func mended(condition string, steps []Step) string {
	return fmt.Sprintf(`    IF %[1]s THEN
        DECLARE
            noted   json;
            granted text[];
            made    text;
        BEGIN
            IF lost <> '{}' AND to_regclass('gapless.doctor_installed') IS NOT NULL THEN
                EXECUTE 'SELECT json_agg(i) FROM gapless.doctor_installed AS i' INTO noted;
            END IF;
            granted := ARRAY(
                SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END
                FROM pg_namespace AS n
                CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
                WHERE lost <> '{}' AND n.nspname = 'gapless' AND g.privilege_type = 'USAGE' AND g.grantee <> n.nspowner
                    AND NOT EXISTS (
                        SELECT FROM unnest('{%[2]s}'::text[]) AS f (name)
                        WHERE NOT EXISTS (
                            SELECT FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
                            WHERE p.pronamespace = n.oid AND p.proname = f.name AND a.grantee = g.grantee AND a.privilege_type = 'EXECUTE'
                        )
                    )
                    AND NOT EXISTS (
                        SELECT FROM unnest('{%[3]s}'::text[]) AS v (name)
                        WHERE 'view gapless.' || v.name <> ALL (lost) AND NOT EXISTS (
                            SELECT FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
                            WHERE c.relnamespace = n.oid AND c.relname = v.name AND a.grantee = g.grantee AND a.privilege_type = 'SELECT'
                        )
                    )
            );
%[4]s            IF noted IS NOT NULL THEN
                EXECUTE 'CREATE OR REPLACE VIEW gapless.doctor_installed (kind, name, mark) AS VALUES ' || (
                    SELECT string_agg(format(
                        '(%%L::text, %%L::text, %%L::text)', i.kind, i.name, CASE WHEN i.kind IN ('view', 'function', 'trigger') THEN coalesce(o.mark, i.mark) ELSE i.mark END
                    ), ', ' ORDER BY i.kind COLLATE "C", i.name COLLATE "C")
                    FROM json_to_recordset(noted) AS i (kind text, name text, mark text)
                    LEFT JOIN gapless.doctor_object AS o ON o.kind = i.kind AND o.name = i.name
                );
            END IF;
            IF lost <> '{}' AND (%[5]s) THEN
                FOR made IN
                    SELECT format('%%s %%s', i.type, i.identity)
                    FROM (
                        SELECT 'pg_class'::regclass AS class, c.oid, 'view gapless.' || c.relname AS object FROM pg_class AS c WHERE c.relnamespace = 'gapless'::regnamespace
                        UNION ALL
                        SELECT 'pg_proc'::regclass, p.oid, 'function gapless.' || p.proname FROM pg_proc AS p WHERE p.pronamespace = 'gapless'::regnamespace
                    ) AS o
                    CROSS JOIN LATERAL pg_identify_object(o.class, o.oid, 0) AS i
                    WHERE o.object = ANY (lost) AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
                LOOP
                    EXECUTE 'ALTER EXTENSION gapless ADD ' || made; -- before it is granted, so that a dump has the rights
                END LOOP;
            END IF;
            FOREACH made IN ARRAY granted LOOP
                EXECUTE 'GRANT EXECUTE ON FUNCTION gapless.%[6]s TO ' || made;
                EXECUTE 'GRANT SELECT ON TABLE gapless.%[7]s TO ' || made;
            END LOOP;
            IF lost <> '{}' THEN
                RAISE WARNING 'what was dropped of gapless is made again: %%', array_to_string(lost, ', ')
                    USING DETAIL = 'Roles that have what else grant_gapless gives have it again, too: ' || coalesce(nullif(array_to_string(granted, ', '), ''), 'none') || '.',
                        HINT = 'Call gapless.grant_gapless again for the others, and repeat other grants.',
                        SCHEMA = 'gapless';
            END IF;
        END;
    END IF;
`, condition, grantedFunctions, grantedViews, executed(steps[len(steps)-1].functions), IsExtension,
		strings.ReplaceAll(grantedFunctions, ",", ", gapless."), strings.ReplaceAll(grantedViews, ",", ", gapless."))
}

// Mend returns a statement that makes again what [Missing] tells, but for tables, in a database that has the newest step; in others it
// changes nothing. It raises what a [Step] raises, and 55000 (object_not_in_prerequisite_state) where a table is missing.
func Mend(steps []Step) string {
	return block(look, unlost(steps), mended(fmt.Sprintf("version = %d AND lost <> '{}'", steps[len(steps)-1].Number), steps))
}
