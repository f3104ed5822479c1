-- Domains and their constraints. From 17 NOT NULL of a domain is a constraint with a name, which only those majors show.
WITH made AS MATERIALIZED (
  SELECT t.*
    FROM pg_catalog.pg_type /*of types*/ t
   WHERE t.oid >= 16384
     AND t.typtype = 'd'
     AND NOT pg_catalog.starts_with(t.typnamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.objsubid = 0
                        AND d.deptype = 'e')
)
SELECT 'pg_type', t.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'domain',
       pg_catalog.format('%s.%I', t.typnamespace::regnamespace, t.typname),
       NULL::int4,
       pg_catalog.concat_ws(' ',
         '= ' || pg_catalog.format_type(t.typbasetype, t.typtypmod),
         (SELECT 'collate ' || t.typcollation::regcollation
            FROM pg_catalog.pg_type /*of types*/ b WHERE b.oid = t.typbasetype AND t.typcollation NOT IN (0, b.typcollation)),
         CASE WHEN t.typnotnull THEN 'not null' END,
         'default `' || COALESCE(pg_catalog.pg_get_expr(t.typdefaultbin, 0), pg_catalog.quote_literal(t.typdefault)) || '`'),
       pg_catalog.pg_get_userbyid(t.typowner),
       t.typacl::text,
       CASE WHEN t.typacl IS NOT NULL THEN pg_catalog.acldefault('T', t.typowner)::text END
  FROM made t
UNION ALL
SELECT 'pg_constraint', k.oid, 0, 'pg_type', t.oid, 0,
       'constraint',
       pg_catalog.quote_ident(k.conname),
       NULL,
       CASE k.contype
         WHEN 'n' THEN 'not null @17'
         ELSE 'check `' || pg_catalog.pg_get_expr(k.conbin, 0) || '`'
       END || CASE WHEN NOT k.convalidated THEN ', not valid' ELSE '' END,
       NULL, NULL, NULL
  FROM made t
  JOIN pg_catalog.pg_constraint /*of types*/ k ON k.contypid = t.oid
