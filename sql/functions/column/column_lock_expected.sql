-- In that order, transactions which number several cannot deadlock.
CREATE OR REPLACE FUNCTION gapless.column_lock_expected() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    names text[];
    name  text;
BEGIN
    -- Now and then, what transactions left behind whose rows did not arrive: to look for it costs more than it weighs.
    IF random() < 0.001 THEN
        DELETE FROM gapless.pending AS p
        USING (
            SELECT s.txid, s.name
            FROM gapless.pending AS s
            WHERE s.txid < txid_snapshot_xmin(txid_current_snapshot())
            FOR UPDATE SKIP LOCKED
        ) AS stale
        WHERE p.txid = stale.txid AND p.name = stale.name;
    END IF;
    WITH noted AS (
        DELETE FROM gapless.pending AS p WHERE p.txid = txid_current() RETURNING p.name
    )
    SELECT array_agg(n.name ORDER BY n.name COLLATE "C") INTO names FROM noted AS n;
    FOREACH name IN ARRAY coalesce(names, '{}'::text[]) LOOP -- trap: all are locked in one order
        PERFORM gapless.lock_or_make_sequence(name, false);
    END LOOP;
    PERFORM set_config('gapless.commit_expected', '', true), set_config('gapless.commit_several', '', true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_lock_expected IS
'Private, for the triggers of attach_gapless. Locks the sequences of all rows that the transaction is to number at commit, in the order of their names.';

REVOKE ALL ON FUNCTION gapless.column_lock_expected FROM PUBLIC;
