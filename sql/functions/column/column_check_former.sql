-- What has triggers already: a column by names that have changed since, which is not to be attached by other names beside
-- it, nor mended as if another column were meant; or a partition that was detached, whose triggers are another table's.
CREATE OR REPLACE FUNCTION gapless.column_check_former(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    attached record;
    own      text; -- what drops the triggers of a former partition
BEGIN
    FOR attached IN
        SELECT t.column_name, c.attname AS current_name, (
            SELECT coalesce(s.proargnames, '{}')
            FROM pg_catalog.pg_proc AS s
            WHERE s.pronamespace = t.schema AND s.proowner = t.maker AND s.proname = t.stem || '_series'
            LIMIT 1
        )::name[] AS inputs
        FROM gapless.attachment AS t
        LEFT JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.relation AND c.attnum = t.attnum
        WHERE t.relation = target AND target_column IN (t.column_name, c.attname)
    LOOP
        IF attached.current_name <> attached.column_name THEN
            PERFORM gapless.column_refuse('misnamed', target, attached.column_name, NULL, NULL);
        END IF;
        PERFORM gapless.column_check_names(target, attached.column_name, attached.inputs);
    END LOOP;
    SELECT string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, target), ' ' ORDER BY t.tgname)
    INTO own
    FROM pg_catalog.pg_trigger AS t
    JOIN gapless.guard AS g ON g.function = t.tgfoid AND g.purpose = 'delete' AND g.relation <> t.tgrelid
    WHERE t.tgrelid = target AND g.column_name = target_column;
    IF own IS NOT NULL THEN
        RAISE EXCEPTION '% cannot number a column of its own: it was a partition, and keeps the guards of its rows', target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'ALTER TABLE ... ATTACH PARTITION; or to number it apart, and leave it out of the audit of that table: ' || own,
                SCHEMA = 'gapless', CONSTRAINT = 'attach_former_partition';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_former IS
'Private, for attach_gapless. Raises 55000 where the column is attached, by this name or another, and it or a column that its expressions read was renamed; and for a partition that was detached.';

REVOKE ALL ON FUNCTION gapless.column_check_former FROM PUBLIC;
