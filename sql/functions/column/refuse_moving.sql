-- As refuse_assigned.
CREATE OR REPLACE FUNCTION gapless.refuse_moving() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM gapless.moving AS m WHERE m.txid = NEW.txid AND m.member = NEW.member AND m.name = NEW.name AND m.number = NEW.number AND m.arrived) THEN
        RETURN NULL;
    ELSIF pg_trigger_depth() > 1 THEN
        SET CONSTRAINTS gapless.moving_arrived DEFERRED;
        UPDATE gapless.moving AS m SET arrived = true WHERE m.txid = NEW.txid AND m.member = NEW.member AND m.name = NEW.name AND m.number = NEW.number AND m.arrived;
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the row of % of sequence "%" was deleted, and the one that was inserted for it has not arrived', NEW.number, NEW.name
        USING ERRCODE = 'restrict_violation', SCHEMA = 'gapless', TABLE = 'moving', CONSTRAINT = 'gapless_moving',
            HINT = 'Void the number before its row is deleted.';
END;
$function$;

COMMENT ON FUNCTION gapless.refuse_moving IS
'Private, a deferred constraint trigger of gapless.moving. Raises 23001 for a numbered row that has left its partition and arrived nowhere.';

REVOKE ALL ON FUNCTION gapless.refuse_moving FROM PUBLIC;

DO $do$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = 'gapless.moving'::regclass AND t.tgname = 'moving_arrived') THEN
        CREATE CONSTRAINT TRIGGER moving_arrived AFTER UPDATE ON gapless.moving DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.arrived) EXECUTE FUNCTION gapless.refuse_moving();
    END IF;
END;
$do$;

COMMENT ON TRIGGER moving_arrived ON gapless.moving IS 'At the commit, a row that left its partition is in another one.';
COMMENT ON CONSTRAINT moving_arrived ON gapless.moving IS 'At the commit, a row that left its partition is in another one.';
