CREATE OR REPLACE FUNCTION public.invoices_number_gapless()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    value   bigint;
BEGIN
    IF (current_setting('gapless.column_note_2345678901', true) <> '') IS NOT TRUE THEN -- once a statement
        BEGIN
            IF num_nonnulls(NEW.number, NEW.tenant) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant}'::pg_catalog.name[]) IS DISTINCT FROM TG_RELID::pg_catalog.regclass THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
        END;
    END IF;
    IF NEW.number IS NOT NULL THEN
        -- By hand: refused when it arrives, since an upsert may find its row. Or it comes from another partition.
            PERFORM set_config('gapless.column_written_1234567890', array_append(nullif(current_setting('gapless.column_written_1234567890', true), '')::text[], NEW.number::text)::text, true);
        RETURN NEW;
    END IF;
    IF current_setting('gapless.column_note_2345678901', true) <> '' OR current_setting('gapless.column_switched', true) <> '' THEN -- not the first row of the statement
        value := gapless.column_next_number(TG_RELID::pg_catalog.regclass, 'number', 1::bigint, '2345678901', TG_RELID, public.invoices_number_gapless_series(NEW.tenant));
    ELSE
        value := gapless.column_first_number(TG_RELID::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant), 1::bigint, '2345678901', TG_RELID);
    END IF;
    NEW.number := value;
    RETURN NEW;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_arrive()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    ending CONSTANT text := CASE WHEN current_setting('gapless.column_switched', true) = 'on' THEN NULL ELSE '2345678901' END;
    row    record;
    other  record;
    series text[];
    texts  text[];
    dates  timestamp[];
    taken  bigint[];
BEGIN
    SELECT public.invoices_number_gapless_series(r.tenant) AS "~series", r.number, public.invoices_number_gapless_dated(r.tenant) AS "~dated", EXISTS (SELECT FROM inserted OFFSET 1) AS "~more"
    INTO row
    FROM inserted AS r
    WHERE r.number IS NOT NULL
    LIMIT 1;
    IF current_setting('gapless.column_written_1234567890', true) <> '' THEN
        FOR other IN SELECT r.number, public.invoices_number_gapless_series(r.tenant) AS "~series" FROM inserted AS r WHERE r.number::text = ANY (nullif(current_setting('gapless.column_written_1234567890', true), '')::text[]) LOOP
            PERFORM gapless.column_refuse('written', TG_RELID::pg_catalog.regclass, 'number', other."~series", other.number::text);
        END LOOP;
        PERFORM set_config('gapless.column_written_1234567890', '', true);
    ELSIF NOT row."~more"
        AND gapless.column_enter_row(1234567890, row."~series", row.number, NULL, row."~dated", ending)
    THEN
        IF ending IS NULL THEN
            PERFORM gapless.column_settle_note('2345678901');
        END IF;
        RETURN NULL;
    END IF;
    SELECT array_agg(public.invoices_number_gapless_series(r.tenant))
        , array_agg(r.number)
    INTO series
        , taken
    FROM inserted AS r
    WHERE r.number IS NOT NULL;
    IF series IS NOT NULL THEN
        -- Or rows of another statement stand between them, which this one runs in or which runs in it.
        IF NOT (
            gapless.column_enter_rows(TG_RELID::pg_catalog.regclass, 'number', 1::bigint, 1234567890, series, taken, texts, dates)
        ) THEN
            FOR other IN SELECT r.* FROM inserted AS r WHERE r.number IS NOT NULL LOOP
                PERFORM public.invoices_number_gapless_enter(TG_RELID::pg_catalog.regclass, other.number::pg_catalog.int8, other.tenant);
            END LOOP;
        END IF;
    END IF;
    PERFORM gapless.column_settle_note('2345678901');
    RETURN NULL;
END;
$function$;

invoices_number_gapless_dated(text) RETURNS timestamp without time zone;

