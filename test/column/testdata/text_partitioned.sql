CREATE OR REPLACE FUNCTION public.invoices_number_gapless()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    value   bigint;
    written text;
BEGIN
    IF (current_setting('gapless.column_note_2345678901', true) <> '') IS NOT TRUE THEN -- once a statement
        BEGIN
            IF num_nonnulls(NEW.number, NEW.tenant, NEW.issued_on, NEW.issued) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) IS DISTINCT FROM coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN
        PERFORM gapless.column_check_partition(TG_RELID);
    END IF;
    IF (CASE WHEN (NEW.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN NEW.number END) IS NOT NULL THEN
        PERFORM gapless.column_settle_note('2345678901');
        -- By hand: refused when it arrives, since an upsert may find its row. Or it comes from another partition.
        IF NOT gapless.column_follow_move('arrive', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued)) THEN
            PERFORM set_config('gapless.column_written_1234567890', array_append(nullif(current_setting('gapless.column_written_1234567890', true), '')::text[], NEW.number::text)::text, true);
        END IF;
        RETURN NEW;
    END IF;
    IF NOT public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued) IS TRUE THEN
        IF current_setting('gapless.column_note_2345678901', true) <> '' THEN
            PERFORM gapless.column_settle_note('2345678901');
        END IF;
        RETURN NEW;
    END IF;
    IF public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS NULL THEN
        PERFORM gapless.column_refuse('undated', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL);
    END IF;
    IF current_setting('gapless.column_note_2345678901', true) <> '' OR current_setting('gapless.column_switched', true) <> '' THEN -- not the first row of the statement
        value := gapless.column_next_number(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 1::bigint, '2345678901', TG_RELID, public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued));
    ELSE
        value := gapless.column_first_number(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), 1::bigint, '2345678901', TG_RELID);
    END IF;
    written := public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued);
    IF written IS NULL OR length(written) > NULL::integer OR 10000::bigint <= value THEN
        PERFORM public.invoices_number_gapless_check_text(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, value, written, NEW.tenant, NEW.issued_on, NEW.issued);
    END IF;
    NEW.number := written;
    RETURN NEW;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_check_text(target regclass, value bigint, written text, text, date, boolean)
 RETURNS void
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    fault text := CASE
        WHEN written IS NULL THEN 'textless'
        WHEN length(written) > NULL::integer THEN 'cut'
        WHEN written LIKE '%##%' AND public.invoices_number_gapless_text(1::bigint, $4, $5, $6) NOT LIKE '%##%' THEN 'overflown' -- by to_char
        WHEN EXISTS (
            SELECT FROM public.invoices AS r
            WHERE r.number = written AND public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) = public.invoices_number_gapless_series($4, $5, $6) COLLATE "C"
        ) OR gapless.column_given(
            target, 'number', public.invoices_number_gapless_series($4, $5, $6), written, (value >= 10000::bigint) IS TRUE
            , false
        ) THEN 'repeated'
    END;
BEGIN
    IF fault IS NOT NULL THEN
        PERFORM gapless.column_refuse_text(fault, target, 'number', public.invoices_number_gapless_series($4, $5, $6), value, written);
    END IF;
END;
$function$;

invoices_number_gapless_dated(text,date,boolean) RETURNS timestamp without time zone;

