-- With the caller's rights, so that the table's own code sees its role and search_path. The rows are found by their
-- places, which only this transaction can have changed; that they have no number is hidden from the planner, since an
-- index of all numbers is no way to them. The links of a chain follow in the order in which the rows are assigned: so
-- these are the outer side of a nested loop. Each expression costs a session some 13 kB for each table, so they are few.
CREATE OR REPLACE FUNCTION gapless.model_number(
    assigned text -- by model_assign or model_single
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
AS $function$
#variable_conflict use_variable
DECLARE
    given CONSTANT pg_catalog.jsonb := CASE WHEN assigned OPERATOR(pg_catalog.~~) '[%' THEN assigned::pg_catalog.jsonb END;
    before CONSTANT pg_catalog.text[] := ARRAY[ -- in whose UPDATE a trigger has inserted these rows
        pg_catalog.current_setting('gapless.commit_column', true), pg_catalog.current_setting('gapless.commit_known', true),
        pg_catalog.current_setting('gapless.commit_value', true), pg_catalog.current_setting('enable_seqscan')
        , pg_catalog.current_setting('enable_hashjoin'), pg_catalog.current_setting('enable_mergejoin') -- if chain
    ];
    known CONSTANT pg_catalog.text := CASE -- where model_update needs no proof
        WHEN given OPERATOR(pg_catalog.->>) 1 IS NOT NULL
            AND pg_catalog.has_table_privilege('gapless.model'::pg_catalog.regclass, 'TRIGGER') -- unless partitioned
            AND false -- if partitioned
            AND false -- if chain
        THEN '0' /*attachment*/
        ELSE ''
    END;
    noted pg_catalog.text;
BEGIN
    noted := pg_catalog.concat(
        pg_catalog.set_config('gapless.commit_column', '0' /*attachment*/, true),
        pg_catalog.set_config('gapless.commit_known', known, true),
        pg_catalog.set_config('enable_seqscan', 'off', true)
        , pg_catalog.set_config('enable_hashjoin', 'off', true), pg_catalog.set_config('enable_mergejoin', 'off', true) -- if chain
    );
    IF given IS NULL THEN -- unless partitioned
        UPDATE gapless.model AS r -- unless partitioned
        SET number = r.number -- unless partitioned
        WHERE r.ctid OPERATOR(pg_catalog.=) assigned::pg_catalog.tid AND CASE WHEN gapless.model_written(r.number) IS NULL THEN true END -- unless partitioned
        RETURNING CASE WHEN gapless.model_written(r.number) IS NOT NULL THEN pg_catalog.set_config('gapless.commit_done_0' /*done*/, 'on', true) END INTO noted; -- unless partitioned
    ELSE -- unless partitioned
    UPDATE gapless.model AS r
    SET number = CASE
        WHEN known OPERATOR(pg_catalog.<>) '' OR pg_catalog.set_config('gapless.commit_value', coalesce(given.value::pg_catalog.text, ''), true) IS NOT NULL
            THEN coalesce(given.number, r.number)
    END
    FROM ROWS FROM (
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 0)::pg_catalog.tid[]),
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 1)::pg_catalog.int8[]),
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 2)::pg_catalog.text /*number*/[])
        , pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 3)::pg_catalog.oid[]) -- if partitioned
    ) AS given (place, value, number
        , part -- if partitioned
    )
    WHERE r.ctid OPERATOR(pg_catalog.=) given.place
        AND r.tableoid OPERATOR(pg_catalog.=) given.part -- if partitioned
        AND CASE WHEN gapless.model_written(r.number) IS NULL THEN true END;
    END IF; -- unless partitioned
    noted := pg_catalog.concat(
        pg_catalog.set_config('gapless.commit_column', coalesce(before[1], ''), true),
        pg_catalog.set_config('gapless.commit_known', coalesce(before[2], ''), true),
        pg_catalog.set_config('gapless.commit_value', coalesce(before[3], ''), true),
        pg_catalog.set_config('enable_seqscan', before[4], true)
        , pg_catalog.set_config('enable_hashjoin', before[5], true), pg_catalog.set_config('enable_mergejoin', before[6], true) -- if chain
    );
END;
$function$;

COMMENT ON FUNCTION gapless.model_number IS
'Private, a model for attach_gapless with at_commit. Updates the rows that model_assign has found, with the numbers that it has assigned, or with those that model_update gives them one by one.';

REVOKE ALL ON FUNCTION gapless.model_number FROM PUBLIC;
