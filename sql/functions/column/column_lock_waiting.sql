-- In that order, transactions which number several cannot deadlock.
CREATE OR REPLACE FUNCTION gapless.column_lock_waiting() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
DECLARE
    name text;
BEGIN
    IF current_setting('gapless.commit_locked', true) = 'on' THEN
        RETURN;
    END IF;
    FOR name IN
        SELECT DISTINCT n.name COLLATE "C" FROM gapless.waiting AS w CROSS JOIN LATERAL unnest(w.names) AS n (name) WHERE w.txid = txid_current() ORDER BY 1
    LOOP -- trap: all are locked in one order
        PERFORM gapless.check_name(name), gapless.lock_or_make_sequence(name, false);
    END LOOP;
    PERFORM set_config('gapless.commit_locked', 'on', true);
END;
$function$;

COMMENT ON FUNCTION gapless.column_lock_waiting IS
'Private, for the triggers of attach_gapless. Locks the sequences of all rows that the transaction is to number at commit, in the order of their names.';

REVOKE ALL ON FUNCTION gapless.column_lock_waiting FROM PUBLIC;
