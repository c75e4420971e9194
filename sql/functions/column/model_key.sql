-- Made only where a setting decides what the text of a key's type is: others cast their keys in place, which costs less.
-- Each of these texts is read alike under every setting.
CREATE OR REPLACE FUNCTION gapless.model_key(
    keys anyarray
) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
SET DateStyle = 'ISO, MDY'
SET IntervalStyle = iso_8601
AS $function$
BEGIN
    RETURN keys::text;
END;
$function$;

COMMENT ON FUNCTION gapless.model_key IS
'Private, a model for attach_gapless with at_commit. The keys of rows as a text, which no setting changes.';

REVOKE ALL ON FUNCTION gapless.model_key FROM PUBLIC;
