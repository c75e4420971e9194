-- A function of its own, since workers can help it: the query of the audit calls what they may not.
CREATE OR REPLACE FUNCTION gapless.audit_journal(
    names text[], -- of the sequences; NULL: all
    seed  bigint, -- of the fingerprints
    dated boolean -- whether to tell when they were allocated
) RETURNS TABLE (
    name            text,
    kind            gapless.journal_kind,
    ordinal         bigint,
    first_value     bigint,
    last_value      bigint,
    whole           boolean, -- whether the values follow each other, one a row, and their ordinals do
    print           bigint,  -- the fingerprint, of whole ones
    allocated_from  timestamptz,
    allocated_until timestamptz,
    written         boolean  -- whether texts are noted
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan -- one for every name would read all for one
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT a.name, a.kind, min(a.ordinal), min(a.first_value), max(a.last_value),
        -- Where each row has one value, and their count is right, they need no order.
        min(a.first_value) >= -4611686018427387904 AND bool_and(a.first_value = a.last_value)
            AND min(CASE WHEN a.first_value >= -4611686018427387904 THEN a.first_value - a.ordinal END) = max(CASE WHEN a.first_value >= -4611686018427387904 THEN a.first_value - a.ordinal END)
            AND max(a.last_value)::numeric - min(a.first_value) + 1 = count(*),
        bit_xor(CASE WHEN a.texts IS NULL THEN hashint8extended(a.first_value, seed) ELSE hashtextextended(a.texts[1], seed) END),
        min(CASE WHEN audit_journal.dated AND a.allocated_at BETWEEN '0001-01-02' AND '9999-12-31' THEN a.allocated_at END), max(CASE WHEN audit_journal.dated AND a.allocated_at BETWEEN '0001-01-02' AND '9999-12-31' THEN a.allocated_at END),
        bool_or(a.texts IS NOT NULL)
    FROM gapless.journal AS a
    WHERE names IS NULL OR a.name = ANY (names)
    GROUP BY a.name, a.kind;
END;
$function$;

COMMENT ON FUNCTION gapless.audit_journal IS
'Private, for audit_gapless. What the journal has of sequences, a row for each kind of entry. Reads each entry once; several processes share a large journal, as max_parallel_workers_per_gather allows.';

REVOKE ALL ON FUNCTION gapless.audit_journal FROM PUBLIC;
