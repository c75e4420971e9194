-- One sequence is noted in a setting, several in gapless.pending: what they decide is only the order of the locks.
-- Locks nothing.
CREATE OR REPLACE FUNCTION gapless.column_expect_at_commit(
    target        regclass,
    target_column name,
    name          text
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    noted text := current_setting('gapless.commit_expected', true); -- '=' and the newest name, so that '' is none
BEGIN
    IF column_expect_at_commit.name IS NULL THEN
        PERFORM gapless.column_refuse('unnamed', target, target_column, NULL, NULL);
    END IF;
    PERFORM gapless.check_name(column_expect_at_commit.name);
    IF noted <> '' THEN
        PERFORM gapless.check_name(substr(noted, 2));
        INSERT INTO gapless.pending (txid, name)
        VALUES (txid_current(), substr(noted, 2)), (txid_current(), column_expect_at_commit.name)
        ON CONFLICT DO NOTHING;
        PERFORM set_config('gapless.commit_several', 'on', true);
    END IF;
    PERFORM set_config('gapless.commit_expected', '=' || column_expect_at_commit.name, true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_expect_at_commit IS
'Private, for the triggers of attach_gapless. Notes that the transaction will number a row from the sequence when it commits.';

REVOKE ALL ON FUNCTION gapless.column_expect_at_commit FROM PUBLIC;