invoices_number_gapless_due(text) RETURNS boolean;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_enter(target regclass, number bigint, text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series CONSTANT text := public.invoices_number_gapless_series($3);
    next   bigint;
    value  bigint;
BEGIN
    IF gapless.column_entered(
        series
        , NULL, number
        , 1234567890
    ) IS NOT NULL THEN
        IF (SELECT count(*) FROM ONLY public.invoices AS r WHERE r.number = number AND public.invoices_number_gapless_series(r.tenant) = series COLLATE "C") > 1 THEN
            PERFORM gapless.column_refuse('torn', target, 'number', series, NULL);
        END IF;
        RETURN;
    END IF;
    next := (gapless.column_values(target, 'number', 1::bigint, ARRAY[series]))[1];
    value := number;
    IF (value >= next) IS NOT TRUE THEN
        PERFORM gapless.column_refuse('written', target, 'number', series, number::text);
    ELSIF to_regclass('public.invoices') IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    END IF;
    -- Other rows of the query come before: an UPDATE's, or those of a statement around this one, perhaps in a table that
    -- shares the series.
    WHILE next < value LOOP
        IF NOT public.invoices_number_gapless_pending(target, series, next) THEN
            PERFORM gapless.column_enter_elsewhere(target, 'number', series, next);
        END IF;
        next := (gapless.column_values(target, 'number', 1::bigint, ARRAY[series]))[1];
    END LOOP;
    PERFORM gapless.column_enter(target, 'number', 1::bigint, 1234567890, series, value, NULL, public.invoices_number_gapless_dated($3));
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_issue()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    value bigint;
BEGIN
    -- A trigger that fires after those that number can have changed a number.
    IF TG_OP = 'UPDATE' AND OLD.number IS NOT NULL
    THEN
        PERFORM gapless.column_refuse('changed', TG_RELID::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(OLD.tenant), OLD.number::text);
    END IF;
    value := NEW.number;
    IF NOT (
        gapless.column_enter_row(1234567890, public.invoices_number_gapless_series(NEW.tenant), value
            , NULL
            , public.invoices_number_gapless_dated(NEW.tenant), NULL)
    ) THEN
        PERFORM public.invoices_number_gapless_enter(TG_RELID::pg_catalog.regclass, NEW.number::pg_catalog.int8, NEW.tenant);
    END IF;
    PERFORM gapless.column_settle_note('2345678901');
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_keep()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series text;
BEGIN
    IF TG_ARGV[0] = 'leave' THEN
        PERFORM gapless.column_settle_note('2345678901');
        RETURN OLD;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
        PERFORM gapless.column_refuse_truncate(TG_RELID, TG_RELID::pg_catalog.regclass, 'number', NULL);
        RETURN NULL;
    END IF;
    BEGIN
        series := CASE WHEN num_nonnulls(OLD.number, OLD.tenant) >= 0 THEN public.invoices_number_gapless_series(OLD.tenant) END;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
        RAISE;
    END;
    PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
    PERFORM gapless.column_check_series(TG_RELID::pg_catalog.regclass, 'number', series, OLD.number::text
        , OLD.number
        
    ) WHERE series IS NOT NULL;
    IF NOT gapless.column_is_void(
        series
        , NULL, OLD.number
    ) AND NOT gapless.column_is_archived(
        series
        , NULL, OLD.number
    ) THEN
        PERFORM gapless.column_refuse('deleted', TG_RELID::pg_catalog.regclass, 'number', series, OLD.number::text, OLD.number);
    END IF;
    PERFORM gapless.column_keep_void(
        TG_RELID::pg_catalog.regclass, 'number', series
        , NULL, OLD.number
        , (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(to_jsonb(OLD)) AS e (key, value) WHERE e.key = ANY ('{tenant}'::pg_catalog.name[]))
    );
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_pending(target regclass, series text, value bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    rows   bigint;
    dated  timestamp;
BEGIN
    SELECT count(*), min(public.invoices_number_gapless_dated(r.tenant))
    INTO rows, dated
    FROM ONLY public.invoices AS r
    WHERE public.invoices_number_gapless_series(r.tenant) = series COLLATE "C" AND r.number = public.invoices_number_gapless_text(value, r.tenant);
    IF rows = 1 THEN
        PERFORM gapless.column_enter(target, 'number', 1::bigint, 1234567890, series, value, NULL, dated);
    ELSIF rows > 1 THEN
        PERFORM gapless.column_refuse('torn', target, 'number', series, NULL);
    END IF;
    RETURN rows = 1;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_prints(names text[] DEFAULT NULL::text[], keyed boolean DEFAULT false, seed bigint DEFAULT NULL::bigint)
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    target   regclass;
    relation regclass;
    name     text;
    source   text;
    inverse  record;
BEGIN
    -- The table that has the trigger, whatever its name is now; at its making there is no trigger yet.
    SELECT coalesce((
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'public.invoices_number_gapless()'::regprocedure AND t.tgname = ('~gapless_insert_' || 'number')::name AND t.tgparentid = 0::oid
    ), 'public.invoices'::regclass)
    INTO target;
    inverse := gapless.column_inverse(to_regprocedure('public.invoices_number_gapless_series(text)'), names);
    -- Partitions that were detached keep their numbers, and tables that inherit have no triggers, unless they are
    -- attached themselves. Of a partition that is being detached concurrently, the tree says what the query of the
    -- whole table sees of it, with the same snapshot.
    FOR relation IN
        SELECT target
        UNION ALL
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = ('~gapless_kept_delete_' || 'number')::name
            AND t.tgfoid = 'public.invoices_number_gapless_keep()'::regprocedure
            AND NOT EXISTS (SELECT FROM pg_partition_tree(target) AS p WHERE p.relid = t.tgrelid)
        UNION ALL
        SELECT c.oid::regclass
        FROM (
            WITH RECURSIVE heir (oid) AS (
                SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = target
                UNION
                SELECT i.inhrelid FROM heir AS h JOIN pg_catalog.pg_inherits AS i ON i.inhparent = h.oid
            )
            SELECT h.oid FROM heir AS h
        ) AS h
        JOIN pg_catalog.pg_class AS c ON c.oid = h.oid AND NOT c.relispartition
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || 'number')::name)
    LOOP
        name := '';
        WHILE relation::text <> name AND (relation = target OR pg_table_is_visible(relation) IS NOT NULL) LOOP -- past the snapshot
            name := relation::text;
            source := 'FROM ' || CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = relation) = 'p' THEN '' ELSE 'ONLY ' END || name || ' AS r';
            -- A lookup for each series, or one for each combination of what the expressions read, and not one for each row.
            IF names IS NOT NULL AND inverse.kind IS NOT NULL THEN
                source := source || $q1234567890$ JOIN (SELECT) AS one ON r.number IS NOT NULL AND r.$q1234567890$ || format('%I = ANY ($4::%I[])', inverse.column_name, inverse.kind);
            ELSIF names IS NOT NULL AND gapless.column_sought(relation, 'number', '{tenant}'::pg_catalog.name[]) THEN
                source := replace(
                    $q1234567890$
                    FROM (
                        WITH RECURSIVE given AS (
                            (SELECT r.tenant FROM relation AS r WHERE r.number IS NOT NULL ORDER BY r.tenant LIMIT 1)
                            UNION ALL
                            SELECT n.*
                            FROM given AS other
                            CROSS JOIN LATERAL (
                                SELECT r.tenant FROM relation AS r WHERE ROW(r.tenant) > ROW(other.tenant) AND r.number IS NOT NULL ORDER BY r.tenant LIMIT 1
                            ) AS n
                        )
                        SELECT r.*
                        FROM (SELECT other.* FROM given AS other WHERE coalesce(public.invoices_number_gapless_series(other.tenant), '') COLLATE "C" = ANY ($2) OFFSET 0) AS other
                        CROSS JOIN LATERAL (SELECT r.*, r.ctid, r.tableoid FROM relation AS r WHERE ROW(r.tenant) = ROW(other.tenant) OFFSET 0) AS r
                    ) AS r
                    $q1234567890$, 'FROM relation AS r', source
                );
            END IF;
            BEGIN
                RETURN QUERY EXECUTE replace(replace(replace(
                    CASE WHEN names IS NULL AND gapless.column_repeated(relation, '{tenant}'::pg_catalog.name[]) THEN
                    $q1234567890$
                    SELECT public.invoices_number_gapless_series(other.tenant), sum(other."~documents")::bigint, bit_xor(other."~print"), NULL::timestamp, NULL::timestamp
                    FROM (
                        SELECT r.tenant, count(*) AS "~documents", bit_xor(hashint8extended(r.number, $3)) AS "~print"
                        FROM relation AS r
                        WHERE r.number IS NOT NULL
                        GROUP BY r.tenant
                    ) AS other
                    GROUP BY 1
                    $q1234567890$ ELSE
                    $q1234567890$
                    SELECT public.invoices_number_gapless_series(r.tenant), count(*), bit_xor(hashint8extended(r.number, $3)), NULL::timestamp, NULL::timestamp
                    FROM relation AS r
                    WHERE r.number IS NOT NULL AND ($2 IS NULL OR coalesce(public.invoices_number_gapless_series(r.tenant), '') COLLATE "C" = ANY ($2))
                    GROUP BY 1
                    $q1234567890$
                    END
                    , 'FROM relation AS r', source), 'NULL::jsonb /*held*/', CASE WHEN keyed THEN $q1234567890$jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$ ELSE 'NULL::jsonb' END), '/*key*/', CASE
                        WHEN keyed THEN $q1234567890$, jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$
                        ELSE ''
                    END)
                USING target, names, seed, inverse.sought;
                EXIT;
            EXCEPTION WHEN undefined_table THEN
                IF relation::text = name THEN -- neither renamed nor dropped meanwhile
                    RAISE;
                END IF;
            END;
        END LOOP;
    END LOOP;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_rows(names text[] DEFAULT NULL::text[], keyed boolean DEFAULT false, seed bigint DEFAULT NULL::bigint)
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    target   regclass;
    relation regclass;
    name     text;
    source   text;
    inverse  record;
