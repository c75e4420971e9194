CREATE OR REPLACE FUNCTION gapless.column_adopt_voids(
    target        regclass,
    target_column name,
    names         text[], -- the series that would issue them again
    formers       text[], -- and those that have
    numbers       bigint[]
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
DECLARE
    former record;
BEGIN
    FOR former IN
        SELECT DISTINCT ON (u.name COLLATE "C", v.value) u.name, v.value, v.inputs, v.written, format('%s (as sequence "%s")', v.reason, v.name) AS reason
        FROM unnest(names, formers, numbers) AS u (name, former, value)
        JOIN gapless.void AS v ON v.name = u.former COLLATE "C" AND v.value = u.value
        WHERE NOT EXISTS (SELECT FROM gapless.void AS b WHERE b.name = u.name COLLATE "C" AND b.value = v.value)
            AND v.value <= (SELECT n.last_value FROM gapless.last_run(u.name) AS n)
        ORDER BY u.name COLLATE "C", v.value, v.ordinal DESC
    LOOP
        PERFORM gapless.void_gapless(former.name, former.value, former.reason);
        UPDATE gapless.void AS v
        SET target = column_adopt_voids.target, target_column = column_adopt_voids.target_column, inputs = former.inputs, written = coalesce(v.written, former.written)
        WHERE v.name = former.name COLLATE "C" AND v.value = former.value;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION gapless.column_adopt_voids IS
'Private, for attach_gapless. Makes what was void in a former series of the column void in its series of now.';

REVOKE ALL ON FUNCTION gapless.column_adopt_voids FROM PUBLIC;
