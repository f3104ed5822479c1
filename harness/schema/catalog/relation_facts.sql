SELECT 'pg_class', c.oid, -1, 'pg_class', c.oid, 0, f.kind, '', NULL, f.text, NULL, NULL, NULL /*relation: c.oid*/
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname <> 'heap'
  LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL
 CROSS JOIN LATERAL (VALUES
       ('persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END),
       ('of', CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END),
       ('partition by', CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END),
       ('using', pg_catalog.quote_ident(m.amname)),
       ('tablespace', pg_catalog.quote_ident(s.spcname)),
       ('storage', CASE WHEN c.reloptions IS NOT NULL OR t.reloptions IS NOT NULL THEN
           (SELECT pg_catalog.string_agg(o.text, ', ' ORDER BY o.text COLLATE "C")
              FROM (SELECT pg_catalog.unnest(c.reloptions)
                     UNION ALL SELECT 'toast.' || pg_catalog.unnest(t.reloptions)) o(text)) END),
       ('replica identity', CASE WHEN c.relkind IN ('r', 'p', 'm') THEN CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END END),
       ('row security', CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'on, forced'
                             WHEN c.relrowsecurity THEN 'on' WHEN c.relforcerowsecurity THEN 'off, forced' END),
       ('populated', CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'no' END),
       ('definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) /* of pg_catalog.pg_attribute and pg_catalog.pg_rewrite */ END)
       ) f(kind, text)
 WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't' AND f.text IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')