invoices_number_gapless_due(text,date,boolean) RETURNS boolean;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_enter(target regclass, number text, text, date, boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series CONSTANT text := public.invoices_number_gapless_series($3, $4, $5);
    next   bigint;
    value  bigint;
BEGIN
    IF gapless.column_entered(
        series
        , number, NULL
        , 1234567890
    ) IS NOT NULL THEN
        IF (SELECT count(*) FROM public.invoices AS r WHERE r.number = number AND public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) = series COLLATE "C") > 1 THEN
            PERFORM gapless.column_refuse('torn', target, 'number', series, NULL);
        END IF;
        RETURN;
    END IF;
    next := (gapless.column_values(target, 'number', 1::bigint, ARRAY[series]))[1];
    SELECT v.value
    INTO value
    FROM generate_series(0::bigint, least(pg_stat_get_xact_tuples_inserted(target) + 64, 9223372036854775807 - greatest(next, 0))) AS i
    CROSS JOIN LATERAL (SELECT CASE WHEN current_setting('gapless.column_bounded', true) = 'on' THEN gapless.column_step(series, next, i) ELSE next + i END AS value) AS v
    WHERE public.invoices_number_gapless_text(v.value, $3, $4, $5) = number
    LIMIT 1;
    IF value IS NULL THEN
        SELECT v.value
        INTO value
        FROM generate_series(0::bigint, least(gapless.column_inserted(target, 'number') + 64, 9223372036854775807 - greatest(next, 0))) AS i
        CROSS JOIN LATERAL (SELECT CASE WHEN current_setting('gapless.column_bounded', true) = 'on' THEN gapless.column_step(series, next, i) ELSE next + i END AS value) AS v
        WHERE public.invoices_number_gapless_text(v.value, $3, $4, $5) = number
        LIMIT 1;
    END IF;
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
    PERFORM gapless.column_enter(target, 'number', 1::bigint, 1234567890, series, value, number, public.invoices_number_gapless_dated($3, $4, $5));
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_issue()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    value bigint;
BEGIN
    -- A trigger that fires after those that number can have changed a number.
    IF TG_OP = 'UPDATE' AND (CASE WHEN (OLD.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN OLD.number END) IS NOT NULL
    THEN
        PERFORM gapless.column_refuse('changed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued), OLD.number::text);
    END IF;
    IF TG_OP = 'INSERT' AND gapless.column_follow_move('arrived', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, NULL) THEN
        RETURN NULL;
    END IF;
    IF current_setting('gapless.column_written_1234567890', true) <> '' AND NEW.number::text = ANY (nullif(current_setting('gapless.column_written_1234567890', true), '')::text[]) THEN
        PERFORM set_config('gapless.column_written_1234567890', '', true);
        PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
    PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text) WHERE public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued) IS NOT TRUE;
    PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text) WHERE public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS NULL;
    value := (gapless.column_values(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 1::bigint, ARRAY[public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued)]))[1];
    IF NOT (
        public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued) IS NOT DISTINCT FROM NEW.number AND
        gapless.column_enter_row(1234567890, public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), value
            , NEW.number
            , public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued), NULL)
    ) THEN
        PERFORM public.invoices_number_gapless_enter(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, NEW.number::pg_catalog.text, NEW.tenant, NEW.issued_on, NEW.issued);
    END IF;
    PERFORM gapless.column_follow_move('stay', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, NULL) WHERE TG_OP = 'UPDATE';
    PERFORM gapless.column_settle_note('2345678901');
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_keep()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series text;
BEGIN
    IF TG_ARGV[0] = 'leave' THEN
        PERFORM gapless.column_settle_note('2345678901');
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        PERFORM gapless.column_refuse_truncate(TG_RELID, coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', '/');
        RETURN NULL;
    ELSIF TG_LEVEL = 'STATEMENT' THEN
        IF gapless.column_follow_move(CASE TG_OP WHEN 'DELETE' THEN 'kept' ELSE 'lost' END, NULL, NULL, NULL) THEN
            PERFORM gapless.column_refuse('suppressed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL);
        END IF;
        PERFORM gapless.column_settle_note('2345678901') WHERE TG_OP = 'INSERT';
        RETURN NULL;
    END IF;
    -- A partition's own triggers are for what may happen to it after it was detached.
    IF TG_ARGV[0] = 'kept' THEN
        IF pg_partition_root(TG_RELID) = to_regclass('public.invoices') THEN
            RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW END;
        END IF;
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        IF (CASE WHEN (OLD.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN OLD.number END) IS NULL THEN
            RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW END;
        END IF;
    END IF;
    BEGIN
        series := CASE WHEN num_nonnulls(OLD.number, OLD.tenant, OLD.issued_on, OLD.issued) >= 0 THEN public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued) END;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        RAISE;
    END;
    IF TG_ARGV[0] = 'leave' AND (CASE WHEN (OLD.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN OLD.number END) IS NULL THEN
        RETURN OLD;
    END IF;
    IF TG_ARGV[0] = 'kept' AND TG_OP = 'UPDATE' THEN
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number)) THEN
            PERFORM gapless.column_refuse('changed', TG_RELID, 'number', series, OLD.number::text);
        ELSIF public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM series
            OR public.invoices_number_gapless_text(1::bigint, NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM public.invoices_number_gapless_text(1::bigint, OLD.tenant, OLD.issued_on, OLD.issued)
            OR public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS DISTINCT FROM public.invoices_number_gapless_dated(OLD.tenant, OLD.issued_on, OLD.issued)
        THEN
            PERFORM gapless.column_refuse('moved', TG_RELID, 'number', series, OLD.number::text);
        END IF;
        RETURN NEW;
    ELSIF TG_WHEN = 'BEFORE' THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) WHERE series IS NULL OR (CASE WHEN (OLD.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN OLD.number END) IS NULL;
        PERFORM gapless.column_follow_move('leave', series, OLD.number::text, public.invoices_number_gapless_dated(OLD.tenant, OLD.issued_on, OLD.issued));
        RETURN OLD;
    ELSIF gapless.column_follow_move('left', series, OLD.number::text, NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM gapless.column_follow_move('stay', series, OLD.number::text, NULL);
    PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
    PERFORM gapless.column_check_series(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text
        , (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value))
        
    ) WHERE series IS NOT NULL;
    IF NOT gapless.column_is_void(
        series
        , OLD.number, (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value))
    ) AND NOT gapless.column_is_archived(
        series
        , OLD.number, (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value))
    ) THEN
        PERFORM gapless.column_refuse('deleted', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text, (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value)));
    END IF;
    PERFORM gapless.column_keep_void(
        coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series
        , OLD.number, (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value))
        , (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(to_jsonb(OLD)) AS e (key, value) WHERE e.key = ANY ('{tenant,issued_on,issued}'::pg_catalog.name[]))
    );
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_pending(target regclass, series text, value bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    rows   bigint;
    before text;
    dated  timestamp;
BEGIN
    SELECT count(*), min(public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued))
        , min(r.number)
    INTO rows, dated
        , before
    FROM public.invoices AS r
    WHERE public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) = series COLLATE "C" AND r.number = public.invoices_number_gapless_text(value, r.tenant, r.issued_on, r.issued);
    IF rows = 1 THEN
        PERFORM gapless.column_enter(target, 'number', 1::bigint, 1234567890, series, value, before, dated);
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
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
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
    inverse := gapless.column_inverse(to_regprocedure('public.invoices_number_gapless_series(text, date, boolean)'), names);
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
            ELSIF names IS NOT NULL AND gapless.column_sought(relation, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) THEN
                source := replace(
                    $q1234567890$
                    FROM (
                        WITH RECURSIVE given AS (
                            (SELECT r.tenant, r.issued_on, r.issued FROM relation AS r WHERE r.number IS NOT NULL ORDER BY r.tenant, r.issued_on, r.issued LIMIT 1)
                            UNION ALL
                            SELECT n.*
                            FROM given AS other
                            CROSS JOIN LATERAL (
                                SELECT r.tenant, r.issued_on, r.issued FROM relation AS r WHERE ROW(r.tenant, r.issued_on, r.issued) > ROW(other.tenant, other.issued_on, other.issued) AND r.number IS NOT NULL ORDER BY r.tenant, r.issued_on, r.issued LIMIT 1
                            ) AS n
                        )
                        SELECT r.*
                        FROM (SELECT other.* FROM given AS other WHERE coalesce(public.invoices_number_gapless_series(other.tenant, other.issued_on, other.issued), '') COLLATE "C" = ANY ($2) OFFSET 0) AS other
                        CROSS JOIN LATERAL (SELECT r.*, r.ctid, r.tableoid FROM relation AS r WHERE ROW(r.tenant, r.issued_on, r.issued) = ROW(other.tenant, other.issued_on, other.issued) OFFSET 0) AS r
                    ) AS r
                    $q1234567890$, 'FROM relation AS r', source
                );
            END IF;
            BEGIN
                RETURN QUERY EXECUTE replace(replace(replace(
                    CASE WHEN names IS NULL AND gapless.column_repeated(relation, '{tenant,issued_on,issued}'::pg_catalog.name[]) THEN
                    $q1234567890$
                    SELECT public.invoices_number_gapless_series(other.tenant, other.issued_on, other.issued), sum(other."~documents")::bigint, bit_xor(other."~print"), min(public.invoices_number_gapless_dated(other.tenant, other.issued_on, other.issued)), max(public.invoices_number_gapless_dated(other.tenant, other.issued_on, other.issued))
                    FROM (
                        SELECT r.tenant, r.issued_on, r.issued, count(*) AS "~documents", bit_xor(hashtextextended(r.number::text COLLATE "C", $3)) AS "~print"
                        FROM relation AS r
                        WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NOT NULL
                        GROUP BY r.tenant, r.issued_on, r.issued
                    ) AS other
                    GROUP BY 1
                    $q1234567890$ ELSE
                    $q1234567890$
                    SELECT public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued), count(*), bit_xor(hashtextextended(r.number::text COLLATE "C", $3)), min(public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued)), max(public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued))
                    FROM relation AS r
                    WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NOT NULL AND ($2 IS NULL OR coalesce(public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued), '') COLLATE "C" = ANY ($2))
                    GROUP BY 1
                    $q1234567890$
                    END
                    , 'FROM relation AS r', source), 'NULL::jsonb /*held*/', CASE WHEN keyed THEN $q1234567890$jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$ ELSE 'NULL::jsonb' END), '/*key*/', CASE
                        WHEN keyed THEN ', k.key'
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

