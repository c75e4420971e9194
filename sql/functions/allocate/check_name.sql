CREATE OR REPLACE FUNCTION gapless.check_name(
    name text
) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF check_name.name IS NULL THEN
        RAISE EXCEPTION 'the name of a sequence must not be NULL'
            USING ERRCODE = 'null_value_not_allowed',
                HINT = 'Give the name of a sequence, 1 to 255 bytes long.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'name';
    ELSIF octet_length(check_name.name) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'sequence "%": its name has % bytes, and must have 1 to 255',
            left(check_name.name, 40), octet_length(check_name.name)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give another name; if it is too long, a hash of its variable part.',
                SCHEMA = 'gapless', TABLE = 'sequence_lock', COLUMN = 'name', CONSTRAINT = 'sequence_name_length';
    END IF;
END;
$function$;

COMMENT ON FUNCTION gapless.check_name IS
'Private. Raises 22004 (NULL) or 22023 (empty, or more than 255 bytes) unless name can be the name of a sequence.';

REVOKE ALL ON FUNCTION gapless.check_name FROM PUBLIC;
