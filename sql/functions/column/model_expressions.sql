-- What stands for a column's expressions in the functions that are written for gapless.model. attach_gapless makes a
-- column's own, each an SQL-standard function of the columns that the expressions read, so that the planner inlines it.
-- Not of the table's row type: that would keep ALTER TABLE from changing the table.
CREATE OR REPLACE FUNCTION gapless.model_series(input text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN input;

COMMENT ON FUNCTION gapless.model_series IS
'Private, a model for attach_gapless. The name of a row''s sequence.';

REVOKE ALL ON FUNCTION gapless.model_series FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_due(input text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN true;

COMMENT ON FUNCTION gapless.model_due IS
'Private, a model for attach_gapless. Whether a row is to be numbered.';

REVOKE ALL ON FUNCTION gapless.model_due FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_dated(input text) RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN NULL::timestamp;

COMMENT ON FUNCTION gapless.model_dated IS
'Private, a model for attach_gapless. A row''s date, for chronology.';

REVOKE ALL ON FUNCTION gapless.model_dated FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_text(value bigint, input text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN value::text;

COMMENT ON FUNCTION gapless.model_text IS
'Private, a model for attach_gapless. What stands in a row whose number is value.';

REVOKE ALL ON FUNCTION gapless.model_text FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_chain(number text, input text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN NULL::bytea;

COMMENT ON FUNCTION gapless.model_chain IS
'Private, a model for attach_gapless with chain. The hash of a row.';

REVOKE ALL ON FUNCTION gapless.model_chain FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_written(number text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN number;

COMMENT ON FUNCTION gapless.model_written IS
'Private, a model for attach_gapless. What stands in a row, NULL where that means that it has no number yet.';

REVOKE ALL ON FUNCTION gapless.model_written FROM PUBLIC;

CREATE OR REPLACE FUNCTION gapless.model_read(number text, input text) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
RETURN number::bigint;

COMMENT ON FUNCTION gapless.model_read IS
'Private, a model for attach_gapless. The value of a number that was there before, in one row; NULL where its text does not tell.';

REVOKE ALL ON FUNCTION gapless.model_read FROM PUBLIC;
