-- Event triggers.
SELECT 'pg_event_trigger', e.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'event trigger',
       pg_catalog.quote_ident(e.evtname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         'on ' || e.evtevent,
         'when tag in (' || (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(t.tag), ' ' ORDER BY t.tag COLLATE "C")
                               FROM pg_catalog.unnest(e.evttags) AS t (tag)) || ')',
         'function ' || e.evtfoid::regprocedure,
         CASE e.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' END),
       pg_catalog.pg_get_userbyid(e.evtowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_event_trigger e
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_event_trigger'::regclass AND d.objid = e.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
