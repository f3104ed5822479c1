-- Text search: parsers, templates, dictionaries, configurations with their mappings.
WITH config AS MATERIALIZED (
  SELECT c.*
    FROM pg_catalog.pg_ts_config c
   WHERE c.oid >= 16384
     AND NOT pg_catalog.starts_with(c.cfgnamespace::regnamespace::text, 'pg_temp_')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_ts_config'::regclass AND d.objid = c.oid AND d.objsubid = 0
                        AND d.deptype = 'e')
)
SELECT 'pg_ts_parser', p.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'text search parser',
       pg_catalog.format('%s.%I', p.prsnamespace::regnamespace, p.prsname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         'start ' || p.prsstart::oid::regprocedure,
         'gettoken ' || p.prstoken::oid::regprocedure,
         'end ' || p.prsend::oid::regprocedure,
         'headline ' || NULLIF(p.prsheadline, 0)::oid::regprocedure,
         'lextypes ' || p.prslextype::oid::regprocedure),
       NULL::text, NULL::text, NULL::text
  FROM pg_catalog.pg_ts_parser p
 WHERE p.oid >= 16384
   AND NOT pg_catalog.starts_with(p.prsnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_ts_parser'::regclass AND d.objid = p.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
SELECT 'pg_ts_template', t.oid, 0, NULL, NULL, NULL,
       'text search template',
       pg_catalog.format('%s.%I', t.tmplnamespace::regnamespace, t.tmplname),
       NULL,
       pg_catalog.concat_ws(', ',
         'init ' || NULLIF(t.tmplinit, 0)::oid::regprocedure,
         'lexize ' || t.tmpllexize::oid::regprocedure),
       NULL, NULL, NULL
  FROM pg_catalog.pg_ts_template t
 WHERE t.oid >= 16384
   AND NOT pg_catalog.starts_with(t.tmplnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_ts_template'::regclass AND d.objid = t.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
-- The server keeps options as one text, and an altered option moves to its end: take it apart and sort.
SELECT 'pg_ts_dict', t.oid, 0, NULL, NULL, NULL,
       'text search dictionary',
       pg_catalog.format('%s.%I', t.dictnamespace::regnamespace, t.dictname),
       NULL,
       pg_catalog.concat_ws(', ',
         (SELECT pg_catalog.format('template %s.%I', m.tmplnamespace::regnamespace, m.tmplname)
            FROM pg_catalog.pg_ts_template m WHERE m.oid = t.dicttemplate),
         (SELECT pg_catalog.string_agg(pg_catalog.format('%s = `%s`', o.part[1], o.part[2]), ', '
                                       ORDER BY o.part[1] COLLATE "C")
            FROM pg_catalog.regexp_matches(t.dictinitoption,
                   $re$("(?:[^"]|"")*"|[^\s=,]+) = (E?'(?:[^']|'')*'|[^\s,]+)$re$, 'g') AS o (part))),
       pg_catalog.pg_get_userbyid(t.dictowner), NULL, NULL
  FROM pg_catalog.pg_ts_dict t
 WHERE t.oid >= 16384
   AND NOT pg_catalog.starts_with(t.dictnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_ts_dict'::regclass AND d.objid = t.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
SELECT 'pg_ts_config', c.oid, 0, NULL, NULL, NULL,
       'text search configuration',
       pg_catalog.format('%s.%I', c.cfgnamespace::regnamespace, c.cfgname),
       NULL,
       (SELECT pg_catalog.format('parser %s.%I', p.prsnamespace::regnamespace, p.prsname)
          FROM pg_catalog.pg_ts_parser p WHERE p.oid = c.cfgparser),
       pg_catalog.pg_get_userbyid(c.cfgowner), NULL, NULL
  FROM config c
UNION ALL
SELECT 'pg_ts_config', c.oid, -1, 'pg_ts_config', c.oid, 0,
       'mapping',
       COALESCE((SELECT pg_catalog.quote_ident(k.alias) FROM pg_catalog.ts_token_type(c.cfgparser) k
                  WHERE k.tokid = m.maptokentype), m.maptokentype::text),
       NULL,
       pg_catalog.string_agg((SELECT pg_catalog.format('%s.%I', t.dictnamespace::regnamespace, t.dictname)
                                FROM pg_catalog.pg_ts_dict t WHERE t.oid = m.mapdict),
                             ', ' ORDER BY m.mapseqno),
       NULL, NULL, NULL
  FROM config c
  JOIN pg_catalog.pg_ts_config_map m ON m.mapcfg = c.oid
 GROUP BY c.oid, c.cfgparser, m.maptokentype
