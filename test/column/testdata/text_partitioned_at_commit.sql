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
BEGIN
    BEGIN
        IF num_nonnulls(NEW.number, NEW.tenant, NEW.issued_on, NEW.issued) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) IS DISTINCT FROM coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        END IF;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
    END;
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = TG_RELID AND (c.relpersistence <> 'p' OR c.relkind = 'f')) THEN
        PERFORM gapless.column_check_partition(TG_RELID);
    END IF;
    IF (CASE WHEN (NEW.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN NEW.number END) IS NOT NULL THEN
        IF gapless.column_follow_move('arrive', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued)) THEN
            RETURN NEW;
        END IF;
        PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
    RETURN NEW;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_assign(target regclass, own text[])
 RETURNS text
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
    noted  record;
    rest   text;
    places tid[];
    parts  oid[];
    keys   text[];
    series text[];
    dates  timestamp[];
    taken  bigint[];
    texts  text[];
BEGIN
    IF to_regclass('public.invoices') IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    ELSIF gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) IS DISTINCT FROM target::oid THEN
        PERFORM gapless.column_check_guards(target, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
    END IF;
    SELECT
        bool_or(w.numbers IS NOT NULL) FILTER (WHERE w.attachment = 1234567890) AS assigned,
        max(cardinality(w.names)) > 1 OR min(w.names[1]) <> max(w.names[1]) AS several
    INTO noted
    FROM gapless.waiting AS w
    WHERE w.txid = txid_current();
    IF own IS NULL AND noted.assigned IS NOT TRUE THEN
        RETURN '';
    END IF;
    IF noted.assigned THEN
        rest := public.invoices_number_gapless_rest(target);
        IF rest <> '' THEN
            RETURN rest;
        END IF;
        PERFORM gapless.column_end_wait(1234567890);
        IF own IS NULL THEN
            RETURN '';
        END IF;
    ELSIF noted.several THEN
        PERFORM gapless.column_lock_waiting();
    END IF;
    SELECT array_agg(r."~place"), array_agg(r."~series"), ARRAY[pg_catalog.array_agg(r.id)::pg_catalog.text, pg_catalog.array_agg(r.tenant)::pg_catalog.text]
        , array_agg(r."~dated")
        , array_agg(r."~part")
    INTO places, series, keys
        , dates
        , parts
    FROM (
        SELECT u.*
        FROM (
            SELECT DISTINCT ON (r."~place", r."~part")
                r."~place", r."~part", n."~n", given."~i", given.id, given.tenant, public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) AS "~series", public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued) AS "~dated"
            FROM (
                SELECT w.keys, w.cmin::text::bigint AS "~n" FROM gapless.waiting AS w WHERE w.txid = txid_current() AND w.attachment = 1234567890
                UNION ALL
                SELECT own, -1
            ) AS n
            CROSS JOIN LATERAL unnest(n.keys[1]::bigint[], n.keys[2]::text[]) WITH ORDINALITY AS given (id, tenant, "~i")
            CROSS JOIN LATERAL (SELECT r.*, r.ctid AS "~place", r.tableoid AS "~part", r.xmin AS "~writer" FROM public.invoices AS r WHERE r.id OPERATOR(pg_catalog.=) given.id AND r.tenant OPERATOR(pg_catalog.=) given.tenant OFFSET 0) AS r
            WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued) AND age(r."~writer") <= 0
            ORDER BY r."~place", r."~part", n."~n" DESC
        ) AS u
        ORDER BY u."~dated", u."~n", u."~i"
    ) AS r;
    IF places IS NULL THEN
        RETURN '';
    ELSIF cardinality(places) > 1 AND NOT gapless.column_has_triggers(target) THEN
        taken := gapless.column_take(target, 'number', 1::bigint, series);
        SELECT array_agg(public.invoices_number_gapless_text(u.value, r.tenant, r.issued_on, r.issued) ORDER BY u.i)
        INTO texts
        FROM unnest(places, taken) WITH ORDINALITY AS u (place, value, i)
        JOIN public.invoices AS r ON r.ctid = u.place
            AND r.tableoid = parts[u.i]
        ;
        PERFORM public.invoices_number_gapless_check_text(target, u.value, u.number, r.tenant, r.issued_on, r.issued)
        FROM unnest(places, taken, texts) WITH ORDINALITY AS u (place, value, number, i)
        JOIN public.invoices AS r ON r.ctid = u.place
            AND r.tableoid = parts[u.i]
        WHERE u.number IS NULL OR length(u.number) > NULL::integer OR 10000::bigint <= u.value;
        IF NOT gapless.column_enter_rows(target, 'number', 1::bigint, 1234567890, series, taken, texts, dates) THEN
            PERFORM gapless.column_enter(target, 'number', 1::bigint, 1234567890, u.series, u.value, u.number, u.dated) -- says what is wrong
            FROM unnest(series, taken, texts, dates) AS u (series, value, number, dated);
        END IF;
        PERFORM gapless.column_assign(1234567890, keys, taken
            , texts
        );
    END IF;
    RETURN jsonb_build_array(places::text, taken::text
        , texts::text
        , parts::text
    )::text;
