CREATE OR REPLACE FUNCTION gapless.refuse_append_only() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'what was recorded of audits stays: % of table gapless.% is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Record another audit, with a note. The view gapless.audits shows all.',
            SCHEMA = 'gapless', TABLE = TG_TABLE_NAME, CONSTRAINT = 'gapless_append_only';
END;
$function$;

COMMENT ON FUNCTION gapless.refuse_append_only IS
'Private, a trigger of gapless.audit_record and gapless.recorded_finding. Raises 55000.';

REVOKE ALL ON FUNCTION gapless.refuse_append_only FROM PUBLIC;

CREATE OR REPLACE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gapless.audit_record
FOR EACH STATEMENT EXECUTE FUNCTION gapless.refuse_append_only();

COMMENT ON TRIGGER audit_record_append_only ON gapless.audit_record IS
'What was recorded stays.';

CREATE OR REPLACE TRIGGER recorded_finding_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gapless.recorded_finding
FOR EACH STATEMENT EXECUTE FUNCTION gapless.refuse_append_only();

COMMENT ON TRIGGER recorded_finding_append_only ON gapless.recorded_finding IS
'What was recorded stays.';
