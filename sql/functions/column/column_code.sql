-- Plain text, with the expressions in their places. The trigger function evaluates expressions, and leaves every
-- decision to column_next_number and its like.
CREATE OR REPLACE FUNCTION gapless.column_code(
    target        regclass,
    target_column name,
    key           name[], -- the primary key's columns
    name          text,
    initial       bigint,
    format        text,
    condition     text,
    chronology    text,   -- of type timestamp already
    at_commit     boolean,
    attachment    bigint,
    pinned        boolean, -- the trigger function has a search_path of its own
    function      text,   -- what the trigger function will be called
    OUT trigger_body text,
    OUT rows_body    text
) RETURNS record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    partitioned boolean := (SELECT c.relkind = 'p' FROM pg_catalog.pg_class AS c WHERE c.oid = target);
    -- Fragments. Those of the second kind are for queries in which new is a row and not the record.
    titled    text := translate(format('%s.%I', target, target_column), e'\n\r', '  '); -- on one line, for a comment
    -- A table that was renamed is itself still, and what has its name now is another.
    arguments text := CASE WHEN partitioned THEN format('%L::regclass', target) ELSE 'TG_RELID' END || format(', %L', target_column);
    renamed   text := CASE WHEN partitioned THEN format('NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a WHERE a.relid::oid = %L::regclass::oid)', target)
        ELSE format('TG_RELID <> %L::regclass::oid', target) END;
    digest    text := left(encode(sha256(replace(target::text || ' ' || target_column, e'\\', e'\\\\')::bytea), 'hex'), 12);
    open      text := CASE WHEN pinned THEN 'gapless.column_first_number_pinned' ELSE 'gapless.column_first_number' END;
    enter_row text := CASE WHEN pinned THEN 'gapless.column_enter_row_pinned' ELSE 'gapless.column_enter_row' END;
    note      text := quote_literal(digest);
    noted     text := quote_literal('gapless.column_note_' || digest);
    number    text := CASE WHEN format IS NULL THEN 'value' ELSE gapless.column_parenthesize(format) || '::text' END;
    series    text := gapless.column_parenthesize(name) || '::text';
    due       text := coalesce(gapless.column_parenthesize(condition), 'true');
    dated     text := CASE WHEN chronology IS NULL THEN 'NULL::timestamp' ELSE chronology END;
    written   text := format('new.%I', target_column);
    value     text := written;
    from_row  text := ' FROM (SELECT NEW.*) AS new';
    source    text := CASE WHEN partitioned THEN '' ELSE 'ONLY ' END || target;
    runs      text;
    enter     text;
    keys      text;
    selected  text;
    following text;
    assign    text[] := '{}'::text[];
    place     text;
    guard     text := '';
    changed   text;
    lost      text := '';
    kept      text;
    -- The trigger function's parts.
    insert_code  text := '';
    arrived_code text := '';
    commit_code  text := '';
    update_code  text := '';
    gone_code    text := '';
