-- column_expect: private, for the triggers of attach_gapless; notes that a row will be numbered at commit.
--
-- Locks no sequence. Raises what check_name raises.
CREATE OR REPLACE FUNCTION gapless.column_expect(
    target        regclass,
    target_column name,
    name          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF column_expect.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_expect.name);
    INSERT INTO gapless.pending (txid, name) VALUES (txid_current(), column_expect.name) ON CONFLICT DO NOTHING;
END;
$function$;

COMMENT ON FUNCTION gapless.column_expect IS
'Private, for the triggers of attach_gapless. Notes that the transaction will number a row from the sequence when it commits.';

REVOKE ALL ON FUNCTION gapless.column_expect FROM PUBLIC;
