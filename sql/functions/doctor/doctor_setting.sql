-- A value that is none is not used, and a finding of its own (setting_invalid): a monitor that fails sees nothing.
CREATE OR REPLACE VIEW gapless.doctor_setting AS
SELECT
    s.name,
    s.kind,
    s.fallback,
    s.given,
    s.valid,
    CASE WHEN s.kind = 'duration' THEN (CASE WHEN s.valid THEN s.given ELSE s.fallback END)::interval END AS duration,
    CASE s.kind
        WHEN 'size' THEN pg_size_bytes(CASE WHEN s.valid THEN s.given ELSE s.fallback END)
        WHEN 'count' THEN (CASE WHEN s.valid THEN s.given ELSE s.fallback END)::bigint
    END AS amount,
    CASE WHEN s.kind = 'list' THEN regexp_split_to_array(btrim(coalesce(s.given, '')), '\s*,\s*') END AS items
FROM (
    SELECT
        v.name::text AS name,
        v.kind::text AS kind,
        v.fallback::text AS fallback,
        g.given::text AS given,
        CASE v.kind
            WHEN 'duration' THEN g.given ~ '^\s*[0-9]{1,9}([.][0-9]{1,6})?\s*(ms|s|sec|seconds?|min|minutes?|h|hours?|d|days?)?\s*$'
            WHEN 'size' THEN g.given ~* '^\s*[0-9]{1,9}([.][0-9]{1,6})?\s*(bytes|kb|mb|gb|tb)?\s*$'
            WHEN 'count' THEN g.given ~ '^\s*[0-9]{1,18}\s*$'
            ELSE true
        END IS TRUE AS valid
    FROM (
        VALUES
            ('gapless.doctor_held', 'duration', '10 s'),
            ('gapless.doctor_idle', 'duration', '5 s'),
            ('gapless.doctor_waiting', 'count', '20'),
            ('gapless.doctor_prepared', 'duration', '1 min'),
            ('gapless.doctor_snapshot', 'duration', '30 min'),
            ('gapless.doctor_snapshot_age', 'count', '10000000'),
            ('gapless.doctor_journal_size', 'size', '10 GB'),
            ('gapless.doctor_freeze_age', 'count', '500000000'),
            ('gapless.doctor_used', 'count', '90'),
            ('gapless.doctor_audit', 'duration', '8 days'),
            ('gapless.doctor_ignored', 'list', '')
    ) AS v (name, kind, fallback)
    CROSS JOIN LATERAL nullif(current_setting(v.name, true), '') AS g (given)
) AS s;

REVOKE ALL ON TABLE gapless.doctor_setting FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_setting IS
'Private, for gapless.doctor. One row a custom setting that it reads: a threshold, or what it leaves out.';
COMMENT ON COLUMN gapless.doctor_setting.name IS 'The setting.';
COMMENT ON COLUMN gapless.doctor_setting.kind IS '''duration'', ''size'', ''count'' or ''list''.';
COMMENT ON COLUMN gapless.doctor_setting.fallback IS 'What holds where it is not set, or to no value of its kind.';
COMMENT ON COLUMN gapless.doctor_setting.given IS 'What it is set to, or NULL.';
COMMENT ON COLUMN gapless.doctor_setting.valid IS 'Whether that is a value of its kind.';
COMMENT ON COLUMN gapless.doctor_setting.duration IS 'What holds, of a duration.';
COMMENT ON COLUMN gapless.doctor_setting.amount IS 'What holds, of a size in bytes or a count.';
COMMENT ON COLUMN gapless.doctor_setting.items IS 'What holds, of a list.';

-- Values keep the spelling in which ALTER ROLE or ALTER DATABASE had them.
CREATE OR REPLACE VIEW gapless.doctor_given AS
SELECT
    split_part(item.setting, '=', 1) AS name,
    substr(item.setting, strpos(item.setting, '=') + 1) AS value,
    CASE
        WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'all roles'
        WHEN s.setrole = 0 THEN format('database %I', current_database())
        WHEN s.setdatabase = 0 THEN format('role %I', pg_get_userbyid(s.setrole))
        ELSE format('role %I in database %I', pg_get_userbyid(s.setrole), current_database())
    END AS scope,
    s.setrole = 0 AS everyone,
    CASE
        WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'ALTER ROLE ALL'
        WHEN s.setrole = 0 THEN format('ALTER DATABASE %I', current_database())
        WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I', pg_get_userbyid(s.setrole))
        ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), current_database())
    END || format(' RESET %s;', split_part(item.setting, '=', 1)) AS reset
FROM pg_catalog.pg_db_role_setting AS s
CROSS JOIN LATERAL unnest(s.setconfig) AS item (setting)
WHERE s.setdatabase = 0 OR s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database());

REVOKE ALL ON TABLE gapless.doctor_given FROM PUBLIC;

COMMENT ON VIEW gapless.doctor_given IS
'Private, for gapless.doctor. One row a setting that sessions of this database begin with, by their role or the database.';
COMMENT ON COLUMN gapless.doctor_given.name IS 'The setting.';
COMMENT ON COLUMN gapless.doctor_given.value IS 'Its value, as it was given.';
COMMENT ON COLUMN gapless.doctor_given.scope IS 'Whose sessions have it, for people.';
COMMENT ON COLUMN gapless.doctor_given.everyone IS 'Whether it is every role''s.';
COMMENT ON COLUMN gapless.doctor_given.reset IS 'The statement that takes it away.';
