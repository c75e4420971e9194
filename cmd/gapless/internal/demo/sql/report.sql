-- What the committed rows say, a row a series.
WITH tried AS (
    SELECT
        a.series,
        count(*) FILTER (WHERE i.attempt IS NULL AND k.attempt IS NULL) AS rolled_back,
        count(*) FILTER (WHERE i.attempt IS NULL AND k.attempt IS NOT NULL) AS killed,
        count(*) FILTER (WHERE a.savepoint) AS savepoints,
        count(l.attempt) AS looked_up,
        count(*) FILTER (WHERE i.attempt IS NULL AND k.attempt IS NULL AND a.intent = 'commit') AS lost,
        count(*) FILTER (WHERE i.attempt IS NOT NULL AND a.intent = 'rollback') AS leaked,
        min(a.begun_at) AS begun_at
    FROM attempt AS a
    LEFT JOIN invoice AS i ON i.series = a.series AND i.attempt = a.id
    LEFT JOIN killed AS k ON k.attempt = a.id
    LEFT JOIN looked_up AS l ON l.attempt = a.id
    GROUP BY a.series
), issued AS (
    SELECT
        i.series,
        count(*) AS committed,
        min(i.number) AS first,
        max(i.number) AS last,
        max(i.number) - count(DISTINCT i.number) AS holes,
        count(*) - count(DISTINCT i.number) AS doubles,
        count(DISTINCT i.order_no) AS orders,
        max(i.written_at) AS ended_at
    FROM invoice AS i
    GROUP BY i.series
)
SELECT
    series,
    committed,
    rolled_back,
    killed,
    savepoints,
    looked_up,
    first,
    last,
    holes,
    doubles,
    orders,
    lost,
    leaked,
    round(extract(epoch FROM ended_at - begun_at)::numeric, 3)::float8 AS seconds,
    round((committed / extract(epoch FROM ended_at - begun_at))::numeric, 1)::float8 AS per_second
FROM issued
JOIN tried USING (series)
ORDER BY series;