BEGIN
    -- The table that has the trigger, whatever its name is now; at its making there is no trigger yet.
    SELECT coalesce((
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'public.invoices_number_gapless()'::regprocedure AND t.tgname = ('~gapless_insert_' || 'number')::name AND t.tgparentid = 0::oid
    ), 'public.invoices'::regclass)
    INTO target;
    inverse := gapless.column_inverse(to_regprocedure('public.invoices_number_gapless_series(text)'), names);
    -- Partitions that were detached keep their numbers, and tables that inherit have no triggers, unless they are
    -- attached themselves. Of a partition that is being detached concurrently, the tree says what the query of the
    -- whole table sees of it, with the same snapshot.
    FOR relation IN
        SELECT target
        UNION ALL
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = ('~gapless_kept_delete_' || 'number')::name
            AND t.tgfoid = 'public.invoices_number_gapless_keep()'::regprocedure
            AND NOT EXISTS (SELECT FROM pg_partition_tree(target) AS p WHERE p.relid = t.tgrelid)
        UNION ALL
        SELECT c.oid::regclass
        FROM (
            WITH RECURSIVE heir (oid) AS (
                SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = target
                UNION
                SELECT i.inhrelid FROM heir AS h JOIN pg_catalog.pg_inherits AS i ON i.inhparent = h.oid
            )
            SELECT h.oid FROM heir AS h
        ) AS h
        JOIN pg_catalog.pg_class AS c ON c.oid = h.oid AND NOT c.relispartition
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = ('~gapless_insert_' || 'number')::name)
    LOOP
        name := '';
        WHILE relation::text <> name AND (relation = target OR pg_table_is_visible(relation) IS NOT NULL) LOOP -- past the snapshot
            name := relation::text;
            source := 'FROM ' || CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = relation) = 'p' THEN '' ELSE 'ONLY ' END || name || ' AS r';
            -- A lookup for each series, or one for each combination of what the expressions read, and not one for each row.
            IF names IS NOT NULL AND inverse.kind IS NOT NULL THEN
                source := source || $q1234567890$ JOIN (SELECT) AS one ON r.number IS NOT NULL AND r.$q1234567890$ || format('%I = ANY ($4::%I[])', inverse.column_name, inverse.kind);
            ELSIF names IS NOT NULL AND gapless.column_sought(relation, 'number', '{tenant}'::pg_catalog.name[]) THEN
                source := replace(
                    $q1234567890$
                    FROM (
                        WITH RECURSIVE given AS (
                            (SELECT r.tenant FROM relation AS r WHERE r.number IS NOT NULL ORDER BY r.tenant LIMIT 1)
                            UNION ALL
                            SELECT n.*
                            FROM given AS other
                            CROSS JOIN LATERAL (
                                SELECT r.tenant FROM relation AS r WHERE ROW(r.tenant) > ROW(other.tenant) AND r.number IS NOT NULL ORDER BY r.tenant LIMIT 1
                            ) AS n
                        )
                        SELECT r.*
                        FROM (SELECT other.* FROM given AS other WHERE coalesce(public.invoices_number_gapless_series(other.tenant), '') COLLATE "C" = ANY ($2) OFFSET 0) AS other
                        CROSS JOIN LATERAL (SELECT r.*, r.ctid, r.tableoid FROM relation AS r WHERE ROW(r.tenant) = ROW(other.tenant) OFFSET 0) AS r
                    ) AS r
                    $q1234567890$, 'FROM relation AS r', source
                );
            END IF;
            BEGIN
                RETURN QUERY EXECUTE replace(replace(replace(
                    $q1234567890$
                    SELECT public.invoices_number_gapless_series(r.tenant), r.number, r.number::text, public.invoices_number_gapless_dated(r.tenant) /*key*/
                    FROM relation AS r
                    WHERE r.number IS NOT NULL AND ($2 IS NULL OR coalesce(public.invoices_number_gapless_series(r.tenant), '') COLLATE "C" = ANY ($2))
                    $q1234567890$
                    , 'FROM relation AS r', source), 'NULL::jsonb /*held*/', CASE WHEN keyed THEN $q1234567890$jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$ ELSE 'NULL::jsonb' END), '/*key*/', CASE
                        WHEN keyed THEN $q1234567890$, jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$
                        ELSE ''
                    END)
                USING target, names, seed, inverse.sought;
                EXIT;
            EXCEPTION WHEN undefined_table THEN
                IF relation::text = name THEN -- neither renamed nor dropped meanwhile
                    RAISE;
                END IF;
            END;
        END LOOP;
    END LOOP;
