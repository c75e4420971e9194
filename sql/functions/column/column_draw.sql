-- A column that shares its series differs from the others in the last 16 bits alone, by which the hot path knows them:
-- column_enter_row.
CREATE OR REPLACE FUNCTION gapless.column_draw(
    target        regclass,
    target_column name,
    head          regclass, -- the column whose series it shares; NULL: its own
    head_column   name
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    drawn  bigint;
    shared bigint; -- one that the others have
BEGIN
    SELECT substring(p.prosrc FROM 'gapless[.](?:column_note|commit_done)_([0-9]+)')::bigint
    INTO shared
    FROM (
        SELECT o.function FROM gapless.column_others(coalesce(head, target), coalesce(head_column, target_column)) AS o
        UNION ALL
        SELECT t.tgfoid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = head AND t.tgname = ('~gapless_insert_' || head_column)::name
    ) AS o
    JOIN pg_catalog.pg_proc AS f ON f.oid = o.function
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = f.pronamespace AND p.proowner = f.proowner AND p.proname = f.proname || '_update'
    LIMIT 1;
    LOOP
        drawn := hashtextextended(gen_random_uuid()::text, 0) & 9223372036854775807;
        IF shared IS NOT NULL THEN
            drawn := drawn & 65535 | (shared >> 16 << 16);
        END IF;
        EXIT WHEN drawn & 65535 <> 65535 AND NOT EXISTS (
            SELECT
            FROM gapless.column_others(coalesce(head, target), coalesce(head_column, target_column)) AS o
            JOIN pg_catalog.pg_proc AS f ON f.oid = o.function
            JOIN pg_catalog.pg_proc AS p ON p.pronamespace = f.pronamespace AND p.proowner = f.proowner AND p.proname IN (f.proname || '_enter', f.proname || '_assign')
            WHERE strpos(p.prosrc, drawn::text) > 0
        );
    END LOOP;
    RETURN drawn;
END;
$function$;

COMMENT ON FUNCTION gapless.column_draw IS
'Private, for attach_gapless. A new number of an attachment.';

REVOKE ALL ON FUNCTION gapless.column_draw FROM PUBLIC;
