-- It is long because it is the list of the refusals.
CREATE OR REPLACE FUNCTION gapless.column_refuse(
    fault         text,
    target        regclass,
    target_column name,
    name          text,
    detail        text, -- the number, or the dates
    value         bigint DEFAULT NULL -- of the number; of one that was there before, where its text tells it
) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    table_name  text := (SELECT c.relname::text FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    schema_name text := (
        SELECT n.nspname::text
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = target
    );
    what        text := format('column "%s" of table "%s"', target_column, table_name);
    message     text;
    hint        text;
    code        text;
BEGIN
    CASE fault
        WHEN 'written' THEN
            code := 'generated_always';
            message := format('%s numbers itself, so %s cannot be written into it', what, coalesce(quote_literal(detail), 'a number'));
            hint := 'Leave the column out, or give NULL.';
        WHEN 'changed' THEN
            code := 'generated_always';
            message := format('%s numbers itself: %s of sequence "%s" cannot be changed', what, detail, name);
            hint := 'Keep the number. To cancel it, void it with gapless.void_gapless and number a new row.';
        WHEN 'moved' THEN
            code := 'restrict_violation';
            message := format('%s: an update cannot take %s from sequence "%s"', what, detail, name);
            hint := 'What the sequence, the text or the date of a number is made of stays as it is. Void the number with gapless.void_gapless, and insert a new row.';
        WHEN 'chained' THEN
            code := 'generated_always';
            message := format('%s: the hash of %s of sequence "%s", and that of its predecessor, cannot be changed', what, detail, name);
            hint := 'Leave these two columns as they are.';
        WHEN 'hashed' THEN
            code := 'restrict_violation';
            message := format('%s: an update cannot change what the hash of %s of sequence "%s" is made of', what, detail, name);
            hint := 'The next row has that hash. Void the number with gapless.void_gapless, and insert a new row.';
        WHEN 'unhashed' THEN
            code := 'null_value_not_allowed';
            message := format('a row of table "%s" has no hash, which %s of sequence "%s" needs', table_name, detail, name);
            hint := 'The expression chain of gapless.attach_gapless gave NULL for it. The first row of a series has no previous hash: concat_ws leaves out what is NULL.';
        WHEN 'unchained' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s: the row of %s of sequence "%s" arrived with other values than those that its hash is made of', what, detail, name);
            hint := 'A BEFORE trigger whose name sorts after ~gapless_ has changed it. Give that trigger another name: triggers fire in the order of their names.';
        WHEN 'reseried' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s: %s was not issued by sequence "%s", which the expression name gives for its row now', what, detail, name);
            hint := 'What the expressions call has changed, a function, the label of an enum or a composite type: change it back. Or detach the column and attach it again, which takes the numbers over by their sequences of now.';
        WHEN 'changed_name' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s: sequence "%s" would be new, and what the expressions call has changed since it was attached', what, name);
            hint := 'A function, the label of an enum, or a composite type. Change it back; or attach the column once more, by the same gapless.attach_gapless, which takes the numbers over by their sequences of now.';
        WHEN 'deleted' THEN
            code := 'restrict_violation';
            message := format('a numbered row of table "%s" cannot be deleted: %s of sequence "%s"', table_name, detail, name);
            hint := coalesce(
                'Void the number first: SELECT gapless.void_gapless(' || quote_literal(name) || ', ' || coalesce(
                    (SELECT i.value::text FROM gapless.column_issued(target, target_column) AS i WHERE i.name = column_refuse.name COLLATE "C" AND i.number = detail COLLATE "C"),
                    column_refuse.value::text
                ) || ', ''why'').',
                CASE WHEN name IS NOT NULL THEN format('Void the number first: SELECT gapless.void_gapless(%L, NULL, ''why'', %L).', name, detail) END,
                'Its sequence is unknown, since the expression name gives NULL for it.'
            );
        WHEN 'truncated' THEN
            code := 'restrict_violation';
            message := format('table "%s" cannot be truncated: it has numbered rows', table_name);
            hint := 'Void the numbers with gapless.void_gapless and DELETE the rows; or detach the column. In a test database, start over: SELECT gapless.reset_gapless(''%test%'').';
        WHEN 'snapshot' THEN
            code := 'restrict_violation';
            message := format('table "%s" cannot be truncated in this transaction, which may not see all of its numbered rows', table_name);
            hint := 'Use READ COMMITTED.';
        WHEN 'chronology' THEN
            code := 'check_violation';
            message := format('a row of table "%s" is dated before its predecessor in sequence "%s": %s', table_name, name, detail);
            hint := 'Numbers of this sequence follow the dates. Date the row no earlier than the newest one; in one statement, ORDER BY the date.';
        WHEN 'undated' THEN
            code := 'null_value_not_allowed';
            message := format('a row of table "%s" has no date, which sequence "%s" needs', table_name, name);
            hint := 'The expression chronology of gapless.attach_gapless gave NULL for it.';
        WHEN 'unnamed' THEN
            code := 'null_value_not_allowed';
            message := format('a row of table "%s" cannot be numbered: the name of its sequence is NULL', table_name);
            hint := 'The expression name of gapless.attach_gapless gave NULL for it: something that it reads is missing.';
        WHEN 'torn' THEN
            code := 'serialization_failure';
            message := format('rows of table "%s" arrived with other numbers of sequence "%s" than they were given', table_name, name);
            hint := 'Retry. If it happens again, a trigger of the table changes numbers, or deletes or inserts rows while the statement runs.';
        WHEN 'suppressed' THEN
            code := 'restrict_violation';
            message := format('%s: a numbered row of a partition was skipped on its way to another, or to be deleted', what);
            hint := 'A BEFORE trigger of the partition for INSERT or DELETE skips it. Drop it; or give it a name before ''~'', and let it leave numbered rows alone.';
        WHEN 'renamed' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s was attached when the table had another name', what);
            hint := 'Detach the column and attach it again: gapless.detach_gapless, gapless.attach_gapless.';
        WHEN 'misnamed' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s, or a column that its expressions read, was renamed after it was attached', what);
            hint := 'Detach the column by its old name, and attach it by the names of now: gapless.detach_gapless, gapless.attach_gapless. The view gapless.columns says what was renamed.';
        WHEN 'managed' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s cannot number rows: Citus has made a shard of the table', what);
            hint := 'Drop its foreign keys to reference tables, or undistribute it (undistribute_table), so that Citus gives it back. Then detach the column, and attach it again, with the same arguments.';
        WHEN 'younger' THEN
            code := 'serialization_failure';
            message := format('%s was attached since this transaction''s snapshot', what);
            hint := 'Retry the transaction.';
        WHEN 'unguarded' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s has lost the triggers that guard its numbers', what);
            hint := 'It, or a column that its expressions read, was dropped with CASCADE; or somebody dropped the triggers. If it is to number itself, attach it again, by the same definition: gapless.attach_gapless. If not, detach it: gapless.detach_gapless.';
        WHEN 'unnumbered' THEN
            code := 'restrict_violation';
            message := format('%s: a row that has to be numbered could not be updated', what);
            hint := 'A BEFORE UPDATE trigger of the table skips it.';
        WHEN 'unkeyed' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s: a row that has to be numbered is not found by its primary key, which was changed after the column was attached', what);
            hint := 'Attach the column again, with the same arguments: gapless.attach_gapless. The view gapless.columns has them.';
        WHEN 'left' THEN
            code := 'restrict_violation';
            message := format('%s: a row that waits for its number has left with its partition', what);
            hint := 'Detach a partition in a transaction of its own, or SET CONSTRAINTS ALL IMMEDIATE before: that numbers its rows.';
        WHEN 'exhausted' THEN
            code := 'sequence_generator_limit_exceeded';
            message := format('%s: sequence "%s" has no number left below 9223372036854775808', what, name);
            hint := 'Let the expression name of gapless.attach_gapless give another name.';
        WHEN 'uncounted' THEN
            code := 'object_not_in_prerequisite_state';
            message := format('%s cannot number rows while track_counts is off', what);
            hint := 'Turn track_counts on, as autovacuum needs it, too.';
    END CASE;
    RAISE EXCEPTION '%', message
        USING ERRCODE = code, HINT = hint,
            SCHEMA = schema_name, TABLE = table_name, COLUMN = target_column, CONSTRAINT = 'gapless_' || fault;
END;
$function$;

COMMENT ON FUNCTION gapless.column_refuse IS
'Private, for the triggers of attach_gapless. Raises what is wrong with a row: 428C9 (a number written or changed), 23001 (a numbered row deleted, truncated or moved out of its sequence), 23514 (chronology) and others, with the table and the column in the error''s fields.';

REVOKE ALL ON FUNCTION gapless.column_refuse FROM PUBLIC;
