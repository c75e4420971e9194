-- Whoever detaches a partition has locked it until the end of the transaction. A row of an earlier version is not there.
CREATE OR REPLACE FUNCTION gapless.column_has_left(
    relation regclass, -- that was a partition when the row came
    place    tid
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    there boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s AS r WHERE r.ctid = $1)', relation) INTO there USING place;
    RETURN there AND EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE l.pid = pg_backend_pid() AND l.relation = column_has_left.relation AND l.mode = 'AccessExclusiveLock'
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_has_left IS
'Private, for the triggers of attach_gapless. Whether this transaction has taken a row out of its table by detaching its partition.';

REVOKE ALL ON FUNCTION gapless.column_has_left FROM PUBLIC;
