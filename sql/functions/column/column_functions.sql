CREATE OR REPLACE FUNCTION gapless.column_functions(
    function regproc -- of one of the column's triggers
) RETURNS SETOF oid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT p.oid
    FROM (
        SELECT c.oid, c.pronamespace, c.proowner, regexp_replace(c.proname, '_(?:keep|update|arrive|issue|note|commit|confirm)$', '') AS proname
        FROM pg_catalog.pg_proc AS c
        WHERE c.oid = function
    ) AS f
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = f.pronamespace AND p.proowner = f.proowner
        AND (p.proname = f.proname OR p.proname = ANY (ARRAY(
            SELECT f.proname || '_' || w.word
            FROM unnest('{series,due,dated,text,chain,read,keep,check_text,enter,pending,head,update,arrive,issue,note,key,single,assign,rest,number,finish,commit,confirm,rows,links,prints}'::text[]) AS w (word)
        )));
END;
$function$;

COMMENT ON FUNCTION gapless.column_functions IS
'Private, for detach_gapless. The functions that attach_gapless made for a column.';

REVOKE ALL ON FUNCTION gapless.column_functions FROM PUBLIC;