invoices_number_gapless_read(text,text,date,boolean) RETURNS bigint;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_rows(names text[] DEFAULT NULL::text[], keyed boolean DEFAULT false, seed bigint DEFAULT NULL::bigint)
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
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
    inverse := gapless.column_inverse(to_regprocedure('public.invoices_number_gapless_series(text, date, boolean)'), names);
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
            ELSIF names IS NOT NULL AND gapless.column_sought(relation, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) THEN
                source := replace(
                    $q1234567890$
                    FROM (
                        WITH RECURSIVE given AS (
                            (SELECT r.tenant, r.issued_on, r.issued FROM relation AS r WHERE r.number IS NOT NULL ORDER BY r.tenant, r.issued_on, r.issued LIMIT 1)
                            UNION ALL
                            SELECT n.*
                            FROM given AS other
                            CROSS JOIN LATERAL (
                                SELECT r.tenant, r.issued_on, r.issued FROM relation AS r WHERE ROW(r.tenant, r.issued_on, r.issued) > ROW(other.tenant, other.issued_on, other.issued) AND r.number IS NOT NULL ORDER BY r.tenant, r.issued_on, r.issued LIMIT 1
                            ) AS n
                        )
                        SELECT r.*
                        FROM (SELECT other.* FROM given AS other WHERE coalesce(public.invoices_number_gapless_series(other.tenant, other.issued_on, other.issued), '') COLLATE "C" = ANY ($2) OFFSET 0) AS other
                        CROSS JOIN LATERAL (SELECT r.*, r.ctid, r.tableoid FROM relation AS r WHERE ROW(r.tenant, r.issued_on, r.issued) = ROW(other.tenant, other.issued_on, other.issued) OFFSET 0) AS r
                    ) AS r
                    $q1234567890$, 'FROM relation AS r', source
                );
            END IF;
            BEGIN
                RETURN QUERY EXECUTE replace(replace(replace(
                    $q1234567890$
                    SELECT k.series, k.value, k.number, k.dated /*key*/
                    FROM (
                        SELECT
                            s.series,
                            CASE WHEN i.value IS NULL THEN (SELECT v.value FROM public.invoices_number_gapless_read(r.number::pg_catalog.text, r.tenant, r.issued_on, r.issued) AS v (value)) ELSE i.value END AS value,
                            r.number::text AS number,
                            public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued) AS dated,
                            NULL::jsonb /*held*/ AS key,
                            i.name IS NOT NULL AS known
                        FROM relation AS r
                        CROSS JOIN LATERAL (SELECT public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) COLLATE "C" AS series OFFSET 0) AS s
                        LEFT JOIN gapless.column_issued($1, 'number', $2) AS i ON i.name = s.series AND i.number = r.number COLLATE "C"
                        WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NOT NULL AND ($2 IS NULL OR coalesce(s.series, '') = ANY ($2))
                    ) AS k
                    WHERE NOT k.known OR k.value IS NOT NULL
                    $q1234567890$
                    , 'FROM relation AS r', source), 'NULL::jsonb /*held*/', CASE WHEN keyed THEN $q1234567890$jsonb_build_object('id', r.id, 'tenant', r.tenant)$q1234567890$ ELSE 'NULL::jsonb' END), '/*key*/', CASE
                        WHEN keyed THEN ', k.key'
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

