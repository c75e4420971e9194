-- On the hot path: it sets nothing by a clause, which costs more than the rest, and qualifies every operator.
CREATE OR REPLACE FUNCTION gapless.model_single(
    target regclass,
    own    text[], -- the key of a row
    place  tid,    -- where it stood
    part   oid
) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
#variable_conflict use_variable
DECLARE
    scans CONSTANT pg_catalog.text := pg_catalog.current_setting('enable_seqscan');
    noted pg_catalog.text;
    standing pg_catalog.text;
    series pg_catalog.text; -- if shard
BEGIN
    IF (pg_catalog.to_regclass('gapless.model')::pg_catalog.oid OPERATOR(pg_catalog.=) target::pg_catalog.oid) IS NOT TRUE THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    ELSIF (gapless.column_named('gapless.model', 'number', '{}'::name[] /*inputs*/) OPERATOR(pg_catalog.=) target::pg_catalog.oid) IS NOT TRUE THEN
        PERFORM gapless.column_check_guards(target, 'number', '{}'::name[] /*inputs*/);
    END IF;
    IF pg_catalog.row_security_active(target) THEN
        RETURN NULL;
    END IF;
    noted := pg_catalog.set_config('enable_seqscan', 'off', true);
    SELECT r.ctid::pg_catalog.text
        , gapless.model_series(r.input) -- if shard
    INTO standing
        , series -- if shard
    FROM gapless.model AS r
    WHERE r.ctid OPERATOR(pg_catalog.=) place AND r.tableoid OPERATOR(pg_catalog.=) part
        AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input) AND pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<=) 0;
    IF standing IS NULL THEN
        SELECT r.ctid::pg_catalog.text
            , gapless.model_series(r.input) -- if shard
        INTO standing
            , series -- if shard
        FROM gapless.model AS r
        WHERE r.key = own.key AND gapless.model_written(r.number) IS NULL AND gapless.model_due(r.input) AND pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<=) 0;
    END IF;
    noted := pg_catalog.set_config('enable_seqscan', scans, true);
    PERFORM gapless.column_lock_briefly(ARRAY[series]) WHERE standing IS NOT NULL; -- if shard
    RETURN coalesce(standing, '');
END;
$function$;

COMMENT ON FUNCTION gapless.model_single IS
'Private, a model for attach_gapless with at_commit. Where a row stands if it waits, for model_number; else nothing. Its key may have been changed, or the primary key. NULL where policies may hide it.';

REVOKE ALL ON FUNCTION gapless.model_single FROM PUBLIC;
