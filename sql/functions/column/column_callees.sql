-- The bodies of functions, the labels of enums, and what composite types consist of. A function of BEGIN ATOMIC has no text that stays the same after a
-- dump and an upgrade, and PostgreSQL knows what it calls in its turn. Of a body that is a text, it does not.
CREATE OR REPLACE FUNCTION gapless.column_callees(
    target        regclass,
    target_column name,
    OUT digest text,
    OUT noted  text -- by attach_gapless; NULL where that is gone
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    SELECT
        encode(sha256(convert_to(coalesce(string_agg(c.callee, e'\n' ORDER BY c.callee COLLATE "C"), ''), getdatabaseencoding())), 'hex'),
        max(substring(obj_description(r.oid, 'pg_proc') FROM 'What the expressions call: ([0-9a-f]{64})'))
    INTO digest, noted
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
    JOIN pg_catalog.pg_proc AS r ON r.pronamespace = f.pronamespace AND r.proowner = f.proowner AND r.proname = f.proname || '_rows'
    LEFT JOIN LATERAL (
        WITH RECURSIVE caller AS (
            SELECT e.oid, NULL::text COLLATE "C" AS callee
            FROM pg_catalog.pg_proc AS e
            WHERE e.pronamespace = f.pronamespace AND e.proowner = f.proowner AND e.proname IN (f.proname || '_series', f.proname || '_due', f.proname || '_dated', f.proname || '_text', f.proname || '_chain')
            UNION
            SELECT p.oid, (p.proname || ' ' || p.prosrc) COLLATE "C"
            FROM caller AS e
            JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = e.oid
            LEFT JOIN pg_catalog.pg_operator AS o ON d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = d.refobjid
            JOIN pg_catalog.pg_proc AS p ON p.oid = CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass THEN d.refobjid ELSE o.oprcode::oid END
            WHERE NOT (p.pronamespace = f.pronamespace AND starts_with(p.proname, f.proname))
        )
        SELECT e.callee FROM caller AS e WHERE e.callee IS NOT NULL
        UNION
        SELECT y.typname || ' ' || l.enumsortorder || ' ' || l.enumlabel
        FROM caller AS e
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_catalog.pg_type'::regclass
        JOIN pg_catalog.pg_type AS y ON y.oid = d.refobjid
        JOIN pg_catalog.pg_enum AS l ON l.enumtypid IN (y.oid, y.typbasetype, y.typelem)
        UNION
        SELECT y.typname || ' ' || string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM caller AS e
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_catalog.pg_type'::regclass
        JOIN pg_catalog.pg_type AS y ON y.oid = d.refobjid
        JOIN pg_catalog.pg_type AS r ON r.oid IN (y.oid, y.typbasetype, y.typelem)
        JOIN pg_catalog.pg_class AS k ON k.oid = r.typrelid AND k.relkind = 'c'
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
        GROUP BY y.oid, y.typname, r.oid
    ) AS c ON true
    WHERE t.tgrelid = column_callees.target AND t.tgname = ('~gapless_insert_' || column_callees.target_column)::name;
END;
$function$;

COMMENT ON FUNCTION gapless.column_callees IS
'Private, for attach_gapless and its triggers. A digest of what a column''s expressions call, now and when it was attached.';

REVOKE ALL ON FUNCTION gapless.column_callees FROM PUBLIC;
