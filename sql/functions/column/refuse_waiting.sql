CREATE OR REPLACE FUNCTION gapless.refuse_waiting() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
BEGIN
    IF NEW.numbers IS NOT NULL OR NOT EXISTS (SELECT FROM gapless.waiting AS w WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid) THEN
        RETURN NULL;
    END IF;
    IF NEW.seen THEN
        -- Where constraints are immediate, it looks again at once, and the row's own triggers are still to come, if it has them.
        IF pg_trigger_depth() > 1 AND (
            SELECT bool_and(t.tgenabled = 'O')
            FROM pg_catalog.pg_trigger AS t
            JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
            WHERE starts_with(t.tgname, '~gapless_confirm_') AND strpos(p.prosrc, '_' || NEW.attachment) > 0
        ) THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'rows that wait for numbers of sequence "%" cannot be numbered any more', NEW.names[1]
            USING ERRCODE = 'restrict_violation', SCHEMA = 'gapless', TABLE = 'waiting', CONSTRAINT = 'gapless_waiting',
                HINT = 'The transaction has dropped or disabled their triggers, or detached their partition. Do that in a transaction of its own.';
    END IF;
    DELETE FROM gapless.waiting AS w WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid;
    IF pg_trigger_depth() > 1 THEN -- at once, within the statement that notes it
        PERFORM set_config('gapless.commit_at_once', 'on', true);
    ELSE -- before the row's own triggers: it looks again after all that wait now
        INSERT INTO gapless.waiting (attachment, names, keys, seen) VALUES (NEW.attachment, NEW.names, NEW.keys, true);
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.refuse_waiting IS
'Private, a deferred constraint trigger of gapless.waiting. Raises 23001 for rows that the triggers of attach_gapless have noted and not numbered.';

REVOKE ALL ON FUNCTION gapless.refuse_waiting FROM PUBLIC;

DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = 'gapless.waiting'::regclass AND t.tgname = 'waiting_numbered') THEN
        CREATE CONSTRAINT TRIGGER waiting_numbered AFTER INSERT ON gapless.waiting DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION gapless.refuse_waiting();
    END IF;
END;
$do$;

COMMENT ON TRIGGER waiting_numbered ON gapless.waiting IS
'At the commit, what is noted has its number.';
COMMENT ON CONSTRAINT waiting_numbered ON gapless.waiting IS
'At the commit, what is noted has its number.';