invoices_number_gapless_series(text,date,boolean) RETURNS text;

invoices_number_gapless_text(bigint,text,date,boolean) RETURNS text;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_update()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    series  text;
    value   bigint;
    written text;
BEGIN
    IF TG_ARGV[0] = 'update' THEN -- not 'draft': the row has a number
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        series := public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued);
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number))
        THEN
            value := gapless.column_noted('2345678901', true);
            -- An upsert gives the number that the row would have had, had it been new.
            IF value IS NOT NULL AND NEW.number = public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued) AND gapless.column_entered(public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL, value) IS NULL THEN
                NEW.number := OLD.number;
            ELSE
                PERFORM gapless.column_refuse('changed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text);
            END IF;
        END IF;
        PERFORM gapless.column_check_series(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text
            , (SELECT r.value FROM public.invoices_number_gapless_read(OLD.number::pg_catalog.text, OLD.tenant, OLD.issued_on, OLD.issued) AS r (value))
            
        ) WHERE series IS NOT NULL;
        IF public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM series
            OR public.invoices_number_gapless_text(1::bigint, NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM public.invoices_number_gapless_text(1::bigint, OLD.tenant, OLD.issued_on, OLD.issued)
            OR public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS DISTINCT FROM public.invoices_number_gapless_dated(OLD.tenant, OLD.issued_on, OLD.issued)
        THEN
            PERFORM gapless.column_refuse('moved', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text);
        END IF;
        RETURN NEW;
    END IF;
    IF (current_setting('gapless.column_note_2345678901', true) <> '') IS NOT TRUE THEN
        BEGIN
            IF num_nonnulls(NEW.number, NEW.tenant, NEW.issued_on, NEW.issued) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) IS DISTINCT FROM coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        END;
    END IF;
    IF (CASE WHEN (NEW.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN NEW.number END) IS NOT NULL THEN
        value := gapless.column_noted('2345678901', true);
        -- As above: an upsert of a draft, which is numbered here if it is due.
        IF value IS NOT NULL AND NEW.number = public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued) AND gapless.column_entered(public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL, value) IS NULL THEN
            NEW.number := OLD.number;
        ELSE
            PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
        END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN
        PERFORM gapless.column_check_partition(TG_RELID);
    END IF;
    IF NOT public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued) IS TRUE THEN
        IF current_setting('gapless.column_note_2345678901', true) <> '' THEN
            PERFORM gapless.column_settle_note('2345678901');
        END IF;
        RETURN NEW;
    END IF;
    IF public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS NULL THEN
        PERFORM gapless.column_refuse('undated', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL);
    END IF;
    series := public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued);
    value := gapless.column_next_number(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 1::bigint, '2345678901', 0, series);
    written := public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued);
    IF written IS NULL OR length(written) > NULL::integer OR 10000::bigint <= value THEN
        PERFORM public.invoices_number_gapless_check_text(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, value, written, NEW.tenant, NEW.issued_on, NEW.issued);
    END IF;
    NEW.number := written;
    PERFORM gapless.column_follow_move('issue', series, NEW.number::text, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued));
    RETURN NEW;
