-- Types made by users: enums, composites, ranges, base types, shells. Domains are in other_domains.sql.
-- Left out: row types of tables, array types, multiranges (a multirange is named by its range).
WITH made AS MATERIALIZED (
  SELECT t.*, pg_catalog.format('%s.%I', t.typnamespace::regnamespace, t.typname) AS shown
    FROM pg_catalog.pg_type /*of types*/ t
   WHERE t.oid >= 16384
     AND t.typtype IN ('b', 'c', 'e', 'p', 'r')
     AND t.typinput <> 'pg_catalog.array_in'::regproc
     AND (t.typrelid = 0
          OR EXISTS (SELECT FROM pg_catalog.pg_class /*fixed*/ c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
     AND NOT pg_catalog.starts_with(t.typnamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.objsubid = 0
                        AND d.deptype = 'e')
)
SELECT 'pg_type', t.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'type',
       t.shown,
       NULL::int4,
       CASE WHEN NOT t.typisdefined THEN '= shell'
         ELSE CASE t.typtype
           WHEN 'e' THEN '= enum'
           WHEN 'c' THEN '= composite'
           WHEN 'r' THEN (
             SELECT pg_catalog.concat_ws(', ',
                      '= range of ' || pg_catalog.format_type(r.rngsubtype, NULL),
                      (SELECT pg_catalog.format('operator class %s.%I', o.opcnamespace::regnamespace, o.opcname)
                         FROM pg_catalog.pg_opclass o WHERE o.oid = r.rngsubopc AND NOT o.opcdefault),
                      (SELECT 'collate ' || r.rngcollation::regcollation
                         FROM pg_catalog.pg_type /*of types*/ s WHERE s.oid = r.rngsubtype AND r.rngcollation NOT IN (0, s.typcollation)),
                      'canonical ' || NULLIF(r.rngcanonical, 0)::oid::regprocedure,
                      'subtype difference ' || NULLIF(r.rngsubdiff, 0)::oid::regprocedure,
                      'multirange ' || pg_catalog.format_type(r.rngmultitypid, NULL))
               FROM pg_catalog.pg_range r
              WHERE r.rngtypid = t.oid)
           ELSE pg_catalog.concat_ws(', ',
             '= base',
             'input ' || t.typinput::oid::regprocedure,
             'output ' || t.typoutput::oid::regprocedure,
             'receive ' || NULLIF(t.typreceive, 0)::oid::regprocedure,
             'send ' || NULLIF(t.typsend, 0)::oid::regprocedure,
             'modifier input ' || NULLIF(t.typmodin, 0)::oid::regprocedure,
             'modifier output ' || NULLIF(t.typmodout, 0)::oid::regprocedure,
             'analyze ' || NULLIF(t.typanalyze, 0)::oid::regprocedure,
             'subscript ' || NULLIF(t.typsubscript, 0)::oid::regprocedure,
             'length ' || CASE t.typlen WHEN -1 THEN 'variable' WHEN -2 THEN 'cstring' ELSE t.typlen::text END,
             CASE WHEN t.typbyval THEN 'passed by value' END,
             'alignment ' || CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2' WHEN 'i' THEN 'int4' ELSE 'double' END,
             'storage ' || CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END,
             CASE WHEN t.typcategory <> 'U' THEN 'category `' || t.typcategory::text || '`' END,
             CASE WHEN t.typispreferred THEN 'preferred' END,
             CASE WHEN t.typelem <> 0 THEN 'element ' || pg_catalog.format_type(t.typelem, NULL) END,
             CASE WHEN t.typdelim <> ',' THEN 'delimiter `' || t.typdelim::text || '`' END,
             'default `' || t.typdefault || '`',
             CASE WHEN t.typcollation <> 0 THEN 'collatable' END)
         END
       END,
       pg_catalog.pg_get_userbyid(t.typowner),
       t.typacl::text,
       CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text END
  FROM made t
UNION ALL
SELECT 'pg_type', t.oid, -1, 'pg_type', t.oid, 0,
       'label',
       pg_catalog.quote_literal(e.enumlabel),
       pg_catalog.row_number() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder)::int4,
       NULL,
       NULL, NULL, NULL
  FROM made t
  JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
UNION ALL
SELECT 'pg_class', a.attrelid, a.attnum::int4, 'pg_type', t.oid, 0,
       'attribute',
       pg_catalog.quote_ident(a.attname),
       a.attnum::int4,
       pg_catalog.concat_ws(' ',
         pg_catalog.format_type(a.atttypid, a.atttypmod),
         (SELECT 'collate ' || a.attcollation::regcollation
            FROM pg_catalog.pg_type /*of types*/ b WHERE b.oid = a.atttypid AND a.attcollation NOT IN (0, b.typcollation))),
       NULL, NULL, NULL
  FROM made t
  JOIN pg_catalog.pg_attribute /*of types*/ a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE t.typrelid <> 0
