CREATE OR REPLACE FUNCTION gapless.column_assign(
    attachment bigint,
    keys       text[],
    taken      bigint[],
    numbers    anyarray -- as they will stand in the rows
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO gapless.waiting (attachment, keys, taken, numbers)
    VALUES (column_assign.attachment, column_assign.keys, column_assign.taken, column_assign.numbers::text[]);
END;
$function$;

COMMENT ON FUNCTION gapless.column_assign IS
'Private, for the triggers of attach_gapless. Notes which rows get which numbers at commit, where nobody else can change it, until they have them.';

REVOKE ALL ON FUNCTION gapless.column_assign FROM PUBLIC;