END;
$function$;

CREATE TRIGGER "~gapless_delete_number" AFTER DELETE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('delete');
CREATE TRIGGER "~gapless_draft_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_update('draft');
CREATE TRIGGER "~gapless_enter_number" AFTER INSERT ON public.invoices FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_issue('enter');
CREATE TRIGGER "~gapless_insert_number" BEFORE INSERT ON public.invoices FOR EACH ROW EXECUTE FUNCTION invoices_number_gapless('insert');
CREATE TRIGGER "~gapless_issue_number" AFTER UPDATE ON public.invoices FOR EACH ROW WHEN (record_image_ne(ROW(NULLIF(old.number, '/'::text)), ROW(NULLIF(new.number, '/'::text)))) EXECUTE FUNCTION invoices_number_gapless_issue('issue');
CREATE TRIGGER "~gapless_leave_number" BEFORE DELETE ON public.invoices FOR EACH ROW WHEN (((NULLIF(old.number, '/'::text) IS NOT NULL) OR (current_setting('gapless.column_note_2345678901'::text, true) <> ''::text))) EXECUTE FUNCTION invoices_number_gapless_keep('leave');
CREATE TRIGGER "~gapless_settle_number" AFTER INSERT OR DELETE OR UPDATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('settle');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
CREATE TRIGGER "~gapless_update_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN (((NULLIF(old.number, '/'::text) IS NOT NULL) AND record_image_ne(ROW(old.tenant, old.issued_on, old.issued, old.number), ROW(new.tenant, new.issued_on, new.issued, new.number)))) EXECUTE FUNCTION invoices_number_gapless_update('update');
CREATE TRIGGER "~gapless_kept_delete_number" AFTER DELETE ON public.invoices_a FOR EACH ROW WHEN ((old.number IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('kept');
CREATE TRIGGER "~gapless_kept_update_number" BEFORE UPDATE ON public.invoices_a FOR EACH ROW WHEN ((old.number IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('kept');
CREATE TRIGGER "~gapless_settle_number" AFTER INSERT OR DELETE OR UPDATE ON public.invoices_a FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('settle');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices_a FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
