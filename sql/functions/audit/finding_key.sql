-- Stored parsed, and STABLE as what it calls, though of these types that gives the same everywhere: so it is inlined.
CREATE OR REPLACE FUNCTION gapless.finding_key(
    sequence        text,
    attached_column text,
    kind            text,
    first_value     bigint,
    last_value      bigint,
    first_text      text,
    explained       boolean
) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN encode(substr(sha256(convert_to(jsonb_build_array(
    sequence, attached_column, kind, first_value, last_value, first_text, explained
)::text, 'UTF8')), 1, 16), 'hex')::uuid;

COMMENT ON FUNCTION gapless.finding_key IS
'Private, for audit_gapless and record_audit_gapless. What tells a finding from others: of the same numbers, one that is explained is another one than one that is not.';

REVOKE ALL ON FUNCTION gapless.finding_key FROM PUBLIC;
