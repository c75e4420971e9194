CREATE OR REPLACE FUNCTION gapless.shard_hand_over(
    gone        bigint, -- the oid of the table that was a shard here
    column_name name,
    names       jsonb,
    relation    regclass
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    chosen CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(names));
BEGIN
    UPDATE gapless.sequence_lock AS s SET target = NULL, target_column = NULL
    WHERE s.name = ANY (chosen) AND s.target = gone::oid::regclass AND s.target_column = column_name;
    UPDATE gapless.void AS v SET target = relation WHERE v.name = ANY (chosen) AND v.target = gone::oid::regclass;
    UPDATE gapless.known_text AS k SET target = relation WHERE k.name = ANY (chosen) AND k.target = gone::oid::regclass;
    UPDATE gapless.former AS f SET target = relation WHERE f.name = ANY (chosen) AND f.target = gone::oid::regclass;
END;
$function$;

COMMENT ON FUNCTION gapless.shard_hand_over IS
'Private, for shard_attach. Gives sequences of a shard that was on this node to a table that has its rows now. Locks them until the transaction ends.';

REVOKE ALL ON FUNCTION gapless.shard_hand_over FROM PUBLIC;
