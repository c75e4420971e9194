CREATE OR REPLACE FUNCTION gapless.shard_digest(
    names jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    chosen CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(names));
BEGIN
    RETURN jsonb_build_object(
        'sequences', (SELECT count(*) FROM gapless.sequence_lock AS s WHERE s.name = ANY (chosen)),
        'journal', (SELECT jsonb_build_array(count(*), sum(j.ordinal), sum(j.last_value)) FROM gapless.journal AS j WHERE j.name = ANY (chosen)),
        'void', (SELECT jsonb_build_array(count(*), sum(v.value)) FROM gapless.void AS v WHERE v.name = ANY (chosen)),
        'decisions', (SELECT jsonb_build_array(count(*), sum(d.ordinal)) FROM gapless.decision AS d WHERE d.name = ANY (chosen)),
        'links', (SELECT jsonb_build_array(count(*), sum(l.value)) FROM gapless.link AS l WHERE l.name = ANY (chosen)),
        'ranges', (SELECT jsonb_build_array(count(*), sum(r.last_value)) FROM gapless.number_range AS r WHERE r.name = ANY (chosen)),
        'texts', (SELECT count(*) FROM gapless.known_text AS k WHERE k.name = ANY (chosen)),
        'former', (SELECT count(*) FROM gapless.former AS f WHERE f.name = ANY (chosen))
    );
END;
$function$;

COMMENT ON FUNCTION gapless.shard_digest IS
'Private, for the coordinator, on a node. How much is known of some sequences, with sums of their numbers: the same on two nodes once all was taken.';

REVOKE ALL ON FUNCTION gapless.shard_digest FROM PUBLIC;
