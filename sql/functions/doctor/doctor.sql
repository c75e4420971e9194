-- Each part is a view of its own; a new check is a branch there, with its finding's name above it.
CREATE OR REPLACE VIEW gapless.doctor AS
SELECT f.severity, f.finding, f.object, f.message, f.remedy
FROM (
    SELECT a.severity, a.finding, a.object, a.message, a.remedy FROM gapless.doctor_activity AS a
    UNION ALL
    SELECT s.severity, s.finding, s.object, s.message, s.remedy FROM gapless.doctor_server AS s
    UNION ALL
    SELECT c.severity, c.finding, c.object, c.message, c.remedy FROM gapless.doctor_columns AS c
    UNION ALL
    SELECT s.severity, s.finding, s.object, s.message, s.remedy FROM gapless.doctor_series AS s
    UNION ALL
    SELECT i.severity, i.finding, i.object, i.message, i.remedy FROM gapless.doctor_installation AS i
    UNION ALL
    SELECT p.severity, p.finding, p.object, p.message, p.remedy FROM gapless.doctor_privileges AS p
    UNION ALL
    SELECT n.severity, n.finding, n.object, n.message, n.remedy FROM gapless.doctor_cluster AS n
) AS f
WHERE NOT EXISTS (
    SELECT FROM gapless.doctor_setting AS t
    WHERE t.name = 'gapless.doctor_ignored' AND (f.finding = ANY (t.items) OR f.finding || ' ' || f.object = ANY (t.items))
)
ORDER BY array_position('{critical,warning,notice}', f.severity), f.finding, f.object, f.message;

REVOKE ALL ON TABLE gapless.doctor FROM PUBLIC;

COMMENT ON VIEW gapless.doctor IS
'What is wrong, and what to do: a row only when somebody has something to do. Reads the catalogs, settings, sessions and gapless''s own tables, and no table of yours; waits for nobody but who rewrites one of gapless''s tables. Thresholds are the settings gapless.doctor_...';
COMMENT ON COLUMN gapless.doctor.severity IS '''critical'': numbers, or those who wait for one, are in danger now; ''warning'': they will be; ''notice'': to be known.';
COMMENT ON COLUMN gapless.doctor.finding IS 'Which check it is of: a name that stays.';
COMMENT ON COLUMN gapless.doctor.object IS 'What it is about: a sequence, a column, a table, a role, a setting, a session.';
COMMENT ON COLUMN gapless.doctor.message IS 'What is.';
COMMENT ON COLUMN gapless.doctor.remedy IS 'What to do: the statements to run, where nobody has to decide anything.';
