-- A row's xmax says that it was updated, or locked by a row that references it; currtid2 has the newest version's place.
CREATE OR REPLACE FUNCTION gapless.model_confirm() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
AS $function$
#variable_conflict use_variable
BEGIN
    IF pg_catalog.current_setting('gapless.commit_done_0' /*done*/, true) OPERATOR(pg_catalog.=) 'on' AND NEW.xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid
        AND pg_catalog.currtid2('gapless.model', NEW.ctid) OPERATOR(pg_catalog.<>) NEW.ctid -- unless partitioned
        AND (CASE WHEN pg_catalog.has_table_privilege(TG_RELID, 'SELECT') THEN pg_catalog.currtid2(TG_RELID::pg_catalog.regclass::pg_catalog.text, NEW.ctid) OPERATOR(pg_catalog.<>) NEW.ctid END) -- if partitioned
    THEN
        RETURN NULL;
    ELSIF gapless.model_single(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text], NEW.ctid, TG_RELID) OPERATOR(pg_catalog.=) '' THEN
        IF pg_catalog.current_setting('gapless.commit_column', true) OPERATOR(pg_catalog.=) '0' /*attachment*/ THEN -- a trigger of a row that is being numbered has inserted it
            PERFORM gapless.model_finish(0 /*target*/, NULL::pg_catalog.text[]);
        ELSIF (pg_catalog.current_setting('gapless.commit_done_0' /*done*/, true) OPERATOR(pg_catalog.=) 'on') IS NOT TRUE THEN -- others may wait
            PERFORM gapless.model_finish(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text]);
        END IF;
        RETURN NULL;
    END IF;
    PERFORM gapless.model_finish(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text]);
    IF gapless.model_single(0 /*target*/, ARRAY[ARRAY[NEW.key]::pg_catalog.text], NEW.ctid, TG_RELID) OPERATOR(pg_catalog.<>) '' THEN
        PERFORM gapless.column_refuse('unkeyed', 0 /*target*/, 'number', NULL, NULL);
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION gapless.model_confirm IS
'Private, a model for attach_gapless with at_commit: a deferred constraint trigger. Numbers, with the rights of the table''s owner, the rows that model_commit has left. Raises 55000 for one that its key does not find.';

REVOKE ALL ON FUNCTION gapless.model_confirm FROM PUBLIC;
