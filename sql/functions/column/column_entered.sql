CREATE OR REPLACE FUNCTION gapless.column_entered(
    name   text,
    number text,
    value  bigint, -- NULL with a format
    attachment bigint DEFAULT NULL -- NULL: of any column that shares the series
) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off -- a plan made while the journal is small must stay right when it is large
AS $function$
BEGIN
    RETURN (
        SELECT e.value
        FROM (
            SELECT coalesce(column_entered.value, j.first_value + (array_position(j.texts, column_entered.number) - 1)) AS value
            FROM gapless.journal AS j
            WHERE j.name = column_entered.name COLLATE "C"
                AND j.ordinal > coalesce((
                    SELECT p.ordinal FROM gapless.journal AS p WHERE p.name = column_entered.name COLLATE "C" AND p.txid <> txid_current() ORDER BY p.ordinal DESC LIMIT 1
                ), 0) -- so that the journal is read no further back than to what others wrote, before this transaction had the lock
                AND j.txid = txid_current()
                AND (column_entered.attachment IS NULL OR abs(j.attachment) = column_entered.attachment) -- not a number of another table's
                AND j.kind = 'issued'
                AND (column_entered.value BETWEEN j.first_value AND j.last_value OR column_entered.number = ANY (j.texts))
            ORDER BY j.ordinal DESC
            LIMIT 1
        ) AS e
        WHERE NOT EXISTS (SELECT FROM gapless.void AS v WHERE v.name = column_entered.name COLLATE "C" AND v.value = e.value)
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_entered IS
'Private, for the triggers of attach_gapless. The value of a number that this transaction has entered already, and that is not void; else NULL.';

REVOKE ALL ON FUNCTION gapless.column_entered FROM PUBLIC;
