-- A function in FROM, so that the planner takes it into the query that reads a million rows: it finds the place of the
-- number once for all rows whose columns are the same, and evaluates the format once for each.
CREATE OR REPLACE FUNCTION gapless.column_express_read(
    schema name,
    stem   text,
    types  text, -- ', integer', of the columns that the expressions read
    given  text  -- ', $2', or NULL, if the format does not read it: so it does not tell rows apart
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    EXECUTE format(
        $query$
        CREATE FUNCTION %1$I.%2$I(text%4$s) RETURNS SETOF bigint LANGUAGE sql STABLE BEGIN ATOMIC
            -- The digits that stand where the text of 1 has the 1; or else the smallest number that stands there
            -- and gives the text.
            SELECT CASE
                WHEN candidate.value IS NOT NULL AND %1$I.%3$I(candidate.value%5$s) COLLATE "C" = $1 COLLATE "C" THEN candidate.value
                ELSE (
                    SELECT min(v.value)
                    FROM (
                        SELECT CASE WHEN length(ltrim(r.run[1], '0')) <= 18 THEN r.run[1]::bigint END AS value
                        FROM regexp_matches($1, '[0-9]+', 'g') AS r (run)
                        OFFSET 0
                    ) AS v
                    WHERE v.value IS NOT NULL AND %1$I.%3$I(v.value%5$s) COLLATE "C" = $1 COLLATE "C"
                )
            END
            FROM (
                SELECT length(rtrim(left(d.one, d.places[1] - 1), '0')) AS head, length(d.one) - d.places[2] AS tail
                FROM (
                    SELECT t.one, CASE
                        WHEN right(t.one, 1) = '1' THEN ARRAY[length(t.one), length(t.one)]
                        ELSE (
                            SELECT ARRAY[min(i), max(i)]
                            FROM %1$I.%3$I(2::bigint%5$s) AS two
                            CROSS JOIN generate_series(1, length(t.one)) AS i
                            WHERE substr(t.one, i, 1) <> substr(two, i, 1)
                        )
                    END AS places
                    FROM (SELECT %1$I.%3$I(1::bigint%5$s) AS one OFFSET 0) AS t
                    OFFSET 0
                ) AS d
                OFFSET 0
            ) AS around
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN s.digits <> '' AND ltrim(s.digits, '0123456789') = '' AND (octet_length(s.digits) <= 18 OR length(ltrim(s.digits, '0')) <= 18)
                        THEN s.digits::bigint
                END AS value
                FROM (
                    SELECT CASE around.tail WHEN 0 THEN substr($1, around.head + 1) ELSE left(substr($1, around.head + 1), -around.tail) END AS digits
                    OFFSET 0
                ) AS s
                OFFSET 0
            ) AS candidate;
        END
        $query$,
        schema, stem || '_read', stem || '_text', types, given
    );
END;
$function$;

COMMENT ON FUNCTION gapless.column_express_read IS
'Private, for attach_gapless. Makes the function that reads the number from a text that the format gives.';

REVOKE ALL ON FUNCTION gapless.column_express_read FROM PUBLIC;