BEGIN
    IF format IS NOT NULL THEN
        value := format(
            e'(\n'
            '                SELECT CASE WHEN count(*) = 1 THEN min(v.value) END -- the run of digits that gives the text again\n'
            '                FROM (\n'
            '                    SELECT DISTINCT CASE WHEN length(ltrim(r.run[1], ''0'')) < 20 AND r.run[1]::numeric < 9223372036854775808 THEN r.run[1]::bigint END AS value\n'
            '                    FROM regexp_matches(%1$s, ''[0-9]+'', ''g'') AS r (run)\n'
            '                ) AS v\n'
            '                WHERE v.value IS NOT NULL AND %2$s COLLATE "C" = %1$s COLLATE "C"\n'
            '            )',
            written || '::text', number
        );
    END IF;
    SELECT string_agg(format(
        CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN 'new.%1$I OPERATOR(pg_catalog.=) key.%1$I' ELSE 'new.%1$I = key.%1$I' END, k.column_name
    ), ' AND ') INTO keys
    FROM unnest(key) AS k (column_name)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = target AND a.attname = k.column_name
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid;
    runs := format(
        e'SELECT\n'
        '                n.series,\n'
        '                min(n.value) AS first,\n'
        '                max(n.value) AS last,\n'
        '                count(DISTINCT n.value) AS size,\n'
        '                count(*) AS rows,\n'
        '                %s AS dates\n'
        '            FROM (\n'
        '                SELECT %s COLLATE "C" AS series, %s AS value, %s AS dated\n'
        '                FROM %%s AS new\n'
        '                WHERE %s IS NOT NULL\n'
        '            ) AS n',
        CASE WHEN chronology IS NULL THEN 'NULL::timestamp[]' ELSE 'array_agg(n.dated ORDER BY n.value)' END,
        replace(series, '%', '%%'), replace(value, '%', '%%'), replace(dated, '%', '%%'), replace(written, '%', '%%')
    );
    enter := format(
        e'            IF run.rows <> run.size THEN\n'
        '                PERFORM gapless.column_refuse(CASE WHEN run.size < 1 THEN ''unreadable'' ELSE ''torn'' END, %1$s, run.series, NULL);\n'
        '            END IF;\n'
        '            value := CASE WHEN run.size > 1 OR NOT %6$s(%5$s, run.series, run.first, run.dates[1], NULL) THEN\n'
        '                gapless.column_enter(%1$s, run.series, %2$s, %5$s, run.first, run.last, run.size, run.dates, false)\n'
        '            END;\n'
        '            IF value IS NOT NULL THEN\n'
        '                IF %4$s THEN\n'
        '                    PERFORM gapless.column_refuse(''renamed'', %1$s, NULL, NULL);\n'
        '                END IF;\n'
        '                -- Other rows of this query come before: an UPDATE''s, or those of a statement within it.\n'
        '                %3$s\n'
        '            WHERE n.series = run.series COLLATE "C" AND n.value BETWEEN this.value AND run.last\n'
        '            GROUP BY n.series\n'
        '                INTO run;\n'
        '                IF run.rows <> run.size OR gapless.column_enter(%1$s, run.series, %2$s, %5$s, run.first, run.last, run.size, run.dates, true) IS NOT NULL THEN\n'
        '                    PERFORM gapless.column_refuse(''torn'', %1$s, run.series, NULL);\n'
        '                END IF;\n'
        '            END IF;\n',
        arguments, initial, format(runs, source), renamed, attachment, enter_row
    );

    -- What gives the row in hand its number, or sees to it that commit will: for an INSERT, and for an UPDATE.
    FOREACH place IN ARRAY '{TG_RELID,0}'::text[] LOOP
        assign := assign || ARRAY[
            CASE WHEN condition IS NULL THEN '' ELSE format(e'        IF %s THEN\n', due) END
            || CASE WHEN chronology IS NULL THEN '' ELSE format(
                e'            IF %s IS NULL THEN\n'
                '                PERFORM gapless.column_refuse(''undated'', %s, %s, NULL);\n'
                '            END IF;\n',
                chronology, arguments, series
            ) END
            || CASE WHEN at_commit THEN
                CASE WHEN place = '0' THEN format(
                    e'            IF pg_trigger_depth() > 1 AND current_setting(''gapless.commit_column'', true) = %1$s THEN\n'
                    '                %9$s := gapless.column_number_at_commit(%2$s, %3$s, %4$s, %5$s);\n'
                    '%7$s'
                    '%8$s'
                    '%10$s'
                    '                RETURN NEW;\n'
                    '            END IF;\n',
                    note, arguments, series, initial, dated, target_column,
                    CASE WHEN format IS NULL THEN '' ELSE format(e'                NEW.%I := %s;\n', target_column, number) END,
                    CASE WHEN format IS NULL THEN '' ELSE format(
                        e'                IF %1$s IS DISTINCT FROM this.value THEN\n'
                        '                    PERFORM gapless.column_refuse(''unreadable'', %2$s, %3$s, this.value::text);\n'
                        '                END IF;\n',
                        value, arguments, series
                    ) END,
                    CASE WHEN format IS NULL THEN format('NEW.%I', target_column) ELSE 'value' END,
                    CASE WHEN partitioned THEN format(
                        e'                PERFORM gapless.column_follow_move(''take'', %s, %s, %s);\n',
                        series, CASE WHEN format IS NULL THEN format('NEW.%I', target_column) ELSE 'this.value' END, dated
                    ) ELSE '' END
                ) ELSE '' END
                || format(
                    e'            IF (current_setting(''gapless.commit_expected'', true) = ''='' || %1$s) IS NOT TRUE THEN\n'
                    '                PERFORM gapless.column_expect_at_commit(%2$s, %1$s);\n'
                    '            END IF;\n',
                    series, arguments
                )
            ELSE
                format(
                    CASE WHEN place = '0' THEN
                        e'            %1$s := gapless.column_next_number(%2$s, %3$s, %4$s, %6$s, %5$s);\n'
                    ELSE
                        e'            %1$s := CASE\n'
                        '                WHEN current_setting(%7$s, true) <> '''' OR current_setting(''gapless.column_switched'', true) <> '''' -- not the first row of the statement\n'
                        '                THEN gapless.column_next_number(%2$s, %3$s, %4$s, %6$s, %5$s)\n'
                        '                ELSE %8$s(%2$s, %5$s, %3$s, %4$s, %6$s)\n'
                        '            END;\n'
                    END,
                    CASE WHEN format IS NULL AND NOT partitioned THEN format('NEW.%I', target_column) ELSE 'value' END,
                    arguments, initial, note, series, place, noted, open
                )
                || CASE WHEN format IS NULL AND NOT partitioned THEN '' ELSE format(
                    e'            NEW.%1$I := %2$s;\n'
                    '            IF NEW.%1$I IS NULL THEN\n'
                    '                PERFORM gapless.column_refuse(''unreadable'', %3$s, %4$s, value::text);\n'
                    '            END IF;\n',
                    target_column, number, arguments, series
                ) END
                || CASE WHEN partitioned AND place = '0' THEN format(e'            PERFORM gapless.column_follow_move(''issue'', %s, value, %s);\n', series, dated) ELSE '' END
            END
            || CASE WHEN condition IS NULL THEN '' ELSE
                CASE WHEN at_commit THEN '' ELSE format(
                    e'        ELSIF current_setting(%2$s, true) <> '''' THEN\n'
                    '            value := gapless.column_settle_note(%1$s);\n', note, noted
                ) END
                || e'        END IF;\n'
            END
        ];
    END LOOP;

    trigger_body := format(
        e'\n-- Numbers %s from gapless: made by gapless.attach_gapless. To change it, detach the column and attach it again.\n'
        '#variable_conflict use_column\n'
        '<<this>>\n'
        'DECLARE\n'
        '    series  pg_catalog.text;\n'
        '    value   bigint;\n'
        '    dated   timestamp;\n'
        '    more    boolean;\n'
        '    run     pg_catalog.record;\n'
        '    old_run pg_catalog.record;\n'
        '    key     pg_catalog.record;\n'
        'BEGIN\n',
        titled
    );

    -- A new row.
    IF partitioned THEN
        lost := format(
            e'        IF TG_LEVEL = ''STATEMENT'' THEN\n'
            '            IF gapless.column_follow_move(CASE TG_OP WHEN ''DELETE'' THEN ''kept'' ELSE ''lost'' END, NULL, NULL, NULL) THEN\n'
            '                PERFORM gapless.column_refuse(''suppressed'', %1$s, NULL, NULL);\n'
            '            ELSIF TG_OP <> ''INSERT'' THEN\n'
            '                RETURN NULL;\n'
            '            END IF;\n'
            '        END IF;\n',
            arguments
        );
        guard := format(
            e'        IF %3$s THEN\n'
            '            PERFORM gapless.column_refuse(''renamed'', %4$s, NULL, NULL);\n'
            '        ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = %1$L) THEN\n'
            '            PERFORM gapless.column_guard_partition(TG_RELID, %2$L, (SELECT t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME));\n'
            '        END IF;\n',
            ('~gapless_truncate_' || target_column)::name, target_column, renamed, arguments
        );
    END IF;
    insert_code := insert_code || format(
        e'    IF TG_ARGV[0] = ''insert'' THEN\n'
        '%2$s'
        '        IF NEW.%1$I IS NOT NULL THEN\n',
        target_column, guard
    );
    IF partitioned THEN
        insert_code := insert_code || format(
            e'            -- Perhaps it comes from another partition.\n'
            '            SELECT %1$s AS series, %2$s AS value, %4$s AS dated INTO run%3$s;\n'
            '            IF gapless.column_follow_move(''arrive'', run.series, run.value, run.dated) THEN\n'
            '                RETURN NEW;\n'
            '            END IF;\n',
            series, value, from_row, dated
        );
    END IF;
    insert_code := insert_code || format(
        e'            PERFORM gapless.column_refuse(''written'', %1$s, NULL, NEW.%2$I::text);\n'
        '        END IF;\n',
        arguments, target_column
    ) || assign[1] || e'        RETURN NEW;\n    END IF;\n';

    -- The rows that arrived. A trigger that fires after those that number can have changed a number.
    changed := format(
        e'        IF OLD.%1$I IS NOT NULL THEN\n'
        '            SELECT %2$s AS series INTO run FROM (SELECT OLD.*) AS new;\n'
        '            PERFORM gapless.column_refuse(''changed'', %3$s, run.series, OLD.%1$I::text);\n'
        '        END IF;\n',
        target_column, series, arguments
    );
    IF NOT at_commit THEN
        IF NOT partitioned THEN
            arrived_code := arrived_code || format(
                e'\n    IF TG_ARGV[0] = ''enter'' THEN\n'
                '        SELECT %1$s, %2$s, %3$s, EXISTS (SELECT FROM inserted OFFSET 1)\n'
                '        INTO series, value, dated, more\n'
                '        FROM inserted AS new\n'
                '        WHERE %4$s IS NOT NULL\n'
                '        LIMIT 1;\n'
                '        IF NOT more AND %9$s(%5$s, series, value, dated, %8$s) THEN\n'
                '            RETURN NULL;\n'
                '        END IF;\n'
                '        IF more IS NOT NULL THEN\n'
                '            FOR run IN\n'
                '            %6$s\n'
                '            GROUP BY n.series\n'
                '            ORDER BY n.series\n'
                '            LOOP\n'
                '%7$s'
                '            END LOOP;\n'
                '        END IF;\n'
                '        value := gapless.column_settle_note(%8$s);\n'
                '        RETURN NULL;\n'
                '    END IF;\n',
                series, value, dated, written, attachment, format(runs, 'inserted'), enter, note, enter_row
            );
        END IF;
        arrived_code := arrived_code || e'\n    IF TG_ARGV[0] = ''issue'' THEN\n' || changed || e'    END IF;\n' || format(
            e'\n    IF TG_ARGV[0] = ''issue''%1$s THEN\n'
            '            %2$s\n'
            '            GROUP BY n.series\n'
            '            INTO run;\n'
            '%3$s',
            CASE WHEN partitioned THEN ' OR TG_ARGV[0] = ''enter''' ELSE '' END,
            format(runs, '(SELECT NEW.*)'),
            CASE WHEN partitioned THEN
                e'            IF TG_ARGV[0] = ''enter'' AND gapless.column_follow_move(''arrived'', run.series, run.first, NULL) THEN\n'
                '                RETURN NULL;\n'
                '            END IF;\n'
            ELSE '' END
        ) || enter || CASE WHEN partitioned THEN
                e'            IF TG_ARGV[0] = ''issue'' THEN\n'
                '                PERFORM gapless.column_follow_move(''stay'', run.series, run.first, NULL);\n'
                '            END IF;\n'
            ELSE '' END || e'    END IF;\n';
        arrived_code := arrived_code || format(
            e'\n    IF TG_ARGV[0] IN (''enter'', ''issue'', ''settle'') THEN\n'
            '%2$s'
            '        value := gapless.column_settle_note(%1$s);\n'
            '        RETURN NULL;\n'
            '    END IF;\n',
            note, lost
        );
    ELSE
        arrived_code := arrived_code || e'\n    IF TG_ARGV[0] = ''issue'' THEN\n' || changed || CASE WHEN partitioned THEN format(
            e'        SELECT %1$s AS series, %2$s AS value INTO run%3$s;\n'
            '        PERFORM gapless.column_follow_move(''stay'', run.series, run.value, NULL);\n', series, value, from_row
        ) ELSE '' END || e'        RETURN NULL;\n    END IF;\n';
        IF partitioned THEN
            arrived_code := arrived_code || format(
                e'\n    IF TG_ARGV[0] = ''enter'' THEN\n'
                '        SELECT %1$s AS series, %2$s AS value INTO run%3$s;\n'
                '        IF NOT gapless.column_follow_move(''arrived'', run.series, run.value, NULL) THEN\n'
                '            PERFORM gapless.column_refuse(''written'', %4$s, NULL, NEW.%5$I::text);\n'
                '        END IF;\n'
                '        RETURN NULL;\n'
                '    END IF;\n'
                '\n    IF TG_ARGV[0] = ''settle'' THEN\n'
                '%6$s'
                '        RETURN NULL;\n'
                '    END IF;\n',
                series, value, from_row, arguments, target_column, lost
            );
        END IF;
    END IF;

    -- The row that waits, at commit. What can be done before the lock is taken, is: the UPDATE's trigger takes the
    -- number.
    IF at_commit THEN
        commit_code := format(
            e'\n    IF TG_ARGV[0] = ''commit'' THEN\n'
            '        IF %8$s THEN\n'
            '            PERFORM gapless.column_refuse(''renamed'', %7$s, NULL, NULL);\n'
            '        END IF;\n'
            '        IF current_setting(''gapless.commit_several'', true) = ''on'' THEN\n'
            '            PERFORM gapless.column_lock_expected();\n'
            '        END IF;\n'
            '        key := NEW;\n'
            '        PERFORM set_config(''gapless.commit_column'', %1$s, true);\n'
            '        UPDATE %2$s AS new\n'
            '        SET %3$I = %5$s\n'
            '        WHERE %4$s AND %5$s IS NULL AND %6$s;\n'
            '        IF NOT FOUND THEN -- deleted meanwhile, or numbered already\n'
            '            PERFORM FROM %2$s AS new WHERE %4$s AND %5$s IS NULL AND %6$s;\n'
            '            IF FOUND THEN\n'
            '                PERFORM gapless.column_refuse(''unnumbered'', %7$s, NULL, NULL);\n'
            '            END IF;\n'
            '        END IF;\n'
            '        RETURN NULL;\n'
            '    END IF;\n',
            note, source, target_column, keys, written, due, arguments, renamed
        );
    END IF;

    -- A row that changes. A partition's own triggers are for what may happen to it after it was detached.
    kept := CASE WHEN partitioned THEN format(
        e'    IF TG_ARGV[0] LIKE ''kept%%''\n'
        '        AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a WHERE a.relid = %L::regclass)\n'
        '    THEN\n'
        '        IF TG_OP = ''UPDATE'' THEN\n'
        '            RETURN NEW; -- the triggers of its table see to it\n'
        '        END IF;\n'
        '        RETURN NULL;\n'
        '    END IF;\n', target
    ) ELSE '' END;
    update_code := update_code || format(
        e'\n%7$s'
        '    IF TG_ARGV[0] %8$s THEN\n'
        '        IF OLD.%1$I IS NOT NULL THEN\n'
        '            SELECT %2$s AS series, %3$s AS value, %4$s AS dated INTO old_run FROM (SELECT OLD.*) AS new;\n'
        '            IF pg_catalog.record_image_ne(ROW(NEW.%1$I), ROW(OLD.%1$I)) THEN\n'
        '                PERFORM gapless.column_refuse(''changed'', %5$s, old_run.series, OLD.%1$I::text);\n'
        '            END IF;\n'
        '            SELECT %2$s AS series, %3$s AS value, %4$s AS dated INTO run%6$s;\n'
        '            IF run IS DISTINCT FROM old_run THEN\n'
        '                PERFORM gapless.column_refuse(''moved'', %5$s, old_run.series, OLD.%1$I::text);\n'
        '            END IF;\n'
        '            RETURN NEW;\n'
        '        END IF;\n'
        '        IF NEW.%1$I IS NOT NULL THEN\n',
        target_column, series, value, dated, arguments, from_row, kept,
        CASE WHEN partitioned THEN 'IN (''update'', ''kept_update'')' ELSE '= ''update''' END
    );
    update_code := update_code || format(
        e'            PERFORM gapless.column_refuse(''written'', %1$s, NULL, NEW.%2$I::text);\n'
        '        END IF;\n',
        arguments, target_column
    ) || guard || assign[2] || e'        RETURN NEW;\n    END IF;\n';

    -- A row that goes.
    gone_code := gone_code || format(
        e'\n    IF TG_ARGV[0] = ''truncate'' THEN\n'
        '        PERFORM gapless.column_refuse_truncate(TG_RELID, %1$s);\n'
        '        RETURN NULL;\n'
        '    END IF;\n'
        '\n    -- A deleted row.\n'
        '    SELECT %2$s AS series, %3$s AS value%4$s INTO run FROM (SELECT OLD.*) AS new;\n',
        arguments, series, value, CASE WHEN partitioned THEN format(', %s AS dated', dated) ELSE '' END
    );
    IF partitioned THEN
        gone_code := gone_code ||
            e'    IF TG_ARGV[0] = ''leave'' THEN\n'
            '        PERFORM gapless.column_follow_move(''leave'', run.series, run.value, run.dated);\n'
            '        RETURN OLD;\n'
            '    ELSIF gapless.column_follow_move(''left'', run.series, run.value, NULL) THEN\n'
            '        RETURN NULL;\n'
            '    END IF;\n'
            '    PERFORM gapless.column_follow_move(''stay'', run.series, run.value, NULL);\n';
    END IF;
    gone_code := gone_code || format(
        e'    IF run.value IS NULL OR NOT gapless.column_is_void(run.series, run.value) THEN\n'
        '        PERFORM gapless.column_refuse(''deleted'', %s, run.series, coalesce(run.value::text, OLD.%I::text));\n'
        '    END IF;\n'
        '    RETURN NULL;\n'
        'END;\n',
        arguments, target_column
    );

    -- What holds a lock, comes first.
    trigger_body := trigger_body || CASE WHEN at_commit THEN commit_code || update_code || insert_code || arrived_code
        ELSE insert_code || arrived_code || update_code
    END || gone_code;

    -- The numbers that there are.
    rows_body := format(
        e'\n-- The numbers of %1$s, for gapless.audit_gapless.\n'
        '#variable_conflict use_column\n'
        'DECLARE\n'
        '    relation regclass;\n'
        'BEGIN\n'
        '    SELECT t.tgrelid\n'
        '    FROM pg_catalog.pg_trigger AS t\n'
        '    WHERE t.tgfoid = %2$L::regproc::oid AND t.tgname = %3$L AND t.tgparentid = 0::oid AND t.tgrelid <> %4$L::regclass::oid\n'
        '    INTO relation;\n'
        '    IF FOUND THEN\n'
        '        RAISE EXCEPTION ''%% has been renamed since it was attached, and another table has its name'', relation;\n'
        '    END IF;\n',
        titled, function, ('~gapless_insert_' || target_column)::name, target
    );
    selected := format('SELECT %s, %s, %s::text, %s FROM ', series, value, written, dated);
    following := format(' AS new WHERE %s IS NOT NULL', written);
    rows_body := rows_body || format(e'    RETURN QUERY %s%s%s;\n', selected, source, following);
    IF partitioned THEN
        rows_body := rows_body || format(
            e'    -- Partitions that were detached keep their numbers. Of one that is being detached concurrently, the tree says what\n'
            '    -- the query above saw of it, with the same snapshot.\n'
            '    FOR relation IN\n'
            '        SELECT t.tgrelid\n'
            '        FROM pg_catalog.pg_trigger AS t\n'
            '        WHERE t.tgname = %1$L\n'
            '            AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_tree(%2$L::regclass) AS p WHERE p.relid = t.tgrelid)\n'
            '            AND t.tgfoid = (\n'
            '            SELECT o.tgfoid FROM pg_catalog.pg_trigger AS o WHERE o.tgrelid = %2$L::regclass AND o.tgname = %3$L\n'
            '        )\n'
            '    LOOP\n'
            '        RETURN QUERY EXECUTE %4$L || relation::text || %5$L;\n'
            '    END LOOP;\n',
            ('~gapless_kept_delete_' || target_column)::name, target, ('~gapless_insert_' || target_column)::name,
            selected, following
        );
    ELSE
        rows_body := rows_body || format(
            e'    -- Tables that inherit from it have no triggers, unless they are attached themselves.\n'
            '    IF EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = %1$L::regclass) THEN\n'
            '        RETURN QUERY %2$s%3$s%4$s\n'
            '            AND new.tableoid <> %1$L::regclass\n'
            '            AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = new.tableoid AND t.tgname = %5$L);\n'
            '    END IF;\n',
            target, selected, target, following, ('~gapless_insert_' || target_column)::name
        );
    END IF;
    rows_body := rows_body || e'END;\n';
END;
$function$;

COMMENT ON FUNCTION gapless.column_code IS
'Private, for attach_gapless. The bodies of the trigger function and of the function that gives the audit the table''s numbers.';

REVOKE ALL ON FUNCTION gapless.column_code FROM PUBLIC;
