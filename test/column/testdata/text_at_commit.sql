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
    IF nullif(NEW.number, '/') IS NOT NULL THEN
        PERFORM gapless.column_refuse('written', TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
    IF NOT public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued) IS TRUE THEN
        RETURN NEW;
    END IF;
    IF public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS NULL THEN
        PERFORM gapless.column_refuse('undated', TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL);
    END IF;
    IF (current_setting('gapless.commit_expected', true) = '=' || public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued)) IS NOT TRUE THEN
        PERFORM gapless.column_expect_at_commit(TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued));
    END IF;
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
        WHEN written LIKE '%##%' AND public.invoices_number_gapless_text(1, $4, $5, $6) NOT LIKE '%##%' THEN 'overflown' -- by to_char
        WHEN EXISTS (
            SELECT FROM ONLY public.invoices AS r
            WHERE r.number = written AND public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) = public.invoices_number_gapless_series($4, $5, $6) COLLATE "C"
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
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO, MDY'
 SET "TimeZone" TO 'UTC'
 SET row_security TO 'off'
AS $function$
#variable_conflict use_variable
DECLARE
    key record;
BEGIN
    IF to_regclass('public.invoices') IS DISTINCT FROM TG_RELID THEN
        PERFORM gapless.column_refuse('renamed', TG_RELID, 'number', NULL, NULL);
    END IF;
    IF current_setting('gapless.commit_several', true) = 'on' THEN
        PERFORM gapless.column_lock_expected();
    END IF;
    key := NEW;
    PERFORM set_config('gapless.commit_column', '1234567890', true);
    UPDATE ONLY public.invoices AS r
    SET number = r.number
    WHERE r.id OPERATOR(pg_catalog.=) key.id AND r.tenant OPERATOR(pg_catalog.=) key.tenant AND nullif(r.number, '/') IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued);
    IF NOT FOUND THEN -- deleted meanwhile, or numbered already
        PERFORM FROM ONLY public.invoices AS r WHERE r.id OPERATOR(pg_catalog.=) key.id AND r.tenant OPERATOR(pg_catalog.=) key.tenant AND nullif(r.number, '/') IS NULL AND public.invoices_number_gapless_due(r.tenant, r.issued_on, r.issued);
        IF FOUND THEN
            PERFORM gapless.column_refuse('unnumbered', TG_RELID, 'number', NULL, NULL);
        END IF;
    END IF;
    RETURN NULL;
END;
$function$;

invoices_number_gapless_dated(text,date,boolean) RETURNS timestamp without time zone;

invoices_number_gapless_due(text,date,boolean) RETURNS boolean;

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
    IF TG_OP = 'UPDATE' AND nullif(OLD.number, '/') IS NOT NULL THEN
        PERFORM gapless.column_refuse('changed', TG_RELID, 'number', public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued), OLD.number::text);
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM gapless.column_refuse('written', TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
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
        PERFORM gapless.column_refuse_truncate(TG_RELID, TG_RELID, 'number', '/');
        RETURN NULL;
    END IF;
    IF nullif(OLD.number, '/') IS NULL THEN
        RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
    END IF;
    series := public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued);
    IF NOT gapless.column_is_void(
        series
        , OLD.number, public.invoices_number_gapless_read(OLD.number, OLD.tenant, OLD.issued_on, OLD.issued)
    ) THEN
        PERFORM gapless.column_refuse('deleted', TG_RELID, 'number', series, OLD.number::text, public.invoices_number_gapless_read(OLD.number, OLD.tenant, OLD.issued_on, OLD.issued));
    END IF;
    RETURN NULL;
END;
$function$;

invoices_number_gapless_read(text,text,date,boolean) RETURNS bigint;