END;
-- ["id pg_catalog int8 -1", "tenant pg_catalog text -1"]
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

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_commit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
DECLARE
    assigned pg_catalog.text;
    done     CONSTANT boolean := coalesce(pg_catalog.current_setting('gapless.commit_done_1234567890', true), '') OPERATOR(pg_catalog.=) 'on'; -- no note is left
    alone    boolean := done OR pg_catalog.current_setting('gapless.commit_column', true) OPERATOR(pg_catalog.=) '1234567890'; -- a trigger of a row that is being numbered has inserted it
BEGIN
    IF done AND NEW.xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid -- updated since
        OR NOT pg_catalog.has_schema_privilege(TG_TABLE_SCHEMA, 'USAGE')
        OR NOT (
            pg_catalog.has_table_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'UPDATE') AND pg_catalog.has_table_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'SELECT')
            OR pg_catalog.has_column_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 'UPDATE')
                AND pg_catalog.has_column_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 'SELECT')
                AND pg_catalog.has_column_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'tableoid', 'SELECT')
                AND pg_catalog.has_column_privilege(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'ctid', 'SELECT')
        )
    THEN
        RETURN NULL;
    END IF;
    IF alone THEN
        assigned := public.invoices_number_gapless_single(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text], NEW.ctid, TG_RELID);
        assigned := CASE WHEN assigned OPERATOR(pg_catalog.<>) ''
            THEN pg_catalog.jsonb_build_array(pg_catalog.concat('{"', assigned, '"}'), NULL, NULL, pg_catalog.concat('{', TG_RELID, '}'))::pg_catalog.text END;
    ELSE
        assigned := public.invoices_number_gapless_assign(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text]);
    END IF;
    IF assigned OPERATOR(pg_catalog.<>) '' AND pg_catalog.row_security_active(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass) THEN
        BEGIN
            PERFORM public.invoices_number_gapless_number(assigned);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL; -- a policy
        END;
    ELSIF assigned OPERATOR(pg_catalog.<>) '' THEN
        PERFORM public.invoices_number_gapless_number(assigned);
    END IF;
    IF alone IS NOT TRUE THEN
        PERFORM public.invoices_number_gapless_finish(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, NULL::pg_catalog.text[]); -- what was assigned; or no row waits, and those to come need not look at all notes
    END IF;
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_confirm()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
AS $function$
#variable_conflict use_variable
BEGIN
    IF pg_catalog.current_setting('gapless.commit_done_1234567890', true) OPERATOR(pg_catalog.=) 'on' AND NEW.xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid
        AND (CASE WHEN pg_catalog.has_table_privilege(TG_RELID, 'SELECT') THEN pg_catalog.currtid2(TG_RELID::pg_catalog.regclass::pg_catalog.text, NEW.ctid) OPERATOR(pg_catalog.<>) NEW.ctid END)
    THEN
        RETURN NULL;
    ELSIF public.invoices_number_gapless_single(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text], NEW.ctid, TG_RELID) OPERATOR(pg_catalog.=) '' THEN
        IF pg_catalog.current_setting('gapless.commit_column', true) OPERATOR(pg_catalog.=) '1234567890' THEN -- a trigger of a row that is being numbered has inserted it
            PERFORM public.invoices_number_gapless_finish(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, NULL::pg_catalog.text[]);
        ELSIF (pg_catalog.current_setting('gapless.commit_done_1234567890', true) OPERATOR(pg_catalog.=) 'on') IS NOT TRUE THEN -- others may wait
            PERFORM public.invoices_number_gapless_finish(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text]);
        END IF;
        RETURN NULL;
    END IF;
    PERFORM public.invoices_number_gapless_finish(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text]);
    IF public.invoices_number_gapless_single(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text], NEW.ctid, TG_RELID) OPERATOR(pg_catalog.<>) '' THEN
        PERFORM gapless.column_refuse('unkeyed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL);
    END IF;
    RETURN NULL;
END;
$function$;

invoices_number_gapless_dated(text,date,boolean) RETURNS timestamp without time zone;

invoices_number_gapless_due(text,date,boolean) RETURNS boolean;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_finish(target regclass, own text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    assigned text;
BEGIN
    FOR attempt IN 1..3 LOOP
        assigned := public.invoices_number_gapless_assign(target, own);
        EXIT WHEN assigned = '';
        IF attempt = 3 THEN
            PERFORM gapless.column_refuse('unnumbered', target, 'number', NULL, NULL);
        END IF;
        PERFORM public.invoices_number_gapless_number(assigned);
    END LOOP;
    IF gapless.column_end_wait(1234567890) THEN
        assigned := set_config('gapless.commit_done_1234567890', 'on', true);
    END IF;
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
    IF TG_OP = 'INSERT' THEN
        PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
    PERFORM gapless.column_follow_move('stay', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, NULL) WHERE TG_OP = 'UPDATE';
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
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        PERFORM gapless.column_refuse_truncate(TG_RELID, coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', '/');
        RETURN NULL;
    ELSIF TG_LEVEL = 'STATEMENT' THEN
        IF gapless.column_follow_move(CASE TG_OP WHEN 'DELETE' THEN 'kept' ELSE 'lost' END, NULL, NULL, NULL) THEN
            PERFORM gapless.column_refuse('suppressed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL);
        END IF;
        RETURN NULL;
    ELSIF TG_ARGV[0] = 'kept_commit' THEN
        IF pg_partition_root(TG_RELID) IS DISTINCT FROM to_regclass('public.invoices')
            AND (CASE WHEN (NEW.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN NEW.number END) IS NULL
            AND public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued)
            AND gapless.column_has_left(TG_RELID, NEW.ctid)
        THEN
            PERFORM gapless.column_refuse('left', TG_RELID, 'number', NULL, NULL);
        END IF;
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

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_note()
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
    expected text := current_setting('gapless.commit_expected', true);
    noted    record;
BEGIN
    BEGIN
        expected := CASE WHEN num_nonnulls(ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text, NEW.number, NEW.tenant, NEW.issued_on, NEW.issued) > 0 THEN expected END;
        SELECT
            count(*) AS rows,
            min(r."~series") AS first,
            max(r."~series") AS last,
            bool_and(
                (octet_length(r."~series") BETWEEN 1 AND 255) IS TRUE
                AND r."~dated" IS NOT NULL
            ) AS sound,
            bool_or(r."~series" IS NULL) AS unnamed,
            min(r."~series") FILTER (WHERE octet_length(r."~series") NOT BETWEEN 1 AND 255) AS misnamed,
            min(r."~series") FILTER (WHERE r."~dated" IS NULL) AS undated,
            ARRAY[pg_catalog.array_agg(r.id)::pg_catalog.text, pg_catalog.array_agg(r.tenant)::pg_catalog.text] AS keys,
            '' AS done
        INTO noted
        FROM (
            SELECT r.id, r.tenant, public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) COLLATE "C" AS "~series", public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued) AS "~dated"
            FROM (SELECT NEW.*) AS r
            WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued)
        ) AS r;
    EXCEPTION WHEN undefined_column THEN
        PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        PERFORM gapless.column_refuse('misnamed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL) WHERE SQLERRM ~ '\mr\.|"new"'; -- the primary key
        RAISE;
    END;
    IF noted.rows = 0 THEN
        RETURN NULL;
    ELSIF noted.unnamed THEN
        PERFORM gapless.column_refuse('unnamed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL);
    ELSIF noted.misnamed IS NOT NULL THEN
        PERFORM gapless.check_name(noted.misnamed);
    ELSIF noted.undated IS NOT NULL THEN
        PERFORM gapless.column_refuse('undated', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', noted.undated, NULL);
    END IF;
    PERFORM gapless.column_note_first() WHERE expected <> '0=';
    noted.done := set_config('gapless.commit_done_1234567890', '', true);
    noted.done := set_config('gapless.commit_at_once', '', true);
    INSERT INTO gapless.waiting (attachment, names, keys)
    SELECT 1234567890, CASE
        WHEN noted.first = noted.last THEN ARRAY[noted.first]
        ELSE ARRAY(SELECT DISTINCT public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) COLLATE "C" FROM (SELECT NEW.*) AS r WHERE (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued))
    END, noted.keys;
    noted.done := set_config('gapless.commit_expected', '0=', true);
    IF current_setting('gapless.commit_at_once') = 'on' AND (current_setting('gapless.commit_column', true) = '1234567890') IS NOT TRUE THEN
        PERFORM public.invoices_number_gapless_finish(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, noted.keys);
    END IF;
    RETURN NULL;
END;
$function$;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_number(assigned text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_variable
DECLARE
    given CONSTANT pg_catalog.jsonb := CASE WHEN assigned OPERATOR(pg_catalog.~~) '[%' THEN assigned::pg_catalog.jsonb END;
    before CONSTANT pg_catalog.text[] := ARRAY[ -- in whose UPDATE a trigger has inserted these rows
        pg_catalog.current_setting('gapless.commit_column', true), pg_catalog.current_setting('gapless.commit_known', true),
        pg_catalog.current_setting('gapless.commit_value', true), pg_catalog.current_setting('enable_seqscan')
    ];
    known CONSTANT pg_catalog.text := CASE -- where model_update needs no proof
        WHEN given OPERATOR(pg_catalog.->>) 1 IS NOT NULL
            AND false
        THEN '1234567890'
        ELSE ''
    END;
    noted pg_catalog.text;
BEGIN
    noted := pg_catalog.concat(
        pg_catalog.set_config('gapless.commit_column', '1234567890', true),
        pg_catalog.set_config('gapless.commit_known', known, true),
        pg_catalog.set_config('enable_seqscan', 'off', true)
    );
    UPDATE public.invoices AS r
    SET number = CASE
        WHEN known OPERATOR(pg_catalog.<>) '' OR pg_catalog.set_config('gapless.commit_value', coalesce(given.value::pg_catalog.text, ''), true) IS NOT NULL
            THEN coalesce(given.number, r.number)
    END
    FROM ROWS FROM (
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 0)::pg_catalog.tid[]),
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 1)::pg_catalog.int8[]),
        pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 2)::pg_catalog.text[])
        , pg_catalog.unnest((given OPERATOR(pg_catalog.->>) 3)::pg_catalog.oid[])
    ) AS given (place, value, number
        , part
    )
    WHERE r.ctid OPERATOR(pg_catalog.=) given.place
        AND r.tableoid OPERATOR(pg_catalog.=) given.part
        AND CASE WHEN (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL THEN true END;
    noted := pg_catalog.concat(
        pg_catalog.set_config('gapless.commit_column', coalesce(before[1], ''), true),
        pg_catalog.set_config('gapless.commit_known', coalesce(before[2], ''), true),
        pg_catalog.set_config('gapless.commit_value', coalesce(before[3], ''), true),
        pg_catalog.set_config('enable_seqscan', before[4], true)
    );
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

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_rest(target regclass)
 RETURNS text
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
    rest record;
BEGIN
    SELECT
        jsonb_build_array(
            array_agg(r."~place")::text, array_agg(given."~value")::text, array_agg(given."~number")::text
            , array_agg(r."~part")::text
        )::text AS given,
        count(r."~place") AS rows,
        bool_or(r."~place" IS NULL OR (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NOT NULL) AS torn
    INTO rest
    FROM gapless.waiting AS n
    CROSS JOIN LATERAL unnest(n.keys[1]::bigint[], n.keys[2]::text[], n.taken, n.numbers::pg_catalog.text[]) AS given (id, tenant, "~value", "~number")
    LEFT JOIN LATERAL (
        SELECT r.*, r.ctid AS "~place", r.tableoid AS "~part" FROM public.invoices AS r WHERE r.id OPERATOR(pg_catalog.=) given.id AND r.tenant OPERATOR(pg_catalog.=) given.tenant OFFSET 0
    ) AS r ON true
    WHERE n.txid = txid_current() AND n.attachment = 1234567890 AND n.numbers IS NOT NULL AND r.number IS DISTINCT FROM given."~number";
    IF rest.torn THEN
        PERFORM gapless.column_refuse('torn', target, 'number', NULL, NULL);
    END IF;
    RETURN CASE WHEN rest.rows > 0 THEN rest.given ELSE '' END;
END;
$function$;

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

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_single(target regclass, own text[], place tid, part oid)
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    scans CONSTANT pg_catalog.text := pg_catalog.current_setting('enable_seqscan');
    noted pg_catalog.text;
    standing pg_catalog.text;
BEGIN
    IF (pg_catalog.to_regclass('public.invoices')::pg_catalog.oid OPERATOR(pg_catalog.=) target::pg_catalog.oid) IS NOT TRUE THEN
        PERFORM gapless.column_refuse('renamed', target, 'number', NULL, NULL);
    ELSIF (gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) OPERATOR(pg_catalog.=) target::pg_catalog.oid) IS NOT TRUE THEN
        PERFORM gapless.column_check_guards(target, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
    END IF;
    IF pg_catalog.row_security_active(target) THEN
        RETURN NULL;
    END IF;
    noted := pg_catalog.set_config('enable_seqscan', 'off', true);
    SELECT r.ctid::pg_catalog.text
    INTO standing
    FROM public.invoices AS r
    WHERE r.ctid OPERATOR(pg_catalog.=) place AND r.tableoid OPERATOR(pg_catalog.=) part
        AND (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued) AND pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<=) 0;
    IF standing IS NULL THEN
        SELECT r.ctid::pg_catalog.text
        INTO standing
        FROM public.invoices AS r
        WHERE r.id OPERATOR(pg_catalog.=) (own[1]::pg_catalog.int8[])[1] AND r.tenant OPERATOR(pg_catalog.=) (own[2]::pg_catalog.text[])[1] AND (CASE WHEN (r.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN r.number END) IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued) AND pg_catalog.age(r.xmin) OPERATOR(pg_catalog.<=) 0;
    END IF;
    noted := pg_catalog.set_config('enable_seqscan', scans, true);
    RETURN coalesce(standing, '');
END;
$function$;

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
    expected text;
BEGIN
    IF TG_ARGV[0] = 'update' THEN -- not 'draft': the row has a number
        PERFORM gapless.column_check_names(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        series := public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued);
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number))
        THEN
            -- An upsert gives the number that the row would have had, had it been new.
                PERFORM gapless.column_refuse('changed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, OLD.number::text);
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
    IF (current_setting('gapless.commit_column', true) = '1234567890') IS NOT TRUE THEN
        BEGIN
            IF num_nonnulls(NEW.number, NEW.tenant, NEW.issued_on, NEW.issued) < 0 OR gapless.column_named('public.invoices', 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]) IS DISTINCT FROM coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass THEN
                PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]); -- or the table was renamed
            END IF;
        EXCEPTION WHEN undefined_column THEN
            PERFORM gapless.column_check_guards(TG_RELID, 'number', '{tenant,issued_on,issued}'::pg_catalog.name[]);
        END;
    END IF;
    IF (CASE WHEN (NEW.number OPERATOR(pg_catalog.=) '/') IS NOT TRUE THEN NEW.number END) IS NOT NULL THEN
        value := nullif(current_setting('gapless.commit_value', true), '')::bigint;
        IF NEW.number = public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued) AND gapless.column_commits(1234567890, public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), value) THEN
            PERFORM gapless.column_follow_move('take', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued));
            RETURN NEW;
        END IF;
            PERFORM gapless.column_refuse('written', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
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
    IF (pg_trigger_depth() > 1 AND current_setting('gapless.commit_column', true) = '1234567890') IS NOT TRUE
    THEN
        PERFORM gapless.column_refuse('unnamed', coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', NULL, NULL) WHERE series IS NULL;
        expected := current_setting('gapless.commit_expected', true);
            PERFORM gapless.column_note_first() WHERE expected <> '0=';
            INSERT INTO gapless.waiting (attachment, names, keys) VALUES (1234567890, ARRAY[series], ARRAY[ARRAY[NEW.id]::pg_catalog.text, ARRAY[NEW.tenant]::pg_catalog.text]);
            expected := set_config('gapless.commit_done_1234567890', '', true);
        RETURN NEW;
    END IF;
    value := gapless.column_first_number(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', series, 1::bigint, NULL, NULL);
    written := public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued);
    IF written IS NULL OR length(written) > NULL::integer OR 10000::bigint <= value THEN
        PERFORM public.invoices_number_gapless_check_text(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, value, written, NEW.tenant, NEW.issued_on, NEW.issued);
    END IF;
    NEW.number := written;
    PERFORM gapless.column_enter(coalesce(pg_catalog.pg_partition_root(TG_RELID), TG_RELID)::pg_catalog.regclass, 'number', 1::bigint, 1234567890, series, value, NEW.number, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued));
    PERFORM gapless.column_follow_move('take', series, NEW.number::text, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued));
    RETURN NEW;