END;
$function$;

invoices_number_gapless_series(text) RETURNS text;

invoices_number_gapless_text(bigint,text) RETURNS bigint;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series  text;
    value   bigint;
BEGIN
    IF TG_ARGV[0] = 'update' THEN -- not 'draft': the row has a number
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
        series := public.invoices_number_gapless_series(OLD.tenant);
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number))
        THEN
            value := gapless.column_noted('2345678901', true);
            -- An upsert gives the number that the row would have had, had it been new.
            IF value IS NOT NULL AND NEW.number = public.invoices_number_gapless_text(value, NEW.tenant) AND gapless.column_entered(public.invoices_number_gapless_series(NEW.tenant), NULL, value) IS NULL THEN
                NEW.number := OLD.number;
            ELSE
                PERFORM gapless.column_refuse('changed', TG_RELID::pg_catalog.regclass, 'number', series, OLD.number::text);
            END IF;
        END IF;
        PERFORM gapless.column_check_series(TG_RELID::pg_catalog.regclass, 'number', series, OLD.number::text
            , OLD.number
            
        ) WHERE series IS NOT NULL;
        IF public.invoices_number_gapless_series(NEW.tenant) COLLATE "C" IS DISTINCT FROM series
        THEN
            PERFORM gapless.column_refuse('moved', TG_RELID::pg_catalog.regclass, 'number', series, OLD.number::text);
        END IF;
        RETURN NEW;
    END IF;
    IF (current_setting('gapless.column_note_2345678901', true) <> '') IS NOT TRUE THEN
        BEGIN
            IF num_nonnulls(NEW.number, NEW.tenant) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant}'::pg_catalog.name[]) IS DISTINCT FROM TG_RELID::pg_catalog.regclass THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant}'::pg_catalog.name[]);
        END;
    END IF;
    IF NEW.number IS NOT NULL THEN
        value := gapless.column_noted('2345678901', true);
        -- As above: an upsert of a draft, which is numbered here if it is due.
        IF value IS NOT NULL AND NEW.number = public.invoices_number_gapless_text(value, NEW.tenant) AND gapless.column_entered(public.invoices_number_gapless_series(NEW.tenant), NULL, value) IS NULL THEN
            NEW.number := OLD.number;
        ELSE
            PERFORM gapless.column_refuse('written', TG_RELID::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant), NEW.number::text);
        END IF;
    END IF;
    series := public.invoices_number_gapless_series(NEW.tenant);
    value := gapless.column_next_number(TG_RELID::pg_catalog.regclass, 'number', 1::bigint, '2345678901', 0, series);
    NEW.number := value;
    RETURN NEW;
