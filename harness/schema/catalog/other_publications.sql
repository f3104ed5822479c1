-- Publications with the tables and schemas they list.
SELECT 'pg_publication', p.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'publication',
       pg_catalog.quote_ident(p.pubname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         CASE WHEN p.puballtables THEN 'for all tables' END,
         CASE WHEN NOT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate)
              THEN 'publish `' || pg_catalog.concat_ws(', ',
                     CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                     CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END) || '`' END,
         CASE p.pubgencols WHEN 's' THEN 'generated columns stored' END, --@18+
         CASE WHEN p.pubviaroot THEN 'via partition root' END),
       pg_catalog.pg_get_userbyid(p.pubowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'pg_publication_rel', r.oid, 0, 'pg_publication', r.prpubid, 0,
       'table',
       pg_catalog.format('%s.%I', c.relnamespace::regnamespace, c.relname),
       NULL,
       pg_catalog.concat_ws(' ',
         '(' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") --@15+
                   FROM pg_catalog.pg_attribute /*fixed*/ a --@15+
                  WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', --@15+
         'where `' || pg_catalog.pg_get_expr(r.prqual, r.prrelid) || '`', --@15+
         NULL),
       NULL, NULL, NULL
  FROM pg_catalog.pg_publication_rel r
  JOIN pg_catalog.pg_class /*fixed*/ c ON c.oid = r.prrelid
UNION ALL --@15+
SELECT 'pg_publication_namespace', s.oid, 0, 'pg_publication', s.pnpubid, 0, --@15+
       'schema', --@15+
       s.pnnspid::regnamespace::text, --@15+
       NULL, --@15+
       NULL, --@15+
       NULL, NULL, NULL --@15+
  FROM pg_catalog.pg_publication_namespace s --@15+
