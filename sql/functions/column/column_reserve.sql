CREATE OR REPLACE FUNCTION gapless.column_reserve(
    target        regclass,
    target_column name,
    name          text,
    initial       bigint,
    head          regclass DEFAULT NULL, -- the column whose series it shares; NULL: its own
    head_column   name     DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM gapless.check_name(column_reserve.name);
    PERFORM gapless.lock_or_make_sequence(column_reserve.name, false);
    IF EXISTS (SELECT FROM gapless.sequence_lock AS s WHERE s.name = column_reserve.name COLLATE "C" AND s.target = head AND s.target_column = head_column) THEN
        RETURN;
    END IF;
    PERFORM gapless.column_claim_sequence(coalesce(head, target), coalesce(head_column, target_column), column_reserve.name);
    UPDATE gapless.sequence_lock AS s SET initial = column_reserve.initial WHERE s.name = column_reserve.name COLLATE "C";
END;
$function$;

COMMENT ON FUNCTION gapless.column_reserve IS
'Private, for attach_gapless. Makes a sequence a column''s own before its first row. Locks it until the transaction ends. Raises 55000 where it is another column''s or has cycled; 22004, 22023 for the name.';

REVOKE ALL ON FUNCTION gapless.column_reserve FROM PUBLIC;