CREATE OR REPLACE FUNCTION public.invoices_number_gapless_rows()
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
BEGIN
    -- The table that has the trigger, whatever its name is now; at its making there is no trigger yet.
    SELECT coalesce((
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgfoid = 'public.invoices_number_gapless'::regproc AND t.tgname = ('~gapless_insert_' || 'number')::name AND t.tgparentid = 0::oid
    ), 'public.invoices'::regclass)
    INTO target;
    -- Partitions that were detached keep their numbers, and tables that inherit have no triggers, unless they are
    -- attached themselves. Of a partition that is being detached concurrently, the tree says what the query of the
    -- whole table sees of it, with the same snapshot.
    FOR relation IN
        SELECT target
        UNION ALL
        SELECT t.tgrelid::regclass
        FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = ('~gapless_kept_delete_' || 'number')::name
            AND t.tgfoid = 'public.invoices_number_gapless_keep'::regproc
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
        RETURN QUERY EXECUTE replace(
            $q1234567890$
            SELECT k.series, k.value, k.number, k.dated
            FROM (
                SELECT
                    public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) AS series,
                    coalesce(i.value, public.invoices_number_gapless_read(r.number, r.tenant, r.issued_on, r.issued)) AS value,
                    r.number::text AS number,
                    public.invoices_number_gapless_dated(r.tenant, r.issued_on, r.issued) AS dated,
                    i.name IS NOT NULL AS known
                FROM relation AS r
                LEFT JOIN gapless.column_issued($1, 'number') AS i
                    ON i.name = public.invoices_number_gapless_series(r.tenant, r.issued_on, r.issued) COLLATE "C" AND i.number = r.number COLLATE "C"
                WHERE nullif(r.number, '/') IS NOT NULL
            ) AS k
            WHERE k.value IS NOT NULL OR NOT k.known
            $q1234567890$, 'FROM relation AS r', 'FROM ' || CASE WHEN (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = relation) = 'p' THEN '' ELSE 'ONLY ' END || relation || ' AS r'
        ) USING target;
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
    IF nullif(OLD.number, '/') IS NOT NULL THEN
        series := public.invoices_number_gapless_series(OLD.tenant, OLD.issued_on, OLD.issued);
        IF pg_catalog.record_image_ne(ROW(NEW.number), ROW(OLD.number)) THEN
            -- An upsert gives the number that the row would have had, had it been new.
                PERFORM gapless.column_refuse('changed', TG_RELID, 'number', series, OLD.number::text);
        END IF;
        IF public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM series
            OR public.invoices_number_gapless_text(1, NEW.tenant, NEW.issued_on, NEW.issued) COLLATE "C" IS DISTINCT FROM public.invoices_number_gapless_text(1, OLD.tenant, OLD.issued_on, OLD.issued)
            OR public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS DISTINCT FROM public.invoices_number_gapless_dated(OLD.tenant, OLD.issued_on, OLD.issued)
        THEN
            PERFORM gapless.column_refuse('moved', TG_RELID, 'number', series, OLD.number::text);
        END IF;
        RETURN NEW;
    END IF;
    IF nullif(NEW.number, '/') IS NOT NULL THEN
        PERFORM gapless.column_refuse('written', TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NEW.number::text);
    END IF;
    IF NOT public.invoices_number_gapless_due(NEW.tenant, NEW.issued_on, NEW.issued) IS TRUE THEN
        IF current_setting('gapless.column_note_1234567890', true) <> '' THEN
            PERFORM gapless.column_settle_note('1234567890');
        END IF;
        RETURN NEW;
    END IF;
    IF public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued) IS NULL THEN
        PERFORM gapless.column_refuse('undated', TG_RELID, 'number', public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued), NULL);
    END IF;
    series := public.invoices_number_gapless_series(NEW.tenant, NEW.issued_on, NEW.issued);
    IF (pg_trigger_depth() > 1 AND current_setting('gapless.commit_column', true) = '1234567890') IS NOT TRUE THEN
        PERFORM gapless.column_expect_at_commit(TG_RELID, 'number', series);
        RETURN NEW;
    END IF;
    value := gapless.column_first_number(TG_RELID, 'number', series, 1, NULL, NULL);
    written := public.invoices_number_gapless_text(value, NEW.tenant, NEW.issued_on, NEW.issued);
    IF written IS NULL OR length(written) > NULL::integer OR 10000::bigint <= value THEN
        PERFORM public.invoices_number_gapless_check_text(TG_RELID, value, written, NEW.tenant, NEW.issued_on, NEW.issued);
    END IF;
    NEW.number := written;
    PERFORM gapless.column_enter(TG_RELID, 'number', 1, 1234567890, series, value, NEW.number, public.invoices_number_gapless_dated(NEW.tenant, NEW.issued_on, NEW.issued));
    RETURN NEW;
END;
$function$;

CREATE CONSTRAINT TRIGGER "~gapless_commit_number" AFTER INSERT OR UPDATE ON public.invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((NULLIF(new.number, '/'::text) IS NULL)) EXECUTE FUNCTION invoices_number_gapless_commit('commit');
CREATE TRIGGER "~gapless_delete_number" AFTER DELETE ON public.invoices FOR EACH ROW WHEN ((NULLIF(old.number, '/'::text) IS NOT NULL)) EXECUTE FUNCTION invoices_number_gapless_keep('delete');
CREATE TRIGGER "~gapless_insert_number" BEFORE INSERT ON public.invoices FOR EACH ROW EXECUTE FUNCTION invoices_number_gapless('insert');
CREATE TRIGGER "~gapless_issue_number" AFTER UPDATE ON public.invoices FOR EACH ROW WHEN (((NULLIF(old.number, '/'::text) IS NOT NULL) AND record_image_ne(ROW(old.number), ROW(new.number)))) EXECUTE FUNCTION invoices_number_gapless_issue('issue');
CREATE TRIGGER "~gapless_truncate_number" BEFORE TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION invoices_number_gapless_keep('truncate');
CREATE TRIGGER "~gapless_update_number" BEFORE UPDATE ON public.invoices FOR EACH ROW WHEN (((NULLIF(old.number, '/'::text) IS NULL) OR record_image_ne(ROW(old.tenant, old.issued_on, old.issued, old.number), ROW(new.tenant, new.issued_on, new.issued, new.number)))) EXECUTE FUNCTION invoices_number_gapless_update('update');
