CREATE OR REPLACE FUNCTION gapless.column_refuse_waiting() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
BEGIN
    IF pg_trigger_depth() > 1 AND NEW.numbers IS NULL THEN -- at once, within the statement that notes it
        DELETE FROM gapless.waiting AS w WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid;
        PERFORM set_config('gapless.commit_at_once', 'on', true);
    ELSIF pg_trigger_depth() = 1 AND EXISTS (SELECT FROM gapless.waiting AS w WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid) THEN
        RAISE EXCEPTION 'rows that wait for numbers of sequence "%" cannot be numbered any more', NEW.names[1]
            USING ERRCODE = 'restrict_violation', SCHEMA = 'gapless', TABLE = 'waiting', CONSTRAINT = 'gapless_waiting',
                HINT = 'The transaction has dropped or disabled their triggers, or detached their partition. Do that in a transaction of its own.';
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.column_refuse_waiting IS
'Private, a deferred constraint trigger of gapless.waiting. Raises 23001 for rows that the triggers of attach_gapless have noted and not numbered.';

REVOKE ALL ON FUNCTION gapless.column_refuse_waiting FROM PUBLIC;

DROP TRIGGER IF EXISTS waiting_numbered ON gapless.waiting;
CREATE CONSTRAINT TRIGGER waiting_numbered AFTER INSERT ON gapless.waiting DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION gapless.column_refuse_waiting();

COMMENT ON TRIGGER waiting_numbered ON gapless.waiting IS
'At the commit, what is noted has its number.';
