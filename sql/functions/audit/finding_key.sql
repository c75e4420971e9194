-- IMMUTABLE, though jsonb_build_array is not: of texts, numbers and booleans it always makes the same.
CREATE OR REPLACE FUNCTION gapless.finding_key(
    sequence        text,
    attached_column text,
    kind            text,
    first_value     bigint,
    last_value      bigint,
    first_text      text,
    explained       boolean
) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN encode(substr(sha256(convert_to(jsonb_build_array(
        finding_key.sequence, finding_key.attached_column, finding_key.kind, finding_key.first_value, finding_key.last_value,
        finding_key.first_text, finding_key.explained
    )::text, 'UTF8')), 1, 16), 'hex')::uuid;
END;
$function$;

COMMENT ON FUNCTION gapless.finding_key IS
'Private, for audit_gapless and record_audit_gapless. What tells a finding from others: of the same numbers, one that is explained is another one than one that is not.';

REVOKE ALL ON FUNCTION gapless.finding_key FROM PUBLIC;
