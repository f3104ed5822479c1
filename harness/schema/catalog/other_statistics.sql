-- Statistics objects. The kind 'e' comes with expressions and is not named; the target is -1 up to 16, NULL from 17
-- when the default holds.
SELECT 'pg_statistic_ext', s.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'statistics',
       pg_catalog.format('%s.%I', s.stxnamespace::regnamespace, s.stxname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         pg_catalog.format('on `%s` from %s', pg_catalog.pg_get_statisticsobjdef_columns(s.oid), s.stxrelid::regclass),
         CASE WHEN NOT s.stxkind @> '{d,f,m}'::"char"[] AND s.stxkind <> '{e}'::"char"[]
              THEN 'kinds `' || pg_catalog.concat_ws(', ',
                     CASE WHEN 'f' = ANY (s.stxkind) THEN 'dependencies' END,
                     CASE WHEN 'm' = ANY (s.stxkind) THEN 'mcv' END,
                     CASE WHEN 'd' = ANY (s.stxkind) THEN 'ndistinct' END) || '`' END,
         CASE WHEN s.stxstattarget >= 0 THEN 'target ' || s.stxstattarget END),
       pg_catalog.pg_get_userbyid(s.stxowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_statistic_ext s
 WHERE s.oid >= 16384
   AND NOT pg_catalog.starts_with(s.stxnamespace::regnamespace::text, 'pg_temp_')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_statistic_ext'::regclass AND d.objid = s.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
