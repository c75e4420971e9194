-- See column_first_number_pinned.
CREATE OR REPLACE FUNCTION gapless.column_enter_row_pinned(
    attachment bigint,
    name       text,
    value      bigint,
    dated      timestamp,
    note       text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    RETURN gapless.column_enter_row(attachment, column_enter_row_pinned.name, value, dated, note);
END;
$function$;

COMMENT ON FUNCTION gapless.column_enter_row_pinned IS
'Private, for the triggers of attach_gapless whose expressions need a search_path of their own: column_enter_row under the usual one.';

REVOKE ALL ON FUNCTION gapless.column_enter_row_pinned FROM PUBLIC;