END;
$function$;

CREATE CONSTRAINT TRIGGER "~gapless_commit_number" AFTER INSERT OR UPDATE ON public.invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_commit('commit');
CREATE CONSTRAINT TRIGGER "~gapless_confirm_number" AFTER INSERT OR UPDATE ON public.invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_confirm('confirm');
CREATE TRIGGER "~gapless_delete_number" AFTER DELETE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('delete');
CREATE TRIGGER "~gapless_draft_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_update('draft');
CREATE TRIGGER "~gapless_enter_number" AFTER INSERT ON public.invoices FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_issue('enter');
CREATE TRIGGER "~gapless_insert_number" BEFORE INSERT ON public.invoices FOR EACH ROW EXECUTE FUNCTION invoices_number_gapless('insert');
CREATE TRIGGER "~gapless_issue_number" AFTER UPDATE ON public.invoices FOR EACH ROW WHEN (record_image_ne(ROW(NULLIF(old.number, '/'::text)), ROW(NULLIF(new.number, '/'::text)))) EXECUTE FUNCTION invoices_number_gapless_issue('issue');
CREATE TRIGGER "~gapless_leave_number" BEFORE DELETE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('leave');
CREATE TRIGGER "~gapless_note_number" AFTER INSERT ON public.invoices FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_note('note');
CREATE TRIGGER "~gapless_settle_number" AFTER INSERT OR DELETE OR UPDATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('settle');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
CREATE TRIGGER "~gapless_update_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN (((NULLIF(old.number, '/'::text) IS NOT NULL) AND record_image_ne(ROW(old.tenant, old.issued_on, old.issued, old.number), ROW(new.tenant, new.issued_on, new.issued, new.number)))) EXECUTE FUNCTION invoices_number_gapless_update('update');
CREATE CONSTRAINT TRIGGER "~gapless_kept_commit_number" AFTER INSERT OR UPDATE ON public.invoices_a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((pg_partition_root((new.tableoid)::regclass) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('kept_commit');
CREATE TRIGGER "~gapless_kept_delete_number" AFTER DELETE ON public.invoices_a FOR EACH ROW WHEN ((old.number IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('kept');
CREATE TRIGGER "~gapless_kept_update_number" BEFORE UPDATE ON public.invoices_a FOR EACH ROW WHEN ((old.number IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('kept');
CREATE TRIGGER "~gapless_settle_number" AFTER INSERT OR DELETE OR UPDATE ON public.invoices_a FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('settle');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices_a FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
