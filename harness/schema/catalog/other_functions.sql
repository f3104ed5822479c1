-- Functions, procedures and window functions (aggregates are in other_aggregates.sql), and below each its body.
-- Constructors of range types hang on their type (dependency 'i') and are not shown.
-- The type list in a name is that of the input arguments: what makes two functions of one name differ.
WITH routine AS MATERIALIZED (
  SELECT p.*,
         pg_catalog.format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname,
           (SELECT pg_catalog.string_agg(pg_catalog.format_type(a.type, NULL), ', ' ORDER BY a.n)
              FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a (type, n))) AS signature
    FROM pg_catalog.pg_proc p
   WHERE p.oid >= 16384
     AND p.prokind <> 'a'
     AND NOT pg_catalog.starts_with(p.pronamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.objsubid = 0
                        AND d.deptype IN ('e', 'i'))
)
SELECT 'pg_proc', p.oid, 0, NULL::text, NULL::oid, NULL::int4,
       CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
       p.signature,
       NULL::int4,
       pg_catalog.concat_ws(', ',
         '`(' || pg_catalog.pg_get_function_arguments(p.oid) || ')`',
         'returns ' || pg_catalog.pg_get_function_result(p.oid),
         'language ' || pg_catalog.quote_ident(l.lanname),
         CASE p.prokind WHEN 'w' THEN 'window' END,
         CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END,
         CASE WHEN p.proisstrict THEN 'strict' END,
         CASE WHEN p.proleakproof THEN 'leakproof' END,
         CASE WHEN p.prosecdef THEN 'security definer' END,
         CASE p.proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' END,
         CASE WHEN p.procost <> CASE WHEN l.lanname IN ('internal', 'c') THEN 1 ELSE 100 END
              THEN 'cost ' || p.procost END,
         CASE WHEN p.prorows <> CASE WHEN p.proretset THEN 1000 ELSE 0 END
              THEN 'rows ' || p.prorows END,
         'support ' || NULLIF(p.prosupport, 0)::oid::regprocedure,
         'transform ' || (SELECT pg_catalog.string_agg('for type ' || pg_catalog.format_type(t.type, NULL), ', ' ORDER BY t.n)
                            FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY AS t (type, n)),
         'depends on extension ' || (
           SELECT pg_catalog.string_agg(pg_catalog.quote_ident(x.extname), ' ' ORDER BY x.extname COLLATE "C")
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.objsubid = 0
              AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'x')),
       pg_catalog.pg_get_userbyid(p.proowner),
       p.proacl::text,
       CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner)::text END
  FROM routine p
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
UNION ALL
SELECT 'pg_proc', p.oid, -1, 'pg_proc', p.oid, 0,
       'set',
       pg_catalog.split_part(c.item, '=', 1),
       NULL,
       '= `' || pg_catalog.substr(c.item, pg_catalog.strpos(c.item, '=') + 1) || '`',
       NULL, NULL, NULL
  FROM routine p
 CROSS JOIN LATERAL pg_catalog.unnest(p.proconfig) AS c (item)
UNION ALL
SELECT 'pg_proc', p.oid, -1, 'pg_proc', p.oid, 0,
       'library',
       '',
       NULL,
       '`' || p.probin || '`',
       NULL, NULL, NULL
  FROM routine p
 WHERE p.probin IS NOT NULL
UNION ALL
SELECT 'pg_proc', p.oid, -1, 'pg_proc', p.oid, 0,
       'body',
       '',
       NULL,
       COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc),
       NULL, NULL, NULL
  FROM routine p
