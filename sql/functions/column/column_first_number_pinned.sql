-- Plans are made for one path. A session that changed between paths in column_first_number itself would have it plan
-- its statements again each time.
CREATE OR REPLACE FUNCTION gapless.column_first_number_pinned(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    note          text,
    relation      oid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    RETURN gapless.column_first_number(target, target_column, column_first_number_pinned.name, initial, note, relation);
END;
$function$;

COMMENT ON FUNCTION gapless.column_first_number_pinned IS
'Private, for the triggers of attach_gapless whose expressions need a search_path of their own: column_first_number under the usual one.';

REVOKE ALL ON FUNCTION gapless.column_first_number_pinned FROM PUBLIC;
