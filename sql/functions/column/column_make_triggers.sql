-- Their names sort last, so that what they number is what is written.
CREATE OR REPLACE FUNCTION gapless.column_make_triggers(
    target        regclass,
    target_column name,
    schema        name,
    stem          text,
    attachment    bigint,
    options       text[],     -- as for column_compile
    unnumbered    text,
    inputs        smallint[]  -- the columns that the expressions read
) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    late        CONSTANT boolean := 'at_commit' = ANY (options);
    partitioned CONSTANT boolean := 'partitioned' = ANY (options);
    each        CONSTANT boolean := partitioned OR 'chain' = ANY (options); -- rows that wait are numbered one by one
    moves       CONSTANT boolean := 'moves' = ANY (options);
    deferred    CONSTANT text := 'AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (%3$s IS NULL)';
    noting      CONSTANT text := 'pg_catalog.current_setting(''gapless.column_note_%8$s'', true) OPERATOR(pg_catalog.<>) ''''';
    read        text;
    old_written text := CASE WHEN unnumbered IS NULL THEN format('OLD.%I', target_column) ELSE format('NULLIF(OLD.%I, %L)', target_column, unnumbered) END;
    new_written text;
    made        record;
BEGIN
    SELECT coalesce(string_agg(format('OLD.%I, ', a.attname), '' ORDER BY a.attnum), '') || format('OLD.%I', target_column)
    INTO read
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum = ANY (inputs);
    new_written := CASE WHEN unnumbered IS NULL THEN format('NEW.%I', target_column) ELSE format('NULLIF(NEW.%I, %L)', target_column, unnumbered) END;
    FOR made IN
        SELECT v.purpose, v.suffix, format(v.event, target, old_written, new_written, read, target_column, (
            SELECT coalesce(string_agg(format('NEW.%I, ', a.attname), '' ORDER BY a.attnum), '') || format('NEW.%I', target_column)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = target AND a.attnum = ANY (inputs)
        ), attachment, attachment | 65535) AS event
        FROM (
            VALUES
                ('insert', '', partitioned OR NOT late, 'BEFORE INSERT ON %s FOR EACH ROW'),
                ('insert', '', late AND NOT partitioned, 'BEFORE INSERT ON %s FOR EACH ROW WHEN (%3$s IS NOT NULL)'),
                ('draft', '_update', NOT late OR each, 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s IS NULL)'),
                -- Who can make triggers needs no leave of another one; _finish looks at what was written.
                ('draft', '_update', late AND NOT each, 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s IS NULL AND (
                    pg_catalog.current_setting(''gapless.commit_known'', true) OPERATOR(pg_catalog.=) ''%7$s''
                    AND pg_catalog.has_table_privilege(OLD.tableoid, ''TRIGGER'')
                ) IS NOT TRUE)'),
                ('update', '_update', true, 'BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s IS NOT NULL AND pg_catalog.record_image_ne(ROW(%4$s), ROW(%6$s)))'),
                ('enter', '_arrive', NOT late AND NOT partitioned, 'AFTER INSERT ON %s REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT'),
                ('enter', '_issue', partitioned, 'AFTER INSERT ON %s FOR EACH ROW WHEN (%3$s IS NOT NULL)'),
                ('settle', '_keep', partitioned, 'AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'),
                ('issue', '_issue', (NOT late OR each) AND NOT moves, 'AFTER UPDATE ON %s FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW(%2$s), ROW(%3$s)))'),
                -- A number may be the same in both sequences.
                ('issue', '_issue', (NOT late OR each) AND moves, 'AFTER UPDATE ON %s FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW(%4$s), ROW(%6$s)))'),
                ('issue', '_issue', late AND NOT each AND moves,
                    'AFTER UPDATE ON %s FOR EACH ROW WHEN (%2$s IS NOT NULL AND pg_catalog.record_image_ne(ROW(%4$s), ROW(%6$s)))'),
                ('issue', '_issue', late AND NOT each AND NOT moves,
                    'AFTER UPDATE ON %s FOR EACH ROW WHEN (%2$s IS NOT NULL AND pg_catalog.record_image_ne(ROW(OLD.%5$I), ROW(NEW.%5$I)))'),
                ('note', '_note', late AND NOT partitioned, 'AFTER INSERT ON %s REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT'),
                ('note', '_note', late AND partitioned, 'AFTER INSERT ON %s FOR EACH ROW WHEN (%3$s IS NULL)'),
                ('commit', '_commit', late, deferred),
                ('confirm', '_confirm', late, deferred),
                ('leave', '_keep', partitioned AND late, 'BEFORE DELETE ON %s FOR EACH ROW WHEN (%2$s IS NOT NULL)'),
                ('leave', '_keep', partitioned AND NOT late, 'BEFORE DELETE ON %s FOR EACH ROW WHEN (%2$s IS NOT NULL OR ' || noting || ')'),
                ('leave', '_keep', NOT partitioned AND NOT late, 'BEFORE DELETE ON %s FOR EACH ROW WHEN (' || noting || ')'),
                ('delete', '_keep', true, 'AFTER DELETE ON %s FOR EACH ROW WHEN (%2$s IS NOT NULL)'),
                ('truncate', '_keep', true, 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT')
        ) AS v (purpose, suffix, wanted, event)
        WHERE v.wanted
    LOOP
        EXECUTE format('CREATE %sTRIGGER %I %s EXECUTE FUNCTION %I.%I(%L)', CASE WHEN made.purpose IN ('commit', 'confirm') THEN 'CONSTRAINT ' ELSE '' END,
            ('~gapless_' || made.purpose || '_' || target_column)::name, made.event, schema, stem || made.suffix, made.purpose);
    END LOOP;
    EXECUTE (
        SELECT format('COMMENT ON FUNCTION %I.%I IS %L', schema, stem || '_rows', format('The numbers of %s.%I, for gapless.audit_gapless. What the expressions call: %s', target, target_column, c.digest))
        FROM gapless.column_callees(target, target_column) AS c
    );
    -- What the transaction noted of the sequences before.
    PERFORM set_config('gapless.column_switched', '', true);
    PERFORM set_config('gapless.column_next_' || slot, '', true) FROM generate_series(0, 63) AS slot;
    PERFORM gapless.column_guard_partitions(target);
END;
$function$;

COMMENT ON FUNCTION gapless.column_make_triggers IS
'Private, for attach_gapless. Makes the triggers of a column, and the guards of the partitions that there are.';

REVOKE ALL ON FUNCTION gapless.column_make_triggers FROM PUBLIC;
