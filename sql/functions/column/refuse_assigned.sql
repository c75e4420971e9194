-- Whoever makes constraints immediate within a trigger meets what is in progress: that is looked at again at the commit.
CREATE OR REPLACE FUNCTION gapless.refuse_assigned() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.waiting AS w WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid) THEN
        RETURN NULL;
    ELSIF pg_trigger_depth() > 1 THEN
        SET CONSTRAINTS gapless.waiting_assigned DEFERRED;
        UPDATE gapless.waiting AS w SET seen = true WHERE w.ctid = NEW.ctid AND w.txid = NEW.txid;
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'rows that were to get the numbers % have not got them', array_to_string(NEW.numbers[1:10], ', ')
        USING ERRCODE = 'restrict_violation', SCHEMA = 'gapless', TABLE = 'waiting', CONSTRAINT = 'gapless_assigned',
            HINT = 'The transaction has called functions of the column, or set settings gapless.*, that are for its triggers alone.';
END;
$function$;

COMMENT ON FUNCTION gapless.refuse_assigned IS
'Private, a deferred constraint trigger of gapless.waiting. Raises 23001 for numbers that rows were to get at the commit and have not.';

REVOKE ALL ON FUNCTION gapless.refuse_assigned FROM PUBLIC;

DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = 'gapless.waiting'::regclass AND t.tgname = 'waiting_assigned') THEN
        CREATE CONSTRAINT TRIGGER waiting_assigned AFTER INSERT OR UPDATE ON gapless.waiting DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.numbers IS NOT NULL) EXECUTE FUNCTION gapless.refuse_assigned();
    END IF;
END;
$do$;

COMMENT ON TRIGGER waiting_assigned ON gapless.waiting IS 'At the commit, rows have the numbers that they were to get.';
COMMENT ON CONSTRAINT waiting_assigned ON gapless.waiting IS 'At the commit, rows have the numbers that they were to get.';
