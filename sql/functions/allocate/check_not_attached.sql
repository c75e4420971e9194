-- The caller has locked the sequence.
CREATE OR REPLACE FUNCTION gapless.check_not_attached(
    name       text,
    for_column boolean DEFAULT false -- whether a column is to number itself from it
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    attached text;
BEGIN
    SELECT gapless.attached_column(s.target, s.target_column)
    INTO attached
    FROM gapless.sequence_lock AS s
    WHERE s.name = check_not_attached.name COLLATE "C" AND s.target IS NOT NULL;
    IF attached IS NOT NULL THEN
        RAISE EXCEPTION 'sequence "%" belongs to column %, which numbers itself from it', check_not_attached.name, attached
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = CASE
                    WHEN for_column THEN format('To number both tables from one series, attach this one with series_of => %L. To keep them apart, let the expression name give another name; for a schema per tenant, attach it with name => quote_literal(current_schema() || %L).', attached, '/' || check_not_attached.name)
                    ELSE 'Insert a row, and read its number by RETURNING; or take from a sequence of another name.'
                END,
                SCHEMA = 'gapless', TABLE = 'sequence_lock', CONSTRAINT = 'sequence_target';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_not_attached IS
'Private. Raises 55000 when a column numbers itself from the sequence.';

REVOKE ALL ON FUNCTION gapless.check_not_attached FROM PUBLIC;
