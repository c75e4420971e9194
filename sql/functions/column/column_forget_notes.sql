CREATE OR REPLACE FUNCTION gapless.column_forget_notes(
    target        regclass,
    target_column name
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- As column_code names it.
    PERFORM set_config('gapless.column_note_' || left(encode(sha256(replace(target::text || ' ' || target_column, e'\\', e'\\\\')::bytea), 'hex'), 12), '', true);
    PERFORM set_config('gapless.column_switched', '', true);
    PERFORM set_config('gapless.column_next_' || slot, '', true) FROM generate_series(0, 63) AS slot;
END;
$function$;

COMMENT ON FUNCTION gapless.column_forget_notes IS
'Private, for attach_gapless and detach_gapless. Drops what this transaction noted of the column''s next numbers.';

REVOKE ALL ON FUNCTION gapless.column_forget_notes FROM PUBLIC;
