CREATE OR REPLACE VIEW gapless.kept AS
SELECT 'decision' AS kept FROM gapless.decision
UNION ALL SELECT 'former' FROM gapless.former
UNION ALL SELECT 'known_text' FROM gapless.known_text
UNION ALL SELECT 'link' FROM gapless.link
UNION ALL SELECT 'moving' FROM gapless.moving
UNION ALL SELECT 'shard' FROM gapless.shard
UNION ALL SELECT 'void' FROM gapless.void
UNION ALL SELECT 'waiting' FROM gapless.waiting;

REVOKE ALL ON TABLE gapless.kept FROM PUBLIC;

COMMENT ON VIEW gapless.kept IS
'Private, and read by nobody. It has the tables that no other view reads, so that DROP TABLE without CASCADE is refused.';
COMMENT ON COLUMN gapless.kept.kept IS 'The table.';
