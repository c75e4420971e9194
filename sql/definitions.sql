-- What the migrations define where programs that read definitions (sqlc) do not see it. Never run.
CREATE SCHEMA gapless;