END;
$function$;

CREATE TRIGGER "~gapless_delete_number" AFTER DELETE ON public.invoices FOR EACH ROW WHEN ((old.number IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('delete');
CREATE TRIGGER "~gapless_draft_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN ((old.number IS NULL)) EXECUTE FUNCTION invoices_number_gapless_update('draft');
CREATE TRIGGER "~gapless_enter_number" AFTER INSERT ON public.invoices REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_arrive('enter');
CREATE TRIGGER "~gapless_insert_number" BEFORE INSERT ON public.invoices FOR EACH ROW EXECUTE FUNCTION invoices_number_gapless('insert');
CREATE TRIGGER "~gapless_issue_number" AFTER UPDATE ON public.invoices FOR EACH ROW WHEN (record_image_ne(ROW(old.number), ROW(new.number))) EXECUTE FUNCTION invoices_number_gapless_issue('issue');
CREATE TRIGGER "~gapless_leave_number" BEFORE DELETE ON public.invoices FOR EACH ROW WHEN ((current_setting('gapless.column_note_2345678901'::text, true) <> ''::text)) EXECUTE FUNCTION invoices_number_gapless_keep('leave');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
CREATE TRIGGER "~gapless_update_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN (((old.number IS NOT NULL) AND record_image_ne(ROW(old.tenant, old.number), ROW(new.tenant, new.number)))) EXECUTE FUNCTION invoices_number_gapless_update('update');
