-- Aggregates: pg_proc rows of kind 'a' with all that pg_aggregate adds.
SELECT 'pg_proc', p.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'aggregate',
       pg_catalog.format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname,
         (SELECT pg_catalog.string_agg(pg_catalog.format_type(t.type, NULL), ', ' ORDER BY t.n)
            FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS t (type, n))),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         '`(' || pg_catalog.pg_get_function_arguments(p.oid) || ')`',
         'returns ' || pg_catalog.pg_get_function_result(p.oid),
         CASE a.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical' END,
         CASE WHEN a.aggkind <> 'n' THEN 'direct arguments ' || a.aggnumdirectargs END,
         'state function ' || NULLIF(a.aggtransfn, 0)::oid::regprocedure,
         'state type ' || pg_catalog.format_type(a.aggtranstype, NULL),
         'state space ' || NULLIF(a.aggtransspace, 0),
         'initial `' || a.agginitval || '`',
         'final function ' || NULLIF(a.aggfinalfn, 0)::oid::regprocedure,
         CASE WHEN a.aggfinalextra THEN 'final extra' END,
         CASE WHEN a.aggfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r'::"char" ELSE 'w'::"char" END
              THEN 'final modify ' || CASE a.aggfinalmodify WHEN 'r' THEN 'read only' WHEN 's' THEN 'shareable' ELSE 'read write' END END,
         'combine function ' || NULLIF(a.aggcombinefn, 0)::oid::regprocedure,
         'serial function ' || NULLIF(a.aggserialfn, 0)::oid::regprocedure,
         'deserial function ' || NULLIF(a.aggdeserialfn, 0)::oid::regprocedure,
         'moving state function ' || NULLIF(a.aggmtransfn, 0)::oid::regprocedure,
         'moving inverse function ' || NULLIF(a.aggminvtransfn, 0)::oid::regprocedure,
         CASE WHEN a.aggmtranstype <> 0 THEN 'moving state type ' || pg_catalog.format_type(a.aggmtranstype, NULL) END,
         'moving state space ' || NULLIF(a.aggmtransspace, 0),
         'moving initial `' || a.aggminitval || '`',
         'moving final function ' || NULLIF(a.aggmfinalfn, 0)::oid::regprocedure,
         CASE WHEN a.aggmfinalextra THEN 'moving final extra' END,
         CASE WHEN a.aggmtransfn <> 0 AND a.aggmfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r'::"char" ELSE 'w'::"char" END
              THEN 'moving final modify ' || CASE a.aggmfinalmodify WHEN 'r' THEN 'read only' WHEN 's' THEN 'shareable' ELSE 'read write' END END,
         'sort operator ' || NULLIF(a.aggsortop, 0)::oid::regoperator,
         CASE p.proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted' END,
         CASE WHEN p.procost <> 1 THEN 'cost ' || p.procost END,
         'depends on extension ' || (
           SELECT pg_catalog.string_agg(pg_catalog.quote_ident(x.extname), ' ' ORDER BY x.extname COLLATE "C")
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.objsubid = 0
              AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'x')),
       pg_catalog.pg_get_userbyid(p.proowner),
       p.proacl::text,
       CASE WHEN p.proacl IS NOT NULL THEN pg_catalog.acldefault('f', p.proowner)::text END
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
 WHERE p.oid >= 16384
   AND p.prokind = 'a'
   AND NOT pg_catalog.starts_with(p.pronamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
