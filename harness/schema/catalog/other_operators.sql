-- Operators. One with no function yet is a shell, made when another operator named it as its commutator or negator.
SELECT 'pg_operator', o.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'operator',
       pg_catalog.format('%s.%s(%s, %s)', o.oprnamespace::regnamespace, o.oprname,
         CASE WHEN o.oprleft = 0 THEN 'none' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
         CASE WHEN o.oprright = 0 THEN 'none' ELSE pg_catalog.format_type(o.oprright, NULL) END),
       NULL::int4,
       CASE WHEN o.oprcode = 0 THEN 'shell'
         ELSE pg_catalog.concat_ws(', ',
           'returns ' || pg_catalog.format_type(o.oprresult, NULL),
           'function ' || o.oprcode::oid::regprocedure,
           'commutator ' || NULLIF(o.oprcom, 0)::regoperator,
           'negator ' || NULLIF(o.oprnegate, 0)::regoperator,
           'restrict ' || NULLIF(o.oprrest, 0)::oid::regprocedure,
           'join ' || NULLIF(o.oprjoin, 0)::oid::regprocedure,
           CASE WHEN o.oprcanhash THEN 'hashes' END,
           CASE WHEN o.oprcanmerge THEN 'merges' END)
       END,
       pg_catalog.pg_get_userbyid(o.oprowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_operator o
 WHERE o.oid >= 16384
   AND NOT pg_catalog.starts_with(o.oprnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_operator'::regclass AND d.objid = o.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
