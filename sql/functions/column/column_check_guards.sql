-- DROP COLUMN ... CASCADE takes the triggers whose WHEN reads the column, and leaves those that number rows. A snapshot that
-- is older than attach has neither, though they fire.
CREATE OR REPLACE FUNCTION gapless.column_check_guards(
    relation      regclass, -- as for column_check_names
    target_column name,
    inputs        name[]
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    managed boolean := false;
BEGIN
    PERFORM gapless.column_check_names(relation, target_column, inputs);
    IF (
        SELECT count(*) < 2
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = relation AND t.tgname IN (('~gapless_update_' || target_column)::name, ('~gapless_delete_' || target_column)::name)
    ) THEN
        IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
            EXECUTE 'SELECT relation_is_a_known_shard($1)' INTO managed USING relation;
        END IF;
        PERFORM gapless.column_refuse('managed', relation, target_column, NULL, NULL)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND starts_with(t.tgname, '~gapless_insert_') AND substring(t.tgname FROM '_\d+$') = substring(c.relname FROM '_\d+$')
        WHERE c.oid = relation AND managed;
        PERFORM gapless.column_refuse('younger', relation, target_column, NULL, NULL)
        WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = relation AND t.tgname ~ '^~gapless_[a-z]+_' AND regexp_replace(t.tgname, '^~gapless_[a-z]+_', '') = target_column
        );
        PERFORM gapless.column_refuse('unguarded', relation, target_column, NULL, NULL); -- trap: another column has a dropped one's name
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.column_check_guards IS
'Private, for the triggers of attach_gapless that number rows. Raises 55000 where the column, or one that its expressions read, has another name than when it was attached, or was dropped with the triggers that guard numbered rows, or where Citus has made a shard of the table; 40001 where the snapshot is older than attach.';

REVOKE ALL ON FUNCTION gapless.column_check_guards FROM PUBLIC;
